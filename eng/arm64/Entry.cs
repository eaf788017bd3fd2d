using System.Runtime.InteropServices;
using Validator.Crypto.Simd;

namespace Validator.Arm64;

/// <summary>The self-test's parts, for a C program without the managed runtime to call.</summary>
public static unsafe class Entry
{
    /// <summary>
    /// Part 0 is BLAKE3, 1 ML-DSA-87, 2 ML-KEM-768 and X25519, on the scalar (0) or the 128-bit (1) path. 1 if the answer is the
    /// committed one, 0 if not, -1 if this processor cannot run the path, -2 if the best path is not the 128-bit one.
    /// </summary>
    [UnmanagedCallersOnly(EntryPoint = "selftest")]
    public static int SelfTest(int part, int path)
    {
        if (CpuPaths.Best != CpuPath.AdvSimd)
        {
            return -2;
        }

        if (!CpuPaths.CanRun((CpuPath)path))
        {
            return -1;
        }

        CpuPaths.Force((CpuPath)path);
        (string actual, string expected) = part switch
        {
            0 => (CryptoSelfTest.Blake3Digest(), CryptoSelfTest.Blake3Answer),
            1 => (CryptoSelfTest.MlDsaDigest(static _ => { }), CryptoSelfTest.MlDsaAnswer),
            _ => (CryptoSelfTest.KemDigest(static _ => { }), CryptoSelfTest.KemAnswer),
        };
        return actual == expected ? 1 : 0;
    }
}
