using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>The normal case: PrePrepare, Prepare, Commit (PROTOCOL.md, section 4).</summary>
public sealed partial class ValidatorCore
{
    private long _timestampWaitMicros = long.MaxValue;

    // While that waits: the wall clock at which the proposal may be voted for.
    private ulong _timestampAwaited;

    private void OnPrePrepare(PrePrepare message, int from)
    {
        Block block = message.Block;
        SignedHeader header = message.Header;
        if (header.Epoch != Epoch || header.Sender != Committee.Leader(header.Epoch, header.View))
        {
            _step.Reject(header.Epoch != Epoch ? Reason.WrongEpoch : Reason.NotLeader, from);
            return;
        }

        if (SlotFor(header, from) is not { } slot)
        {
            return;
        }

        if (slot.Proposal is { } known)
        {
            RejectSecond(known, message, from);
            return;
        }

        if (_past.IsContradicted(header, slot.Accepted))
        {
            StopSigning();
        }

        slot.Propose(message, block);
        _blocks.Remember(block);
        CountPrepares(slot, header.Digest);
        _step.Recheck = true;
    }

    private void OnVote(Signed message, int from)
    {
        SignedHeader header = message.Header;
        if (header.Epoch != Epoch)
        {
            _step.Reject(Reason.WrongEpoch, from);
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
            RejectSecond(known, message, from);
            return;
        }

        // The leader's PrePrepare is its only Prepare (rule P1).
        if (prepare && header.Sender == Committee.Leader(header.Epoch, header.View))
        {
            _step.Reject(Reason.NotLeader, from);
            return;
        }

        if (_past.IsContradicted(header, prepare ? slot.Accepted : slot.CommitSent))
        {
            StopSigning();
        }

        votes.Put(message);
        if (prepare)
        {
            ShowOurProposal(slot, header);
            CountPrepares(slot, header.Digest);
        }
        else
        {
            CountCommits(slot, header.Digest);
        }
    }

    /// <summary>A second message in one slot repeats the first, or convicts its sender.</summary>
    private void RejectSecond(Signed known, Signed message, int from)
    {
        bool differs = known.Header.Digest != message.Header.Digest;
        if (differs)
        {
            Convict(new Evidence(known, message));
        }

        _step.Reject(differs ? Reason.Equivocation : Reason.Duplicate, from);
    }

    /// <summary>A vote for another block than the leader sent us: the voter gets our copy, which convicts the leader.</summary>
    private void ShowOurProposal(Slot slot, in SignedHeader vote)
    {
        if (slot.Proposal is { } proposal && slot.Block is { } block && proposal.Header.Digest != vote.Digest
            && vote.Sender != Self && slot.ProposalShown.Add(Committee, vote.Sender))
        {
            _step.Send(vote.Sender, proposal.With(block));
        }
    }

    /// <summary>The slot of a header, made when new; null and a counted reason when out of reach.</summary>
    private Slot? SlotFor(in SignedHeader header, int from)
    {
        Reason reason = _slots.Fault(header, View, FinalSequence);
        if (reason != Reason.None)
        {
            _step.Reject(reason, from);
            return null;
        }

        return _slots.Open(header.View, header.Sequence);
    }

    private void CountPrepares(Slot slot, in Hash256 digest)
    {
        if (slot.Certify(Committee, Phase.Prepared, digest) is { } certificate)
        {
            OnPreparedCertificate(certificate);
        }
    }

    private void CountCommits(Slot slot, in Hash256 digest)
    {
        if (slot.Certify(Committee, Phase.Committed, digest) is { } certificate)
        {
            OnCommitCertificate(certificate);
        }
    }

    private void OnPreparedCertificate(Certificate certificate)
    {
        _prepared.Add(certificate);
        _slots.Find(certificate.View, certificate.Sequence)?.Note(certificate);
        NoteViewOf(certificate);
        _step.Recheck = true;
    }

    /// <summary>Sends the Commits that prepared certificates of this view allow (rule P4).</summary>
    private void TryCommitAll()
    {
        if (!MayVote)
        {
            return;
        }

        ulong last = FinalSequence + _reach;
        for (ulong sequence = Math.Max(Math.Max(FinalSequence, 1), _past.ForgottenBelow); sequence <= last; sequence++)
        {
            if (_slots.Find(View, sequence) is { Prepared: { } certificate, CommitSent.IsZero: true } slot)
            {
                TryCommit(slot, certificate);
            }
        }
    }

    private void TryCommit(Slot slot, Certificate certificate)
    {
        if (_blocks.Find(certificate.BlockHash) is not { } block)
        {
            _fetcher.Block(certificate.BlockHash, certificate.Votes[0].Sender);
            return;
        }

        slot.Commit(certificate.BlockHash);
        if (slot.Accepted != certificate.BlockHash)
        {
            Persist(block);
        }

        _step.Persist(certificate);
        _step.Sign(MessageKind.Commit, View, slot.Sequence, certificate.BlockHash);
    }

    private void TryAcceptAll()
    {
        if (!MayVote || Leader == Self)
        {
            return;
        }

        ulong last = FinalSequence + _reach;
        for (ulong sequence = Math.Max(_view.Accepted?.Sequence + 1 ?? FinalSequence, 1); sequence <= last; sequence++)
        {
            if (_slots.Find(View, sequence) is { IsOpen: true } slot)
            {
                TryAccept(slot);
            }
        }
    }

    private void TryAccept(Slot slot)
    {
        Block block = slot.Block!;
        if (block.Sequence < _past.ForgottenBelow || !_view.Allows(block, _slots.Find(View, block.Sequence - 1), out bool isBase))
        {
            return;
        }

        Judgement judgement = _judge.Judge(block, isBase, _step.Wall);
        if (judgement.IsGood)
        {
            Accept(slot, block);
            _step.Sign(MessageKind.Prepare, View, block.Sequence, block.Hash);
        }
        else if (judgement.Refusal != Reason.None)
        {
            slot.Refuse(judgement.Refusal);
            _step.Reject(judgement.Refusal, Leader);
        }
        else
        {
            AwaitLack(block, judgement, Leader);
        }
    }

    /// <summary>Asks for what a proposal lacks, or waits for its time.</summary>
    /// <param name="source">Who proposed it and must serve what is missing (rule L3).</param>
    private void AwaitLack(Block block, in Judgement judgement, int source)
    {
        switch (judgement.Lack)
        {
            case Lack.Body:
                _fetcher.Block(judgement.Body, source);
                break;
            case Lack.Vertices:
                _fetcher.Cut(block.Cut, source);
                break;
            case Lack.Time:
                _timestampAwaited = _step.Wall + judgement.AheadMicros;
                _timestampWaitMicros = _step.Now + (long)Math.Min(judgement.AheadMicros, 1_000_000UL);
                break;
            default:
                // Finality and execution come by themselves, and all is judged again then.
                break;
        }
    }

    private void Accept(Slot slot, Block block)
    {
        Require.That(slot.View == View);
        slot.Accept(block, _step.Now);
        _view.Accept(block);
        _own.KeepStep(block, _step.Now);
        Persist(block);
    }

    private void Persist(Block block)
    {
        _blocks.Accept(block);
        _step.Persist(block);
    }

    private void OnBlock(Block block, int from)
    {
        if (!_fetcher.Complete(FetchKind.Block, block.Hash))
        {
            _step.Reject(Reason.FetchUnasked, from);
            return;
        }

        _blocks.Remember(block);
        _step.Recheck = true;
    }
}
