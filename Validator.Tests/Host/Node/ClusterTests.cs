using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Node;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Net.Quic;

namespace Validator.Tests.Host.Node;

public class ClusterTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>Protects the slice as a whole: what four validators accept becomes final once, in one order everywhere.</summary>
    [Fact]
    public async Task Four_validators_finalize_the_same_stream()
    {
        MemoryNetwork network = new(4);
        await using TestCluster cluster = new(4, MemoryStores.Open, network.Create);
        for (int i = 0; i < 4; i++)
        {
            cluster.Start(i);
        }

        await FinalizeAsync(cluster, 0, 2000);
        await AssertSameStreamAsync(cluster, 2000);
        await AssertNoBufferIsLostAsync(cluster);
    }

    /// <summary>The same over the real transport: mutual TLS on loopback.</summary>
    [Fact]
    public async Task Four_validators_finalize_the_same_stream_over_QUIC()
    {
        await using TestCluster cluster = new(4, MemoryStores.Open, options => new QuicTransport(options));
        for (int i = 0; i < 4; i++)
        {
            cluster.Start(i);
        }

        await FinalizeAsync(cluster, 0, 2000);
        await AssertSameStreamAsync(cluster, 2000);
        await AssertNoBufferIsLostAsync(cluster);
    }

    /// <summary>
    /// Protects what was acknowledged: all stop, all start again from disk, and the stream goes on where it was.
    /// </summary>
    [Fact]
    public async Task The_stream_goes_on_after_a_restart_of_all()
    {
        await using TestCluster cluster = new(4, TestCluster.OpenStores, options => new QuicTransport(options));
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 4; i++)
            {
                cluster.Start(i);
            }

            await FinalizeAsync(cluster, 1000 * round, 1000);
            await AssertSameStreamAsync(cluster, 1000 * (round + 1));
            for (int i = 0; i < 4; i++)
            {
                Assert.True(cluster.Nodes[i]!.GetStatus().Signing);
                await cluster.StopAsync(i);
            }
        }
    }

    /// <summary>
    /// Protects a validator that lost its votes: it signs nothing, fetches what it missed, and follows from there on.
    /// </summary>
    [Fact]
    public async Task A_validator_without_votes_catches_up_and_follows()
    {
        MemoryNetwork network = new(4);
        bool wiped = false;
        await using TestCluster cluster = new(4, context => MemoryStores.Open(context, hasVotes: !wiped), network.Create);
        for (int i = 0; i < 3; i++)
        {
            cluster.Start(i);
        }

        await FinalizeAsync(cluster, 0, 1500, authors: 3);
        wiped = true;
        cluster.Start(3);
        await FinalizeAsync(cluster, 1500, 500, authors: 3);
        await AssertSameStreamAsync(cluster, 2000);
        Submission refused = TestCluster.Submission(3, 0, 1, wantsFinal: false);
        Assert.Equal(SubmitRefusal.NotSigning, cluster.Nodes[3]!.TrySubmit(refused));
        NodeStatus status = cluster.Nodes[3]!.GetStatus();
        Assert.False(status.Signing);
        Assert.Equal(0UL, status.LaneHeight);
    }

    /// <summary>Protects clients of a node that stops without a quorum: each gets its answer, none hangs.</summary>
    [Fact]
    public async Task Stopping_answers_every_client()
    {
        MemoryNetwork network = new(4);
        await using TestCluster cluster = new(4, MemoryStores.Open, network.Create);
        cluster.Start(0);
        ValidatorNode node = cluster.Nodes[0]!;
        Assert.False(node.IsReady(out string reason));
        Assert.NotEmpty(reason);
        Submission[] submissions = Enumerable.Range(0, 200)
            .Select(i => TestCluster.Submission(0, 10 * i, 10, wantsFinal: i % 2 == 0)).ToArray();
        Assert.All(submissions, submission => Assert.Equal(SubmitRefusal.None, node.TrySubmit(submission)));
        Assert.Equal(SubmissionFailure.None, await submissions[1].Completion.WaitAsync(Limit));
        await cluster.StopAsync(0);
        Assert.Equal(ExitCodes.Success, await node.Stopped);
        Assert.Equal(SubmitRefusal.Draining, node.TrySubmit(TestCluster.Submission(0, 0, 1, wantsFinal: false)));
        foreach (Submission submission in submissions)
        {
            SubmissionFailure failure = await submission.Completion.WaitAsync(Limit);
            Assert.True(failure == SubmissionFailure.Stopping || (failure == SubmissionFailure.None && !submission.WantsFinal));
        }
    }

    /// <summary>
    /// Protects clients that act on their answer: at the moment when one is told that it is final, status, stream, lookup and
    /// committee of that validator show it already.
    /// </summary>
    [Fact]
    public async Task Who_is_told_of_finality_finds_it_everywhere()
    {
        MemoryNetwork network = new(5);
        await using TestCluster cluster = new(4, MemoryStores.Open, network.Create, outsiders: 1);
        for (int i = 0; i < 4; i++)
        {
            cluster.Start(i);
        }

        ValidatorNode node = cluster.Nodes[0]!;
        for (int i = 0; i < 20; i++)
        {
            Submission submission = i == 10
                ? cluster.Change(CommitteeChange.Join(0, cluster.MemberOf(4)), 0, 0, 1, 2)
                : TestCluster.Submission(0, 10 * i, 10, wantsFinal: true);
            AtFinality told = new(node, submission);
            submission.Watcher = told;
            Assert.Equal(SubmitRefusal.None, node.TrySubmit(submission));
            (NodeStatus status, TransactionStage found, int read, EpochConfiguration epoch) = await told.Seen.WaitAsync(Limit);
            TransactionState last = submission.States[^1];
            Assert.Equal(TransactionStage.Finalized, last.Stage);
            Assert.Equal(
                (last.Index + 1, last.BlockSequence, TransactionStage.Finalized, true),
                (status.NextFinalIndex, status.ExecutedSequence, found, read > 0));
            Assert.Equal(i >= 10, epoch.Pending is not null || epoch.Number > 0);
        }
    }

    internal static async Task FinalizeAsync(TestCluster cluster, int first, int count, int authors = 4)
    {
        const int Each = 10;
        List<Submission> submitted = [];
        for (int at = 0; at < count; at += Each)
        {
            int author = at / Each % authors;
            Submission submission = TestCluster.Submission(author, first + at, Each, wantsFinal: true);
            Assert.Equal(SubmitRefusal.None, cluster.Nodes[author]!.TrySubmit(submission));
            submitted.Add(submission);
        }

        foreach (Submission submission in submitted)
        {
            Assert.Equal(SubmissionFailure.None, await submission.Completion.WaitAsync(Limit));
            foreach (TransactionState state in submission.States)
            {
                Assert.Equal(TransactionStage.Finalized, state.Stage);
            }

            submission.Release();
        }
    }

    /// <summary>At rest, what is in use of the pools is what the cache keeps: each vertex gave its buffers back, once.</summary>
    /// <param name="shared">Whether two vertices may have one body, in two epochs: it then counts as cached for both.</param>
    internal static async Task AssertNoBufferIsLostAsync(TestCluster cluster, bool shared = false)
    {
        foreach (ValidatorNode? node in cluster.Nodes)
        {
            DateTime end = DateTime.UtcNow + Limit;
            while (node!.Buffers is var (inUse, cached) && (shared ? inUse > cached : inUse != cached))
            {
                Assert.True(DateTime.UtcNow < end, $"{inUse} bytes of buffers are in use, {cached} of them cached");
                await Task.Delay(1);
            }
        }
    }

    internal static async Task AssertSameStreamAsync(TestCluster cluster, int count)
    {
        List<(ulong Index, Hash256 Id)>? expected = null;
        foreach (ValidatorNode? node in cluster.Nodes)
        {
            List<(ulong Index, Hash256 Id)> stream = await TestCluster.ReadFinalAsync(node!, count, Limit);
            Assert.Equal(count, stream.Count);
            Assert.Equal(Enumerable.Range(0, count).Select(i => (ulong)i), stream.Select(entry => entry.Index));
            Assert.Equal(count, stream.Select(entry => entry.Id).Distinct().Count());
            expected ??= stream;
            Assert.Equal(expected, stream);
        }
    }

    /// <summary>What a validator shows while it tells.</summary>
    private sealed class AtFinality(INodeGateway node, Submission submission) : ISubmissionWatcher
    {
        private readonly TaskCompletionSource<(NodeStatus Status, TransactionStage Found, int Read, EpochConfiguration Epoch)> _seen =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<(NodeStatus Status, TransactionStage Found, int Read, EpochConfiguration Epoch)> Seen => _seen.Task;

        public void Durable()
        {
        }

        public void Final()
        {
            using FinalizedPage page = new();
            using IFinalizedReader reader = node.OpenFinalized(submission.States[^1].Index);
            node.TryFindTransaction(new Hash256(submission.Ids[^Hash256.Size..]), out TransactionState found);
            _seen.SetResult((node.GetStatus(), found.Stage, reader.Read(page), node.Epoch));
        }

        public void Failed(SubmissionFailure failure) => _seen.SetException(new InvalidOperationException(failure.ToString()));
    }
}
