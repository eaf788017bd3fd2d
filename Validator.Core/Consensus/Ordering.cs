using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>The normal case: PrePrepare, Prepare, Commit (PROTOCOL.md, section 4).</summary>
public sealed partial class ValidatorCore
{
    private enum Verdict
    {
        Accept,

        /// <summary>Early or incomplete: judged again when something changes.</summary>
        Wait,
        Refuse,
    }

    // The newest acceptance in this view (rule P2), as leader or as replica; null before the first.
    private Block? _accepted;
    private long _proposeAtMicros = long.MaxValue;
    private long _timestampWaitMicros = long.MaxValue;

    // While that waits: the wall clock at which the proposal may be voted for.
    private ulong _timestampAwaited;

    private void OnPrePrepare(Signed message, Block block, int from)
    {
        SignedHeader header = message.Header;
        if (header.Epoch != Epoch || header.Sender != Committee.Leader(header.Epoch, header.View))
        {
            Reject(header.Epoch != Epoch ? Reason.WrongEpoch : Reason.NotLeader, from);
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

        if (header.Sender == Self && slot.Accepted != header.Digest && header.Sequence >= _forgotten && !MayBeOfBefore(header.View))
        {
            StopSigning();
        }

        slot.Proposal = message;
        slot.Block = block;
        slot.Prepares.Put(message);
        RememberBlock(block);
        CountPrepares(slot, header.Digest);
        _recheck = true;
    }

    private void OnVote(Signed message, int from)
    {
        SignedHeader header = message.Header;
        if (header.Epoch != Epoch)
        {
            Reject(Reason.WrongEpoch, from);
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
            Reject(Reason.NotLeader, from);
            return;
        }

        if (header.Sender == Self && (prepare ? slot.Accepted : slot.CommitSent) != header.Digest && header.Sequence >= _forgotten
            && !MayBeOfBefore(header.View))
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
            Convict(known, message);
        }

        Reject(differs ? Reason.Equivocation : Reason.Duplicate, from);
    }

    /// <summary>A vote for another block than the leader sent us: the voter gets our copy, which convicts the leader.</summary>
    private void ShowOurProposal(Slot slot, in SignedHeader vote)
    {
        if (slot.Proposal is { } proposal && proposal.Header.Digest != vote.Digest
            && vote.Sender != Self && slot.ProposalShown.Add(Committee, vote.Sender))
        {
            SendStored(vote.Sender, proposal, slot.Block);
        }
    }

    /// <summary>The slot of a header, made when new; null and a counted reason when out of reach.</summary>
    private Slot? SlotFor(in SignedHeader header, int from)
    {
        Reason reason = header.View < View ? Reason.OldView
            : header.View > View + MaxViewsAhead ? Reason.BeyondWindow
            // A final base is voted again in a new view (rule V4), so its own sequence stays open.
            : header.Sequence == 0 || header.Sequence < FinalSequence ? Reason.OldSequence
            : header.Sequence > FinalSequence + _reach ? Reason.BeyondWindow
            : Reason.None;
        if (reason != Reason.None)
        {
            Reject(reason, from);
            return null;
        }

        if (!_slots.TryGetValue((header.View, header.Sequence), out Slot? slot))
        {
            slot = new Slot(header.View, header.Sequence, Committee.Count);
            _slots.Add((header.View, header.Sequence), slot);
        }

        return slot;
    }

    private Slot? FindSlot(ulong view, ulong sequence) => _slots.GetValueOrDefault((view, sequence));

    private void CountPrepares(Slot slot, in Hash256 digest)
    {
        if (slot.Prepared is null && slot.Prepares.Certify(Committee, Phase.Prepared, digest) is { } certificate)
        {
            OnPreparedCertificate(certificate);
        }
    }

    private void CountCommits(Slot slot, in Hash256 digest)
    {
        if (slot.Committed is null && slot.Commits.Certify(Committee, Phase.Committed, digest) is { } certificate)
        {
            OnCommitCertificate(certificate);
        }
    }

    private void OnPreparedCertificate(Certificate certificate)
    {
        _prepared.Add(certificate);
        if (FindSlot(certificate.View, certificate.Sequence) is { Prepared: null } slot)
        {
            slot.Prepared = certificate;
        }

        NoteViewOf(certificate);
        _recheck = true;
    }

    /// <summary>Sends the Commits that prepared certificates of this view allow (rule P4).</summary>
    private void TryCommitAll()
    {
        if (!_signs || _landing || !ViewActive || IsSilent)
        {
            return;
        }

        ulong last = FinalSequence + _reach;
        for (ulong sequence = Math.Max(Math.Max(FinalSequence, 1), _forgotten); sequence <= last; sequence++)
        {
            if (FindSlot(View, sequence) is { Prepared: { } certificate, CommitSent.IsZero: true } slot)
            {
                TryCommit(slot, certificate);
            }
        }
    }

    private void TryCommit(Slot slot, Certificate certificate)
    {
        if (FindBlock(certificate.BlockHash) is not { } block)
        {
            FetchBlock(certificate.BlockHash, certificate.Votes[0].Sender);
            return;
        }

        slot.CommitSent = certificate.BlockHash;
        if (slot.Accepted != certificate.BlockHash)
        {
            Persist(block);
        }

        Emit(EffectKind.PersistCertificate).Certificate = certificate;
        Sign(MessageKind.Commit, View, slot.Sequence, certificate.BlockHash);
    }

    private void TryAcceptAll()
    {
        if (!_signs || _landing || !ViewActive || IsSilent || Leader == Self)
        {
            return;
        }

        ulong last = FinalSequence + _reach;
        for (ulong sequence = Math.Max(_accepted?.Sequence + 1 ?? FinalSequence, 1); sequence <= last; sequence++)
        {
            if (FindSlot(View, sequence) is { Proposal: not null, Accepted.IsZero: true, Refused: Reason.None } slot)
            {
                TryAccept(slot);
            }
        }
    }

    private void TryAccept(Slot slot)
    {
        Block block = slot.Block!;
        if (block.Sequence < _forgotten || !ParentRuleHolds(block, out bool isBase))
        {
            return;
        }

        switch (Judge(block, isBase, Leader, out Reason reason))
        {
            case Verdict.Accept:
                Accept(slot, block);
                Sign(MessageKind.Prepare, View, block.Sequence, block.Hash);
                break;
            case Verdict.Refuse:
                slot.Refused = reason;
                Reject(reason, Leader);
                break;
            case Verdict.Wait:
                break;
        }
    }

    private void Accept(Slot slot, Block block)
    {
        Require.That(slot.Accepted.IsZero && slot.View == View);
        Require.That(_accepted is null || _accepted.Sequence < block.Sequence);
        slot.Accepted = block.Hash;
        slot.AcceptedMicros = _now;
        _accepted = block;
        KeepStep(block);
        Persist(block);
    }

    private void Persist(Block block)
    {
        RememberBlock(block);
        if (_blocks.TryGetValue(block.Hash, out BlockEntry? entry))
        {
            entry.Accepted = true;
        }

        Emit(EffectKind.PersistBlock).Block = block;
    }

    /// <summary>Rule P2. False may turn true when a certificate of the parent arrives.</summary>
    private bool ParentRuleHolds(Block block, out bool isBase)
    {
        isBase = false;
        if (_accepted is null)
        {
            isBase = !_baseFinal && block.Hash == _base.BlockHash;
            if (isBase || (_baseFinal && block.Parent == _base.BlockHash && block.Sequence == _base.Sequence + 1))
            {
                return true;
            }
        }
        else if (block.Parent == _accepted.Hash && block.Sequence == _accepted.Sequence + 1)
        {
            return true;
        }

        return block.Sequence > 1
            && FindSlot(View, block.Sequence - 1) is { } parent
            && parent.Certifies(block.Parent);
    }

    /// <summary>Rule P3. The base of a view is voted again without timestamp, root or window checks (rule V4).</summary>
    /// <param name="source">Who proposed it and must serve what is missing (rule L3).</param>
    private Verdict Judge(Block block, bool isBase, int source, out Reason reason)
    {
        reason = Reason.None;
        if (block.Sequence <= FinalSequence)
        {
            reason = Reason.WrongParent;
            return _finalHashes.GetValueOrDefault(block.Sequence) == block.Hash ? Verdict.Accept : Verdict.Refuse;
        }

        if (block.Sequence > FinalSequence + _reach || !AncestorsKnown(block, source, out Block? parent, out reason))
        {
            return reason == Reason.None ? Verdict.Wait : Verdict.Refuse;
        }

        reason = CutFault(parent, block);
        if (reason != Reason.None)
        {
            return Verdict.Refuse;
        }

        if (!CutHeld(block, source))
        {
            return Verdict.Wait;
        }

        reason = LineageFault(parent, block);
        if (reason != Reason.None)
        {
            return Verdict.Refuse;
        }

        return isBase ? Verdict.Accept : JudgeContext(block, parent, out reason);
    }

    private Verdict JudgeContext(Block block, Block parent, out Reason reason)
    {
        reason =
            IsLast(parent) ? Reason.PastEpochEnd
            : block.TimestampMicros <= parent.TimestampMicros ? Reason.TimestampNotAfterParent
            : block.ExecutedSequence < parent.ExecutedSequence ? Reason.ExecutedRegresses
            : block.ExecutedSequence + _window + 16 < block.Sequence ? Reason.ExecutedTooOld
            : block.ExecutedSequence == parent.ExecutedSequence && block.ExecutedRoot != parent.ExecutedRoot ? Reason.ExecutedRootDiffers
            : block.ExecutedSequence >= block.Sequence ? Reason.ExecutedRegresses
            : Reason.None;
        if (reason != Reason.None)
        {
            return Verdict.Refuse;
        }

        if (block.Sequence > FinalSequence + _window)
        {
            return Verdict.Wait;
        }

        // The least step needs no clock's consent: time that is ahead of all clocks stands still, nearly, until they have caught up.
        ulong latest = _wall + Genesis.Parameters.TimestampBoundMicros;
        if (block.TimestampMicros > latest && block.TimestampMicros - parent.TimestampMicros > 1)
        {
            _timestampAwaited = _wall + (block.TimestampMicros - latest);
            _timestampWaitMicros = _now + (long)Math.Min(block.TimestampMicros - latest, 1_000_000UL);
            return Verdict.Wait;
        }

        if (block.ExecutedSequence != parent.ExecutedSequence)
        {
            if (!_roots.TryGetValue(block.ExecutedSequence, out Hash256 own))
            {
                return Verdict.Wait;
            }

            if (own != block.ExecutedRoot)
            {
                reason = Reason.ExecutedRootDiffers;
                return Verdict.Refuse;
            }
        }

        // Executed as far as the block states, or as its parent does, whose epoch goes on: the change, if any, is known.
        reason = block.NextCommittee != NextCommittee(block.Sequence, block.ExecutedSequence) ? Reason.NextCommitteeDiffers : Reason.None;
        return reason == Reason.None ? Verdict.Accept : Verdict.Refuse;
    }

    /// <summary>Walks to the final block. Asks for bodies that are missing; refuses a chain that leaves the final one.</summary>
    private bool AncestorsKnown(Block block, int source, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Block? parent, out Reason reason)
    {
        reason = Reason.None;
        parent = FindBlock(block.Parent);
        Block below = block;
        while (below.Sequence > FinalSequence + 1)
        {
            if (FindBlock(below.Parent) is not { } next)
            {
                FetchBlock(below.Parent, source);
                return false;
            }

            if (next.Sequence + 1 != below.Sequence || next.Epoch != Epoch)
            {
                reason = Reason.WrongParent;
                return false;
            }

            below = next;
        }

        if (below.Parent != _final.Hash)
        {
            reason = Reason.WrongParent;
            return false;
        }

        return parent is not null;
    }

    /// <summary>What the two cuts alone tell: no lane goes back, and not too many vertices at once.</summary>
    private Reason CutFault(Block parent, Block block)
    {
        ulong added = 0;
        for (int i = 0; i < _lanes.Length; i++)
        {
            LaneTip from = parent.Cut[i];
            LaneTip to = block.Cut[i];
            if (to.Height < from.Height)
            {
                return Reason.CutRegresses;
            }

            if (to.Height == from.Height && to.Hash != from.Hash)
            {
                return Reason.CutEquivocates;
            }

            ulong step = to.Height - from.Height;
            if (step > Genesis.Parameters.MaxBlockVertices || (added += step) > Genesis.Parameters.MaxBlockVertices)
            {
                return Reason.CutTooLarge;
            }
        }

        return Reason.None;
    }

    /// <summary>Every vertex up to the cut is durable here; asks for those that are missing (rule L3).</summary>
    private bool CutHeld(Block block, int source)
    {
        bool held = true;
        for (int i = 0; i < _lanes.Length; i++)
        {
            if (!_lanes[i].Holds(block.Cut[i]))
            {
                FetchVertex(_lanes[i], block.Cut[i], source);
                held = false;
            }
        }

        return held;
    }

    /// <summary>Each lane's cut descends from the parent block's cut, never only from the final one (rule P3).</summary>
    private Reason LineageFault(Block parent, Block block)
    {
        for (int i = 0; i < _lanes.Length; i++)
        {
            if (!_lanes[i].DescendsFrom(block.Cut[i], parent.Cut[i]))
            {
                return Reason.CutEquivocates;
            }
        }

        return Reason.None;
    }

    private Block? FindBlock(in Hash256 hash) =>
        hash == _final.Hash ? _final : _blocks.TryGetValue(hash, out BlockEntry? entry) ? entry.Block : null;

    private void RememberBlock(Block block)
    {
        if (block.Sequence > FinalSequence)
        {
            _blocks.TryAdd(block.Hash, new BlockEntry(block));
        }
    }

    private void OnBlock(Block block, int from)
    {
        if (!_fetches.Complete(FetchKind.Block, block.Hash))
        {
            Reject(Reason.FetchUnasked, from);
            return;
        }

        RememberBlock(block);
        _recheck = true;
    }
}
