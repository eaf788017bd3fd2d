using System.Runtime.CompilerServices;

namespace Validator.Crypto.Simd.Hashing;

/// <summary>
/// BLAKE3 a vector lane a message, chunk or parent. State is kept transposed: word w of lane l at <c>[w * width + l]</c>.
/// Only for paths with a vector kernel, where <see cref="Width"/> is above 1.
/// </summary>
internal static unsafe class Blake3Lanes
{
    private const int MaxWidth = 16;
    private const int BlockBytes = Blake3Scalar.BlockBytes;
    private const int LengthRow = 2, FlagRow = 3;

    /// <summary>Lanes of the widest kernel of the path in use; 1 where there is none.</summary>
    internal static int Width => CpuPaths.UseAvx512 ? 16 : CpuPaths.UseAvx2 ? 8 : CpuPaths.UseVector128 ? 4 : 1;

    /// <summary>
    /// The kernel to use for <paramref name="count"/> equal inputs: a half-empty wide one costs more than a narrow one.
    /// </summary>
    internal static int WidthFor(int count) => count > 8 ? Width : Math.Min(Width, 8);

    /// <summary>
    /// Compresses one input a lane, all of <paramref name="length"/> bytes (1 to 1,024; 0 for empty messages), from
    /// <paramref name="key"/>. The counter grows by <paramref name="counterStep"/> (0 or 1) from lane to lane. Writes the first
    /// <paramref name="count"/> results, 32 bytes each; inputs past them repeat the first.
    /// </summary>
    internal static void Run(
        int width, byte** inputs, int count, int length, uint* key, ulong counter, uint counterStep,
        uint flags, uint startFlags, uint endFlags, byte* output)
    {
        byte* hSpace = stackalloc byte[((8 * MaxWidth) * sizeof(uint)) + Scratch.Slack];
        uint* h = (uint*)Scratch.Align(hSpace);
        byte* mSpace = stackalloc byte[((16 * MaxWidth) * sizeof(uint)) + Scratch.Slack];
        uint* m = (uint*)Scratch.Align(mSpace);
        byte* tailSpace = stackalloc byte[((4 * MaxWidth) * sizeof(uint)) + Scratch.Slack];
        uint* tail = (uint*)Scratch.Align(tailSpace);
        byte* padded = stackalloc byte[MaxWidth * BlockBytes];
        byte** at = stackalloc byte*[MaxWidth];
        for (int lane = 0; lane < width; lane++)
        {
            at[lane] = inputs[lane < count ? lane : 0];
            ulong laneCounter = counter + ((ulong)lane * counterStep);
            tail[lane] = (uint)laneCounter;
            tail[width + lane] = (uint)(laneCounter >> 32);
        }

        for (int word = 0; word < 8; word++)
        {
            new Span<uint>(h + (word * width), width).Fill(key[word]);
        }

        new Span<uint>(tail + (LengthRow * width), width).Fill(BlockBytes);
        new Span<uint>(tail + (FlagRow * width), width).Fill(flags | startFlags);
        for (; length > BlockBytes; length -= BlockBytes)
        {
            LoadBlocks(width, at, m);
            Compress(width, h, m, tail);
            new Span<uint>(tail + (FlagRow * width), width).Fill(flags);
            startFlags = 0;
            for (int lane = 0; lane < width; lane++)
            {
                at[lane] += BlockBytes;
            }
        }

        if (length < BlockBytes)
        {
            PadAll(width, at, length, padded);
        }

        new Span<uint>(tail + (LengthRow * width), width).Fill((uint)length);
        new Span<uint>(tail + (FlagRow * width), width).Fill(flags | startFlags | endFlags);
        LoadBlocks(width, at, m);
        Compress(width, h, m, tail);
        StoreValues(width, h, count, output);
    }

    /// <summary>
    /// Hashes messages of at most one chunk each: groups of equal length straight through, others by giving a lane its next
    /// message as soon as it is done with one. Longer messages go the way of long input.
    /// </summary>
    internal static void HashMany(byte* data, int* offsets, int* lengths, int count, uint* key, byte* digests)
    {
        byte** inputs = stackalloc byte*[MaxWidth];
        int next = 0;
        while (next < count)
        {
            int length = lengths[next];
            int same = 0;
            while (same < Width && next + same < count && lengths[next + same] == length)
            {
                inputs[same] = data + offsets[next + same];
                same++;
            }

            if (length > Blake3Scalar.ChunkBytes)
            {
                Blake3Tree.HashAll(
                    key, 0, new ReadOnlySpan<byte>(data + offsets[next], length), new Span<byte>(digests + (32 * next), 32));
                next++;
            }
            else if (same == 8 && Width == 8 && length <= BlockBytes)
            {
                HashBlocks(inputs, length, key, digests + (32 * next));
                next += same;
            }
            else if (same >= Math.Min(Width, 8) || next + same == count)
            {
                Run(WidthFor(same), inputs, same, length, key, 0, 0, 0, Blake3Scalar.ChunkStart,
                    Blake3Scalar.ChunkEnd | Blake3Scalar.Root, digests + (32 * next));
                next += same;
            }
            else
            {
                next = Mixed(data, offsets, lengths, next, count, key, digests);
            }
        }
    }

    /// <summary>Eight messages of one block each.</summary>
    private static void HashBlocks(byte** inputs, int length, uint* key, byte* digests)
    {
        byte* padded = stackalloc byte[8 * BlockBytes];
        if (length < BlockBytes)
        {
            PadAll(8, inputs, length, padded);
        }

        Blake3Avx2.HashBlocks(
            inputs, key, (uint)length, Blake3Scalar.ChunkStart | Blake3Scalar.ChunkEnd | Blake3Scalar.Root, digests);
    }

    /// <summary>Lanes of their own pace, until no short message is left; returns the first message not yet hashed.</summary>
    private static int Mixed(byte* data, int* offsets, int* lengths, int next, int count, uint* key, byte* digests)
    {
        int width = WidthFor(count - next);
        byte* hSpace = stackalloc byte[((8 * MaxWidth) * sizeof(uint)) + Scratch.Slack];
        uint* h = (uint*)Scratch.Align(hSpace);
        byte* mSpace = stackalloc byte[((16 * MaxWidth) * sizeof(uint)) + Scratch.Slack];
        uint* m = (uint*)Scratch.Align(mSpace);
        byte* tailSpace = stackalloc byte[((4 * MaxWidth) * sizeof(uint)) + Scratch.Slack];
        uint* tail = (uint*)Scratch.Align(tailSpace);
        byte* padded = stackalloc byte[MaxWidth * BlockBytes];
        byte** at = stackalloc byte*[MaxWidth];
        byte** blocks = stackalloc byte*[MaxWidth];
        int* left = stackalloc int[MaxWidth];
        int* message = stackalloc int[MaxWidth];
        new Span<uint>(tail, 4 * width).Clear();
        new Span<uint>(h, 8 * width).Clear();
        uint* flags = tail + (FlagRow * width);
        int busy = 0;
        for (int lane = 0; lane < width; lane++)
        {
            busy += Take(lane) ? 1 : 0;
        }

        while (busy > 0)
        {
            for (int lane = 0; lane < width; lane++)
            {
                Feed(lane);
            }

            LoadBlocks(width, blocks, m);
            Compress(width, h, m, tail);
            for (int lane = 0; lane < width; lane++)
            {
                flags[lane] &= ~Blake3Scalar.ChunkStart;
                left[lane] -= BlockBytes;
                if (left[lane] <= 0 && message[lane] >= 0)
                {
                    uint* digest = (uint*)(digests + (32 * message[lane]));
                    for (int word = 0; word < 8; word++)
                    {
                        Unsafe.WriteUnaligned(digest + word, h[(word * width) + lane]);
                    }

                    busy -= Take(lane) ? 0 : 1;
                }
            }
        }

        return next;

        // Starts the next short message in a lane; a lane without one idles on whatever it last read.
        bool Take(int lane)
        {
            left[lane] = 0;
            message[lane] = -1;
            at[lane] = padded;
            if (next == count || lengths[next] > Blake3Scalar.ChunkBytes)
            {
                return false;
            }

            at[lane] = data + offsets[next];
            left[lane] = lengths[next];
            message[lane] = next++;
            flags[lane] = Blake3Scalar.ChunkStart;
            for (int word = 0; word < 8; word++)
            {
                h[(word * width) + lane] = key[word];
            }

            return true;
        }

        // Points a lane at its next block, copied and padded if it is short, and sets its length and flags.
        void Feed(int lane)
        {
            blocks[lane] = at[lane];
            int length = Math.Clamp(left[lane], 0, BlockBytes);
            if (left[lane] < BlockBytes)
            {
                blocks[lane] = padded + (lane * BlockBytes);
                Pad(at[lane], length, blocks[lane]);
            }

            if (left[lane] <= BlockBytes)
            {
                flags[lane] |= Blake3Scalar.ChunkEnd | Blake3Scalar.Root;
            }

            tail[(LengthRow * width) + lane] = (uint)length;
            at[lane] += length;
        }
    }

    private static void PadAll(int width, byte** at, int length, byte* padded)
    {
        for (int lane = 0; lane < width; lane++)
        {
            Pad(at[lane], length, padded + (lane * BlockBytes));
            at[lane] = padded + (lane * BlockBytes);
        }
    }

    private static void Pad(byte* source, int length, byte* block)
    {
        new Span<byte>(block, BlockBytes).Clear();
        Unsafe.CopyBlockUnaligned(block, source, (uint)length);
    }

    private static void LoadBlocks(int width, byte** inputs, uint* m)
    {
        if (width == 4)
        {
            Blake3Vector128.LoadBlocks(inputs, m);
            return;
        }

        if (width == 16)
        {
            Blake3Avx512.LoadBlocks(inputs, m);
            return;
        }

        Blake3Avx2.LoadBlocks(inputs, m);
    }

    private static void Compress(int width, uint* h, uint* m, uint* tail)
    {
        if (width == 16)
        {
            Blake3Avx512.Compress(h, m, tail);
        }
        else if (width == 4)
        {
            Blake3Vector128.Compress(h, m, tail);
        }
        else
        {
            Blake3Avx2.Compress(h, m, tail);
        }
    }

    private static void StoreValues(int width, uint* h, int count, byte* output)
    {
        byte* all = stackalloc byte[32 * MaxWidth];
        byte* target = count == width ? output : all;
        if (width == 4)
        {
            Blake3Vector128.StoreValues(h, target);
        }
        else
        {
            Blake3Avx2.StoreValues(h, target, width);
        }

        if (width == 16)
        {
            Blake3Avx2.StoreValues(h + 8, target + 256, width);
        }

        if (count != width)
        {
            Unsafe.CopyBlockUnaligned(output, all, (uint)(32 * count));
        }
    }
}
