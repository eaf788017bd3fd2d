using System.Buffers.Binary;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>Frames: one byte of type, then the body (FORMATS.md, "Frames").</summary>
public static class FrameCodec
{
    /// <summary>Decodes one whole frame. Nothing is copied but signatures; a vertex's payload stays in <paramref name="data"/>.</summary>
    public static bool TryRead(ReadOnlySpan<byte> data, int committeeSize, out Frame frame, out DecodeError error)
    {
        frame = default;
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

        frame.Type = (FrameType)data[0];
        if (ReadBody(data[1..], committeeSize, ref frame, out error))
        {
            return true;
        }

        frame = default;
        return false;
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
    public static int EncodedSize(in Frame frame) => 1 + frame.Type switch
    {
        FrameType.Vertex => VertexCodec.EncodedSize(frame.Vertex!),
        FrameType.PrePrepare => SignedCodec.EncodedSize + BlockCodec.EncodedSize(frame.Block!.Cut.Length),
        FrameType.Vote or FrameType.Stop => SignedCodec.EncodedSize,
        FrameType.ViewChange => ViewChangeCodec.EncodedSize(frame.ViewChange!),
        FrameType.NewView => NewViewCodec.EncodedSize(frame.NewView!),
        FrameType.Certificate => CertificateCodec.EncodedSize(frame.Certificate!),
        FrameType.Block => BlockCodec.EncodedSize(frame.Block!.Cut.Length),
        FrameType.FinalBlocks => FinalBlocksCodec.EncodedSize(frame.FinalBlocks!),
        FrameType.Evidence => EvidenceCodec.EncodedSize,
        FrameType.Status => StatusCodec.EncodedSize(frame.Status!.Tips.Length),
        FrameType.FetchRequest => FetchRequestCodec.EncodedSize,
        FrameType.NotFound => NotFoundCodec.EncodedSize,
        FrameType.SnapshotManifest => SnapshotManifestCodec.EncodedSize(frame.Manifest!),
        FrameType.SnapshotChunk => SnapshotChunkCodec.EncodedSize(frame.Chunk!),
        FrameType.EpochEnd => EpochEndCodec.EncodedSize(frame.EpochEnd!),
        _ => throw new InvariantViolationException($"no frame type {frame.Type}"),
    };

    /// <summary>Encodes a frame; a vertex's payload is left to the caller, who puts it right behind.</summary>
    /// <returns>Bytes written: <see cref="EncodedSize"/>, less a vertex's payload.</returns>
    public static int Write(in Frame frame, Span<byte> destination)
    {
        destination[0] = (byte)frame.Type;
        Span<byte> body = destination[1..];
        return 1 + frame.Type switch
        {
            FrameType.Vertex => VertexCodec.WritePrefix(frame.Vertex!, frame.VertexSignature!, body),
            FrameType.PrePrepare => WritePrePrepare(frame.Message!, frame.Block!, body),
            FrameType.Vote or FrameType.Stop => SignedCodec.Write(frame.Message!, body),
            FrameType.ViewChange => ViewChangeCodec.Write(frame.ViewChange!, body),
            FrameType.NewView => NewViewCodec.Write(frame.NewView!, body),
            FrameType.Certificate => CertificateCodec.Write(frame.Certificate!, body),
            FrameType.Block => BlockCodec.Write(frame.Block!, body),
            FrameType.FinalBlocks => FinalBlocksCodec.Write(frame.FinalBlocks!, body),
            FrameType.Evidence => EvidenceCodec.Write(frame.Evidence!, body),
            FrameType.Status => StatusCodec.Write(frame.Status!, body),
            FrameType.FetchRequest => FetchRequestCodec.Write(frame.Request, body),
            FrameType.NotFound => NotFoundCodec.Write(frame.Request, frame.FirstKept, body),
            FrameType.SnapshotManifest => SnapshotManifestCodec.Write(frame.Manifest!, body),
            FrameType.SnapshotChunk => SnapshotChunkCodec.Write(frame.Chunk!, body),
            FrameType.EpochEnd => EpochEndCodec.Write(frame.EpochEnd!, body),
            _ => throw new InvariantViolationException($"no frame type {frame.Type}"),
        };
    }

    private static bool ReadBody(ReadOnlySpan<byte> body, int n, ref Frame frame, out DecodeError error)
    {
        switch (frame.Type)
        {
            case FrameType.Vertex:
                bool read = VertexCodec.TryRead(body, n, out frame.Vertex, out frame.VertexSignature, out int offset, out error);
                frame.PayloadOffset = 1 + offset;
                return read;
            case FrameType.PrePrepare:
                return TryReadPrePrepare(body, n, ref frame, out error);
            case FrameType.Vote or FrameType.Stop:
                return SignedCodec.TryRead(body, n, out frame.Message, out error)
                    && KindFits(frame.Type, frame.Message.Header.Kind, out error);
            case FrameType.ViewChange:
                return ViewChangeCodec.TryRead(body, n, out frame.ViewChange, out error);
            case FrameType.NewView:
                return NewViewCodec.TryRead(body, n, out frame.NewView, out error);
            case FrameType.Certificate:
                return CertificateCodec.TryRead(body, n, out frame.Certificate, out error);
            case FrameType.Block:
                return BlockCodec.TryRead(body, n, out frame.Block, out error);
            case FrameType.FinalBlocks:
                return FinalBlocksCodec.TryRead(body, n, out frame.FinalBlocks, out error);
            case FrameType.Evidence:
                return EvidenceCodec.TryRead(body, n, out frame.Evidence, out error);
            case FrameType.Status:
                return StatusCodec.TryRead(body, out frame.Status, out error);
            case FrameType.FetchRequest:
                return FetchRequestCodec.TryRead(body, out frame.Request, out error);
            case FrameType.NotFound:
                return NotFoundCodec.TryRead(body, out frame.Request, out frame.FirstKept, out error);
            case FrameType.SnapshotManifest:
                return SnapshotManifestCodec.TryRead(body, n, out frame.Manifest, out error);
            case FrameType.SnapshotChunk:
                return SnapshotChunkCodec.TryRead(body, out frame.Chunk, out error);
            case FrameType.EpochEnd:
                return EpochEndCodec.TryRead(body, n, out frame.EpochEnd, out error);
            default:
                error = DecodeError.UnknownFrameType;
                return false;
        }
    }

    private static bool KindFits(FrameType type, MessageKind kind, out DecodeError error)
    {
        bool fits = type == FrameType.Stop ? kind == MessageKind.Stop : kind is MessageKind.Prepare or MessageKind.Commit;
        error = fits ? DecodeError.None : DecodeError.WrongMessageKind;
        return fits;
    }

    private static bool TryReadPrePrepare(ReadOnlySpan<byte> body, int n, ref Frame frame, out DecodeError error)
    {
        int split = Math.Min(body.Length, SignedCodec.EncodedSize);
        if (!SignedCodec.TryRead(body[..split], n, out frame.Message, out error)
            || !BlockCodec.TryRead(body[split..], n, out frame.Block, out error))
        {
            return false;
        }

        SignedHeader header = frame.Message.Header;
        Block block = frame.Block;
        error = header.Kind != MessageKind.PrePrepare ? DecodeError.WrongMessageKind
            : header.Epoch != block.Epoch || header.Sequence != block.Sequence ? DecodeError.HeaderContradictsBody
            : header.Digest != block.Hash ? DecodeError.DigestDiffers
            : DecodeError.None;
        return error == DecodeError.None;
    }

    private static int WritePrePrepare(Signed message, Block block, Span<byte> destination)
    {
        int written = SignedCodec.Write(message, destination);
        return written + BlockCodec.Write(block, destination[written..]);
    }
}
