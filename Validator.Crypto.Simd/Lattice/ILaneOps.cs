using System.Diagnostics.CodeAnalysis;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>
/// What a vector of coefficients must do for the lattice kernels. <typeparamref name="V"/> holds groups of eight 32-bit
/// coefficients, <typeparamref name="W"/> the 64-bit products of half of its lanes: which half is called even is the
/// implementation's choice, so long as <see cref="HighWords"/> puts them back.
/// </summary>
internal unsafe interface ILaneOps<V, W>
    where V : struct
    where W : struct
{
    /// <summary>Coefficients a vector holds.</summary>
    static abstract int Count { get; }

    /// <summary>Groups of eight of them.</summary>
    static abstract int Groups { get; }

    static abstract V Create(int value);

    /// <summary>Fills group g with p[g step].</summary>
    static abstract V Create(int* p, int step);

    static abstract V Load(int* p);

    /// <summary>Group g from p + g distance.</summary>
    static abstract V Load(int* p, int distance);

    static abstract void Store(int* p, V v);

    /// <summary>Group g to p + g distance.</summary>
    static abstract void Store(int* p, int distance, V v);

    /// <summary>Odd lanes where <see cref="MultiplyOdd"/> wants them of its second operand.</summary>
    static abstract V Odd(V v);

    static abstract W MultiplyEven(V a, V b);

    static abstract W MultiplyOdd(V a, V bOdd);

    static abstract W AddWide(W a, W b);

    static abstract W SubtractWide(W a, W b);

    /// <summary>The upper words of the products, each in its lane.</summary>
    static abstract V HighWords(W even, W odd);

    /// <summary>The lower words of the products, each in its lane.</summary>
    static abstract V LowWords(W even, W odd);

    static abstract V MultiplyLow(V a, V b);

    static abstract V Add(V a, V b);

    static abstract V Subtract(V a, V b);

    static abstract V And(V a, V b);

    static abstract V ShiftLeft(V a, [ConstantExpected] byte n);

    static abstract V ShiftRightLogical(V a, [ConstantExpected] byte n);

    static abstract V ShiftRightArithmetic(V a, [ConstantExpected] byte n);

    static abstract V GreaterThan(V a, V b);

    static abstract V Equal(V a, V b);

    static abstract V Max(V a, V b);

    static abstract V Abs(V a);

    /// <summary>A bit a lane.</summary>
    static abstract uint Signs(V a);

    /// <summary>Transposes the 8 x 8 coefficients of each group.</summary>
    static abstract void Transpose(ref V r0, ref V r1, ref V r2, ref V r3, ref V r4, ref V r5, ref V r6, ref V r7);

    /// <summary>Four vectors of values below 16 to half a byte each.</summary>
    static abstract void StoreNibbles(byte* output, V a, V b, V c, V d);

    /// <summary>Values of 20 bits; may read 12 bytes past them.</summary>
    static abstract V Load20(byte* input);

    /// <summary>Values of 20 bits; writes 6 bytes past them.</summary>
    static abstract void Store20(byte* output, V v);
}
