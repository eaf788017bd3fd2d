using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Net.Quic;

namespace Validator.Tests.Host.Node;

public class MembershipTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Protects committee changes of every kind over the real transport: a newcomer that members do not know dials until they do,
    /// catches up and votes; one with new keys takes its place again; who leaves follows; and all of it survives restarts.
    /// </summary>
    [Fact]
    public async Task Join_keys_and_leave_take_effect_and_survive_restarts()
    {
        await using TestCluster cluster = new(4, TestCluster.OpenStores, options => new QuicTransport(options), outsiders: 1);
        for (int i = 0; i < 5; i++)
        {
            cluster.Start(i);
        }

        await ClusterTests.FinalizeAsync(cluster, 0, 400);
        Assert.Equal(SubmitRefusal.NotSigning, cluster.Nodes[4]!.TrySubmit(TestCluster.Submission(4, 0, 1, wantsFinal: false)));

        await ChangeAsync(cluster, CommitteeChange.Join(0, cluster.MemberOf(4)), 0, 1, 2);
        await UntilAsync(cluster, 4, s => s is { Signing: true, Epoch: 1, Members: 5 });
        await FinalizeAsync(cluster, 4, 1);
        // Four of five are a quorum: the newcomer votes, after its own restart too.
        await cluster.StopAsync(4);
        cluster.Start(4);
        await cluster.StopAsync(0);
        await FinalizeAsync(cluster, 4, 2);
        cluster.Start(0);
        await FinalizeAsync(cluster, 0, 3);

        // Both keys of the second.
        await cluster.StopAsync(1);
        byte[] before = [.. cluster.MemberOf(1).ConsensusKey];
        cluster.ChangeKeys(1);
        Member again = cluster.MemberOf(1);
        await ChangeAsync(cluster, CommitteeChange.SetKeys(1, again.Name, again.ConsensusKey, again.TransportKey), 0, 2, 3, 4);
        VoteStoreSetup.Create(cluster.ContextOf(1));
        cluster.Start(1);
        await UntilAsync(cluster, 1, s => s is { Signing: true, Epoch: 2 });
        await UntilAsync(cluster, 3, s => s.Peers.All(p => p.Connected));
        await cluster.StopAsync(0);
        await FinalizeAsync(cluster, 1, 4);
        cluster.Start(0);

        await UntilAsync(cluster, 0, s => s is { Ready: true, Epoch: 2 });
        await ChangeAsync(cluster, CommitteeChange.Leave(2, "node-1"), 1, 2, 3, 4);
        await UntilAsync(cluster, 0, s => s is { Signing: false, Epoch: 3 });
        await UntilAsync(cluster, 4, s => s is { Members: 4, Epoch: 3 });
        await cluster.StopAsync(2);
        await FinalizeAsync(cluster, 4, 5);
        cluster.Start(2);
        await cluster.StopAsync(0);
        cluster.Start(0);
        Assert.False(cluster.Nodes[0]!.GetStatus().Signing);
        int total = (int)cluster.Nodes[4]!.NextFinalIndex;
        List<(ulong, Hash256)> expected = await TestCluster.ReadFinalAsync(cluster.Nodes[4]!, total, Limit);
        for (int i = 1; i < 4; i++)
        {
            Assert.Equal(expected, await TestCluster.ReadFinalAsync(cluster.Nodes[i]!, total, Limit));
        }
    }

    private static async Task ChangeAsync(TestCluster cluster, CommitteeChange change, params int[] signers)
    {
        Submission submission = cluster.Change(change, signers[0], signers);
        Assert.Equal(SubmitRefusal.None, cluster.Nodes[signers[0]]!.TrySubmit(submission));
        Assert.Equal(SubmissionFailure.None, await submission.Completion.WaitAsync(Limit));
        Assert.Equal(TransactionStage.Finalized, submission.States[0].Stage);
        await UntilAsync(cluster, signers[0], s => s.Epoch == change.Epoch + 1);
    }

    private static async Task FinalizeAsync(TestCluster cluster, int author, int number)
    {
        Submission submission = TestCluster.Submission(author, 1_000_000 + number, 1, wantsFinal: true);
        while (cluster.Nodes[author]!.TrySubmit(submission) != SubmitRefusal.None)
        {
            await Task.Delay(25);
        }

        Assert.Equal(SubmissionFailure.None, await submission.Completion.WaitAsync(Limit));
    }

    private static async Task UntilAsync(TestCluster cluster, int validator, Func<NodeStatus, bool> holds)
    {
        DateTime end = DateTime.UtcNow + Limit;
        while (!holds(cluster.Nodes[validator]!.GetStatus()))
        {
            NodeStatus status = cluster.Nodes[validator]!.GetStatus();
            Assert.True(DateTime.UtcNow < end, $"{status.Node}: epoch {status.Epoch}, final {status.FinalSequence}, signing {status.Signing}: {status.Reason}");
            await Task.Delay(25);
        }
    }
}
