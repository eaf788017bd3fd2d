using Prometheus;
using Validator.Host.Contracts;
using Histogram = Validator.Host.Contracts.Histogram;

namespace Validator.Host.Metrics;

/// <summary>
/// One metric of prometheus-net with its series. The library's collector is made with the first sample, since only then the label
/// names are known.
/// </summary>
internal sealed class Family
{
    private readonly Dictionary<string, Series> _series = new(StringComparer.Ordinal);
    private readonly Func<string[], Func<string[], ChildBase>> _create;
    private Func<string[], ChildBase>? _withLabels;

    /// <param name="type">counter or gauge.</param>
    public Family(MetricFactory factory, string name, string type, string help) => _create = type switch
    {
        "counter" => names => factory.CreateCounter(name, help, new CounterConfiguration { LabelNames = names, SuppressInitialValue = true }).WithLabels,
        "gauge" => names => factory.CreateGauge(name, help, new GaugeConfiguration { LabelNames = names, SuppressInitialValue = true }).WithLabels,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "a family is a counter or a gauge"),
    };

    public Family(MetricFactory factory, string name, string help, double[] bounds) => _create = names =>
        factory.CreateHistogram(name, help, new HistogramConfiguration { LabelNames = names, Buckets = bounds, SuppressInitialValue = true }).WithLabels;

    public Series At(long round, ReadOnlySpan<(string Name, string Value)> labels)
    {
        string key = labels switch
        {
            [] => "",
            [var (_, only)] => only,
            [var (_, first), var (_, second)] => $"{first}\0{second}",
            _ => string.Join('\0', Values(labels)),
        };
        if (!_series.TryGetValue(key, out Series? series))
        {
            _withLabels ??= _create(Names(labels));
            _series.Add(key, series = new Series(_withLabels, Values(labels)));
        }

        series.Round = round;
        return series;
    }

    /// <summary>Removes series that this scrape did not name from the page.</summary>
    public void RemoveOlder(long round)
    {
        foreach ((string key, Series series) in _series)
        {
            if (series.Round != round)
            {
                series.Remove();
                _series.Remove(key);
            }
        }
    }

    private static string[] Names(ReadOnlySpan<(string Name, string Value)> labels)
    {
        string[] names = new string[labels.Length];
        for (int i = 0; i < names.Length; i++)
        {
            names[i] = labels[i].Name;
        }

        return names;
    }

    private static string[] Values(ReadOnlySpan<(string Name, string Value)> labels)
    {
        string[] values = new string[labels.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = labels[i].Value;
        }

        return values;
    }
}

/// <summary>One line of the page, or a histogram's lines.</summary>
internal sealed class Series(Func<string[], ChildBase> withLabels, string[] labels)
{
    private ChildBase _child = withLabels(labels);
    private long[] _counts = [];
    private double[] _sums = [];

    /// <summary>The last scrape that named it.</summary>
    public long Round { get; set; }

    public void Set(double value)
    {
        if (_child is Prometheus.Gauge.Child gauge)
        {
            gauge.Set(value);
            return;
        }

        // The library never lowers a counter: one that begins anew (a member's place has another key) is a new child.
        if (value < ((Prometheus.Counter.Child)_child).Value)
        {
            Remove();
            _child = withLabels(labels);
        }

        ((Prometheus.Counter.Child)_child).IncTo(value);
    }

    /// <summary>
    /// Hands over what came since the last scrape, a bucket at a time: the bucket's own mean, as often as it was observed, so
    /// that counts and sum come out right.
    /// </summary>
    public void Set(Histogram histogram)
    {
        Prometheus.Histogram.Child child = (Prometheus.Histogram.Child)_child;
        int buckets = histogram.Bounds.Length + 1;
        if (_counts.Length == 0)
        {
            (_counts, _sums) = (new long[buckets], new double[buckets]);
        }

        for (int i = 0; i < buckets; i++)
        {
            (long count, double sum) = histogram.Read(i);
            long more = count - _counts[i];
            if (more == 0)
            {
                continue;
            }

            // An observation under way may be counted and not yet summed: the rest comes with the bucket's next ones.
            double mean = (sum - _sums[i]) / more;
            mean = i > 0 ? Math.Max(mean, Math.BitIncrement(histogram.Bounds[i - 1])) : mean;
            mean = i < buckets - 1 ? Math.Min(mean, histogram.Bounds[i]) : mean;
            child.Observe(mean, more);
            _counts[i] = count;
            _sums[i] += mean * more;
        }

        child.Publish();
    }

    public void Remove() => _child.Remove();
}
