using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Certificates, made here or learned: what is prepared, what is to be made final, and which view a quorum had entered (rules P4,
/// P5). Two that contradict each other stop the process (section 8).
/// </summary>
internal sealed class Certificates(
    EpochConfiguration epoch, CertificateBook prepared, CertificateBook committed, Slots slots, ViewState view, FinalChain chain, OwnPast past,
    ViewChanger changer, Convictions convictions, TwinGuard guard, ForkDetector forks, Step step)
{
    /// <summary>One that came from a peer; its votes are verified.</summary>
    public void Take(Certificate certificate, int from)
    {
        if (certificate.Epoch != epoch.Number)
        {
            step.Reject(Reason.WrongEpoch, from);
            return;
        }

        convictions.OnCertificate(certificate, slots.Find(certificate.View, certificate.Sequence));
        if (IsAbandoned(certificate, from))
        {
            return;
        }

        if (certificate.Phase == Phase.Recovered)
        {
            Aim(certificate);
            return;
        }

        // A vote of ours that we never decided: a twin signs with our key, or our disk was rolled back.
        if (certificate.Sequence > chain.Sequence && certificate.View >= view.Number
            && past.IsContradicted(certificate, slots.Find(certificate.View, certificate.Sequence)))
        {
            guard.Trip();
        }

        if (certificate.Phase == Phase.Committed)
        {
            OnCommitted(certificate);
        }
        else
        {
            OnPrepared(certificate);
        }
    }

    /// <summary>
    /// A proof of finality that came from a peer with the blocks that it covers, or with a snapshot; its votes are verified.
    /// </summary>
    /// <returns>False: it is of a branch that the operators abandoned.</returns>
    public bool TakeFinal(Certificate certificate, int from)
    {
        if (IsAbandoned(certificate, from))
        {
            return false;
        }

        Take(certificate, from);
        if (certificate.Phase == Phase.Prepared && certificate.Epoch == epoch.Number)
        {
            OnAllPrepared(certificate);
        }

        return true;
    }

    private bool IsAbandoned(Certificate certificate, int from)
    {
        bool abandoned = certificate.Epoch == epoch.Number && chain.IsAbandoned(certificate.Sequence, certificate.BlockHash);
        if (abandoned)
        {
            step.Reject(Reason.AbandonedBranch, from);
        }

        return abandoned;
    }

    /// <summary>All weight has prepared it, and it is no epoch's last block: final without Commits (rule P5).</summary>
    public void OnAllPrepared(Certificate certificate)
    {
        Require.That(certificate.Phase == Phase.Prepared && certificate.IsOfAll(epoch.Committee.Count));
        prepared.Add(certificate);
        Aim(certificate);
    }

    public void OnPrepared(Certificate certificate)
    {
        forks.OnCertificate(certificate);
        prepared.Add(certificate);
        slots.Find(certificate.View, certificate.Sequence)?.Note(certificate);
        changer.NoteViewOf(certificate);
        step.Recheck = true;
    }

    public void OnCommitted(Certificate certificate)
    {
        committed.Add(certificate);
        slots.Find(certificate.View, certificate.Sequence)?.Note(certificate);
        Aim(certificate);
    }

    private void Aim(Certificate certificate)
    {
        bool recovers = certificate.Phase == Phase.Recovered;
        bool contradicts = chain.Contradicts(certificate, out Certificate? other);
        if (chain.Recovery is not null && !recovers)
        {
            // The operators have decided. What is certified may be of the other branch, and whether it is shows with its blocks
            // alone: they come from the lowest on.
            if (contradicts)
            {
                step.Reject(Reason.AbandonedBranch, -1);
            }

            return;
        }

        if (contradicts)
        {
            forks.Fail(certificate, other);
            if (other is not null)
            {
                convictions.OnConflict(other, certificate);
            }

            step.Halt(Reason.ConflictingCertificates, certificate, other);
            return;
        }

        chain.Aim(certificate);
        if (!recovers)
        {
            forks.OnCertificate(certificate);
            changer.NoteViewOf(certificate);
        }

        step.Recheck = true;
    }
}
