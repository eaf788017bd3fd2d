using System.Buffers.Binary;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>0 opaque, 1 signed envelope, 2 system (PROTOCOL.md, section 1).</summary>
public enum TransactionKind : byte
{
    Opaque = 0,
    Envelope = 1,
    System = 2,
}

/// <summary>
/// Walks a vertex's payload: transactions back to back, each u32 length n, u8 kind, n bytes. What it gives as a transaction
/// starts at the kind, so that its BLAKE3 is the transaction's id. Never reads beyond the payload.
/// </summary>
public ref struct PayloadReader(ReadOnlySpan<byte> payload)
{
    private readonly ReadOnlySpan<byte> _payload = payload;
    private int _next;

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
        int left = _payload.Length - _next;
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
        if (length is 0 or > Limits.MaxTransactionBytes)
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
        if (Kind > TransactionKind.System)
        {
            Error = DecodeError.TransactionKindUnknown;
            return false;
        }

        return true;
    }
}

/// <summary>Builds payloads.</summary>
public static class PayloadWriter
{
    /// <summary>Bytes that a transaction of <paramref name="length"/> bytes takes.</summary>
    public static int Size(int length) => length + Limits.TransactionFramingBytes;

    /// <summary>Writes one transaction at the start of <paramref name="destination"/>.</summary>
    /// <returns>Bytes written: <see cref="Size"/>.</returns>
    public static int Append(Span<byte> destination, TransactionKind kind, ReadOnlySpan<byte> bytes)
    {
        Require.That(bytes.Length is > 0 and <= Limits.MaxTransactionBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(destination, (uint)bytes.Length);
        destination[4] = (byte)kind;
        bytes.CopyTo(destination[Limits.TransactionFramingBytes..]);
        return Size(bytes.Length);
    }
}
