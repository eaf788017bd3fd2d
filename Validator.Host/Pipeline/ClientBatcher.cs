using System.Diagnostics.CodeAnalysis;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Net.Buffers;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <summary>Limits of the batcher; local, never deciding validity.</summary>
internal sealed record ClientBatcherOptions
{
    public int MaxPayloadBytes { get; init; } = Limits.MaxVertexPayloadBytes;

    /// <summary>Framed bytes that wait for a vertex; beyond it submissions are refused.</summary>
    public long MaxPendingBytes { get; init; } = 32L * 1024 * 1024;

    /// <summary>
    /// How long the oldest submission may have waited for a vertex while blocks become final, microseconds; beyond it others are
    /// refused. Under more load than the cluster can order, clients get a quick answer instead of a queue.
    /// </summary>
    public long MaxWaitMicros { get; init; } = 1_000_000;
}

/// <summary>
/// Where HTTP meets the node: gathers submissions into batches, one vertex each, and hands a sealed batch to Core for each
/// credit that Core gives. Submitters share a short lock; it guards this boundary alone, no thread of the node takes it
/// except the batcher's own.
/// </summary>
internal sealed class ClientBatcher : PipelineStage
{
    private readonly ClientBatcherOptions _options;
    private readonly TokenTable<ClientBatch> _sealed;
    private readonly StageLink<Input> _core;
    private readonly Lock _lock = new();
    private readonly BatchQueue<ClientBatch, Submission> _queue;
    private readonly NonceLeads _nonces = new();

    // The queue's, for whoever looks without the lock.
    private long _againBytes;
    private long _pendingBytes;
    private long _pendingTransactions;

    // Of BatchCredits.
    private long _credits;
    private int _headBytes;
    private bool _closed;
    private bool _signs = true;

    public ClientBatcher(
        ClientBatcherOptions options, TokenTable<ClientBatch> waiting, Topology topology, IFaultSink faults)
        : base(topology.Batcher, faults)
    {
        _options = options;
        _queue = new BatchQueue<ClientBatch, Submission>(() => new ClientBatch(options.MaxPayloadBytes));
        _sealed = waiting;
        _core = topology.BatcherToCore;
    }

    public FinalClock Finals { get; init; } = new();

    /// <summary>Where payloads are put together. Without one they are arrays.</summary>
    public PinnedBufferPool? Pool { get; init; }

    /// <summary>False while no payload may be made: waiting submissions are failed.</summary>
    public Func<bool> DiskHasRoom { get; init; } = static () => true;

    /// <summary>Transactions taken and not handed to Core yet.</summary>
    public long PendingTransactions => Volatile.Read(ref _pendingTransactions);

    public int MaxPayloadBytes => _options.MaxPayloadBytes;

    /// <summary>Why that many bytes would be refused now, if they would. Any thread.</summary>
    public SubmitRefusal RefusalOf(int bytes)
    {
        lock (_lock)
        {
            return RefusalOf(bytes, Clock.MonotonicMicros());
        }
    }

    private SubmitRefusal RefusalOf(int bytes, long now)
    {
        ClientBatch oldest = _queue.Oldest;
        return _closed ? SubmitRefusal.Draining
            : !_signs ? SubmitRefusal.NotSigning
            : !DiskHasRoom() ? SubmitRefusal.DiskLow
            : _queue.PayloadBytes + bytes > _options.MaxPendingBytes
                || (!oldest.IsEmpty && Finals.IsOverloaded(now, oldest.OpenedMicros, _options.MaxWaitMicros)) ? SubmitRefusal.Full
            : SubmitRefusal.None;
    }

    /// <summary>Thread-pool threads. Takes a reference to the submission on None, holds nothing otherwise.</summary>
    public SubmitRefusal TrySubmit(Submission submission)
    {
        int bytes = submission.FramedBytes;
        lock (_lock)
        {
            long now = Clock.MonotonicMicros();
            SubmitRefusal refusal = RefusalOf(bytes, now);
            if (refusal != SubmitRefusal.None)
            {
                return refusal;
            }

            if (!_nonces.TryTake(submission))
            {
                return SubmitRefusal.NonceTooOld;
            }

            ClientBatch batch = _queue.Add(submission);
            batch.OpenedMicros = batch.OpenedMicros == 0 ? now : batch.OpenedMicros;
            Publish();
        }

        // Without a credit there is nothing to do but to wait for one, and who grants it wakes. No wake is lost: either the
        // credit is seen here, or it comes after this look, and what was published before the fence is there when it wakes.
        Interlocked.MemoryBarrier();
        if (Credits.Count > 0 || !DiskHasRoom())
        {
            Waker.Wake();
        }

        return SubmitRefusal.None;
    }

    /// <summary>Core allows one batch more. Core thread.</summary>
    public void Grant()
    {
        Exchange(static credits => credits.Grant());
        Waker.Wake();
    }

    /// <summary>
    /// Voids the previous core's credits. Where nothing is signed, fails what is in no vertex yet. Core thread, or before the
    /// start.
    /// </summary>
    /// <param name="leaves">
    /// We were a member of the previous epoch: clients of unordered transactions are told (PROTOCOL.md, rule E8).
    /// </param>
    /// <param name="headBytes">Of a vertex's frame before its payload.</param>
    public void EnterEpoch(ulong epoch, bool signs, bool leaves = false, int headBytes = 0)
    {
        Volatile.Write(ref _headBytes, headBytes);
        Exchange(credits => credits.Enter(epoch));
        lock (_lock)
        {
            _signs = signs;
            _queue.Enter(signs, leaves);
            if (!signs)
            {
                FailFresh(_queue.HasLeft ? SubmissionFailure.LeftCommittee : SubmissionFailure.Stopping);
            }
        }
    }

    /// <summary>
    /// Takes back a sealed batch that its epoch did not order; its clients go on waiting, unless we left. Any thread; the lock
    /// does not matter at an epoch's end.
    /// </summary>
    public void TakeBack(ClientBatch batch)
    {
        lock (_lock)
        {
            _queue.TakeBack(batch);
            Publish();
        }

        Waker.Wake();
    }

    /// <summary>Before the start: what a fork took back, which goes into vertices before all that is submitted.</summary>
    /// <param name="backlog">The next batch, null at the end. Called under the lock.</param>
    public void Continue(Func<ClientBatch?> backlog)
    {
        lock (_lock)
        {
            _queue.Continue(backlog);
            Publish();
        }
    }

    /// <summary>Refuses every later submission.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
        }
    }

    /// <summary>Fails what has not been handed to Core. After the thread has ended.</summary>
    public void FailPending(SubmissionFailure failure)
    {
        lock (_lock)
        {
            _closed = true;
            FailFresh(failure);
            // It stays in the ledger, and nobody waits for it.
            _queue.Continue(null);
            while (_queue.TryTakeAgain(out ClientBatch? batch))
            {
                batch.Fail(failure);
            }
        }
    }

    public override bool HasWork => DiskHasRoom()
        ? Credits.Count > 0 && Volatile.Read(ref _pendingBytes) > 0
        : Volatile.Read(ref _pendingBytes) > Volatile.Read(ref _againBytes);

    public override bool HasRoom => Fits(_core);

    public override bool Work()
    {
        if (!DiskHasRoom())
        {
            lock (_lock)
            {
                FailFresh(SubmissionFailure.DiskLow);
            }

            return false;
        }

        BatchCredits credits = Credits;
        if (Stopping || Volatile.Read(ref _pendingBytes) == 0 || !credits.TrySpend(out BatchCredits left))
        {
            return false;
        }

        // A new epoch, or another credit, came between: look again.
        if (Interlocked.CompareExchange(ref _credits, left.Word, credits.Word) != credits.Word)
        {
            return true;
        }

        if (!TryTake(credits.Epoch, out ClientBatch? batch, out bool over))
        {
            // What waited has been failed meanwhile.
            GiveBack(credits.Epoch);
            return true;
        }

        if (!batch.IsSealed)
        {
            batch.Seal(Pool, Volatile.Read(ref _headBytes));
        }

        if (over)
        {
            batch.CompleteEpochEnded();
            GiveBack(credits.Epoch);
            return true;
        }

        ulong token = _sealed.TryPut(batch);
        Require.That(token != 0, "Core gave more credits than batches can wait");
        SealedBatch given = new(token, batch.Root, (uint)batch.PayloadBytes, (uint)batch.TransactionCount);
        return Hand(_core, Input.ClientBatch(given, credits.Epoch));
    }

    private BatchCredits Credits => new(Volatile.Read(ref _credits));

    /// <summary>Apart, since what it captures is an object: every pass of <see cref="Work"/> would make one.</summary>
    private void GiveBack(ulong epoch) => Exchange(now => now.TryGiveBack(epoch, out BatchCredits more) ? more : now);

    private void Exchange(Func<BatchCredits, BatchCredits> change)
    {
        BatchCredits now;
        do
        {
            now = Credits;
        }
        while (Interlocked.CompareExchange(ref _credits, change(now).Word, now.Word) != now.Word);
    }

    /// <summary>
    /// Except for transactions that an ended epoch's vertex made durable, or was about to: those were accepted.
    /// </summary>
    private void FailFresh(SubmissionFailure failure)
    {
        while (_queue.TryTakeFresh(out ClientBatch? batch))
        {
            batch.Abandon(failure);
        }

        Publish();
    }

    private bool TryTake(ulong epoch, [NotNullWhen(true)] out ClientBatch? batch, out bool over)
    {
        lock (_lock)
        {
            bool any = _queue.TryTake(epoch, out batch, out over);
            Publish();
            return any;
        }
    }

    private void Publish()
    {
        Volatile.Write(ref _againBytes, _queue.AgainBytes);
        Volatile.Write(ref _pendingBytes, _queue.PayloadBytes);
        Volatile.Write(ref _pendingTransactions, _queue.Transactions);
    }
}
