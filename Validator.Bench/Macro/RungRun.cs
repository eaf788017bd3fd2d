using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Validator.Bench.Macro;

/// <summary>Runs one rung: a new cluster of four and its load in `validator localnet`, a process of its own.</summary>
internal sealed partial class RungRun(LadderOptions options)
{
    /// <summary>Runs it to its end; its data is gone when this returns.</summary>
    /// <exception cref="LadderException">Localnet gave no report.</exception>
    public Rung Run(int rate)
    {
        string folder = Path.Combine(options.Directory, $"bench-{Environment.ProcessId}");
        string report = folder + ".json";
        CheckRoom(rate);
        try
        {
            CpuClock before = CpuClock.Now();
            long start = Stopwatch.GetTimestamp();
            string output = RunLocalnet(rate, folder, report, out long switches);
            double others = CpuClock.Now().OthersSince(before, Stopwatch.GetElapsedTime(start).TotalSeconds);
            if (!File.Exists(report))
            {
                throw new LadderException($"localnet at {rate} tx/s left no report:\n{output}");
            }

            Match ready = ReadyLine().Match(output);
            return new Rung
            {
                Rate = rate,
                Seconds = options.Seconds,
                Localnet = JsonSerializer.Deserialize(File.ReadAllText(report), LadderJson.Default.LocalnetFigures)!,
                Switches = switches,
                ReadyMs = ready.Success ? 1000 * double.Parse(ready.Groups[1].Value, CultureInfo.InvariantCulture) : 0,
                OtherCores = Math.Round(others, 2),
                Failures = [.. FailedLine().Matches(output).Select(m => m.Groups[1].Value).Where(f => !Expected().IsMatch(f))],
            };
        }
        finally
        {
            File.Delete(report);
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private string RunLocalnet(int rate, string folder, string report, out long switches)
    {
        ProcessStartInfo start = new(options.Binary)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] transport = options.More.Contains("--transport") ? [] : ["--transport", "quic"];
        string[] arguments =
        [
            "localnet", "--validators", "4", "--rate", Text(rate), "--size", Text(Rung.TransactionBytes),
            "--duration", $"{options.Seconds}s", "--dir", folder, "--report", report, .. transport, .. options.More,
        ];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // The memory that the targets allow; a value that the caller has set stays.
        start.Environment.TryAdd("VALIDATOR_STORAGE__CACHE_SIZE_MB", "64");
        start.Environment.TryAdd("VALIDATOR_STORAGE__WRITE_BUFFER_MB", "32");
        using Process process = Process.Start(start)!;

        // When interrupted, localnet stops its validators and reports; we only wait for it.
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, c => c.Cancel = true);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        using SwitchCounter counter = new(process.Id);
        string output = process.StandardOutput.ReadToEnd() + errors.Result;
        process.WaitForExit();
        switches = counter.Stop();
        return process.ExitCode == 130 ? throw new LadderException("interrupted") : output;

        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }

    private void CheckRoom(int rate)
    {
        // Localnet's estimate: four validators, each writing a payload up to four times.
        double needed = 4 * ((64 << 20) + (4.0 * rate * Rung.TransactionBytes * options.Seconds));
        long free = new DriveInfo(options.Directory).AvailableFreeSpace;
        if (free < needed)
        {
            throw new LadderException(
                $"{options.Directory} has {free / 1e9:F1} GB free, and {rate} tx/s for {options.Seconds} s may need {needed / 1e9:F1} GB: "
                + "choose another --dir or fewer --seconds");
        }
    }

    [GeneratedRegex(@"^ready after ([\d.]+) s", RegexOptions.Multiline)]
    private static partial Regex ReadyLine();

    [GeneratedRegex(@"^FAILED: (.*)$", RegexOptions.Multiline)]
    private static partial Regex FailedLine();

    // These are what a ladder measures, and have columns of their own.
    [GeneratedRegex(@"below 98 %|transactions were rejected")]
    private static partial Regex Expected();
}

/// <summary>The ladder cannot go on; the message says why.</summary>
internal sealed class LadderException(string message) : Exception(message);
