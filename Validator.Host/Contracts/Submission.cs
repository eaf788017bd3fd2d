using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;
using Validator.Net.Buffers;

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

    /// <summary>The last reference is gone, and nothing more is told: the watcher may watch another.</summary>
    void Released()
    {
    }
}

/// <summary>
/// Transactions of one client request, framed as in a vertex's payload (u32 LE length, u8 kind, bytes; back to back), with their
/// ids and the keys of their accounts; made by <see cref="SubmissionReader"/>, all checked. Object and memory are pooled and
/// counted by reference: every holder releases once, and the last release gives both back. The payload goes earlier, with
/// <see cref="GiveUpPayload"/>. All transactions complete together.
/// </summary>
public sealed class Submission
{
    private const int Open = -1;

    private readonly SubmissionPool _pool;
    private PooledBuffer? _payloadBuffer;
    private PooledBuffer? _restBuffer;
    private Memory<byte> _payload;

    // Ids, then states where they are wanted.
    private Memory<byte> _rest;
    private Hash256[] _accounts = [];
    private TaskCompletionSource<SubmissionFailure>? _done;
    private int _references;
    private int _durable;
    private int _outcome = Open;

    internal Submission(SubmissionPool pool) => _pool = pool;

    /// <summary>Transactions in it, at least 1.</summary>
    public int Count { get; private set; }

    /// <summary>True: complete when executed. False: complete when the vertex is durable.</summary>
    public bool WantsFinal { get; private set; }

    /// <summary>When the request had been read, in Stopwatch ticks.</summary>
    public long AcceptedTimestamp { get; private set; }

    /// <summary>Bytes of <see cref="Framed"/>, also after <see cref="GiveUpPayload"/>.</summary>
    public int FramedBytes { get; private set; }

    /// <summary>The transactions; until <see cref="GiveUpPayload"/>.</summary>
    public ReadOnlySpan<byte> Framed => Payload[KeyBytes..];

    /// <summary>A committee change, which must be alone in its vertex.</summary>
    public bool IsSystem => _accounts.Length == 0 && Payload[sizeof(uint)] == (byte)TransactionKind.System;

    /// <summary>Ids in order, 32 bytes each.</summary>
    public ReadOnlySpan<byte> Ids => RoomForIds;

    /// <summary>Set before it is handed over.</summary>
    public ISubmissionWatcher? Watcher { get; set; }

    /// <summary>The vertex that carries it; once <see cref="IsDurable"/>.</summary>
    public Hash256 VertexHash { get; private set; }

    /// <summary>True from <see cref="CompleteDurable"/> on.</summary>
    public bool IsDurable => Volatile.Read(ref _durable) != 0;

    /// <summary>Completes once: durable or final, see <see cref="WantsFinal"/>; or with the failure.</summary>
    public Task<SubmissionFailure> Completion
    {
        get
        {
            RequireHeld();
            if (Volatile.Read(ref _done) is null)
            {
                TaskCompletionSource<SubmissionFailure> fresh = new(TaskCreationOptions.RunContinuationsAsynchronously);
                Interlocked.CompareExchange(ref _done, fresh, null);
            }

            // Who completes it sets the outcome first and looks for a task then, so one of both sees the other.
            int outcome = Volatile.Read(ref _outcome);
            if (outcome != Open)
            {
                _done!.TrySetResult((SubmissionFailure)outcome);
            }

            return _done!.Task;
        }
    }

    /// <summary>Per transaction, after completion; only when <see cref="WantsFinal"/>.</summary>
    public ReadOnlySpan<TransactionState> States => WritableStates;

    /// <summary>The accounts' ids, ascending.</summary>
    public ReadOnlySpan<Hash256> Accounts => _accounts;

    /// <summary>For who makes it: a key for each of the accounts, then the transactions.</summary>
    internal Span<byte> Payload
    {
        get
        {
            RequireHeld();
            Require.That(!_payload.IsEmpty, "the payload of a submission was given up");
            return _payload.Span;
        }
    }

    /// <summary>For who makes it.</summary>
    internal Span<byte> RoomForIds
    {
        get
        {
            RequireHeld();
            return _rest.Span[..(Count * Hash256.Size)];
        }
    }

    private int KeyBytes => _accounts.Length * PayloadWriter.AccountKeyBytes;

    private Span<TransactionState> WritableStates
    {
        get
        {
            RequireHeld();
            Span<byte> bytes = _rest.Span[(Count * Hash256.Size)..];
            return WantsFinal ? MemoryMarshal.Cast<byte, TransactionState>(bytes)[..Count] : default;
        }
    }

    /// <summary>The payload's bytes, to be copied; of code that outlives the stack frame.</summary>
    internal ReadOnlyMemory<byte> PayloadMemory => _payload;

    /// <summary>An account's key as a payload's entry.</summary>
    public ReadOnlySpan<byte> AccountEntry(int key) =>
        Payload.Slice(key * PayloadWriter.AccountKeyBytes, PayloadWriter.AccountKeyBytes);

    /// <summary>Begins a use, with one reference and memory that is not cleared. By the pool alone.</summary>
    internal void Begin(int payloadBytes, int count, Hash256[] accounts, bool wantsFinal)
    {
        Require.That(_references == 0, "a submission was taken while it was held");
        _payload = _pool.Room(payloadBytes, out _payloadBuffer);
        _rest = _pool.Room(count * (Hash256.Size + (wantsFinal ? Unsafe.SizeOf<TransactionState>() : 0)), out _restBuffer);
        _accounts = accounts;
        Count = count;
        WantsFinal = wantsFinal;
        FramedBytes = payloadBytes - KeyBytes;
        AcceptedTimestamp = System.Diagnostics.Stopwatch.GetTimestamp();
        _outcome = Open;
        _durable = 0;
        VertexHash = default;
        Volatile.Write(ref _references, 1);
    }

    /// <summary>The payload has been copied, and its memory goes back. Once, by who put it into a vertex.</summary>
    public void GiveUpPayload()
    {
        RequireHeld();
        _payload = default;
        _payloadBuffer?.Release();
        _payloadBuffer = null;
    }

    /// <summary>Records that the vertex with all of this is durable. Again when it went into another vertex.</summary>
    public void CompleteDurable(in Hash256 vertexHash)
    {
        RequireHeld();
        VertexHash = vertexHash;
        if (Interlocked.Exchange(ref _durable, 1) != 0)
        {
            return;
        }

        Watcher?.Durable();
        if (!WantsFinal)
        {
            TryEnd(SubmissionFailure.None);
        }
    }

    /// <summary>Records the outcome of transaction <paramref name="index"/>; then <see cref="CompleteFinal"/>.</summary>
    public void SetState(int index, in TransactionState state)
    {
        if (WantsFinal)
        {
            WritableStates[index] = state;
        }
    }

    /// <summary>All outcomes are set.</summary>
    public void CompleteFinal()
    {
        if (TryEnd(SubmissionFailure.None))
        {
            Watcher?.Final();
        }
    }

    public void Fail(SubmissionFailure failure)
    {
        if (TryEnd(failure))
        {
            Watcher?.Failed(failure);
        }
    }

    public void AddReference()
    {
        int now = Interlocked.Increment(ref _references);
        Require.That(now > 1, "a released submission was retained");
    }

    public void Release()
    {
        int left = Interlocked.Decrement(ref _references);
        Require.That(left >= 0, "a submission was released more often than retained");
        if (left > 0)
        {
            return;
        }

        ISubmissionWatcher? watcher = Watcher;
        _payloadBuffer?.Release();
        _restBuffer?.Release();
        _payload = _rest = default;
        _payloadBuffer = _restBuffer = null;
        _accounts = [];
        _done = null;
        Watcher = null;
        _pool.Return(this);
        watcher?.Released();
    }

    private bool TryEnd(SubmissionFailure outcome)
    {
        RequireHeld();
        if (Interlocked.CompareExchange(ref _outcome, (int)outcome, Open) != Open)
        {
            return false;
        }

        Volatile.Read(ref _done)?.TrySetResult(outcome);
        return true;
    }

    private void RequireHeld() => Require.That(Volatile.Read(ref _references) > 0, "a released submission was used");
}
