using System.Diagnostics;
using System.Net;
using Validator.Host;
using Validator.Host.Contracts;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

[Collection(nameof(ProcessTests))]
public sealed class MembershipTests
{
    // Protects section 6: a validator without its votes comes back as a follower that signs nothing, says so, and has the
    // others' state; the three that are left go on.
    [Fact]
    public async Task A_wiped_validator_follows_and_signs_nothing()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        await cluster.SubmitFinalAsync(cluster.Nodes[0], "before"u8.ToArray());
        NodeProcess leader = await cluster.LeaderAsync();
        NodeProcess wiped = cluster.Nodes.Last(n => n != leader);
        NodeProcess sound = cluster.Nodes.First(n => n != wiped);
        wiped.Kill();
        Directory.Delete(LocalCluster.StorePath(wiped), recursive: true);
        wiped.Start();
        await cluster.SubmitFinalAsync(sound, "while it is away"u8.ToArray());

        await ProcessCluster.UntilAsync("the wiped validator has caught up", ProcessCluster.Patience, async () =>
            await cluster.Cluster.StatusAsync(wiped) is { NextFinalIndex: 2 });
        NodeStatus status = await cluster.StatusAsync(wiped);
        Assert.False(status.Signing);
        Assert.Equal(
            await cluster.ReadStreamAsync(sound, 2),
            await cluster.ReadStreamAsync(wiped, 2));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await cluster.SubmitAsync(wiped, "not here"u8.ToArray()));
        Assert.Equal(0, await cluster.MetricAsync(wiped, "cretoai_signatures_made_total"));

        // Three sign; with one of those stopped as well there is no quorum, whatever the wiped one does.
        NodeProcess stopped = cluster.Nodes.First(n => n != wiped && n != sound);
        ProcessCluster.Send(stopped, ProcessCluster.Signal.Stop);
        Task<TimeSpan> waiting = cluster.SubmitFinalAsync(sound, "needs three signers"u8.ToArray());
        await Task.WhenAny(waiting, Task.Delay(2500));
        bool finalWithTwo = waiting.IsCompleted;
        ProcessCluster.Send(stopped, ProcessCluster.Signal.Continue);
        Assert.False(finalWithTwo);
        await waiting;
    }

    // Protects section 6 where a rolled-back vote store is not marked: once the validator has met its own signature in a message
    // that the store lacks, neither a restart nor a new vote store makes it sign again.
    [Fact]
    public async Task A_contradicted_vote_store_never_signs_again()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        NodeProcess leader = await cluster.LeaderAsync();
        NodeProcess rolledBack = cluster.Nodes.Last(n => n != leader);
        string[] create = ["votes", "create", "--config", Path.Combine(rolledBack.Directory, "node.toml"), "--never-signed"];
        await cluster.SubmitFinalAsync(rolledBack, "before"u8.ToArray());
        rolledBack.Kill();
        string marker = Path.Combine(LocalCluster.StorePath(rolledBack), "votes.contradicted");
        Directory.Delete(LocalCluster.StorePath(rolledBack), recursive: true);
        Assert.Equal(0, CommandLine.Run(create));

        rolledBack.Start();
        await ProcessCluster.UntilAsync("the mark of the contradiction", ProcessCluster.Patience, () => Task.FromResult(File.Exists(marker)));
        rolledBack.Kill();
        rolledBack.Start();
        await cluster.Cluster.WaitReadyAsync([rolledBack], ProcessCluster.Patience);
        Assert.False((await cluster.StatusAsync(rolledBack)).Signing);
        await ProcessCluster.UntilLoggedAsync(rolledBack, $"{marker}: a message with this validator's signature");
        await cluster.SubmitFinalAsync(leader, "the others go on"u8.ToArray());
        Assert.Equal(0, await cluster.MetricAsync(rolledBack, "cretoai_signatures_made_total"));
        rolledBack.Kill();
        Assert.Equal(3, CommandLine.Run(create));
    }

    // Protects the transport's identity: whoever connects with a key that is not in genesis is refused and counted, and the
    // cluster does not mind.
    [Fact]
    public async Task A_wrong_transport_key_is_refused_and_counted()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        using NodeProcess stranger = cluster.StrangerInTheNameOf(cluster.Nodes[0]);
        stranger.Start();
        await ProcessCluster.UntilAsync("a refused connection is counted", ProcessCluster.Patience, async () =>
        {
            Assert.True(stranger.IsRunning, stranger.LogTail(20));
            double refused = 0;
            foreach (NodeProcess node in cluster.Nodes)
            {
                refused += await cluster.MetricAsync(node, "cretoai_connections_refused_total");
            }

            return refused > 0;
        });
        Assert.False(await cluster.Cluster.StatusAsync(stranger) is { Ready: true });
        await cluster.SubmitFinalAsync(cluster.Nodes[0], "all the same"u8.ToArray());
    }

    // Protects operators' restarts: SIGTERM stops a busy validator cleanly (under 2 s; the bound here leaves room for a
    // machine that stalls), and it comes back signing.
    [Fact]
    public async Task Sigterm_stops_cleanly_and_the_validator_comes_back()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        NodeProcess node = cluster.Nodes[1];
        await cluster.SubmitFinalAsync(node, "before"u8.ToArray());
        long start = Stopwatch.GetTimestamp();
        ProcessCluster.Send(node, ProcessCluster.Signal.Terminate);
        Assert.True(await node.WaitForExitAsync(ProcessCluster.Patience), node.LogTail(20));
        Assert.Equal(0, node.ExitCode);
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 15);

        node.Start();
        await cluster.Cluster.WaitReadyAsync([node], ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(node, "after"u8.ToArray());
        Assert.True((await cluster.StatusAsync(node)).Signing);
    }
}
