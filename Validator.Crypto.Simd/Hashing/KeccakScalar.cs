using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>
/// The permutation Keccak-f[1600] on plain 64-bit integers (FIPS 202, section 3): the oracle of the vector kernels.
/// </summary>
internal static unsafe class KeccakScalar
{
    /// <summary>Round constants (FIPS 202, section 3.2.5), in native memory that lives as long as the process.</summary>
    internal static readonly ulong* RoundConstants = Copy(
    [
        0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000,
        0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
        0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
        0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
        0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
        0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
    ]);

    /// <summary>Permutes 25 lanes in place.</summary>
    internal static void Permute(ulong* s) => Rounds(s, RoundConstants);

    private static ulong* Copy(ReadOnlySpan<ulong> values)
    {
        ulong* table = (ulong*)NativeMemory.AlignedAlloc((nuint)values.Length * sizeof(ulong), 64);
        values.CopyTo(new Span<ulong>(table, values.Length));
        return table;
    }

    // In place on 25 locals: theta, then rho and pi backwards along pi's one cycle, then chi a row at a time.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rounds(ulong* s, ulong* constants)
    {
        ulong a0 = s[0], a1 = s[1], a2 = s[2], a3 = s[3], a4 = s[4];
        ulong a5 = s[5], a6 = s[6], a7 = s[7], a8 = s[8], a9 = s[9];
        ulong a10 = s[10], a11 = s[11], a12 = s[12], a13 = s[13], a14 = s[14];
        ulong a15 = s[15], a16 = s[16], a17 = s[17], a18 = s[18], a19 = s[19];
        ulong a20 = s[20], a21 = s[21], a22 = s[22], a23 = s[23], a24 = s[24];
        for (int round = 0; round < 24; round++)
        {
            ulong c0 = a0 ^ a5 ^ a10 ^ a15 ^ a20;
            ulong c1 = a1 ^ a6 ^ a11 ^ a16 ^ a21;
            ulong c2 = a2 ^ a7 ^ a12 ^ a17 ^ a22;
            ulong c3 = a3 ^ a8 ^ a13 ^ a18 ^ a23;
            ulong c4 = a4 ^ a9 ^ a14 ^ a19 ^ a24;
            ulong d = c4 ^ BitOperations.RotateLeft(c1, 1);
            a0 ^= d;
            a5 ^= d;
            a10 ^= d;
            a15 ^= d;
            a20 ^= d;
            d = c0 ^ BitOperations.RotateLeft(c2, 1);
            a1 ^= d;
            a6 ^= d;
            a11 ^= d;
            a16 ^= d;
            a21 ^= d;
            d = c1 ^ BitOperations.RotateLeft(c3, 1);
            a2 ^= d;
            a7 ^= d;
            a12 ^= d;
            a17 ^= d;
            a22 ^= d;
            d = c2 ^ BitOperations.RotateLeft(c4, 1);
            a3 ^= d;
            a8 ^= d;
            a13 ^= d;
            a18 ^= d;
            a23 ^= d;
            d = c3 ^ BitOperations.RotateLeft(c0, 1);
            a4 ^= d;
            a9 ^= d;
            a14 ^= d;
            a19 ^= d;
            a24 ^= d;

            ulong t = a1;
            a1 = BitOperations.RotateLeft(a6, 44);
            a6 = BitOperations.RotateLeft(a9, 20);
            a9 = BitOperations.RotateLeft(a22, 61);
            a22 = BitOperations.RotateLeft(a14, 39);
            a14 = BitOperations.RotateLeft(a20, 18);
            a20 = BitOperations.RotateLeft(a2, 62);
            a2 = BitOperations.RotateLeft(a12, 43);
            a12 = BitOperations.RotateLeft(a13, 25);
            a13 = BitOperations.RotateLeft(a19, 8);
            a19 = BitOperations.RotateLeft(a23, 56);
            a23 = BitOperations.RotateLeft(a15, 41);
            a15 = BitOperations.RotateLeft(a4, 27);
            a4 = BitOperations.RotateLeft(a24, 14);
            a24 = BitOperations.RotateLeft(a21, 2);
            a21 = BitOperations.RotateLeft(a8, 55);
            a8 = BitOperations.RotateLeft(a16, 45);
            a16 = BitOperations.RotateLeft(a5, 36);
            a5 = BitOperations.RotateLeft(a3, 28);
            a3 = BitOperations.RotateLeft(a18, 21);
            a18 = BitOperations.RotateLeft(a17, 15);
            a17 = BitOperations.RotateLeft(a11, 10);
            a11 = BitOperations.RotateLeft(a7, 6);
            a7 = BitOperations.RotateLeft(a10, 3);
            a10 = BitOperations.RotateLeft(t, 1);

            ulong b0, b1;
            b0 = a0;
            b1 = a1;
            a0 = b0 ^ (~b1 & a2);
            a1 = b1 ^ (~a2 & a3);
            a2 = a2 ^ (~a3 & a4);
            a3 = a3 ^ (~a4 & b0);
            a4 = a4 ^ (~b0 & b1);
            b0 = a5;
            b1 = a6;
            a5 = b0 ^ (~b1 & a7);
            a6 = b1 ^ (~a7 & a8);
            a7 = a7 ^ (~a8 & a9);
            a8 = a8 ^ (~a9 & b0);
            a9 = a9 ^ (~b0 & b1);
            b0 = a10;
            b1 = a11;
            a10 = b0 ^ (~b1 & a12);
            a11 = b1 ^ (~a12 & a13);
            a12 = a12 ^ (~a13 & a14);
            a13 = a13 ^ (~a14 & b0);
            a14 = a14 ^ (~b0 & b1);
            b0 = a15;
            b1 = a16;
            a15 = b0 ^ (~b1 & a17);
            a16 = b1 ^ (~a17 & a18);
            a17 = a17 ^ (~a18 & a19);
            a18 = a18 ^ (~a19 & b0);
            a19 = a19 ^ (~b0 & b1);
            b0 = a20;
            b1 = a21;
            a20 = b0 ^ (~b1 & a22);
            a21 = b1 ^ (~a22 & a23);
            a22 = a22 ^ (~a23 & a24);
            a23 = a23 ^ (~a24 & b0);
            a24 = a24 ^ (~b0 & b1);

            a0 ^= constants[round];
        }

        s[0] = a0;
        s[1] = a1;
        s[2] = a2;
        s[3] = a3;
        s[4] = a4;
        s[5] = a5;
        s[6] = a6;
        s[7] = a7;
        s[8] = a8;
        s[9] = a9;
        s[10] = a10;
        s[11] = a11;
        s[12] = a12;
        s[13] = a13;
        s[14] = a14;
        s[15] = a15;
        s[16] = a16;
        s[17] = a17;
        s[18] = a18;
        s[19] = a19;
        s[20] = a20;
        s[21] = a21;
        s[22] = a22;
        s[23] = a23;
        s[24] = a24;
    }
}
