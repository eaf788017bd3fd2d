using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Tests.Host.Api;

namespace Validator.Tests.Host.Pipeline;

public class SubmissionTests
{
    // Protects other clients' data: memory that went back to the pool may be another submission's, so no late use goes unseen.
    [Fact]
    public void A_submission_that_is_used_after_its_last_release_is_caught()
    {
        Submission submission = Create(new FakeNode(), 3);
        submission.AddReference();
        submission.Release();
        Assert.Equal(3 * Hash256.Size, submission.Ids.Length);
        submission.Release();
        Assert.Throws<InvariantViolationException>(() => submission.Ids.Length);
        Assert.Throws<InvariantViolationException>(() => submission.Framed.Length);
        Assert.Throws<InvariantViolationException>(() => submission.States.Length);
        Assert.Throws<InvariantViolationException>(() => submission.CompleteDurable(Hash256.Zero));
        Assert.Throws<InvariantViolationException>(submission.CompleteFinal);
        Assert.Throws<InvariantViolationException>(() => submission.Fail(SubmissionFailure.Stopping));
        Assert.Throws<InvariantViolationException>(submission.Release);
        Assert.Throws<InvariantViolationException>(submission.AddReference);
    }

    // Protects the same for the payload, which goes back as soon as it is in a vertex.
    [Fact]
    public void A_payload_that_was_given_up_cannot_be_read()
    {
        Submission submission = Create(new FakeNode(), 2);
        int bytes = submission.Framed.Length;
        submission.GiveUpPayload();
        Assert.Equal(bytes, submission.FramedBytes);
        Assert.Throws<InvariantViolationException>(() => submission.Framed.Length);
    }

    // Protects clients from a receipt for what another thread tells late, and submissions from use after their end: whichever of
    // the vote store and the ledger comes first, each is told once that it is durable, then once that it is final.
    [Fact]
    public async Task Durable_and_final_may_be_told_by_two_threads()
    {
        FakeNode node = new();
        for (int round = 0; round < 2_000; round++)
        {
            ClientBatch batch = new();
            Watcher[] watchers = [.. Enumerable.Range(0, 4).Select(_ => new Watcher())];
            foreach (Watcher watcher in watchers)
            {
                Submission submission = Create(node, 2);
                submission.Watcher = watcher;
                batch.Add(submission);
                submission.Release();
            }

            batch.Seal();
            Hash256 vertex = Hash256.Of("vertex"u8);
            using Barrier start = new(2);
            Task durable = Task.Run(() =>
            {
                start.SignalAndWait();
                batch.CompleteDurable(vertex);
            });
            start.SignalAndWait();
            TransactionState[] states = new TransactionState[batch.TransactionCount];
            NodeMetrics metrics = new();
            batch.CompleteFinal(vertex, states, metrics.FinalitySeconds, new StrongClock(metrics.StrongSeconds, static () => 0));
            await durable;
            Assert.All(watchers, w => Assert.Equal((1, 1, 0, 1), (w.Durables, w.Finals, w.Failures, w.Releases)));
        }
    }

    // Protects the heap: a submission, its memory and its outcomes come from the pool once it is warm.
    [Fact]
    public void A_warm_pool_allocates_nothing()
    {
        SubmissionPool pool = new();
        byte[] framed = Framed(20);
        Round(1_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Round(1_000);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024);

        void Round(int times)
        {
            for (int i = 0; i < times; i++)
            {
                Submission submission = pool.Take(framed.Length, 20, [], wantsFinal: true);
                framed.CopyTo(submission.Payload);
                submission.GiveUpPayload();
                submission.CompleteDurable(Hash256.Zero);
                submission.SetState(19, new TransactionState(TransactionStage.Finalized, (ulong)i, 1, TransactionRejection.None));
                submission.CompleteFinal();
                Require.That(submission.States[19].Index == (ulong)i);
                submission.Release();
            }

            Assert.Equal(0, pool.RentedBytes);
        }
    }

    internal static Submission Create(FakeNode node, int count)
    {
        FramingError error = SubmissionReader.TryCreate(Framed(count), node, wantsFinal: true, out Submission? made, out _);
        Assert.Equal(FramingError.None, error);
        return made!;
    }

    private static byte[] Framed(int count)
    {
        byte[] framed = new byte[count * (Limits.TransactionFramingBytes + sizeof(int))];
        for (int i = 0; i < count; i++)
        {
            Span<byte> one = framed.AsSpan(i * (Limits.TransactionFramingBytes + sizeof(int)));
            BinaryPrimitives.WriteInt32LittleEndian(one, sizeof(int));
            BinaryPrimitives.WriteInt32LittleEndian(one[Limits.TransactionFramingBytes..], i);
        }

        return framed;
    }

    private sealed class Watcher : ISubmissionWatcher
    {
        private int _durables;

        public int Durables => _durables;

        public int Finals { get; private set; }

        public int Failures { get; private set; }

        public int Releases { get; private set; }

        public void Durable() => Interlocked.Increment(ref _durables);

        public void Final() => Finals++;

        public void Failed(SubmissionFailure failure) => Failures++;

        public void Released() => Releases++;
    }
}
