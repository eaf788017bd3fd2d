using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>How far a peer is; unsigned (FORMATS.md, "Status").</summary>
public static class StatusCodec
{
    public static int EncodedSize(int committeeSize) => WireSizes.StatusFixed + (committeeSize * WireSizes.LaneTip);

    /// <summary>Of any epoch, so of any committee's size.</summary>
    public static bool TryRead(
        ReadOnlySpan<byte> data, [NotNullWhen(true)] out Status? value, out DecodeError error)
    {
        WireReader reader = new(data);
        int lanes = reader.U16();
        reader.Check(lanes is > 0 and <= Limits.MaxCommittee, DecodeError.LaneCountDiffers);
        reader.Reserved(6);
        reader.Need(1, EncodedSize(lanes) - 8);
        value = reader.Ok ? new Status(reader.U64(), reader.U64(), reader.U64(), reader.Tips(lanes)) : null;
        return reader.Finish(ref value, out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(Status value, Span<byte> destination)
    {
        WireWriter writer = new(destination);
        writer.U16(value.Tips.Length);
        writer.Zeros(6);
        writer.U64(value.Epoch);
        writer.U64(value.View);
        writer.U64(value.FinalSequence);
        writer.Tips(value.Tips);
        return writer.Written;
    }
}

/// <summary>A request to a peer, and its echo in NotFound (FORMATS.md, "FetchRequest"). Unused fields are zero.</summary>
public static class FetchRequestCodec
{
    public const int EncodedSize = WireSizes.FetchRequest;

    /// <summary>Most items that one request may ask for; the answerer may give fewer.</summary>
    public const uint MaxCount = 1024;

    /// <summary>Of any epoch: the author is a member of that epoch's committee.</summary>
    public static bool TryRead(ReadOnlySpan<byte> data, out FetchRequest value, out DecodeError error)
    {
        WireReader reader = new(data);
        FetchKind kind = (FetchKind)reader.U8();
        reader.Reserved(1);
        int author = reader.Member(Limits.MaxCommittee);
        uint count = reader.U32();
        value = new FetchRequest(kind, reader.U64(), author, reader.U64(), count, reader.Hash());
        reader.Check(kind is >= FetchKind.Vertices and <= FetchKind.Chunk, DecodeError.UnknownKind);
        reader.Check(IsWellFormed(value), DecodeError.FetchMalformed);
        if (reader.Finish(out error))
        {
            return true;
        }

        value = default;
        return false;
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(in FetchRequest value, Span<byte> destination)
    {
        WireWriter writer = new(destination);
        writer.U8((byte)value.Kind);
        writer.Zeros(1);
        writer.U16(value.Author);
        writer.U32(value.Count);
        writer.U64(value.Epoch);
        writer.U64(value.Sequence);
        writer.Hash(value.Hash);
        return writer.Written;
    }

    private static bool IsWellFormed(in FetchRequest request)
    {
        bool byHash = request.Kind is FetchKind.Vertices or FetchKind.Block or FetchKind.Chunk;
        return byHash != request.Hash.IsZero && request.Count <= MaxCount;
    }
}

/// <summary>The request again, and the oldest block that the answerer keeps (FORMATS.md, "NotFound").</summary>
public static class NotFoundCodec
{
    public const int EncodedSize = WireSizes.FetchRequest + sizeof(ulong);

    public static bool TryRead(ReadOnlySpan<byte> data, out FetchRequest value, out ulong firstKept, out DecodeError error)
    {
        firstKept = 0;
        int split = Math.Min(data.Length, WireSizes.FetchRequest);
        if (!FetchRequestCodec.TryRead(data[..split], out value, out error))
        {
            return false;
        }

        WireReader reader = new(data[split..]);
        firstKept = reader.U64();
        reader.Check(firstKept > 0, DecodeError.SequenceZero);
        return reader.Finish(out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(in FetchRequest value, ulong firstKept, Span<byte> destination)
    {
        WireWriter writer = new(destination[FetchRequestCodec.Write(value, destination)..]);
        writer.U64(firstKept);
        return EncodedSize;
    }
}

/// <summary>Final blocks in sequence, each the child of the one before, and a commit certificate of the last.</summary>
public static class FinalBlocksCodec
{
    public static int EncodedSize(FinalBlocks value) =>
        WireSizes.FinalBlocksFixed + (value.Blocks.Length * BlockCodec.EncodedSize(value.Blocks[0].Cut.Length))
        + CertificateCodec.EncodedSize(value.Certificate);

    public static bool TryRead(
        ReadOnlySpan<byte> data, int committeeSize, [NotNullWhen(true)] out FinalBlocks? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, data, committeeSize);
        return reader.Finish(ref value, out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(FinalBlocks value, Span<byte> destination)
    {
        Require.That(value.Blocks.Length is > 0 and <= FrameLimits.MaxFinalBlocks);
        WireWriter writer = new(destination);
        writer.U16(value.Blocks.Length);
        writer.Zeros(6);
        foreach (Block block in value.Blocks)
        {
            BlockCodec.Write(ref writer, block);
        }

        CertificateCodec.Write(ref writer, value.Certificate);
        return writer.Written;
    }

    private static FinalBlocks? Read(ref WireReader reader, ReadOnlySpan<byte> data, int committeeSize)
    {
        int count = reader.U16();
        reader.Reserved(6);
        reader.Check(count is > 0 and <= FrameLimits.MaxFinalBlocks, DecodeError.BlockCount);
        reader.Need(count, BlockCodec.EncodedSize(committeeSize));
        if (!reader.Ok)
        {
            return null;
        }

        Block[] blocks = new Block[count];
        for (int i = 0; i < count; i++)
        {
            Block? block = BlockCodec.Read(ref reader, data, committeeSize);
            if (block is null)
            {
                return null;
            }

            bool chained = i == 0 || (block.Parent == blocks[i - 1].Hash
                && block.Epoch == blocks[i - 1].Epoch && block.Sequence == blocks[i - 1].Sequence + 1);
            reader.Check(chained, DecodeError.ChainBroken);
            blocks[i] = block;
        }

        Certificate? certificate = CertificateCodec.Read(ref reader, committeeSize);
        if (certificate is null)
        {
            return null;
        }

        reader.Check(certificate.Proves(blocks[^1]), DecodeError.ChainBroken);
        return new FinalBlocks(blocks, certificate);
    }
}
