using System.Runtime.CompilerServices;
using Validator.Crypto.Simd.Hashing;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>
/// Polynomials of ML-KEM (FIPS 203, section 4): 256 coefficients in [0, 3329), on plain integers. Keys are sealed rarely, so
/// there is no vector path. Reductions multiply and mask: no division and no branch sees a coefficient.
/// </summary>
internal static unsafe class KyberPoly
{
    internal const int N = 256;
    internal const int Q = 3329;

    private static readonly ushort[] s_zetas = Powers(static i => Reverse7(i));
    private static readonly ushort[] s_gammas = Powers(static i => (2 * Reverse7(i)) + 1);

    /// <summary>x mod q for x below 2^24, by Barrett: 5039 = floor(2^24 / q).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Reduce(uint x)
    {
        uint rest = x - ((uint)(((ulong)x * 5039) >> 24) * Q);
        return SubtractQ(rest);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint SubtractQ(uint x)
    {
        uint less = x - Q;
        return less + (Q & (uint)((int)less >> 31));
    }

    /// <summary>NTT (algorithm 9), in place.</summary>
    internal static void Forward(ushort* f)
    {
        int i = 1;
        for (int length = 128; length >= 2; length >>= 1)
        {
            for (int start = 0; start < N; start += 2 * length)
            {
                uint zeta = s_zetas[i++];
                for (int j = start; j < start + length; j++)
                {
                    uint t = Reduce(zeta * f[j + length]);
                    f[j + length] = (ushort)SubtractQ((uint)(f[j] + Q) - t);
                    f[j] = (ushort)SubtractQ(f[j] + t);
                }
            }
        }
    }

    /// <summary>Inverse NTT (algorithm 10), in place.</summary>
    internal static void Inverse(ushort* f)
    {
        int i = 127;
        for (int length = 2; length <= 128; length <<= 1)
        {
            for (int start = 0; start < N; start += 2 * length)
            {
                uint zeta = s_zetas[i--];
                for (int j = start; j < start + length; j++)
                {
                    uint t = f[j];
                    f[j] = (ushort)SubtractQ(t + f[j + length]);
                    f[j + length] = (ushort)Reduce(zeta * SubtractQ((uint)(f[j + length] + Q) - t));
                }
            }
        }

        for (int j = 0; j < N; j++)
        {
            // 3303 = 128^-1 mod q
            f[j] = (ushort)Reduce(f[j] * 3303u);
        }
    }

    /// <summary>sum += a * b in the NTT domain (algorithms 11 and 12).</summary>
    internal static void MultiplyAdd(ushort* sum, ushort* a, ushort* b)
    {
        for (int i = 0; i < N / 2; i++)
        {
            uint a0 = a[2 * i], a1 = a[(2 * i) + 1], b0 = b[2 * i], b1 = b[(2 * i) + 1];
            uint low = SubtractQ(Reduce(a0 * b0) + Reduce(Reduce(a1 * b1) * s_gammas[i]));
            uint high = SubtractQ(Reduce(a0 * b1) + Reduce(a1 * b0));
            sum[2 * i] = (ushort)SubtractQ(sum[2 * i] + low);
            sum[(2 * i) + 1] = (ushort)SubtractQ(sum[(2 * i) + 1] + high);
        }
    }

    /// <summary>a += b.</summary>
    internal static void Add(ushort* a, ushort* b)
    {
        for (int i = 0; i < N; i++)
        {
            a[i] = (ushort)SubtractQ((uint)a[i] + b[i]);
        }
    }

    /// <summary>a = b - a.</summary>
    internal static void SubtractFrom(ushort* a, ushort* b)
    {
        for (int i = 0; i < N; i++)
        {
            a[i] = (ushort)SubtractQ((uint)b[i] + Q - a[i]);
        }
    }

    /// <summary>SampleNTT (algorithm 7) from a 32-byte seed and two indices.</summary>
    internal static void SampleUniform(byte* seed32, byte first, byte second, ushort* f)
    {
        byte* block = stackalloc byte[Shake.Rate128];
        Shake.Init128(out Shake shake);
        shake.Absorb(new ReadOnlySpan<byte>(seed32, 32));
        shake.Absorb([first, second]);
        shake.Finish();
        int count = 0;
        while (count < N)
        {
            shake.Squeeze(new Span<byte>(block, Shake.Rate128));
            for (int i = 0; i < Shake.Rate128 && count < N; i += 3)
            {
                int low = block[i] | ((block[i + 1] & 15) << 8);
                int high = (block[i + 1] >> 4) | (block[i + 2] << 4);
                f[count] = (ushort)low;
                count += low < Q ? 1 : 0;
                if (count < N)
                {
                    f[count] = (ushort)high;
                    count += high < Q ? 1 : 0;
                }
            }
        }
    }

    /// <summary>SamplePolyCBD with eta = 2 (algorithm 8) of PRF(seed, nonce).</summary>
    internal static void SampleBinomial(byte* seed32, byte nonce, ushort* f)
    {
        byte* bytes = stackalloc byte[128];
        Shake.Init256(out Shake shake);
        shake.Absorb(new ReadOnlySpan<byte>(seed32, 32));
        shake.Absorb([nonce]);
        shake.Finish();
        shake.Squeeze(new Span<byte>(bytes, 128));
        shake.Clear();
        for (int i = 0; i < N; i++)
        {
            int nibble = bytes[i / 2] >> (4 * (i & 1));
            int x = (nibble & 1) + ((nibble >> 1) & 1);
            int y = ((nibble >> 2) & 1) + ((nibble >> 3) & 1);
            f[i] = (ushort)SubtractQ((uint)(x + Q - y));
        }

        new Span<byte>(bytes, 128).Clear();
    }

    /// <summary>ByteEncode with 12 bits a coefficient (algorithm 5).</summary>
    internal static void Encode12(ushort* f, byte* output)
    {
        for (int i = 0; i < N; i += 2, output += 3)
        {
            output[0] = (byte)f[i];
            output[1] = (byte)((f[i] >> 8) | (f[i + 1] << 4));
            output[2] = (byte)(f[i + 1] >> 4);
        }
    }

    /// <summary>ByteDecode with 12 bits; false if a coefficient is q or more. Those are reduced.</summary>
    internal static bool Decode12(byte* input, ushort* f)
    {
        int above = 0;
        for (int i = 0; i < N; i += 2, input += 3)
        {
            int low = input[0] | ((input[1] & 15) << 8);
            int high = (input[1] >> 4) | (input[2] << 4);
            above |= (Q - 1 - low) | (Q - 1 - high);
            f[i] = (ushort)SubtractQ((uint)low);
            f[i + 1] = (ushort)SubtractQ((uint)high);
        }

        return above >= 0;
    }

    /// <summary>Compress to d bits (1, 4 or 10), then ByteEncode.</summary>
    internal static void CompressEncode(ushort* f, int d, byte* output)
    {
        ulong bits = 0;
        int held = 0;
        for (int i = 0; i < N; i++)
        {
            // round(2^d x / q) by the reciprocal 2^36 / q rounded up, exact for x below q and d up to 10.
            ulong value = (((((ulong)f[i] << d) + (Q / 2)) * 20642679) >> 36) & ((1ul << d) - 1);
            bits |= value << held;
            for (held += d; held >= 8; held -= 8)
            {
                *output++ = (byte)bits;
                bits >>= 8;
            }
        }
    }

    /// <summary>ByteDecode, then Decompress from d bits.</summary>
    internal static void DecodeDecompress(byte* input, int d, ushort* f)
    {
        ulong bits = 0;
        int held = 0;
        for (int i = 0; i < N; i++)
        {
            for (; held < d; held += 8)
            {
                bits |= (ulong)*input++ << held;
            }

            uint value = (uint)bits & ((1u << d) - 1);
            bits >>= d;
            held -= d;
            f[i] = (ushort)(((value * Q) + (1u << (d - 1))) >> d);
        }
    }

    private static int Reverse7(int i)
    {
        int reversed = 0;
        for (int bit = 0; bit < 7; bit++)
        {
            reversed |= ((i >> bit) & 1) << (6 - bit);
        }

        return reversed;
    }

    private static ushort[] Powers(Func<int, int> exponent)
    {
        ushort[] table = new ushort[128];
        for (int i = 0; i < table.Length; i++)
        {
            uint power = 1;
            for (int e = exponent(i); e > 0; e--)
            {
                power = power * 17 % Q;
            }

            table[i] = (ushort)power;
        }

        return table;
    }
}
