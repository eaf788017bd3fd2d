using System.Buffers;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;

namespace Validator.Host.Contracts;

/// <summary>Why an accepted submission came to nothing durable.</summary>
public enum SubmissionFailure : byte
{
    None,
    Stopping,
    StorageFailed,

    /// <summary>The disk fell below the low-water mark before it was in a vertex; it is in none.</summary>
    DiskLow,

    /// <summary>
    /// The validator left the committee before it was ordered: it is not final, and will not be by this validator (rule E8).
    /// </summary>
    LeftCommittee,
}

/// <summary>Called when a submission that nobody awaits makes progress; on the node's threads, so it must return soon.</summary>
public interface ISubmissionWatcher
{
    void Durable();

    /// <summary>All outcomes are in <see cref="Submission.States"/>.</summary>
    void Final();

    void Failed(SubmissionFailure failure);
}

/// <summary>
/// Transactions of one client request, framed as in a vertex's payload (u32 LE length, u8 kind, bytes; back to back), with their
/// ids and the keys of their accounts; made by <see cref="SubmissionReader"/>, all checked. Buffers are pooled and counted by
/// reference: every holder releases once. All transactions complete together.
/// </summary>
public sealed class Submission
{
    private readonly TaskCompletionSource<SubmissionFailure> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TransactionState[]? _states;
    private readonly Hash256[] _accounts;
    private byte[]? _payload;
    private byte[]? _ids;
    private readonly int _length;
    private int _references = 1;
    private bool _durable;

    /// <param name="payload">Pooled: a key for each of the accounts, then the transactions.</param>
    /// <param name="ids">Pooled.</param>
    internal Submission(byte[] payload, int length, byte[] ids, int count, Hash256[] accounts, bool wantsFinal)
    {
        _payload = payload;
        _length = length;
        _ids = ids;
        _accounts = accounts;
        Count = count;
        _states = wantsFinal ? new TransactionState[count] : null;
        AcceptedTimestamp = System.Diagnostics.Stopwatch.GetTimestamp();
    }

    /// <summary>Transactions in it, at least 1.</summary>
    public int Count { get; }

    /// <summary>True: complete when executed. False: complete when the vertex is durable.</summary>
    public bool WantsFinal => _states is not null;

    /// <summary>When the request had been read, in Stopwatch ticks.</summary>
    public long AcceptedTimestamp { get; }

    /// <summary>The transactions.</summary>
    public ReadOnlySpan<byte> Framed => _payload.AsSpan(KeyBytes, _length - KeyBytes);

    /// <summary>A committee change, which must be alone in its vertex.</summary>
    public bool IsSystem => _accounts.Length == 0 && _payload![sizeof(uint)] == (byte)TransactionKind.System;

    private int KeyBytes => _accounts.Length * PayloadWriter.AccountKeyBytes;

    /// <summary>Ids in order, 32 bytes each.</summary>
    public ReadOnlySpan<byte> Ids => _ids.AsSpan(0, Count * Hash256.Size);

    /// <summary>Set before it is handed over.</summary>
    public ISubmissionWatcher? Watcher { get; set; }

    /// <summary>The vertex that carries it; once <see cref="IsDurable"/>.</summary>
    public Hash256 VertexHash { get; private set; }

    /// <summary>True from <see cref="CompleteDurable"/> on.</summary>
    public bool IsDurable => Volatile.Read(ref _durable);

    /// <summary>Completes once: durable or final, see <see cref="WantsFinal"/>; or with the failure.</summary>
    public Task<SubmissionFailure> Completion => _done.Task;

    /// <summary>Per transaction, after completion; only when <see cref="WantsFinal"/>.</summary>
    public ReadOnlySpan<TransactionState> States => _states;

    /// <summary>The accounts' ids, ascending.</summary>
    public ReadOnlySpan<Hash256> Accounts => _accounts;

    /// <summary>An account's key as a payload's entry.</summary>
    public ReadOnlySpan<byte> AccountEntry(int key) =>
        _payload.AsSpan(key * PayloadWriter.AccountKeyBytes, PayloadWriter.AccountKeyBytes);

    /// <summary>Records that the vertex with all of this is durable.</summary>
    public void CompleteDurable(in Hash256 vertexHash)
    {
        VertexHash = vertexHash;
        Volatile.Write(ref _durable, true);
        Watcher?.Durable();
        if (!WantsFinal)
        {
            _done.TrySetResult(SubmissionFailure.None);
        }
    }

    /// <summary>Records the outcome of transaction <paramref name="index"/>; then <see cref="CompleteFinal"/>.</summary>
    public void SetState(int index, in TransactionState state)
    {
        if (_states is not null)
        {
            _states[index] = state;
        }
    }

    /// <summary>All outcomes are set.</summary>
    public void CompleteFinal()
    {
        if (_done.TrySetResult(SubmissionFailure.None))
        {
            Watcher?.Final();
        }
    }

    public void Fail(SubmissionFailure failure)
    {
        if (_done.TrySetResult(failure))
        {
            Watcher?.Failed(failure);
        }
    }

    public void AddReference() => Interlocked.Increment(ref _references);

    public void Release()
    {
        int left = Interlocked.Decrement(ref _references);
        Require.That(left >= 0);
        if (left == 0)
        {
            ArrayPool<byte>.Shared.Return(_payload!);
            ArrayPool<byte>.Shared.Return(_ids!);
            _payload = null;
            _ids = null;
        }
    }
}
