using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>Two groups of eight coefficients with AVX-512.</summary>
internal readonly unsafe struct LaneOps512 : ILaneOps<Vector512<int>, Vector512<long>>
{
    public static int Count => 16;

    public static int Groups => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Create(int value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Create(int* p, int step) => Join(Vector256.Create(*p), Vector256.Create(p[step]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Load(int* p) => Vector512.Load(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Load(int* p, int distance) => Join(Vector256.Load(p), Vector256.Load(p + distance));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* p, Vector512<int> v) => v.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* p, int distance, Vector512<int> v)
    {
        v.GetLower().Store(p);
        Avx512F.ExtractVector256(v, 1).Store(p + distance);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Odd(Vector512<int> v) => Avx512F.DuplicateOddIndexed(v.AsSingle()).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<long> MultiplyEven(Vector512<int> a, Vector512<int> b) => Avx512F.Multiply(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<long> MultiplyOdd(Vector512<int> a, Vector512<int> bOdd) => Avx512F.Multiply(Odd(a), bOdd);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<long> AddWide(Vector512<long> a, Vector512<long> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<long> SubtractWide(Vector512<long> a, Vector512<long> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> HighWords(Vector512<long> even, Vector512<long> odd) => Avx512F.PermuteVar16x32x2(
        even.AsInt32(), Vector512.Create(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31), odd.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> LowWords(Vector512<long> even, Vector512<long> odd) => Avx512F.PermuteVar16x32x2(
        even.AsInt32(), Vector512.Create(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30), odd.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> MultiplyLow(Vector512<int> a, Vector512<int> b) => Avx512F.MultiplyLow(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Add(Vector512<int> a, Vector512<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Subtract(Vector512<int> a, Vector512<int> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> And(Vector512<int> a, Vector512<int> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> ShiftLeft(Vector512<int> a, [ConstantExpected] byte n) => Avx512F.ShiftLeftLogical(a, n);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> ShiftRightLogical(Vector512<int> a, [ConstantExpected] byte n) => Avx512F.ShiftRightLogical(a, n);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> ShiftRightArithmetic(Vector512<int> a, [ConstantExpected] byte n) => Avx512F.ShiftRightArithmetic(a, n);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> GreaterThan(Vector512<int> a, Vector512<int> b) => Vector512.GreaterThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Equal(Vector512<int> a, Vector512<int> b) => Vector512.Equals(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Max(Vector512<int> a, Vector512<int> b) => Avx512F.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Abs(Vector512<int> a) => Avx512F.Abs(a).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Signs(Vector512<int> a) => (uint)a.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(
        ref Vector512<int> r0, ref Vector512<int> r1, ref Vector512<int> r2, ref Vector512<int> r3,
        ref Vector512<int> r4, ref Vector512<int> r5, ref Vector512<int> r6, ref Vector512<int> r7)
    {
        Vector512<long> a0 = Avx512F.UnpackLow(r0, r1).AsInt64(), a1 = Avx512F.UnpackHigh(r0, r1).AsInt64();
        Vector512<long> a2 = Avx512F.UnpackLow(r2, r3).AsInt64(), a3 = Avx512F.UnpackHigh(r2, r3).AsInt64();
        Vector512<long> a4 = Avx512F.UnpackLow(r4, r5).AsInt64(), a5 = Avx512F.UnpackHigh(r4, r5).AsInt64();
        Vector512<long> a6 = Avx512F.UnpackLow(r6, r7).AsInt64(), a7 = Avx512F.UnpackHigh(r6, r7).AsInt64();
        Vector512<long> b0 = Avx512F.UnpackLow(a0, a2), b1 = Avx512F.UnpackHigh(a0, a2);
        Vector512<long> b2 = Avx512F.UnpackLow(a1, a3), b3 = Avx512F.UnpackHigh(a1, a3);
        Vector512<long> b4 = Avx512F.UnpackLow(a4, a6), b5 = Avx512F.UnpackHigh(a4, a6);
        Vector512<long> b6 = Avx512F.UnpackLow(a5, a7), b7 = Avx512F.UnpackHigh(a5, a7);
        Vector512<long> lower = Vector512.Create(0L, 1, 8, 9, 4, 5, 12, 13), upper = Vector512.Create(2L, 3, 10, 11, 6, 7, 14, 15);
        r0 = Avx512F.PermuteVar8x64x2(b0, lower, b4).AsInt32();
        r1 = Avx512F.PermuteVar8x64x2(b1, lower, b5).AsInt32();
        r2 = Avx512F.PermuteVar8x64x2(b2, lower, b6).AsInt32();
        r3 = Avx512F.PermuteVar8x64x2(b3, lower, b7).AsInt32();
        r4 = Avx512F.PermuteVar8x64x2(b0, upper, b4).AsInt32();
        r5 = Avx512F.PermuteVar8x64x2(b1, upper, b5).AsInt32();
        r6 = Avx512F.PermuteVar8x64x2(b2, upper, b6).AsInt32();
        r7 = Avx512F.PermuteVar8x64x2(b3, upper, b7).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNibbles(byte* output, Vector512<int> a, Vector512<int> b, Vector512<int> c, Vector512<int> d)
    {
        Nibbles(output, a);
        Nibbles(output + 8, b);
        Nibbles(output + 16, c);
        Nibbles(output + 24, d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Join(Vector256<int> lower, Vector256<int> upper) =>
        Avx512F.InsertVector256(lower.ToVector512Unsafe(), upper, 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Nibbles(byte* output, Vector512<int> v)
    {
        Vector512<ulong> pairs = v.AsUInt64() | (v.AsUInt64() >>> 28);
        Avx512F.ConvertToVector128Byte(pairs).GetLower().Store(output);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Load20(byte* input)
    {
        // A group is 20 bytes; the upper half of its register starts at byte 8 of them.
        Vector512<int> raw = Load((int*)input, 5);
        Vector512<byte> spread = Avx512F.Permute4x64(raw.AsInt64(), 0x94).AsByte();
        Vector512<byte> bytes = Vector512.Create(
            (byte)0, 1, 2, 255, 2, 3, 4, 255, 5, 6, 7, 255, 7, 8, 9, 255,
            2, 3, 4, 255, 4, 5, 6, 255, 7, 8, 9, 255, 9, 10, 11, 255,
            0, 1, 2, 255, 2, 3, 4, 255, 5, 6, 7, 255, 7, 8, 9, 255,
            2, 3, 4, 255, 4, 5, 6, 255, 7, 8, 9, 255, 9, 10, 11, 255);
        Vector512<int> values = Avx512BW.Shuffle(spread, bytes).AsInt32();
        values = Avx512F.ShiftRightLogicalVariable(values, Vector512.Create(4UL << 32).AsUInt32());
        return values & Create((1 << 20) - 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store20(byte* output, Vector512<int> v)
    {
        Vector512<ulong> pairs = Avx512F.ShiftLeftLogicalVariable(v, Vector512.Create(12UL).AsUInt32()).AsUInt64() >>> 12;
        Vector512<byte> bytes = Vector512.Create(
            (byte)0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 255, 255, 255, 255, 255, 255,
            0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 255, 255, 255, 255, 255, 255,
            0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 255, 255, 255, 255, 255, 255,
            0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 255, 255, 255, 255, 255, 255);
        Vector512<byte> packed = Avx512BW.Shuffle(pairs.AsByte(), bytes);
        Avx512F.ExtractVector128(packed, 0).Store(output);
        Avx512F.ExtractVector128(packed, 1).Store(output + 10);
        Avx512F.ExtractVector128(packed, 2).Store(output + 20);
        Avx512F.ExtractVector128(packed, 3).Store(output + 30);
    }
}
