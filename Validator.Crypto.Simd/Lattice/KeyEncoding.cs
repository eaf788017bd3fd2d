using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>Packing of what keys hold (FIPS 204, section 7.2). Used once a key, so one path serves all processors.</summary>
internal static unsafe class KeyEncoding
{
    /// <summary>t (in [0, q)) to its rounded high part, packed 10 bits each, and low part (algorithm 35).</summary>
    internal static void Power2Round(int* t, byte* packedT1, int* t0)
    {
        for (int i = 0; i < N; i += 4, packedT1 += 5)
        {
            ulong bits = 0;
            for (int j = 0; j < 4; j++)
            {
                int high = (t[i + j] + (1 << (D - 1)) - 1) >> D;
                t0[i + j] = t[i + j] - (high << D);
                bits |= (ulong)high << (10 * j);
            }

            for (int j = 0; j < 5; j++)
            {
                packedT1[j] = (byte)(bits >> (8 * j));
            }
        }
    }

    /// <summary>t1 * 2^d, negated, from its packed form.</summary>
    internal static void UnpackNegatedT1(int* result, byte* packedT1)
    {
        for (int i = 0; i < N; i += 4, packedT1 += 5)
        {
            ulong bits = 0;
            for (int j = 0; j < 5; j++)
            {
                bits |= (ulong)packedT1[j] << (8 * j);
            }

            for (int j = 0; j < 4; j++)
            {
                result[i + j] = -((int)((bits >> (10 * j)) & 1023) << D);
            }
        }
    }

    /// <summary>Coefficients in [-eta, eta], 3 bits each.</summary>
    internal static void PackEta(byte* output, int* s)
    {
        for (int i = 0; i < N; i += 8, output += 3)
        {
            uint bits = 0;
            for (int j = 0; j < 8; j++)
            {
                bits |= (uint)(Eta - s[i + j]) << (3 * j);
            }

            output[0] = (byte)bits;
            output[1] = (byte)(bits >> 8);
            output[2] = (byte)(bits >> 16);
        }
    }

    /// <summary>Undoes <see cref="PackEta"/>; false if a coefficient lies outside [-eta, eta].</summary>
    internal static bool UnpackEta(int* s, byte* input)
    {
        int outside = 0;
        for (int i = 0; i < N; i += 8, input += 3)
        {
            int bits = input[0] | (input[1] << 8) | (input[2] << 16);
            for (int j = 0; j < 8; j++)
            {
                int packed = (bits >> (3 * j)) & 7;
                outside |= (2 * Eta) - packed;
                s[i + j] = Eta - packed;
            }
        }

        return outside >= 0;
    }

    /// <summary>Coefficients in (-2^12, 2^12], 13 bits each.</summary>
    internal static void PackT0(byte* output, int* t0)
    {
        for (int i = 0; i < N; i += 8, output += 13)
        {
            UInt128 bits = 0;
            for (int j = 0; j < 8; j++)
            {
                bits |= (UInt128)(uint)((1 << (D - 1)) - t0[i + j]) << (13 * j);
            }

            for (int j = 0; j < 13; j++)
            {
                output[j] = (byte)(bits >> (8 * j));
            }
        }
    }

    /// <summary>Undoes <see cref="PackT0"/>.</summary>
    internal static void UnpackT0(int* t0, byte* input)
    {
        for (int i = 0; i < N; i += 8, input += 13)
        {
            UInt128 bits = 0;
            for (int j = 0; j < 13; j++)
            {
                bits |= (UInt128)input[j] << (8 * j);
            }

            for (int j = 0; j < 8; j++)
            {
                t0[i + j] = (1 << (D - 1)) - (int)((uint)(bits >> (13 * j)) & 0x1FFF);
            }
        }
    }
}
