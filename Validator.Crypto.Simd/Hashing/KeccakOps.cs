using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>What a vector of 64-bit lanes must do for Keccak-f[1600].</summary>
internal unsafe interface IKeccakOps<V>
    where V : struct
{
    /// <summary>States a vector holds.</summary>
    static abstract int Count { get; }

    static abstract V Load(ulong* p);

    static abstract void Store(ulong* p, V v);

    static abstract V Create(ulong value);

    static abstract V Xor(V a, V b);

    static abstract V Xor(V a, V b, V c);

    /// <summary>a ^ c ^ r, which is a ^ d: d = c ^ r is there for those without a three-way XOR.</summary>
    static abstract V Theta(V a, V c, V r, V d);

    /// <summary>a ^ (~b &amp; c)</summary>
    static abstract V Chi(V a, V b, V c);

    static abstract V Rol(V x, [ConstantExpected] byte n);
}

/// <summary>Two lanes, portable: for AArch64.</summary>
internal readonly unsafe struct Keccak128 : IKeccakOps<Vector128<ulong>>
{
    public static int Count => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Load(ulong* p) => Vector128.Load(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ulong* p, Vector128<ulong> v) => v.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Create(ulong value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Xor(Vector128<ulong> a, Vector128<ulong> b) => a ^ b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Xor(Vector128<ulong> a, Vector128<ulong> b, Vector128<ulong> c) => a ^ b ^ c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Theta(Vector128<ulong> a, Vector128<ulong> c, Vector128<ulong> r, Vector128<ulong> d) => a ^ d;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Chi(Vector128<ulong> a, Vector128<ulong> b, Vector128<ulong> c) => a ^ Vector128.AndNot(c, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Rol(Vector128<ulong> x, [ConstantExpected] byte n) => (x << n) | (x >>> (64 - n));
}

/// <summary>Eight lanes with AVX-512.</summary>
internal readonly unsafe struct Keccak512 : IKeccakOps<Vector512<ulong>>
{
    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Load(ulong* p) => Vector512.Load(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ulong* p, Vector512<ulong> v) => v.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Create(ulong value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Xor(Vector512<ulong> a, Vector512<ulong> b) => a ^ b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Xor(Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> c) => Avx512F.TernaryLogic(a, b, c, 0x96);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Theta(Vector512<ulong> a, Vector512<ulong> c, Vector512<ulong> r, Vector512<ulong> d) => Avx512F.TernaryLogic(a, c, r, 0x96);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Chi(Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> c) => Avx512F.TernaryLogic(a, b, c, 0xD2);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Rol(Vector512<ulong> x, [ConstantExpected] byte n) => Avx512F.RotateLeft(x, n);
}
