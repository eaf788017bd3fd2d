using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>A block body (FORMATS.md, "Block"). The hash is the BLAKE3 of the encoding; the view is not part of it.</summary>
public static class BlockCodec
{
    /// <summary>The committee's size that an encoded block states; 0 where it states none that can be.</summary>
    public static int CommitteeSizeOf(ReadOnlySpan<byte> block) => WireReader.CommitteeSizeOf(block);

    /// <summary>Bytes of a block in a committee of <paramref name="committeeSize"/>.</summary>
    public static int EncodedSize(int committeeSize) => WireSizes.BlockFixed + (committeeSize * WireSizes.LaneTip);

    /// <summary>Builds a block and computes its hash.</summary>
    public static Block Seal(
        ulong epoch,
        ulong sequence,
        Hash256 parent,
        ulong timestampMicros,
        ulong executedSequence,
        Hash256 executedRoot,
        Hash256 nextCommittee,
        LaneTip[] cut)
    {
        Require.That(cut.Length is > 0 and <= Limits.MaxCommittee);
        Span<byte> encoded = stackalloc byte[EncodedSize(Limits.MaxCommittee)];
        WireWriter writer = new(encoded);
        WriteFields(ref writer, epoch, sequence, parent, timestampMicros, executedSequence, executedRoot, nextCommittee, cut);
        return new Block
        {
            Epoch = epoch,
            Sequence = sequence,
            Parent = parent,
            TimestampMicros = timestampMicros,
            ExecutedSequence = executedSequence,
            ExecutedRoot = executedRoot,
            NextCommittee = nextCommittee,
            Cut = cut,
            Hash = Hash256.Of(encoded[..writer.Written]),
        };
    }

    public static bool TryRead(
        ReadOnlySpan<byte> data, int committeeSize, [NotNullWhen(true)] out Block? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, data, committeeSize);
        return reader.Finish(ref value, out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(Block value, Span<byte> destination)
    {
        WireWriter writer = new(destination);
        Write(ref writer, value);
        return writer.Written;
    }

    /// <param name="data">What the reader reads: the hash is taken over the block's bytes as they came.</param>
    internal static Block? Read(ref WireReader reader, ReadOnlySpan<byte> data, int committeeSize)
    {
        int start = reader.Position;
        reader.Tag(WireTags.Block);
        reader.Reserved(1);
        reader.Check(reader.U16() == committeeSize, DecodeError.LaneCountDiffers);
        reader.Reserved(4);
        ulong epoch = reader.U64();
        ulong sequence = reader.U64();
        ulong timestamp = reader.U64();
        ulong executedSequence = reader.U64();
        Hash256 parent = reader.Hash();
        Hash256 executedRoot = reader.Hash();
        Hash256 nextCommittee = reader.Hash();
        reader.Check(sequence > 0, DecodeError.SequenceZero);
        reader.Check(executedSequence < sequence, DecodeError.ExecutedNotBelowSequence);
        reader.Check(!parent.IsZero, DecodeError.ParentZero);
        LaneTip[] cut = reader.Tips(committeeSize);
        if (!reader.Ok)
        {
            return null;
        }

        return new Block
        {
            Epoch = epoch,
            Sequence = sequence,
            Parent = parent,
            TimestampMicros = timestamp,
            ExecutedSequence = executedSequence,
            ExecutedRoot = executedRoot,
            NextCommittee = nextCommittee,
            Cut = cut,
            Hash = Hash256.Of(data[start..reader.Position]),
        };
    }

    internal static void Write(ref WireWriter writer, Block value) =>
        WriteFields(
            ref writer, value.Epoch, value.Sequence, value.Parent, value.TimestampMicros, value.ExecutedSequence,
            value.ExecutedRoot, value.NextCommittee, value.Cut);

    private static void WriteFields(
        ref WireWriter writer,
        ulong epoch,
        ulong sequence,
        in Hash256 parent,
        ulong timestampMicros,
        ulong executedSequence,
        in Hash256 executedRoot,
        in Hash256 nextCommittee,
        LaneTip[] cut)
    {
        writer.U8(WireTags.Block);
        writer.Zeros(1);
        writer.U16(cut.Length);
        writer.Zeros(4);
        writer.U64(epoch);
        writer.U64(sequence);
        writer.U64(timestampMicros);
        writer.U64(executedSequence);
        writer.Hash(parent);
        writer.Hash(executedRoot);
        writer.Hash(nextCommittee);
        writer.Tips(cut);
    }
}
