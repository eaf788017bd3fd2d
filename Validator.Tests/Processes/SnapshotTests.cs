using System.Net;
using Validator.Host.Contracts;
using Validator.Host.Tools.Load;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

[Collection(nameof(ProcessTests))]
public sealed class SnapshotTests
{
    // Protects newcomers and the wiped where nobody has the old blocks any more: by a snapshot to the tip, the old indices gone,
    // and the same state as all.
    [Fact]
    public async Task A_wiped_validator_catches_up_by_snapshot()
    {
        await using ProcessCluster cluster = await StartAsync();
        NodeProcess leader = await cluster.LeaderAsync();
        NodeProcess wiped = cluster.Nodes.Last(n => n != leader);
        wiped.Kill();
        Directory.Delete(LocalCluster.StorePath(wiped), recursive: true);
        await RunPastRetentionAsync(cluster, [.. cluster.Nodes.Where(n => n != wiped)]);

        wiped.Start();
        await AssertSameStateAsync(cluster);
        Assert.False((await cluster.StatusAsync(wiped)).Signing);
        Assert.Contains("fetching the snapshot", wiped.LogTail(200));
        Assert.Equal(HttpStatusCode.Gone, await cluster.GetAsync(wiped, "/v1/finalized?from=0"));
        Assert.Equal(HttpStatusCode.Gone, await cluster.GetAsync(leader, "/v1/blocks/1"));
        await cluster.SubmitFinalAsync(leader, "afterwards"u8.ToArray());
        await AssertSameStateAsync(cluster);

        // What came by snapshot is whole enough to start from.
        wiped.Kill();
        wiped.Start();
        await cluster.SubmitFinalAsync(leader, "and after a restart"u8.ToArray());
        await AssertSameStateAsync(cluster);
    }

    // Protects a validator whose votes are whole and whose ledger is not: votes that it has forgotten and meets again convict
    // nobody, and once it is past them it signs as before.
    [Fact]
    public async Task A_lost_ledger_comes_back_by_snapshot_and_the_validator_signs_on()
    {
        await using ProcessCluster cluster = await StartAsync();
        await RunPastRetentionAsync(cluster, cluster.Nodes);
        NodeProcess leader = await cluster.LeaderAsync();
        NodeProcess damaged = cluster.Nodes.Last(n => n != leader);
        damaged.Kill();
        Directory.Delete(Path.Combine(LocalCluster.StorePath(damaged), "ledger"), recursive: true);
        damaged.Start();
        await AssertSameStateAsync(cluster);
        Assert.True((await cluster.StatusAsync(damaged)).Signing);
        Assert.Contains("fetching the snapshot", damaged.LogTail(200));

        // Three are a quorum only with it.
        NodeProcess stopped = cluster.Nodes.First(n => n != damaged && n != leader);
        ProcessCluster.Send(stopped, ProcessCluster.Signal.Stop);
        await cluster.SubmitFinalAsync(damaged, "three sign"u8.ToArray());
        ProcessCluster.Send(stopped, ProcessCluster.Signal.Continue);
        await AssertSameStateAsync(cluster);
    }

    // Protects one who was away for whole epochs, of which nobody keeps a block: by the ends of epochs to a snapshot of a later
    // one, and it signs there; a kill on the way costs nothing.
    [Fact]
    public async Task A_validator_that_missed_epochs_comes_back_by_snapshot()
    {
        await using ProcessCluster cluster = await StartAsync(epochLength: 50);
        NodeProcess leader = await cluster.LeaderAsync();
        NodeProcess away = cluster.Nodes.Last(n => n != leader);
        ulong before = (await cluster.StatusAsync(away)).Epoch;
        away.Kill();
        await RunPastRetentionAsync(cluster, [.. cluster.Nodes.Where(n => n != away)]);
        away.Start();
        await ProcessCluster.UntilAsync("it skips an epoch", ProcessCluster.Patience, () => Task.FromResult(away.LogTail(400).Contains("on to the next")));
        away.Kill();
        away.Start();
        await AssertSameStateAsync(cluster);
        NodeStatus status = await cluster.StatusAsync(away);
        Assert.True(status.Signing);
        Assert.True(status.Epoch > before + 1);
        NodeProcess stopped = cluster.Nodes.First(n => n != away && n != leader);
        ProcessCluster.Send(stopped, ProcessCluster.Signal.Stop);
        await cluster.SubmitFinalAsync(away, "three sign"u8.ToArray());
        ProcessCluster.Send(stopped, ProcessCluster.Signal.Continue);
        await AssertSameStateAsync(cluster);
    }

    private static async Task<ProcessCluster> StartAsync(ulong epochLength = Validator.Host.Cli.InitOptions.DefaultEpochLength)
    {
        ProcessCluster cluster = ProcessCluster.Create(4, epochLength);
        foreach (NodeProcess node in cluster.Nodes)
        {
            string config = Path.Combine(node.Directory, "node.toml");
            File.WriteAllText(
                config, File.ReadAllText(config).Replace("path = \"db\"", "path = \"db\"\nretain_blocks = 100\nsnapshot_blocks = 40"));
        }

        cluster.Cluster.StartAll();
        await cluster.Cluster.WaitReadyAsync(cluster.Nodes, ProcessCluster.Patience);
        return cluster;
    }

    /// <summary>Load until these have deleted their first blocks.</summary>
    private static async Task RunPastRetentionAsync(ProcessCluster cluster, NodeProcess[] nodes)
    {
        using LoadRun load = cluster.Load(300, 5, nodes);
        LoadResult result = await load.RunAsync(CancellationToken.None);
        Assert.Equal((0, 0), (result.Duplicated, result.Diverged));
        await ProcessCluster.UntilAsync("the first blocks are deleted", TimeSpan.FromSeconds(60), async () =>
        {
            // One block each.
            await cluster.SubmitFinalAsync(nodes[0], Guid.NewGuid().ToByteArray());
            HttpStatusCode[] first = await Task.WhenAll(nodes.Select(n => cluster.GetAsync(n, "/v1/blocks/50")));
            return first.All(code => code == HttpStatusCode.Gone);
        });
    }

    private static Task AssertSameStateAsync(ProcessCluster cluster) =>
        ProcessCluster.UntilAsync("the same executed root everywhere", ProcessCluster.Patience, async () =>
        {
            NodeStatus?[] all = await Task.WhenAll(cluster.Nodes.Select(n => cluster.Cluster.StatusAsync(n)));
            return all.All(s => s is not null && s.ExecutedRoot == all[0]!.ExecutedRoot && s.NextFinalIndex == all[0]!.NextFinalIndex);
        });
}
