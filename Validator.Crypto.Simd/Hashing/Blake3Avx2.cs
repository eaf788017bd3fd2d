using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>BLAKE3 compressions eight lanes at a time with AVX2, and the transpositions around them.</summary>
internal static unsafe class Blake3Avx2
{
    /// <summary>
    /// Compresses a block a lane: word w of the chaining values lies at h[8 w + lane], of the blocks at m[8 w + lane]; the
    /// tail holds the counters' low and high words, block lengths and flags.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Compress(uint* h, uint* m, uint* tail)
    {
        byte* rowSpace = stackalloc byte[(4 * 8 * sizeof(uint)) + Scratch.Slack];
        uint* row = (uint*)Scratch.Align(rowSpace);
        Vector256<uint> v0 = Vector256.Load(h);
        Vector256<uint> v1 = Vector256.Load(h + 8);
        Vector256<uint> v2 = Vector256.Load(h + 16);
        Vector256<uint> v3 = Vector256.Load(h + 24);
        Vector256<uint> v4 = Vector256.Load(h + 32);
        Vector256<uint> v5 = Vector256.Load(h + 40);
        Vector256<uint> v6 = Vector256.Load(h + 48);
        Vector256<uint> v7 = Vector256.Load(h + 56);
        Vector256<uint> v8 = Vector256.Create(Blake3Scalar.Iv0), v9 = Vector256.Create(Blake3Scalar.Iv1);
        Vector256<uint> v10 = Vector256.Create(Blake3Scalar.Iv2), v11 = Vector256.Create(Blake3Scalar.Iv3);
        Vector256<uint> v12 = Vector256.Load(tail);
        Vector256<uint> v13 = Vector256.Load(tail + 8);
        Vector256<uint> v14 = Vector256.Load(tail + 16);
        Vector256<uint> v15 = Vector256.Load(tail + 24);

        if (Avx512F.VL.IsSupported)
        {
            Rounds(ref v0, ref v1, ref v2, ref v3, ref v4, ref v5, ref v6, ref v7, ref v8, ref v9, ref v10, ref v11,
                ref v12, ref v13, ref v14, ref v15, m);
        }
        else
        {
            v8.Store(row);
            v9.Store(row + 8);
            v10.Store(row + 16);
            v11.Store(row + 24);
            RoundsInMemory(ref v0, ref v1, ref v2, ref v3, ref v4, ref v5, ref v6, ref v7, row,
                ref v12, ref v13, ref v14, ref v15, m);
            v8 = Vector256.Load(row);
            v9 = Vector256.Load(row + 8);
            v10 = Vector256.Load(row + 16);
            v11 = Vector256.Load(row + 24);
        }

        (v0 ^ v8).Store(h);
        (v1 ^ v9).Store(h + 8);
        (v2 ^ v10).Store(h + 16);
        (v3 ^ v11).Store(h + 24);
        (v4 ^ v12).Store(h + 32);
        (v5 ^ v13).Store(h + 40);
        (v6 ^ v14).Store(h + 48);
        (v7 ^ v15).Store(h + 56);
    }

    /// <summary>
    /// Digests of eight messages of one block each, <paramref name="length"/> bytes of the 64 at each input, the rest zero: all
    /// start from the key and end at once, so nothing but the message passes through memory.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void HashBlocks(byte** inputs, uint* key, uint length, uint flags, byte* output)
    {
        byte* mSpace = stackalloc byte[(20 * 8 * sizeof(uint)) + Scratch.Slack];
        uint* m = (uint*)Scratch.Align(mSpace), row = m + (16 * 8);
        LoadBlocks(inputs, m);
        Vector256<uint> v0 = Vector256.Create(key[0]), v1 = Vector256.Create(key[1]);
        Vector256<uint> v2 = Vector256.Create(key[2]), v3 = Vector256.Create(key[3]);
        Vector256<uint> v4 = Vector256.Create(key[4]), v5 = Vector256.Create(key[5]);
        Vector256<uint> v6 = Vector256.Create(key[6]), v7 = Vector256.Create(key[7]);
        Vector256<uint> v8 = Vector256.Create(Blake3Scalar.Iv0), v9 = Vector256.Create(Blake3Scalar.Iv1);
        Vector256<uint> v10 = Vector256.Create(Blake3Scalar.Iv2), v11 = Vector256.Create(Blake3Scalar.Iv3);
        Vector256<uint> v12 = Vector256<uint>.Zero, v13 = Vector256<uint>.Zero;
        Vector256<uint> v14 = Vector256.Create(length), v15 = Vector256.Create(flags);
        if (Avx512F.VL.IsSupported)
        {
            Rounds(ref v0, ref v1, ref v2, ref v3, ref v4, ref v5, ref v6, ref v7, ref v8, ref v9, ref v10, ref v11,
                ref v12, ref v13, ref v14, ref v15, m);
        }
        else
        {
            v8.Store(row);
            v9.Store(row + 8);
            v10.Store(row + 16);
            v11.Store(row + 24);
            RoundsInMemory(ref v0, ref v1, ref v2, ref v3, ref v4, ref v5, ref v6, ref v7, row,
                ref v12, ref v13, ref v14, ref v15, m);
            v8 = Vector256.Load(row);
            v9 = Vector256.Load(row + 8);
            v10 = Vector256.Load(row + 16);
            v11 = Vector256.Load(row + 24);
        }
        v0 ^= v8;
        v1 ^= v9;
        v2 ^= v10;
        v3 ^= v11;
        v4 ^= v12;
        v5 ^= v13;
        v6 ^= v14;
        v7 ^= v15;
        Transpose(ref v0, ref v1, ref v2, ref v3, ref v4, ref v5, ref v6, ref v7);
        v0.AsByte().Store(output);
        v1.AsByte().Store(output + 32);
        v2.AsByte().Store(output + 64);
        v3.AsByte().Store(output + 96);
        v4.AsByte().Store(output + 128);
        v5.AsByte().Store(output + 160);
        v6.AsByte().Store(output + 192);
        v7.AsByte().Store(output + 224);
    }

    /// <summary>Turns 64 bytes of each of eight lanes into words side by side, 8 a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void LoadBlocks(byte** inputs, uint* m)
    {
        for (int half = 0; half < 2; half++)
        {
            Vector256<uint> r0 = Vector256.Load((uint*)(inputs[0] + (32 * half))), r1 = Vector256.Load((uint*)(inputs[1] + (32 * half)));
            Vector256<uint> r2 = Vector256.Load((uint*)(inputs[2] + (32 * half))), r3 = Vector256.Load((uint*)(inputs[3] + (32 * half)));
            Vector256<uint> r4 = Vector256.Load((uint*)(inputs[4] + (32 * half))), r5 = Vector256.Load((uint*)(inputs[5] + (32 * half)));
            Vector256<uint> r6 = Vector256.Load((uint*)(inputs[6] + (32 * half))), r7 = Vector256.Load((uint*)(inputs[7] + (32 * half)));
            Transpose(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);
            uint* at = m + (64 * half);
            r0.Store(at);
            r1.Store(at + 8);
            r2.Store(at + 16);
            r3.Store(at + 24);
            r4.Store(at + 32);
            r5.Store(at + 40);
            r6.Store(at + 48);
            r7.Store(at + 56);
        }
    }

    /// <summary>Writes the chaining values of eight lanes one after the other, 32 bytes each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void StoreValues(uint* h, byte* output, int stride)
    {
        Vector256<uint> r0 = Vector256.Load(h), r1 = Vector256.Load(h + stride);
        Vector256<uint> r2 = Vector256.Load(h + (2 * stride)), r3 = Vector256.Load(h + (3 * stride));
        Vector256<uint> r4 = Vector256.Load(h + (4 * stride)), r5 = Vector256.Load(h + (5 * stride));
        Vector256<uint> r6 = Vector256.Load(h + (6 * stride)), r7 = Vector256.Load(h + (7 * stride));
        Transpose(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);
        r0.AsByte().Store(output);
        r1.AsByte().Store(output + 32);
        r2.AsByte().Store(output + 64);
        r3.AsByte().Store(output + 96);
        r4.AsByte().Store(output + 128);
        r5.AsByte().Store(output + 160);
        r6.AsByte().Store(output + 192);
        r7.AsByte().Store(output + 224);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(
        ref Vector256<uint> r0, ref Vector256<uint> r1, ref Vector256<uint> r2, ref Vector256<uint> r3,
        ref Vector256<uint> r4, ref Vector256<uint> r5, ref Vector256<uint> r6, ref Vector256<uint> r7)
    {
        Vector256<ulong> a0 = Avx2.UnpackLow(r0, r1).AsUInt64(), a1 = Avx2.UnpackHigh(r0, r1).AsUInt64();
        Vector256<ulong> a2 = Avx2.UnpackLow(r2, r3).AsUInt64(), a3 = Avx2.UnpackHigh(r2, r3).AsUInt64();
        Vector256<ulong> a4 = Avx2.UnpackLow(r4, r5).AsUInt64(), a5 = Avx2.UnpackHigh(r4, r5).AsUInt64();
        Vector256<ulong> a6 = Avx2.UnpackLow(r6, r7).AsUInt64(), a7 = Avx2.UnpackHigh(r6, r7).AsUInt64();
        Vector256<uint> b0 = Avx2.UnpackLow(a0, a2).AsUInt32(), b1 = Avx2.UnpackHigh(a0, a2).AsUInt32();
        Vector256<uint> b2 = Avx2.UnpackLow(a1, a3).AsUInt32(), b3 = Avx2.UnpackHigh(a1, a3).AsUInt32();
        Vector256<uint> b4 = Avx2.UnpackLow(a4, a6).AsUInt32(), b5 = Avx2.UnpackHigh(a4, a6).AsUInt32();
        Vector256<uint> b6 = Avx2.UnpackLow(a5, a7).AsUInt32(), b7 = Avx2.UnpackHigh(a5, a7).AsUInt32();
        r0 = Avx2.Permute2x128(b0, b4, 0x20);
        r1 = Avx2.Permute2x128(b1, b5, 0x20);
        r2 = Avx2.Permute2x128(b2, b6, 0x20);
        r3 = Avx2.Permute2x128(b3, b7, 0x20);
        r4 = Avx2.Permute2x128(b0, b4, 0x31);
        r5 = Avx2.Permute2x128(b1, b5, 0x31);
        r6 = Avx2.Permute2x128(b2, b6, 0x31);
        r7 = Avx2.Permute2x128(b3, b7, 0x31);
    }

    /// <summary>The seven rounds, in a loop: the ahead-of-time compiler stops inlining after a few copies.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rounds(
        ref Vector256<uint> v0, ref Vector256<uint> v1, ref Vector256<uint> v2, ref Vector256<uint> v3,
        ref Vector256<uint> v4, ref Vector256<uint> v5, ref Vector256<uint> v6, ref Vector256<uint> v7,
        ref Vector256<uint> v8, ref Vector256<uint> v9, ref Vector256<uint> v10, ref Vector256<uint> v11,
        ref Vector256<uint> v12, ref Vector256<uint> v13, ref Vector256<uint> v14, ref Vector256<uint> v15, uint* m)
    {
        fixed (byte* schedule = Blake3Scalar.Schedule)
        {
            for (byte* s = schedule; s < schedule + 112; s += 16)
            {
                Quad(ref v0, ref v1, ref v2, ref v3, ref v4, ref v5, ref v6, ref v7, ref v8, ref v9, ref v10, ref v11,
                    ref v12, ref v13, ref v14, ref v15, m + (8 * s[0]), m + (8 * s[2]), m + (8 * s[4]), m + (8 * s[6]),
                    m + (8 * s[1]), m + (8 * s[3]), m + (8 * s[5]), m + (8 * s[7]));
                Quad(ref v0, ref v1, ref v2, ref v3, ref v5, ref v6, ref v7, ref v4, ref v10, ref v11, ref v8, ref v9,
                    ref v15, ref v12, ref v13, ref v14, m + (8 * s[8]), m + (8 * s[10]), m + (8 * s[12]), m + (8 * s[14]),
                    m + (8 * s[9]), m + (8 * s[11]), m + (8 * s[13]), m + (8 * s[15]));
            }
        }
    }

    /// <summary>
    /// The same where there are 16 registers, which the state alone would fill: its third row lies in memory, from where each of
    /// its words is taken and put back once a half of G.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void RoundsInMemory(
        ref Vector256<uint> v0, ref Vector256<uint> v1, ref Vector256<uint> v2, ref Vector256<uint> v3,
        ref Vector256<uint> v4, ref Vector256<uint> v5, ref Vector256<uint> v6, ref Vector256<uint> v7, uint* c,
        ref Vector256<uint> v12, ref Vector256<uint> v13, ref Vector256<uint> v14, ref Vector256<uint> v15, uint* m)
    {
        fixed (byte* schedule = Blake3Scalar.Schedule)
        {
            for (byte* s = schedule; s < schedule + 112; s += 16)
            {
                QuadInMemory(ref v0, ref v1, ref v2, ref v3, ref v4, ref v5, ref v6, ref v7, c, c + 8, c + 16, c + 24,
                    ref v12, ref v13, ref v14, ref v15, m + (8 * s[0]), m + (8 * s[2]), m + (8 * s[4]), m + (8 * s[6]),
                    m + (8 * s[1]), m + (8 * s[3]), m + (8 * s[5]), m + (8 * s[7]));
                QuadInMemory(ref v0, ref v1, ref v2, ref v3, ref v5, ref v6, ref v7, ref v4, c + 16, c + 24, c, c + 8,
                    ref v15, ref v12, ref v13, ref v14, m + (8 * s[8]), m + (8 * s[10]), m + (8 * s[12]), m + (8 * s[14]),
                    m + (8 * s[9]), m + (8 * s[11]), m + (8 * s[13]), m + (8 * s[15]));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void QuadInMemory(
        ref Vector256<uint> a0, ref Vector256<uint> a1, ref Vector256<uint> a2, ref Vector256<uint> a3,
        ref Vector256<uint> b0, ref Vector256<uint> b1, ref Vector256<uint> b2, ref Vector256<uint> b3,
        uint* c0, uint* c1, uint* c2, uint* c3,
        ref Vector256<uint> d0, ref Vector256<uint> d1, ref Vector256<uint> d2, ref Vector256<uint> d3,
        uint* x0, uint* x1, uint* x2, uint* x3, uint* y0, uint* y1, uint* y2, uint* y3)
    {
        a0 += b0 + Vector256.Load(x0);
        a1 += b1 + Vector256.Load(x1);
        a2 += b2 + Vector256.Load(x2);
        a3 += b3 + Vector256.Load(x3);
        d0 = Right16(d0 ^ a0);
        d1 = Right16(d1 ^ a1);
        d2 = Right16(d2 ^ a2);
        d3 = Right16(d3 ^ a3);
        b0 = Right12(b0 ^ AddTo(c0, d0));
        b1 = Right12(b1 ^ AddTo(c1, d1));
        b2 = Right12(b2 ^ AddTo(c2, d2));
        b3 = Right12(b3 ^ AddTo(c3, d3));
        a0 += b0 + Vector256.Load(y0);
        a1 += b1 + Vector256.Load(y1);
        a2 += b2 + Vector256.Load(y2);
        a3 += b3 + Vector256.Load(y3);
        d0 = Right8(d0 ^ a0);
        d1 = Right8(d1 ^ a1);
        d2 = Right8(d2 ^ a2);
        d3 = Right8(d3 ^ a3);
        b0 = Right7(b0 ^ AddTo(c0, d0));
        b1 = Right7(b1 ^ AddTo(c1, d1));
        b2 = Right7(b2 ^ AddTo(c2, d2));
        b3 = Right7(b3 ^ AddTo(c3, d3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> AddTo(uint* place, Vector256<uint> value)
    {
        Vector256<uint> sum = Vector256.Load(place) + value;
        sum.Store(place);
        return sum;
    }

    /// <summary>Four independent G functions side by side: one alone waits for itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(
        ref Vector256<uint> a0, ref Vector256<uint> a1, ref Vector256<uint> a2, ref Vector256<uint> a3,
        ref Vector256<uint> b0, ref Vector256<uint> b1, ref Vector256<uint> b2, ref Vector256<uint> b3,
        ref Vector256<uint> c0, ref Vector256<uint> c1, ref Vector256<uint> c2, ref Vector256<uint> c3,
        ref Vector256<uint> d0, ref Vector256<uint> d1, ref Vector256<uint> d2, ref Vector256<uint> d3,
        uint* x0, uint* x1, uint* x2, uint* x3, uint* y0, uint* y1, uint* y2, uint* y3)
    {
        a0 += b0 + Vector256.Load(x0);
        a1 += b1 + Vector256.Load(x1);
        a2 += b2 + Vector256.Load(x2);
        a3 += b3 + Vector256.Load(x3);
        d0 = Right16(d0 ^ a0);
        d1 = Right16(d1 ^ a1);
        d2 = Right16(d2 ^ a2);
        d3 = Right16(d3 ^ a3);
        c0 += d0;
        c1 += d1;
        c2 += d2;
        c3 += d3;
        b0 = Right12(b0 ^ c0);
        b1 = Right12(b1 ^ c1);
        b2 = Right12(b2 ^ c2);
        b3 = Right12(b3 ^ c3);
        a0 += b0 + Vector256.Load(y0);
        a1 += b1 + Vector256.Load(y1);
        a2 += b2 + Vector256.Load(y2);
        a3 += b3 + Vector256.Load(y3);
        d0 = Right8(d0 ^ a0);
        d1 = Right8(d1 ^ a1);
        d2 = Right8(d2 ^ a2);
        d3 = Right8(d3 ^ a3);
        c0 += d0;
        c1 += d1;
        c2 += d2;
        c3 += d3;
        b0 = Right7(b0 ^ c0);
        b1 = Right7(b1 ^ c1);
        b2 = Right7(b2 ^ c2);
        b3 = Right7(b3 ^ c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Right16(Vector256<uint> x) => Avx2.Shuffle(
        x.AsByte(),
        Vector256.Create((byte)2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13))
        .AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Right8(Vector256<uint> x) => Avx2.Shuffle(
        x.AsByte(),
        Vector256.Create((byte)1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12))
        .AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Right12(Vector256<uint> x) => (x >>> 12) | (x << 20);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Right7(Vector256<uint> x) => (x >>> 7) | (x << 25);
}
