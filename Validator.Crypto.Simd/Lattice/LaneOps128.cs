using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>Two 128-bit vectors as one.</summary>
internal readonly record struct Pair<E>(Vector128<E> Low, Vector128<E> High);

/// <summary>
/// A group of eight coefficients in two 128-bit vectors: for AArch64. Only the products, their words and the interleaving name
/// instructions; all else is portable, so that x86-64 runs it too.
/// </summary>
internal readonly unsafe struct LaneOps128 : ILaneOps<Pair<int>, Pair<long>>
{
    public static int Count => 8;

    public static int Groups => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> Create(int value) => new(Vector128.Create(value), Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> Create(int* p, int step) => Create(*p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> Load(int* p) => new(Vector128.Load(p), Vector128.Load(p + 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> Load(int* p, int distance) => Load(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* p, Pair<int> v)
    {
        v.Low.Store(p);
        v.High.Store(p + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* p, int distance, Pair<int> v) => Store(p, v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> Odd(Pair<int> v) => new(Odd(v.Low), Odd(v.High));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<long> MultiplyEven(Pair<int> a, Pair<int> b) => new(MultiplyEven(a.Low, b.Low), MultiplyEven(a.High, b.High));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<long> MultiplyOdd(Pair<int> a, Pair<int> bOdd) => new(MultiplyOdd(a.Low, bOdd.Low), MultiplyOdd(a.High, bOdd.High));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<long> AddWide(Pair<long> a, Pair<long> b) => new(a.Low + b.Low, a.High + b.High);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<long> SubtractWide(Pair<long> a, Pair<long> b) => new(a.Low - b.Low, a.High - b.High);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> HighWords(Pair<long> even, Pair<long> odd) => new(HighWords(even.Low, odd.Low), HighWords(even.High, odd.High));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> LowWords(Pair<long> even, Pair<long> odd) => new(LowWords(even.Low, odd.Low), LowWords(even.High, odd.High));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> MultiplyLow(Pair<int> a, Pair<int> b) => new(a.Low * b.Low, a.High * b.High);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> Add(Pair<int> a, Pair<int> b) => new(a.Low + b.Low, a.High + b.High);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> Subtract(Pair<int> a, Pair<int> b) => new(a.Low - b.Low, a.High - b.High);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> And(Pair<int> a, Pair<int> b) => new(a.Low & b.Low, a.High & b.High);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> ShiftLeft(Pair<int> a, [ConstantExpected] byte n) => new(a.Low << n, a.High << n);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> ShiftRightLogical(Pair<int> a, [ConstantExpected] byte n) => new(a.Low >>> n, a.High >>> n);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> ShiftRightArithmetic(Pair<int> a, [ConstantExpected] byte n) => new(a.Low >> n, a.High >> n);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> GreaterThan(Pair<int> a, Pair<int> b) => new(Vector128.GreaterThan(a.Low, b.Low), Vector128.GreaterThan(a.High, b.High));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> Equal(Pair<int> a, Pair<int> b) => new(Vector128.Equals(a.Low, b.Low), Vector128.Equals(a.High, b.High));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> Max(Pair<int> a, Pair<int> b) => new(Vector128.Max(a.Low, b.Low), Vector128.Max(a.High, b.High));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> Abs(Pair<int> a) => new(Vector128.Abs(a.Low), Vector128.Abs(a.High));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Signs(Pair<int> a) => a.Low.ExtractMostSignificantBits() | (a.High.ExtractMostSignificantBits() << 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(
        ref Pair<int> r0, ref Pair<int> r1, ref Pair<int> r2, ref Pair<int> r3, ref Pair<int> r4, ref Pair<int> r5, ref Pair<int> r6, ref Pair<int> r7)
    {
        Transpose4(r0.Low, r1.Low, r2.Low, r3.Low, out var a0, out var a1, out var a2, out var a3);
        Transpose4(r4.Low, r5.Low, r6.Low, r7.Low, out var b0, out var b1, out var b2, out var b3);
        Transpose4(r0.High, r1.High, r2.High, r3.High, out var c0, out var c1, out var c2, out var c3);
        Transpose4(r4.High, r5.High, r6.High, r7.High, out var d0, out var d1, out var d2, out var d3);
        (r0, r1, r2, r3) = (new(a0, b0), new(a1, b1), new(a2, b2), new(a3, b3));
        (r4, r5, r6, r7) = (new(c0, d0), new(c1, d1), new(c2, d2), new(c3, d3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNibbles(byte* output, Pair<int> a, Pair<int> b, Pair<int> c, Pair<int> d) =>
        Vector128.Narrow(Nibbles(a, b), Nibbles(c, d)).Store(output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<int> Load20(byte* input) => new(Load20x4(input), Load20x4(input + 10));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store20(byte* output, Pair<int> v)
    {
        Store20x4(output, v.Low);
        Store20x4(output + 10, v.High);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ushort> Nibbles(Pair<int> a, Pair<int> b)
    {
        Vector128<ushort> bytes = Vector128.Narrow(
            Vector128.Narrow(a.Low, a.High).AsUInt16(), Vector128.Narrow(b.Low, b.High).AsUInt16()).AsUInt16();
        return (bytes | (bytes >>> 4)) & Vector128.Create((ushort)0xFF);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Load20x4(byte* input)
    {
        Vector128<byte> bytes = Vector128.Create((byte)0, 1, 2, 255, 2, 3, 4, 255, 5, 6, 7, 255, 7, 8, 9, 255);
        Vector128<int> values = Vector128.Shuffle(Vector128.Load(input), bytes).AsInt32();
        return Vector128.ConditionalSelect(
            Vector128.Create(-1, 0, -1, 0), values & Vector128.Create((1 << 20) - 1), values >>> 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store20x4(byte* output, Vector128<int> v)
    {
        Vector128<ulong> pairs = (v * Vector128.Create(1 << 12, 1, 1 << 12, 1)).AsUInt64() >>> 12;
        Vector128<byte> bytes = Vector128.Create((byte)0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 255, 255, 255, 255, 255, 255);
        Vector128.Shuffle(pairs.AsByte(), bytes).Store(output);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4(
        Vector128<int> r0, Vector128<int> r1, Vector128<int> r2, Vector128<int> r3,
        out Vector128<int> t0, out Vector128<int> t1, out Vector128<int> t2, out Vector128<int> t3)
    {
        Vector128<long> a = ZipLow(r0, r1).AsInt64(), b = ZipLow(r2, r3).AsInt64();
        Vector128<long> c = ZipHigh(r0, r1).AsInt64(), d = ZipHigh(r2, r3).AsInt64();
        t0 = Vector128.Create(a.GetLower(), b.GetLower()).AsInt32();
        t1 = Vector128.Create(a.GetUpper(), b.GetUpper()).AsInt32();
        t2 = Vector128.Create(c.GetLower(), d.GetLower()).AsInt32();
        t3 = Vector128.Create(c.GetUpper(), d.GetUpper()).AsInt32();
    }

    // What follows names instructions: on AArch64 "even" is the lower half, on x86-64 lanes 0 and 2.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Odd(Vector128<int> v) => AdvSimd.Arm64.IsSupported ? v : Vector128.Shuffle(v, Vector128.Create(1, 1, 3, 3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<long> MultiplyEven(Vector128<int> a, Vector128<int> b)
    {
        if (AdvSimd.Arm64.IsSupported)
        {
            return AdvSimd.MultiplyWideningLower(a.GetLower(), b.GetLower());
        }

        return Sse41.IsSupported
            ? Sse41.Multiply(a, b)
            : Vector128.Create((long)a[0] * b[0], (long)a[2] * b[2]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<long> MultiplyOdd(Vector128<int> a, Vector128<int> bOdd) =>
        AdvSimd.Arm64.IsSupported ? AdvSimd.MultiplyWideningUpper(a, bOdd) : MultiplyEven(Odd(a), bOdd);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> HighWords(Vector128<long> even, Vector128<long> odd) => AdvSimd.Arm64.IsSupported
        ? AdvSimd.Arm64.UnzipOdd(even.AsInt32(), odd.AsInt32())
        : Vector128.ConditionalSelect(Vector128.Create(-1, 0, -1, 0), (even >>> 32).AsInt32(), odd.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> LowWords(Vector128<long> even, Vector128<long> odd) => AdvSimd.Arm64.IsSupported
        ? AdvSimd.Arm64.UnzipEven(even.AsInt32(), odd.AsInt32())
        : Vector128.ConditionalSelect(Vector128.Create(-1, 0, -1, 0), even.AsInt32(), (odd << 32).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> ZipLow(Vector128<int> a, Vector128<int> b)
    {
        if (AdvSimd.Arm64.IsSupported)
        {
            return AdvSimd.Arm64.ZipLow(a, b);
        }

        return Sse41.IsSupported
            ? Sse2.UnpackLow(a, b)
            : Vector128.Create(a[0], b[0], a[1], b[1]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> ZipHigh(Vector128<int> a, Vector128<int> b)
    {
        if (AdvSimd.Arm64.IsSupported)
        {
            return AdvSimd.Arm64.ZipHigh(a, b);
        }

        return Sse41.IsSupported
            ? Sse2.UnpackHigh(a, b)
            : Vector128.Create(a[2], b[2], a[3], b[3]);
    }
}
