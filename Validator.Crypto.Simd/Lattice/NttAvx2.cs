using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>
/// The transform with AVX2, eight coefficients a register, in two passes over memory: the two widest layers, then six
/// layers on blocks of 64 with one transposition between the third and the fourth (see <see cref="Ntt"/> for the order).
/// </summary>
internal static unsafe class NttAvx2
{
    internal static void Forward(int* a) => ForwardCore(
        a, NttTables.Zetas, NttTables.ZetasQInverse, NttTables.BlockZetas, NttTables.BlockZetasQInverse);

    internal static void Inverse(int* a) => InverseCore(
        a, NttTables.Zetas, NttTables.ZetasQInverse, NttTables.InverseBlockZetas, NttTables.InverseBlockZetasQInverse);

    /// <summary>Odd lanes copied down to the even ones, where the 64-bit multiply reads.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<int> Odd(Vector256<int> a) => Avx.DuplicateOddIndexed(a.AsSingle()).AsInt32();

    /// <summary>a z 2^-32 mod q in each lane, given z's odd lanes and z q^-1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Multiply(
        Vector256<int> a, Vector256<int> z, Vector256<int> zOdd, Vector256<int> zQInverse, Vector256<int> q)
    {
        Vector256<int> t = Avx2.MultiplyLow(a, zQInverse);
        Vector256<int> even = Avx2.Subtract(Avx2.Multiply(a, z), Avx2.Multiply(t, q)).AsInt32();
        Vector256<int> odd = Avx2.Subtract(Avx2.Multiply(Odd(a), zOdd), Avx2.Multiply(Odd(t), q)).AsInt32();
        return Avx2.Blend(Odd(even), odd, 0xAA);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Butterfly(
        ref Vector256<int> a, ref Vector256<int> b, Vector256<int> z, Vector256<int> zOdd, Vector256<int> zq, Vector256<int> q)
    {
        Vector256<int> t = Multiply(b, z, zOdd, zq, q);
        b = Avx2.Subtract(a, t);
        a = Avx2.Add(a, t);
    }

    /// <summary>The difference is taken the other way round, which is the minus sign of the inverse twiddle.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void InverseButterfly(
        ref Vector256<int> a, ref Vector256<int> b, Vector256<int> z, Vector256<int> zOdd, Vector256<int> zq, Vector256<int> q)
    {
        Vector256<int> difference = Avx2.Subtract(b, a);
        a = Avx2.Add(a, b);
        b = Multiply(difference, z, zOdd, zq, q);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(
        ref Vector256<int> r0, ref Vector256<int> r1, ref Vector256<int> r2, ref Vector256<int> r3,
        ref Vector256<int> r4, ref Vector256<int> r5, ref Vector256<int> r6, ref Vector256<int> r7)
    {
        Vector256<long> a0 = Avx2.UnpackLow(r0, r1).AsInt64(), a1 = Avx2.UnpackHigh(r0, r1).AsInt64();
        Vector256<long> a2 = Avx2.UnpackLow(r2, r3).AsInt64(), a3 = Avx2.UnpackHigh(r2, r3).AsInt64();
        Vector256<long> a4 = Avx2.UnpackLow(r4, r5).AsInt64(), a5 = Avx2.UnpackHigh(r4, r5).AsInt64();
        Vector256<long> a6 = Avx2.UnpackLow(r6, r7).AsInt64(), a7 = Avx2.UnpackHigh(r6, r7).AsInt64();
        Vector256<int> b0 = Avx2.UnpackLow(a0, a2).AsInt32(), b1 = Avx2.UnpackHigh(a0, a2).AsInt32();
        Vector256<int> b2 = Avx2.UnpackLow(a1, a3).AsInt32(), b3 = Avx2.UnpackHigh(a1, a3).AsInt32();
        Vector256<int> b4 = Avx2.UnpackLow(a4, a6).AsInt32(), b5 = Avx2.UnpackHigh(a4, a6).AsInt32();
        Vector256<int> b6 = Avx2.UnpackLow(a5, a7).AsInt32(), b7 = Avx2.UnpackHigh(a5, a7).AsInt32();
        r0 = Avx2.Permute2x128(b0, b4, 0x20);
        r1 = Avx2.Permute2x128(b1, b5, 0x20);
        r2 = Avx2.Permute2x128(b2, b6, 0x20);
        r3 = Avx2.Permute2x128(b3, b7, 0x20);
        r4 = Avx2.Permute2x128(b0, b4, 0x31);
        r5 = Avx2.Permute2x128(b1, b5, 0x31);
        r6 = Avx2.Permute2x128(b2, b6, 0x31);
        r7 = Avx2.Permute2x128(b3, b7, 0x31);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardCore(int* a, int* zetas, int* zetasQ, int* blockZetas, int* blockZetasQ)
    {
        Vector256<int> q = Vector256.Create(Q);
        Vector256<int> z1 = Vector256.Create(zetas[1]), z1q = Vector256.Create(zetasQ[1]);
        Vector256<int> z2 = Vector256.Create(zetas[2]), z2q = Vector256.Create(zetasQ[2]);
        Vector256<int> z3 = Vector256.Create(zetas[3]), z3q = Vector256.Create(zetasQ[3]);
        for (int* p = a; p < a + 64; p += Lanes)
        {
            Vector256<int> r0 = Vector256.Load(p), r1 = Vector256.Load(p + 64);
            Vector256<int> r2 = Vector256.Load(p + 128), r3 = Vector256.Load(p + 192);
            Butterfly(ref r0, ref r2, z1, z1, z1q, q);
            Butterfly(ref r1, ref r3, z1, z1, z1q, q);
            Butterfly(ref r0, ref r1, z2, z2, z2q, q);
            Butterfly(ref r2, ref r3, z3, z3, z3q, q);
            r0.Store(p);
            r1.Store(p + 64);
            r2.Store(p + 128);
            r3.Store(p + 192);
        }

        for (int block = 0; block < 4; block++)
        {
            ForwardBlock(a + (64 * block), zetas, zetasQ, block,
                blockZetas + (block * NttTables.BlockWords), blockZetasQ + (block * NttTables.BlockWords), q);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ForwardBlock(
        int* p, int* zetas, int* zetasQ, int block, int* blockZetas, int* blockZetasQ, Vector256<int> q)
    {
        Vector256<int> r0 = Vector256.Load(p), r1 = Vector256.Load(p + 8), r2 = Vector256.Load(p + 16);
        Vector256<int> r3 = Vector256.Load(p + 24), r4 = Vector256.Load(p + 32), r5 = Vector256.Load(p + 40);
        Vector256<int> r6 = Vector256.Load(p + 48), r7 = Vector256.Load(p + 56);

        Vector256<int> z = Vector256.Create(zetas[4 + block]), zq = Vector256.Create(zetasQ[4 + block]);
        Butterfly(ref r0, ref r4, z, z, zq, q);
        Butterfly(ref r1, ref r5, z, z, zq, q);
        Butterfly(ref r2, ref r6, z, z, zq, q);
        Butterfly(ref r3, ref r7, z, z, zq, q);
        z = Vector256.Create(zetas[8 + (2 * block)]);
        zq = Vector256.Create(zetasQ[8 + (2 * block)]);
        Butterfly(ref r0, ref r2, z, z, zq, q);
        Butterfly(ref r1, ref r3, z, z, zq, q);
        z = Vector256.Create(zetas[9 + (2 * block)]);
        zq = Vector256.Create(zetasQ[9 + (2 * block)]);
        Butterfly(ref r4, ref r6, z, z, zq, q);
        Butterfly(ref r5, ref r7, z, z, zq, q);
        zetas += 16 + (4 * block);
        zetasQ += 16 + (4 * block);
        z = Vector256.Create(zetas[0]);
        Butterfly(ref r0, ref r1, z, z, Vector256.Create(zetasQ[0]), q);
        z = Vector256.Create(zetas[1]);
        Butterfly(ref r2, ref r3, z, z, Vector256.Create(zetasQ[1]), q);
        z = Vector256.Create(zetas[2]);
        Butterfly(ref r4, ref r5, z, z, Vector256.Create(zetasQ[2]), q);
        z = Vector256.Create(zetas[3]);
        Butterfly(ref r6, ref r7, z, z, Vector256.Create(zetasQ[3]), q);

        Transpose(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);

        z = Vector256.Load(blockZetas);
        zq = Vector256.Load(blockZetasQ);
        Vector256<int> zOdd = Odd(z);
        Butterfly(ref r0, ref r4, z, zOdd, zq, q);
        Butterfly(ref r1, ref r5, z, zOdd, zq, q);
        Butterfly(ref r2, ref r6, z, zOdd, zq, q);
        Butterfly(ref r3, ref r7, z, zOdd, zq, q);
        z = Vector256.Load(blockZetas + 8);
        zq = Vector256.Load(blockZetasQ + 8);
        zOdd = Odd(z);
        Butterfly(ref r0, ref r2, z, zOdd, zq, q);
        Butterfly(ref r1, ref r3, z, zOdd, zq, q);
        z = Vector256.Load(blockZetas + 16);
        zq = Vector256.Load(blockZetasQ + 16);
        zOdd = Odd(z);
        Butterfly(ref r4, ref r6, z, zOdd, zq, q);
        Butterfly(ref r5, ref r7, z, zOdd, zq, q);
        z = Vector256.Load(blockZetas + 24);
        Butterfly(ref r0, ref r1, z, Odd(z), Vector256.Load(blockZetasQ + 24), q);
        z = Vector256.Load(blockZetas + 32);
        Butterfly(ref r2, ref r3, z, Odd(z), Vector256.Load(blockZetasQ + 32), q);
        z = Vector256.Load(blockZetas + 40);
        Butterfly(ref r4, ref r5, z, Odd(z), Vector256.Load(blockZetasQ + 40), q);
        z = Vector256.Load(blockZetas + 48);
        Butterfly(ref r6, ref r7, z, Odd(z), Vector256.Load(blockZetasQ + 48), q);

        StoreBlock(p, r0, r1, r2, r3, r4, r5, r6, r7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreBlock(
        int* p, Vector256<int> r0, Vector256<int> r1, Vector256<int> r2, Vector256<int> r3,
        Vector256<int> r4, Vector256<int> r5, Vector256<int> r6, Vector256<int> r7)
    {
        r0.Store(p);
        r1.Store(p + 8);
        r2.Store(p + 16);
        r3.Store(p + 24);
        r4.Store(p + 32);
        r5.Store(p + 40);
        r6.Store(p + 48);
        r7.Store(p + 56);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void InverseCore(int* a, int* zetas, int* zetasQ, int* blockZetas, int* blockZetasQ)
    {
        Vector256<int> q = Vector256.Create(Q);
        for (int block = 0; block < 4; block++)
        {
            InverseBlock(a + (64 * block), zetas, zetasQ, block,
                blockZetas + (block * NttTables.BlockWords), blockZetasQ + (block * NttTables.BlockWords), q);
        }

        Vector256<int> z1 = Vector256.Create(zetas[1]), z1q = Vector256.Create(zetasQ[1]);
        Vector256<int> z2 = Vector256.Create(zetas[2]), z2q = Vector256.Create(zetasQ[2]);
        Vector256<int> z3 = Vector256.Create(zetas[3]), z3q = Vector256.Create(zetasQ[3]);
        Vector256<int> f = Vector256.Create(Ntt.InverseScale);
        Vector256<int> fq = Vector256.Create(unchecked(Ntt.InverseScale * QInverse));
        for (int* p = a; p < a + 64; p += Lanes)
        {
            Vector256<int> r0 = Vector256.Load(p), r1 = Vector256.Load(p + 64);
            Vector256<int> r2 = Vector256.Load(p + 128), r3 = Vector256.Load(p + 192);
            InverseButterfly(ref r0, ref r1, z3, z3, z3q, q);
            InverseButterfly(ref r2, ref r3, z2, z2, z2q, q);
            InverseButterfly(ref r0, ref r2, z1, z1, z1q, q);
            InverseButterfly(ref r1, ref r3, z1, z1, z1q, q);
            Multiply(r0, f, f, fq, q).Store(p);
            Multiply(r1, f, f, fq, q).Store(p + 64);
            Multiply(r2, f, f, fq, q).Store(p + 128);
            Multiply(r3, f, f, fq, q).Store(p + 192);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void InverseBlock(
        int* p, int* zetas, int* zetasQ, int block, int* blockZetas, int* blockZetasQ, Vector256<int> q)
    {
        Vector256<int> r0 = Vector256.Load(p), r1 = Vector256.Load(p + 8), r2 = Vector256.Load(p + 16);
        Vector256<int> r3 = Vector256.Load(p + 24), r4 = Vector256.Load(p + 32), r5 = Vector256.Load(p + 40);
        Vector256<int> r6 = Vector256.Load(p + 48), r7 = Vector256.Load(p + 56);

        Vector256<int> z = Vector256.Load(blockZetas + 24);
        InverseButterfly(ref r0, ref r1, z, Odd(z), Vector256.Load(blockZetasQ + 24), q);
        z = Vector256.Load(blockZetas + 32);
        InverseButterfly(ref r2, ref r3, z, Odd(z), Vector256.Load(blockZetasQ + 32), q);
        z = Vector256.Load(blockZetas + 40);
        InverseButterfly(ref r4, ref r5, z, Odd(z), Vector256.Load(blockZetasQ + 40), q);
        z = Vector256.Load(blockZetas + 48);
        InverseButterfly(ref r6, ref r7, z, Odd(z), Vector256.Load(blockZetasQ + 48), q);
        z = Vector256.Load(blockZetas + 8);
        Vector256<int> zq = Vector256.Load(blockZetasQ + 8), zOdd = Odd(z);
        InverseButterfly(ref r0, ref r2, z, zOdd, zq, q);
        InverseButterfly(ref r1, ref r3, z, zOdd, zq, q);
        z = Vector256.Load(blockZetas + 16);
        zq = Vector256.Load(blockZetasQ + 16);
        zOdd = Odd(z);
        InverseButterfly(ref r4, ref r6, z, zOdd, zq, q);
        InverseButterfly(ref r5, ref r7, z, zOdd, zq, q);
        z = Vector256.Load(blockZetas);
        zq = Vector256.Load(blockZetasQ);
        zOdd = Odd(z);
        InverseButterfly(ref r0, ref r4, z, zOdd, zq, q);
        InverseButterfly(ref r1, ref r5, z, zOdd, zq, q);
        InverseButterfly(ref r2, ref r6, z, zOdd, zq, q);
        InverseButterfly(ref r3, ref r7, z, zOdd, zq, q);

        Transpose(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);

        int last = 31 - (4 * block);
        z = Vector256.Create(zetas[last]);
        InverseButterfly(ref r0, ref r1, z, z, Vector256.Create(zetasQ[last]), q);
        z = Vector256.Create(zetas[last - 1]);
        InverseButterfly(ref r2, ref r3, z, z, Vector256.Create(zetasQ[last - 1]), q);
        z = Vector256.Create(zetas[last - 2]);
        InverseButterfly(ref r4, ref r5, z, z, Vector256.Create(zetasQ[last - 2]), q);
        z = Vector256.Create(zetas[last - 3]);
        InverseButterfly(ref r6, ref r7, z, z, Vector256.Create(zetasQ[last - 3]), q);
        last = 15 - (2 * block);
        z = Vector256.Create(zetas[last]);
        zq = Vector256.Create(zetasQ[last]);
        InverseButterfly(ref r0, ref r2, z, z, zq, q);
        InverseButterfly(ref r1, ref r3, z, z, zq, q);
        z = Vector256.Create(zetas[last - 1]);
        zq = Vector256.Create(zetasQ[last - 1]);
        InverseButterfly(ref r4, ref r6, z, z, zq, q);
        InverseButterfly(ref r5, ref r7, z, z, zq, q);
        z = Vector256.Create(zetas[7 - block]);
        zq = Vector256.Create(zetasQ[7 - block]);
        InverseButterfly(ref r0, ref r4, z, z, zq, q);
        InverseButterfly(ref r1, ref r5, z, z, zq, q);
        InverseButterfly(ref r2, ref r6, z, z, zq, q);
        InverseButterfly(ref r3, ref r7, z, z, zq, q);

        StoreBlock(p, r0, r1, r2, r3, r4, r5, r6, r7);
    }

    /// <summary>Puts a polynomial in FIPS 204's order into a matrix, in lane order: blocks of 64 are transposed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void StoreEntry(int* matrix, int row, int column, int columns, int* poly)
    {
        int step = Ntt.MatrixIndex(1, 0, 0, columns);
        matrix += Ntt.MatrixIndex(0, row, column, columns);
        for (int* end = poly + N; poly < end; poly += 64, matrix += 8 * step)
        {
            Vector256<int> r0 = Vector256.Load(poly), r1 = Vector256.Load(poly + 8), r2 = Vector256.Load(poly + 16);
            Vector256<int> r3 = Vector256.Load(poly + 24), r4 = Vector256.Load(poly + 32), r5 = Vector256.Load(poly + 40);
            Vector256<int> r6 = Vector256.Load(poly + 48), r7 = Vector256.Load(poly + 56);
            Transpose(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);
            r0.Store(matrix);
            r1.Store(matrix + step);
            r2.Store(matrix + (2 * step));
            r3.Store(matrix + (3 * step));
            r4.Store(matrix + (4 * step));
            r5.Store(matrix + (5 * step));
            r6.Store(matrix + (6 * step));
            r7.Store(matrix + (7 * step));
        }
    }

    /// <summary>Montgomery reduction of 64-bit sums of even and odd lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Reduce(Vector256<long> even, Vector256<long> odd, Vector256<int> qInverse, Vector256<int> q)
    {
        Vector256<int> tEven = Avx2.Multiply(even.AsInt32(), qInverse).AsInt32();
        Vector256<int> tOdd = Avx2.Multiply(odd.AsInt32(), qInverse).AsInt32();
        Vector256<int> rEven = Avx2.Subtract(even, Avx2.Multiply(tEven, q)).AsInt32();
        Vector256<int> rOdd = Avx2.Subtract(odd, Avx2.Multiply(tOdd, q)).AsInt32();
        return Avx2.Blend(Odd(rEven), rOdd, 0xAA);
    }

    /// <summary>All products of a row are summed in 64 bits and reduced once: 8 * q * 9 q is below 2^31 q.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void MatrixVector(int* result, int* matrix, int* vector, int columns)
    {
        Vector256<int> q = Vector256.Create(Q), qInverse = Vector256.Create(QInverse);
        byte* oddSpace = stackalloc byte[((8 * Lanes) * sizeof(int)) + Scratch.Slack];
        int* odd = (int*)Scratch.Align(oddSpace);
        for (int k = 0; k < N; k += Lanes)
        {
            int* v = vector + k;
            for (int column = 0; column < columns; column++)
            {
                Odd(Vector256.Load(v + (column * N))).Store(odd + (column * Lanes));
            }

            for (int row = 0; row < K; row++)
            {
                Vector256<int> m = Vector256.Load(matrix);
                Vector256<long> sumEven = Avx2.Multiply(m, Vector256.Load(v));
                Vector256<long> sumOdd = Avx2.Multiply(Odd(m), Vector256.Load(odd));
                Accumulate(ref sumEven, ref sumOdd, matrix, v, odd, 1);
                Accumulate(ref sumEven, ref sumOdd, matrix, v, odd, 2);
                Accumulate(ref sumEven, ref sumOdd, matrix, v, odd, 3);
                Accumulate(ref sumEven, ref sumOdd, matrix, v, odd, 4);
                Accumulate(ref sumEven, ref sumOdd, matrix, v, odd, 5);
                Accumulate(ref sumEven, ref sumOdd, matrix, v, odd, 6);
                if (columns == 8)
                {
                    Accumulate(ref sumEven, ref sumOdd, matrix, v, odd, 7);
                }

                Reduce(sumEven, sumOdd, qInverse, q).Store(result + (row * N) + k);
                matrix += columns * Lanes;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(ref Vector256<long> sumEven, ref Vector256<long> sumOdd, int* m, int* v, int* odd, int column)
    {
        Vector256<int> entry = Vector256.Load(m + (column * Lanes));
        sumEven = Avx2.Add(sumEven, Avx2.Multiply(entry, Vector256.Load(v + (column * N))));
        sumOdd = Avx2.Add(sumOdd, Avx2.Multiply(Odd(entry), Vector256.Load(odd + (column * Lanes))));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Pointwise(int* result, int* a, int* b)
    {
        Vector256<int> q = Vector256.Create(Q), qInverse = Vector256.Create(QInverse);
        for (int i = 0; i < N; i += Lanes)
        {
            Vector256<int> x = Vector256.Load(a + i), y = Vector256.Load(b + i);
            Reduce(Avx2.Multiply(x, y), Avx2.Multiply(Odd(x), Odd(y)), qInverse, q).Store(result + i);
        }
    }
}
