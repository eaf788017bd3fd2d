using System.CommandLine;
using Validator.Crypto.Simd;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Logging;

namespace Validator.Host.Cli;

/// <summary>For commands that work with the keys and stores of a validator that is stopped.</summary>
internal static class StoppedCommand
{
    /// <summary>What a command does once configuration, genesis and keys are read.</summary>
    public static Func<ParseResult, int> With(
        Option<string> config, Option<int?> passphrase, Func<ParseResult, NodeContext, int> action) =>
        parsed => CommandAction.Guard(() =>
        {
            NodeConfig loaded = ConfigLoader.Load(parsed.GetValue(config)!, Environment.GetEnvironmentVariables());
            using StderrLogs logs = new(loaded.Node.LogLevel, loaded.Logging.Json);
            using SecretBuffer? secret = SetupCommands.ReadPassphrase(parsed.GetValue(passphrase));
            NodeContext context = RunCommand.Prepare(loaded, logs, secret);
            try
            {
                return action(parsed, context);
            }
            finally
            {
                context.Keys.Dispose();
            }
        });
}
