using Validator.Core.Primitives;

namespace Validator.Host.Tools.Localnet;

/// <summary>Just enough of Prometheus's text format to read a value back.</summary>
public static class MetricsReader
{
    /// <summary>The sum of all samples called <paramref name="name"/> whose labels contain <paramref name="labels"/>.</summary>
    public static double Sum(string text, string name, string labels = "")
    {
        double sum = 0;
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            if (TryRead(line, name, out ReadOnlySpan<char> has, out double sample) && has.Contains(labels, StringComparison.Ordinal))
            {
                sum += sample;
            }
        }

        return sum;
    }

    /// <summary>A histogram's samples at or below each bound, over all that have this name; the last bound is infinite.</summary>
    public static SortedDictionary<double, double> Buckets(string text, string name)
    {
        const string Label = "le=\"";
        string bucket = name + "_bucket";
        SortedDictionary<double, double> buckets = [];
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            if (TryRead(line, bucket, out ReadOnlySpan<char> labels, out double count)
                && labels.IndexOf(Label, StringComparison.Ordinal) is >= 0 and var start)
            {
                ReadOnlySpan<char> word = labels[(start + Label.Length)..];
                word = word[..Math.Max(word.IndexOf('"'), 0)];
                double bound = double.PositiveInfinity;
                if (word.SequenceEqual("+Inf") || StrictNumber.TryReadReal(word, out bound))
                {
                    buckets[bound] = buckets.GetValueOrDefault(bound) + count;
                }
            }
        }

        return buckets;
    }

    /// <summary>
    /// As Prometheus's histogram_quantile: linear within a bucket; the highest finite bound for what lies above it; 0 when empty.
    /// </summary>
    public static double Quantile(IReadOnlyDictionary<double, double> buckets, double quantile)
    {
        double rank = quantile * (buckets.Count == 0 ? 0 : buckets.Values.Max());
        double bound = 0, below = 0;
        foreach ((double next, double count) in buckets.OrderBy(b => b.Key))
        {
            if (count >= rank && count > 0)
            {
                return double.IsInfinity(next) || count == below ? bound : bound + ((next - bound) * (rank - below) / (count - below));
            }

            (bound, below) = (next, count);
        }

        return 0;
    }

    /// <summary>One sample of exactly this name.</summary>
    private static bool TryRead(ReadOnlySpan<char> line, string name, out ReadOnlySpan<char> labels, out double value)
    {
        labels = default;
        value = 0;
        if (!line.StartsWith(name, StringComparison.Ordinal) || line.Length == name.Length)
        {
            return false;
        }

        ReadOnlySpan<char> rest = line[name.Length..];
        int start = rest[0] == ' ' ? 1 : rest[0] == '{' ? rest.LastIndexOf('}') + 2 : -1;
        if (start <= 0 || start >= rest.Length)
        {
            return false;
        }

        labels = rest[..start];
        return StrictNumber.TryReadReal(rest[start..], out value);
    }
}
