using System.Diagnostics.CodeAnalysis;
using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>
/// A ViewChange with the certificates of its claims, in the order prepared, committed; none where the claim is absent.
/// </summary>
public static class ViewChangeCodec
{
    public static int EncodedSize(ViewChange value) =>
        WireSizes.Signed + ClaimsCodec.EncodedSize(value.Claims) + ClaimProofs.EncodedSize(value.Prepared, value.Committed);

    public static bool TryRead(
        ReadOnlySpan<byte> data, int committeeSize, [NotNullWhen(true)] out ViewChange? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, committeeSize);
        return reader.Finish(ref value, out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(ViewChange value, Span<byte> destination)
    {
        Require.That(value.Claims.Prepared.IsAbsent == value.Prepared is null);
        Require.That(value.Claims.Committed.IsAbsent == value.Committed is null);
        WireWriter writer = new(destination);
        SignedCodec.Write(ref writer, value.Signed);
        ClaimsCodec.Write(ref writer, value.Claims);
        ClaimProofs.Write(ref writer, value.Prepared, value.Committed);
        return writer.Written;
    }

    private static ViewChange? Read(ref WireReader reader, int committeeSize)
    {
        Signed? signed = SignedCodec.Read(ref reader, committeeSize);
        Claims claims = ClaimsCodec.Read(ref reader);
        if (signed is null || !reader.Ok)
        {
            return null;
        }

        SignedHeader header = signed.Header;
        reader.Check(header.Kind == MessageKind.ViewChange, DecodeError.WrongMessageKind);
        reader.Check(header.Digest == ClaimsCodec.Digest(claims), DecodeError.DigestDiffers);
        ClaimProofs.CheckBelow(ref reader, claims, header.View);
        Certificate? prepared = ClaimProofs.Read(ref reader, committeeSize, Phase.Prepared, header.Epoch, claims.Prepared);
        Certificate? committed = ClaimProofs.Read(ref reader, committeeSize, Phase.Committed, header.Epoch, claims.Committed);
        return !reader.Ok ? null : new ViewChange
        {
            Signed = signed,
            Claims = claims,
            Prepared = prepared,
            Committed = committed,
        };
    }
}

/// <summary>A NewView: its signed header, the summaries by ascending sender, the certificates of the highest claims.</summary>
public static class NewViewCodec
{
    public static int EncodedSize(NewView value) =>
        WireSizes.Signed + DigestedSize(value.ViewChanges) + (value.ViewChanges.Length * Limits.SignatureBytes)
        + ClaimProofs.EncodedSize(value.Prepared, value.Committed);

    /// <summary>What a NewView signs: BLAKE3 of sender and claims of each summary.</summary>
    public static Hash256 Digest(ReadOnlySpan<ViewChangeSummary> viewChanges)
    {
        Require.That(viewChanges.Length <= Limits.MaxCommittee);
        byte[] encoded = new byte[DigestedSize(viewChanges)];
        WireWriter writer = new(encoded);
        WriteFixed(ref writer, viewChanges.Length);
        foreach (ref readonly ViewChangeSummary summary in viewChanges)
        {
            WriteDigested(ref writer, summary);
        }

        Require.That(writer.Written == encoded.Length);
        return Hash256.Of(encoded);
    }

    public static bool TryRead(
        ReadOnlySpan<byte> data, int committeeSize, [NotNullWhen(true)] out NewView? value, out DecodeError error)
    {
        WireReader reader = new(data);
        value = Read(ref reader, committeeSize);
        return reader.Finish(ref value, out error);
    }

    /// <returns>Bytes written: <see cref="EncodedSize"/>.</returns>
    public static int Write(NewView value, Span<byte> destination)
    {
        WireWriter writer = new(destination);
        SignedCodec.Write(ref writer, value.Signed);
        WriteFixed(ref writer, value.ViewChanges.Length);
        foreach (ref readonly ViewChangeSummary summary in value.ViewChanges.AsSpan())
        {
            WriteDigested(ref writer, summary);
            writer.Signature(summary.Signature);
        }

        ClaimProofs.Write(ref writer, value.Prepared, value.Committed);
        return writer.Written;
    }

    private static NewView? Read(ref WireReader reader, int committeeSize)
    {
        Signed? signed = SignedCodec.Read(ref reader, committeeSize);
        reader.Tag(WireTags.NewView);
        reader.Reserved(1);
        int count = reader.U16();
        reader.Reserved(4);
        reader.Check(count > 0 && count <= committeeSize, DecodeError.VoteCount);
        reader.Need(count, WireSizes.Summary);
        if (signed is null || !reader.Ok)
        {
            return null;
        }

        SignedHeader header = signed.Header;
        reader.Check(header.Kind == MessageKind.NewView, DecodeError.WrongMessageKind);
        ViewChangeSummary[] summaries = new ViewChangeSummary[count];
        ReadSummaries(ref reader, committeeSize, header.View, summaries);
        reader.Check(reader.Ok && header.Digest == Digest(summaries), DecodeError.DigestDiffers);
        if (!reader.Ok || !ClaimProofs.TryHighest(ref reader, summaries, out Claims highest))
        {
            return null;
        }

        Certificate? prepared = ClaimProofs.Read(ref reader, committeeSize, Phase.Prepared, header.Epoch, highest.Prepared);
        Certificate? committed = ClaimProofs.Read(ref reader, committeeSize, Phase.Committed, header.Epoch, highest.Committed);
        return !reader.Ok ? null : new NewView
        {
            Signed = signed,
            ViewChanges = summaries,
            Prepared = prepared,
            Committed = committed,
        };
    }

    private static void ReadSummaries(ref WireReader reader, int committeeSize, ulong view, Span<ViewChangeSummary> summaries)
    {
        int last = -1;
        for (int i = 0; i < summaries.Length && reader.Ok; i++)
        {
            int sender = reader.Member(committeeSize);
            reader.Check(sender > last, DecodeError.NotAscending);
            last = sender;
            Claims claims = ClaimsCodec.ReadRest(ref reader);
            ClaimProofs.CheckBelow(ref reader, claims, view);
            summaries[i] = new ViewChangeSummary(sender, claims, reader.Signature());
        }
    }

    private static void WriteFixed(ref WireWriter writer, int count)
    {
        writer.U8(WireTags.NewView);
        writer.Zeros(1);
        writer.U16(count);
        writer.Zeros(4);
    }

    private static void WriteDigested(ref WireWriter writer, in ViewChangeSummary summary)
    {
        writer.U16(summary.Sender);
        ClaimsCodec.WriteRest(ref writer, summary.Claims);
    }

    private static int DigestedSize(ReadOnlySpan<ViewChangeSummary> viewChanges)
    {
        int size = WireSizes.NewViewFixed;
        foreach (ref readonly ViewChangeSummary summary in viewChanges)
        {
            size += ClaimsCodec.EncodedSize(summary.Claims);
        }

        return size;
    }
}

/// <summary>The certificates that travel with claims: each present exactly when its claim is, and equal to it.</summary>
internal static class ClaimProofs
{
    public static int EncodedSize(Certificate? prepared, Certificate? committed) =>
        (prepared is null ? 0 : CertificateCodec.EncodedSize(prepared))
        + (committed is null ? 0 : CertificateCodec.EncodedSize(committed));

    public static void Write(ref WireWriter writer, Certificate? prepared, Certificate? committed)
    {
        if (prepared is not null)
        {
            CertificateCodec.Write(ref writer, prepared);
        }

        if (committed is not null)
        {
            CertificateCodec.Write(ref writer, committed);
        }
    }

    public static Certificate? Read(ref WireReader reader, int committeeSize, Phase phase, ulong epoch, in Claim claim)
    {
        if (claim.IsAbsent || !reader.Ok)
        {
            return null;
        }

        reader.Check(reader.Remaining > 0, DecodeError.CertificateMissing);
        Certificate? certificate = CertificateCodec.Read(ref reader, committeeSize);
        bool equal = certificate is not null
            && certificate.Phase == phase
            && certificate.Epoch == epoch
            && new Claim(certificate.View, certificate.Sequence, certificate.BlockHash) == claim;
        reader.Check(equal, DecodeError.CertificateContradictsClaim);
        return certificate;
    }

    public static void CheckBelow(ref WireReader reader, in Claims claims, ulong view)
    {
        bool below = (claims.Prepared.IsAbsent || claims.Prepared.View < view)
            && (claims.Committed.IsAbsent || claims.Committed.View < view);
        foreach (ref readonly Acceptance accepted in claims.Accepted.Entries)
        {
            below &= accepted.View < view;
        }

        reader.Check(below, DecodeError.ClaimNotBelowView);
    }

    /// <summary>
    /// The highest claim of each kind by (view, sequence); two of them with different blocks cannot both be proven.
    /// </summary>
    public static bool TryHighest(ref WireReader reader, ReadOnlySpan<ViewChangeSummary> summaries, out Claims highest)
    {
        Claim prepared = default;
        Claim committed = default;
        bool agree = true;
        foreach (ref readonly ViewChangeSummary summary in summaries)
        {
            prepared = Higher(prepared, summary.Claims.Prepared);
            committed = Higher(committed, summary.Claims.Committed);
        }

        foreach (ref readonly ViewChangeSummary summary in summaries)
        {
            agree &= !Conflict(prepared, summary.Claims.Prepared) && !Conflict(committed, summary.Claims.Committed);
        }

        reader.Check(agree, DecodeError.ClaimsConflict);
        highest = new Claims(prepared, committed);
        return agree;
    }

    private static Claim Higher(in Claim best, in Claim other)
    {
        bool higher = other.IsAbsent ? false : best.IsAbsent || (other.View, other.Sequence).CompareTo((best.View, best.Sequence)) > 0;
        return higher ? other : best;
    }

    private static bool Conflict(in Claim best, in Claim other) =>
        !other.IsAbsent && other.View == best.View && other.Sequence == best.Sequence && other.BlockHash != best.BlockHash;
}
