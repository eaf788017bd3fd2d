using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>
/// BLAKE3 compressions four lanes at a time with portable 128-bit vectors: for AArch64, and run by tests everywhere.
/// </summary>
internal static unsafe class Blake3Vector128
{
    /// <summary>
    /// Compresses a block a lane: word w of the chaining values lies at h[4 w + lane], of the blocks at m[4 w + lane]; the
    /// tail holds the counters' low and high words, block lengths and flags.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Compress(uint* h, uint* m, uint* tail)
    {
        Vector128<uint> v0 = Vector128.Load(h);
        Vector128<uint> v1 = Vector128.Load(h + 4);
        Vector128<uint> v2 = Vector128.Load(h + 8);
        Vector128<uint> v3 = Vector128.Load(h + 12);
        Vector128<uint> v4 = Vector128.Load(h + 16);
        Vector128<uint> v5 = Vector128.Load(h + 20);
        Vector128<uint> v6 = Vector128.Load(h + 24);
        Vector128<uint> v7 = Vector128.Load(h + 28);
        Vector128<uint> v8 = Vector128.Create(Blake3Scalar.Iv0), v9 = Vector128.Create(Blake3Scalar.Iv1);
        Vector128<uint> v10 = Vector128.Create(Blake3Scalar.Iv2), v11 = Vector128.Create(Blake3Scalar.Iv3);
        Vector128<uint> v12 = Vector128.Load(tail);
        Vector128<uint> v13 = Vector128.Load(tail + 4);
        Vector128<uint> v14 = Vector128.Load(tail + 8);
        Vector128<uint> v15 = Vector128.Load(tail + 12);

        // A loop, not seven copies: the ahead-of-time compiler stops inlining after a few.
        fixed (byte* schedule = Blake3Scalar.Schedule)
        {
            for (byte* s = schedule; s < schedule + 112; s += 16)
            {
                Quad(ref v0, ref v1, ref v2, ref v3, ref v4, ref v5, ref v6, ref v7, ref v8, ref v9, ref v10, ref v11,
                    ref v12, ref v13, ref v14, ref v15, m + (4 * s[0]), m + (4 * s[2]), m + (4 * s[4]), m + (4 * s[6]),
                    m + (4 * s[1]), m + (4 * s[3]), m + (4 * s[5]), m + (4 * s[7]));
                Quad(ref v0, ref v1, ref v2, ref v3, ref v5, ref v6, ref v7, ref v4, ref v10, ref v11, ref v8, ref v9,
                    ref v15, ref v12, ref v13, ref v14, m + (4 * s[8]), m + (4 * s[10]), m + (4 * s[12]), m + (4 * s[14]),
                    m + (4 * s[9]), m + (4 * s[11]), m + (4 * s[13]), m + (4 * s[15]));
            }
        }

        (v0 ^ v8).Store(h);
        (v1 ^ v9).Store(h + 4);
        (v2 ^ v10).Store(h + 8);
        (v3 ^ v11).Store(h + 12);
        (v4 ^ v12).Store(h + 16);
        (v5 ^ v13).Store(h + 20);
        (v6 ^ v14).Store(h + 24);
        (v7 ^ v15).Store(h + 28);
    }

    /// <summary>Turns 64 bytes of each of four lanes into words side by side.</summary>
    internal static void LoadBlocks(byte** inputs, uint* m)
    {
        for (int lane = 0; lane < 4; lane++)
        {
            byte* input = inputs[lane];
            for (int word = 0; word < 16; word++)
            {
                m[(4 * word) + lane] = Blake3Scalar.ReadWord(input + (4 * word));
            }
        }
    }

    /// <summary>Writes the chaining values of four lanes one after the other, 32 bytes each.</summary>
    internal static void StoreValues(uint* h, byte* output)
    {
        for (int i = 0; i < 32; i++)
        {
            Blake3Scalar.WriteWord(output + (4 * i), h[(4 * (i % 8)) + (i / 8)]);
        }
    }

    /// <summary>Four independent G functions side by side: one alone waits for itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(
        ref Vector128<uint> a0, ref Vector128<uint> a1, ref Vector128<uint> a2, ref Vector128<uint> a3,
        ref Vector128<uint> b0, ref Vector128<uint> b1, ref Vector128<uint> b2, ref Vector128<uint> b3,
        ref Vector128<uint> c0, ref Vector128<uint> c1, ref Vector128<uint> c2, ref Vector128<uint> c3,
        ref Vector128<uint> d0, ref Vector128<uint> d1, ref Vector128<uint> d2, ref Vector128<uint> d3,
        uint* x0, uint* x1, uint* x2, uint* x3, uint* y0, uint* y1, uint* y2, uint* y3)
    {
        a0 += b0 + Vector128.Load(x0);
        a1 += b1 + Vector128.Load(x1);
        a2 += b2 + Vector128.Load(x2);
        a3 += b3 + Vector128.Load(x3);
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
        a0 += b0 + Vector128.Load(y0);
        a1 += b1 + Vector128.Load(y1);
        a2 += b2 + Vector128.Load(y2);
        a3 += b3 + Vector128.Load(y3);
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
    private static Vector128<uint> Right16(Vector128<uint> x) => (x >>> 16) | (x << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Right12(Vector128<uint> x) => (x >>> 12) | (x << 20);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Right8(Vector128<uint> x) => (x >>> 8) | (x << 24);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Right7(Vector128<uint> x) => (x >>> 7) | (x << 25);
}
