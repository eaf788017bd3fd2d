using System.Diagnostics.CodeAnalysis;
using Validator.Core.Execution;
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
public sealed record SnapshotManifest(
    ulong FirstRecord, StateRecord[] Records, Block Anchor, Block[] Certified, Certificate Certificate)
{
    public ulong Epoch => Anchor.Epoch;

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

    public static int EncodedSize(SnapshotManifest value) => FixedBytes + (value.Records.Length * StateRecord.EncodedSize)
        + ((1 + value.Certified.Length) * BlockCodec.EncodedSize(value.Anchor.Cut.Length)) + CertificateCodec.EncodedSize(value.Certificate);

    internal static int MaxBytes(int committeeSize) => FixedBytes + (MaxRecords * StateRecord.EncodedSize)
        + ((1 + MaxCertified) * BlockCodec.EncodedSize(committeeSize)) + CertificateCodec.EncodedSize(committeeSize);

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
        writer.Zeros(1);
        writer.U16(value.Anchor.Cut.Length);
        writer.U16(value.Records.Length);
        writer.U16(value.Certified.Length);
        writer.U64(value.Epoch);
        writer.U64(value.FirstRecord);
        writer.Zeros(8);
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
        return writer.Written;
    }

    private static SnapshotManifest? Read(ref WireReader reader, ReadOnlySpan<byte> data, int committeeSize)
    {
        reader.Tag(WireTags.Manifest);
        reader.Reserved(1);
        reader.Check(reader.U16() == committeeSize, DecodeError.LaneCountDiffers);
        int records = reader.U16();
        int certified = reader.U16();
        ulong epoch = reader.U64();
        ulong first = reader.U64();
        reader.Reserved(8);
        reader.Check(records is > 0 and <= MaxRecords && certified is > 0 and <= MaxCertified, DecodeError.BlockCount);
        reader.Check(first > 0 && first <= ulong.MaxValue - MaxRecords, DecodeError.SequenceZero);
        reader.Need(records, StateRecord.EncodedSize);
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

        Block? anchor = BlockCodec.Read(ref reader, data, committeeSize);
        Block[]? chain = ReadCertified(ref reader, data, committeeSize, certified);
        Certificate? certificate = chain is null ? null : CertificateCodec.Read(ref reader, committeeSize);
        if (anchor is null || chain is null || certificate is null)
        {
            return null;
        }

        Check(ref reader, epoch, first, states, anchor, chain, certificate);
        return new SnapshotManifest(first, states, anchor, chain, certificate);
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
        bool covers = certificate.Phase == Phase.Committed && certificate.Epoch == last.Epoch
            && certificate.Sequence == last.Sequence && certificate.BlockHash == last.Hash;
        bool stated = chain[0].ExecutedSequence == first + (ulong)(states.Length - 1) && chain[0].ExecutedRoot == states[^1].Root;
        bool anchored = anchor.Epoch == epoch && chain[0].Epoch == epoch && anchor.Sequence >= first
            && anchor.Sequence - first < (ulong)states.Length && states[anchor.Sequence - first].BlockHash == anchor.Hash;
        reader.Check(covers && stated && anchored, DecodeError.ChainBroken);
    }
}

/// <summary>A piece of a snapshot, found and checked by its hash (FORMATS.md, "SnapshotChunk").</summary>
/// <param name="Sequence">The snapshot's block.</param>
/// <param name="Hash">BLAKE3 that the bytes must have; whether they do, the receiver checks.</param>
public sealed record SnapshotChunk(ulong Epoch, ulong Sequence, Hash256 Hash, byte[] Data);

public static class SnapshotChunkCodec
{
    /// <summary>The longest: the digests of the largest dedup window's segments.</summary>
    public const int MaxData = ((1 << 24) / DedupWindow.SegmentIds + 1) * Hash256.Size;

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
