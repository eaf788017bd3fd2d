namespace Validator.Host.Tools.Load;

/// <summary>The words at the end of a run.</summary>
internal static class Summary
{
    public static void Write(TextWriter output, LoadReport report, List<string> failures, LoadResult result)
    {
        output.WriteLine();
        output.WriteLine($"{report.Validators} validators, {report.OfferedTps:F0} tx/s offered, seed {report.Seed}, run {report.Run:x16}");
        output.WriteLine($"finalized    {report.FinalizedTps:F1} tx/s");
        FinalityFigures finality = report.FinalityMs;
        output.WriteLine(
            $"finality     p50 {finality.P50:F1} ms   p99 {finality.P99:F1} ms   max {finality.Max:F1} ms"
            + (report.StrongFinalityP99Ms is { } strong ? $"   strong p99 {strong:F1} ms" : ""));
        if (report.StrongMs is { } waited)
        {
            output.WriteLine(
                $"strong       p50 {waited.P50:F1} ms   p99 {waited.P99:F1} ms   max {waited.Max:F1} ms   "
                + $"transactions {report.Strong}   not in time {report.NotStrong}");
        }

        output.WriteLine(
            $"transactions submitted {report.Submitted}   accepted {report.Accepted}   finalized {report.Finalized}");
        output.WriteLine(
            $"checks       rejected {report.Rejected}   rejected by execution {report.RejectedLate}   timed out {report.TimedOut}   lost {report.Lost}   "
            + $"duplicated {report.Duplicated}   diverged {report.Diverged}");
        if (report.Blocks is not null)
        {
            output.WriteLine(
                $"cluster      blocks {report.Blocks}   view changes {report.ViewChanges}   syncs {report.Syncs}   "
                + $"durable votes p99 {report.VoteCommitP99Ms:F1} ms   round trips p99 {report.RoundTripP99Ms:F1} ms   written {report.BytesWritten / 1e6:F0} MB");
            output.WriteLine(
                $"processes    validators' CPU {report.CpuS:F1} s   generator's {report.CpuLoadS:F1} s   RSS at most {report.RssMbMax:F0} MB");
        }

        if (report.Trust is { } trust)
        {
            string detected = trust.DetectedS is { } seconds ? $"proven after {seconds:F1} s" : trust.Kind.Length > 0
                ? "nothing proven" : "no lie";
            output.WriteLine(
                $"trust        {trust.Villain}{(trust.Kind.Length > 0 ? $" ({trust.Kind})" : "")}: {detected}   reputation {trust.ReputationBefore:F2} -> {trust.ReputationAfter:F2}   "
                + $"slashed {trust.Slashed}   {(trust.Banned ? "banned" : "not banned")}   violations seen {trust.ViolationsSeen}");
            output.WriteLine(
                $"weights      {string.Join("   ", trust.Weights.Select(w => $"{w.Key} {trust.WeightsBefore.GetValueOrDefault(w.Key):F1} -> {w.Value:F1} %"))}");
        }

        if (report.Forks is { Found: > 0 } forks)
        {
            string times = forks.MedianS is { } median
                ? $"   resolved after {median:F3} s in the median, {forks.ResolvedS[^1]:F3} s at most" : "";
            output.WriteLine($"forks        found {Told(forks.Kinds)}   became {Told(forks.Outcomes)}{times}");
        }

        foreach (string note in result.Notes)
        {
            output.WriteLine($"note: {note}");
        }

        foreach (string failure in failures)
        {
            output.WriteLine($"FAILED: {failure}");
        }

        if (result.Interrupted)
        {
            output.WriteLine("interrupted");
        }
        else if (failures.Count == 0)
        {
            output.WriteLine("good: one order everywhere, every accepted transaction in it exactly once");
        }
    }

    private static string Told(SortedDictionary<string, int> counts) =>
        string.Join(", ", counts.Select(c => $"{c.Value} {c.Key}"));
}
