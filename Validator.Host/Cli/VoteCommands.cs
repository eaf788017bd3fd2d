using System.CommandLine;
using Validator.Crypto.Simd;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Logging;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;

namespace Validator.Host.Cli;

/// <summary>votes create and votes mark-restored; the others are in <see cref="RevivalCommands"/>.</summary>
internal static class VoteCommands
{
    public static Command Votes()
    {
        return new Command("votes", "Create a new key's vote store, mark one as restored from a backup, or begin anew where more than F lost theirs")
        {
            Create(), MarkRestored(), RevivalCommands.Lost(), RevivalCommands.Statement(), RevivalCommands.Recreate(),
        };
    }

    private static Command Create()
    {
        Option<string> config = new("--config") { Description = "The node.toml", Required = true };
        Option<bool> neverSigned = new("--never-signed") { Description = "Say that this consensus key has never signed anything, on any machine" };
        Option<int?> passphrase = SetupCommands.PassphraseOption("Open the keys with the passphrase");
        Command command = new("create", "Create the empty store of a validator's own votes: once in the life of its key") { config, neverSigned, passphrase };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            NodeConfig loaded = ConfigLoader.Load(parsed.GetValue(config)!, Environment.GetEnvironmentVariables());
            using StderrLogs logs = new(loaded.Node.LogLevel, loaded.Logging.Json);
            using SecretBuffer? secret = SetupCommands.ReadPassphrase(parsed.GetValue(passphrase));
            NodeContext context = RunCommand.Prepare(loaded, logs, secret);
            context.Keys.Dispose();
            if (!parsed.GetValue(neverSigned))
            {
                Console.Error.WriteLine("""
                    A vote store is what keeps a validator from signing twice. An empty one is right for a key that has never signed
                    anything (keygen just made it), and for no other: with a key that has voted it makes the validator a liar, and
                    the others keep the evidence. Nothing was created. If the key is new, repeat the command with --never-signed.
                    """);
                return ExitCodes.Usage;
            }

            VoteStoreSetup.Create(context);
            Console.WriteLine($"created {loaded.Storage.VotesPath} for {loaded.Node.Id} of chain {context.ChainId}");
            Console.WriteLine("Never copy it back from a backup and never delete it: see 'validator votes mark-restored --help'.");
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command MarkRestored()
    {
        Option<string> config = new("--config") { Description = "The node.toml", Required = true };
        Command command = new(
            "mark-restored",
            "Say that the vote store came from a backup: it may lack votes that were sent, so from the next start on the validator"
            + " follows and signs nothing")
        {
            config,
        };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            NodeConfig loaded = ConfigLoader.Load(parsed.GetValue(config)!, Environment.GetEnvironmentVariables());
            VoteStoreSetup.MarkRestored(loaded.Storage);
            Console.WriteLine($"{loaded.Storage.RestoredMarker}: from its next start on this validator follows and signs nothing");
            return ExitCodes.Success;
        }));
        return command;
    }
}
