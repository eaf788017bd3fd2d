using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Validator.Core.Primitives;

/// <summary>A BLAKE3 digest, 32 bytes. Ordered and compared as its bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly struct Hash256 : IEquatable<Hash256>, IComparable<Hash256>
{
    public const int Size = 32;

    private readonly ulong _a;
    private readonly ulong _b;
    private readonly ulong _c;
    private readonly ulong _d;

    public static Hash256 Zero => default;

    /// <param name="bytes">At least 32 bytes; the first 32 are taken.</param>
    public Hash256(ReadOnlySpan<byte> bytes)
    {
        _a = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        _b = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        _c = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]);
        _d = BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]);
    }

    public bool IsZero => (_a | _b | _c | _d) == 0;

    public static Hash256 Of(ReadOnlySpan<byte> data)
    {
        Span<byte> digest = stackalloc byte[Size];
        Validator.Crypto.Simd.Blake3.Hash(data, digest);
        return new Hash256(digest);
    }

    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, _a);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], _b);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[16..], _c);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[24..], _d);
    }

    public byte[] ToArray()
    {
        byte[] bytes = new byte[Size];
        CopyTo(bytes);
        return bytes;
    }

    /// <summary>Reads 64 hexadecimal digits, either case.</summary>
    public static bool TryParse(ReadOnlySpan<char> hex, out Hash256 hash)
    {
        hash = default;
        Span<byte> bytes = stackalloc byte[Size];
        if (hex.Length != 2 * Size
            || Convert.FromHexString(hex, bytes, out _, out int written) != System.Buffers.OperationStatus.Done
            || written != Size)
        {
            return false;
        }

        hash = new Hash256(bytes);
        return true;
    }

    public bool Equals(Hash256 other) => ((_a ^ other._a) | (_b ^ other._b) | (_c ^ other._c) | (_d ^ other._d)) == 0;

    public override bool Equals(object? obj) => obj is Hash256 other && Equals(other);

    // A digest is uniform already, but peers choose what is hashed: mixing two words makes aimed collisions cost 2^32 each.
    public override int GetHashCode() => (int)(_a ^ (_c >> 32));

    public int CompareTo(Hash256 other)
    {
        int order = Order(_a, other._a);
        if (order == 0)
        {
            order = Order(_b, other._b);
        }

        if (order == 0)
        {
            order = Order(_c, other._c);
        }

        return order != 0 ? order : Order(_d, other._d);

        static int Order(ulong x, ulong y) =>
            BinaryPrimitives.ReverseEndianness(x).CompareTo(BinaryPrimitives.ReverseEndianness(y));
    }

    public static bool operator ==(Hash256 left, Hash256 right) => left.Equals(right);

    public static bool operator !=(Hash256 left, Hash256 right) => !left.Equals(right);

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        CopyTo(bytes);
        return Convert.ToHexStringLower(bytes);
    }
}
