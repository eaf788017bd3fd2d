using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>
/// Votes of quorum weight (FORMATS.md, "Certificate"): senders strictly ascending, each below the committee's size.
/// </summary>
public static class CertificateCodec
{
    public static int EncodedSize(Certificate value) => EncodedSize(value.Votes.Length);

    internal static int EncodedSize(int votes) => WireSizes.CertificateFixed + (votes * WireSizes.CertificateVote);

    public static bool TryRead(
        ReadOnlySpan<byte> data, int committeeSize, [NotNullWhen(true)] out Certificate? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, committeeSize);
        return reader.Finish(ref value, out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize(Certificate)"/>.</returns>
    public static int Write(Certificate value, Span<byte> destination)
    {
        WireWriter writer = new(destination);
        Write(ref writer, value);
        return writer.Written;
    }

    internal static Certificate? Read(ref WireReader reader, int committeeSize)
    {
        Phase phase = (Phase)reader.U8();
        reader.Check(phase is >= Phase.Prepared and <= Phase.Recovered, DecodeError.UnknownKind);
        reader.Reserved(1);
        int count = reader.U16();
        reader.Reserved(4);
        ulong epoch = reader.U64();
        ulong view = reader.U64();
        ulong sequence = reader.U64();
        Hash256 blockHash = reader.Hash();
        reader.Check(sequence > 0, DecodeError.SequenceZero);
        reader.Check(phase != Phase.Recovered || view == 0, DecodeError.HeaderMalformed);
        reader.Check(!blockHash.IsZero, DecodeError.HeaderMalformed);
        CertificateVote[] votes = MultiSignature.Read(ref reader, count, committeeSize);
        return !reader.Ok ? null : new Certificate
        {
            Phase = phase,
            Epoch = epoch,
            View = view,
            Sequence = sequence,
            BlockHash = blockHash,
            Votes = votes,
        };
    }

    internal static void Write(ref WireWriter writer, Certificate value)
    {
        writer.U8((byte)value.Phase);
        writer.Zeros(1);
        writer.U16(value.Votes.Length);
        writer.Zeros(4);
        writer.U64(value.Epoch);
        writer.U64(value.View);
        writer.U64(value.Sequence);
        writer.Hash(value.BlockHash);
        MultiSignature.Write(ref writer, value.Votes);
    }
}
