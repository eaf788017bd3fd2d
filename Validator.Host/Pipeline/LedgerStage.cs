using System.Diagnostics;
using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

/// <param name="OffsetMicros">Own wall clock at its execution less its timestamp.</param>
/// <param name="Steps">
/// Its timestamp is its parent's plus the least step, so it says nothing of any clock (PROTOCOL.md, rule P3).
/// </param>
internal sealed record LiveBlock(ulong Sequence, long OffsetMicros, bool Steps);

/// <summary>
/// The ledger's only writer: one group commit for all vertices and executed blocks that waited. After it vertices count as
/// held, own ones go on to the vote store, and clients and Core learn of execution.
/// </summary>
internal sealed class LedgerStage(
    ILedger ledger, VertexCache cache, RecentTransactions recent, FinalSignal signal, NodeMetrics metrics, IFaultSink faults, EpochBoard epochs,
    Executor executor, EpochConfiguration epoch, Topology topology)
    : PipelineStage(topology.Ledger, faults), ILedgerPorts, ILedgerWriter
{
    private readonly Dictionary<Hash256, ClientBatch> _batches = [];
    private readonly VertexSource _vertices = new(cache, ledger);
    private TransactionState[] _states = [];
    private Hash256[] _unordered = [];
    private readonly LedgerStanding _standing = new(epoch, executor.Sequence, executor.Root);
    private LedgerGroup? _group;
    private long _neededMicros;
    private long _pendingOwn;
    private volatile ExecutedPoint _executed = new(executor.Sequence, executor.Root);
    private volatile LiveBlock? _newest;
    private ulong _newestTime;
    private EpochConfiguration _epoch = epoch;

    private LedgerGroup Group => _group ??= new LedgerGroup(this, _standing.Epoch.Number);

    private sealed record ExecutedPoint(ulong Sequence, Hash256 Root);

    public required VoteStage Votes { get; init; }

    /// <summary>When a proposal of ours waits for others' vertices to be durable here, monotonic microseconds. Core's.</summary>
    public long NeededMicros
    {
        set => Volatile.Write(ref _neededMicros, value);
    }

    /// <summary>Holds while others' vertices linger: more of them are taken without a wake.</summary>
    public Doze Doze { get; } = new();

    /// <summary>Gets back the batches that an ended epoch did not order.</summary>
    public required ClientBatcher Batcher { get; init; }

    public required StrongClock Strong { get; init; }

    /// <summary>
    /// The epoch after the newest executed block: written before Core is told of the block that ends one. Any thread.
    /// </summary>
    public EpochConfiguration Epoch => Volatile.Read(ref _epoch);

    /// <summary>Newest executed block on disk, and the root after it. Any thread.</summary>
    public (ulong Sequence, Hash256 Root) Executed => (_executed.Sequence, _executed.Root);

    /// <summary>
    /// The newest block executed since the start, and how far the wall clock was from its timestamp then. Any thread.
    /// </summary>
    public LiveBlock? NewestBlock => _newest;

    /// <summary>When blocks became final here.</summary>
    public required FinalClock Finals { get; init; }

    public required TrustView Trust { get; init; }

    /// <summary>Own client transactions in vertices that are not executed yet.</summary>
    public long PendingOwnTransactions => Volatile.Read(ref _pendingOwn);

    /// <summary>Fails the submissions that are in vertices, but not final. After the thread has ended.</summary>
    public void FailPending(SubmissionFailure failure)
    {
        foreach (ClientBatch batch in _batches.Values)
        {
            batch.Fail(failure);
        }

        // Of a write that failed, or was not made any more.
        foreach (LedgerItem item in Group.Items)
        {
            item.Payload.Batch?.Fail(failure);
        }
    }

    private void Publish()
    {
        _executed = new ExecutedPoint(_standing.Executed, _standing.Root);
        Volatile.Write(ref _epoch, _standing.Epoch);
    }

    public override bool HasWork => Group.Holds || !topology.CoreToLedger.IsEmpty || !topology.SignerToLedger.IsEmpty || !topology.ExecutionToLedger.IsEmpty;

    public override int IdleMilliseconds =>
        Group.IsEmpty ? -1 : (int)Math.Clamp((Group.LingersUntil - Clock.MonotonicMicros() + 999) / 1000, 0, LedgerGroup.LingerMicros / 1000);

    public override bool Work()
    {
        Doze.End();
        bool any = Group.Gather();
        if (Group.IsDue(Clock.MonotonicMicros(), Stopping ? 0 : Volatile.Read(ref _neededMicros)))
        {
            return Group.Commit();
        }

        if (!Group.IsEmpty)
        {
            Doze.Begin();
        }

        return any;
    }

    /// <summary>
    /// Core waits for the answer with everything executed, so the executor is at rest and is filled from here; what it is handed
    /// next comes by way of Core.
    /// </summary>
    void ILedgerAudience.Install(SnapshotManifest manifest)
    {
        bool installed;
        string? error;
        using (Trust.Exists ? Trust.Write() : default)
        {
            installed = ledger.Install(manifest, _standing.With(manifest), executor, out error);
            Trust.Publish(manifest.Anchor.TimestampMicros);
        }

        if (!installed)
        {
            Faults.Fail(ExitCodes.Store, $"ledger: {error}; the snapshot is not in place");
            return;
        }

        Input input = _standing.Install(manifest);
        Publish();
        signal.Advance(manifest.State.NextIndex);
        Votes.DurablyExecuted(manifest.Sequence);
        Hand(topology.LedgerToCore, input);
    }

    bool ILedgerPorts.Goes() => !Faults.Faulted;

    bool ILedgerPorts.TryTake(out LedgerItem item) =>
        topology.SignerToLedger.TryTake(out item) || topology.ExecutionToLedger.TryTake(out item) || topology.CoreToLedger.TryTake(out item);

    void ILedgerAudience.LetGo(HeldVertex vertex, OwnPayload payload)
    {
        vertex.Release();
        payload.Held?.Release();
        TakeBack(payload.Batch);
    }

    void ILedgerPorts.Add(in LedgerItem item) => item.WriteTo(this);

    void ILedgerWriter.WriteVertex(HeldVertex vertex) => ledger.AddVertex(vertex.Header, vertex.Signature, vertex.Payload);

    void ILedgerWriter.WriteOwnVertex(HeldVertex vertex, in OwnRecord own)
    {
        ledger.AddVertex(vertex.Header, vertex.Signature, vertex.Payload);
        ledger.AddOwnTip(vertex.Header);
        if (own.Payload.Batch is { Replaces.IsZero: false } batch)
        {
            ledger.ForgetVertex(batch.Replaces);
        }
    }

    void ILedgerWriter.WriteExecuted(ExecutedBlock executed)
    {
        ledger.AddFinal(executed);
        if (executed.EndsEpoch)
        {
            Require.That(executed.Block.Epoch == epochs.Current.Number);
            _unordered = ledger.EndEpoch(executed.Block, epochs.Current.OwnLane);
        }
    }

    void ILedgerWriter.WriteManifest(SnapshotManifest manifest) => ledger.AddManifest(manifest);

    void ILedgerWriter.WriteChunk(SnapshotChunk chunk) => ledger.AddChunk(chunk);

    void ILedgerWriter.DropSnapshot() => ledger.DropSnapshot();

    void ILedgerWriter.WriteEpochEnd(EpochEnd end) => _unordered = ledger.SkipEpoch(end, epochs.Current.OwnLane);

    bool ILedgerPorts.Sync(long payloadBytes)
    {
        long start = Stopwatch.GetTimestamp();
        if (!ledger.Commit(out string? error))
        {
            Faults.Fail(ExitCodes.Store, $"ledger: {error}; nothing is acknowledged that is not on disk, so the node stops");
            return false;
        }

        metrics.LedgerCommitSeconds.ObserveSince(start);
        metrics.LedgerSyncs.Add();
        metrics.LedgerBytesWritten.Add(payloadBytes);
        return true;
    }

    void ILedgerAudience.VertexDurable(HeldVertex vertex)
    {
        cache.Add(vertex);
        Hand(topology.LedgerToCore, Input.VertexDurable(vertex.Header.Hash, vertex.Header.Epoch));
    }

    void ILedgerAudience.OwnVertexDurable(HeldVertex vertex, in OwnRecord own)
    {
        cache.Add(vertex);
        TakeOwn(vertex, own.Payload.Batch);
        Hand(topology.LedgerToVotes, own);
    }

    void ILedgerAudience.ExecutedDurable(ExecutedBlock executed) => AnnounceFinal(executed);

    void ILedgerAudience.ChunkDurable()
    {
    }

    void ILedgerAudience.EpochEndDurable(EpochEnd end)
    {
        Input stored = _standing.PassBy(end);
        Publish();
        TakeBackUnordered();
        Hand(topology.LedgerToCore, stored);
    }

    private void TakeOwn(HeldVertex vertex, ClientBatch? batch)
    {
        metrics.VerticesAuthored.Add();
        if (batch is null)
        {
            return;
        }

        batch.Replaces = Hash256.Zero;
        _batches.Add(vertex.Header.Hash, batch);
        Volatile.Write(ref _pendingOwn, _pendingOwn + batch.TransactionCount);
        ReadOnlySpan<byte> ids = batch.Ids;
        for (int i = 0; i < batch.TransactionCount; i++)
        {
            PrefetchAfter(ids, i);
            recent.Set(IdAt(ids, i), new TransactionState(TransactionStage.Durable, 0, 0, TransactionRejection.None));
        }
    }

    private void AnnounceFinal(ExecutedBlock executed)
    {
        ExecutionResult result = executed.Result;
        int transaction = 0;
        int rejected = 0;
        int own = 0;
        ulong index = result.FirstIndex;
        foreach (HeldVertex vertex in executed.Vertices)
        {
            int count = (int)vertex.Header.TransactionCount;
            if (_states.Length < own + count)
            {
                Array.Resize(ref _states, Math.Max(own + count, 2 * _states.Length));
            }

            ReadOnlySpan<byte> ids = vertex.Ids;
            for (int i = 0; i < count; i++, transaction++)
            {
                PrefetchAfter(ids, i);
                bool accepted = result.IsAccepted(transaction);
                TransactionState state = accepted
                    ? new(TransactionStage.Finalized, index++, result.Sequence, TransactionRejection.None)
                    : TransactionOutcome.Rejected(result.Rejections[rejected++], result.Sequence);
                _states[own + i] = state;
                if (accepted)
                {
                    recent.Set(IdAt(ids, i), state);
                }
                else
                {
                    // Of one that was accepted before, or of this one, the ledger's index says more.
                    recent.ForgetDurable(IdAt(ids, i));
                }
            }

            // Only what somebody here waits for is kept until all of the block is told.
            own += _batches.ContainsKey(vertex.Header.Hash) ? count : 0;
        }

        metrics.BlocksFinalized.Add();
        metrics.VerticesFinalized.Add(executed.Vertices.Length);
        metrics.TransactionsFinalized.Add(result.Accepted);
        metrics.TransactionsRejected.Add(result.Rejected);
        Input done = _standing.Execute(executed.Block, result.Root, executed.Epoch);
        Publish();
        Finals.Advance(Clock.MonotonicMicros());
        ulong time = executed.Block.TimestampMicros;
        _newest = new LiveBlock(result.Sequence, (long)(Clock.WallMicros() - time), Steps: time == _newestTime + 1);
        _newestTime = time;
        signal.Advance(index);
        Votes.DurablyExecuted(result.Sequence);
        CompleteOwn(executed);
        if (executed.EndsEpoch)
        {
            TakeBackUnordered();
        }

        foreach (HeldVertex vertex in executed.Vertices)
        {
            vertex.Release();
        }

        Hand(topology.LedgerToCore, done);
    }

    /// <summary>
    /// Tells waiting clients. Comes last: a client may ask again at once, and status, stream and committee must already show the
    /// block.
    /// </summary>
    private void CompleteOwn(ExecutedBlock executed)
    {
        int at = 0;
        foreach (HeldVertex vertex in executed.Vertices)
        {
            if (_batches.Remove(vertex.Header.Hash, out ClientBatch? batch))
            {
                Volatile.Write(ref _pendingOwn, _pendingOwn - batch.TransactionCount);
                ReadOnlySpan<TransactionState> states = _states.AsSpan(at, batch.TransactionCount);
                batch.CompleteFinal(vertex.Header.Hash, states, metrics.FinalitySeconds, Strong);
                at += batch.TransactionCount;
            }
        }
    }

    /// <summary>
    /// Own vertices of the ended epoch that its last block left out: their transactions were promised, so they go into vertices
    /// of the next, with their clients.
    /// </summary>
    private void TakeBackUnordered()
    {
        foreach (Hash256 hash in _unordered)
        {
            if (_batches.Remove(hash, out ClientBatch? batch))
            {
                Volatile.Write(ref _pendingOwn, _pendingOwn - batch.TransactionCount);
                batch.Replaces = hash;
            }
            else
            {
                HeldVertex? vertex = _vertices.Find(hash);
                Require.That(vertex is not null, "an own vertex that no block ordered is kept");
                batch = ClientBatch.Of(vertex);
            }

            TakeBack(batch);
        }

        _unordered = [];
    }

    /// <summary>Its transactions go into another vertex. This thread, or before the start.</summary>
    public void TakeBack(ClientBatch? batch)
    {
        if (batch is null)
        {
            return;
        }

        if (!batch.IsSystem)
        {
            Batcher.TakeBack(batch);
            return;
        }

        // Rides in the next commit; after a crash before it, all this is done again.
        if (!batch.Replaces.IsZero)
        {
            ledger.ForgetVertex(batch.Replaces);
        }

        batch.CompleteEpochEnded();
    }

    private static Hash256 IdAt(ReadOnlySpan<byte> ids, int i) => new(ids[(i * Hash256.Size)..]);

    /// <summary>Far enough ahead for both loads to have arrived.</summary>
    private void PrefetchAfter(ReadOnlySpan<byte> ids, int i)
    {
        const int Marks = 16;
        const int Place = 8;
        int count = ids.Length / Hash256.Size;
        if (i + Marks < count)
        {
            recent.Prefetch(IdAt(ids, i + Marks));
        }

        if (i + Place < count)
        {
            recent.PrefetchPlace(IdAt(ids, i + Place));
        }
    }
}
