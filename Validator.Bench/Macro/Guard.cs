using System.Globalization;

namespace Validator.Bench.Macro;

/// <summary>
/// `make bench-guard`: finds what became slower by itself, on machines that are slow or busy now and then. Nothing is
/// compared with a clock: each figure is processor time over the processor time of other work in the same run, or a count.
/// A bound is about twice the worst seen, so that what breaks it is a change of the code.
/// </summary>
internal static class Guard
{
    /// <summary>One figure and its bound.</summary>
    /// <param name="AtLeast">True: the figure must not fall below the bound; false: not rise above it.</param>
    internal sealed record Check(string Name, double Measured, double Bound, bool AtLeast)
    {
        public bool Holds => AtLeast ? Measured >= Bound : Measured <= Bound;
    }

    /// <returns>The exit code: 0 when all bounds hold.</returns>
    public static int Run()
    {
        try
        {
            List<Check> checks = [.. GuardParts.Measure(), .. GuardCluster.Measure()];
            Console.WriteLine("| figure | measured | bound | |");
            Console.WriteLine("|---|---:|---:|---|");
            foreach (Check check in checks)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"| {check.Name} | {check.Measured:0.##} | {(check.AtLeast ? "at least" : "at most")} {check.Bound} | {(check.Holds ? "" : "BROKEN")} |"));
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
