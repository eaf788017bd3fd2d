using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>The hint as a signature holds it: positions in rising order, polynomial by polynomial, then running counts.</summary>
internal static unsafe class Hint
{
    /// <summary>
    /// The checks of HintBitUnpack (FIPS 204, algorithm 21): counts do not fall or pass omega, positions of one polynomial
    /// rise strictly, unused bytes are zero. Each hint so has one encoding.
    /// </summary>
    internal static bool IsWellFormed(byte* hint)
    {
        int index = 0;
        for (int i = 0; i < K; i++)
        {
            int end = hint[Omega + i];
            if (end < index || end > Omega)
            {
                return false;
            }

            for (int j = index + 1; j < end; j++)
            {
                if (hint[j - 1] >= hint[j])
                {
                    return false;
                }
            }

            index = end;
        }

        for (; index < Omega; index++)
        {
            if (hint[index] != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// UseHint (algorithm 40) on the packed high parts of polynomial <paramref name="row"/>: at each hinted position the high
    /// part moves by one, towards the side of the low part. The hint is well formed.
    /// </summary>
    internal static void Apply(byte* hint, int row, int* w, byte* packedHigh)
    {
        int end = hint[Omega + row];
        for (int i = row == 0 ? 0 : hint[Omega + row - 1]; i < end; i++)
        {
            int position = hint[i];
            int high = PolyScalar.Decompose(PolyScalar.AddQ(w[position]), out int low);
            high = (low > 0 ? high + 1 : high - 1) & 15;
            int shift = 4 * (position & 1);
            byte* target = packedHigh + (position / 2);
            *target = (byte)((*target & ~(15 << shift)) | (high << shift));
        }
    }
}
