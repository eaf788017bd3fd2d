using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>BLAKE3 compressions sixteen lanes at a time with AVX-512.</summary>
internal static unsafe class Blake3Avx512
{
    /// <summary>
    /// Where the words of each round lie (<see cref="Blake3Scalar.Schedule"/>), a fourth of the bytes: an address takes four
    /// times that without another instruction.
    /// </summary>
    private static ReadOnlySpan<byte> Places =>
    [
        0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240,
        32, 96, 48, 160, 112, 0, 64, 208, 16, 176, 192, 80, 144, 224, 240, 128,
        48, 64, 160, 192, 208, 32, 112, 224, 96, 80, 144, 0, 176, 240, 128, 16,
        160, 112, 192, 144, 224, 48, 208, 240, 64, 0, 176, 32, 80, 128, 16, 96,
        192, 208, 144, 176, 240, 160, 224, 128, 112, 32, 80, 48, 0, 16, 96, 64,
        144, 224, 176, 80, 128, 192, 240, 16, 208, 48, 0, 160, 32, 96, 64, 112,
        176, 240, 80, 0, 16, 144, 128, 96, 224, 160, 32, 192, 48, 64, 112, 208,
    ];

    /// <summary>
    /// Compresses a block a lane: word w of the chaining values lies at h[16 w + lane], of the blocks at m[16 w + lane]; the
    /// tail holds the counters' low and high words, block lengths and flags.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Compress(uint* h, uint* m, uint* tail)
    {
        Vector512<uint> v0 = Vector512.Load(h);
        Vector512<uint> v1 = Vector512.Load(h + 16);
        Vector512<uint> v2 = Vector512.Load(h + 32);
        Vector512<uint> v3 = Vector512.Load(h + 48);
        Vector512<uint> v4 = Vector512.Load(h + 64);
        Vector512<uint> v5 = Vector512.Load(h + 80);
        Vector512<uint> v6 = Vector512.Load(h + 96);
        Vector512<uint> v7 = Vector512.Load(h + 112);
        Vector512<uint> v8 = Vector512.Create(Blake3Scalar.Iv0), v9 = Vector512.Create(Blake3Scalar.Iv1);
        Vector512<uint> v10 = Vector512.Create(Blake3Scalar.Iv2), v11 = Vector512.Create(Blake3Scalar.Iv3);
        Vector512<uint> v12 = Vector512.Load(tail);
        Vector512<uint> v13 = Vector512.Load(tail + 16);
        Vector512<uint> v14 = Vector512.Load(tail + 32);
        Vector512<uint> v15 = Vector512.Load(tail + 48);

        // A loop, not seven copies: the ahead-of-time compiler stops inlining after a few.
        byte* x = (byte*)m;
        fixed (byte* places = Places)
        {
            for (byte* s = places; s < places + 112; s += 16)
            {
                Quad(ref v0, ref v1, ref v2, ref v3, ref v4, ref v5, ref v6, ref v7, ref v8, ref v9, ref v10, ref v11,
                    ref v12, ref v13, ref v14, ref v15, x + (4 * (nuint)s[0]), x + (4 * (nuint)s[2]), x + (4 * (nuint)s[4]), x + (4 * (nuint)s[6]),
                    x + (4 * (nuint)s[1]), x + (4 * (nuint)s[3]), x + (4 * (nuint)s[5]), x + (4 * (nuint)s[7]));
                Quad(ref v0, ref v1, ref v2, ref v3, ref v5, ref v6, ref v7, ref v4, ref v10, ref v11, ref v8, ref v9,
                    ref v15, ref v12, ref v13, ref v14, x + (4 * (nuint)s[8]), x + (4 * (nuint)s[10]), x + (4 * (nuint)s[12]), x + (4 * (nuint)s[14]),
                    x + (4 * (nuint)s[9]), x + (4 * (nuint)s[11]), x + (4 * (nuint)s[13]), x + (4 * (nuint)s[15]));
            }
        }

        (v0 ^ v8).Store(h);
        (v1 ^ v9).Store(h + 16);
        (v2 ^ v10).Store(h + 32);
        (v3 ^ v11).Store(h + 48);
        (v4 ^ v12).Store(h + 64);
        (v5 ^ v13).Store(h + 80);
        (v6 ^ v14).Store(h + 96);
        (v7 ^ v15).Store(h + 112);
    }

    /// <summary>Turns 64 bytes of each of sixteen lanes into words side by side, 16 a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void LoadBlocks(byte** inputs, uint* m)
    {
        Vector512<uint> r0 = Vector512.Load((uint*)inputs[0]), r1 = Vector512.Load((uint*)inputs[1]);
        Vector512<uint> r2 = Vector512.Load((uint*)inputs[2]), r3 = Vector512.Load((uint*)inputs[3]);
        Vector512<uint> r4 = Vector512.Load((uint*)inputs[4]), r5 = Vector512.Load((uint*)inputs[5]);
        Vector512<uint> r6 = Vector512.Load((uint*)inputs[6]), r7 = Vector512.Load((uint*)inputs[7]);
        Vector512<uint> r8 = Vector512.Load((uint*)inputs[8]), r9 = Vector512.Load((uint*)inputs[9]);
        Vector512<uint> r10 = Vector512.Load((uint*)inputs[10]), r11 = Vector512.Load((uint*)inputs[11]);
        Vector512<uint> r12 = Vector512.Load((uint*)inputs[12]), r13 = Vector512.Load((uint*)inputs[13]);
        Vector512<uint> r14 = Vector512.Load((uint*)inputs[14]), r15 = Vector512.Load((uint*)inputs[15]);
        Four(ref r0, ref r1, ref r2, ref r3);
        Four(ref r4, ref r5, ref r6, ref r7);
        Four(ref r8, ref r9, ref r10, ref r11);
        Four(ref r12, ref r13, ref r14, ref r15);
        Quarters(r0, r4, r8, r12, m);
        Quarters(r1, r5, r9, r13, m + 16);
        Quarters(r2, r6, r10, r14, m + 32);
        Quarters(r3, r7, r11, r15, m + 48);
    }

    /// <summary>Four rows become, in each quarter of a vector, four columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(ref Vector512<uint> r0, ref Vector512<uint> r1, ref Vector512<uint> r2, ref Vector512<uint> r3)
    {
        Vector512<ulong> a0 = Avx512F.UnpackLow(r0, r1).AsUInt64(), a1 = Avx512F.UnpackHigh(r0, r1).AsUInt64();
        Vector512<ulong> a2 = Avx512F.UnpackLow(r2, r3).AsUInt64(), a3 = Avx512F.UnpackHigh(r2, r3).AsUInt64();
        r0 = Avx512F.UnpackLow(a0, a2).AsUInt32();
        r1 = Avx512F.UnpackHigh(a0, a2).AsUInt32();
        r2 = Avx512F.UnpackLow(a1, a3).AsUInt32();
        r3 = Avx512F.UnpackHigh(a1, a3).AsUInt32();
    }

    /// <summary>Stores the quarters of four vectors beside each other: four whole columns, every fourth row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarters(Vector512<uint> a, Vector512<uint> b, Vector512<uint> c, Vector512<uint> d, uint* m)
    {
        Vector512<uint> s0 = Avx512F.Shuffle4x128(a, b, 0x44), s1 = Avx512F.Shuffle4x128(c, d, 0x44);
        Vector512<uint> s2 = Avx512F.Shuffle4x128(a, b, 0xEE), s3 = Avx512F.Shuffle4x128(c, d, 0xEE);
        Avx512F.Shuffle4x128(s0, s1, 0x88).Store(m);
        Avx512F.Shuffle4x128(s0, s1, 0xDD).Store(m + 64);
        Avx512F.Shuffle4x128(s2, s3, 0x88).Store(m + 128);
        Avx512F.Shuffle4x128(s2, s3, 0xDD).Store(m + 192);
    }

    /// <summary>Four independent G functions side by side: one alone waits for itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(
        ref Vector512<uint> a0, ref Vector512<uint> a1, ref Vector512<uint> a2, ref Vector512<uint> a3,
        ref Vector512<uint> b0, ref Vector512<uint> b1, ref Vector512<uint> b2, ref Vector512<uint> b3,
        ref Vector512<uint> c0, ref Vector512<uint> c1, ref Vector512<uint> c2, ref Vector512<uint> c3,
        ref Vector512<uint> d0, ref Vector512<uint> d1, ref Vector512<uint> d2, ref Vector512<uint> d3,
        byte* x0, byte* x1, byte* x2, byte* x3, byte* y0, byte* y1, byte* y2, byte* y3)
    {
        a0 = a0 + Vector512.Load(x0).AsUInt32() + b0;
        a1 = a1 + Vector512.Load(x1).AsUInt32() + b1;
        a2 = a2 + Vector512.Load(x2).AsUInt32() + b2;
        a3 = a3 + Vector512.Load(x3).AsUInt32() + b3;
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
        a0 = a0 + Vector512.Load(y0).AsUInt32() + b0;
        a1 = a1 + Vector512.Load(y1).AsUInt32() + b1;
        a2 = a2 + Vector512.Load(y2).AsUInt32() + b2;
        a3 = a3 + Vector512.Load(y3).AsUInt32() + b3;
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
    private static Vector512<uint> Right16(Vector512<uint> x) => Avx512F.RotateRight(x, 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Right12(Vector512<uint> x) => Avx512F.RotateRight(x, 12);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Right8(Vector512<uint> x) => Avx512F.RotateRight(x, 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Right7(Vector512<uint> x) => Avx512F.RotateRight(x, 7);
}
