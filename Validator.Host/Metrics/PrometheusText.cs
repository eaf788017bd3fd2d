using System.Globalization;
using System.Text;

namespace Validator.Host.Metrics;

/// <summary>Writes the Prometheus text exposition format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).</summary>
internal sealed class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new(16 * 1024);
    private string _name = "";

    public override string ToString() => _text.ToString();

    /// <summary>Begins a metric family; its samples follow.</summary>
    /// <param name="type">counter, gauge or histogram.</param>
    public void Family(string name, string type, string help)
    {
        _name = name;
        _text.Append("# HELP ").Append(name).Append(' ').Append(help).Append('\n');
        _text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
    }

    public void Sample(double value, params ReadOnlySpan<(string Name, string Value)> labels) => Sample("", value, labels);

    public void Counter(string name, string help, double value)
    {
        Family(name, "counter", help);
        Sample(value);
    }

    public void Gauge(string name, string help, double value)
    {
        Family(name, "gauge", help);
        Sample(value);
    }

    public void Histogram(string name, string help, Histogram histogram)
    {
        Family(name, "histogram", help);
        ReadOnlySpan<double> bounds = histogram.Bounds;
        Span<long> counts = stackalloc long[bounds.Length + 1];
        histogram.Read(counts);
        long total = 0;
        for (int i = 0; i < bounds.Length; i++)
        {
            total += counts[i];
            Sample("_bucket", total, ("le", Number(bounds[i])));
        }

        total += counts[^1];
        Sample("_bucket", total, ("le", "+Inf"));
        Sample("_sum", histogram.Sum);
        Sample("_count", total);
    }

    private void Sample(string suffix, double value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        _text.Append(_name).Append(suffix);
        char before = '{';
        foreach ((string name, string label) in labels)
        {
            _text.Append(before).Append(name).Append("=\"");
            foreach (char c in label)
            {
                _ = c switch
                {
                    '\\' => _text.Append("\\\\"),
                    '"' => _text.Append("\\\""),
                    '\n' => _text.Append("\\n"),
                    _ => _text.Append(c),
                };
            }

            _text.Append('"');
            before = ',';
        }

        if (labels.Length > 0)
        {
            _text.Append('}');
        }

        _text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
