using System.Numerics;
using System.Runtime.CompilerServices;
using static Validator.Crypto.Simd.Lattice.MlDsaParameters;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>
/// Rounding, packing and norms over any <see cref="ILaneOps{V, W}"/>; contracts are those of <see cref="Poly"/>.
/// </summary>
internal static unsafe class PolyLanes<T, V, W>
    where T : struct, ILaneOps<V, W>
    where V : struct
    where W : struct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V High(V a)
    {
        V high = T.ShiftRightLogical(T.Add(a, T.Create(127)), 7);
        high = T.Add(T.Add(high, T.ShiftLeft(high, 10)), T.Create(1 << 21));
        return T.And(T.ShiftRightLogical(high, 22), T.Create(15));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LoadAddQ(int* w)
    {
        V a = T.Load(w);
        return T.Add(a, T.And(T.ShiftRightArithmetic(a, 31), T.Create(Q)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void PackHigh(int* w, byte* packedHigh)
    {
        for (int i = 0; i < N; i += 4 * T.Count)
        {
            T.StoreNibbles(
                packedHigh + (i / 2),
                High(LoadAddQ(w + i)),
                High(LoadAddQ(w + i + T.Count)),
                High(LoadAddQ(w + i + (2 * T.Count))),
                High(LoadAddQ(w + i + (3 * T.Count))));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Split(int* w, int* low)
    {
        V a = LoadAddQ(w);
        V high = High(a);
        V rest = T.Subtract(a, T.MultiplyLow(high, T.Create(2 * Gamma2)));
        V wraps = T.GreaterThan(rest, T.Create((Q - 1) / 2));
        T.Store(low, T.Subtract(rest, T.And(wraps, T.Create(Q))));
        return high;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void DecomposeAndPack(int* w, int* low, byte* packedHigh)
    {
        for (int i = 0; i < N; i += 4 * T.Count)
        {
            T.StoreNibbles(
                packedHigh + (i / 2),
                Split(w + i, low + i),
                Split(w + i + T.Count, low + i + T.Count),
                Split(w + i + (2 * T.Count), low + i + (2 * T.Count)),
                Split(w + i + (3 * T.Count), low + i + (3 * T.Count)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AnyAbove(V magnitudes, int limit) => T.Signs(T.GreaterThan(magnitudes, T.Create(limit))) != 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool Reaches(int* a, int bound)
    {
        V max0 = T.Create(0), max1 = T.Create(0);
        for (int i = 0; i < N; i += 2 * T.Count)
        {
            max0 = T.Max(max0, T.Abs(T.Load(a + i)));
            max1 = T.Max(max1, T.Abs(T.Load(a + i + T.Count)));
        }

        return AnyAbove(T.Max(max0, max1), bound - 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool UnpackZ(int* z, byte* input)
    {
        V gamma1 = T.Create(Gamma1), max = T.Create(0);
        for (int i = 0; i < N; i += T.Count, input += T.Count / 2 * 5)
        {
            V value = T.Subtract(gamma1, T.Load20(input));
            max = T.Max(max, T.Abs(value));
            T.Store(z + i, value);
        }

        return AnyAbove(max, Gamma1 - Beta - 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void PackZ(byte* output, int* z)
    {
        V gamma1 = T.Create(Gamma1);
        for (int i = 0; i < N; i += T.Count, output += T.Count / 2 * 5)
        {
            T.Store20(output, T.Subtract(gamma1, T.Load(z + i)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Add(int* sum, int* a, int* b)
    {
        for (int i = 0; i < N; i += T.Count)
        {
            T.Store(sum + i, T.Add(T.Load(a + i), T.Load(b + i)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Subtract(int* difference, int* a, int* b)
    {
        for (int i = 0; i < N; i += T.Count)
        {
            T.Store(difference + i, T.Subtract(T.Load(a + i), T.Load(b + i)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Reduce(int* a)
    {
        V half = T.Create(1 << 22), q = T.Create(Q);
        for (int i = 0; i < N; i += T.Count)
        {
            V value = T.Load(a + i);
            V multiple = T.ShiftRightArithmetic(T.Add(value, half), 23);
            T.Store(a + i, T.Subtract(value, T.MultiplyLow(multiple, q)));
        }
    }

    /// <summary>The hint is part of the signature, so its positions are no secret.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static int MakeHint(byte* positions, int* low, byte* packedHigh)
    {
        V above = T.Create(Gamma2), below = T.Create(-Gamma2);
        int count = 0;
        for (int i = 0; i < N; i += T.Count)
        {
            V value = T.Load(low + i);
            uint changes = T.Signs(T.GreaterThan(value, above)) | T.Signs(T.GreaterThan(below, value));
            for (uint edge = T.Signs(T.Equal(value, below)); edge != 0; edge &= edge - 1)
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
