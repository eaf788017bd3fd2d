using System.Runtime.CompilerServices;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>
/// Equal messages of some chunks each, a lane a message: their n-th chunks, then their n-th parents, go through a vector
/// together. One message of four chunks alone leaves half of eight lanes empty, and its short last chunk has none.
/// </summary>
internal static unsafe class Blake3Equal
{
    /// <summary>Longer messages fill the lanes by themselves.</summary>
    internal const int MostChunks = 16;

    /// <summary>Hashes up to <see cref="Blake3Lanes.Width"/> messages, which is above 1.</summary>
    /// <param name="length">Bytes of each, at most <see cref="MostChunks"/> chunks.</param>
    /// <param name="stride">Bytes from the begin of one to the next.</param>
    /// <param name="digests">32 bytes for each.</param>
    internal static void HashEach(uint* key, uint flags, byte* data, int length, int stride, int count, byte* digests)
    {
        int chunks = Math.Max(1, (length + Blake3Scalar.ChunkBytes - 1) / Blake3Scalar.ChunkBytes);
        int width = Blake3Lanes.WidthFor(count);
        byte* values = stackalloc byte[Blake3Tree.MaxDegree * MostChunks * 32];
        byte* results = stackalloc byte[Blake3Tree.MaxDegree * 32];
        byte** inputs = stackalloc byte*[Blake3Tree.MaxDegree];
        uint root = chunks == 1 ? Blake3Scalar.Root : 0;
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            int at = chunk * Blake3Scalar.ChunkBytes;
            for (int i = 0; i < count; i++)
            {
                inputs[i] = data + ((long)i * stride) + at;
            }

            Blake3Lanes.Run(width, inputs, count, Math.Min(length - at, Blake3Scalar.ChunkBytes), key, (ulong)chunk, 0,
                flags, Blake3Scalar.ChunkStart, Blake3Scalar.ChunkEnd | root, results);
            Spread(results, count, values, chunk);
        }

        // Pairs become parents and an odd last one is carried up, as in Blake3Tree.
        for (int level = chunks; level > 1; level = (level + 1) / 2)
        {
            for (int pair = 0; pair < level / 2; pair++)
            {
                for (int i = 0; i < count; i++)
                {
                    inputs[i] = ValueAt(values, i, 2 * pair);
                }

                Blake3Lanes.Run(width, inputs, count, Blake3Scalar.BlockBytes, key, 0, 0,
                    flags | Blake3Scalar.Parent | (level == 2 ? Blake3Scalar.Root : 0), 0, 0, results);
                Spread(results, count, values, pair);
            }

            for (int i = 0; i < count && (level & 1) != 0; i++)
            {
                Unsafe.CopyBlockUnaligned(ValueAt(values, i, level / 2), ValueAt(values, i, level - 1), 32);
            }
        }

        for (int i = 0; i < count; i++)
        {
            Unsafe.CopyBlockUnaligned(digests + (32 * i), ValueAt(values, i, 0), 32);
        }
    }

    private static void Spread(byte* results, int count, byte* values, int place)
    {
        for (int i = 0; i < count; i++)
        {
            Unsafe.CopyBlockUnaligned(ValueAt(values, i, place), results + (32 * i), 32);
        }
    }

    private static byte* ValueAt(byte* values, int message, int place) => values + (32 * ((message * MostChunks) + place));
}
