using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>Four Keccak-f[1600] permutations at a time with AVX2; lane i of state word w lies at s[4 w + i].</summary>
internal static unsafe class KeccakAvx2
{
    internal static void Permute(ulong* s)
    {
        if (Avx512F.VL.IsSupported)
        {
            Rounds(s, KeccakScalar.RoundConstants);
        }
        else
        {
            RoundsInMemory(s, KeccakScalar.RoundConstants);
        }
    }

    /// <summary>Words of four lanes out of a state of <paramref name="width"/>, four at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Extract(ulong* state, int width, byte* output, int stride, int words)
    {
        for (int word = 0; word < words; word += 4, state += 4 * width, output += 32)
        {
            Vector256<ulong> w0 = Vector256.Load(state), w1 = Vector256.Load(state + width);
            Vector256<ulong> w2 = Vector256.Load(state + (2 * width)), w3 = Vector256.Load(state + (3 * width));
            Vector256<ulong> a0 = Avx2.UnpackLow(w0, w1), a1 = Avx2.UnpackHigh(w0, w1);
            Vector256<ulong> a2 = Avx2.UnpackLow(w2, w3), a3 = Avx2.UnpackHigh(w2, w3);
            Avx2.Permute2x128(a0, a2, 0x20).AsByte().Store(output);
            Avx2.Permute2x128(a1, a3, 0x20).AsByte().Store(output + stride);
            Avx2.Permute2x128(a0, a2, 0x31).AsByte().Store(output + (2 * stride));
            Avx2.Permute2x128(a1, a3, 0x31).AsByte().Store(output + (3 * stride));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Rol(Vector256<ulong> x, int n) =>
        (x << n) | (x >>> (64 - n));

    // As KeccakScalar.Rounds; 25 locals in place spill less than two alternating sets (1,311 cycles for four).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rounds(ulong* s, ulong* constants)
    {
        Vector256<ulong> a0 = Vector256.Load(s);
        Vector256<ulong> a1 = Vector256.Load(s + 4);
        Vector256<ulong> a2 = Vector256.Load(s + 8);
        Vector256<ulong> a3 = Vector256.Load(s + 12);
        Vector256<ulong> a4 = Vector256.Load(s + 16);
        Vector256<ulong> a5 = Vector256.Load(s + 20);
        Vector256<ulong> a6 = Vector256.Load(s + 24);
        Vector256<ulong> a7 = Vector256.Load(s + 28);
        Vector256<ulong> a8 = Vector256.Load(s + 32);
        Vector256<ulong> a9 = Vector256.Load(s + 36);
        Vector256<ulong> a10 = Vector256.Load(s + 40);
        Vector256<ulong> a11 = Vector256.Load(s + 44);
        Vector256<ulong> a12 = Vector256.Load(s + 48);
        Vector256<ulong> a13 = Vector256.Load(s + 52);
        Vector256<ulong> a14 = Vector256.Load(s + 56);
        Vector256<ulong> a15 = Vector256.Load(s + 60);
        Vector256<ulong> a16 = Vector256.Load(s + 64);
        Vector256<ulong> a17 = Vector256.Load(s + 68);
        Vector256<ulong> a18 = Vector256.Load(s + 72);
        Vector256<ulong> a19 = Vector256.Load(s + 76);
        Vector256<ulong> a20 = Vector256.Load(s + 80);
        Vector256<ulong> a21 = Vector256.Load(s + 84);
        Vector256<ulong> a22 = Vector256.Load(s + 88);
        Vector256<ulong> a23 = Vector256.Load(s + 92);
        Vector256<ulong> a24 = Vector256.Load(s + 96);
        for (int round = 0; round < 24; round++)
        {
            Vector256<ulong> c0 = a0 ^ a5 ^ a10 ^ a15 ^ a20;
            Vector256<ulong> c1 = a1 ^ a6 ^ a11 ^ a16 ^ a21;
            Vector256<ulong> c2 = a2 ^ a7 ^ a12 ^ a17 ^ a22;
            Vector256<ulong> c3 = a3 ^ a8 ^ a13 ^ a18 ^ a23;
            Vector256<ulong> c4 = a4 ^ a9 ^ a14 ^ a19 ^ a24;
            Vector256<ulong> d = c4 ^ Rol(c1, 1);
            a0 ^= d;
            a5 ^= d;
            a10 ^= d;
            a15 ^= d;
            a20 ^= d;
            d = c0 ^ Rol(c2, 1);
            a1 ^= d;
            a6 ^= d;
            a11 ^= d;
            a16 ^= d;
            a21 ^= d;
            d = c1 ^ Rol(c3, 1);
            a2 ^= d;
            a7 ^= d;
            a12 ^= d;
            a17 ^= d;
            a22 ^= d;
            d = c2 ^ Rol(c4, 1);
            a3 ^= d;
            a8 ^= d;
            a13 ^= d;
            a18 ^= d;
            a23 ^= d;
            d = c3 ^ Rol(c0, 1);
            a4 ^= d;
            a9 ^= d;
            a14 ^= d;
            a19 ^= d;
            a24 ^= d;

            Vector256<ulong> t = a1;
            a1 = Rol(a6, 44);
            a6 = Rol(a9, 20);
            a9 = Rol(a22, 61);
            a22 = Rol(a14, 39);
            a14 = Rol(a20, 18);
            a20 = Rol(a2, 62);
            a2 = Rol(a12, 43);
            a12 = Rol(a13, 25);
            a13 = Rol(a19, 8);
            a19 = Rol(a23, 56);
            a23 = Rol(a15, 41);
            a15 = Rol(a4, 27);
            a4 = Rol(a24, 14);
            a24 = Rol(a21, 2);
            a21 = Rol(a8, 55);
            a8 = Rol(a16, 45);
            a16 = Rol(a5, 36);
            a5 = Rol(a3, 28);
            a3 = Rol(a18, 21);
            a18 = Rol(a17, 15);
            a17 = Rol(a11, 10);
            a11 = Rol(a7, 6);
            a7 = Rol(a10, 3);
            a10 = Rol(t, 1);

            Vector256<ulong> b0, b1;
            b0 = a0;
            b1 = a1;
            a0 = b0 ^ Avx2.AndNot(b1, a2);
            a1 = b1 ^ Avx2.AndNot(a2, a3);
            a2 = a2 ^ Avx2.AndNot(a3, a4);
            a3 = a3 ^ Avx2.AndNot(a4, b0);
            a4 = a4 ^ Avx2.AndNot(b0, b1);
            b0 = a5;
            b1 = a6;
            a5 = b0 ^ Avx2.AndNot(b1, a7);
            a6 = b1 ^ Avx2.AndNot(a7, a8);
            a7 = a7 ^ Avx2.AndNot(a8, a9);
            a8 = a8 ^ Avx2.AndNot(a9, b0);
            a9 = a9 ^ Avx2.AndNot(b0, b1);
            b0 = a10;
            b1 = a11;
            a10 = b0 ^ Avx2.AndNot(b1, a12);
            a11 = b1 ^ Avx2.AndNot(a12, a13);
            a12 = a12 ^ Avx2.AndNot(a13, a14);
            a13 = a13 ^ Avx2.AndNot(a14, b0);
            a14 = a14 ^ Avx2.AndNot(b0, b1);
            b0 = a15;
            b1 = a16;
            a15 = b0 ^ Avx2.AndNot(b1, a17);
            a16 = b1 ^ Avx2.AndNot(a17, a18);
            a17 = a17 ^ Avx2.AndNot(a18, a19);
            a18 = a18 ^ Avx2.AndNot(a19, b0);
            a19 = a19 ^ Avx2.AndNot(b0, b1);
            b0 = a20;
            b1 = a21;
            a20 = b0 ^ Avx2.AndNot(b1, a22);
            a21 = b1 ^ Avx2.AndNot(a22, a23);
            a22 = a22 ^ Avx2.AndNot(a23, a24);
            a23 = a23 ^ Avx2.AndNot(a24, b0);
            a24 = a24 ^ Avx2.AndNot(b0, b1);

            a0 ^= Vector256.Create(constants[round]);
        }

        a0.Store(s);
        a1.Store(s + 4);
        a2.Store(s + 8);
        a3.Store(s + 12);
        a4.Store(s + 16);
        a5.Store(s + 20);
        a6.Store(s + 24);
        a7.Store(s + 28);
        a8.Store(s + 32);
        a9.Store(s + 36);
        a10.Store(s + 40);
        a11.Store(s + 44);
        a12.Store(s + 48);
        a13.Store(s + 52);
        a14.Store(s + 56);
        a15.Store(s + 60);
        a16.Store(s + 64);
        a17.Store(s + 68);
        a18.Store(s + 72);
        a19.Store(s + 76);
        a20.Store(s + 80);
        a21.Store(s + 84);
        a22.Store(s + 88);
        a23.Store(s + 92);
        a24.Store(s + 96);
    }

    /// <summary>
    /// The same where there are 16 registers: from one copy of the state to another, a row of the new one at a time, so that what
    /// is held beside it are the columns' parities, before and after. All else spills, and in no good order.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void RoundsInMemory(ulong* s, ulong* constants)
    {
        byte* space = stackalloc byte[(100 * sizeof(ulong)) + Scratch.Slack];
        ulong* a = s, e = (ulong*)Scratch.Align(space);
        Vector256<ulong> c0 = Column(a);
        Vector256<ulong> c1 = Column(a + 4);
        Vector256<ulong> c2 = Column(a + 8);
        Vector256<ulong> c3 = Column(a + 12);
        Vector256<ulong> c4 = Column(a + 16);
        for (int round = 0; round < 24; round++)
        {
            Vector256<ulong> d0 = c4 ^ Rol(c1, 1), d1 = c0 ^ Rol(c2, 1), d2 = c1 ^ Rol(c3, 1);
            Vector256<ulong> d3 = c2 ^ Rol(c4, 1), d4 = c3 ^ Rol(c0, 1);

            Vector256<ulong> b0 = Vector256.Load(a) ^ d0;
            Vector256<ulong> b1 = Rol(Vector256.Load(a + 24) ^ d1, 44);
            Vector256<ulong> b2 = Rol(Vector256.Load(a + 48) ^ d2, 43);
            Vector256<ulong> b3 = Rol(Vector256.Load(a + 72) ^ d3, 21);
            Vector256<ulong> b4 = Rol(Vector256.Load(a + 96) ^ d4, 14);
            Vector256<ulong> t = Vector256.Create(constants[round]) ^ b0 ^ Avx2.AndNot(b1, b2);
            t.Store(e);
            c0 = t;
            t = b1 ^ Avx2.AndNot(b2, b3);
            t.Store(e + 4);
            c1 = t;
            t = b2 ^ Avx2.AndNot(b3, b4);
            t.Store(e + 8);
            c2 = t;
            t = b3 ^ Avx2.AndNot(b4, b0);
            t.Store(e + 12);
            c3 = t;
            t = b4 ^ Avx2.AndNot(b0, b1);
            t.Store(e + 16);
            c4 = t;

            b0 = Rol(Vector256.Load(a + 12) ^ d3, 28);
            b1 = Rol(Vector256.Load(a + 36) ^ d4, 20);
            b2 = Rol(Vector256.Load(a + 40) ^ d0, 3);
            b3 = Rol(Vector256.Load(a + 64) ^ d1, 45);
            b4 = Rol(Vector256.Load(a + 88) ^ d2, 61);
            t = b0 ^ Avx2.AndNot(b1, b2);
            t.Store(e + 20);
            c0 ^= t;
            t = b1 ^ Avx2.AndNot(b2, b3);
            t.Store(e + 24);
            c1 ^= t;
            t = b2 ^ Avx2.AndNot(b3, b4);
            t.Store(e + 28);
            c2 ^= t;
            t = b3 ^ Avx2.AndNot(b4, b0);
            t.Store(e + 32);
            c3 ^= t;
            t = b4 ^ Avx2.AndNot(b0, b1);
            t.Store(e + 36);
            c4 ^= t;

            b0 = Rol(Vector256.Load(a + 4) ^ d1, 1);
            b1 = Rol(Vector256.Load(a + 28) ^ d2, 6);
            b2 = Rol(Vector256.Load(a + 52) ^ d3, 25);
            b3 = Rol(Vector256.Load(a + 76) ^ d4, 8);
            b4 = Rol(Vector256.Load(a + 80) ^ d0, 18);
            t = b0 ^ Avx2.AndNot(b1, b2);
            t.Store(e + 40);
            c0 ^= t;
            t = b1 ^ Avx2.AndNot(b2, b3);
            t.Store(e + 44);
            c1 ^= t;
            t = b2 ^ Avx2.AndNot(b3, b4);
            t.Store(e + 48);
            c2 ^= t;
            t = b3 ^ Avx2.AndNot(b4, b0);
            t.Store(e + 52);
            c3 ^= t;
            t = b4 ^ Avx2.AndNot(b0, b1);
            t.Store(e + 56);
            c4 ^= t;

            b0 = Rol(Vector256.Load(a + 16) ^ d4, 27);
            b1 = Rol(Vector256.Load(a + 20) ^ d0, 36);
            b2 = Rol(Vector256.Load(a + 44) ^ d1, 10);
            b3 = Rol(Vector256.Load(a + 68) ^ d2, 15);
            b4 = Rol(Vector256.Load(a + 92) ^ d3, 56);
            t = b0 ^ Avx2.AndNot(b1, b2);
            t.Store(e + 60);
            c0 ^= t;
            t = b1 ^ Avx2.AndNot(b2, b3);
            t.Store(e + 64);
            c1 ^= t;
            t = b2 ^ Avx2.AndNot(b3, b4);
            t.Store(e + 68);
            c2 ^= t;
            t = b3 ^ Avx2.AndNot(b4, b0);
            t.Store(e + 72);
            c3 ^= t;
            t = b4 ^ Avx2.AndNot(b0, b1);
            t.Store(e + 76);
            c4 ^= t;

            b0 = Rol(Vector256.Load(a + 8) ^ d2, 62);
            b1 = Rol(Vector256.Load(a + 32) ^ d3, 55);
            b2 = Rol(Vector256.Load(a + 56) ^ d4, 39);
            b3 = Rol(Vector256.Load(a + 60) ^ d0, 41);
            b4 = Rol(Vector256.Load(a + 84) ^ d1, 2);
            t = b0 ^ Avx2.AndNot(b1, b2);
            t.Store(e + 80);
            c0 ^= t;
            t = b1 ^ Avx2.AndNot(b2, b3);
            t.Store(e + 84);
            c1 ^= t;
            t = b2 ^ Avx2.AndNot(b3, b4);
            t.Store(e + 88);
            c2 ^= t;
            t = b3 ^ Avx2.AndNot(b4, b0);
            t.Store(e + 92);
            c3 ^= t;
            t = b4 ^ Avx2.AndNot(b0, b1);
            t.Store(e + 96);
            c4 ^= t;

            ulong* other = a;
            a = e;
            e = other;
        }

        // After an even number of rounds the state is where it was. The copy may hold a secret.
        new Span<ulong>(e, 100).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Column(ulong* a) => Vector256.Load(a) ^ Vector256.Load(a + 20) ^ Vector256.Load(a + 40)
        ^ Vector256.Load(a + 60) ^ Vector256.Load(a + 80);
}
