using System.Runtime.ExceptionServices;
using Prometheus;
using Validator.Host.Contracts;
using Histogram = Validator.Host.Contracts.Histogram;

namespace Validator.Host.Metrics;

/// <summary>
/// prometheus-net's registry, brought up to date at each scrape. Counts on data paths stay fields of <see cref="NodeMetrics"/>,
/// and series that a scrape does not name again leave the page.
/// </summary>
internal sealed class MetricsRegistry
{
    /// <summary>One scrape at a time reads and writes the library's collectors, so that a page's counts fit together.</summary>
    private readonly SemaphoreSlim _scrape = new(1, 1);

    private readonly CollectorRegistry _registry = Prometheus.Metrics.NewCustomRegistry();
    private readonly MetricFactory _factory;
    private readonly Dictionary<string, Family> _families = new(StringComparer.Ordinal);
    private readonly MemoryStream _page = new();
    private readonly Action<MetricsRegistry> _fill;
    private Family? _family;
    private Exception? _failure;
    private long _round;

    /// <param name="fill">Names every metric with its value of now.</param>
    public MetricsRegistry(Action<MetricsRegistry> fill)
    {
        _fill = fill;
        _factory = Prometheus.Metrics.WithCustomRegistry(_registry);
        _factory.ExemplarBehavior = ExemplarBehavior.NoExemplars();
        _registry.AddBeforeCollectCallback(Update);
    }

    /// <summary>The page as it is now.</summary>
    public async Task<byte[]> RenderAsync(ExpositionFormat format, CancellationToken cancellation)
    {
        await _scrape.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            _page.SetLength(0);
            _failure = null;
            await _registry.CollectAndExportAsTextAsync(_page, format, CancellationToken.None).ConfigureAwait(false);
            if (_failure is not null)
            {
                ExceptionDispatchInfo.Throw(_failure);
            }

            return _page.ToArray();
        }
        finally
        {
            _scrape.Release();
        }
    }

    /// <summary>Begins a metric family; its samples follow.</summary>
    /// <param name="type">counter or gauge.</param>
    public void Family(string name, string type, string help)
    {
        if (!_families.TryGetValue(name, out _family))
        {
            _families.Add(name, _family = new Family(_factory, name, type, help));
        }
    }

    /// <summary>A value of the family that was begun last. Every sample of a family has the same label names.</summary>
    public void Sample(double value, params ReadOnlySpan<(string Name, string Value)> labels) =>
        _family!.At(_round, labels).Set(value);

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
        if (!_families.TryGetValue(name, out _family))
        {
            _families.Add(name, _family = new Family(_factory, name, help, histogram.Bounds.ToArray()));
        }

        _family.At(_round, []).Set(histogram);
    }

    private void Update()
    {
        try
        {
            _round++;
            _fill(this);
            foreach (Family family in _families.Values)
            {
                family.RemoveOlder(_round);
            }
        }
        catch (Exception e)
        {
            // The library would silently go on with the page of before.
            _failure = e;
        }
    }
}
