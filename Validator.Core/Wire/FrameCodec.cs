using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>Frames: one byte of type, then the body (FORMATS.md, "Frames").</summary>
public static class FrameCodec
{
    /// <summary>
    /// Decodes one whole frame. Nothing is copied but signatures; a vertex's payload stays in <paramref name="data"/>.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> data, int committeeSize, [NotNullWhen(true)] out IMessage? message, out DecodeError error)
    {
        message = null;
        if (data.IsEmpty)
        {
            error = DecodeError.Truncated;
            return false;
        }

        if (data.Length > FrameLimits.MaxFrameBytes(committeeSize))
        {
            error = DecodeError.FrameTooLarge;
            return false;
        }

        message = Read((FrameType)data[0], data[1..], committeeSize, out error);
        return message is not null;
    }

    /// <summary>
    /// The epoch of a frame, before it is decoded: every body has it at byte 8, but FinalBlocks in its first block.
    /// False for a frame too short to have one; decoding says what is wrong with it.
    /// </summary>
    public static bool TryPeekEpoch(ReadOnlySpan<byte> data, out ulong epoch)
    {
        int offset = 1 + (!data.IsEmpty && data[0] == (byte)FrameType.FinalBlocks ? WireSizes.FinalBlocksFixed : 0) + 8;
        bool has = data.Length >= offset + sizeof(ulong);
        epoch = has ? BinaryPrimitives.ReadUInt64LittleEndian(data[offset..]) : 0;
        return has;
    }

    /// <summary>Bytes of the frame, type and, for a vertex, payload included.</summary>
    public static int EncodedSize(IMessage message) => 1 + message switch
    {
        SignedVertex vertex => VertexCodec.EncodedSize(vertex.Vertex),
        PrePrepare proposal => SignedCodec.EncodedSize + BlockCodec.EncodedSize(proposal.Block.Cut.Length),
        Signed => SignedCodec.EncodedSize,
        ViewChange change => ViewChangeCodec.EncodedSize(change),
        NewView newView => NewViewCodec.EncodedSize(newView),
        Certificate certificate => CertificateCodec.EncodedSize(certificate),
        Block block => BlockCodec.EncodedSize(block.Cut.Length),
        FinalBlocks blocks => FinalBlocksCodec.EncodedSize(blocks),
        Evidence => EvidenceCodec.EncodedSize,
        Status status => StatusCodec.EncodedSize(status.Tips.Length),
        FetchRequest => FetchRequestCodec.EncodedSize,
        NotFound => NotFoundCodec.EncodedSize,
        SnapshotManifest manifest => SnapshotManifestCodec.EncodedSize(manifest),
        SnapshotChunk chunk => SnapshotChunkCodec.EncodedSize(chunk),
        EpochEnd end => EpochEndCodec.EncodedSize(end),
        _ => throw Unknown(message),
    };

    /// <summary>Encodes a frame; a vertex's payload is left to the caller, who puts it right behind.</summary>
    /// <returns>Bytes written: <see cref="EncodedSize"/>, less a vertex's payload.</returns>
    public static int Write(IMessage message, Span<byte> destination)
    {
        destination[0] = (byte)message.Type;
        Span<byte> body = destination[1..];
        return 1 + message switch
        {
            SignedVertex vertex => VertexCodec.WritePrefix(vertex.Vertex, vertex.Signature, body),
            PrePrepare proposal => WritePrePrepare(proposal, body),
            Signed signed => SignedCodec.Write(signed, body),
            ViewChange change => ViewChangeCodec.Write(change, body),
            NewView newView => NewViewCodec.Write(newView, body),
            Certificate certificate => CertificateCodec.Write(certificate, body),
            Block block => BlockCodec.Write(block, body),
            FinalBlocks blocks => FinalBlocksCodec.Write(blocks, body),
            Evidence evidence => EvidenceCodec.Write(evidence, body),
            Status status => StatusCodec.Write(status, body),
            FetchRequest request => FetchRequestCodec.Write(request, body),
            NotFound notFound => NotFoundCodec.Write(notFound.Request, notFound.FirstKept, body),
            SnapshotManifest manifest => SnapshotManifestCodec.Write(manifest, body),
            SnapshotChunk chunk => SnapshotChunkCodec.Write(chunk, body),
            EpochEnd end => EpochEndCodec.Write(end, body),
            _ => throw Unknown(message),
        };
    }

    /// <summary>What stands before a vertex's payload in its frame, without an object for it.</summary>
    /// <returns>Bytes written.</returns>
    public static int WriteVertexHead(VertexHeader vertex, byte[] signature, Span<byte> destination)
    {
        destination[0] = (byte)FrameType.Vertex;
        return 1 + VertexCodec.WritePrefix(vertex, signature, destination[1..]);
    }

    private static InvariantViolationException Unknown(IMessage message) => new($"no codec for a {message.GetType().Name}");

    private static IMessage? Read(FrameType type, ReadOnlySpan<byte> body, int n, out DecodeError error)
    {
        switch (type)
        {
            case FrameType.Vertex:
                return VertexCodec.TryRead(body, n, out VertexHeader? vertex, out byte[]? signature, out _, out error)
                    ? SignedVertex.Of(vertex, signature)
                    : null;
            case FrameType.PrePrepare:
                return ReadPrePrepare(body, n, out error);
            case FrameType.Vote or FrameType.Stop:
                return SignedCodec.TryRead(body, n, out Signed? signed, out error) && KindFits(type, signed.Header.Kind, out error) ? signed : null;
            case FrameType.ViewChange:
                return ViewChangeCodec.TryRead(body, n, out ViewChange? change, out error) ? change : null;
            case FrameType.NewView:
                return NewViewCodec.TryRead(body, n, out NewView? newView, out error) ? newView : null;
            case FrameType.Certificate:
                return CertificateCodec.TryRead(body, n, out Certificate? certificate, out error) ? certificate : null;
            case FrameType.Block:
                return BlockCodec.TryRead(body, n, out Block? block, out error) ? block : null;
            case FrameType.FinalBlocks:
                return FinalBlocksCodec.TryRead(body, n, out FinalBlocks? blocks, out error) ? blocks : null;
            case FrameType.Evidence:
                return EvidenceCodec.TryRead(body, n, out Evidence? evidence, out error) ? evidence : null;
            case FrameType.Status:
                return StatusCodec.TryRead(body, out Status? status, out error) ? status : null;
            case FrameType.FetchRequest:
                return FetchRequestCodec.TryRead(body, out FetchRequest request, out error) ? request : null;
            case FrameType.NotFound:
                return NotFoundCodec.TryRead(body, out FetchRequest asked, out ulong firstKept, out error) ? new NotFound(asked, firstKept) : null;
            case FrameType.SnapshotManifest:
                return SnapshotManifestCodec.TryRead(body, n, out SnapshotManifest? manifest, out error) ? manifest : null;
            case FrameType.SnapshotChunk:
                return SnapshotChunkCodec.TryRead(body, out SnapshotChunk? chunk, out error) ? chunk : null;
            case FrameType.EpochEnd:
                return EpochEndCodec.TryRead(body, n, out EpochEnd? end, out error) ? end : null;
            default:
                error = DecodeError.UnknownFrameType;
                return null;
        }
    }

    private static bool KindFits(FrameType type, MessageKind kind, out DecodeError error)
    {
        bool fits = type == FrameType.Stop ? kind == MessageKind.Stop : kind is MessageKind.Prepare or MessageKind.Commit;
        error = fits ? DecodeError.None : DecodeError.WrongMessageKind;
        return fits;
    }

    private static PrePrepare? ReadPrePrepare(ReadOnlySpan<byte> body, int n, out DecodeError error)
    {
        int split = Math.Min(body.Length, SignedCodec.EncodedSize);
        if (!SignedCodec.TryRead(body[..split], n, out SignedHeader header, out byte[]? signature, out error)
            || !BlockCodec.TryRead(body[split..], n, out Block? block, out error))
        {
            return null;
        }

        error = header.Kind != MessageKind.PrePrepare ? DecodeError.WrongMessageKind
            : header.Epoch != block.Epoch || header.Sequence != block.Sequence ? DecodeError.HeaderContradictsBody
            : header.Digest != block.Hash ? DecodeError.DigestDiffers
            : DecodeError.None;
        return error == DecodeError.None ? new PrePrepare(header, signature, block) : null;
    }

    private static int WritePrePrepare(PrePrepare value, Span<byte> destination)
    {
        int written = SignedCodec.Write(value, destination);
        return written + BlockCodec.Write(value.Block, destination[written..]);
    }
}
