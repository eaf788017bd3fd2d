using System.Runtime.CompilerServices;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>
/// The transform of <see cref="NttAvx2"/> over any <see cref="ILaneOps{V, W}"/>: two passes over memory, the two widest
/// layers, then six layers on blocks of 64, as many blocks at once as a vector has groups.
/// </summary>
internal static unsafe class NttLanes<T, V, W>
    where T : struct, ILaneOps<V, W>
    where V : struct
    where W : struct
{
    internal static void Forward(int* a) => ForwardCore(
        a, NttTables.Zetas, NttTables.ZetasQInverse, NttTables.BlockZetas, NttTables.BlockZetasQInverse);

    internal static void Inverse(int* a) => InverseCore(
        a, NttTables.Zetas, NttTables.ZetasQInverse, NttTables.InverseBlockZetas, NttTables.InverseBlockZetasQInverse);

    /// <summary>a z 2^-32 mod q in each lane, given z's odd lanes and z q^-1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Multiply(V a, V z, V zOdd, V zQInverse, V q)
    {
        V t = T.MultiplyLow(a, zQInverse);
        W even = T.SubtractWide(T.MultiplyEven(a, z), T.MultiplyEven(t, q));
        W odd = T.SubtractWide(T.MultiplyOdd(a, zOdd), T.MultiplyOdd(t, q));
        return T.HighWords(even, odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Butterfly(ref V a, ref V b, V z, V zOdd, V zq, V q)
    {
        V t = Multiply(b, z, zOdd, zq, q);
        b = T.Subtract(a, t);
        a = T.Add(a, t);
    }

    /// <summary>The difference is taken the other way round, which is the minus sign of the inverse twiddle.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void InverseButterfly(ref V a, ref V b, V z, V zOdd, V zq, V q)
    {
        V difference = T.Subtract(b, a);
        a = T.Add(a, b);
        b = Multiply(difference, z, zOdd, zq, q);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardCore(int* a, int* zetas, int* zetasQ, int* blockZetas, int* blockZetasQ)
    {
        V q = T.Create(Q);
        V z1 = T.Create(zetas[1]), z1q = T.Create(zetasQ[1]);
        V z2 = T.Create(zetas[2]), z2q = T.Create(zetasQ[2]);
        V z3 = T.Create(zetas[3]), z3q = T.Create(zetasQ[3]);
        for (int* p = a; p < a + 64; p += T.Count)
        {
            V r0 = T.Load(p), r1 = T.Load(p + 64);
            V r2 = T.Load(p + 128), r3 = T.Load(p + 192);
            Butterfly(ref r0, ref r2, z1, z1, z1q, q);
            Butterfly(ref r1, ref r3, z1, z1, z1q, q);
            Butterfly(ref r0, ref r1, z2, z2, z2q, q);
            Butterfly(ref r2, ref r3, z3, z3, z3q, q);
            T.Store(p, r0);
            T.Store(p + 64, r1);
            T.Store(p + 128, r2);
            T.Store(p + 192, r3);
        }

        for (int block = 0; block < 4; block += T.Groups)
        {
            ForwardBlock(a + (64 * block), zetas, zetasQ, block,
                blockZetas + (block * NttTables.BlockWords), blockZetasQ + (block * NttTables.BlockWords), q);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ForwardBlock(
        int* p, int* zetas, int* zetasQ, int block, int* blockZetas, int* blockZetasQ, V q)
    {
        V r0 = T.Load(p, 64), r1 = T.Load(p + 8, 64), r2 = T.Load(p + 16, 64);
        V r3 = T.Load(p + 24, 64), r4 = T.Load(p + 32, 64), r5 = T.Load(p + 40, 64);
        V r6 = T.Load(p + 48, 64), r7 = T.Load(p + 56, 64);

        V z = T.Create(zetas + 4 + block, 1), zq = T.Create(zetasQ + 4 + block, 1);
        Butterfly(ref r0, ref r4, z, z, zq, q);
        Butterfly(ref r1, ref r5, z, z, zq, q);
        Butterfly(ref r2, ref r6, z, z, zq, q);
        Butterfly(ref r3, ref r7, z, z, zq, q);
        z = T.Create(zetas + 8 + (2 * block), 2);
        zq = T.Create(zetasQ + 8 + (2 * block), 2);
        Butterfly(ref r0, ref r2, z, z, zq, q);
        Butterfly(ref r1, ref r3, z, z, zq, q);
        z = T.Create(zetas + 9 + (2 * block), 2);
        zq = T.Create(zetasQ + 9 + (2 * block), 2);
        Butterfly(ref r4, ref r6, z, z, zq, q);
        Butterfly(ref r5, ref r7, z, z, zq, q);
        zetas += 16 + (4 * block);
        zetasQ += 16 + (4 * block);
        z = T.Create(zetas, 4);
        Butterfly(ref r0, ref r1, z, z, T.Create(zetasQ, 4), q);
        z = T.Create(zetas + 1, 4);
        Butterfly(ref r2, ref r3, z, z, T.Create(zetasQ + 1, 4), q);
        z = T.Create(zetas + 2, 4);
        Butterfly(ref r4, ref r5, z, z, T.Create(zetasQ + 2, 4), q);
        z = T.Create(zetas + 3, 4);
        Butterfly(ref r6, ref r7, z, z, T.Create(zetasQ + 3, 4), q);

        T.Transpose(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);

        z = T.Load(blockZetas, NttTables.BlockWords);
        zq = T.Load(blockZetasQ, NttTables.BlockWords);
        V zOdd = T.Odd(z);
        Butterfly(ref r0, ref r4, z, zOdd, zq, q);
        Butterfly(ref r1, ref r5, z, zOdd, zq, q);
        Butterfly(ref r2, ref r6, z, zOdd, zq, q);
        Butterfly(ref r3, ref r7, z, zOdd, zq, q);
        z = T.Load(blockZetas + 8, NttTables.BlockWords);
        zq = T.Load(blockZetasQ + 8, NttTables.BlockWords);
        zOdd = T.Odd(z);
        Butterfly(ref r0, ref r2, z, zOdd, zq, q);
        Butterfly(ref r1, ref r3, z, zOdd, zq, q);
        z = T.Load(blockZetas + 16, NttTables.BlockWords);
        zq = T.Load(blockZetasQ + 16, NttTables.BlockWords);
        zOdd = T.Odd(z);
        Butterfly(ref r4, ref r6, z, zOdd, zq, q);
        Butterfly(ref r5, ref r7, z, zOdd, zq, q);
        z = T.Load(blockZetas + 24, NttTables.BlockWords);
        Butterfly(ref r0, ref r1, z, T.Odd(z), T.Load(blockZetasQ + 24, NttTables.BlockWords), q);
        z = T.Load(blockZetas + 32, NttTables.BlockWords);
        Butterfly(ref r2, ref r3, z, T.Odd(z), T.Load(blockZetasQ + 32, NttTables.BlockWords), q);
        z = T.Load(blockZetas + 40, NttTables.BlockWords);
        Butterfly(ref r4, ref r5, z, T.Odd(z), T.Load(blockZetasQ + 40, NttTables.BlockWords), q);
        z = T.Load(blockZetas + 48, NttTables.BlockWords);
        Butterfly(ref r6, ref r7, z, T.Odd(z), T.Load(blockZetasQ + 48, NttTables.BlockWords), q);

        StoreBlock(p, r0, r1, r2, r3, r4, r5, r6, r7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreBlock(
        int* p, V r0, V r1, V r2, V r3,
        V r4, V r5, V r6, V r7)
    {
        T.Store(p, 64, r0);
        T.Store(p + 8, 64, r1);
        T.Store(p + 16, 64, r2);
        T.Store(p + 24, 64, r3);
        T.Store(p + 32, 64, r4);
        T.Store(p + 40, 64, r5);
        T.Store(p + 48, 64, r6);
        T.Store(p + 56, 64, r7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void InverseCore(int* a, int* zetas, int* zetasQ, int* blockZetas, int* blockZetasQ)
    {
        V q = T.Create(Q);
        for (int block = 0; block < 4; block += T.Groups)
        {
            InverseBlock(a + (64 * block), zetas, zetasQ, block,
                blockZetas + (block * NttTables.BlockWords), blockZetasQ + (block * NttTables.BlockWords), q);
        }

        V z1 = T.Create(zetas[1]), z1q = T.Create(zetasQ[1]);
        V z2 = T.Create(zetas[2]), z2q = T.Create(zetasQ[2]);
        V z3 = T.Create(zetas[3]), z3q = T.Create(zetasQ[3]);
        V f = T.Create(Ntt.InverseScale);
        V fq = T.Create(unchecked(Ntt.InverseScale * QInverse));
        for (int* p = a; p < a + 64; p += T.Count)
        {
            V r0 = T.Load(p), r1 = T.Load(p + 64);
            V r2 = T.Load(p + 128), r3 = T.Load(p + 192);
            InverseButterfly(ref r0, ref r1, z3, z3, z3q, q);
            InverseButterfly(ref r2, ref r3, z2, z2, z2q, q);
            InverseButterfly(ref r0, ref r2, z1, z1, z1q, q);
            InverseButterfly(ref r1, ref r3, z1, z1, z1q, q);
            T.Store(p, Multiply(r0, f, f, fq, q));
            T.Store(p + 64, Multiply(r1, f, f, fq, q));
            T.Store(p + 128, Multiply(r2, f, f, fq, q));
            T.Store(p + 192, Multiply(r3, f, f, fq, q));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void InverseBlock(
        int* p, int* zetas, int* zetasQ, int block, int* blockZetas, int* blockZetasQ, V q)
    {
        V r0 = T.Load(p, 64), r1 = T.Load(p + 8, 64), r2 = T.Load(p + 16, 64);
        V r3 = T.Load(p + 24, 64), r4 = T.Load(p + 32, 64), r5 = T.Load(p + 40, 64);
        V r6 = T.Load(p + 48, 64), r7 = T.Load(p + 56, 64);

        V z = T.Load(blockZetas + 24, NttTables.BlockWords);
        InverseButterfly(ref r0, ref r1, z, T.Odd(z), T.Load(blockZetasQ + 24, NttTables.BlockWords), q);
        z = T.Load(blockZetas + 32, NttTables.BlockWords);
        InverseButterfly(ref r2, ref r3, z, T.Odd(z), T.Load(blockZetasQ + 32, NttTables.BlockWords), q);
        z = T.Load(blockZetas + 40, NttTables.BlockWords);
        InverseButterfly(ref r4, ref r5, z, T.Odd(z), T.Load(blockZetasQ + 40, NttTables.BlockWords), q);
        z = T.Load(blockZetas + 48, NttTables.BlockWords);
        InverseButterfly(ref r6, ref r7, z, T.Odd(z), T.Load(blockZetasQ + 48, NttTables.BlockWords), q);
        z = T.Load(blockZetas + 8, NttTables.BlockWords);
        V zq = T.Load(blockZetasQ + 8, NttTables.BlockWords), zOdd = T.Odd(z);
        InverseButterfly(ref r0, ref r2, z, zOdd, zq, q);
        InverseButterfly(ref r1, ref r3, z, zOdd, zq, q);
        z = T.Load(blockZetas + 16, NttTables.BlockWords);
        zq = T.Load(blockZetasQ + 16, NttTables.BlockWords);
        zOdd = T.Odd(z);
        InverseButterfly(ref r4, ref r6, z, zOdd, zq, q);
        InverseButterfly(ref r5, ref r7, z, zOdd, zq, q);
        z = T.Load(blockZetas, NttTables.BlockWords);
        zq = T.Load(blockZetasQ, NttTables.BlockWords);
        zOdd = T.Odd(z);
        InverseButterfly(ref r0, ref r4, z, zOdd, zq, q);
        InverseButterfly(ref r1, ref r5, z, zOdd, zq, q);
        InverseButterfly(ref r2, ref r6, z, zOdd, zq, q);
        InverseButterfly(ref r3, ref r7, z, zOdd, zq, q);

        T.Transpose(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);

        int last = 31 - (4 * block), step = -4;
        z = T.Create(zetas + last, step);
        InverseButterfly(ref r0, ref r1, z, z, T.Create(zetasQ + last, step), q);
        z = T.Create(zetas + last - 1, step);
        InverseButterfly(ref r2, ref r3, z, z, T.Create(zetasQ + last - 1, step), q);
        z = T.Create(zetas + last - 2, step);
        InverseButterfly(ref r4, ref r5, z, z, T.Create(zetasQ + last - 2, step), q);
        z = T.Create(zetas + last - 3, step);
        InverseButterfly(ref r6, ref r7, z, z, T.Create(zetasQ + last - 3, step), q);
        last = 15 - (2 * block);
        step = -2;
        z = T.Create(zetas + last, step);
        zq = T.Create(zetasQ + last, step);
        InverseButterfly(ref r0, ref r2, z, z, zq, q);
        InverseButterfly(ref r1, ref r3, z, z, zq, q);
        z = T.Create(zetas + last - 1, step);
        zq = T.Create(zetasQ + last - 1, step);
        InverseButterfly(ref r4, ref r6, z, z, zq, q);
        InverseButterfly(ref r5, ref r7, z, z, zq, q);
        z = T.Create(zetas + 7 - block, -1);
        zq = T.Create(zetasQ + 7 - block, -1);
        InverseButterfly(ref r0, ref r4, z, z, zq, q);
        InverseButterfly(ref r1, ref r5, z, z, zq, q);
        InverseButterfly(ref r2, ref r6, z, z, zq, q);
        InverseButterfly(ref r3, ref r7, z, z, zq, q);

        StoreBlock(p, r0, r1, r2, r3, r4, r5, r6, r7);
    }

    /// <summary>Montgomery reduction of 64-bit sums of even and odd lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Reduce(W even, W odd, V qInverse, V q)
    {
        V t = T.MultiplyLow(T.LowWords(even, odd), qInverse);
        return T.HighWords(T.SubtractWide(even, T.MultiplyEven(t, q)), T.SubtractWide(odd, T.MultiplyOdd(t, q)));
    }

    /// <summary>All products of a row are summed in 64 bits and reduced once: 8 * q * 9 q is below 2^31 q.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void MatrixVector(int* result, int* matrix, int* vector, int columns)
    {
        V q = T.Create(Q), qInverse = T.Create(QInverse);
        int* odd = stackalloc int[8 * T.Count];
        int group = K * columns * Lanes;
        for (int k = 0; k < N; k += T.Count, matrix += group * T.Groups)
        {
            int* v = vector + k;
            for (int column = 0; column < columns; column++)
            {
                T.Store(odd + (column * T.Count), T.Odd(T.Load(v + (column * N))));
            }

            int* m = matrix;
            for (int row = 0; row < K; row++)
            {
                V entry = T.Load(m, group);
                W sumEven = T.MultiplyEven(entry, T.Load(v));
                W sumOdd = T.MultiplyOdd(entry, T.Load(odd));
                m += Lanes;
                for (int column = 1; column < columns; column++, m += Lanes)
                {
                    entry = T.Load(m, group);
                    sumEven = T.AddWide(sumEven, T.MultiplyEven(entry, T.Load(v + (column * N))));
                    sumOdd = T.AddWide(sumOdd, T.MultiplyOdd(entry, T.Load(odd + (column * T.Count))));
                }

                T.Store(result + (row * N) + k, Reduce(sumEven, sumOdd, qInverse, q));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Pointwise(int* result, int* a, int* b)
    {
        V q = T.Create(Q), qInverse = T.Create(QInverse);
        for (int i = 0; i < N; i += T.Count)
        {
            V x = T.Load(a + i), y = T.Load(b + i);
            T.Store(result + i, Reduce(T.MultiplyEven(x, y), T.MultiplyOdd(x, T.Odd(y)), qInverse, q));
        }
    }
}
