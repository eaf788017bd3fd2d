using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>One signature that must hold before a message is believed: by Sender's consensus key, over Header.</summary>
public readonly record struct SignatureCheck(int Sender, SignedHeader Header, byte[] Signature);

/// <summary>
/// What several members sign: one header, each with its own number in it. In a prepared certificate the leader's is a PrePrepare
/// (rule P1).
/// </summary>
/// <param name="Header">Its sender has no meaning.</param>
/// <param name="Leader">Who signs a PrePrepare; -1 where all sign alike.</param>
public readonly record struct JointStatement(SignedHeader Header, int Leader = -1)
{
    public static JointStatement Of(Certificate certificate, Committee committee)
    {
        bool prepared = certificate.Phase == Phase.Prepared;
        MessageKind kind = certificate.Phase switch
        {
            Phase.Prepared => MessageKind.Prepare,
            Phase.Committed => MessageKind.Commit,
            _ => MessageKind.Recovery,
        };
        SignedHeader header = new(
            kind, 0, certificate.Epoch, certificate.View, certificate.Sequence,
            certificate.BlockHash);
        return new JointStatement(header, prepared ? committee.Leader(certificate.Epoch, certificate.View) : -1);
    }

    /// <summary>What members of the agreed epoch sign.</summary>
    public static JointStatement Of(ForkProposal proposal) => new(ForkRecoveryCodec.HeaderToApprove(proposal, 0));

    public static JointStatement Of(CommitteeChange change) => new(CommitteeChangeCodec.HeaderToSign(change, 0));

    /// <summary>What this member signs.</summary>
    public SignedHeader HeaderOf(int signer) => Header with
    {
        Sender = signer,
        Kind = signer == Leader ? MessageKind.PrePrepare : Header.Kind,
    };
}

/// <summary>
/// A statement and the signatures of members under it, by ascending signer: a certificate, a committee change, an approval of
/// operators. ML-DSA signatures cannot be added up, so it holds one for each signer, and is verified as a batch.
/// </summary>
public readonly record struct MultiSignature(JointStatement Statement, CertificateVote[] Signatures)
{
    public static MultiSignature Of(Certificate certificate, Committee committee) =>
        new(JointStatement.Of(certificate, committee), certificate.Votes);

    public static MultiSignature Of(SignedCommitteeChange change) => new(JointStatement.Of(change.Change), change.Signatures);

    /// <summary>Who signed, with their weight.</summary>
    /// <returns>None, or that a signer is no member or signs twice.</returns>
    public DecodeError FindSigners(Committee committee, out MemberSet signers)
    {
        signers = default;
        foreach (ref readonly CertificateVote signature in Signatures.AsSpan())
        {
            if ((uint)signature.Sender >= (uint)committee.Count)
            {
                return DecodeError.MemberOutOfRange;
            }

            if (!signers.Add(committee, signature.Sender))
            {
                return DecodeError.NotAscending;
            }
        }

        return DecodeError.None;
    }

    /// <summary>Appends every signature, for a batch.</summary>
    /// <param name="least">What the signers have to weigh.</param>
    /// <returns>None, or why it counts for nothing whatever its signatures; then no check was appended.</returns>
    public DecodeError Collect(Committee committee, ulong least, List<SignatureCheck> checks)
    {
        DecodeError error = FindSigners(committee, out MemberSet signers);
        if (error != DecodeError.None || signers.Weight < least)
        {
            return error != DecodeError.None ? error : DecodeError.NoQuorum;
        }

        foreach (ref readonly CertificateVote signature in Signatures.AsSpan())
        {
            checks.Add(new SignatureCheck(signature.Sender, Statement.HeaderOf(signature.Sender), signature.Signature));
        }

        return DecodeError.None;
    }

    /// <summary>Signatures by ascending signer; after an error what was read is of no use.</summary>
    internal static CertificateVote[] Read(ref WireReader reader, int count, int committeeSize)
    {
        reader.Check(count > 0 && count <= committeeSize, DecodeError.VoteCount);
        reader.Need(count, WireSizes.CertificateVote);
        CertificateVote[] signatures = reader.Ok ? new CertificateVote[count] : [];
        int last = -1;
        for (int i = 0; i < signatures.Length && reader.Ok; i++)
        {
            int sender = reader.Member(committeeSize);
            reader.Check(sender > last, DecodeError.NotAscending);
            last = sender;
            signatures[i] = new CertificateVote(sender, reader.Signature());
        }

        return signatures;
    }

    internal static void Write(ref WireWriter writer, ReadOnlySpan<CertificateVote> signatures)
    {
        foreach (ref readonly CertificateVote signature in signatures)
        {
            writer.U16(signature.Sender);
            writer.Signature(signature.Signature);
        }
    }
}
