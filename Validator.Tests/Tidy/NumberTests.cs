using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Validator.Tests.Tidy;

/// <summary>Figures of speed in documents, against the stored results that they name.</summary>
public sealed class NumberTests
{
    private const string Ladder = "perf/results/2026-11-22-ladder-3.json";

    private static readonly JsonElement Stored = JsonDocument.Parse(File.ReadAllText(Path.Combine(SourceTree.Root, Ladder))).RootElement;

    // Protects readers: the ladder's table says what is stored, rung by rung.
    [Fact]
    public void Ladder_in_perf_is_the_stored_one()
    {
        string[] rows = [.. SourceTree.Lines("perf/README.md").SkipWhile(l => !l.StartsWith("| offered, tx/s |", StringComparison.Ordinal)).Skip(2).TakeWhile(l => l.StartsWith('|'))];
        JsonElement[] rungs = [.. Stored.GetProperty("rungs").EnumerateArray()];
        Assert.Equal(rungs.Length, rows.Length);
        foreach ((JsonElement rung, string row) in rungs.Zip(rows))
        {
            JsonElement run = rung.GetProperty("localnet"), finality = run.GetProperty("finality_ms");
            double[] stored =
            [
                Number(rung, "rate"), Number(run, "finalized_tps"), Number(finality, "p50"), Number(finality, "p99"), Number(finality, "max"), Number(rung, "cpu_micros"),
                Number(rung, "generator_micros"), Number(run, "rss_mb_max"), Number(rung, "written_per_byte"), Number(run, "vote_commit_p99_ms"), Number(run, "round_trip_p99_ms"),
            ];
            string[] cells = row.Trim('|').Split('|', StringSplitOptions.TrimEntries);
            Assert.Equal(stored.Length, cells.Length);
            Assert.All(stored.Zip(cells), pair => Assert.True(Says(pair.Second, pair.First), $"{row}: {pair.Second} where {pair.First} is stored"));
        }
    }

    // Protects readers: the README's figures are those of the stored result that it links, medians of our side.
    [Fact]
    public void Numbers_of_the_readme_are_stored()
    {
        string[] stored = ["perf/results/2026-11-30-ratios.md", "perf/results/2026-11-30-saturation.md"];
        string[] lines = SourceTree.Lines("README.md"), result = [.. stored.SelectMany(SourceTree.Lines)];
        Assert.All(stored, file => Assert.Contains(lines, l => l.Contains(file, StringComparison.Ordinal)));
        // A rate is in both results: the last table counts.
        foreach (string rate in new[] { "500", "2,000", "10,000", "60,000" })
        {
            string[] cells = [.. Regex.Matches(Row($"finality at {rate} tx/s"), @"[\d.]+").Select(m => m.Value)];
            Assert.True(Says(cells[0], Ours(rate, "p50, ms")) && Says(cells[1], Ours(rate, "p99, ms")), $"{rate}: {cells[0]}, {cells[1]}");
        }

        Assert.True(Says(Row("processor time per transaction at 10,000").Split(' ')[0], Ours("10,000", "processor us a transaction")));
        Assert.True(Says(Row("memory of one validator at 10,000").Split(' ')[0], Ours("10,000", "resident MB")));

        string Row(string begins) =>
            lines.Single(l => l.StartsWith($"| {begins}", StringComparison.Ordinal)).Trim('|').Split('|', StringSplitOptions.TrimEntries)[1];

        double Ours(string rate, string begins) => double.Parse(
            result[Array.FindLastIndex(result, l => l.StartsWith($"| {rate} tx/s offered", StringComparison.Ordinal))..]
                .First(l => l.StartsWith($"| {begins}", StringComparison.Ordinal)).Split('|', StringSplitOptions.TrimEntries)[3].Split(' ')[0],
            CultureInfo.InvariantCulture);
    }

    // Protects: every stored result is listed with its command, and nothing is listed that is not stored.
    [Fact]
    public void Results_are_listed()
    {
        HashSet<string> listed = [];
        foreach (string line in SourceTree.Lines("perf/README.md").SkipWhile(l => l != "## Results").TakeWhile(l => l != "## What the profiles say").Where(l => l.StartsWith("| `", StringComparison.Ordinal)))
        {
            string[] names = [.. Regex.Matches(line.Split('|')[1], "`([^`]+)`").Select(m => m.Groups[1].Value)];
            foreach (string name in names)
            {
                string whole = name.StartsWith('.') ? Path.ChangeExtension(names[0], name) : name;
                Match many = Regex.Match(whole, @"^(.*)\{([\d,]+)\}(.*)$");
                listed.UnionWith(many.Success ? many.Groups[2].Value.Split(',').Select(n => many.Groups[1].Value + n + many.Groups[3].Value) : [whole]);
            }
        }

        IEnumerable<string> stored = Directory.GetFiles(Path.Combine(SourceTree.Root, "perf", "results")).Select(f => Path.GetFileName(f));
        Assert.Equal(stored.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }

    private static double Number(JsonElement element, string name) => element.GetProperty(name).GetDouble();

    /// <summary>Whether the text is the number, rounded to the digits that the text has.</summary>
    private static bool Says(string text, double number)
    {
        string digits = text.Replace(",", "", StringComparison.Ordinal);
        int places = digits.Contains('.', StringComparison.Ordinal) ? digits.Length - digits.IndexOf('.', StringComparison.Ordinal) - 1 : 0;
        return Math.Abs(double.Parse(digits, CultureInfo.InvariantCulture) - number) <= 0.5001 * Math.Pow(10, -places);
    }
}
