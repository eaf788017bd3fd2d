using System.Globalization;

namespace Validator.Bench.Macro;

/// <summary>The targets of the data path on such a machine, compared with a ladder.</summary>
internal static class Targets
{
    /// <summary>One line of the table; measured is null where this run does not measure it.</summary>
    private sealed record Row(string Name, double Wanted, double? Measured, string Unit, bool AtLeast, string Missing = "not measured here")
    {
        public bool Reached => AtLeast ? Measured >= Wanted : Measured <= Wanted;

        public string Verdict => Measured is not { } measured ? Missing
            : Reached ? "reached"
            : AtLeast ? string.Create(CultureInfo.InvariantCulture, $"not reached: {100 * measured / Wanted:F0} % of it")
            : string.Create(CultureInfo.InvariantCulture, $"not reached: {measured / Wanted:F1} times it");
    }

    public static void Print(LadderResult result, TextWriter output)
    {
        output.WriteLine();
        output.WriteLine("| target | wanted | measured | |");
        output.WriteLine("|---|---:|---:|---|");
        foreach (Row row in Rows(result))
        {
            string measured = row.Measured is { } value ? Text(value, row.Unit) : "";
            output.WriteLine($"| {row.Name} | {(row.AtLeast ? "at least" : "below")} {Text(row.Wanted, row.Unit)} | {measured} | {row.Verdict} |");
        }
    }

    private static IEnumerable<Row> Rows(LadderResult result)
    {
        Rung[] sustained = [.. result.Rungs.Where(r => r.Sustained)];
        Rung? best = sustained.MaxBy(r => r.Localnet.FinalizedTps);
        Rung? idle = At(result, 100), ten = At(result, 10_000), sixty = At(result, 60_000);
        string length = best is null ? "" : string.Create(CultureInfo.InvariantCulture, $" (for {best.Seconds} s; 60 s are wanted)");
        yield return new("finalized, p99 below 500 ms" + length, 60_000, best?.Localnet.FinalizedTps ?? 0, "tx/s", true);
        yield return new("the same, stretch", 100_000, best?.Localnet.FinalizedTps ?? 0, "tx/s", true);
        yield return new("p50 at 10,000 tx/s", 20, ten?.Localnet.FinalityMs.P50, "ms", false, "no such rung");
        yield return new("p99 at 10,000 tx/s", 50, ten?.Localnet.FinalityMs.P99, "ms", false, "no such rung");
        yield return new("p99 at 100 tx/s", 25, idle?.Localnet.FinalityMs.P99, "ms", false, "no such rung");
        yield return new("validators' CPU per transaction at 60,000 tx/s", 14, sixty is { Sustained: true } ? sixty.CpuMicros : null, "us", false, Instead(best));
        yield return new("resident memory of a validator at the best rung", 300, best?.Localnet.RssMbMax, "MB", false);
        Rung? half = sustained.Where(r => 2 * r.Rate <= best!.Rate).MaxBy(r => r.Rate);
        yield return new(
            string.Create(CultureInfo.InvariantCulture, $"p99 of a durable vote at half of that ({half?.Rate:#,0} tx/s; at {best?.Rate:#,0}: {best?.Localnet.VoteCommitP99Ms:F1} ms)"),
            10, half?.Localnet.VoteCommitP99Ms, "ms", false, "no such rung");
        yield return new("p99 of QUIC's round trips at the best rung", 50, best?.Localnet.RoundTripP99Ms, "ms", false);
        yield return new("four at once ready, empty databases, median", 300, ReadyMs(result.Rungs), "ms", false);
        yield return new("p50 at 10,000 tx/s with 50 ms one way", 250, null, "ms", false, "wants the relay: eng/chaos.sh --weather 50,0,0,0,0 --rate 10000");
        yield return new("ML-DSA-87 checks, all cores, 64 keys in random order", 131_810, result.InProcess?.ChecksPerSecond, "/s", true);
        yield return new("decode, hash, structure of 256-byte transactions", 3_600_000, result.InProcess?.ValidatedPerSecond, "/s", true);
    }

    private static string Instead(Rung? best) => best is null
        ? "not reached: no such load carried"
        : string.Create(CultureInfo.InvariantCulture, $"not reached: no such load carried; {best.CpuMicros:F1} us at {best.Rate:#,0} tx/s");

    private static Rung? At(LadderResult result, int rate) => result.Rungs.FirstOrDefault(r => r.Rate == rate);

    private static double? ReadyMs(Rung[] rungs)
    {
        double[] ready = [.. rungs.Select(r => r.ReadyMs).Where(r => r > 0)];
        return ready.Length == 0 ? null : Statistics.Median(ready);
    }

    private static string Text(double value, string unit) =>
        value.ToString(value < 1000 ? "0.#" : "#,0", CultureInfo.InvariantCulture) + " " + unit;
}
