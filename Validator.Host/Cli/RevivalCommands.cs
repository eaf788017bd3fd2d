using System.CommandLine;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;

namespace Validator.Host.Cli;

/// <summary>
/// votes lost, votes statement and votes recreate: the way out where more than F lost their votes (OPERATIONS.md).
/// </summary>
internal static class RevivalCommands
{
    public static Command Lost()
    {
        Option<string> config = ConfigOption();
        Option<bool> gone = new("--gone-for-good") { Description = "Say that the vote store of this key is gone, and that no other process signs with the key" };
        Option<string> output = OutOption("votes.lost");
        Option<int?> passphrase = PassphraseOption();
        Command command = new("lost", "Where more than F lost their votes, and nothing becomes final any more: ask those who kept theirs for a statement")
        {
            config, gone, output, passphrase,
        };
        command.SetAction(StoppedCommand.With(config, passphrase, (parsed, context) =>
        {
            if (!parsed.GetValue(gone))
            {
                Console.Error.WriteLine("""
                    This is for validators whose votes are lost while so many others lost theirs that no quorum is left. As long as a quorum
                    has its votes, a validator that lost them comes back by itself, two epochs later. Nothing was done. Where the vote store
                    of this key is gone for good, and no other process signs with the key, on any machine, repeat with --gone-for-good.
                    """);
                return ExitCodes.Usage;
            }

            LostVotes request = VoteRevival.Lose(context);
            OperatorFile.Write(parsed.GetValue(output)!, System.Text.Encoding.ASCII.GetBytes(request.Text));
            Console.WriteLine($"{parsed.GetValue(output)}: for the operators of those who kept their votes. They stop their validators, and run: validator votes statement --request FILE");
            return ExitCodes.Success;
        }));
        return command;
    }

    public static Command Statement()
    {
        Option<string> config = ConfigOption();
        Option<string[]> requests = new("--request") { Description = "What 'votes lost' wrote, of each validator that lost its votes", Required = true, AllowMultipleArgumentsPerToken = true };
        Option<ulong> least = new("--least-view") { Description = "Bind it to this view at least; 'votes recreate' says where that is needed" };
        Option<string> output = OutOption("votes.statement");
        Option<int?> passphrase = PassphraseOption();
        Command command = new("statement", "Say, signed, what this stopped validator has voted, for others who lost their votes, and bind it to vote in later views alone")
        {
            config, requests, least, output, passphrase,
        };
        command.SetAction(StoppedCommand.With(config, passphrase, (parsed, context) =>
        {
            LostVotes[] lost = Array.ConvertAll(parsed.GetValue(requests)!, LostVotes.Read);
            VoteStatement statement = VoteRevival.State(context, lost, parsed.GetValue(least));
            OperatorFile.Write(parsed.GetValue(output)!, VoteStatementCodec.Encode(statement));
            Console.WriteLine(
                $"{parsed.GetValue(output)}: epoch {statement.Epoch}, signed up to view {statement.SignedView}, final up to block {statement.FinalSequence}"
                + $" {statement.FinalHash}; for {string.Join(", ", lost.Select(l => l.Name))}");
            Console.WriteLine($"From now on this validator votes from view {statement.FirstView} on, whatever becomes of the others. Start it again.");
            return ExitCodes.Success;
        }));
        return command;
    }

    public static Command Recreate()
    {
        Option<string> config = ConfigOption();
        Option<string[]> statements = new("--statement") { Description = "What 'votes statement' wrote at those who kept their votes", Required = true, AllowMultipleArgumentsPerToken = true };
        Option<string?> ledger = new("--ledger") { Description = "Whether the ledger is the very one that was there with the lost votes: kept, or lost; asked for where it may be" };
        ledger.AcceptOnlyFromAmong("kept", "lost");
        Option<int?> passphrase = PassphraseOption();
        Command command = new("recreate", "Make a vote store in the place of the lost one, from the statements of those who kept theirs")
        {
            config, statements, ledger, passphrase,
        };
        command.SetAction(StoppedCommand.With(config, passphrase, (parsed, context) =>
        {
            bool? kept = parsed.GetValue(ledger) is { } said ? said == "kept" : null;
            (string, byte[])[] files = Array.ConvertAll(parsed.GetValue(statements)!, path => (path, OperatorFile.Read(path)));
            bool made = VoteRevival.Recreate(context, files, kept, out string told);
            (made ? Console.Out : Console.Error).WriteLine(told);
            return made ? ExitCodes.Success : ExitCodes.Failed;
        }));
        return command;
    }

    private static Option<string> ConfigOption() => new("--config") { Description = "The node.toml", Required = true };

    private static Option<string> OutOption(string name) => new("--out") { Description = "The file to write", DefaultValueFactory = _ => name };

    private static Option<int?> PassphraseOption() => SetupCommands.PassphraseOption("Open the keys with the passphrase");
}
