namespace Validator.Crypto.Simd.Hashing;

/// <summary>
/// Very long input over several threads: equal subtrees of a power of two of chunks are reduced independently, then paired
/// upwards. An odd last one is carried up, which is the tree of the paper's section 2.1: a left subtree is always full.
/// </summary>
internal static unsafe class Blake3Threads
{
    /// <summary>Bytes of a subtree at the least; below twice this one thread is as fast.</summary>
    internal const int MinPartBytes = 128 * 1024;

    // Parts per thread: a thread that is held up leaves its share to the others.
    private const int Shares = 4;

    internal static void HashAll(uint* key, uint flags, byte* input, int length, int threads, Span<byte> output)
    {
        int part = MinPartBytes;
        while (part < 1 << 30 && length / part > threads * Shares)
        {
            part *= 2;
        }

        int count = (int)(((long)length + part - 1) / part);
        byte[] values = new byte[count * 32];
        nint keyAddress = (nint)key, inputAddress = (nint)input;
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, i =>
        {
            int start = i * part;
            fixed (byte* value = &values[32 * i])
            {
                Subtree((byte*)inputAddress + start, Math.Min(part, length - start), (uint*)keyAddress,
                    (ulong)(start / Blake3Scalar.ChunkBytes), flags, value);
            }
        });

        uint* cv = stackalloc uint[8];
        fixed (byte* v = values)
        {
            for (; count > 2; count = (count + 1) / 2)
            {
                for (int i = 0; i < count / 2; i++)
                {
                    Blake3Tree.Copy(cv, key);
                    Blake3Block.CompressInPlace(cv, v + (64 * i), 64, 0, flags | Blake3Scalar.Parent);
                    Blake3Tree.Store(v + (32 * i), cv);
                }

                if ((count & 1) != 0)
                {
                    System.Runtime.CompilerServices.Unsafe.CopyBlockUnaligned(v + (16 * (count - 1)), v + (32 * (count - 1)), 32);
                }
            }

            Blake3Tree.Copy(cv, key);
            Blake3Tree.RootOutput(cv, v, 64, flags | Blake3Scalar.Parent, output);
        }
    }

    /// <summary>The chaining value of a subtree that is not the root.</summary>
    private static void Subtree(byte* input, int length, uint* key, ulong counter, uint flags, byte* value)
    {
        if (length <= Blake3Scalar.ChunkBytes)
        {
            Blake3Block.Chunk(key, input, length, counter, flags, 0, value);
            return;
        }

        uint* cv = stackalloc uint[8];
        byte* block = stackalloc byte[64];
        Blake3Tree.Copy(cv, key);
        Blake3Tree.SubtreeToParent(input, length, key, counter, flags, block);
        Blake3Block.CompressInPlace(cv, block, 64, 0, flags | Blake3Scalar.Parent);
        Blake3Tree.Store(value, cv);
    }
}
