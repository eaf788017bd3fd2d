using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>
/// A cursor over received bytes. Never reads beyond them and never throws: the first error sticks, and every read after it
/// gives zeros. Callers check <see cref="Ok"/> before they act on a value, and before they allocate by a count.
/// </summary>
internal ref struct WireReader(ReadOnlySpan<byte> data)
{
    private readonly ReadOnlySpan<byte> _data = data;

    /// <summary>
    /// Vertices, blocks and ends of epochs state their committee's size in bytes 2 and 3; 0 where that is none that can be.
    /// </summary>
    public static int CommitteeSizeOf(ReadOnlySpan<byte> record)
    {
        int size = record.Length < 4 ? 0 : record[2] | (record[3] << 8);
        return size <= Limits.MaxCommittee ? size : 0;
    }

    public int Position { get; private set; }

    public DecodeError Error { get; private set; }

    public readonly bool Ok => Error == DecodeError.None;

    public readonly int Remaining => _data.Length - Position;

    public void Fail(DecodeError error)
    {
        if (Ok)
        {
            Error = error;
        }
    }

    /// <summary>Fails with <paramref name="error"/> unless the condition holds.</summary>
    public void Check(bool condition, DecodeError error)
    {
        if (!condition)
        {
            Fail(error);
        }
    }

    /// <summary>Fails unless <paramref name="count"/> items of <paramref name="size"/> bytes are left.</summary>
    public void Need(int count, int size) => Check((long)count * size <= Remaining, DecodeError.Truncated);

    /// <summary>The next <paramref name="length"/> bytes, or empty when they are not there.</summary>
    public ReadOnlySpan<byte> Take(int length)
    {
        if (!Ok || length > Remaining)
        {
            Fail(DecodeError.Truncated);
            return default;
        }

        ReadOnlySpan<byte> bytes = _data.Slice(Position, length);
        Position += length;
        return bytes;
    }

    public byte U8()
    {
        ReadOnlySpan<byte> bytes = Take(1);
        return bytes.IsEmpty ? (byte)0 : bytes[0];
    }

    public ushort U16()
    {
        ReadOnlySpan<byte> bytes = Take(2);
        return bytes.IsEmpty ? (ushort)0 : BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    public uint U32()
    {
        ReadOnlySpan<byte> bytes = Take(4);
        return bytes.IsEmpty ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    public ulong U64()
    {
        ReadOnlySpan<byte> bytes = Take(8);
        return bytes.IsEmpty ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    public Hash256 Hash()
    {
        ReadOnlySpan<byte> bytes = Take(Hash256.Size);
        return bytes.IsEmpty ? default : new Hash256(bytes);
    }

    /// <summary>A signature as an array of its own; empty after an error.</summary>
    public byte[] Signature()
    {
        ReadOnlySpan<byte> bytes = Take(Limits.SignatureBytes);
        if (bytes.IsEmpty)
        {
            return [];
        }

        byte[] signature = GC.AllocateUninitializedArray<byte>(Limits.SignatureBytes);
        bytes.CopyTo(signature);
        return signature;
    }

    public void Tag(byte tag) => Check(U8() == tag, DecodeError.WrongTag);

    public void Reserved(int length)
    {
        if (Take(length).ContainsAnyExcept((byte)0))
        {
            Fail(DecodeError.ReservedNotZero);
        }
    }

    /// <summary>u16 committee index.</summary>
    public int Member(int committeeSize)
    {
        int member = U16();
        Check(member < committeeSize, DecodeError.MemberOutOfRange);
        return member;
    }

    /// <summary>One tip per lane, 40 bytes each; height 0 if and only if the hash is zero. Empty after an error.</summary>
    public LaneTip[] Tips(int lanes)
    {
        Need(lanes, WireSizes.LaneTip);
        if (!Ok)
        {
            return [];
        }

        LaneTip[] tips = new LaneTip[lanes];
        for (int i = 0; i < lanes; i++)
        {
            LaneTip tip = new(U64(), Hash());
            Check((tip.Height == 0) == tip.Hash.IsZero, DecodeError.TipMalformed);
            tips[i] = tip;
        }

        return tips;
    }

    /// <summary>
    /// Ends a top-level read: refuses trailing bytes. True when all went well and there is a value; else it is null.
    /// </summary>
    public bool Finish<T>([NotNullWhen(true)] ref T? value, out DecodeError error)
        where T : class
    {
        bool finished = Finish(out error);
        Require.That(value is not null || !finished);
        if (!finished)
        {
            value = null;
        }

        return finished && value is not null;
    }

    /// <summary>The same where the value is a struct.</summary>
    public bool Finish(out DecodeError error)
    {
        Check(Remaining == 0, DecodeError.TrailingBytes);
        error = Error;
        return Ok;
    }
}
