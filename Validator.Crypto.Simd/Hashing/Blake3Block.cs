using System.Runtime.CompilerServices;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>One block on the path in use.</summary>
internal static unsafe class Blake3Block
{
    /// <summary>Compresses one 64-byte block into <paramref name="cv"/> in place (8 words).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void CompressInPlace(uint* cv, byte* block, uint blockLength, ulong counter, uint flags)
    {
        if (CpuPaths.UseAvx512)
        {
            Blake3Rows.CompressInPlace<Avx512Rows>(cv, block, blockLength, counter, flags);
        }
        else if (CpuPaths.UseAvx2)
        {
            Blake3Rows.CompressInPlace<SseRows>(cv, block, blockLength, counter, flags);
        }
        else if (CpuPaths.UseVector128)
        {
            Blake3Rows.CompressInPlace<PortableRows>(cv, block, blockLength, counter, flags);
        }
        else
        {
            Blake3Scalar.CompressInPlace(cv, block, blockLength, counter, flags);
        }
    }

    /// <summary>Compresses one block and writes all 64 output bytes; counter is the output block number for the root.</summary>
    internal static void CompressXof(uint* cv, byte* block, uint blockLength, ulong counter, uint flags, byte* output64)
    {
        if (CpuPaths.UseAvx512)
        {
            Blake3Rows.CompressXof<Avx512Rows>(cv, block, blockLength, counter, flags, output64);
        }
        else if (CpuPaths.UseAvx2)
        {
            Blake3Rows.CompressXof<SseRows>(cv, block, blockLength, counter, flags, output64);
        }
        else if (CpuPaths.UseVector128)
        {
            Blake3Rows.CompressXof<PortableRows>(cv, block, blockLength, counter, flags, output64);
        }
        else
        {
            Blake3Scalar.CompressXof(cv, block, blockLength, counter, flags, output64);
        }
    }

    /// <summary>
    /// The chaining value of one chunk of at most 1,024 bytes, from <paramref name="key"/>, to 32 bytes of output.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Chunk(uint* key, byte* input, int length, ulong counter, uint flags, uint lastFlags, byte* output)
    {
        if (CpuPaths.UseAvx512)
        {
            Blake3Rows.Chunk<Avx512Rows>(key, input, length, counter, flags, lastFlags, output);
        }
        else if (CpuPaths.UseAvx2)
        {
            Blake3Rows.Chunk<SseRows>(key, input, length, counter, flags, lastFlags, output);
        }
        else if (CpuPaths.UseVector128)
        {
            Blake3Rows.Chunk<PortableRows>(key, input, length, counter, flags, lastFlags, output);
        }
        else
        {
            Blake3Scalar.Chunk(key, input, length, counter, flags, lastFlags, output);
        }
    }
}
