using System.Runtime.CompilerServices;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>
/// Rounding, packing and norms of polynomials of 256 coefficients on plain integers (FIPS 204, sections 7.1 and 7.4): the
/// oracle of the vector kernels. Nothing here branches on, or indexes by, a coefficient, except to return a verdict.
/// </summary>
internal static unsafe class PolyScalar
{
    /// <summary>a below q in magnitude to [0, q).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int AddQ(int a) => a + ((a >> 31) & Q);

    /// <summary>
    /// Decompose (algorithm 36) of a in [0, q): high part in [0, 16), low part in (-gamma2, gamma2], or -gamma2 where the
    /// high part wraps to 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Decompose(int a, out int low)
    {
        // Round a / (2 gamma2) by a 2^-22 fixed-point reciprocal, exact over [0, q).
        int high = (a + 127) >> 7;
        high = ((high * 1025) + (1 << 21)) >> 22;
        high &= 15;
        low = a - (high * 2 * Gamma2);
        low -= (((Q - 1) / 2 - low) >> 31) & Q;
        return high;
    }

    /// <summary>Splits w, below q in magnitude, into low parts and packed high parts (4 bits each, 128 bytes).</summary>
    internal static void DecomposeAndPack(int* w, int* low, byte* packedHigh)
    {
        for (int i = 0; i < N; i += 2)
        {
            int first = Decompose(AddQ(w[i]), out int low0);
            int second = Decompose(AddQ(w[i + 1]), out int low1);
            low[i] = low0;
            low[i + 1] = low1;
            packedHigh[i / 2] = (byte)(first | (second << 4));
        }
    }

    /// <summary>The packed high parts alone.</summary>
    internal static void PackHigh(int* w, byte* packedHigh)
    {
        for (int i = 0; i < N; i += 2)
        {
            packedHigh[i / 2] = (byte)(Decompose(AddQ(w[i]), out _) | (Decompose(AddQ(w[i + 1]), out _) << 4));
        }
    }

    /// <summary>True if some coefficient reaches <paramref name="bound"/> in magnitude; coefficients are centred.</summary>
    internal static bool Reaches(int* a, int bound)
    {
        int reached = 0;
        for (int i = 0; i < N; i++)
        {
            // By the sign's mask: a branch here would tell the sign of a secret's share.
            int sign = a[i] >> 31;
            reached |= bound - 1 - ((a[i] ^ sign) - sign);
        }

        return reached < 0;
    }

    /// <summary>
    /// z from 20 bits a coefficient (algorithm 19); true if some coefficient reaches gamma1 - beta, which no valid
    /// signature has.
    /// </summary>
    internal static bool UnpackZ(int* z, byte* input)
    {
        for (int i = 0; i < N; i += 2, input += 5)
        {
            int first = input[0] | (input[1] << 8) | ((input[2] & 15) << 16);
            int second = (input[2] >> 4) | (input[3] << 4) | (input[4] << 12);
            z[i] = Gamma1 - first;
            z[i + 1] = Gamma1 - second;
        }

        return Reaches(z, Gamma1 - Beta);
    }

    /// <summary>z, within (-gamma1, gamma1], to 20 bits a coefficient (algorithm 17).</summary>
    internal static void PackZ(byte* output, int* z)
    {
        for (int i = 0; i < N; i += 2, output += 5)
        {
            uint first = (uint)(Gamma1 - z[i]);
            uint second = (uint)(Gamma1 - z[i + 1]);
            output[0] = (byte)first;
            output[1] = (byte)(first >> 8);
            output[2] = (byte)((first >> 16) | (second << 4));
            output[3] = (byte)(second >> 4);
            output[4] = (byte)(second >> 12);
        }
    }

    /// <summary>sum = a + b.</summary>
    internal static void Add(int* sum, int* a, int* b)
    {
        for (int i = 0; i < N; i++)
        {
            sum[i] = a[i] + b[i];
        }
    }

    /// <summary>difference = a - b.</summary>
    internal static void Subtract(int* difference, int* a, int* b)
    {
        for (int i = 0; i < N; i++)
        {
            difference[i] = a[i] - b[i];
        }
    }

    /// <summary>a, below 2^31 - 2^22 in magnitude, to about (-q/2, q/2).</summary>
    internal static void Reduce(int* a)
    {
        for (int i = 0; i < N; i++)
        {
            // 2^23 = q + 8191: subtracting the rounded multiple of 2^23 times q leaves at most 6,283,008 in magnitude.
            int multiple = (a[i] + (1 << 22)) >> 23;
            a[i] -= multiple * Q;
        }
    }

    /// <summary>a, below 2^31 - 2^22 in magnitude, to [0, q).</summary>
    internal static void Freeze(int* a)
    {
        Reduce(a);
        for (int i = 0; i < N; i++)
        {
            a[i] = AddQ(a[i]);
        }
    }

    /// <summary>
    /// Positions where adding c t0 to w - c s2 changes the high part (algorithm 39), from the low parts after the addition
    /// and the high parts before; writes their indices from <paramref name="positions"/> and returns how many, at most 256.
    /// </summary>
    internal static int MakeHint(byte* positions, int* low, byte* packedHigh)
    {
        int count = 0;
        for (int i = 0; i < N; i++)
        {
            int high = (packedHigh[i / 2] >> (4 * (i & 1))) & 15;
            // Masks: which of the conditions held is not part of the signature.
            int outside = ((Gamma2 - low[i]) | (low[i] + Gamma2)) >> 31;
            int fromEdge = low[i] + Gamma2;
            int atEdge = ~((fromEdge | -fromEdge) >> 31) & (-high >> 31);
            positions[count] = (byte)i;
            count -= outside | atEdge;
        }

        return count;
    }
}
