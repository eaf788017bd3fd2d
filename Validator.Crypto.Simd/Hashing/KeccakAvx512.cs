using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>Eight Keccak-f[1600] permutations at a time with AVX-512; lane i of state word w lies at s[8 w + i].</summary>
internal static unsafe class KeccakAvx512
{
    internal static void Permute(ulong* s) => Rounds(s, KeccakScalar.RoundConstants);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Xor3(Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> c) =>
        Avx512F.TernaryLogic(a, b, c, 0x96);

    // a ^ (~b & c)
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Chi(Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> c) =>
        Avx512F.TernaryLogic(a, b, c, 0xD2);

    // As KeccakScalar.Rounds; all 25 words fit the 32 registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rounds(ulong* s, ulong* constants)
    {
        Vector512<ulong> a0 = Vector512.Load(s);
        Vector512<ulong> a1 = Vector512.Load(s + 8);
        Vector512<ulong> a2 = Vector512.Load(s + 16);
        Vector512<ulong> a3 = Vector512.Load(s + 24);
        Vector512<ulong> a4 = Vector512.Load(s + 32);
        Vector512<ulong> a5 = Vector512.Load(s + 40);
        Vector512<ulong> a6 = Vector512.Load(s + 48);
        Vector512<ulong> a7 = Vector512.Load(s + 56);
        Vector512<ulong> a8 = Vector512.Load(s + 64);
        Vector512<ulong> a9 = Vector512.Load(s + 72);
        Vector512<ulong> a10 = Vector512.Load(s + 80);
        Vector512<ulong> a11 = Vector512.Load(s + 88);
        Vector512<ulong> a12 = Vector512.Load(s + 96);
        Vector512<ulong> a13 = Vector512.Load(s + 104);
        Vector512<ulong> a14 = Vector512.Load(s + 112);
        Vector512<ulong> a15 = Vector512.Load(s + 120);
        Vector512<ulong> a16 = Vector512.Load(s + 128);
        Vector512<ulong> a17 = Vector512.Load(s + 136);
        Vector512<ulong> a18 = Vector512.Load(s + 144);
        Vector512<ulong> a19 = Vector512.Load(s + 152);
        Vector512<ulong> a20 = Vector512.Load(s + 160);
        Vector512<ulong> a21 = Vector512.Load(s + 168);
        Vector512<ulong> a22 = Vector512.Load(s + 176);
        Vector512<ulong> a23 = Vector512.Load(s + 184);
        Vector512<ulong> a24 = Vector512.Load(s + 192);
        for (int round = 0; round < 24; round++)
        {
            Vector512<ulong> c0 = Xor3(Xor3(a0, a5, a10), a15, a20);
            Vector512<ulong> c1 = Xor3(Xor3(a1, a6, a11), a16, a21);
            Vector512<ulong> c2 = Xor3(Xor3(a2, a7, a12), a17, a22);
            Vector512<ulong> c3 = Xor3(Xor3(a3, a8, a13), a18, a23);
            Vector512<ulong> c4 = Xor3(Xor3(a4, a9, a14), a19, a24);
            Vector512<ulong> d = Avx512F.RotateLeft(c1, 1);
            a0 = Xor3(a0, c4, d);
            a5 = Xor3(a5, c4, d);
            a10 = Xor3(a10, c4, d);
            a15 = Xor3(a15, c4, d);
            a20 = Xor3(a20, c4, d);
            d = Avx512F.RotateLeft(c2, 1);
            a1 = Xor3(a1, c0, d);
            a6 = Xor3(a6, c0, d);
            a11 = Xor3(a11, c0, d);
            a16 = Xor3(a16, c0, d);
            a21 = Xor3(a21, c0, d);
            d = Avx512F.RotateLeft(c3, 1);
            a2 = Xor3(a2, c1, d);
            a7 = Xor3(a7, c1, d);
            a12 = Xor3(a12, c1, d);
            a17 = Xor3(a17, c1, d);
            a22 = Xor3(a22, c1, d);
            d = Avx512F.RotateLeft(c4, 1);
            a3 = Xor3(a3, c2, d);
            a8 = Xor3(a8, c2, d);
            a13 = Xor3(a13, c2, d);
            a18 = Xor3(a18, c2, d);
            a23 = Xor3(a23, c2, d);
            d = Avx512F.RotateLeft(c0, 1);
            a4 = Xor3(a4, c3, d);
            a9 = Xor3(a9, c3, d);
            a14 = Xor3(a14, c3, d);
            a19 = Xor3(a19, c3, d);
            a24 = Xor3(a24, c3, d);

            Vector512<ulong> t = a1;
            a1 = Avx512F.RotateLeft(a6, 44);
            a6 = Avx512F.RotateLeft(a9, 20);
            a9 = Avx512F.RotateLeft(a22, 61);
            a22 = Avx512F.RotateLeft(a14, 39);
            a14 = Avx512F.RotateLeft(a20, 18);
            a20 = Avx512F.RotateLeft(a2, 62);
            a2 = Avx512F.RotateLeft(a12, 43);
            a12 = Avx512F.RotateLeft(a13, 25);
            a13 = Avx512F.RotateLeft(a19, 8);
            a19 = Avx512F.RotateLeft(a23, 56);
            a23 = Avx512F.RotateLeft(a15, 41);
            a15 = Avx512F.RotateLeft(a4, 27);
            a4 = Avx512F.RotateLeft(a24, 14);
            a24 = Avx512F.RotateLeft(a21, 2);
            a21 = Avx512F.RotateLeft(a8, 55);
            a8 = Avx512F.RotateLeft(a16, 45);
            a16 = Avx512F.RotateLeft(a5, 36);
            a5 = Avx512F.RotateLeft(a3, 28);
            a3 = Avx512F.RotateLeft(a18, 21);
            a18 = Avx512F.RotateLeft(a17, 15);
            a17 = Avx512F.RotateLeft(a11, 10);
            a11 = Avx512F.RotateLeft(a7, 6);
            a7 = Avx512F.RotateLeft(a10, 3);
            a10 = Avx512F.RotateLeft(t, 1);

            Vector512<ulong> b0, b1;
            b0 = a0;
            b1 = a1;
            a0 = Chi(b0, b1, a2);
            a1 = Chi(b1, a2, a3);
            a2 = Chi(a2, a3, a4);
            a3 = Chi(a3, a4, b0);
            a4 = Chi(a4, b0, b1);
            b0 = a5;
            b1 = a6;
            a5 = Chi(b0, b1, a7);
            a6 = Chi(b1, a7, a8);
            a7 = Chi(a7, a8, a9);
            a8 = Chi(a8, a9, b0);
            a9 = Chi(a9, b0, b1);
            b0 = a10;
            b1 = a11;
            a10 = Chi(b0, b1, a12);
            a11 = Chi(b1, a12, a13);
            a12 = Chi(a12, a13, a14);
            a13 = Chi(a13, a14, b0);
            a14 = Chi(a14, b0, b1);
            b0 = a15;
            b1 = a16;
            a15 = Chi(b0, b1, a17);
            a16 = Chi(b1, a17, a18);
            a17 = Chi(a17, a18, a19);
            a18 = Chi(a18, a19, b0);
            a19 = Chi(a19, b0, b1);
            b0 = a20;
            b1 = a21;
            a20 = Chi(b0, b1, a22);
            a21 = Chi(b1, a22, a23);
            a22 = Chi(a22, a23, a24);
            a23 = Chi(a23, a24, b0);
            a24 = Chi(a24, b0, b1);

            a0 ^= Vector512.Create(constants[round]);
        }

        a0.Store(s);
        a1.Store(s + 8);
        a2.Store(s + 16);
        a3.Store(s + 24);
        a4.Store(s + 32);
        a5.Store(s + 40);
        a6.Store(s + 48);
        a7.Store(s + 56);
        a8.Store(s + 64);
        a9.Store(s + 72);
        a10.Store(s + 80);
        a11.Store(s + 88);
        a12.Store(s + 96);
        a13.Store(s + 104);
        a14.Store(s + 112);
        a15.Store(s + 120);
        a16.Store(s + 128);
        a17.Store(s + 136);
        a18.Store(s + 144);
        a19.Store(s + 152);
        a20.Store(s + 160);
        a21.Store(s + 168);
        a22.Store(s + 176);
        a23.Store(s + 184);
        a24.Store(s + 192);
    }
}
