using System.Runtime.CompilerServices;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>As many Keccak-f[1600] permutations at a time as a vector has 64-bit lanes.</summary>
internal static unsafe class KeccakVector<T, V>
    where T : struct, IKeccakOps<V>
    where V : struct
{
    /// <summary>Permutes <paramref name="width"/> states; lane i of state word w lies at s[width w + i].</summary>
    internal static void Permute(ulong* s, int width)
    {
        for (int lane = 0; lane < width; lane += T.Count)
        {
            Rounds(s + lane, width, KeccakScalar.RoundConstants);
        }
    }

    // As KeccakScalar.Rounds; 25 locals in place spill less than two alternating sets.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rounds(ulong* s, int width, ulong* constants)
    {
        V a0 = T.Load(s);
        V a1 = T.Load(s + width);
        V a2 = T.Load(s + (2 * width));
        V a3 = T.Load(s + (3 * width));
        V a4 = T.Load(s + (4 * width));
        V a5 = T.Load(s + (5 * width));
        V a6 = T.Load(s + (6 * width));
        V a7 = T.Load(s + (7 * width));
        V a8 = T.Load(s + (8 * width));
        V a9 = T.Load(s + (9 * width));
        V a10 = T.Load(s + (10 * width));
        V a11 = T.Load(s + (11 * width));
        V a12 = T.Load(s + (12 * width));
        V a13 = T.Load(s + (13 * width));
        V a14 = T.Load(s + (14 * width));
        V a15 = T.Load(s + (15 * width));
        V a16 = T.Load(s + (16 * width));
        V a17 = T.Load(s + (17 * width));
        V a18 = T.Load(s + (18 * width));
        V a19 = T.Load(s + (19 * width));
        V a20 = T.Load(s + (20 * width));
        V a21 = T.Load(s + (21 * width));
        V a22 = T.Load(s + (22 * width));
        V a23 = T.Load(s + (23 * width));
        V a24 = T.Load(s + (24 * width));
        for (int round = 0; round < 24; round++)
        {
            V c0 = T.Xor(T.Xor(a0, a5, a10), a15, a20);
            V c1 = T.Xor(T.Xor(a1, a6, a11), a16, a21);
            V c2 = T.Xor(T.Xor(a2, a7, a12), a17, a22);
            V c3 = T.Xor(T.Xor(a3, a8, a13), a18, a23);
            V c4 = T.Xor(T.Xor(a4, a9, a14), a19, a24);
            V r = T.Rol(c1, 1), d = T.Xor(c4, r);
            a0 = T.Theta(a0, c4, r, d);
            a5 = T.Theta(a5, c4, r, d);
            a10 = T.Theta(a10, c4, r, d);
            a15 = T.Theta(a15, c4, r, d);
            a20 = T.Theta(a20, c4, r, d);
            r = T.Rol(c2, 1);
            d = T.Xor(c0, r);
            a1 = T.Theta(a1, c0, r, d);
            a6 = T.Theta(a6, c0, r, d);
            a11 = T.Theta(a11, c0, r, d);
            a16 = T.Theta(a16, c0, r, d);
            a21 = T.Theta(a21, c0, r, d);
            r = T.Rol(c3, 1);
            d = T.Xor(c1, r);
            a2 = T.Theta(a2, c1, r, d);
            a7 = T.Theta(a7, c1, r, d);
            a12 = T.Theta(a12, c1, r, d);
            a17 = T.Theta(a17, c1, r, d);
            a22 = T.Theta(a22, c1, r, d);
            r = T.Rol(c4, 1);
            d = T.Xor(c2, r);
            a3 = T.Theta(a3, c2, r, d);
            a8 = T.Theta(a8, c2, r, d);
            a13 = T.Theta(a13, c2, r, d);
            a18 = T.Theta(a18, c2, r, d);
            a23 = T.Theta(a23, c2, r, d);
            r = T.Rol(c0, 1);
            d = T.Xor(c3, r);
            a4 = T.Theta(a4, c3, r, d);
            a9 = T.Theta(a9, c3, r, d);
            a14 = T.Theta(a14, c3, r, d);
            a19 = T.Theta(a19, c3, r, d);
            a24 = T.Theta(a24, c3, r, d);

            V t = a1;
            a1 = T.Rol(a6, 44);
            a6 = T.Rol(a9, 20);
            a9 = T.Rol(a22, 61);
            a22 = T.Rol(a14, 39);
            a14 = T.Rol(a20, 18);
            a20 = T.Rol(a2, 62);
            a2 = T.Rol(a12, 43);
            a12 = T.Rol(a13, 25);
            a13 = T.Rol(a19, 8);
            a19 = T.Rol(a23, 56);
            a23 = T.Rol(a15, 41);
            a15 = T.Rol(a4, 27);
            a4 = T.Rol(a24, 14);
            a24 = T.Rol(a21, 2);
            a21 = T.Rol(a8, 55);
            a8 = T.Rol(a16, 45);
            a16 = T.Rol(a5, 36);
            a5 = T.Rol(a3, 28);
            a3 = T.Rol(a18, 21);
            a18 = T.Rol(a17, 15);
            a17 = T.Rol(a11, 10);
            a11 = T.Rol(a7, 6);
            a7 = T.Rol(a10, 3);
            a10 = T.Rol(t, 1);

            V b0, b1;
            b0 = a0;
            b1 = a1;
            a0 = T.Chi(b0, b1, a2);
            a1 = T.Chi(b1, a2, a3);
            a2 = T.Chi(a2, a3, a4);
            a3 = T.Chi(a3, a4, b0);
            a4 = T.Chi(a4, b0, b1);
            b0 = a5;
            b1 = a6;
            a5 = T.Chi(b0, b1, a7);
            a6 = T.Chi(b1, a7, a8);
            a7 = T.Chi(a7, a8, a9);
            a8 = T.Chi(a8, a9, b0);
            a9 = T.Chi(a9, b0, b1);
            b0 = a10;
            b1 = a11;
            a10 = T.Chi(b0, b1, a12);
            a11 = T.Chi(b1, a12, a13);
            a12 = T.Chi(a12, a13, a14);
            a13 = T.Chi(a13, a14, b0);
            a14 = T.Chi(a14, b0, b1);
            b0 = a15;
            b1 = a16;
            a15 = T.Chi(b0, b1, a17);
            a16 = T.Chi(b1, a17, a18);
            a17 = T.Chi(a17, a18, a19);
            a18 = T.Chi(a18, a19, b0);
            a19 = T.Chi(a19, b0, b1);
            b0 = a20;
            b1 = a21;
            a20 = T.Chi(b0, b1, a22);
            a21 = T.Chi(b1, a22, a23);
            a22 = T.Chi(a22, a23, a24);
            a23 = T.Chi(a23, a24, b0);
            a24 = T.Chi(a24, b0, b1);

            a0 = T.Xor(a0, T.Create(constants[round]));
        }

        T.Store(s, a0);
        T.Store(s + width, a1);
        T.Store(s + (2 * width), a2);
        T.Store(s + (3 * width), a3);
        T.Store(s + (4 * width), a4);
        T.Store(s + (5 * width), a5);
        T.Store(s + (6 * width), a6);
        T.Store(s + (7 * width), a7);
        T.Store(s + (8 * width), a8);
        T.Store(s + (9 * width), a9);
        T.Store(s + (10 * width), a10);
        T.Store(s + (11 * width), a11);
        T.Store(s + (12 * width), a12);
        T.Store(s + (13 * width), a13);
        T.Store(s + (14 * width), a14);
        T.Store(s + (15 * width), a15);
        T.Store(s + (16 * width), a16);
        T.Store(s + (17 * width), a17);
        T.Store(s + (18 * width), a18);
        T.Store(s + (19 * width), a19);
        T.Store(s + (20 * width), a20);
        T.Store(s + (21 * width), a21);
        T.Store(s + (22 * width), a22);
        T.Store(s + (23 * width), a23);
        T.Store(s + (24 * width), a24);
    }
}
