using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Who signed two messages in one slot (section 8): told once for each slot, as many as count (rule T2). Two vertices also keep
/// their author's lane out of proposals for the epoch, and stop it from being waited for (rule L4).
/// </summary>
internal sealed class Convictions(
    EpochConfiguration epoch, int self, LaneSet lanes, ViewTimer timer, TwinGuard guard, ForkDetector forks, Step step)
{
    private readonly HashSet<(int Sender, MessageKind Kind, ulong View, ulong Sequence)> _slots = [];
    private readonly int[] _ofMember = new int[epoch.Committee.Count];

    /// <summary>A second message in one slot repeats the first, or convicts its sender.</summary>
    /// <param name="from">Who delivered the second.</param>
    public void RejectSecond(Signed known, Signed second, int from)
    {
        bool differs = known.Header.Digest != second.Header.Digest;
        if (differs)
        {
            OnEvidence(new Evidence(known, second));
        }

        step.Reject(differs ? Reason.Equivocation : Reason.Duplicate, from);
    }

    /// <summary>Two vertices of one slot; the known one's signature is that of its entry.</summary>
    public void ConvictOf(VertexEntry known, Signed second)
    {
        VertexHeader first = known.Header;
        Require.That(known.Signature is not null && second.Header.Sender == first.Author && second.Header.Sequence == first.Height);
        OnEvidence(new Evidence(new Signed(VertexCodec.HeaderToSign(first), known.Signature), second));
    }

    /// <summary>A vote that is counted in its slot, beside the certificate of the slot.</summary>
    public void OnVote(Signed vote, Slot slot)
    {
        if (CertificateIn(slot, vote.Header.Kind == MessageKind.Commit) is not { } certificate
            || certificate.BlockHash == vote.Header.Digest)
        {
            return;
        }

        foreach (CertificateVote within in certificate.Votes)
        {
            if (within.Sender == vote.Header.Sender)
            {
                Convict(certificate, within, vote);
            }
        }
    }

    /// <summary>A verified certificate, beside what its signers sent in its slot, and beside the certificate there.</summary>
    public void OnCertificate(Certificate certificate, Slot? slot)
    {
        if (slot is null || certificate.Phase == Phase.Recovered)
        {
            return;
        }

        bool committed = certificate.Phase == Phase.Committed;
        VoteSet votes = committed ? slot.Commits : slot.Prepares;
        foreach (CertificateVote vote in certificate.Votes)
        {
            if (votes[vote.Sender] is { } known && known.Header.Digest != certificate.BlockHash)
            {
                Convict(certificate, vote, known);
            }
        }

        if (CertificateIn(slot, committed) is { } other)
        {
            OnConflict(other, certificate);
        }
    }

    /// <summary>Two verified certificates: who signed both, in one view. In two, an honest member may have.</summary>
    public void OnConflict(Certificate first, Certificate second)
    {
        foreach (Evidence evidence in EvidenceCodec.OfBoth(first, second, epoch.Committee))
        {
            OnEvidence(evidence);
        }
    }

    /// <summary>Evidence of our own or of a peer. The first of a slot is kept, counted and told to all.</summary>
    public void OnEvidence(Evidence evidence)
    {
        forks.OnTwins(evidence);
        if (!Note(evidence))
        {
            return;
        }

        step.Effects.Evidence(evidence);
        step.Send(-1, evidence);
        if (evidence.First.Header.Sender == self)
        {
            guard.Trip();
        }
    }

    /// <summary>Evidence that was told before a restart.</summary>
    /// <returns>True for the first of its slot, while more of its sender count.</returns>
    public bool Note(Evidence evidence)
    {
        SignedHeader header = evidence.First.Header;
        if (header.Kind == MessageKind.Vertex)
        {
            lanes[header.Sender].Equivocated = true;
            timer.Drop(header.Sender);
        }

        bool first = _ofMember[header.Sender] < TrustParameters.MostOffences
            && _slots.Add((header.Sender, EvidenceCodec.SlotKind(header.Kind), header.View, header.Sequence));
        _ofMember[header.Sender] += first ? 1 : 0;
        return first;
    }

    private static Certificate? CertificateIn(Slot slot, bool committed) => committed ? slot.Committed : slot.Prepared;

    private void Convict(Certificate certificate, in CertificateVote within, Signed alone)
    {
        SignedHeader header = JointStatement.Of(certificate, epoch.Committee).HeaderOf(within.Sender);
        OnEvidence(new Evidence(new Signed(header, within.Signature), alone));
    }
}
