using System.Buffers.Binary;
using Validator.Crypto.Simd;

namespace Validator.Host.Storage.Log;

/// <summary>
/// What a block of the log says of itself. Layout, little-endian: 32 bytes keyed BLAKE3 of all that follows; u64 number, life,
/// commit; u32 index, count, bytes, zero; u64 first block needed, its commit; data, zeros.
/// </summary>
/// <param name="Number">Blocks written before it, over all laps: its place is the remainder by the log's length.</param>
/// <param name="Life">Of the process that wrote it: later ones are higher, and no two are equal.</param>
/// <param name="Commit">The commit that it is part of, counted from 1.</param>
/// <param name="Index">Its place in the commit.</param>
/// <param name="Count">The commit's blocks.</param>
/// <param name="Bytes">The commit's data.</param>
/// <param name="NeededNumber">The database held all before this block when the commit was written.</param>
/// <param name="NeededCommit">The commit that begins there.</param>
internal readonly record struct LogBlock(
    ulong Number, ulong Life, ulong Commit, uint Index, uint Count, uint Bytes, ulong NeededNumber, ulong NeededCommit)
{
    public const int Size = 4096;
    public const int HeaderBytes = 88;
    public const int DataBytes = Size - HeaderBytes;

    /// <summary>Blocks whose sums are made at once.</summary>
    private const int Sealed = 16;

    /// <summary>Writes what a block says, before its data or behind it.</summary>
    public void Write(Span<byte> block)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(block[32..], Number);
        BinaryPrimitives.WriteUInt64LittleEndian(block[40..], Life);
        BinaryPrimitives.WriteUInt64LittleEndian(block[48..], Commit);
        BinaryPrimitives.WriteUInt32LittleEndian(block[56..], Index);
        BinaryPrimitives.WriteUInt32LittleEndian(block[60..], Count);
        BinaryPrimitives.WriteUInt32LittleEndian(block[64..], Bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(block[68..], 0);
        BinaryPrimitives.WriteUInt64LittleEndian(block[72..], NeededNumber);
        BinaryPrimitives.WriteUInt64LittleEndian(block[80..], NeededCommit);
    }

    /// <summary>Writes the sums of whole blocks whose data and headers are in place.</summary>
    public static void Seal(ReadOnlySpan<byte> key, Span<byte> blocks)
    {
        Span<byte> sums = stackalloc byte[Sealed * Blake3.OutputBytes];
        while (!blocks.IsEmpty)
        {
            int count = Math.Min(Sealed, blocks.Length / Size);
            Blake3.KeyedHashEach(key, blocks[Blake3.OutputBytes..(count * Size)], Size - Blake3.OutputBytes, Size, count, sums);
            for (int i = 0; i < count; i++)
            {
                sums.Slice(i * Blake3.OutputBytes, Blake3.OutputBytes).CopyTo(blocks[(i * Size)..]);
            }

            blocks = blocks[(count * Size)..];
        }
    }

    /// <summary>What a block says, if it is one of this log's and whole.</summary>
    public static bool TryRead(ReadOnlySpan<byte> key, ReadOnlySpan<byte> block, out LogBlock read)
    {
        read = new LogBlock(
            BinaryPrimitives.ReadUInt64LittleEndian(block[32..]), BinaryPrimitives.ReadUInt64LittleEndian(block[40..]),
            BinaryPrimitives.ReadUInt64LittleEndian(block[48..]), BinaryPrimitives.ReadUInt32LittleEndian(block[56..]),
            BinaryPrimitives.ReadUInt32LittleEndian(block[60..]), BinaryPrimitives.ReadUInt32LittleEndian(block[64..]),
            BinaryPrimitives.ReadUInt64LittleEndian(block[72..]), BinaryPrimitives.ReadUInt64LittleEndian(block[80..]));
        // Most of a young log is zeros: no need to hash them.
        if (read.Commit == 0)
        {
            return false;
        }

        Span<byte> sum = stackalloc byte[Blake3.OutputBytes];
        Blake3.KeyedHash(key, block[Blake3.OutputBytes..Size], sum);
        return sum.SequenceEqual(block[..Blake3.OutputBytes]);
    }
}
