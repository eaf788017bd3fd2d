using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Net.Rings;

namespace Validator.Tests.Host.Node;

public class PartsTests
{
    /// <summary>Protects Core from a token of the past naming a newer payload.</summary>
    [Fact]
    public void An_old_token_finds_nothing()
    {
        TokenTable<string> table = FreePlaces.TableOf<string>(1);
        ulong first = table.TryPut("first");
        Assert.Equal(0UL, table.TryPut("no room"));
        Assert.Equal("first", table.Take(first));
        Assert.Null(table.Take(first));
        ulong second = table.TryPut("second");
        Assert.NotEqual(first, second);
        Assert.Null(table.Take(first));
        Assert.Equal("second", table.Take(second));
        Assert.Null(table.Take(0));
        Assert.Null(table.Take(ulong.MaxValue));
    }

    /// <summary>Protects memory: the cache forgets the oldest first and never keeps more bytes than it may.</summary>
    [Fact]
    public void The_vertex_cache_keeps_to_its_bytes()
    {
        VertexCache cache = new(100_000);
        HeldVertex[] vertices = Enumerable.Range(1, 40).Select(height => Vertex((ulong)height, 5_000)).ToArray();
        foreach (HeldVertex vertex in vertices)
        {
            cache.Add(vertex);
            Assert.True(cache.Bytes <= 100_000);
            Assert.Same(vertex, cache.Find(vertex.Header.Hash));
        }

        Assert.Null(cache.Find(vertices[0].Header.Hash));
        Assert.NotNull(cache.Find(vertices[35].Header.Hash));
    }

    /// <summary>Protects clients who ask where a transaction stands: final is never overwritten, and old ones give way.</summary>
    [Fact]
    public void Recent_transactions_keep_the_final_state()
    {
        RecentTransactions recent = new(64);
        Hash256 id = Hash256.Of([1]);
        TransactionState durable = new(TransactionStage.Durable, 0, 0, TransactionRejection.None);
        TransactionState final = new(TransactionStage.Finalized, 7, 3, TransactionRejection.None);
        recent.Set(id, durable);
        recent.ForgetDurable(id);
        Assert.False(recent.TryFind(id, out _));
        recent.Set(id, durable);
        Assert.True(recent.TryFind(id, out TransactionState state));
        Assert.Equal(durable, state);
        recent.Set(id, final);
        recent.Set(id, durable);
        Assert.True(recent.TryFind(id, out state));
        Assert.Equal(final, state);
        for (int i = 0; i < 10_000; i++)
        {
            recent.Set(Hash256.Of(BitConverter.GetBytes(i)), final);
        }

        Assert.False(recent.TryFind(id, out _));
        Assert.True(recent.TryFind(Hash256.Of(BitConverter.GetBytes(9_999)), out _));
    }

    // Protects a leaver's clients (rule E8): who waits for what no block ordered is told so, once, whether it was in a vertex or
    // in none; who comes back authors it.
    [Fact]
    public async Task Who_leaves_tells_those_who_wait()
    {
        Faults faults = new();
        ClientBatcher batcher = new(new ClientBatcherOptions(), FreePlaces.TableOf<ClientBatch>(16), new Topology(cores: 4), faults);
        Submission waits = TestCluster.Submission(0, 1, 1, wantsFinal: true);
        Submission ordered = TestCluster.Submission(0, 2, 1, wantsFinal: true);
        Submission late = TestCluster.Submission(0, 3, 1, wantsFinal: true);
        Assert.Equal(SubmitRefusal.None, batcher.TrySubmit(waits));
        batcher.TakeBack(BatchOf(ordered));
        batcher.EnterEpoch(1, signs: true);
        Assert.False(waits.Completion.IsCompleted || ordered.Completion.IsCompleted);

        batcher.EnterEpoch(2, signs: false, leaves: true);
        ClientBatch after = BatchOf(late);
        batcher.TakeBack(after);
        batcher.EnterEpoch(3, signs: false);
        foreach (Submission submission in (Submission[])[waits, ordered, late])
        {
            Assert.Equal(SubmissionFailure.LeftCommittee, await submission.Completion);
        }

        Assert.Equal(SubmitRefusal.NotSigning, batcher.TrySubmit(TestCluster.Submission(0, 4, 1, wantsFinal: true)));
        after.CompleteDurable(Hash256.Zero);
        Assert.False(late.IsDurable);

        static ClientBatch BatchOf(Submission submission)
        {
            ClientBatch batch = new();
            batch.Add(submission);
            batch.Seal();
            return batch;
        }
    }

    /// <summary>Protects the bounds at the API: no batch without credit, refusal when full, nothing lost in between.</summary>
    [Fact]
    public void The_batcher_waits_for_credit_and_refuses_when_full()
    {
        TokenTable<ClientBatch> waiting = FreePlaces.TableOf<ClientBatch>(16);
        Topology topology = new(cores: 4);
        SpscRing<Input> core = topology.BatcherToCore.Ring;
        Faults faults = new();
        ClientBatcherOptions options = new() { MaxPayloadBytes = 130, MaxPendingBytes = 300 };
        ClientBatcher batcher = new(options, waiting, topology, faults);
        batcher.Loop.Start(faults);

        Submission[] taken = Enumerable.Range(0, 4).Select(i => TestCluster.Submission(0, 5 * i, 5, wantsFinal: false)).ToArray();
        Assert.All(taken, submission => Assert.Equal(SubmitRefusal.None, batcher.TrySubmit(submission)));
        Submission refused = TestCluster.Submission(0, 100, 5, wantsFinal: false);
        Assert.Equal(SubmitRefusal.Full, batcher.TrySubmit(refused));
        Assert.True(core.IsEmpty);

        batcher.Grant();
        List<ulong> tokens = [];
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                while (core.TryDequeue(out Input input))
                {
                    Assert.NotEqual(0ul, input.BatchToken);
                    tokens.Add(input.BatchToken);
                    batcher.Grant();
                }

                return tokens.Count == 2;
            },
            TimeSpan.FromSeconds(10)));
        Assert.Equal(0, batcher.PendingTransactions);
        foreach (ulong token in tokens)
        {
            ClientBatch batch = waiting.Take(token)!;
            Assert.Equal(10, batch.TransactionCount);
            Assert.Equal(Hash256.Of(batch.Ids), batch.Root);
            batch.CompleteDurable(Hash256.Zero);
        }

        Assert.All(taken, submission => Assert.True(submission.Completion.Wait(TimeSpan.FromSeconds(10))));
        batcher.Close();
        Assert.Equal(SubmitRefusal.Draining, batcher.TrySubmit(refused));
        Assert.True(batcher.Loop.Stop(1000));
        Assert.False(((IFaultSink)faults).Faulted);
    }

    /// <summary>
    /// Protects who asks while much becomes final: an answer is whole, of that transaction, and never older than one before.
    /// </summary>
    [Fact]
    public async Task Recent_transactions_are_read_whole_while_they_are_written()
    {
        const int ids = 64;
        RecentTransactions recent = new(16);
        Hash256[] known = [.. Enumerable.Range(0, ids).Select(i => Hash256.Of(BitConverter.GetBytes(i)))];
        using CancellationTokenSource over = new();
        int found = 0;
        Task reader = Task.Run(() =>
        {
            ulong[] newest = new ulong[ids];
            for (int i = 0; !over.IsCancellationRequested; i = (i + 1) % ids)
            {
                if (recent.TryFind(known[i], out TransactionState state))
                {
                    found++;
                    Assert.Equal(new TransactionState(TransactionStage.Finalized, state.Index, ~state.Index, TransactionRejection.Repeat), state);
                    Assert.Equal((ulong)i, state.Index % ids);
                    Assert.True(state.Index >= newest[i]);
                    newest[i] = state.Index;
                }
            }
        });
        for (ulong n = 0; n < 2_000_000 || Volatile.Read(ref found) == 0; n++)
        {
            recent.Prefetch(known[n * 7 % ids]);
            recent.PrefetchPlace(known[n * 5 % ids]);
            recent.Set(known[n % ids], new TransactionState(TransactionStage.Finalized, n, ~n, TransactionRejection.Repeat));
        }

        await over.CancelAsync();
        await reader;
    }

    private static HeldVertex Vertex(ulong height, int bytes)
    {
        Hash256 before = height == 1 ? Hash256.Zero : Hash256.Of([2]);
        VertexHeader header = VertexCodec.Seal(0, 0, height, before, new LaneTip[4], Hash256.Zero, (uint)bytes, 1);
        return new HeldVertex(header, [], new byte[bytes], new byte[32]);
    }

    internal sealed class Faults : IFaultSink
    {
        public int? ExitCode { get; private set; }

        public bool Faulted => ExitCode is not null;

        public void Fail(int exitCode, string message, Exception? cause = null) => ExitCode ??= exitCode;
    }
}
