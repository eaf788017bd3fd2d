using System.Diagnostics;
using Validator.Host.Localnet;
using Validator.Host.Metrics;
using Validator.Tests.Host.Api;
using Xunit.Abstractions;

namespace Validator.Tests.Host.Metrics;

public class MetricsPageTests(ITestOutputHelper output)
{
    // Protects operators' alerts: the three names they have, with genesis names as labels, and histograms that add up.
    [Fact]
    public async Task HasTheNamesThatAlertsUse()
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

    // Protects the format: Prometheus's own checker has nothing to say.
    [Fact]
    public async Task PromtoolFindsNothing()
    {
        if (Tool("promtool", output) is not { } promtool)
        {
            return;
        }

        await using ApiFixture api = await ApiFixture.StartAsync();
        using Process check = Process.Start(new ProcessStartInfo(promtool, "check metrics")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        await check.StandardInput.WriteAsync(await Page(api));
        check.StandardInput.Close();
        string said = await check.StandardOutput.ReadToEndAsync() + await check.StandardError.ReadToEndAsync();
        await check.WaitForExitAsync();
        Assert.Equal("", said);
        Assert.Equal(0, check.ExitCode);
    }

    // Protects the scrape itself: a real Prometheus takes the page and answers queries about it.
    [Fact]
    public async Task ARealPrometheusScrapesIt()
    {
        if (Tool("prometheus", output) is not { } prometheus)
        {
            return;
        }

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
        using Process server = Process.Start(new ProcessStartInfo(prometheus)
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

    private static async Task<string> Page(ApiFixture api) => await api.Client.GetStringAsync(new Uri(api.Servers.MetricsAddress!, "/metrics"));

    /// <summary>The path of a tool; null where it is not installed, which only a developer's machine may be.</summary>
    internal static string? Tool(string name, ITestOutputHelper output)
    {
        string? path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Append(Path.Combine(AppContext.BaseDirectory, "../../../../.native/tools/usr/bin"))
            .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        if (path is null)
        {
            output.WriteLine($"not tried: {name} is not installed (Debian's package prometheus)");
            Assert.False(Environment.GetEnvironmentVariable("CI") == "true", $"{name} is needed (Debian's package prometheus)");
        }

        return path;
    }
}
