using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>BLAKE3 compressions sixteen lanes at a time with AVX-512.</summary>
internal static unsafe class Blake3Avx512
{
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
        fixed (byte* schedule = Blake3Scalar.Schedule)
        {
            for (byte* s = schedule; s < schedule + 112; s += 16)
            {
                Quad(ref v0, ref v1, ref v2, ref v3, ref v4, ref v5, ref v6, ref v7, ref v8, ref v9, ref v10, ref v11,
                    ref v12, ref v13, ref v14, ref v15, m + (16 * s[0]), m + (16 * s[2]), m + (16 * s[4]), m + (16 * s[6]),
                    m + (16 * s[1]), m + (16 * s[3]), m + (16 * s[5]), m + (16 * s[7]));
                Quad(ref v0, ref v1, ref v2, ref v3, ref v5, ref v6, ref v7, ref v4, ref v10, ref v11, ref v8, ref v9,
                    ref v15, ref v12, ref v13, ref v14, m + (16 * s[8]), m + (16 * s[10]), m + (16 * s[12]), m + (16 * s[14]),
                    m + (16 * s[9]), m + (16 * s[11]), m + (16 * s[13]), m + (16 * s[15]));
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

    /// <summary>Four independent G functions side by side: one alone waits for itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(
        ref Vector512<uint> a0, ref Vector512<uint> a1, ref Vector512<uint> a2, ref Vector512<uint> a3,
        ref Vector512<uint> b0, ref Vector512<uint> b1, ref Vector512<uint> b2, ref Vector512<uint> b3,
        ref Vector512<uint> c0, ref Vector512<uint> c1, ref Vector512<uint> c2, ref Vector512<uint> c3,
        ref Vector512<uint> d0, ref Vector512<uint> d1, ref Vector512<uint> d2, ref Vector512<uint> d3,
        uint* x0, uint* x1, uint* x2, uint* x3, uint* y0, uint* y1, uint* y2, uint* y3)
    {
        a0 += b0 + Vector512.Load(x0);
        a1 += b1 + Vector512.Load(x1);
        a2 += b2 + Vector512.Load(x2);
        a3 += b3 + Vector512.Load(x3);
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
        a0 += b0 + Vector512.Load(y0);
        a1 += b1 + Vector512.Load(y1);
        a2 += b2 + Vector512.Load(y2);
        a3 += b3 + Vector512.Load(y3);
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
