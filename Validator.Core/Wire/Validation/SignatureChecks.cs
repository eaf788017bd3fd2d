using Validator.Core.Primitives;

namespace Validator.Core.Wire.Validation;

/// <summary>
/// What a decoded message must satisfy that depends on the committee (leader, quorum weight), and the signatures it implies.
/// Stateless: the same for everyone, whatever they hold. That the epoch is the committee's is the caller's check.
/// </summary>
public static class SignatureChecks
{
    /// <summary>Appends to <paramref name="checks"/> every signature inside <paramref name="message"/>.</summary>
    /// <returns>None, or why the message is refused whatever its signatures; then some checks may have been appended.</returns>
    public static DecodeError Collect(IMessage message, Committee committee, List<SignatureCheck> checks)
    {
        switch (message)
        {
            case SignedVertex vertex:
                Add(vertex, checks);
                return DecodeError.None;
            case Signed signed:
                Add(signed, checks);
                return CheckLeader(signed.Header, committee);
            case ViewChange change:
                return OfViewChange(change, committee, checks);
            case NewView newView:
                return OfNewView(newView, committee, checks);
            case Certificate certificate:
                return OfCertificate(certificate, committee, checks);
            case FinalBlocks blocks:
                return OfCertificate(blocks.Certificate, committee, checks);
            case SnapshotManifest manifest:
                return OfCertificate(manifest.Certificate, committee, checks);
            case EpochEnd end:
                return OfCertificate(end.Certificate, committee, checks);
            case Evidence evidence:
                OfEvidence(evidence, checks);
                return DecodeError.None;
            case Block or Status or FetchRequest or NotFound or SnapshotChunk:
                return DecodeError.None;
            default:
                Require.Fail("what is signed in every message is known");
                return DecodeError.UnknownFrameType;
        }
    }

    /// <summary>Both messages, whoever they convict.</summary>
    public static void OfEvidence(Evidence evidence, List<SignatureCheck> checks)
    {
        Add(evidence.First, checks);
        Add(evidence.Second, checks);
    }

    /// <summary>A certificate's quorum, and its votes.</summary>
    public static DecodeError OfCertificate(Certificate certificate, Committee committee, List<SignatureCheck> checks) =>
        MultiSignature.Of(certificate, committee).Collect(committee, committee.Quorum, checks);

    /// <summary>A committee change's quorum, and its signatures.</summary>
    public static DecodeError OfChange(SignedCommitteeChange change, Committee committee, List<SignatureCheck> checks) =>
        MultiSignature.Of(change).Collect(committee, committee.Quorum, checks);

    // A Prepare by the leader passes: it never counts (rule P1), but with the PrePrepare it may convict.
    private static DecodeError CheckLeader(in SignedHeader header, Committee committee) =>
        header.Kind is not (MessageKind.PrePrepare or MessageKind.NewView)
        || header.Sender == committee.Leader(header.Epoch, header.View) ? DecodeError.None : DecodeError.NotLeader;

    private static DecodeError OfViewChange(ViewChange value, Committee committee, List<SignatureCheck> checks)
    {
        Add(value.Signed, checks);
        return OfProofs(value.Prepared, value.Committed, committee, checks);
    }

    private static DecodeError OfNewView(NewView value, Committee committee, List<SignatureCheck> checks)
    {
        SignedHeader own = value.Signed.Header;
        DecodeError error = CheckLeader(own, committee);
        if (error != DecodeError.None)
        {
            return error;
        }

        Add(value.Signed, checks);
        MemberSet senders = default;
        foreach (ref readonly ViewChangeSummary summary in value.ViewChanges.AsSpan())
        {
            if (!senders.Add(committee, summary.Sender))
            {
                return DecodeError.NotAscending;
            }

            SignedHeader header = new(
                MessageKind.ViewChange, summary.Sender, own.Epoch, own.View, 0, ClaimsCodec.Digest(summary.Claims));
            checks.Add(new SignatureCheck(summary.Sender, header, summary.Signature));
        }

        return senders.Weight < committee.Quorum ? DecodeError.NoQuorum
            : OfProofs(value.Prepared, value.Committed, committee, checks);
    }

    // That certificates equal their claims, and that no claim lacks its certificate, decoding has checked.
    private static DecodeError OfProofs(
        Certificate? prepared, Certificate? committed, Committee committee, List<SignatureCheck> checks)
    {
        DecodeError error = prepared is null ? DecodeError.None : OfCertificate(prepared, committee, checks);
        return error != DecodeError.None || committed is null ? error : OfCertificate(committed, committee, checks);
    }

    private static void Add(Signed signed, List<SignatureCheck> checks) =>
        checks.Add(new SignatureCheck(signed.Header.Sender, signed.Header, signed.Signature));
}
