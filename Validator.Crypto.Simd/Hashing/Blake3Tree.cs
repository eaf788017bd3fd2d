using System.Runtime.CompilerServices;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>
/// The tree above the chunks (BLAKE3 paper, section 2.1; splitting as in section 5.3): whole subtrees are reduced a vector
/// of chunks, then a vector of parents, at a time.
/// </summary>
internal static unsafe class Blake3Tree
{
    /// <summary>The most chaining values one level of the recursion holds: the widest vector.</summary>
    internal const int MaxDegree = 16;

    /// <summary>Chunks compressed at once on the path in use; at least 1.</summary>
    internal static int Degree => Blake3Lanes.Width;

    /// <summary>A message of any length to <paramref name="output"/>, extended as far as that is long.</summary>
    internal static void HashAll(uint* key, uint flags, ReadOnlySpan<byte> input, Span<byte> output)
    {
        fixed (byte* p = input, digest = output)
        {
            if (input.Length <= Blake3Scalar.ChunkBytes && output.Length == Blake3.OutputBytes)
            {
                // A digest is the root's chaining value.
                Blake3Block.Chunk(key, p, input.Length, 0, flags, Blake3Scalar.Root, digest);
                return;
            }

            HashTree(key, flags, p, input.Length, output);
        }
    }

    /// <summary>By the root's block: of input longer than one chunk, or for output that is not a digest.</summary>
    private static void HashTree(uint* key, uint flags, byte* input, int length, Span<byte> output)
    {
        uint* cv = stackalloc uint[8];
        byte* block = stackalloc byte[64];
        Copy(cv, key);
        if (length > Blake3Scalar.ChunkBytes)
        {
            SubtreeToParent(input, length, key, 0, flags, block);
            RootOutput(cv, block, 64, flags | Blake3Scalar.Parent, output);
            return;
        }

        int head = length <= 64 ? 0 : (length - 1) & ~63;
        uint start = Blake3Scalar.ChunkStart;
        for (int i = 0; i < head; i += 64)
        {
            Blake3Block.CompressInPlace(cv, input + i, 64, 0, flags | start);
            start = 0;
        }

        new Span<byte>(block, 64).Clear();
        new ReadOnlySpan<byte>(input + head, length - head).CopyTo(new Span<byte>(block, 64));
        RootOutput(cv, block, (uint)(length - head), flags | start | Blake3Scalar.ChunkEnd, output);
    }

    /// <summary>Extendable output of the root node (paper, section 2.6).</summary>
    internal static void RootOutput(uint* cv, byte* block, uint blockLength, uint flags, Span<byte> output)
    {
        byte* full = stackalloc byte[64];
        ulong counter = 0;
        while (output.Length > 0)
        {
            Blake3Block.CompressXof(cv, block, blockLength, counter++, flags | Blake3Scalar.Root, full);
            int take = Math.Min(64, output.Length);
            new ReadOnlySpan<byte>(full, take).CopyTo(output);
            output = output[take..];
        }
    }

    /// <summary>Reduces more than one chunk to the two chaining values (64 bytes) of its top parent node.</summary>
    internal static void SubtreeToParent(byte* input, int length, uint* key, ulong counter, uint flags, byte* block64)
    {
        byte* values = stackalloc byte[MaxDegree * 32];
        byte* parents = stackalloc byte[MaxDegree * 32];
        int count = Wide(input, length, key, counter, flags, values);
        while (count > 2)
        {
            count = Parents(values, count, key, flags, parents);
            Unsafe.CopyBlockUnaligned(values, parents, (uint)(count * 32));
        }

        Unsafe.CopyBlockUnaligned(block64, values, 64);
    }

    /// <summary>
    /// Reduces a subtree to between two and max(2, Degree) chaining values (one if it is a single chunk); returns how many.
    /// </summary>
    private static int Wide(byte* input, int length, uint* key, ulong counter, uint flags, byte* output)
    {
        int degree = Degree;
        if (length <= degree * Blake3Scalar.ChunkBytes)
        {
            return Chunks(input, length, key, counter, flags, output);
        }

        int left = LeftLength(length);
        byte* values = stackalloc byte[2 * MaxDegree * 32];
        int leftSpace = left > Blake3Scalar.ChunkBytes ? Math.Max(degree, 2) : 1;
        int leftCount = Wide(input, left, key, counter, flags, values);
        int rightCount = Wide(input + left, length - left, key, counter + (ulong)(left / Blake3Scalar.ChunkBytes), flags,
            values + (leftSpace * 32));
        if (leftCount == 1)
        {
            Unsafe.CopyBlockUnaligned(output, values, 64);
            return 2;
        }

        return Parents(values, leftCount + rightCount, key, flags, output);
    }

    /// <summary>The largest power of two of whole chunks that leaves at least one byte to the right.</summary>
    private static int LeftLength(int length)
    {
        uint chunks = (uint)(length - 1) / Blake3Scalar.ChunkBytes;
        return (int)(System.Numerics.BitOperations.RoundUpToPowerOf2(chunks + 1) / 2) * Blake3Scalar.ChunkBytes;
    }

    /// <summary>Chaining values of consecutive chunks, the last of which may be short; returns their number.</summary>
    private static int Chunks(byte* input, int length, uint* key, ulong counter, uint flags, byte* output)
    {
        int count = 0;
        int whole = length / Blake3Scalar.ChunkBytes;
        if (Degree > 1 && whole > 1)
        {
            byte** inputs = stackalloc byte*[MaxDegree];
            for (int i = 0; i < whole; i++)
            {
                inputs[i] = input + (i * Blake3Scalar.ChunkBytes);
            }

            Blake3Lanes.Run(Blake3Lanes.WidthFor(whole), inputs, whole, Blake3Scalar.ChunkBytes, key, counter, 1,
                flags, Blake3Scalar.ChunkStart, Blake3Scalar.ChunkEnd, output);
            count = whole;
            input += whole * Blake3Scalar.ChunkBytes;
            length -= whole * Blake3Scalar.ChunkBytes;
        }

        while (length > 0)
        {
            int take = Math.Min(length, Blake3Scalar.ChunkBytes);
            Blake3Block.Chunk(key, input, take, counter + (ulong)count, flags, 0, output + (32 * count));
            input += take;
            length -= take;
            count++;
        }

        return count;
    }

    /// <summary>Pairs chaining values into parents; an odd last one is carried up. Returns how many are left.</summary>
    private static int Parents(byte* values, int count, uint* key, uint flags, byte* output)
    {
        uint* cv = stackalloc uint[8];
        int pairs = count / 2;
        bool vectors = Degree > 1 && pairs > 2;
        if (vectors)
        {
            byte** inputs = stackalloc byte*[MaxDegree];
            for (int i = 0; i < pairs; i++)
            {
                inputs[i] = values + (64 * i);
            }

            Blake3Lanes.Run(Blake3Lanes.WidthFor(pairs), inputs, pairs, 64, key, 0, 0, flags | Blake3Scalar.Parent, 0, 0, output);
        }

        for (int i = 0; i < pairs && !vectors; i++)
        {
            Copy(cv, key);
            Blake3Block.CompressInPlace(cv, values + (64 * i), 64, 0, flags | Blake3Scalar.Parent);
            Store(output + (32 * i), cv);
        }

        if ((count & 1) != 0)
        {
            Unsafe.CopyBlockUnaligned(output + (32 * pairs), values + (64 * pairs), 32);
            return pairs + 1;
        }

        return pairs;
    }

    internal static void Copy(uint* target, uint* source) => Unsafe.CopyBlockUnaligned(target, source, 32);

    internal static void Store(byte* target, uint* cv)
    {
        for (int i = 0; i < 8; i++)
        {
            Blake3Scalar.WriteWord(target + (4 * i), cv[i]);
        }
    }
}
