using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Validator.Crypto.Simd;

/// <summary>The instruction sets a kernel may be written for, in rising order of preference on x86-64.</summary>
public enum CpuPath
{
    /// <summary>Plain integer code: the oracle of every other path.</summary>
    Scalar = 0,

    /// <summary>
    /// 128-bit vectors, written portably for AArch64, so that its logic runs, and is tested, on any processor that has them.
    /// </summary>
    AdvSimd = 1,

    /// <summary>256-bit vectors on x86-64.</summary>
    Avx2 = 2,

    /// <summary>512-bit vectors (F, BW, DQ, VL) on x86-64.</summary>
    Avx512 = 3,
}

/// <summary>
/// The one dispatch of this library. The best path is found once at start; tests force a lower one on their own thread
/// of control with <see cref="Force"/>. Under Native AOT the <c>IsSupported</c> checks are constants of the publish target.
/// </summary>
public static class CpuPaths
{
    private static CpuPath s_current = Best;

    /// <summary>The best path this process can run.</summary>
    public static CpuPath Best
    {
        get
        {
            if (Avx512BW.IsSupported && Avx512DQ.VL.IsSupported)
            {
                return CpuPath.Avx512;
            }

            if (Avx2.IsSupported)
            {
                return CpuPath.Avx2;
            }

            return AdvSimd.Arm64.IsSupported ? CpuPath.AdvSimd : CpuPath.Scalar;
        }
    }

    /// <summary>The path in use.</summary>
    public static CpuPath Current => s_current;

    /// <summary>True where 128-bit kernels are to be used.</summary>
    internal static bool UseVector128
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => s_current == CpuPath.AdvSimd;
    }

    /// <summary>True where 256-bit kernels are to be used (AVX2, and AVX-512 wherever no wider kernel exists).</summary>
    internal static bool UseAvx2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Avx2.IsSupported && s_current >= CpuPath.Avx2;
    }

    /// <summary>True where 512-bit kernels are to be used.</summary>
    internal static bool UseAvx512
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Avx512BW.IsSupported && s_current >= CpuPath.Avx512;
    }

    /// <summary>
    /// True where the lattice kernels are to be 512 bits wide: under the JIT. Compiled ahead of time they gain nothing over
    /// AVX2's with AVX-512's registers (<c>perf/lattice512.sh</c>), so published binaries do without them.
    /// </summary>
    internal static bool UseAvx512Lattice
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => RuntimeFeature.IsDynamicCodeCompiled && UseAvx512;
    }

    /// <summary>True if this process can run <paramref name="path"/>.</summary>
    public static bool CanRun(CpuPath path) => path switch
    {
        CpuPath.Scalar => true,
        CpuPath.AdvSimd => Vector128.IsHardwareAccelerated,
        CpuPath.Avx2 => Avx2.IsSupported,
        CpuPath.Avx512 => Avx512BW.IsSupported && Avx512DQ.VL.IsSupported,
        _ => false,
    };

    /// <summary>
    /// Makes the whole process use <paramref name="path"/>. For tests, self-tests and benchmarks, and only while no other thread
    /// computes: every path gives the same bytes, but a call that is under way goes on with vectors of another width.
    /// </summary>
    /// <exception cref="PlatformNotSupportedException">The processor cannot run it.</exception>
    public static void Force(CpuPath path)
    {
        if (!CanRun(path))
        {
            throw new PlatformNotSupportedException($"This processor cannot run the {path} path.");
        }

        s_current = path;
    }
}
