using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>
/// What proves a snapshot of the executed state at a block (FORMATS.md, "SnapshotManifest"). A commit certificate covers a block
/// that states the last record's root; each record names the root before it; the record of the snapshot's block names its hash
/// and the digests that its chunks are checked by.
/// </summary>
/// <param name="FirstRecord">The sequence of <c>Records[0]</c>; then one for each block.</param>
/// <param name="Anchor">The block whose state this is.</param>
/// <param name="Certified">From the first block that states the last record's root to the one with the certificate.</param>
/// <param name="Pending">A committee change that is pending in this state.</param>
public sealed record SnapshotManifest(
    ulong FirstRecord, StateRecord[] Records, Block Anchor, Block[] Certified, Certificate Certificate, PendingCommittee? Pending = null) : IMessage
{
    FrameType IMessage.Type => FrameType.SnapshotManifest;

    /// <summary>Whose committee certifies it; the anchor may be the last block of the epoch before.</summary>
    public ulong Epoch => Certified[0].Epoch;

    public ulong Sequence => Anchor.Sequence;

    /// <summary>The state after <see cref="Anchor"/>.</summary>
    public ref readonly StateRecord State => ref Records[Sequence - FirstRecord];
}

public static class SnapshotManifestCodec
{
    /// <summary>State records in one manifest, most; roots of a window and more, and the way to the one that is stated.</summary>
    public const int MaxRecords = 1024;

    public const int MaxCertified = 128;

    private const int FixedBytes = 32;
    private const byte HasPending = 1;

    public static int EncodedSize(SnapshotManifest value) => FixedBytes + value.Records.Sum(r => r.EncodedSize)
        + BlockCodec.EncodedSize(value.Anchor.Cut.Length) + (value.Certified.Length * BlockCodec.EncodedSize(value.Certified[0].Cut.Length))
        + CertificateCodec.EncodedSize(value.Certificate)
        + (value.Pending is { } pending ? sizeof(ulong) + GenesisCodec.MembersSize(pending.Members) : 0);

    // Committees change by one member at a time.
    internal static int MaxBytes(int committeeSize) => FixedBytes + (MaxRecords * StateRecord.MostSize)
        + ((1 + MaxCertified) * BlockCodec.EncodedSize(committeeSize)) + WireSizes.LaneTip + CertificateCodec.EncodedSize(committeeSize)
        + sizeof(ulong) + GenesisCodec.MaxMembersSize(committeeSize + 1);

    public static bool TryRead(
        ReadOnlySpan<byte> data, int committeeSize, [NotNullWhen(true)] out SnapshotManifest? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, data, committeeSize);
        return reader.Finish(ref value, out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(SnapshotManifest value, Span<byte> destination)
    {
        Require.That(value.Records.Length is > 0 and <= MaxRecords && value.Certified.Length is > 0 and <= MaxCertified);
        WireWriter writer = new(destination);
        writer.U8(WireTags.Manifest);
        writer.U8(value.Pending is null ? (byte)0 : HasPending);
        writer.U16(value.Certified[0].Cut.Length);
        writer.U16(value.Records.Length);
        writer.U16(value.Certified.Length);
        writer.U64(value.Epoch);
        writer.U64(value.FirstRecord);
        writer.U16(value.Anchor.Epoch == value.Epoch ? 0 : value.Anchor.Cut.Length);
        writer.Zeros(6);
        foreach (ref readonly StateRecord record in value.Records.AsSpan())
        {
            record.Write(ref writer);
        }

        BlockCodec.Write(ref writer, value.Anchor);
        foreach (Block block in value.Certified)
        {
            BlockCodec.Write(ref writer, block);
        }

        CertificateCodec.Write(ref writer, value.Certificate);
        if (value.Pending is { } pending)
        {
            writer.U64(pending.Sequence);
            GenesisCodec.WriteMembers(ref writer, pending.Members);
        }

        return writer.Written;
    }

    private static SnapshotManifest? Read(ref WireReader reader, ReadOnlySpan<byte> data, int committeeSize)
    {
        reader.Tag(WireTags.Manifest);
        byte flags = reader.U8();
        reader.Check(flags <= HasPending, DecodeError.UnknownKind);
        reader.Check(reader.U16() == committeeSize, DecodeError.LaneCountDiffers);
        int records = reader.U16();
        int certified = reader.U16();
        ulong epoch = reader.U64();
        ulong first = reader.U64();
        int anchorLanes = reader.U16();
        reader.Reserved(6);
        reader.Check(anchorLanes <= Limits.MaxCommittee, DecodeError.LaneCountDiffers);
        reader.Check(records is > 0 and <= MaxRecords && certified is > 0 and <= MaxCertified, DecodeError.BlockCount);
        reader.Check(first > 0 && first <= ulong.MaxValue - MaxRecords, DecodeError.SequenceZero);
        reader.Need(records, StateRecord.LeastSize);
        if (!reader.Ok)
        {
            return null;
        }

        StateRecord[] states = new StateRecord[records];
        for (int i = 0; i < records; i++)
        {
            states[i] = StateRecord.Read(ref reader);
            reader.Check(i == 0 || states[i].PreviousRoot == states[i - 1].Root, DecodeError.ChainBroken);
        }

        Block? anchor = BlockCodec.Read(ref reader, data, anchorLanes == 0 ? committeeSize : anchorLanes);
        Block[]? chain = ReadCertified(ref reader, data, committeeSize, certified);
        Certificate? certificate = chain is null ? null : CertificateCodec.Read(ref reader, committeeSize);
        if (anchor is null || chain is null || certificate is null)
        {
            return null;
        }

        PendingCommittee? pending = flags == HasPending ? ReadPending(ref reader) : null;
        reader.Check(anchorLanes == 0 ? anchor.Epoch == epoch : anchor.Epoch != epoch, DecodeError.ChainBroken);
        Check(ref reader, epoch, first, states, anchor, chain, certificate);
        return new SnapshotManifest(first, states, anchor, chain, certificate, pending);
    }

    private static PendingCommittee? ReadPending(ref WireReader reader)
    {
        ulong since = reader.U64();
        Member[]? members = GenesisCodec.ReadMembers(ref reader);
        reader.Check(members is not null && GenesisCodec.MembersRefusal(members) is null, DecodeError.ChangeMalformed);
        return members is null ? null : new PendingCommittee(since, members);
    }

    private static Block[]? ReadCertified(ref WireReader reader, ReadOnlySpan<byte> data, int committeeSize, int count)
    {
        reader.Need(count, BlockCodec.EncodedSize(committeeSize));
        if (!reader.Ok)
        {
            return null;
        }

        Block[] chain = new Block[count];
        for (int i = 0; i < count; i++)
        {
            if (BlockCodec.Read(ref reader, data, committeeSize) is not { } block)
            {
                return null;
            }

            bool chained = i == 0 || (block.Parent == chain[i - 1].Hash
                && block.Epoch == chain[i - 1].Epoch && block.Sequence == chain[i - 1].Sequence + 1);
            reader.Check(chained, DecodeError.ChainBroken);
            chain[i] = block;
        }

        return chain;
    }

    /// <summary>Certificate, stated root, record, anchor: each names the one before.</summary>
    private static void Check(
        ref WireReader reader, ulong epoch, ulong first, StateRecord[] states, Block anchor, Block[] chain, Certificate certificate)
    {
        Block last = chain[^1];
        bool stated = chain[0].ExecutedSequence == first + (ulong)(states.Length - 1) && chain[0].ExecutedRoot == states[^1].Root;
        bool follows = anchor.Epoch == epoch || (anchor.Epoch + 1 == epoch && anchor.EndsEpoch);
        bool anchored = follows && chain[0].Epoch == epoch && anchor.Sequence >= first
            && anchor.Sequence - first < (ulong)states.Length && states[anchor.Sequence - first].BlockHash == anchor.Hash;
        reader.Check(certificate.Proves(last) && stated && anchored, DecodeError.ChainBroken);
    }
}

/// <summary>A piece of a snapshot, found and checked by its hash (FORMATS.md, "SnapshotChunk").</summary>
/// <param name="Sequence">The snapshot's block.</param>
/// <param name="Hash">BLAKE3 that the bytes must have; whether they do, the receiver checks.</param>
public sealed record SnapshotChunk(ulong Epoch, ulong Sequence, Hash256 Hash, byte[] Data) : IMessage
{
    FrameType IMessage.Type => FrameType.SnapshotChunk;
}

public static class SnapshotChunkCodec
{
    /// <summary>The longest: the digests of the largest dedup window's segments.</summary>
    public const int MaxData = ((1 << 24) / Limits.DedupSegmentIds + 1) * Hash256.Size;

    private const int FixedBytes = 24 + Hash256.Size;

    internal const int MaxBytes = FixedBytes + MaxData;

    public static int EncodedSize(SnapshotChunk value) => FixedBytes + value.Data.Length;

    public static bool TryRead(ReadOnlySpan<byte> data, [NotNullWhen(true)] out SnapshotChunk? value, out DecodeError error)
    {
        WireReader reader = new(data);
        uint length = reader.U32();
        reader.Reserved(4);
        ulong epoch = reader.U64();
        ulong sequence = reader.U64();
        Hash256 hash = reader.Hash();
        reader.Check(sequence > 0, DecodeError.SequenceZero);
        reader.Check(length is > 0 and <= MaxData && length == reader.Remaining, DecodeError.PayloadSize);
        value = reader.Ok ? new SnapshotChunk(epoch, sequence, hash, reader.Take((int)length).ToArray()) : null;
        return reader.Finish(ref value, out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(SnapshotChunk value, Span<byte> destination)
    {
        Require.That(value.Data.Length is > 0 and <= MaxData);
        WireWriter writer = new(destination);
        writer.U32((uint)value.Data.Length);
        writer.Zeros(4);
        writer.U64(value.Epoch);
        writer.U64(value.Sequence);
        writer.Hash(value.Hash);
        writer.Bytes(value.Data);
        return writer.Written;
    }
}
