namespace Validator.Bench.Macro;

internal static class Statistics
{
    /// <summary>The mean of the two in the middle where their number is even. Of one value at least.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
