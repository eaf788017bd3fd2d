using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Takes PrePrepare, Prepare and Commit, our own as they come back signed, and makes certificates of what a quorum signed
/// (PROTOCOL.md, section 4; rule P1). Each sender counts once in a slot and phase; a second message convicts it.
/// </summary>
internal sealed class VoteCounter(
    EpochConfiguration epoch, int self, CoreSettings settings, Slots slots, ViewState view, FinalChain chain, BlockTree blocks,
    OwnPast past, Pace pace, Certificates certificates, StrongFinality strong, Convictions convictions, TwinGuard guard, Step step)
{
    public void OnPrePrepare(PrePrepare message, int from)
    {
        Block block = message.Block;
        SignedHeader header = message.Header;
        if (header.Epoch != epoch.Number || header.Sender != epoch.Leader(header.View))
        {
            step.Reject(header.Epoch != epoch.Number ? Reason.WrongEpoch : Reason.NotLeader, from);
            return;
        }

        if (SlotFor(header, from) is not { } slot)
        {
            return;
        }

        if (slot.Proposal is { } known)
        {
            convictions.RejectSecond(known, message, from);
            step.Effects.VoteTaken(PartialSignature.Repeated);
            return;
        }

        if (past.IsContradicted(header, slot.Accepted))
        {
            guard.Trip();
        }

        slot.Propose(message, block);
        convictions.OnVote(message, slot);
        blocks.Remember(block);
        Take(slot.Prepares);
        CountPrepare(slot, header);
        step.Recheck = true;
    }

    /// <summary>Prepare or Commit.</summary>
    public void OnVote(Signed message, int from)
    {
        SignedHeader header = message.Header;
        if (header.Epoch != epoch.Number)
        {
            step.Reject(Reason.WrongEpoch, from);
            return;
        }

        if (SlotFor(header, from) is not { } slot)
        {
            return;
        }

        bool prepare = header.Kind == MessageKind.Prepare;
        VoteSet votes = prepare ? slot.Prepares : slot.Commits;
        if (votes[header.Sender] is { } known)
        {
            convictions.RejectSecond(known, message, from);
            step.Effects.VoteTaken(PartialSignature.Repeated);
            return;
        }

        // The leader's PrePrepare is its only Prepare (rule P1).
        if (prepare && header.Sender == epoch.Leader(header.View))
        {
            step.Reject(Reason.NotLeader, from);
            return;
        }

        if (past.IsContradicted(header, prepare ? slot.Accepted : slot.CommitSent))
        {
            guard.Trip();
        }

        votes.Put(message);
        convictions.OnVote(message, slot);
        Take(votes);
        if (prepare)
        {
            ShowOurProposal(slot, header);
            CountPrepare(slot, header);
        }
        else
        {
            CountCommits(slot, header.Digest);
        }
    }

    /// <summary>Our own PrePrepare, Prepare or Commit is signed, durable and sent.</summary>
    public void OnSigned(Signed message)
    {
        SignedHeader header = message.Header;
        if (slots.Find(header.View, header.Sequence) is not { } slot)
        {
            return;
        }

        if (header.Kind != MessageKind.Commit && slot.Accepted == header.Digest)
        {
            pace.MeasureVote(step.Now - slot.AcceptedMicros, step.Now);
        }

        if (header.Kind != MessageKind.PrePrepare)
        {
            OnVote(message, self);
        }
        else if (blocks.Find(header.Digest) is { } block)
        {
            slot.Propose(message, block);
            Take(slot.Prepares);
            CountPrepare(slot, header);
        }
    }

    /// <summary>
    /// What recovered votes of our own already decide is drawn from them, as if they had just come back signed.
    /// </summary>
    public void Resume()
    {
        foreach (Slot slot in slots.BySequence())
        {
            CountPrepares(slot, slot.Accepted);
            CountCommits(slot, slot.CommitSent);
        }
    }

    /// <summary>The slot of a header, made when new; null and a counted reason when out of reach.</summary>
    public Slot? SlotFor(in SignedHeader header, int from)
    {
        Reason reason = slots.Fault(header, view.Number, chain.Sequence);
        if (reason != Reason.None)
        {
            if (reason == Reason.OldSequence && header.Kind != MessageKind.Commit)
            {
                strong.Note(header);
            }

            step.Reject(reason, from);
            return null;
        }

        return slots.Open(header.View, header.Sequence);
    }

    /// <summary>A vote for another block than the leader sent us: the voter gets our copy, which convicts the leader.</summary>
    private void ShowOurProposal(Slot slot, in SignedHeader vote)
    {
        if (slot.Proposal is { } proposal && slot.Block is { } block && proposal.Header.Digest != vote.Digest
            && vote.Sender != self && slot.ProposalShown.Add(epoch.Committee, vote.Sender))
        {
            step.Send(vote.Sender, proposal.With(block));
        }
    }

    private void Take(VoteSet votes)
    {
        votes.Begin(step.Now);
        step.Effects.VoteTaken(PartialSignature.Counted);
    }

    private void TellMade(VoteSet votes) => step.Effects.CertificateMade(votes.AgeMicros(step.Now));

    private void CountPrepare(Slot slot, in SignedHeader vote)
    {
        if (vote.Sequence <= chain.Sequence)
        {
            strong.Note(vote);
        }

        CountPrepares(slot, vote.Digest);
    }

    private void CountPrepares(Slot slot, in Hash256 digest)
    {
        if (slot.Certify(epoch.Committee, Phase.Prepared, digest) is { } certificate)
        {
            TellMade(slot.Prepares);
            certificates.OnPrepared(certificate);
        }

        if (settings.FastPath && slot.CertifyAll(epoch.Committee, digest) is { } proof)
        {
            TellMade(slot.Prepares);
            certificates.OnAllPrepared(proof);
        }
    }

    private void CountCommits(Slot slot, in Hash256 digest)
    {
        if (slot.Certify(epoch.Committee, Phase.Committed, digest) is { } certificate)
        {
            TellMade(slot.Commits);
            certificates.OnCommitted(certificate);
        }
    }
}
