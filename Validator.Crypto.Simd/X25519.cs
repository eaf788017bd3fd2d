using System.Security.Cryptography;

namespace Validator.Crypto.Simd;

/// <summary>
/// X25519 (RFC 7748, section 5): a Montgomery ladder over 2^255 - 19 without secret-dependent branch or index. Field elements
/// are five limbs of 51 bits. Nothing allocates; input and output may be the same memory.
/// </summary>
public static unsafe class X25519
{
    /// <summary>Bytes of a scalar (secret key), of a u-coordinate (public key) and of a shared secret.</summary>
    public const int KeyBytes = 32;

    private const int Limbs = 5;
    private const ulong Mask = (1UL << 51) - 1;
    private const ulong A24 = 121665;

    // Twice the modulus, limb by limb: added before a subtraction, it keeps limbs positive.
    private const ulong TwiceLow = (1UL << 52) - 38;
    private const ulong TwiceHigh = (1UL << 52) - 2;

    /// <summary>The public key of 32 secret bytes: their product with the base point u = 9.</summary>
    /// <exception cref="ArgumentException">A buffer has the wrong length.</exception>
    public static void PublicKey(ReadOnlySpan<byte> secret32, Span<byte> public32)
    {
        Span<byte> nine = stackalloc byte[KeyBytes];
        nine.Clear();
        nine[0] = 9;
        Multiply(secret32, nine, public32);
    }

    /// <summary>
    /// The shared secret of own secret and the other's public bytes, any 32 of which are a key. False if it is all zero, which
    /// only a public key of small order gives (section 6.1); the output is then zero.
    /// </summary>
    /// <exception cref="ArgumentException">A buffer has the wrong length.</exception>
    public static bool TryAgree(ReadOnlySpan<byte> secret32, ReadOnlySpan<byte> public32, Span<byte> shared32)
    {
        Multiply(secret32, public32, shared32);
        int any = 0;
        foreach (byte b in shared32)
        {
            any |= b;
        }

        return any != 0;
    }

    private static void Multiply(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> point, Span<byte> output)
    {
        MlDsa87.RequireLength(secret.Length, KeyBytes, nameof(secret));
        MlDsa87.RequireLength(point.Length, KeyBytes, nameof(point));
        MlDsa87.RequireLength(output.Length, KeyBytes, nameof(output));
        const int Elements = 12;
        ulong* space = stackalloc ulong[Elements * Limbs];
        byte* scalar = stackalloc byte[KeyBytes];
        secret.CopyTo(new Span<byte>(scalar, KeyBytes));
        scalar[0] &= 248;
        scalar[31] = (byte)((scalar[31] & 127) | 64);
        Ladder(scalar, point, space);
        Encode(space, output);
        CryptographicOperations.ZeroMemory(new Span<byte>(scalar, KeyBytes));
        CryptographicOperations.ZeroMemory(new Span<byte>(space, Elements * Limbs * sizeof(ulong)));
    }

    /// <summary>Leaves the affine result in the first element of <paramref name="space"/>.</summary>
    private static void Ladder(byte* scalar, ReadOnlySpan<byte> point, ulong* space)
    {
        ulong* x2 = space, z2 = x2 + Limbs, x3 = z2 + Limbs, z3 = x3 + Limbs, x1 = z3 + Limbs;
        ulong* a = x1 + Limbs, b = a + Limbs, c = b + Limbs, d = c + Limbs, aa = d + Limbs, bb = aa + Limbs, a24 = bb + Limbs;
        new Span<ulong>(space, 12 * Limbs).Clear();
        Decode(point, x1);
        new ReadOnlySpan<ulong>(x1, Limbs).CopyTo(new Span<ulong>(x3, Limbs));
        x2[0] = z3[0] = 1;
        a24[0] = A24;
        ulong swap = 0;
        for (int t = 254; t >= 0; t--)
        {
            ulong bit = (ulong)(scalar[t >> 3] >> (t & 7)) & 1;
            Swap(swap ^ bit, x2, x3);
            Swap(swap ^ bit, z2, z3);
            swap = bit;
            Add(a, x2, z2);
            Subtract(b, x2, z2);
            Add(c, x3, z3);
            Subtract(d, x3, z3);
            Product(aa, a, a);
            Product(bb, b, b);
            Product(d, d, a);
            Product(c, c, b);
            Add(x3, d, c);
            Product(x3, x3, x3);
            Subtract(z3, d, c);
            Product(z3, z3, z3);
            Product(z3, z3, x1);
            Product(x2, aa, bb);
            Subtract(b, aa, bb);
            Product(z2, b, a24);
            Add(z2, z2, aa);
            Product(z2, z2, b);
        }

        Swap(swap, x2, x3);
        Swap(swap, z2, z3);
        Invert(a, z2);
        Product(x2, x2, a);
    }

    /// <summary>value^(p - 2): the exponent's 255 bits are all one but bits 2 and 4.</summary>
    private static void Invert(ulong* result, ulong* value)
    {
        ulong* power = stackalloc ulong[Limbs];
        new ReadOnlySpan<ulong>(value, Limbs).CopyTo(new Span<ulong>(power, Limbs));
        for (int i = 253; i >= 0; i--)
        {
            Product(power, power, power);
            if (i is not (2 or 4))
            {
                Product(power, power, value);
            }
        }

        new ReadOnlySpan<ulong>(power, Limbs).CopyTo(new Span<ulong>(result, Limbs));
        CryptographicOperations.ZeroMemory(new Span<byte>(power, Limbs * sizeof(ulong)));
    }

    private static void Swap(ulong bit, ulong* a, ulong* b)
    {
        ulong mask = 0 - bit;
        for (int i = 0; i < Limbs; i++)
        {
            ulong difference = mask & (a[i] ^ b[i]);
            a[i] ^= difference;
            b[i] ^= difference;
        }
    }

    private static void Add(ulong* result, ulong* a, ulong* b)
    {
        for (int i = 0; i < Limbs; i++)
        {
            result[i] = a[i] + b[i];
        }
    }

    /// <summary>a - b + 2p; both are products, so b's limbs are below those of 2p.</summary>
    private static void Subtract(ulong* result, ulong* a, ulong* b)
    {
        result[0] = a[0] + TwiceLow - b[0];
        for (int i = 1; i < Limbs; i++)
        {
            result[i] = a[i] + TwiceHigh - b[i];
        }
    }

    /// <summary>
    /// a b, with limbs below 2^51 + 2^12. Those of a and b may reach 2^53: a column is then below 5 * 19 * 2^106 &lt; 2^113, and
    /// what is carried from it fits 64 bits, as does 19 times the last column's carry.
    /// </summary>
    private static void Product(ulong* result, ulong* a, ulong* b)
    {
        ulong* factors = stackalloc ulong[2 * Limbs];
        for (int i = 0; i < Limbs; i++)
        {
            factors[i] = 19 * b[i];
            factors[Limbs + i] = b[i];
        }

        ulong r0 = Column(a, factors + 5, 0, out ulong carry);
        ulong r1 = Column(a, factors + 6, carry, out carry);
        ulong r2 = Column(a, factors + 7, carry, out carry);
        ulong r3 = Column(a, factors + 8, carry, out carry);
        ulong r4 = Column(a, factors + 9, carry, out carry);
        r0 += 19 * carry;
        result[0] = r0 & Mask;
        result[1] = r1 + (r0 >> 51);
        result[2] = r2;
        result[3] = r3;
        result[4] = r4;
        CryptographicOperations.ZeroMemory(new Span<byte>(factors, 2 * Limbs * sizeof(ulong)));
    }

    /// <summary>The sum of a[i] top[-i] and what the column before carried: its low 51 bits, and what is above.</summary>
    private static ulong Column(ulong* a, ulong* top, ulong carried, out ulong carry)
    {
        ulong low = carried, high = 0;
        for (int i = 0; i < Limbs; i++)
        {
            high += Math.BigMul(a[i], top[-i], out ulong product);
            ulong sum = low + product;
            // The carry by logic: a comparison might become a branch.
            high += ((low & product) | ((low | product) & ~sum)) >> 63;
            low = sum;
        }

        carry = (high << 13) | (low >> 51);
        return low & Mask;
    }

    private static void Decode(ReadOnlySpan<byte> bytes, ulong* result)
    {
        for (int i = 0; i < Limbs; i++)
        {
            // Bit 255 is ignored (section 5).
            int bit = 51 * i;
            int at = Math.Min(bit / 8, KeyBytes - 8);
            ulong word = System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
            result[i] = (word >> (bit - (8 * at))) & Mask;
        }
    }

    private static void Encode(ulong* value, Span<byte> output)
    {
        for (int round = 0; round < 2; round++)
        {
            Carry(value);
        }

        // Now below 2^255: at or above p exactly if adding 19 reaches bit 255.
        ulong above = (value[0] + 19) >> 51;
        for (int i = 1; i < Limbs; i++)
        {
            above = (value[i] + above) >> 51;
        }

        value[0] += 19 * above;
        for (int i = 0; i < Limbs - 1; i++)
        {
            value[i + 1] += value[i] >> 51;
            value[i] &= Mask;
        }

        value[4] &= Mask;
        for (int i = 0; i < 4; i++)
        {
            // 51 = 64 - 13: word i takes what limb i has left, and the low bits of the next.
            ulong word = (value[i] >> (13 * i)) | (value[i + 1] << (51 - (13 * i)));
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(output[(8 * i)..], word);
        }
    }

    private static void Carry(ulong* value)
    {
        for (int i = 0; i < Limbs - 1; i++)
        {
            value[i + 1] += value[i] >> 51;
            value[i] &= Mask;
        }

        value[0] += 19 * (value[4] >> 51);
        value[4] &= Mask;
    }
}
