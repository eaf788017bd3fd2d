using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>
/// An epoch's last block, the commit certificate of its own committee, and the next committee, which the block names: one link of
/// the chain that proves every later committee to who knows this one (PROTOCOL.md, section 12).
/// </summary>
public sealed record EpochEnd(Block Last, Certificate Certificate, Member[] Next) : IMessage
{
    FrameType IMessage.Type => FrameType.EpochEnd;

    public ulong Epoch => Last.Epoch;
}

/// <summary>FORMATS.md, "EpochEnd". On the wire and in stores alike.</summary>
public static class EpochEndCodec
{
    private const int FixedBytes = 16;

    public static int EncodedSize(EpochEnd value) => FixedBytes + BlockCodec.EncodedSize(value.Last.Cut.Length)
        + CertificateCodec.EncodedSize(value.Certificate) + GenesisCodec.MembersSize(value.Next);

    internal static int MaxBytes(int committeeSize) => FixedBytes + BlockCodec.EncodedSize(committeeSize)
        + CertificateCodec.EncodedSize(committeeSize) + GenesisCodec.MaxMembersSize(committeeSize + 1);

    /// <summary>The committee's size that an encoded one states; 0 where it states none that can be.</summary>
    public static int CommitteeSizeOf(ReadOnlySpan<byte> data) => WireReader.CommitteeSizeOf(data);

    /// <param name="committeeSize">Of the epoch that ends.</param>
    public static bool TryRead(
        ReadOnlySpan<byte> data, int committeeSize, [NotNullWhen(true)] out EpochEnd? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, data, committeeSize);
        return reader.Finish(ref value, out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(EpochEnd value, Span<byte> destination)
    {
        WireWriter writer = new(destination);
        writer.U8(WireTags.EpochEnd);
        writer.Zeros(1);
        writer.U16(value.Last.Cut.Length);
        writer.Zeros(4);
        writer.U64(value.Epoch);
        BlockCodec.Write(ref writer, value.Last);
        CertificateCodec.Write(ref writer, value.Certificate);
        GenesisCodec.WriteMembers(ref writer, value.Next);
        return writer.Written;
    }

    private static EpochEnd? Read(ref WireReader reader, ReadOnlySpan<byte> data, int committeeSize)
    {
        reader.Tag(WireTags.EpochEnd);
        reader.Reserved(1);
        reader.Check(reader.U16() == committeeSize, DecodeError.LaneCountDiffers);
        reader.Reserved(4);
        ulong epoch = reader.U64();
        Block? last = reader.Ok ? BlockCodec.Read(ref reader, data, committeeSize) : null;
        Certificate? certificate = last is null ? null : CertificateCodec.Read(ref reader, committeeSize);
        Member[]? next = certificate is null ? null : GenesisCodec.ReadMembers(ref reader);
        if (last is null || certificate is null || next is null)
        {
            return null;
        }

        bool ends = epoch == last.Epoch && epoch < ulong.MaxValue && last.EndsEpoch;
        reader.Check(ends && certificate.Proves(last), DecodeError.ChainBroken);
        reader.Check(reader.Ok && last.NextCommittee == GenesisCodec.CommitteeDigest(epoch + 1, next), DecodeError.ChainBroken);
        reader.Check(reader.Ok && GenesisCodec.MembersRefusal(next) is null, DecodeError.ChangeMalformed);
        return new EpochEnd(last, certificate, next);
    }
}
