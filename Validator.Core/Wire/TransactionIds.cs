using Validator.Core.Primitives;
using Validator.Crypto.Simd;

namespace Validator.Core.Wire;

/// <summary>Transaction ids, BLAKE3(kind, bytes), and the root over them, BLAKE3 of the ids in order.</summary>
public static class TransactionIds
{
    /// <param name="kindAndBytes">The kind byte and the client's bytes behind it.</param>
    public static Hash256 Of(ReadOnlySpan<byte> kindAndBytes) => Hash256.Of(kindAndBytes);

    /// <summary>Finds the transactions of a payload.</summary>
    /// <param name="offsets">Filled with where each kind byte is; room for the expected count.</param>
    /// <param name="lengths">Filled with the bytes of each, kind included.</param>
    /// <param name="expected">How many there must be.</param>
    /// <param name="accountKeys">How many account keys stand before them.</param>
    public static bool TryIndex(
        ReadOnlySpan<byte> payload, int expected, Span<int> offsets, Span<int> lengths, out int accountKeys, out DecodeError error)
    {
        accountKeys = 0;
        PayloadReader reader = new(payload);
        int count = 0;
        while (reader.MoveNext())
        {
            if (count == expected)
            {
                error = DecodeError.TransactionCount;
                return false;
            }

            offsets[count] = reader.Offset;
            lengths[count] = reader.Length;
            count++;
        }

        accountKeys = reader.AccountKeys;
        error = reader.Error != DecodeError.None ? reader.Error
            : count != expected ? DecodeError.TransactionCount
            : DecodeError.None;
        return error == DecodeError.None;
    }

    /// <summary>Hashes the indexed transactions, many at a time.</summary>
    /// <param name="ids">Filled with 32 bytes for each.</param>
    /// <returns>The transaction root.</returns>
    public static Hash256 Compute(ReadOnlySpan<byte> payload, ReadOnlySpan<int> offsets, ReadOnlySpan<int> lengths, Span<byte> ids)
    {
        Span<byte> packed = ids[..(offsets.Length * Hash256.Size)];
        Blake3.HashMany(payload, offsets, lengths, packed);
        return Hash256.Of(packed);
    }
}

/// <summary>Scratch for one thread that hashes payloads: grows to the largest vertex met, then never allocates.</summary>
public sealed class TransactionScratch
{
    private int[] _offsets = new int[1024];
    private int[] _lengths = new int[1024];
    private byte[] _ids = new byte[1024 * Hash256.Size];
    private int _count;

    /// <summary>Where each transaction's kind byte is in the payload last computed.</summary>
    public ReadOnlySpan<int> Offsets => _offsets.AsSpan(0, _count);

    /// <summary>Bytes of each transaction, kind included.</summary>
    public ReadOnlySpan<int> Lengths => _lengths.AsSpan(0, _count);

    /// <summary>Ids, 32 bytes each.</summary>
    public ReadOnlySpan<byte> Ids => _ids.AsSpan(0, _count * Hash256.Size);

    /// <summary>Account keys at the payload's start.</summary>
    public int AccountKeys { get; private set; }

    /// <summary>
    /// The payload's envelopes; filled by <c>VertexValidation.CheckPayload</c> alone. May be exchanged to keep one.
    /// </summary>
    public EnvelopeIndex Envelopes { get; set; } = new();

    /// <summary>
    /// The committee change that is the payload's only transaction, or null; filled like <see cref="Envelopes"/>.
    /// </summary>
    public SignedCommitteeChange? Change { get; internal set; }

    /// <summary>The proof of an offence that is the payload's only transaction, or null; filled like these.</summary>
    public OffenceProof? Proof { get; internal set; }

    /// <summary>Indexes and hashes a payload of exactly <paramref name="count"/> transactions.</summary>
    public bool TryCompute(ReadOnlySpan<byte> payload, int count, out Hash256 root, out DecodeError error)
    {
        root = default;
        if (!TryIndex(payload, count, out error))
        {
            return false;
        }

        root = TransactionIds.Compute(payload, Offsets, Lengths, _ids);
        return true;
    }

    /// <summary>Indexes a payload that was checked before.</summary>
    /// <param name="ids">Of its transactions, 32 bytes each.</param>
    public void Index(ReadOnlySpan<byte> payload, ReadOnlySpan<byte> ids)
    {
        Require.That(TryIndex(payload, ids.Length / Hash256.Size, out _));
        ids.CopyTo(_ids);
    }

    private bool TryIndex(ReadOnlySpan<byte> payload, int count, out DecodeError error)
    {
        Require.That(count is >= 0 and <= Limits.MaxVertexTransactions);
        if (count > _offsets.Length)
        {
            int capacity = Math.Min(Limits.MaxVertexTransactions, Math.Max(count, 2 * _offsets.Length));
            _offsets = new int[capacity];
            _lengths = new int[capacity];
            _ids = new byte[capacity * Hash256.Size];
        }

        _count = 0;
        if (!TransactionIds.TryIndex(payload, count, _offsets, _lengths, out int accountKeys, out error))
        {
            return false;
        }

        AccountKeys = accountKeys;
        _count = count;
        return true;
    }
}
