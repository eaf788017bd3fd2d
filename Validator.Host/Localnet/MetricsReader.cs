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
}
