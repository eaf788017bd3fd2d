using System.CommandLine;
using Validator.Core.Primitives;
using Validator.Host.Load;

namespace Validator.Host.Localnet;

/// <summary><c>validator localnet</c>.</summary>
public static class LocalnetCommand
{
    public static Command Create()
    {
        Option<int> validators = LoadCommand.Whole(
            "--validators", "How many; fewer than 4 tolerate no fault", 4, 1, Limits.MaxCommittee);
        Option<int> rate = LoadCommand.Rate();
        Option<int> size = LoadCommand.Size();
        Option<TimeSpan> duration = LoadCommand.Duration();
        Option<ulong> seed = LoadCommand.Seed();
        Option<string?> report = LoadCommand.Report();
        Option<string?> directory = new("--dir")
        {
            Description = "Where the validators live, an empty folder; it is kept. Otherwise a temporary one, removed at the end",
            HelpName = "DIR",
        };
        Option<bool> keep = new("--keep") { Description = "Keep the temporary folder" };
        Command command = new("localnet", "Run a local cluster under load, and check that it orders and keeps everything")
        {
            validators, rate, size, duration, seed, directory, keep, report,
        };

        // Synchronous on purpose: the run has signal handlers of its own, and needs its time to stop the validators.
        command.SetAction(parsed => new LocalnetRun(
            new LocalnetOptions
            {
                Validators = parsed.GetValue(validators),
                Rate = parsed.GetValue(rate),
                Size = parsed.GetValue(size),
                Duration = parsed.GetValue(duration),
                Seed = parsed.GetValue(seed),
                Directory = parsed.GetValue(directory),
                Keep = parsed.GetValue(keep),
                ReportPath = parsed.GetValue(report),
            },
            Console.Out,
            onTerminal: !Console.IsOutputRedirected).RunAsync().GetAwaiter().GetResult());
        return command;
    }
}
