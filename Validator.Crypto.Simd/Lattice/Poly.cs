namespace Validator.Crypto.Simd.Lattice;

/// <summary>Dispatch of rounding, packing and norms to the path in use; contracts are those of <see cref="PolyScalar"/>.</summary>
internal static unsafe class Poly
{
    internal static void DecomposeAndPack(int* w, int* low, byte* packedHigh) =>
        PolyScalar.DecomposeAndPack(w, low, packedHigh);

    internal static void PackHigh(int* w, byte* packedHigh) => PolyScalar.PackHigh(w, packedHigh);

    internal static bool Reaches(int* a, int bound) => PolyScalar.Reaches(a, bound);

    internal static bool UnpackZ(int* z, byte* input) => PolyScalar.UnpackZ(z, input);

    internal static void PackZ(byte* output, int* z) => PolyScalar.PackZ(output, z);

    internal static void Add(int* sum, int* a, int* b) => PolyScalar.Add(sum, a, b);

    internal static void Subtract(int* difference, int* a, int* b) => PolyScalar.Subtract(difference, a, b);

    internal static void Reduce(int* a) => PolyScalar.Reduce(a);

    internal static int MakeHint(byte* positions, int* low, byte* packedHigh) =>
        PolyScalar.MakeHint(positions, low, packedHigh);
}
