using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>
/// All that enters the executed root after one block (rule P6; FORMATS.md, "Executed root"): its BLAKE3 is the root. Each names
/// the root before it, so a run of them is proven by its last root.
/// </summary>
/// <param name="FirstIndex">Global index of the block's first accepted transaction.</param>
/// <param name="IdsDigest">BLAKE3 of the accepted ids in order.</param>
public readonly record struct StateRecord(
    ulong FirstIndex, uint Accepted, uint Rejected, Hash256 PreviousRoot, Hash256 BlockHash, Hash256 IdsDigest, Hash256 DedupDigest,
    Hash256 NoncesDigest, Hash256 CommitteeDigest)
{
    public const int EncodedSize = 24 + (6 * Hash256.Size);

    public Hash256 Root
    {
        get
        {
            Span<byte> encoded = stackalloc byte[EncodedSize];
            Write(encoded);
            return Hash256.Of(encoded);
        }
    }

    /// <summary>The digests of a snapshot's parts, by which its chunks are found; that of nothing needs no chunk.</summary>
    public Hash256[] Parts => [DedupDigest, NoncesDigest];

    /// <summary>The index that the next accepted transaction gets.</summary>
    public ulong NextIndex => FirstIndex + Accepted;

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public int Write(Span<byte> destination)
    {
        WireWriter writer = new(destination);
        Write(ref writer);
        return writer.Written;
    }

    public static bool TryRead(ReadOnlySpan<byte> data, out StateRecord value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader);
        return reader.Finish(out error);
    }

    internal void Write(ref WireWriter writer)
    {
        writer.U8(WireTags.ExecutedRoot);
        writer.Zeros(7);
        writer.U64(FirstIndex);
        writer.U32(Accepted);
        writer.U32(Rejected);
        writer.Hash(PreviousRoot);
        writer.Hash(BlockHash);
        writer.Hash(IdsDigest);
        writer.Hash(DedupDigest);
        writer.Hash(NoncesDigest);
        writer.Hash(CommitteeDigest);
    }

    internal static StateRecord Read(ref WireReader reader)
    {
        reader.Tag(WireTags.ExecutedRoot);
        reader.Reserved(7);
        return new StateRecord(
            reader.U64(), reader.U32(), reader.U32(), reader.Hash(), reader.Hash(), reader.Hash(), reader.Hash(), reader.Hash(), reader.Hash());
    }
}
