using System.Diagnostics;
using Validator.Host.Cli;
using Validator.Host.Contracts;
using Validator.Host.Metrics;
using Validator.Host.Storage;
using Validator.Tests.Host.Api;
using Validator.Tests.Host.Storage;
using Validator.Tests.Tidy;

namespace Validator.Tests.Host.Metrics;

public class MetricsPageTests
{
    // Protects operators' alerts: the three names they have, with genesis names as labels, and histograms that add up.
    [Fact]
    public async Task Has_the_names_that_alerts_use()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Metrics.FinalitySeconds.Observe(0.04, 3);
        api.Metrics.FinalitySeconds.Observe(99);
        api.Metrics.VerticesFinalized.Add(7);
        api.Metrics.ByzantineViolations(1, Violation.EquivocatingVertex).Add();
        string page = await Page(api);
        Assert.Contains("cretoai_finality_time_seconds_bucket{le=\"0.03\"} 0\n", page, StringComparison.Ordinal);
        Assert.Contains("cretoai_finality_time_seconds_bucket{le=\"0.05\"} 3\n", page, StringComparison.Ordinal);
        Assert.Contains("cretoai_finality_time_seconds_bucket{le=\"+Inf\"} 4\n", page, StringComparison.Ordinal);
        Assert.Contains("cretoai_finality_time_seconds_sum 99.12\n", page, StringComparison.Ordinal);
        Assert.Contains("cretoai_finality_time_seconds_count 4\n", page, StringComparison.Ordinal);
        Assert.Contains("cretoai_vertices_finalized_total 7\n", page, StringComparison.Ordinal);
        Assert.Contains("cretoai_byzantine_violations_total{node_id=\"node-2\",kind=\"equivocating_vertex\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("cretoai_peer_up{peer=\"node-2\"} 1\n", page, StringComparison.Ordinal);
    }

    // Protects operators who look a metric up: what docs/METRICS.md lists is on the page, of that type, and each family without
    // the usual prefix is in the list.
    [Fact]
    public async Task The_list_of_metrics_is_that_of_the_page()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Trust = FakeNode.SampleTrust();
        api.Node.Stores = Stores();
        Dictionary<string, string> page = (await Page(api)).Split('\n')
            .Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).Select(line => line.Split(' '))
            .ToDictionary(words => words[2], words => words[3]);
        Dictionary<string, string> listed = File.ReadLines(Path.Combine(SourceTree.Root, "docs", "METRICS.md"))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .ToDictionary(cells => cells[1].Trim('`'), cells => cells[2]);
        Assert.Equal(listed, page.Where(family => listed.ContainsKey(family.Key)).ToDictionary());
        string[] usual = ["cretoai_", "process_", "dotnet_"];
        Assert.Equal([], page.Keys.Except(listed.Keys).Where(name => !usual.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal))));
    }

    private static StoreReading[] Stores()
    {
        using TemporaryFolder folder = new();
        using RocksLedger ledger = RocksLedger.Open(folder.File("ledger"), StoreSamples.Identity, 4, 1 << 16, 1 << 20, 1 << 20);
        return [ledger.Read()!];
    }

    // Protects the format: Prometheus's own checker has nothing to say.
    [ToolFact("promtool")]
    public async Task Promtool_finds_nothing()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Trust = FakeNode.SampleTrust();
        api.Node.Stores = Stores();
        using Process check = Process.Start(new ProcessStartInfo(Tool.Path("promtool"), "check metrics")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await check.StandardInput.WriteAsync(await Page(api));
        check.StandardInput.Close();
        string said = await check.StandardOutput.ReadToEndAsync() + await check.StandardError.ReadToEndAsync();
        await check.WaitForExitAsync();
        Assert.Equal("", said);
        Assert.Equal(0, check.ExitCode);
    }

    // Protects scrapers that ask for OpenMetrics: its names, its numbers and its end; all others keep the text form.
    [Fact]
    public async Task OpenMetrics_is_given_to_who_prefers_it()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Metrics.VerticesFinalized.Add(7);
        (string type, string page) = await Page(api, "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2");
        Assert.StartsWith("application/openmetrics-text; version=1.0.0", type, StringComparison.Ordinal);
        Assert.EndsWith("# EOF\n", page, StringComparison.Ordinal);
        Assert.Contains("# TYPE cretoai_vertices_finalized counter\ncretoai_vertices_finalized_total 7.0\n", page, StringComparison.Ordinal);
        Assert.DoesNotContain(" unknown\n", page, StringComparison.Ordinal);
        foreach (string accept in new[] { "", "*/*", "text/plain", "application/openmetrics-text;q=0.1,text/plain", "application/openmetrics-text;q=0", ";;," })
        {
            (type, page) = await Page(api, accept);
            Assert.StartsWith("text/plain; version=0.0.4", type, StringComparison.Ordinal);
            Assert.Contains("# TYPE cretoai_vertices_finalized_total counter\ncretoai_vertices_finalized_total 7\n", page, StringComparison.Ordinal);
        }
    }

    // Protects what a library that only counts up would do in silence: a count that begins anew is taken back, and what is no
    // longer named leaves the page.
    [Fact]
    public async Task Counts_begin_anew_and_series_leave()
    {
        double count = 9;
        bool named = true;
        MetricsRegistry registry = new(page =>
        {
            page.Counter("alone_total", "A count.", count);
            page.Family("labelled_total", "counter", "Counts.");
            page.Sample(count, ("a", "1"), ("b", "x"));
            if (named)
            {
                page.Sample(1, ("a", "1"), ("b", "y"));
                page.Gauge("moves", "A gauge.", 5);
            }
        });
        string first = await Text(registry);
        Assert.Contains("alone_total 9\n", first, StringComparison.Ordinal);
        Assert.Contains("labelled_total{a=\"1\",b=\"y\"} 1\n", first, StringComparison.Ordinal);
        Assert.Contains("moves 5\n", first, StringComparison.Ordinal);
        (count, named) = (2, false);
        string second = await Text(registry);
        Assert.Contains("alone_total 2\n", second, StringComparison.Ordinal);
        Assert.Contains("labelled_total{a=\"1\",b=\"x\"} 2\n", second, StringComparison.Ordinal);
        Assert.DoesNotContain("b=\"y\"", second, StringComparison.Ordinal);
        Assert.DoesNotContain("moves 5", second, StringComparison.Ordinal);
        MetricsRegistry broken = new(_ => throw new InvalidOperationException("broken"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => Text(broken));
    }

    // Protects histograms under way from the data path to the library: at every scrape buckets add up to the count, and in the
    // end all observations are there, each in its own bucket, with their sum.
    [Fact]
    public async Task Histograms_add_up_at_every_scrape()
    {
        Histogram histogram = new(0.001, 0.01, 0.1);
        MetricsRegistry registry = new(page => page.Histogram("h_seconds", "Times.", histogram));
        double[] values = [0, 0.0005, 0.001, 0.001_000_4, 0.0099, 0.01, 0.05, 0.1, 0.100_001, 7];
        const int Rounds = 20_000;
        Task[] writers = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                foreach (double value in values)
                {
                    histogram.Observe(value, 2);
                }
            }
        }))];
        Task all = Task.WhenAll(writers);
        double Value(string page, string series) =>
            double.Parse(page.Split('\n').Single(line => line.StartsWith(series + " ", StringComparison.Ordinal)).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
        string last;
        bool done;
        do
        {
            done = all.IsCompleted;
            last = await Text(registry);
            Assert.Equal(Value(last, "h_seconds_count"), Value(last, "h_seconds_bucket{le=\"+Inf\"}"));
        }
        while (!done);
        await all;
        const int Times = 3 * Rounds * 2;
        Assert.Equal(3 * Times, Value(last, "h_seconds_bucket{le=\"0.001\"}"));
        Assert.Equal(6 * Times, Value(last, "h_seconds_bucket{le=\"0.01\"}"));
        Assert.Equal(8 * Times, Value(last, "h_seconds_bucket{le=\"0.1\"}"));
        Assert.Equal(10 * Times, Value(last, "h_seconds_count"));
        Assert.Equal(Times * values.Sum(), Value(last, "h_seconds_sum"), Times * 1e-6);
    }

    // Protects the scrape itself: a real Prometheus takes the page and answers queries about it.
    [ToolFact("prometheus")]
    public async Task A_real_prometheus_scrapes_it()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Metrics.VerticesFinalized.Add(42);
        using TemporaryFolder folder = new();
        await File.WriteAllTextAsync(folder.File("prometheus.yml"), $"""
            global:
              scrape_interval: 200ms
              scrape_timeout: 200ms
            scrape_configs:
              - job_name: validator
                static_configs:
                  - targets: ["127.0.0.1:{api.Servers.MetricsAddress!.Port}"]
            """);
        int port = FreePorts.Find(1)[0];
        using Process server = Process.Start(new ProcessStartInfo(Tool.Path("prometheus"))
        {
            ArgumentList =
            {
                $"--config.file={folder.File("prometheus.yml")}", $"--storage.tsdb.path={folder.File("data")}",
                $"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
            },
        })!;
        try
        {
            using HttpClient client = new();
            using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
            Uri query = new($"http://127.0.0.1:{port}/api/v1/query?query=cretoai_vertices_finalized_total");
            string answer = "";
            while (!answer.Contains("\"42\"", StringComparison.Ordinal))
            {
                await Task.Delay(200, limit.Token);
                try
                {
                    answer = await client.GetStringAsync(query, limit.Token);
                }
                catch (HttpRequestException)
                {
                    // Prometheus is still starting.
                }
            }
        }
        finally
        {
            server.Kill();
            await server.WaitForExitAsync();
        }
    }

    private static async Task<string> Text(MetricsRegistry registry) =>
        System.Text.Encoding.UTF8.GetString(await registry.RenderAsync(Prometheus.ExpositionFormat.PrometheusText, default));

    private static async Task<(string Type, string Page)> Page(ApiFixture api, string accept)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(api.Servers.MetricsAddress!, "/metrics"));
        request.Headers.TryAddWithoutValidation("Accept", accept);
        using HttpResponseMessage answer = await api.Client.SendAsync(request);
        return (answer.Content.Headers.ContentType!.ToString(), await answer.Content.ReadAsStringAsync());
    }

    private static async Task<string> Page(ApiFixture api) => await api.Client.GetStringAsync(new Uri(api.Servers.MetricsAddress!, "/metrics"));
}
