using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>
/// A vertex: header, signature, payload (FORMATS.md, "Vertex"). The hash is the BLAKE3 of the header's encoding; what is
/// signed is the <see cref="SignedHeader"/> that <see cref="HeaderToSign"/> gives.
/// </summary>
public static class VertexCodec
{
    /// <summary>Bytes of a header in a committee of <paramref name="committeeSize"/>.</summary>
    public static int HeaderSize(int committeeSize) => WireSizes.VertexFixed + (committeeSize * WireSizes.LaneTip);

    /// <summary>The committee's size that an encoded header states; 0 where it states none that can be.</summary>
    public static int CommitteeSizeOf(ReadOnlySpan<byte> header) => WireReader.CommitteeSizeOf(header);

    /// <summary>Bytes of header, signature and payload.</summary>
    public static int EncodedSize(VertexHeader header) =>
        HeaderSize(header.Parents.Length) + Limits.SignatureBytes + (int)header.PayloadBytes;

    /// <summary>Builds a header and computes its hash. The arguments are our own and must satisfy the format's rules.</summary>
    public static VertexHeader Seal(
        ulong epoch,
        int author,
        ulong height,
        Hash256 predecessor,
        LaneTip[] parents,
        Hash256 transactionRoot,
        uint payloadBytes,
        uint transactionCount)
    {
        Require.That((uint)author < (uint)parents.Length && parents.Length <= Limits.MaxCommittee);
        Require.That(height > 0 && (height == 1) == predecessor.IsZero);
        Require.That(parents[author] == default);
        Require.That(CountFits(payloadBytes, transactionCount) && payloadBytes <= Limits.MaxVertexPayloadBytes);
        Span<byte> encoded = stackalloc byte[HeaderSize(Limits.MaxCommittee)];
        WireWriter writer = new(encoded);
        WriteFields(ref writer, epoch, author, height, predecessor, parents, transactionRoot, payloadBytes, transactionCount);
        return new VertexHeader
        {
            Epoch = epoch,
            Author = author,
            Height = height,
            Predecessor = predecessor,
            Parents = parents,
            TransactionRoot = transactionRoot,
            PayloadBytes = payloadBytes,
            TransactionCount = transactionCount,
            Hash = Hash256.Of(encoded[..writer.Written]),
        };
    }

    /// <summary>What the author signs.</summary>
    public static SignedHeader HeaderToSign(VertexHeader header) =>
        new(MessageKind.Vertex, header.Author, header.Epoch, 0, header.Height, header.Hash);

    /// <summary>Reads header, signature and payload; the payload is left where it is.</summary>
    /// <param name="payloadOffset">
    /// Where the payload starts in <paramref name="data"/>; it has header.PayloadBytes and ends the data.
    /// </param>
    public static bool TryRead(
        ReadOnlySpan<byte> data,
        int committeeSize,
        [NotNullWhen(true)] out VertexHeader? header,
        [NotNullWhen(true)] out byte[]? signature,
        out int payloadOffset,
        out DecodeError error)
    {
        WireReader reader = new(data);
        header = ReadHeader(ref reader, data, committeeSize);
        reader.Need(1, Limits.SignatureBytes);
        signature = null;
        payloadOffset = 0;
        if (header is null || !reader.Ok)
        {
            header = null;
            error = reader.Error;
            return false;
        }

        int left = reader.Remaining - Limits.SignatureBytes;
        if (left != header.PayloadBytes)
        {
            error = left < header.PayloadBytes ? DecodeError.Truncated : DecodeError.TrailingBytes;
            header = null;
            return false;
        }

        signature = reader.Signature();
        payloadOffset = reader.Position;
        error = DecodeError.None;
        return true;
    }

    /// <summary>Reads a header alone, as stores keep it.</summary>
    public static bool TryReadHeader(
        ReadOnlySpan<byte> data, int committeeSize, [NotNullWhen(true)] out VertexHeader? header, out DecodeError error)
    {
        WireReader reader = new(data);
        header = ReadHeader(ref reader, data, committeeSize);
        return reader.Finish(ref header, out error);
    }

    /// <returns>Bytes written: <see cref="HeaderSize"/>.</returns>
    public static int WriteHeader(VertexHeader header, Span<byte> destination)
    {
        WireWriter writer = new(destination);
        WriteHeader(ref writer, header);
        return writer.Written;
    }

    internal static void WriteHeader(ref WireWriter writer, VertexHeader header) => WriteFields(
        ref writer, header.Epoch, header.Author, header.Height, header.Predecessor, header.Parents, header.TransactionRoot,
        header.PayloadBytes, header.TransactionCount);

    /// <summary>Header and signature; the payload follows, so that it need not be copied.</summary>
    public static int WritePrefix(VertexHeader header, byte[] signature, Span<byte> destination)
    {
        int written = WriteHeader(header, destination);
        WireWriter writer = new(destination[written..]);
        writer.Signature(signature);
        return written + writer.Written;
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(VertexHeader header, byte[] signature, ReadOnlySpan<byte> payload, Span<byte> destination)
    {
        Require.That(payload.Length == header.PayloadBytes);
        int written = WritePrefix(header, signature, destination);
        payload.CopyTo(destination[written..]);
        return written + payload.Length;
    }

    // A transaction takes at least six bytes, so a count bounded by the size bounds every later allocation.
    private static bool CountFits(uint payloadBytes, uint count) =>
        (count == 0) == (payloadBytes == 0) && count <= payloadBytes / (Limits.TransactionFramingBytes + 1);

    internal static VertexHeader? ReadHeader(ref WireReader reader, ReadOnlySpan<byte> data, int committeeSize)
    {
        int start = reader.Position;
        reader.Tag(WireTags.Vertex);
        reader.Reserved(1);
        reader.Check(reader.U16() == committeeSize, DecodeError.LaneCountDiffers);
        int author = reader.Member(committeeSize);
        reader.Reserved(2);
        ulong epoch = reader.U64();
        ulong height = reader.U64();
        uint payloadBytes = reader.U32();
        uint count = reader.U32();
        Hash256 predecessor = reader.Hash();
        Hash256 root = reader.Hash();
        reader.Check(height > 0, DecodeError.HeightZero);
        reader.Check((height == 1) == predecessor.IsZero, DecodeError.PredecessorMalformed);
        reader.Check(payloadBytes <= Limits.MaxVertexPayloadBytes, DecodeError.PayloadTooLarge);
        reader.Check(CountFits(payloadBytes, count), DecodeError.TransactionCount);
        LaneTip[] parents = reader.Tips(committeeSize);
        reader.Check(reader.Ok && parents[author] == default, DecodeError.OwnParentNotZero);
        if (!reader.Ok)
        {
            return null;
        }

        return new VertexHeader
        {
            Epoch = epoch,
            Author = author,
            Height = height,
            Predecessor = predecessor,
            Parents = parents,
            TransactionRoot = root,
            PayloadBytes = payloadBytes,
            TransactionCount = count,
            Hash = Hash256.Of(data[start..reader.Position]),
        };
    }

    private static void WriteFields(
        ref WireWriter writer,
        ulong epoch,
        int author,
        ulong height,
        in Hash256 predecessor,
        LaneTip[] parents,
        in Hash256 transactionRoot,
        uint payloadBytes,
        uint transactionCount)
    {
        writer.U8(WireTags.Vertex);
        writer.Zeros(1);
        writer.U16(parents.Length);
        writer.U16(author);
        writer.Zeros(2);
        writer.U64(epoch);
        writer.U64(height);
        writer.U32(payloadBytes);
        writer.U32(transactionCount);
        writer.Hash(predecessor);
        writer.Hash(transactionRoot);
        writer.Tips(parents);
    }
}
