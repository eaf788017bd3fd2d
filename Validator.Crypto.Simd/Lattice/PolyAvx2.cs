using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Validator.Crypto.Simd.Hashing;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>Rounding, packing and norms with AVX2; contracts are those of <see cref="PolyScalar"/> but where said.</summary>
internal static unsafe class PolyAvx2
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> High(Vector256<int> a)
    {
        Vector256<int> high = Avx2.ShiftRightLogical(Avx2.Add(a, Vector256.Create(127)), 7);
        high = Avx2.Add(Avx2.Add(high, Avx2.ShiftLeftLogical(high, 10)), Vector256.Create(1 << 21));
        return Avx2.And(Avx2.ShiftRightLogical(high, 22), Vector256.Create(15));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> AddQ(Vector256<int> a) =>
        Avx2.Add(a, Avx2.And(Avx2.ShiftRightArithmetic(a, 31), Vector256.Create(Q)));

    /// <summary>32 values below 16 to 16 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreNibbles(byte* output, Vector256<int> a, Vector256<int> b, Vector256<int> c, Vector256<int> d)
    {
        Vector256<byte> bytes = Avx2.PackUnsignedSaturate(Avx2.PackSignedSaturate(a, b), Avx2.PackSignedSaturate(c, d));
        bytes = Avx2.PermuteVar8x32(bytes.AsInt32(), Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7)).AsByte();
        Vector256<short> pairs = Avx2.MultiplyAddAdjacent(bytes, Vector256.Create((short)0x1001).AsSByte());
        Vector256<long> packed = Avx2.Permute4x64(Avx2.PackUnsignedSaturate(pairs, pairs).AsInt64(), 0x08);
        packed.GetLower().AsByte().Store(output);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void PackHigh(int* w, byte* packedHigh)
    {
        for (int i = 0; i < N; i += 32)
        {
            StoreNibbles(
                packedHigh + (i / 2),
                High(AddQ(Vector256.Load(w + i))),
                High(AddQ(Vector256.Load(w + i + 8))),
                High(AddQ(Vector256.Load(w + i + 16))),
                High(AddQ(Vector256.Load(w + i + 24))));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Split(int* w, int* low)
    {
        Vector256<int> a = AddQ(Vector256.Load(w));
        Vector256<int> high = High(a);
        Vector256<int> rest = Avx2.Subtract(a, Avx2.MultiplyLow(high, Vector256.Create(2 * Gamma2)));
        Vector256<int> wraps = Avx2.CompareGreaterThan(rest, Vector256.Create((Q - 1) / 2));
        Avx2.Subtract(rest, Avx2.And(wraps, Vector256.Create(Q))).Store(low);
        return high;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void DecomposeAndPack(int* w, int* low, byte* packedHigh)
    {
        for (int i = 0; i < N; i += 32)
        {
            StoreNibbles(
                packedHigh + (i / 2),
                Split(w + i, low + i),
                Split(w + i + 8, low + i + 8),
                Split(w + i + 16, low + i + 16),
                Split(w + i + 24, low + i + 24));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AnyAbove(Vector256<int> magnitudes, int limit) =>
        !Avx.TestZ(Avx2.CompareGreaterThan(magnitudes, Vector256.Create(limit)), Vector256<int>.AllBitsSet);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool Reaches(int* a, int bound)
    {
        Vector256<int> max0 = Vector256<int>.Zero, max1 = Vector256<int>.Zero;
        for (int i = 0; i < N; i += 16)
        {
            max0 = Avx2.Max(max0, Avx2.Abs(Vector256.Load(a + i)).AsInt32());
            max1 = Avx2.Max(max1, Avx2.Abs(Vector256.Load(a + i + 8)).AsInt32());
        }

        return AnyAbove(Avx2.Max(max0, max1), bound - 1);
    }

    /// <summary>Reads 12 bytes past the 640 of the input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool UnpackZ(int* z, byte* input)
    {
        // Eight values are 20 bytes; the upper half of the register starts at byte 8 of them.
        Vector256<byte> bytes = Vector256.Create(
            (byte)0, 1, 2, 255, 2, 3, 4, 255, 5, 6, 7, 255, 7, 8, 9, 255,
            2, 3, 4, 255, 4, 5, 6, 255, 7, 8, 9, 255, 9, 10, 11, 255);
        Vector256<uint> shifts = Vector256.Create(0u, 4, 0, 4, 0, 4, 0, 4);
        Vector256<int> mask = Vector256.Create((1 << 20) - 1), gamma1 = Vector256.Create(Gamma1);
        Vector256<int> max = Vector256<int>.Zero;
        for (int i = 0; i < N; i += Lanes, input += 20)
        {
            Vector256<byte> raw = Avx2.Permute4x64(Vector256.Load((long*)input), 0x94).AsByte();
            Vector256<int> value = Avx2.ShiftRightLogicalVariable(Avx2.Shuffle(raw, bytes).AsInt32(), shifts);
            value = Avx2.Subtract(gamma1, Avx2.And(value, mask));
            max = Avx2.Max(max, Avx2.Abs(value).AsInt32());
            value.Store(z + i);
        }

        return AnyAbove(max, Gamma1 - Beta - 1);
    }

    /// <summary>Writes 6 bytes past the 640 of the output, which must be overwritten later.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void PackZ(byte* output, int* z)
    {
        Vector256<byte> bytes = Vector256.Create(
            (byte)0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 255, 255, 255, 255, 255, 255,
            0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 255, 255, 255, 255, 255, 255);
        Vector256<uint> shifts = Vector256.Create(12u, 0, 12, 0, 12, 0, 12, 0);
        Vector256<int> gamma1 = Vector256.Create(Gamma1);
        for (int i = 0; i < N; i += Lanes, output += 20)
        {
            Vector256<int> value = Avx2.Subtract(gamma1, Vector256.Load(z + i));
            Vector256<long> pairs = Avx2.ShiftRightLogical(Avx2.ShiftLeftLogicalVariable(value, shifts).AsInt64(), 12);
            Vector256<byte> packed = Avx2.Shuffle(pairs.AsByte(), bytes);
            packed.GetLower().Store(output);
            packed.GetUpper().Store(output + 10);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Add(int* sum, int* a, int* b)
    {
        for (int i = 0; i < N; i += Lanes)
        {
            Avx2.Add(Vector256.Load(a + i), Vector256.Load(b + i)).Store(sum + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Subtract(int* difference, int* a, int* b)
    {
        for (int i = 0; i < N; i += Lanes)
        {
            Avx2.Subtract(Vector256.Load(a + i), Vector256.Load(b + i)).Store(difference + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Reduce(int* a)
    {
        Vector256<int> half = Vector256.Create(1 << 22), q = Vector256.Create(Q);
        for (int i = 0; i < N; i += Lanes)
        {
            Vector256<int> value = Vector256.Load(a + i);
            Vector256<int> multiple = Avx2.ShiftRightArithmetic(Avx2.Add(value, half), 23);
            Avx2.Subtract(value, Avx2.MultiplyLow(multiple, q)).Store(a + i);
        }
    }

    /// <summary>
    /// As <see cref="Sampling"/>'s: eight candidates at a time. One in 1,024 is dropped, so nearly all vectors are kept whole.
    /// Reads 8 bytes past the block's 168, writes 8 words past the polynomial's 256.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static int RejectUniform(int* poly, int count, byte* block)
    {
        // The upper half of the register starts at byte 8 of the 24.
        Vector256<byte> bytes = Vector256.Create(
            (byte)0, 1, 2, 255, 3, 4, 5, 255, 6, 7, 8, 255, 9, 10, 11, 255,
            4, 5, 6, 255, 7, 8, 9, 255, 10, 11, 12, 255, 13, 14, 15, 255);
        Vector256<int> mask = Vector256.Create((1 << 23) - 1), q = Vector256.Create(Q);
        for (byte* end = block + Shake.Rate128; block < end && count < N; block += 24)
        {
            Vector256<byte> raw = Avx2.Permute4x64(Vector256.Load((long*)block), 0x94).AsByte();
            Vector256<int> value = Avx2.And(Avx2.Shuffle(raw, bytes).AsInt32(), mask);
            int* at = poly + count;
            value.Store(at);
            int kept = Avx.MoveMask(Avx2.CompareGreaterThan(q, value).AsSingle());
            if (kept == 255)
            {
                count += Lanes;
                continue;
            }

            for (; kept != 0; kept &= kept - 1)
            {
                poly[count++] = at[BitOperations.TrailingZeroCount(kept)];
            }
        }

        return count;
    }

    /// <summary>As <see cref="KeyEncoding.UnpackNegatedT1"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void UnpackNegatedT1(int* result, byte* packedT1)
    {
        // Eight values are 10 bytes: bytes 0 to 7 in the first half of each register half, 2 to 9 in the second.
        Vector256<byte> bytes = Vector256.Create(
            (byte)0, 1, 255, 255, 1, 2, 255, 255, 2, 3, 255, 255, 3, 4, 255, 255,
            11, 12, 255, 255, 12, 13, 255, 255, 13, 14, 255, 255, 14, 15, 255, 255);
        Vector256<uint> shifts = Vector256.Create(0u, 2, 4, 6, 0, 2, 4, 6);
        Vector256<int> mask = Vector256.Create(1023);
        for (int i = 0; i < N; i += Lanes, packedT1 += 10)
        {
            Vector128<ulong> raw = Vector128.Create(
                Unsafe.ReadUnaligned<ulong>(packedT1), Unsafe.ReadUnaligned<ulong>(packedT1 + 2));
            Vector256<byte> both = Vector256.Create(raw, raw).AsByte();
            Vector256<int> value = Avx2.And(Avx2.ShiftRightLogicalVariable(Avx2.Shuffle(both, bytes).AsInt32(), shifts), mask);
            Avx2.Subtract(Vector256<int>.Zero, Avx2.ShiftLeftLogical(value, D)).Store(result + i);
        }
    }

    /// <summary>As <see cref="PolyScalar.Freeze"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Freeze(int* a)
    {
        Reduce(a);
        for (int i = 0; i < N; i += Lanes)
        {
            AddQ(Vector256.Load(a + i)).Store(a + i);
        }
    }

    /// <summary>The hint is part of the signature, so its positions are no secret.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static int MakeHint(byte* positions, int* low, byte* packedHigh)
    {
        Vector256<int> above = Vector256.Create(Gamma2), below = Vector256.Create(-Gamma2);
        int count = 0;
        for (int i = 0; i < N; i += Lanes)
        {
            Vector256<int> value = Vector256.Load(low + i);
            Vector256<int> outside = Avx2.Or(Avx2.CompareGreaterThan(value, above), Avx2.CompareGreaterThan(below, value));
            uint changes = (uint)Avx.MoveMask(outside.AsSingle());
            uint edge = (uint)Avx.MoveMask(Avx2.CompareEqual(value, below).AsSingle());
            for (; edge != 0; edge &= edge - 1)
            {
                int lane = BitOperations.TrailingZeroCount(edge);
                int high = (packedHigh[(i + lane) / 2] >> (4 * (lane & 1))) & 15;
                changes |= (high != 0 ? 1u : 0) << lane;
            }

            for (; changes != 0; changes &= changes - 1)
            {
                positions[count++] = (byte)(i + BitOperations.TrailingZeroCount(changes));
            }
        }

        return count;
    }
}
