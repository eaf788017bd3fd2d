using System.Text.RegularExpressions;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>Arrangements of address hints under which real validators must find each other.</summary>
[Collection(nameof(ProcessTests))]
public sealed class DialTests
{
    // Protects a member whose address nobody knows, and who knows theirs: it dials, whatever its place in genesis, and is
    // connected with all.
    [Fact]
    public async Task A_member_that_nobody_knows_joins_by_dialling()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        NodeProcess last = cluster.Nodes[^1];
        foreach (NodeProcess node in cluster.Nodes[..^1])
        {
            SetPeers(node, [.. cluster.Nodes[..^1].Where(n => n != node).Select(n => Hint(n, n.Name))]);
        }

        await cluster.StartAllAsync();
        await ProcessCluster.UntilAsync("the last one is connected with all", ProcessCluster.Patience, async () =>
            await cluster.MetricAsync(last, "cretoai_peer_up") == 3);
        await cluster.SubmitFinalAsync(last, "from whom nobody knows"u8.ToArray());
    }

    // Protects one list for everybody, the own address included: all connect, and nothing of it is told or counted as a stranger.
    [Fact]
    public async Task One_list_of_all_four_addresses_serves_all_four()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        string[] all = [.. cluster.Nodes.Select(n => Hint(n, ""))];
        foreach (NodeProcess node in cluster.Nodes)
        {
            SetPeers(node, all);
        }

        await cluster.StartAllAsync();
        await ProcessCluster.UntilAsync("all are connected with all", ProcessCluster.Patience, async () =>
        {
            double up = 0;
            foreach (NodeProcess node in cluster.Nodes)
            {
                up += await cluster.MetricAsync(node, "cretoai_peer_up");
            }

            return up == 12;
        });
        await cluster.SubmitFinalAsync(cluster.Nodes[0], "one list"u8.ToArray());
        foreach (NodeProcess node in cluster.Nodes)
        {
            Assert.Equal(0, await cluster.MetricAsync(node, "cretoai_connections_refused_total"));
            Assert.Equal(0, await cluster.MetricAsync(node, "cretoai_replaced_connections_total"));
            string log = node.LogTail(1000);
            Assert.DoesNotContain("not the pinned one", log, StringComparison.Ordinal);
            Assert.InRange(Regex.Count(log, "is this validator's own address"), 0, 1);
        }
    }

    private static string Hint(NodeProcess node, string name) =>
        $"/ip4/127.0.0.1/udp/{node.Ports.Quic}/quic-v1{(name.Length > 0 ? $"/p2p/{name}" : "")}";

    private static void SetPeers(NodeProcess node, string[] hints)
    {
        string path = Path.Combine(node.Directory, "node.toml");
        string list = string.Join(",\n", hints.Select(h => $"    \"{h}\""));
        File.WriteAllText(path, Regex.Replace(File.ReadAllText(path), @"bootstrap_peers = \[[^\]]*\]", $"bootstrap_peers = [\n{list}\n]"));
    }
}
