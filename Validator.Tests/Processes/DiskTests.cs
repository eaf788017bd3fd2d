using System.Net;
using Validator.Host.Tools.Localnet;
using Validator.Tests.Host;

namespace Validator.Tests.Processes;

[Collection(nameof(ProcessTests))]
public sealed class DiskTests
{
    private const int ExitStore = 3;

    // Protects "synced before it leaves": proven from outside, since finality must wait for at least two syncs in a row
    // (the vertex's, then a vote's), each of which now takes half a second more.
    [Fact]
    public async Task Delayed_syncs_delay_finality_by_at_least_two_of_them()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        await cluster.SubmitFinalAsync(cluster.Nodes[0], "warm up"u8.ToArray());
        TimeSpan without = await cluster.SubmitFinalAsync(cluster.Nodes[0], "without a delay"u8.ToArray());
        List<Strace> traces = [];
        try
        {
            foreach (NodeProcess node in cluster.Nodes)
            {
                traces.Add(await Strace.AttachAsync(node, "delay_exit=500000", "votes", "ledger"));
            }

            TimeSpan with = await cluster.SubmitFinalAsync(cluster.Nodes[0], "with delays"u8.ToArray());
            Assert.True(with - without >= TimeSpan.FromSeconds(1), $"{without.TotalMilliseconds} ms without, {with.TotalMilliseconds} ms with");
        }
        finally
        {
            traces.ForEach(t => t.Dispose());
        }
    }

    // Protects the vote: where the syncs of votes, or of the vertices that they speak for, fail on two of four, the other
    // two never see a quorum, so no vote went out unsynced; and the operator is told.
    [Theory]
    [InlineData("EIO", "votes", "Input/output error")]
    [InlineData("ENOSPC", "votes", "No space left")]
    [InlineData("EIO", "ledger", "Input/output error")]
    public async Task A_failed_sync_lets_no_vote_out_and_stops_the_validator(string error, string store, string message)
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        await cluster.SubmitFinalAsync(cluster.Nodes[0], "before"u8.ToArray());
        await QuietAsync(cluster);
        NodeProcess leader = await cluster.LeaderAsync();
        NodeProcess[] failing = [.. cluster.Nodes.Where(n => n != leader).Take(2)];
        NodeProcess[] healthy = [.. cluster.Nodes.Except(failing)];
        List<Strace> traces = [];
        try
        {
            foreach (NodeProcess node in failing)
            {
                traces.Add(await Strace.AttachAsync(node, $"error={error}", store));
            }

            Assert.Equal(HttpStatusCode.Accepted, await cluster.SubmitAsync(leader, "never final"u8.ToArray()));
            foreach (NodeProcess node in failing)
            {
                Assert.True(await node.WaitForExitAsync(ProcessCluster.Patience), $"{node.Name} still runs:\n{node.LogTail(20)}");
                Assert.Equal(ExitStore, node.ExitCode);
                Assert.Contains(message, node.LogTail(50));
            }

            await Task.Delay(1500);
            foreach (NodeProcess node in healthy)
            {
                Assert.Equal(1UL, (await cluster.StatusAsync(node)).NextFinalIndex);
            }
        }
        finally
        {
            traces.ForEach(t => t.Dispose());
        }

        // With a sound disk again they take up where they stopped.
        foreach (NodeProcess node in failing)
        {
            node.Start();
        }

        await cluster.SubmitFinalAsync(leader, "after"u8.ToArray());
        Assert.Equal(3UL, (await cluster.StatusAsync(leader)).NextFinalIndex);
    }

    // Protects against an unsafe start: databases that are damaged, another chain's, or in use are refused with exit code 3
    // and words that name the folder.
    [Fact]
    public async Task A_damaged_foreign_or_locked_database_is_refused()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        await using ProcessCluster other = ProcessCluster.Create();
        NodeProcess node = cluster.Nodes[0];
        NodeProcess second = cluster.SecondProcessOn(node);
        second.Start();
        await AssertRefusedAsync(second, "lock");

        foreach (NodeProcess running in cluster.Nodes)
        {
            Assert.True(await running.StopAsync(ProcessCluster.Patience));
        }

        // The other chain's store under this node's configuration and keys.
        string own = LocalCluster.StorePath(node);
        Directory.Move(own, own + ".away");
        TemporaryFolder.Copy(LocalCluster.StorePath(other.Nodes[0]), own);
        node.Start();
        await AssertRefusedAsync(node, "chain");

        Directory.Delete(own, recursive: true);
        Directory.Move(own + ".away", own);
        foreach (string manifest in Directory.GetFiles(own, "MANIFEST-*", SearchOption.AllDirectories))
        {
            byte[] bytes = await File.ReadAllBytesAsync(manifest);
            bytes.AsSpan(bytes.Length / 2).Fill(0xA5);
            await File.WriteAllBytesAsync(manifest, bytes);
        }

        node.Start();
        await AssertRefusedAsync(node, "orrupt");
    }

    /// <summary>The empty blocks that certify the last root are done: nobody has a vote to sync.</summary>
    private static async Task QuietAsync(ProcessCluster cluster)
    {
        ulong[] before = [];
        await ProcessCluster.UntilAsync("no further block", ProcessCluster.Patience, async () =>
        {
            await Task.Delay(300);
            ulong[] now = Array.ConvertAll(await Task.WhenAll(cluster.Nodes.Select(cluster.StatusAsync)), s => s.FinalSequence);
            bool same = now.AsSpan().SequenceEqual(before);
            before = now;
            return same;
        });
    }

    private static async Task AssertRefusedAsync(NodeProcess node, string word)
    {
        Assert.True(await node.WaitForExitAsync(ProcessCluster.Patience), $"still runs:\n{node.LogTail(20)}");
        string log = node.LogTail(60);
        Assert.True(node.ExitCode == ExitStore, $"exit code {node.ExitCode}\n{log}");
        Assert.Contains(word, log);
        Assert.Contains(node.Directory, log);
        Assert.DoesNotContain("   at ", log);
    }
}
