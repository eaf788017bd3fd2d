using Poly128 = Validator.Crypto.Simd.Lattice.PolyLanes<
    Validator.Crypto.Simd.Lattice.LaneOps128, Validator.Crypto.Simd.Lattice.Pair<int>, Validator.Crypto.Simd.Lattice.Pair<long>>;
using Poly512 = Validator.Crypto.Simd.Lattice.PolyLanes<
    Validator.Crypto.Simd.Lattice.LaneOps512, System.Runtime.Intrinsics.Vector512<int>, System.Runtime.Intrinsics.Vector512<long>>;

namespace Validator.Crypto.Simd.Lattice;

/// <summary>
/// Dispatch of rounding, packing and norms to the path in use; contracts are those of <see cref="PolyScalar"/>.
/// </summary>
internal static unsafe class Poly
{
    internal static void DecomposeAndPack(int* w, int* low, byte* packedHigh)
    {
        if (CpuPaths.UseAvx512Lattice)
        {
            Poly512.DecomposeAndPack(w, low, packedHigh);
        }
        else if (CpuPaths.UseAvx2)
        {
            PolyAvx2.DecomposeAndPack(w, low, packedHigh);
        }
        else if (CpuPaths.UseVector128)
        {
            Poly128.DecomposeAndPack(w, low, packedHigh);
        }
        else
        {
            PolyScalar.DecomposeAndPack(w, low, packedHigh);
        }
    }

    internal static void PackHigh(int* w, byte* packedHigh)
    {
        if (CpuPaths.UseAvx512Lattice)
        {
            Poly512.PackHigh(w, packedHigh);
        }
        else if (CpuPaths.UseAvx2)
        {
            PolyAvx2.PackHigh(w, packedHigh);
        }
        else if (CpuPaths.UseVector128)
        {
            Poly128.PackHigh(w, packedHigh);
        }
        else
        {
            PolyScalar.PackHigh(w, packedHigh);
        }
    }

    internal static bool Reaches(int* a, int bound) =>
        CpuPaths.UseAvx512Lattice ? Poly512.Reaches(a, bound)
        : CpuPaths.UseAvx2 ? PolyAvx2.Reaches(a, bound)
        : CpuPaths.UseVector128 ? Poly128.Reaches(a, bound)
        : PolyScalar.Reaches(a, bound);

    /// <summary>May read 12 bytes past the 640 of the input.</summary>
    internal static bool UnpackZ(int* z, byte* input) =>
        CpuPaths.UseAvx512Lattice ? Poly512.UnpackZ(z, input)
        : CpuPaths.UseAvx2 ? PolyAvx2.UnpackZ(z, input)
        : CpuPaths.UseVector128 ? Poly128.UnpackZ(z, input)
        : PolyScalar.UnpackZ(z, input);

    /// <summary>May write 6 bytes past the 640 of the output; the caller fills those later.</summary>
    internal static void PackZ(byte* output, int* z)
    {
        if (CpuPaths.UseAvx512Lattice)
        {
            Poly512.PackZ(output, z);
        }
        else if (CpuPaths.UseAvx2)
        {
            PolyAvx2.PackZ(output, z);
        }
        else if (CpuPaths.UseVector128)
        {
            Poly128.PackZ(output, z);
        }
        else
        {
            PolyScalar.PackZ(output, z);
        }
    }

    internal static void Add(int* sum, int* a, int* b)
    {
        if (CpuPaths.UseAvx512Lattice)
        {
            Poly512.Add(sum, a, b);
        }
        else if (CpuPaths.UseAvx2)
        {
            PolyAvx2.Add(sum, a, b);
        }
        else if (CpuPaths.UseVector128)
        {
            Poly128.Add(sum, a, b);
        }
        else
        {
            PolyScalar.Add(sum, a, b);
        }
    }

    internal static void Subtract(int* difference, int* a, int* b)
    {
        if (CpuPaths.UseAvx512Lattice)
        {
            Poly512.Subtract(difference, a, b);
        }
        else if (CpuPaths.UseAvx2)
        {
            PolyAvx2.Subtract(difference, a, b);
        }
        else if (CpuPaths.UseVector128)
        {
            Poly128.Subtract(difference, a, b);
        }
        else
        {
            PolyScalar.Subtract(difference, a, b);
        }
    }

    internal static void Reduce(int* a)
    {
        if (CpuPaths.UseAvx512Lattice)
        {
            Poly512.Reduce(a);
        }
        else if (CpuPaths.UseAvx2)
        {
            PolyAvx2.Reduce(a);
        }
        else if (CpuPaths.UseVector128)
        {
            Poly128.Reduce(a);
        }
        else
        {
            PolyScalar.Reduce(a);
        }
    }

    /// <summary>Once a key, so one vector width does.</summary>
    internal static void Freeze(int* a)
    {
        if (CpuPaths.UseAvx2)
        {
            PolyAvx2.Freeze(a);
        }
        else
        {
            PolyScalar.Freeze(a);
        }
    }

    /// <summary>As <see cref="KeyEncoding.UnpackNegatedT1"/>, once a key.</summary>
    internal static void UnpackNegatedT1(int* result, byte* packedT1)
    {
        if (CpuPaths.UseAvx2)
        {
            PolyAvx2.UnpackNegatedT1(result, packedT1);
        }
        else
        {
            KeyEncoding.UnpackNegatedT1(result, packedT1);
        }
    }

    internal static int MakeHint(byte* positions, int* low, byte* packedHigh) =>
        CpuPaths.UseAvx512Lattice ? Poly512.MakeHint(positions, low, packedHigh)
        : CpuPaths.UseAvx2 ? PolyAvx2.MakeHint(positions, low, packedHigh)
        : CpuPaths.UseVector128 ? Poly128.MakeHint(positions, low, packedHigh)
        : PolyScalar.MakeHint(positions, low, packedHigh);
}
