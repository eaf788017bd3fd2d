using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>The bytes under a signature, and the header as it travels (FORMATS.md, "Signed").</summary>
public static class SignedHeaderCodec
{
    /// <summary>Bytes that <see cref="WritePreimage"/> writes. The ML-DSA context is the one byte of the kind.</summary>
    public const int PreimageBytes = 96;

    public const int EncodedSize = WireSizes.SignedHeader;

    /// <summary>Writes what is signed: protocol version, kind, sender, epoch, view, sequence, digest, chain id.</summary>
    /// <returns>96.</returns>
    public static int WritePreimage(in SignedHeader header, in Hash256 chainId, Span<byte> destination)
    {
        WireWriter writer = new(destination);
        writer.U16(Limits.ProtocolVersion);
        writer.U8((byte)header.Kind);
        writer.Zeros(1);
        writer.U16(header.Sender);
        writer.Zeros(2);
        writer.U64(header.Epoch);
        writer.U64(header.View);
        writer.U64(header.Sequence);
        writer.Hash(header.Digest);
        writer.Hash(chainId);
        return writer.Written;
    }

    internal static SignedHeader Read(ref WireReader reader, int committeeSize)
    {
        MessageKind kind = (MessageKind)reader.U8();
        reader.Check(kind is >= MessageKind.Vertex and <= MessageKind.NewView, DecodeError.UnknownKind);
        reader.Reserved(1);
        int sender = reader.Member(committeeSize);
        reader.Reserved(4);
        SignedHeader header = new(kind, sender, reader.U64(), reader.U64(), reader.U64(), reader.Hash());
        reader.Check(IsWellFormed(header), DecodeError.HeaderMalformed);
        return header;
    }

    internal static void Write(ref WireWriter writer, in SignedHeader header)
    {
        writer.U8((byte)header.Kind);
        writer.Zeros(1);
        writer.U16(header.Sender);
        writer.Zeros(4);
        writer.U64(header.Epoch);
        writer.U64(header.View);
        writer.U64(header.Sequence);
        writer.Hash(header.Digest);
    }

    private static bool IsWellFormed(in SignedHeader header) => header.Kind switch
    {
        MessageKind.Vertex => header.View == 0 && header.Sequence > 0 && !header.Digest.IsZero,
        MessageKind.PrePrepare or MessageKind.Prepare or MessageKind.Commit => header.Sequence > 0 && !header.Digest.IsZero,
        MessageKind.Stop => header.View > 0 && header.Sequence == 0 && header.Digest.IsZero,
        _ => header.View > 0 && header.Sequence == 0 && !header.Digest.IsZero,
    };
}

/// <summary>A signed header: a vote, a Stop, half of an evidence, or the head of a larger message.</summary>
public static class SignedCodec
{
    public const int EncodedSize = WireSizes.Signed;

    public static bool TryRead(
        ReadOnlySpan<byte> data, int committeeSize, [NotNullWhen(true)] out Signed? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, committeeSize);
        return reader.Finish(ref value, out error);
    }

    /// <summary>The head of a larger message, for which it is no object of its own.</summary>
    internal static bool TryRead(
        ReadOnlySpan<byte> data, int committeeSize, out SignedHeader header, [NotNullWhen(true)] out byte[]? signature, out DecodeError error)
    {
        WireReader reader = new(data);
        header = SignedHeaderCodec.Read(ref reader, committeeSize);
        reader.Need(1, Limits.SignatureBytes);
        signature = reader.Ok ? reader.Signature() : null;
        return reader.Finish(ref signature, out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(Signed value, Span<byte> destination)
    {
        WireWriter writer = new(destination);
        Write(ref writer, value);
        return writer.Written;
    }

    internal static Signed? Read(ref WireReader reader, int committeeSize)
    {
        SignedHeader header = SignedHeaderCodec.Read(ref reader, committeeSize);
        reader.Need(1, Limits.SignatureBytes);
        return reader.Ok ? new Signed(header, reader.Signature()) : null;
    }

    internal static void Write(ref WireWriter writer, Signed value)
    {
        SignedHeaderCodec.Write(ref writer, value.Header);
        writer.Signature(value.Signature);
    }
}
