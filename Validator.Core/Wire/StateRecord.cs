using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>
/// All that enters the executed root after one block (rule P6; FORMATS.md, "Executed root"): its BLAKE3 is the root. Each names
/// the root before it, so a run of them is proven by its last root.
/// </summary>
/// <param name="FirstIndex">Global index of the block's first accepted transaction.</param>
/// <param name="IdsDigest">BLAKE3 of the accepted ids in order.</param>
/// <param name="TrustDigest">Of the trust state; zero where genesis has none, and then it is not encoded.</param>
public readonly record struct StateRecord(
    ulong FirstIndex, uint Accepted, uint Rejected, Hash256 PreviousRoot, Hash256 BlockHash, Hash256 IdsDigest, Hash256 DedupDigest,
    Hash256 NoncesDigest, Hash256 CommitteeDigest, Hash256 TrustDigest = default)
{
    private const byte HasTrust = 1;

    /// <summary>Without trust.</summary>
    public const int LeastSize = 24 + (6 * Hash256.Size);

    public const int MostSize = LeastSize + Hash256.Size;

    public int EncodedSize => TrustDigest.IsZero ? LeastSize : MostSize;

    public Hash256 Root
    {
        get
        {
            Span<byte> encoded = stackalloc byte[MostSize];
            return Hash256.Of(encoded[..Write(encoded)]);
        }
    }

    /// <summary>The digests of a snapshot's parts, by which its chunks are found; that of nothing needs no chunk.</summary>
    public Hash256[] Parts => TrustDigest.IsZero ? [DedupDigest, NoncesDigest] : [DedupDigest, NoncesDigest, TrustDigest];

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
        writer.U8(TrustDigest.IsZero ? (byte)0 : HasTrust);
        writer.Zeros(6);
        writer.U64(FirstIndex);
        writer.U32(Accepted);
        writer.U32(Rejected);
        writer.Hash(PreviousRoot);
        writer.Hash(BlockHash);
        writer.Hash(IdsDigest);
        writer.Hash(DedupDigest);
        writer.Hash(NoncesDigest);
        writer.Hash(CommitteeDigest);
        if (!TrustDigest.IsZero)
        {
            writer.Hash(TrustDigest);
        }
    }

    internal static StateRecord Read(ref WireReader reader)
    {
        reader.Tag(WireTags.ExecutedRoot);
        byte flags = reader.U8();
        reader.Check(flags <= HasTrust, DecodeError.UnknownKind);
        reader.Reserved(6);
        StateRecord record = new(
            reader.U64(), reader.U32(), reader.U32(), reader.Hash(), reader.Hash(), reader.Hash(), reader.Hash(), reader.Hash(), reader.Hash());
        record = flags == HasTrust ? record with { TrustDigest = reader.Hash() } : record;
        // One encoding for each record.
        reader.Check(flags == 0 || !record.TrustDigest.IsZero, DecodeError.ReservedNotZero);
        return record;
    }
}
