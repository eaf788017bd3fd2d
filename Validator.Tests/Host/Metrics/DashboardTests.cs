using System.Text.Json;
using System.Text.RegularExpressions;
using Validator.Tests.Host.Api;
using Validator.Tests.Tidy;

namespace Validator.Tests.Host.Metrics;

/// <summary>
/// What can be said of deploy/ in every test run: of the dashboards, and of the alerts' other form. All else is <c>make deploy-test</c>'s.
/// </summary>
public class DashboardTests
{
    // Protects operators' dashboards when a metric gets another name: each one that a panel asks for is on the page.
    [Fact]
    public async Task Dashboards_ask_for_metrics_that_are_on_the_page()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Trust = FakeNode.SampleTrust();
        string page = await api.Client.GetStringAsync(new Uri(api.Servers.MetricsAddress!, "/metrics"));
        HashSet<string> families = [.. Regex.Matches(page, "^# TYPE ([a-z_0-9]+) ", RegexOptions.Multiline).Select(match => match.Groups[1].Value)];
        List<string> missing = [];
        int asked = 0;
        foreach (string file in SourceTree.Files.Where(file => file.StartsWith("deploy/grafana/dashboards/", StringComparison.Ordinal)))
        {
            using JsonDocument board = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(SourceTree.Root, file)));
            IEnumerable<string> queries = board.RootElement.GetProperty("panels").EnumerateArray()
                .SelectMany(panel => panel.GetProperty("targets").EnumerateArray()).Select(target => target.GetProperty("expr").GetString()!);
            foreach (string name in queries.SelectMany(query => Regex.Matches(query, @"([a-z_0-9]+)\{")).Select(match => match.Groups[1].Value))
            {
                asked++;
                if (!families.Contains(name) && !families.Contains(Regex.Replace(name, "_(bucket|sum|count)$", "")))
                {
                    missing.Add($"{file}: {name}");
                }
            }
        }

        Assert.Equal([], missing);
        Assert.InRange(asked, 80, int.MaxValue);
    }

    // Protects clusters with the Prometheus operator: they get the alerts that everybody gets.
    [Fact]
    public void The_PrometheusRule_has_the_alerts()
    {
        IEnumerable<string> alerts = SourceTree.Lines("deploy/prometheus/alerts.yml").SkipWhile(line => line != "groups:")
            .Select(line => line.Length == 0 ? line : "  " + line);
        Assert.Equal(alerts, SourceTree.Lines("deploy/kubernetes/prometheusrule.yaml").SkipWhile(line => line != "spec:").Skip(1));
    }
}
