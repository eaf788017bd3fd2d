using BenchmarkDotNet.Attributes;
using Prometheus;
using Validator.Host.Contracts;
using Validator.Host.Metrics;

namespace Validator.Bench.Micro;

/// <summary>The cost of a count on the data path, and of a page at a scrape.</summary>
[MemoryDiagnoser]
public class MetricsBench
{
    private readonly NodeMetrics _metrics = new();
    private MetricsRegistry _registry = null!;

    [GlobalSetup]
    public void Setup()
    {
        for (int link = 0; link < 4; link++)
        {
            _metrics.NameLink(link, $"node-{link + 1}");
        }

        NodeStatus status = new()
        {
            Node = "node-1",
            ChainId = "",
            Ready = true,
            Signing = true,
            Peers = [.. Enumerable.Range(2, 3).Select(i => new PeerStatus { Name = $"node-{i}", Connected = true })],
        };
        _registry = new MetricsRegistry(page => MetricsPage.Fill(page, _metrics, status));
    }

    [Benchmark]
    public void Count() => _metrics.Votes.Add();

    [Benchmark]
    public void Observe() => _metrics.VoteCommitSeconds.Observe(0.04);

    [Benchmark]
    public int Page() => _registry.RenderAsync(ExpositionFormat.PrometheusText, default).Result.Length;
}
