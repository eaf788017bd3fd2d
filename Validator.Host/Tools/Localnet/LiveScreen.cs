using System.Globalization;
using System.Text;

namespace Validator.Host.Tools.Localnet;

/// <summary>One validator's line. Rates and latencies are those of the last interval.</summary>
/// <param name="TransactionsPerSecond">Own clients' transactions that became final.</param>
/// <param name="CpuPercent">Of one core.</param>
/// <param name="NotReady">Why it is not ready, as it says itself; empty when it is.</param>
public readonly record struct NodeLine(
    string Name, bool Up, ulong View, ulong Sequence, double TransactionsPerSecond, double P50Ms, double P99Ms, double RssMb,
    double CpuPercent, string NotReady = "");

/// <summary>The whole cluster's figures.</summary>
public readonly record struct ClusterLine(
    TimeSpan Elapsed, TimeSpan Duration, long Submitted, long Finalized, long Rejected, long TimedOut,
    double TransactionsPerSecond, double P50Ms, double P99Ms);

/// <summary>
/// Shows a running localnet: on a terminal one screen of at most 80 columns, redrawn in place; elsewhere a plain line a time.
/// </summary>
public sealed class LiveScreen(TextWriter output, bool inPlace, string title)
{
    private const int Width = 79;

    private int _drawnLines;

    /// <param name="note">One more line; null: none.</param>
    public void Show(IReadOnlyList<NodeLine> nodes, in ClusterLine cluster, string? note = null)
    {
        if (!inPlace)
        {
            output.WriteLine(Plain(nodes, cluster) + (note is null ? "" : $"\n       {note}"));
            output.Flush();
            return;
        }

        StringBuilder screen = new();
        if (_drawnLines > 0)
        {
            screen.Append(CultureInfo.InvariantCulture, $"\u001b[{_drawnLines}A");
        }

        List<string> lines = Lines(nodes, cluster);
        lines.AddRange(note is null ? [] : Wrapped(note));
        foreach (string line in lines)
        {
            screen.Append(line.Length > Width ? line[..Width] : line).Append("\u001b[K\n");
        }

        // Clears what is left of a longer screen.
        screen.Append(lines.Count < _drawnLines ? "\u001b[J" : "");
        _drawnLines = lines.Count;
        output.Write(screen);
        output.Flush();
    }

    /// <summary>The lines of the screen, without control characters.</summary>
    internal List<string> Lines(IReadOnlyList<NodeLine> nodes, in ClusterLine cluster)
    {
        List<string> lines =
        [
            $"{title}   {Clock(cluster.Elapsed)} of {Clock(cluster.Duration)}",
            "",
            $"{"validator",-14}{"view",7}{"sequence",10}{"tx/s",9}{"p50 ms",9}{"p99 ms",9}{"RSS MB",9}{"CPU %",8}",
        ];
        foreach (NodeLine node in nodes)
        {
            string name = node.Name.Length > 13 ? node.Name[..13] : node.Name;
            lines.Add(node.Up
                ? $"{name,-14}{node.View,7}{node.Sequence,10}{node.TransactionsPerSecond,9:F0}{node.P50Ms,9:F1}{node.P99Ms,9:F1}{node.RssMb,9:F0}{node.CpuPercent,8:F0}"
                : $"{name,-14}{"does not answer",17}");
        }

        double cpu = 0;
        double rss = 0;
        foreach (NodeLine node in nodes)
        {
            cpu += node.CpuPercent;
            rss += node.RssMb;
        }

        lines.Add($"{"all",-14}{"",17}{cluster.TransactionsPerSecond,9:F0}{cluster.P50Ms,9:F1}{cluster.P99Ms,9:F1}{rss,9:F0}{cpu,8:F0}");
        lines.Add("");
        foreach ((string reason, string names) in Reasons(nodes))
        {
            lines.AddRange(Wrapped($"{names}: {reason}"));
        }

        lines.Add($"submitted {cluster.Submitted}   final {cluster.Finalized}   rejected {cluster.Rejected}   timed out {cluster.TimedOut}");
        return lines;
    }

    private static string Plain(IReadOnlyList<NodeLine> nodes, in ClusterLine cluster)
    {
        ulong view = 0;
        ulong sequence = 0;
        int up = 0;
        foreach (NodeLine node in nodes)
        {
            view = Math.Max(view, node.View);
            sequence = Math.Max(sequence, node.Sequence);
            up += node.Up ? 1 : 0;
        }

        return $"{Clock(cluster.Elapsed)}  submitted {cluster.Submitted}  final {cluster.Finalized}  {cluster.TransactionsPerSecond:F0} tx/s  "
            + $"p50 {cluster.P50Ms:F1} ms  p99 {cluster.P99Ms:F1} ms  view {view}  sequence {sequence}  up {up}/{nodes.Count}"
            + string.Concat(Reasons(nodes).Select(r => $"\n       {r.Names}: {r.Reason}"));
    }

    /// <summary>Groups validators that say the same.</summary>
    private static IEnumerable<(string Reason, string Names)> Reasons(IReadOnlyList<NodeLine> nodes) =>
        nodes.Where(n => n.NotReady.Length > 0).GroupBy(n => n.NotReady, n => n.Name, (reason, names) => (reason, string.Join(", ", names)));

    private static IEnumerable<string> Wrapped(string text)
    {
        string line = "";
        foreach (string word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > Width)
            {
                yield return line;
                line = "   ";
            }

            line += line.Length > 0 ? ' ' + word : word;
        }

        yield return line;
    }

    private static string Clock(TimeSpan time)
    {
        int seconds = (int)Math.Round(time.TotalSeconds);
        return $"{seconds / 60:00}:{seconds % 60:00}";
    }
}
