using System.Globalization;

namespace Validator.Host.Localnet;

/// <summary>Just enough of Prometheus's text format to read a value back.</summary>
public static class MetricsReader
{
    /// <summary>The sum of all samples called <paramref name="name"/> whose labels contain <paramref name="labels"/>.</summary>
    public static double Sum(string text, string name, string labels = "")
    {
        double sum = 0;
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            if (!line.StartsWith(name, StringComparison.Ordinal) || line.Length == name.Length)
            {
                continue;
            }

            ReadOnlySpan<char> rest = line[name.Length..];
            int value = rest[0] == ' ' ? 1 : rest[0] == '{' ? rest.LastIndexOf('}') + 2 : -1;
            if (value > 0 && value < rest.Length && rest[..value].Contains(labels, StringComparison.Ordinal)
                && double.TryParse(rest[value..], NumberStyles.Float, CultureInfo.InvariantCulture, out double sample))
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
        SortedDictionary<double, double> buckets = [];
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            if (!line.StartsWith(name, StringComparison.Ordinal) || !line[name.Length..].StartsWith("_bucket{", StringComparison.Ordinal))
            {
                continue;
            }

            int bound = line.IndexOf(Label, StringComparison.Ordinal) + Label.Length;
            int length = bound < Label.Length ? -1 : line[bound..].IndexOf('"');
            if (length > 0 && double.TryParse(line[(line.LastIndexOf('}') + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture, out double count))
            {
                ReadOnlySpan<char> word = line.Slice(bound, length);
                double at = word.SequenceEqual("+Inf") ? double.PositiveInfinity : double.Parse(word, CultureInfo.InvariantCulture);
                buckets[at] = buckets.GetValueOrDefault(at) + count;
            }
        }

        return buckets;
    }

    /// <summary>As Prometheus's histogram_quantile: linear within a bucket; the highest finite bound for what lies above it; 0 of nothing.</summary>
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
}
