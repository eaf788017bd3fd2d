using System.Globalization;

namespace Validator.Bench.Macro;

/// <summary>
/// `make bench-guard`: finds what became slower, also on machines that are slow or sometimes busy. Nothing is compared with a
/// clock: each figure is processor time over the processor time of other work in the same run, or a count. A bound is about twice
/// the worst seen, so that only a change of the code breaks it.
/// </summary>
internal static class Guard
{
    /// <summary>One figure and its bound.</summary>
    /// <param name="AtLeast">True: the figure must not fall below the bound; false: not rise above it.</param>
    /// <param name="IsCount">The same on any machine.</param>
    internal sealed record Check(string Name, double Measured, double Bound, bool AtLeast, bool IsCount = false)
    {
        public bool Holds => AtLeast ? Measured >= Bound : Measured <= Bound;
    }

    /// <param name="arguments">
    /// <c>--parts</c>: of clusters only what one costs in counts. <c>--slack N</c>: ratios may miss their bounds N-fold, which no
    /// busy machine causes; counts may not.
    /// </param>
    /// <returns>The exit code: 0 when all bounds hold.</returns>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        bool clusters = true;
        double slack = 1;
        for (; arguments.Length > 0; arguments = arguments[1..])
        {
            if (arguments is ["--slack", var number, ..] && double.TryParse(number, CultureInfo.InvariantCulture, out slack) && slack >= 1)
            {
                arguments = arguments[1..];
            }
            else if (arguments[0] == "--parts")
            {
                clusters = false;
            }
            else
            {
                Console.Error.WriteLine($"guard: '{arguments[0]}' is not understood; there are --parts and --slack N, N at least 1");
                return 2;
            }
        }

        try
        {
            List<Check> checks = [.. GuardParts.Measure()];
            checks.AddRange(clusters ? GuardCluster.Measure() : GuardCluster.MeasureCounts());

            checks = checks.ConvertAll(c => c.IsCount ? c : c with { Bound = c.AtLeast ? c.Bound / slack : c.Bound * slack });
            Console.WriteLine("| figure | measured | bound | |");
            Console.WriteLine("|---|---:|---:|---|");
            foreach (Check check in checks)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"| {check.Name} | {check.Measured:0.##} | {(check.AtLeast ? "at least" : "at most")} {check.Bound:0.##} | {(check.Holds ? "" : "BROKEN")} |"));
            }

            int broken = checks.Count(c => !c.Holds);
            Console.WriteLine(broken == 0 ? "\nall bounds hold" : $"\n{broken} broken: run it again on a quieter machine before you look for the change");
            return broken == 0 ? 0 : 1;
        }
        catch (LadderException e)
        {
            Console.Error.WriteLine($"guard: {e.Message}");
            return 1;
        }
    }
}
