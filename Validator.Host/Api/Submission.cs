using System.Buffers;
using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;

namespace Validator.Host.Api;

/// <summary>Why an accepted submission came to nothing durable.</summary>
public enum SubmissionFailure : byte
{
    None,
    Stopping,
    StorageFailed,
}

/// <summary>Why bytes are not a valid sequence of framed transactions.</summary>
public enum FramingError : byte
{
    None,
    Empty,
    Truncated,
    EmptyTransaction,
    TransactionTooLarge,

    /// <summary>Clients may submit kind 0 only, in this protocol version.</summary>
    KindNotAllowed,
    TooLarge,
}

/// <summary>
/// Transactions of one client request, framed as in a vertex's payload (u32 LE length, u8 kind, bytes; back to back), with
/// their ids. Buffers are pooled and counted by reference: whoever holds one releases it once. One completion for all.
/// </summary>
public sealed class Submission
{
    private readonly TaskCompletionSource<SubmissionFailure> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TransactionState[]? _states;
    private byte[]? _framed;
    private byte[]? _ids;
    private readonly int _length;
    private int _references = 1;
    private bool _durable;

    private Submission(byte[] framed, int length, byte[] ids, int count, bool wantsFinal)
    {
        _framed = framed;
        _length = length;
        _ids = ids;
        Count = count;
        _states = wantsFinal ? new TransactionState[count] : null;
        AcceptedTimestamp = System.Diagnostics.Stopwatch.GetTimestamp();
    }

    /// <summary>Transactions in it, at least 1.</summary>
    public int Count { get; }

    /// <summary>True: complete when executed. False: complete when the vertex is durable.</summary>
    public bool WantsFinal => _states is not null;

    /// <summary>Stopwatch ticks at which the request had been read.</summary>
    public long AcceptedTimestamp { get; }

    public ReadOnlySpan<byte> Framed => _framed.AsSpan(0, _length);

    /// <summary>Ids in order, 32 bytes each.</summary>
    public ReadOnlySpan<byte> Ids => _ids.AsSpan(0, Count * Hash256.Size);

    /// <summary>The vertex that carries it; once <see cref="IsDurable"/>.</summary>
    public Hash256 VertexHash { get; private set; }

    /// <summary>True from <see cref="CompleteDurable"/> on.</summary>
    public bool IsDurable => Volatile.Read(ref _durable);

    /// <summary>Completes once: durable or final, see <see cref="WantsFinal"/>; or with the failure.</summary>
    public Task<SubmissionFailure> Completion => _done.Task;

    /// <summary>Per transaction, after completion; only when <see cref="WantsFinal"/>.</summary>
    public ReadOnlySpan<TransactionState> States => _states;

    /// <summary>Checks framing, copies the bytes and computes the ids.</summary>
    /// <param name="maxBytes">Most framed bytes, <see cref="INodeGateway.MaxSubmissionBytes"/>.</param>
    public static FramingError TryCreate(ReadOnlySpan<byte> framed, int maxBytes, bool wantsFinal, out Submission? submission)
    {
        submission = null;
        FramingError error = CheckFraming(framed, maxBytes, out int count);
        if (error != FramingError.None)
        {
            return error;
        }

        byte[] copy = ArrayPool<byte>.Shared.Rent(framed.Length);
        framed.CopyTo(copy);
        byte[] ids = ArrayPool<byte>.Shared.Rent(count * Hash256.Size);
        HashIds(framed, count, ids);
        submission = new Submission(copy, framed.Length, ids, count, wantsFinal);
        return FramingError.None;
    }

    /// <summary>The node's word that the vertex with all of this is durable.</summary>
    public void CompleteDurable(in Hash256 vertexHash)
    {
        VertexHash = vertexHash;
        Volatile.Write(ref _durable, true);
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
    public void CompleteFinal() => _done.TrySetResult(SubmissionFailure.None);

    public void Fail(SubmissionFailure failure) => _done.TrySetResult(failure);

    public void AddReference() => Interlocked.Increment(ref _references);

    public void Release()
    {
        int left = Interlocked.Decrement(ref _references);
        Require.That(left >= 0);
        if (left == 0)
        {
            ArrayPool<byte>.Shared.Return(_framed!);
            ArrayPool<byte>.Shared.Return(_ids!);
            _framed = null;
            _ids = null;
        }
    }

    private static FramingError CheckFraming(ReadOnlySpan<byte> framed, int maxBytes, out int count)
    {
        count = 0;
        if (framed.IsEmpty)
        {
            return FramingError.Empty;
        }

        if (framed.Length > maxBytes)
        {
            return FramingError.TooLarge;
        }

        int at = 0;
        while (at < framed.Length)
        {
            if (framed.Length - at < Limits.TransactionFramingBytes)
            {
                return FramingError.Truncated;
            }

            uint length = BinaryPrimitives.ReadUInt32LittleEndian(framed[at..]);
            if (length == 0)
            {
                return FramingError.EmptyTransaction;
            }

            if (length > Limits.MaxTransactionBytes)
            {
                return FramingError.TransactionTooLarge;
            }

            // No rules verify envelopes in this protocol version, and a vertex with one is invalid to everybody.
            if (framed[at + 4] != (byte)Core.Wire.TransactionKind.Opaque)
            {
                return FramingError.KindNotAllowed;
            }

            at += Limits.TransactionFramingBytes;
            if ((uint)(framed.Length - at) < length)
            {
                return FramingError.Truncated;
            }

            at += (int)length;
            count++;
        }

        return FramingError.None;
    }

    private static void HashIds(ReadOnlySpan<byte> framed, int count, Span<byte> ids)
    {
        int[] ranges = ArrayPool<int>.Shared.Rent(2 * count);
        Span<int> offsets = ranges.AsSpan(0, count);
        Span<int> lengths = ranges.AsSpan(count, count);
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            // An id covers the kind and the bytes, which follow each other.
            int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(framed[at..]);
            offsets[i] = at + 4;
            lengths[i] = length + 1;
            at += Limits.TransactionFramingBytes + length;
        }

        Blake3.HashMany(framed, offsets, lengths, ids[..(count * Hash256.Size)]);
        ArrayPool<int>.Shared.Return(ranges);
    }
}
