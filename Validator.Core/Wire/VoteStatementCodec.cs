using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>How far a validator's own Commits say that its epoch goes.</summary>
public enum EpochOutlook : byte
{
    GoesOn,

    /// <summary>It committed to the epoch's last block; the committee stays.</summary>
    MayBeOver,

    /// <summary>The same, and that block names another committee.</summary>
    MayBeOverWithChange,
}

/// <summary>
/// What a validator that kept its votes says of them, and what it binds itself to, so that one that lost its own can sign again
/// in the same epoch (PROTOCOL.md, rule E9). No message: a file from operator to operator.
/// </summary>
public sealed class VoteStatement
{
    public required Hash256 ChainId { get; init; }
    public required ulong Epoch { get; init; }

    /// <summary>Of the epoch's committee.</summary>
    public required int CommitteeSize { get; init; }
    public required int Author { get; init; }

    /// <summary>It signed nothing, Stop included, of a higher view.</summary>
    public required ulong SignedView { get; init; }

    /// <summary>From now on it signs nothing but Stop in views below this one. Above <see cref="SignedView"/>.</summary>
    public required ulong FirstView { get; init; }

    public required EpochOutlook Outlook { get; init; }

    /// <summary>Its newest executed block, for people to compare.</summary>
    public required ulong FinalSequence { get; init; }
    public required Hash256 FinalHash { get; init; }

    /// <summary>For whom: each was drawn by a validator after it had lost its votes, so this was signed after that.</summary>
    public required Hash256[] Requests { get; init; }

    /// <summary>
    /// The highest of: the prepared certificate that a Commit of its own rested on, and what proves its newest executed block, of
    /// either phase; null: there is none in this epoch.
    /// </summary>
    public Certificate? Certificate { get; init; }

    /// <summary>What it accepted above its newest executed block, as a ViewChange of its own would list it.</summary>
    public Acceptances Accepted { get; init; }

    /// <summary>Over all of the above.</summary>
    public required byte[] Signature { get; init; }

    public VoteStatement With(byte[] signature) => new()
    {
        ChainId = ChainId,
        Epoch = Epoch,
        CommitteeSize = CommitteeSize,
        Author = Author,
        SignedView = SignedView,
        FirstView = FirstView,
        Outlook = Outlook,
        FinalSequence = FinalSequence,
        FinalHash = FinalHash,
        Requests = Requests,
        Certificate = Certificate,
        Accepted = Accepted,
        Signature = signature,
    };
}

/// <summary>FORMATS.md, "Vote statement".</summary>
public static class VoteStatementCodec
{
    /// <summary>
    /// So far may the first view be above the signed one, and so high may it be: far more than views that come, far less than
    /// what would not come in an epoch, or not fit.
    /// </summary>
    public const ulong MostAhead = 1 << 20;

    private const ulong HighestView = long.MaxValue;
    private const int FixedBytes = 112;

    public static int EncodedSize(VoteStatement value) => UnsignedSize(value) + Limits.SignatureBytes;

    /// <summary>What the author signs; the digest covers all but the signature.</summary>
    public static SignedHeader HeaderToSign(VoteStatement value)
    {
        byte[] encoded = new byte[UnsignedSize(value)];
        WireWriter writer = new(encoded);
        WriteUnsigned(ref writer, value);
        return new SignedHeader(MessageKind.VoteStatement, value.Author, value.Epoch, value.FirstView, 0, Hash256.Of(encoded));
    }

    public static byte[] Encode(VoteStatement value)
    {
        byte[] encoded = new byte[EncodedSize(value)];
        WireWriter writer = new(encoded);
        WriteUnsigned(ref writer, value);
        writer.Signature(value.Signature);
        return encoded;
    }

    /// <summary>Reads a statement of any epoch, and so of any committee.</summary>
    public static bool TryRead(ReadOnlySpan<byte> data, [NotNullWhen(true)] out VoteStatement? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, WireReader.CommitteeSizeOf(data));
        return reader.Finish(ref value, out error);
    }

    private static VoteStatement? Read(ref WireReader reader, int committeeSize)
    {
        reader.Tag(WireTags.VoteStatement);
        EpochOutlook outlook = (EpochOutlook)reader.U8();
        reader.Check(outlook <= EpochOutlook.MayBeOverWithChange, DecodeError.UnknownKind);
        reader.Check(reader.U16() == committeeSize && committeeSize > 0, DecodeError.LaneCountDiffers);
        int author = reader.Member(committeeSize);
        int requestCount = reader.U16();
        reader.Check(requestCount is > 0 and <= Limits.MaxCommittee, DecodeError.VoteCount);
        Hash256 chainId = reader.Hash();
        ulong epoch = reader.U64();
        ulong signedView = reader.U64();
        ulong firstView = reader.U64();
        reader.Check(firstView > signedView && firstView - signedView <= MostAhead && firstView <= HighestView, DecodeError.ClaimNotBelowView);
        ulong finalSequence = reader.U64();
        Hash256 finalHash = reader.Hash();
        byte certified = reader.U8();
        reader.Check(certified <= 1, DecodeError.ClaimMalformed);
        reader.Reserved(1);
        int listed = reader.U16();
        reader.Reserved(4);
        reader.Need(requestCount, Hash256.Size);
        if (!reader.Ok)
        {
            return null;
        }

        Hash256[] requests = new Hash256[requestCount];
        for (int i = 0; i < requestCount; i++)
        {
            requests[i] = reader.Hash();
        }

        Certificate? certificate = certified == 1 ? CertificateCodec.Read(ref reader, committeeSize) : null;
        bool fits = certificate is null || (certificate.Epoch == epoch && certificate.View <= signedView);
        reader.Check(fits, DecodeError.CertificateContradictsClaim);
        Acceptances accepted = AcceptancesCodec.Read(ref reader, listed);
        foreach (ref readonly Acceptance entry in accepted.Entries)
        {
            reader.Check(entry.View <= signedView, DecodeError.ClaimNotBelowView);
        }

        byte[] signature = reader.Signature();
        return !reader.Ok ? null : new VoteStatement
        {
            ChainId = chainId,
            Epoch = epoch,
            CommitteeSize = committeeSize,
            Author = author,
            SignedView = signedView,
            FirstView = firstView,
            Outlook = outlook,
            FinalSequence = finalSequence,
            FinalHash = finalHash,
            Requests = requests,
            Certificate = certificate,
            Accepted = accepted,
            Signature = signature,
        };
    }

    private static int UnsignedSize(VoteStatement value) =>
        FixedBytes + (value.Requests.Length * Hash256.Size)
        + (value.Certificate is { } certificate ? CertificateCodec.EncodedSize(certificate) : 0)
        + AcceptancesCodec.EncodedSize(value.Accepted);

    private static void WriteUnsigned(ref WireWriter writer, VoteStatement value)
    {
        writer.U8(WireTags.VoteStatement);
        writer.U8((byte)value.Outlook);
        writer.U16(value.CommitteeSize);
        writer.U16(value.Author);
        writer.U16(value.Requests.Length);
        writer.Hash(value.ChainId);
        writer.U64(value.Epoch);
        writer.U64(value.SignedView);
        writer.U64(value.FirstView);
        writer.U64(value.FinalSequence);
        writer.Hash(value.FinalHash);
        writer.U8(value.Certificate is null ? (byte)0 : (byte)1);
        writer.Zeros(1);
        writer.U16(value.Accepted.Entries.Length);
        writer.Zeros(4);
        foreach (Hash256 request in value.Requests)
        {
            writer.Hash(request);
        }

        if (value.Certificate is { } certificate)
        {
            CertificateCodec.Write(ref writer, certificate);
        }

        AcceptancesCodec.Write(ref writer, value.Accepted);
    }
}
