using System.Runtime.InteropServices;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>
/// Powers of the root of unity 1753 in Montgomery form (FIPS 204, appendix B, times 2^32 mod q), with their products
/// with q^-1. Built once, in native memory that lives as long as the process.
/// </summary>
internal static unsafe class NttTables
{
    /// <summary>zetas[m], m = 1..255, centred, in Montgomery form.</summary>
    internal static readonly int* Zetas = BuildZetas();

    /// <summary>zetas[m] * q^-1 mod 2^32.</summary>
    internal static readonly int* ZetasQInverse = BuildTimesQInverse(Zetas, N);

    /// <summary>
    /// For each block of 64 coefficients the twiddles of the last three layers as vectors of eight: one for distance 4, two
    /// for distance 2, four for distance 1 (see <see cref="Ntt"/> for the order they meet).
    /// </summary>
    internal static readonly int* BlockZetas = BuildBlockZetas(inverse: false);

    /// <summary>BlockZetas * q^-1 mod 2^32.</summary>
    internal static readonly int* BlockZetasQInverse = BuildTimesQInverse(BlockZetas, 4 * BlockWords);

    /// <summary>As <see cref="BlockZetas"/>, for the inverse transform; the sign is the butterfly's.</summary>
    internal static readonly int* InverseBlockZetas = BuildBlockZetas(inverse: true);

    /// <summary>InverseBlockZetas * q^-1 mod 2^32.</summary>
    internal static readonly int* InverseBlockZetasQInverse = BuildTimesQInverse(InverseBlockZetas, 4 * BlockWords);

    /// <summary>Words of <see cref="BlockZetas"/> for one block.</summary>
    internal const int BlockWords = 7 * Lanes;

    private static int* BuildZetas()
    {
        int* table = Allocate(N);
        long power = 1;
        long[] powers = new long[N];
        for (int i = 0; i < N; i++)
        {
            powers[i] = power;
            power = power * 1753 % Q;
        }

        for (int m = 0; m < N; m++)
        {
            int reversed = 0;
            for (int bit = 0; bit < 8; bit++)
            {
                reversed |= ((m >> bit) & 1) << (7 - bit);
            }

            long value = (powers[reversed] << 32) % Q;
            table[m] = (int)(value > Q / 2 ? value - Q : value);
        }

        return table;
    }

    private static int* BuildBlockZetas(bool inverse)
    {
        int* table = Allocate(4 * BlockWords);
        for (int block = 0; block < 4; block++)
        {
            int* at = table + (block * BlockWords);
            for (int lane = 0; lane < Lanes; lane++)
            {
                at[lane] = Twiddle(32, (8 * block) + lane, inverse);
                for (int half = 0; half < 2; half++)
                {
                    at[(Lanes * (1 + half)) + lane] = Twiddle(64, (16 * block) + (2 * lane) + half, inverse);
                }

                for (int quarter = 0; quarter < 4; quarter++)
                {
                    at[(Lanes * (3 + quarter)) + lane] = Twiddle(128, (32 * block) + (4 * lane) + quarter, inverse);
                }
            }
        }

        return table;
    }

    /// <summary>The inverse transform walks each layer's twiddles backwards (FIPS 204, algorithm 42).</summary>
    private static int Twiddle(int groups, int group, bool inverse) =>
        Zetas[inverse ? (2 * groups) - 1 - group : groups + group];

    private static int* BuildTimesQInverse(int* source, int count)
    {
        int* table = Allocate(count);
        for (int i = 0; i < count; i++)
        {
            table[i] = unchecked(source[i] * QInverse);
        }

        return table;
    }

    private static int* Allocate(int words) => (int*)NativeMemory.AlignedAlloc((nuint)words * sizeof(int), 64);
}
