using System.Globalization;
using Validator.Host.Tools.Localnet;

namespace Validator.Bench.Macro;

/// <summary><c>chaos</c>: see eng/chaos.sh, which calls it.</summary>
internal static class ChaosCommand
{
    private const string Usage = "usage: chaos --binary FILE [--seconds N] [--seed N] [--rate N] [--namespaces PREFIX] [--dir FOLDER]\n"
        + "       [--weather DELAY_MS,JITTER_MS,LOSS,REORDERED,DOUBLED]  the last three of a thousand; all the time, without disasters";

    public static async Task<int> RunAsync(string[] arguments)
    {
        Dictionary<string, string> given = [];
        for (int i = 0; i + 1 < arguments.Length; i += 2)
        {
            given[arguments[i]] = arguments[i + 1];
        }

        string[] known = ["--binary", "--seconds", "--seed", "--rate", "--namespaces", "--dir", "--weather"];
        Weather weather = default;
        if (arguments.Length % 2 != 0 || !given.ContainsKey("--binary") || given.Keys.Except(known).Any()
            || !TryNumber(given, "--seconds", 60, out int seconds) || !TryNumber(given, "--rate", 300, out int rate)
            || !TryNumber(given, "--seed", (int)(DateTime.UtcNow.Ticks / 1000 % 1_000_000), out int seed)
            || (given.TryGetValue("--weather", out string? steady) && !Weather.TryParse(steady, out weather)))
        {
            await Console.Error.WriteLineAsync(Usage).ConfigureAwait(false);
            return 2;
        }

        string folder = given.GetValueOrDefault("--dir") ?? Directory.CreateTempSubdirectory("validator-chaos-").FullName;
        ChaosOptions options = new()
        {
            Executable = Executable.At(Path.GetFullPath(given["--binary"])),
            Directory = folder,
            Duration = TimeSpan.FromSeconds(seconds),
            Seed = seed,
            Rate = rate,
            Steady = given.ContainsKey("--weather") ? weather : null,
            Namespaces = given.GetValueOrDefault("--namespaces"),
        };
        List<string> failures;
        using (ChaosRun run = new(options, Console.Out))
        {
            failures = await run.RunAsync().ConfigureAwait(false);
        }

        foreach (string failure in failures)
        {
            Console.WriteLine($"FAILED: {failure}");
        }

        if (failures.Count == 0)
        {
            Console.WriteLine("chaos: one order everywhere, every accepted transaction final exactly once");
            if (!given.ContainsKey("--dir"))
            {
                Directory.Delete(folder, recursive: true);
            }

            return 0;
        }

        Console.WriteLine($"chaos: seed {seed} failed; logs and databases are in {folder}");
        return 1;
    }

    private static bool TryNumber(Dictionary<string, string> given, string name, int otherwise, out int value)
    {
        value = otherwise;
        return !given.TryGetValue(name, out string? text)
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= 0);
    }
}
