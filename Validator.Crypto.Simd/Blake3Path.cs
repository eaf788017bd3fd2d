using System.Numerics;
using System.Runtime.CompilerServices;
using Validator.Crypto.Simd.Hashing;

namespace Validator.Crypto.Simd;

/// <summary>
/// BLAKE3 is a binary tree over chunks of 1,024 bytes (paper, section 2.1): one chunk and the chaining values beside its way to
/// the root prove what stands in a long message. The message's length fixes the tree, and so the length of chunk and path;
/// whoever verifies has to know it from elsewhere.
/// </summary>
public static unsafe class Blake3Path
{
    public const int ChunkBytes = Blake3Scalar.ChunkBytes;

    /// <summary>Bytes of a chaining value.</summary>
    public const int ValueBytes = Blake3Scalar.CvBytes;


    /// <summary>Bytes of a chunk of a message: 1,024 but for the last.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such chunk.</exception>
    public static int ChunkLength(ulong messageBytes, ulong chunk)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(chunk, Chunks(messageBytes));
        return (int)Math.Min(messageBytes - (chunk * ChunkBytes), ChunkBytes);
    }

    /// <summary>Chaining values between a chunk of a message and its digest; 0 where the chunk is all.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such chunk.</exception>
    public static int Siblings(ulong messageBytes, ulong chunk) => Way(messageBytes, chunk, out _);

    /// <summary>The digest of the message that has this chunk and these siblings.</summary>
    /// <param name="chunk">All its bytes.</param>
    /// <param name="siblings">32 bytes each, the nearest first.</param>
    /// <exception cref="ArgumentException">A length is not that of this place, or there is no such place.</exception>
    public static void Digest(
        ulong messageBytes, ulong at, ReadOnlySpan<byte> chunk, ReadOnlySpan<byte> siblings, Span<byte> digest)
    {
        int levels = Way(messageBytes, at, out ulong rights);
        bool fits = chunk.Length == ChunkLength(messageBytes, at) && siblings.Length == levels * ValueBytes;
        if (!fits || digest.Length != ValueBytes)
        {
            throw new ArgumentException("Chunk, siblings and digest have fixed lengths.");
        }

        byte* pair = stackalloc byte[2 * ValueBytes];
        fixed (byte* first = chunk, beside = siblings, result = digest)
        {
            Blake3Block.Chunk(Blake3Scalar.InitialCv, first, chunk.Length, at, 0, levels == 0 ? Blake3Scalar.Root : 0, result);
            for (int i = 0; i < levels; i++)
            {
                bool right = ((rights >> i) & 1) != 0;
                Unsafe.CopyBlockUnaligned(pair + (right ? ValueBytes : 0), result, ValueBytes);
                Unsafe.CopyBlockUnaligned(pair + (right ? 0 : ValueBytes), beside + (i * ValueBytes), ValueBytes);
                Parent(pair, i == levels - 1 ? Blake3Scalar.Root : 0, result);
            }
        }
    }

    /// <summary>The siblings of a message's chunk, 32 bytes each, the nearest first.</summary>
    /// <param name="siblings">As many as <see cref="Siblings(ulong, ulong)"/> says.</param>
    /// <exception cref="ArgumentException">There is no such chunk, or not room for just that.</exception>
    public static void Siblings(ReadOnlySpan<byte> message, ulong chunk, Span<byte> siblings)
    {
        int level = Way((ulong)message.Length, chunk, out _);
        if (siblings.Length != level * ValueBytes)
        {
            throw new ArgumentException("There is one place for each sibling.", nameof(siblings));
        }

        fixed (byte* all = message, result = siblings)
        {
            ulong from = 0, count = Chunks((ulong)message.Length);
            while (count > 1)
            {
                ulong left = LeftOf(count);
                bool right = chunk - from >= left;
                ulong other = right ? from : from + left;
                ulong length = Math.Min((right ? left : count - left) * ChunkBytes, (ulong)message.Length - (other * ChunkBytes));
                Subtree(all + (other * ChunkBytes), (int)length, other, result + (--level * ValueBytes));
                from += right ? left : 0;
                count = right ? count - left : left;
            }
        }
    }

    /// <param name="rights">Bit i: at level i, from the chunk up, the way comes from the right.</param>
    /// <returns>Levels.</returns>
    private static int Way(ulong messageBytes, ulong chunk, out ulong rights)
    {
        ulong count = Chunks(messageBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(chunk, count);
        rights = 0;
        int levels = 0;
        for (; count > 1; levels++)
        {
            ulong left = LeftOf(count);
            bool right = chunk >= left;
            rights = (rights << 1) | (right ? 1UL : 0);
            chunk -= right ? left : 0;
            count = right ? count - left : left;
        }

        return levels;
    }

    private static ulong Chunks(ulong messageBytes) => messageBytes == 0 ? 1 : ((messageBytes - 1) / ChunkBytes) + 1;

    /// <summary>Chunks in the left subtree of two or more: the largest power of two that leaves one to the right.</summary>
    private static ulong LeftOf(ulong chunks) => BitOperations.RoundUpToPowerOf2(chunks) / 2;

    private static void Subtree(byte* input, int length, ulong first, byte* value)
    {
        if (length <= ChunkBytes)
        {
            Blake3Block.Chunk(Blake3Scalar.InitialCv, input, length, first, 0, 0, value);
            return;
        }

        byte* pair = stackalloc byte[2 * ValueBytes];
        Blake3Tree.SubtreeToParent(input, length, Blake3Scalar.InitialCv, first, 0, pair);
        Parent(pair, 0, value);
    }

    private static void Parent(byte* pair, uint flags, byte* value)
    {
        uint* cv = stackalloc uint[8];
        Blake3Tree.Copy(cv, Blake3Scalar.InitialCv);
        Blake3Block.CompressInPlace(cv, pair, 2 * ValueBytes, 0, flags | Blake3Scalar.Parent);
        Blake3Tree.Store(value, cv);
    }
}
