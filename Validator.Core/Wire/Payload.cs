using System.Buffers.Binary;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>
/// What an entry of a payload is: a transaction of kind 0 to 2 (PROTOCOL.md, section 1), or what goes with them.
/// </summary>
public enum TransactionKind : byte
{
    Opaque = 0,
    Envelope = 1,
    System = 2,

    /// <summary>No transaction: the public key of an account whose envelopes follow. It has no id and no index.</summary>
    AccountKey = 0x80,
}

/// <summary>
/// Walks a vertex's payload: account keys, then transactions, back to back, each u32 length n, u8 kind, n bytes. It gives the
/// transactions alone; one starts at the kind, so that its BLAKE3 is the transaction's id. Never reads beyond the payload.
/// </summary>
public ref struct PayloadReader(ReadOnlySpan<byte> payload)
{
    private readonly ReadOnlySpan<byte> _payload = payload;
    private int _next;
    private bool _inTransactions;

    /// <summary>
    /// Account keys at the payload's start, once <see cref="MoveNext"/> was called; each
    /// <see cref="PayloadWriter.AccountKeyBytes"/>.
    /// </summary>
    public int AccountKeys { get; private set; }

    /// <summary>Where the current transaction's kind byte is.</summary>
    public int Offset { get; private set; }

    /// <summary>Kind and bytes: 2 B to 64 KiB + 1.</summary>
    public int Length { get; private set; }

    public readonly TransactionKind Kind => (TransactionKind)_payload[Offset];

    /// <summary>The client's bytes, without the kind.</summary>
    public readonly ReadOnlySpan<byte> Bytes => _payload.Slice(Offset + 1, Length - 1);

    /// <summary>Why <see cref="MoveNext"/> stopped; None at a clean end.</summary>
    public DecodeError Error { get; private set; }

    public bool MoveNext()
    {
        if (!_inTransactions)
        {
            _inTransactions = true;
            while (MoveToEntry() && Kind == TransactionKind.AccountKey)
            {
                AccountKeys++;
                if (Length != 1 + Limits.PublicKeyBytes)
                {
                    Error = DecodeError.AccountKeyLength;
                }
            }
        }
        else
        {
            MoveToEntry();
        }

        if (Error == DecodeError.None && Length > 0 && Kind > TransactionKind.System)
        {
            Error = Kind == TransactionKind.AccountKey ? DecodeError.AccountKeyMisplaced : DecodeError.TransactionKindUnknown;
        }

        return Error == DecodeError.None && Length > 0;
    }

    private bool MoveToEntry()
    {
        int left = _payload.Length - _next;
        Length = 0;
        if (left == 0 || Error != DecodeError.None)
        {
            return false;
        }

        if (left <= Limits.TransactionFramingBytes)
        {
            Error = DecodeError.Truncated;
            return false;
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(_payload[_next..]);
        TransactionKind kind = (TransactionKind)_payload[_next + sizeof(uint)];
        if (length == 0 || length > (kind == TransactionKind.System ? Limits.MaxSystemTransactionBytes : Limits.MaxTransactionBytes))
        {
            Error = DecodeError.TransactionLength;
            return false;
        }

        if (length > left - Limits.TransactionFramingBytes)
        {
            Error = DecodeError.Truncated;
            return false;
        }

        Offset = _next + 4;
        Length = (int)length + 1;
        _next = Offset + Length;
        return true;
    }
}

/// <summary>Builds payloads.</summary>
public static class PayloadWriter
{
    /// <summary>Bytes that an account's key takes.</summary>
    public const int AccountKeyBytes = Limits.TransactionFramingBytes + Limits.PublicKeyBytes;

    /// <summary>Bytes that a transaction of <paramref name="length"/> bytes takes.</summary>
    public static int Size(int length) => length + Limits.TransactionFramingBytes;

    /// <summary>Writes one entry at the start of <paramref name="destination"/>.</summary>
    /// <returns>Bytes written: <see cref="Size"/>.</returns>
    public static int Append(Span<byte> destination, TransactionKind kind, ReadOnlySpan<byte> bytes)
    {
        Require.That(bytes.Length > 0 && bytes.Length <= (kind == TransactionKind.System ? Limits.MaxSystemTransactionBytes : Limits.MaxTransactionBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(destination, (uint)bytes.Length);
        destination[4] = (byte)kind;
        bytes.CopyTo(destination[Limits.TransactionFramingBytes..]);
        return Size(bytes.Length);
    }
}
