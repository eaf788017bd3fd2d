using Validator.Core.Primitives;
using Validator.Host.Cli;
using Validator.Host.Logging;
using Validator.Host.Primitives;

namespace Validator.Host;

internal static class Program
{
    private static int Main(string[] args)
    {
        AppDomain.CurrentDomain.UnhandledException += (_, e) =>
        {
            // A thread of our own failed: nothing may be signed any more.
            StderrLogs.Say($"fatal: {e.ExceptionObject}");
            Environment.Exit(ExitCodes.Internal);
        };
        try
        {
            StandardOutput.Install();
            return StandardOutput.Finish(CommandLine.Run(args));
        }
        catch (InvariantViolationException e)
        {
            StderrLogs.Say($"fatal: {e}");
            return ExitCodes.Internal;
        }
    }
}
