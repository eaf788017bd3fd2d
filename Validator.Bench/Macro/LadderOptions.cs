using System.Globalization;

namespace Validator.Bench.Macro;

/// <summary>What `make bench` is asked for.</summary>
internal sealed record LadderOptions
{
    internal const string Usage =
        """
        macro [--rates A,B,C] [--seconds N] [--all] [--no-checks] [--out FOLDER] [--dir FOLDER] [--binary FILE] [--against FILE [--pairs N]]
              [-- MORE...]
          --rates      transactions per second of each rung, upwards
          --seconds    how long a rung offers load (15)
          --all        climb on after saturation
          --no-checks  leave out the rates in process
          --out        where JSON and chart go (perf/results)
          --dir        where the validators' data lives while a rung runs (artifacts)
          --binary     the published validator (artifacts/validator)
          --against    another published validator: both by turns at each rate, medians, spread and ratios in place of the ladder
          --pairs      how often each of the two runs at a rate (5)
          MORE         further options of `validator localnet`
        """;

    private static readonly int[] s_ladder = [100, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 80_000, 100_000, 120_000];

    // What the ratios are asked for, and a rate that no machine of this kind carries; none at all comes before them.
    private static readonly int[] s_comparison = [500, 2_000, 5_000, 10_000, 60_000, 120_000];

    private int[]? _rates;

    public int[] Rates
    {
        get => _rates ?? (Against is null ? s_ladder : s_comparison);
        init => _rates = value;
    }

    public int Seconds { get; init; } = 15;

    /// <summary>Goes on where the ladder would end.</summary>
    public bool All { get; init; }

    public bool Checks { get; init; } = true;

    public string Out { get; init; } = Repository.Path("perf", "results");

    public string Directory { get; init; } = Repository.Path("artifacts");

    /// <summary>The binary that ours is compared with; null climbs the ladder.</summary>
    public string? Against { get; init; }

    public int Pairs { get; init; } = 5;

    public string Binary { get; init; } = Repository.Path("artifacts", "validator");

    /// <summary>Further arguments of localnet, as they are.</summary>
    public string[] More { get; init; } = [];

    /// <exception cref="FormatException">Says what is wrong.</exception>
    public static LadderOptions Parse(ReadOnlySpan<string> args)
    {
        LadderOptions options = new();
        for (int i = 0; i < args.Length; i++)
        {
            string name = args[i];
            if (name == "--")
            {
                return options with { More = args[(i + 1)..].ToArray() };
            }

            if (name is "--all" or "--no-checks")
            {
                options = name == "--all" ? options with { All = true } : options with { Checks = false };
                continue;
            }

            if (i + 1 == args.Length)
            {
                throw new FormatException($"{name}: unknown, or its value is missing\n{Usage}");
            }

            string value = args[++i];
            options = name switch
            {
                "--rates" => options with { Rates = [.. value.Split(',').Select(r => Number(name, r)).Order()] },
                "--seconds" => options with { Seconds = Number(name, value) },
                "--out" => options with { Out = Path.GetFullPath(value) },
                "--dir" => options with { Directory = Path.GetFullPath(value) },
                "--against" => options with { Against = Path.GetFullPath(value) },
                "--pairs" => options with { Pairs = Number(name, value) },
                "--binary" => options with { Binary = Path.GetFullPath(value) },
                _ => throw new FormatException($"unknown option {name}\n{Usage}"),
            };
        }

        return options;
    }

    private static int Number(string name, string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value is > 0 and <= 1_000_000
            ? value
            : throw new FormatException($"{name}: '{text}' is not a number from 1 to 1000000");
}
