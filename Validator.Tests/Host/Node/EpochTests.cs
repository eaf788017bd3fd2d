using Validator.Core.Primitives;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Node;
using Validator.Host.Pipeline;
using Validator.Net.Quic;

namespace Validator.Tests.Host.Node;

public class EpochTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    /// <summary>
    /// Protects the switch under load: clients wait across many epochs, and what was accepted is final once, in one order
    /// everywhere.
    /// </summary>
    [Fact]
    public async Task The_stream_goes_on_across_epochs()
    {
        MemoryNetwork network = new(4);
        await using TestCluster cluster = new(4, MemoryStores.Open, network.Create, epochLength: 10);
        for (int i = 0; i < 4; i++)
        {
            cluster.Start(i);
        }

        int count = 0;
        while (cluster.Nodes.Min(n => n!.GetStatus().Epoch) < 8)
        {
            await ClusterTests.FinalizeAsync(cluster, count, 400);
            count += 400;
        }

        await ClusterTests.AssertSameStreamAsync(cluster, count);
        await ClusterTests.AssertNoBufferIsLostAsync(cluster, shared: true);
    }

    /// <summary>
    /// Protects what was acknowledged when validators end anywhere around a switch: all come back into one epoch, nothing is lost
    /// and nothing comes twice, though own vertices of ended epochs are authored again.
    /// </summary>
    [Fact]
    public async Task Restarts_around_the_switch_lose_nothing()
    {
        await using TestCluster cluster = new(4, TestCluster.OpenStores, options => new QuicTransport(options), epochLength: 5);
        for (int i = 0; i < 4; i++)
        {
            cluster.Start(i);
        }

        Random random = new(5);
        List<Submission> durable = [];
        for (int round = 0; round < 12; round++)
        {
            int victim = round % 4;
            for (int i = 0; i < 40; i++)
            {
                Submission submission = TestCluster.Submission(victim, (100 * round) + i, 1, wantsFinal: false);
                if (cluster.Nodes[victim]!.TrySubmit(submission) == SubmitRefusal.None)
                {
                    durable.Add(submission);
                }

                await Task.Delay(random.Next(3));
            }

            await cluster.StopAsync(victim);
            cluster.Start(victim);
        }

        HashSet<Hash256> promised = [];
        foreach (Submission submission in durable)
        {
            if (await submission.Completion.WaitAsync(Limit) == SubmissionFailure.None)
            {
                promised.Add(new Hash256(submission.Ids));
            }
        }

        Assert.True(promised.Count > 200);
        Assert.True(cluster.Nodes[0]!.GetStatus().Epoch > 4);
        DateTime end = DateTime.UtcNow + Limit;
        foreach (ValidatorNode? node in cluster.Nodes)
        {
            HashSet<Hash256> final = [];
            while (!promised.IsSubsetOf(final) && DateTime.UtcNow < end)
            {
                List<(ulong Index, Hash256 Id)> stream = await TestCluster.ReadFinalAsync(node!, (int)node!.NextFinalIndex, Limit);
                final = [.. stream.Select(s => s.Id)];
                Assert.Equal(stream.Count, final.Count);
                await Task.Delay(50);
            }

            Assert.Subset(final, promised);
            Assert.True(node!.GetStatus().Signing);
        }
    }

    /// <summary>
    /// Protects the cluster from lost votes: such a validator follows, and signs again by itself two epochs later, for good.
    /// </summary>
    [Fact]
    public async Task A_follower_signs_again_two_epochs_later()
    {
        await using TestCluster cluster = new(4, TestCluster.OpenStores, options => new QuicTransport(options), epochLength: 20);
        for (int i = 0; i < 4; i++)
        {
            cluster.Start(i);
        }

        await ClusterTests.FinalizeAsync(cluster, 0, 200);
        StorageSection storage = cluster.ContextOf(3).Config.Storage;
        await cluster.StopAsync(3);
        VoteStoreSetup.MarkContradicted(storage, "for the test");
        cluster.Start(3);
        NodeStatus status = cluster.Nodes[3]!.GetStatus();
        Assert.False(status.Signing);
        ulong lost = status.Epoch;
        int count = 200;
        while (!cluster.Nodes[3]!.GetStatus().Signing)
        {
            await ClusterTests.FinalizeAsync(cluster, count, 100, authors: 3);
            count += 100;
            Assert.True(count < 20_000, "it never signs again");
        }

        status = cluster.Nodes[3]!.GetStatus();
        Assert.True(status.Epoch >= lost + 2);
        // The votes' thread has the new store in place before its first record, and takes the mark away last.
        for (int i = 0; i < 200 && VoteStoreSetup.Mark(storage) is not null; i++)
        {
            await Task.Delay(50);
        }

        Assert.Null(VoteStoreSetup.Mark(storage));

        // The others cannot go on without it now.
        await cluster.StopAsync(0);
        Submission submission = TestCluster.Submission(3, count, 10, wantsFinal: true);
        Assert.Equal(SubmitRefusal.None, cluster.Nodes[3]!.TrySubmit(submission));
        Assert.Equal(SubmissionFailure.None, await submission.Completion.WaitAsync(Limit));
        await cluster.StopAsync(3);
        cluster.Start(3);
        Assert.True(cluster.Nodes[3]!.GetStatus().Signing);
    }
}
