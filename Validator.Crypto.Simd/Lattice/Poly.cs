namespace Validator.Crypto.Simd.Lattice;

/// <summary>Dispatch of rounding, packing and norms to the path in use; contracts are those of <see cref="PolyScalar"/>.</summary>
internal static unsafe class Poly
{
    internal static void DecomposeAndPack(int* w, int* low, byte* packedHigh)
    {
        if (CpuPaths.UseAvx2)
        {
            PolyAvx2.DecomposeAndPack(w, low, packedHigh);
        }
        else
        {
            PolyScalar.DecomposeAndPack(w, low, packedHigh);
        }
    }

    internal static void PackHigh(int* w, byte* packedHigh)
    {
        if (CpuPaths.UseAvx2)
        {
            PolyAvx2.PackHigh(w, packedHigh);
        }
        else
        {
            PolyScalar.PackHigh(w, packedHigh);
        }
    }

    internal static bool Reaches(int* a, int bound) =>
        CpuPaths.UseAvx2 ? PolyAvx2.Reaches(a, bound) : PolyScalar.Reaches(a, bound);

    /// <summary>May read 12 bytes past the 640 of the input.</summary>
    internal static bool UnpackZ(int* z, byte* input) =>
        CpuPaths.UseAvx2 ? PolyAvx2.UnpackZ(z, input) : PolyScalar.UnpackZ(z, input);

    /// <summary>May write 6 bytes past the 640 of the output; the caller fills those later.</summary>
    internal static void PackZ(byte* output, int* z)
    {
        if (CpuPaths.UseAvx2)
        {
            PolyAvx2.PackZ(output, z);
        }
        else
        {
            PolyScalar.PackZ(output, z);
        }
    }

    internal static void Add(int* sum, int* a, int* b)
    {
        if (CpuPaths.UseAvx2)
        {
            PolyAvx2.Add(sum, a, b);
        }
        else
        {
            PolyScalar.Add(sum, a, b);
        }
    }

    internal static void Subtract(int* difference, int* a, int* b)
    {
        if (CpuPaths.UseAvx2)
        {
            PolyAvx2.Subtract(difference, a, b);
        }
        else
        {
            PolyScalar.Subtract(difference, a, b);
        }
    }

    internal static void Reduce(int* a)
    {
        if (CpuPaths.UseAvx2)
        {
            PolyAvx2.Reduce(a);
        }
        else
        {
            PolyScalar.Reduce(a);
        }
    }

    internal static int MakeHint(byte* positions, int* low, byte* packedHigh) =>
        CpuPaths.UseAvx2 ? PolyAvx2.MakeHint(positions, low, packedHigh) : PolyScalar.MakeHint(positions, low, packedHigh);
}
