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

        // .NET looks for the user's own certificates in the home directory, and fails where neither HOME nor /etc/passwd names
        // one, as in an empty image under an engine that sets none (findings/tls-context-without-home.sh).
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("HOME")))
        {
            Environment.SetEnvironmentVariable("HOME", "/");
        }

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
