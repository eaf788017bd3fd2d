using System.Runtime.CompilerServices;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;
using Ntt128 = Validator.Crypto.Simd.Lattice.NttLanes<
    Validator.Crypto.Simd.Lattice.LaneOps128, Validator.Crypto.Simd.Lattice.Pair<int>, Validator.Crypto.Simd.Lattice.Pair<long>>;
using Ntt512 = Validator.Crypto.Simd.Lattice.NttLanes<
    Validator.Crypto.Simd.Lattice.LaneOps512, System.Runtime.Intrinsics.Vector512<int>, System.Runtime.Intrinsics.Vector512<long>>;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>
/// The number-theoretic transform of Z_q[X]/(X^256 + 1) and products in its domain. Every path keeps transformed
/// polynomials in one order, "lane order": the coefficient FIPS 204 numbers 64 b + 8 j + i lies at 64 b + 8 i + j, so that the
/// last three layers run between whole vectors. Matrices are laid out in the order they are read: see <see cref="MatrixIndex"/>.
/// </summary>
internal static unsafe class Ntt
{
    /// <summary>2^64 / 256 mod q: takes out the 2^-32 of the product before and the 256 of the inverse transform.</summary>
    internal const int InverseScale = 41978;

    /// <summary>
    /// Word of coefficient group <paramref name="k"/> (8 coefficients, k = 0..31) of entry (row, column): groups outermost,
    /// then rows, then columns, so that one product reads a matrix straight through.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int MatrixIndex(int k, int row, int column, int columns) => ((((k * K) + row) * columns) + column) * Lanes;

    /// <summary>Forward transform in place. Input below q in magnitude, output below 9 q, in lane order.</summary>
    internal static void Forward(int* a)
    {
        if (CpuPaths.UseAvx512Lattice)
        {
            Ntt512.Forward(a);
        }
        else if (CpuPaths.UseAvx2)
        {
            NttAvx2.Forward(a);
        }
        else if (CpuPaths.UseVector128)
        {
            Ntt128.Forward(a);
        }
        else
        {
            NttScalar.Forward(a);
        }
    }

    /// <summary>
    /// Inverse transform in place, times 2^32: undoes the factor a Montgomery product leaves. Input and output below q in
    /// magnitude.
    /// </summary>
    internal static void Inverse(int* a)
    {
        if (CpuPaths.UseAvx512Lattice)
        {
            Ntt512.Inverse(a);
        }
        else if (CpuPaths.UseAvx2)
        {
            NttAvx2.Inverse(a);
        }
        else if (CpuPaths.UseVector128)
        {
            Ntt128.Inverse(a);
        }
        else
        {
            NttScalar.Inverse(a);
        }
    }

    /// <summary>
    /// result = matrix * vector * 2^-32, 8 rows; matrix entries in [0, q), vector below 9 q; result below q in magnitude.
    /// </summary>
    internal static void MatrixVector(int* result, int* matrix, int* vector, int columns)
    {
        if (CpuPaths.UseAvx512Lattice)
        {
            Ntt512.MatrixVector(result, matrix, vector, columns);
        }
        else if (CpuPaths.UseAvx2)
        {
            NttAvx2.MatrixVector(result, matrix, vector, columns);
        }
        else if (CpuPaths.UseVector128)
        {
            Ntt128.MatrixVector(result, matrix, vector, columns);
        }
        else
        {
            NttScalar.MatrixVector(result, matrix, vector, columns);
        }
    }

    /// <summary>result = a * b * 2^-32, coefficient by coefficient; result below q in magnitude.</summary>
    internal static void Pointwise(int* result, int* a, int* b)
    {
        if (CpuPaths.UseAvx512Lattice)
        {
            Ntt512.Pointwise(result, a, b);
        }
        else if (CpuPaths.UseAvx2)
        {
            NttAvx2.Pointwise(result, a, b);
        }
        else if (CpuPaths.UseVector128)
        {
            Ntt128.Pointwise(result, a, b);
        }
        else
        {
            NttScalar.Pointwise(result, a, b);
        }
    }

    /// <summary>Turns a polynomial sampled in FIPS 204's order into lane order, in place; its own inverse.</summary>
    internal static void ToLaneOrder(int* a)
    {
        for (int block = 0; block < N; block += 64)
        {
            for (int i = 0; i < 8; i++)
            {
                for (int j = i + 1; j < 8; j++)
                {
                    int low = block + (8 * i) + j;
                    int high = block + (8 * j) + i;
                    (a[low], a[high]) = (a[high], a[low]);
                }
            }
        }
    }
}

/// <summary>The transform on plain integers: the oracle.</summary>
internal static unsafe class NttScalar
{
    /// <summary>a * 2^-32 mod q, below q in magnitude, for |a| below 2^31 q.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Montgomery(long a)
    {
        int t = unchecked((int)a * QInverse);
        return (int)((a - ((long)t * Q)) >> 32);
    }

    internal static void Forward(int* a)
    {
        int* zetas = NttTables.Zetas;
        int m = 0;
        for (int length = 128; length >= 1; length >>= 1)
        {
            for (int start = 0; start < N; start += 2 * length)
            {
                long zeta = zetas[++m];
                for (int j = start; j < start + length; j++)
                {
                    int t = Montgomery(zeta * a[j + length]);
                    a[j + length] = a[j] - t;
                    a[j] += t;
                }
            }
        }

        Ntt.ToLaneOrder(a);
    }

    internal static void Inverse(int* a)
    {
        Ntt.ToLaneOrder(a);
        int* zetas = NttTables.Zetas;
        int m = 256;
        for (int length = 1; length <= 128; length <<= 1)
        {
            for (int start = 0; start < N; start += 2 * length)
            {
                long zeta = -zetas[--m];
                for (int j = start; j < start + length; j++)
                {
                    int t = a[j];
                    a[j] = t + a[j + length];
                    a[j + length] = Montgomery(zeta * (t - a[j + length]));
                }
            }
        }

        for (int j = 0; j < N; j++)
        {
            a[j] = Montgomery((long)Ntt.InverseScale * a[j]);
        }
    }

    internal static void MatrixVector(int* result, int* matrix, int* vector, int columns)
    {
        for (int row = 0; row < K; row++)
        {
            for (int at = 0; at < N; at++)
            {
                long sum = 0;
                for (int column = 0; column < columns; column++)
                {
                    int entry = matrix[Ntt.MatrixIndex(at / Lanes, row, column, columns) + (at % Lanes)];
                    sum += (long)entry * vector[(column * N) + at];
                }

                result[(row * N) + at] = Montgomery(sum);
            }
        }
    }

    internal static void Pointwise(int* result, int* a, int* b)
    {
        for (int i = 0; i < N; i++)
        {
            result[i] = Montgomery((long)a[i] * b[i]);
        }
    }
}
