using System.Text.Json;
using System.Text.RegularExpressions;
using Validator.Tests.Tidy;

namespace Validator.Tests.Host.Metrics;

/// <summary>
/// What every test run can say of deploy/: of the dashboards, and of the alerts' other form. All else is
/// <c>make deploy-test</c>'s, which reads a live page.
/// </summary>
public class DashboardTests
{
    // Protects operators' dashboards when a metric gets another name: each one that a panel asks for is one of the binary's.
    [Fact]
    public void Dashboards_ask_for_metrics_that_there_are()
    {
        HashSet<string> names = [.. In("Validator.Host/Metrics/").SelectMany(SourceTree.Lines)
            .SelectMany(line => Regex.Matches(line, "\"([a-z_0-9]+)\"")).Select(match => match.Groups[1].Value)];
        List<string> missing = [];
        int asked = 0;
        foreach (string file in In("deploy/grafana/dashboards/"))
        {
            foreach (string name in Queries(file).SelectMany(query => Regex.Matches(query, @"([a-z_0-9]+)\{"))
                .Select(match => Regex.Replace(match.Groups[1].Value, "_bucket$", "")))
            {
                asked++;
                if (!names.Contains(name))
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
        string[] rule = SourceTree.Lines("deploy/kubernetes/prometheusrule.yaml");
        Assert.Equal(alerts, rule.SkipWhile(line => line != "spec:").Skip(1));
    }

    private static IEnumerable<string> In(string folder) =>
        SourceTree.Files.Where(file => file.StartsWith(folder, StringComparison.Ordinal));

    private static string[] Queries(string file)
    {
        using JsonDocument board = JsonDocument.Parse(string.Join('\n', SourceTree.Lines(file)));
        return [.. board.RootElement.GetProperty("panels").EnumerateArray()
            .SelectMany(panel => panel.GetProperty("targets").EnumerateArray())
            .Select(target => target.GetProperty("expr").GetString()!)];
    }
}
