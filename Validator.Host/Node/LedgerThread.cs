using System.Diagnostics;
using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Cli;
using Validator.Host.Api;
using Validator.Host.Metrics;
using Validator.Net.Rings;

namespace Validator.Host.Node;

internal enum LedgerItemKind : byte
{
    /// <summary>Another lane's vertex.</summary>
    Vertex,

    /// <summary>Our own: signed, and it must be durable here before its record goes to the vote store.</summary>
    OwnVertex,

    /// <summary>An executed block.</summary>
    Final,

    // A snapshot on its way in.
    Manifest,
    Chunk,
    DropSnapshot,
    Install,
}

internal struct LedgerItem
{
    public LedgerItemKind Kind;
    public HeldVertex? Vertex;
    public VoteRecord Own;
    public ExecutedBlock? Executed;
    public SnapshotManifest? Manifest;
    public SnapshotChunk? Chunk;
}

/// <summary>A final block with what its execution gave.</summary>
/// <param name="Snapshot">There when a snapshot is due at this block.</param>
internal sealed record ExecutedBlock(
    Block Block, Certificate Certificate, HeldVertex[] Vertices, ExecutionResult Result, SnapshotState? Snapshot = null);

/// <param name="OffsetMicros">Own wall clock at its execution less its timestamp.</param>
internal sealed record LiveBlock(ulong Sequence, long OffsetMicros);

/// <summary>
/// The ledger's only writer: one group commit for all vertices and executed blocks that waited. After it vertices count as
/// held, own ones go on to the vote store, and clients and Core learn of execution.
/// </summary>
internal sealed class LedgerThread(
    ILedger ledger, VertexCache cache, RecentTransactions recent, FinalSignal signal, NodeMetrics metrics, IFaultSink faults, int self,
    Executor executor)
    : PipelineThread("ledger", faults)
{
    private const int MostPerCommit = 128;

    /// <summary>A group is closed at this many payload bytes, so that no vertex waits long behind others.</summary>
    private const long MostBytesPerCommit = 8L * 1024 * 1024;

    private readonly List<LedgerItem> _group = new(MostPerCommit);
    private readonly Dictionary<Hash256, ClientBatch> _batches = [];
    private TransactionState[] _states = [];
    private long _pendingOwn;
    private volatile ExecutedPoint? _executed;
    private volatile LiveBlock? _newest;

    private sealed record ExecutedPoint(ulong Sequence, Hash256 Root);

    public required SpscRing<LedgerItem> FromCore { get; init; }

    public required SpscRing<LedgerItem> FromSigner { get; init; }

    public required SpscRing<LedgerItem> FromExecution { get; init; }

    public required SpscRing<VoteRecord> ToVotes { get; init; }

    public required VoteThread Votes { get; init; }

    public required SpscRing<Input> ToCore { get; init; }

    /// <summary>Set once before the start.</summary>
    public IWaker? Core { get; set; }

    /// <summary>Newest executed block on disk, and the root after it. Any thread.</summary>
    public (ulong Sequence, Hash256 Root) Executed
    {
        get => _executed is { } executed ? (executed.Sequence, executed.Root) : default;
        init => _executed = new ExecutedPoint(value.Sequence, value.Root);
    }

    /// <summary>The newest block executed since the start, and how far the wall clock was from its timestamp then. Any thread.</summary>
    public LiveBlock? NewestBlock => _newest;

    /// <summary>Own client transactions in vertices that are not executed yet.</summary>
    public long PendingOwnTransactions => Volatile.Read(ref _pendingOwn);

    /// <summary>Fails the submissions that are in vertices, but not final. After the thread has ended.</summary>
    public void FailPending(SubmissionFailure failure)
    {
        foreach (ClientBatch batch in _batches.Values)
        {
            batch.Fail(failure);
        }
    }

    protected override bool HasWork => !FromCore.IsEmpty || !FromSigner.IsEmpty || !FromExecution.IsEmpty;

    protected override bool Work()
    {
        long bytes = 0;
        SnapshotManifest? install = null;
        while (install is null && _group.Count < MostPerCommit && bytes < MostBytesPerCommit && TryTake(out LedgerItem item))
        {
            Add(item);
            _group.Add(item);
            install = item.Kind == LedgerItemKind.Install ? item.Manifest : null;
            bytes += item.Vertex?.Payload.Length ?? 0;
        }

        if (_group.Count == 0)
        {
            return false;
        }

        if (Commit(bytes))
        {
            foreach (ref readonly LedgerItem item in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_group))
            {
                Announce(item);
            }
        }

        _group.Clear();
        if (install is not null && !Faults.Faulted)
        {
            Install(install);
        }

        return true;
    }

    /// <summary>
    /// Core waits for the answer with everything executed, so the executor is at rest and is filled from here; what it is handed next
    /// comes by way of Core.
    /// </summary>
    private void Install(SnapshotManifest manifest)
    {
        if (!ledger.Install(manifest, executor, out string? error))
        {
            Faults.Fail(ExitCodes.Store, $"ledger: {error}; the snapshot is not in place");
            return;
        }

        _executed = new ExecutedPoint(manifest.Sequence, manifest.State.Root);
        signal.Advance(manifest.State.NextIndex);
        Votes.DurablyExecuted(manifest.Sequence);
        Hand(ToCore, new Input { Kind = InputKind.SnapshotInstalled, From = -1, Sequence = manifest.Sequence }, Core!);
    }

    // Own vertices first: their clients wait.
    private bool TryTake(out LedgerItem item) =>
        FromSigner.TryDequeue(out item) || FromExecution.TryDequeue(out item) || FromCore.TryDequeue(out item);

    private void Add(in LedgerItem item)
    {
        if (item.Vertex is { } vertex)
        {
            ledger.AddVertex(vertex.Header, vertex.Signature, vertex.Payload);
        }

        if (item.Executed is { } executed)
        {
            ledger.AddFinal(executed);
        }

        switch (item.Kind)
        {
            case LedgerItemKind.Manifest:
                ledger.AddManifest(item.Manifest!);
                break;
            case LedgerItemKind.Chunk:
                ledger.AddChunk(item.Chunk!);
                break;
            case LedgerItemKind.DropSnapshot:
                ledger.DropSnapshot();
                break;
        }
    }

    private bool Commit(long bytes)
    {
        long start = Stopwatch.GetTimestamp();
        if (!ledger.Commit(out string? error))
        {
            Faults.Fail(ExitCodes.Store, $"ledger: {error}; nothing is acknowledged that is not on disk, so the node stops");
            return false;
        }

        metrics.LedgerCommitSeconds.ObserveSince(start);
        metrics.LedgerSyncs.Add();
        metrics.LedgerBytesWritten.Add(bytes);
        return true;
    }

    private void Announce(in LedgerItem item)
    {
        switch (item.Kind)
        {
            case LedgerItemKind.Vertex:
                cache.Add(item.Vertex!);
                Hand(ToCore, new Input { Kind = InputKind.VertexDurable, From = -1, Digest = item.Vertex!.Header.Hash }, Core!);
                break;
            case LedgerItemKind.OwnVertex:
                cache.Add(item.Vertex!);
                TakeOwn(item);
                Hand(ToVotes, item.Own, Votes.Waker);
                break;
            case LedgerItemKind.Final:
                AnnounceFinal(item.Executed!);
                break;
        }
    }

    private void TakeOwn(in LedgerItem item)
    {
        metrics.VerticesAuthored.Add();
        if (item.Own.Batch is not { } batch)
        {
            return;
        }

        _batches.Add(item.Vertex!.Header.Hash, batch);
        Volatile.Write(ref _pendingOwn, _pendingOwn + batch.TransactionCount);
        for (int i = 0; i < batch.TransactionCount; i++)
        {
            Hash256 id = new(batch.Ids.AsSpan(i * Hash256.Size));
            recent.Set(id, new TransactionState(TransactionStage.Durable, 0, 0, TransactionRejection.None));
        }
    }

    private void AnnounceFinal(ExecutedBlock executed)
    {
        ExecutionResult result = executed.Result;
        int transaction = 0;
        int rejected = 0;
        ulong index = result.FirstIndex;
        foreach (HeldVertex vertex in executed.Vertices)
        {
            int count = (int)vertex.Header.TransactionCount;
            if (_states.Length < count)
            {
                _states = new TransactionState[Math.Max(count, 2 * _states.Length)];
            }

            for (int i = 0; i < count; i++, transaction++)
            {
                bool accepted = result.IsAccepted(transaction);
                TransactionState state = accepted
                    ? new(TransactionStage.Finalized, index++, result.Sequence, TransactionRejection.None)
                    : Rejected(result.Rejections[rejected++], result.Sequence);
                _states[i] = state;
                if (accepted)
                {
                    recent.Set(new Hash256(vertex.Ids.AsSpan(i * Hash256.Size)), state);
                }
            }

            if (vertex.Header.Author == self && _batches.Remove(vertex.Header.Hash, out ClientBatch? batch))
            {
                Volatile.Write(ref _pendingOwn, _pendingOwn - batch.TransactionCount);
                batch.CompleteFinal(_states.AsSpan(0, count), metrics.FinalitySeconds);
            }
        }

        metrics.BlocksFinalized.Add();
        metrics.VerticesFinalized.Add(executed.Vertices.Length);
        metrics.TransactionsFinalized.Add(result.Accepted);
        metrics.TransactionsRejected.Add(result.Rejected);
        _executed = new ExecutedPoint(result.Sequence, result.Root);
        _newest = new LiveBlock(result.Sequence, (long)(Clock.WallMicros() - executed.Block.TimestampMicros));
        signal.Advance(index);
        Votes.DurablyExecuted(result.Sequence);
        Hand(ToCore, new Input { Kind = InputKind.Executed, From = -1, Sequence = result.Sequence, Digest = result.Root }, Core!);
    }

    private static TransactionState Rejected(ulong why, ulong sequence) => why switch
    {
        <= Rejection.HighestIndex => new(TransactionStage.Rejected, why, sequence, TransactionRejection.Repeat),
        Rejection.NonceUsed => new(TransactionStage.Rejected, 0, sequence, TransactionRejection.NonceUsed),
        Rejection.NonceTooOld => new(TransactionStage.Rejected, 0, sequence, TransactionRejection.NonceTooOld),
        _ => new(TransactionStage.Rejected, 0, sequence, TransactionRejection.AccountsFull),
    };
}
