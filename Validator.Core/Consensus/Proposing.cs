using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>The leader's side of the normal case: what to propose, and when (rules P1, V4, V5).</summary>
public sealed partial class ValidatorCore
{
    /// <summary>How far load stretches the least interval.</summary>
    private const int MostStretch = 8;

    /// <summary>
    /// A block that states a root and orders nothing waits this many least intervals for something to order: nobody waits for it,
    /// unless an epoch ends, and at a few transactions a second it was every other block.
    /// </summary>
    private const int RootPatience = 10;

    private long _lastProposalMicros = long.MinValue / 2;

    /// <summary>An own vote that waits for processor or disk may take this part of the pace: where it takes more, blocks are what it waits for.</summary>
    private const int VotesInPace = 8;

    // From acceptance until the own Prepare, or PrePrepare, is signed and durable.
    private DelayTrack _voting;

    /// <summary>
    /// Between two proposals, and between two own vertices: each costs every validator signatures, syncs and verifications. Eight times what an own vote
    /// waits for them, which knows nothing of distances; or an eighth of what the network alone takes, which adds little to it; or a
    /// third of what waits on top of that.
    /// </summary>
    private long Pace => Math.Clamp(
        Math.Max(VotesInPace * _voting.QueuedMicros, Math.Max(_timer.Ordering.UnloadedMicros / 8, _timer.Ordering.QueuedMicros / 3)),
        Settings.BlockIntervalMicros, MostStretch * Settings.BlockIntervalMicros);

    private void TryPropose()
    {
        if (!_signs || _landing || !ViewActive || IsSilent || Leader != Self)
        {
            return;
        }

        Hash256 parentHash = _accepted?.Hash ?? _base.BlockHash;
        if (_blocks.Find(parentHash) is not { } parent)
        {
            if (_accepted is null && _base.Sequence > FinalSequence)
            {
                FetchBlock(parentHash, NextConnected(Self));
            }

            return;
        }

        if (_accepted is null && !_baseFinal)
        {
            ProposeBase(parent);
            return;
        }

        if (_close.IsLast(parent))
        {
            return;
        }

        ulong sequence = parent.Sequence + 1;
        if (sequence <= FinalSequence || sequence < _forgotten
            || sequence > FinalSequence + Math.Min(_window, (ulong)Settings.PipelineBlocks))
        {
            return;
        }

        bool orders = NextCut(parent, out LaneTip[] cut);
        if (!orders && !RootIsDue(parent))
        {
            return;
        }

        long due = _lastProposalMicros + (orders || _close.ChangePending ? Pace : RootPatience * Settings.BlockIntervalMicros);
        if (_now < due)
        {
            _proposeAtMicros = due;
            return;
        }

        ulong executed = parent.ExecutedSequence;
        Hash256 root = parent.ExecutedRoot;
        if (_chain.Executed > executed)
        {
            executed = _chain.Executed;
            Require.That(_chain.TryRoot(executed, out root));
        }

        if (executed + _window + BlockJudge.ExecutionSlack < sequence)
        {
            return;
        }

        Propose(BlockCodec.Seal(
            Epoch, sequence, parent.Hash, Math.Max(_wall, parent.TimestampMicros + 1), executed, root,
            _close.NextCommittee(sequence, executed), cut));
    }

    /// <summary>The base itself, voted again in this view (rule V4).</summary>
    private void ProposeBase(Block block)
    {
        if (block.Sequence < _forgotten)
        {
            return;
        }

        Judgement judgement = _judge.Judge(block, isBase: true, _wall);
        if (judgement.IsGood)
        {
            Propose(block);
        }
        else if (judgement.Refusal != Reason.None)
        {
            // A certified block that cannot extend what is final: more than F are faulty.
            Reason reason = judgement.Refusal == Reason.WrongParent ? Reason.ConflictingCertificates : judgement.Refusal;
            Halt(reason, _chain.Certificate, null);
        }
        else
        {
            AwaitLack(block, judgement, NextConnected(Self));
        }
    }

    private void Propose(Block block)
    {
        Require.That(Leader == Self && ViewActive);
        Slot slot = SlotFor(new SignedHeader(MessageKind.PrePrepare, Self, Epoch, View, block.Sequence, block.Hash), Self)!;
        Require.That(slot is not null);
        Accept(slot, block);
        _lastProposalMicros = _now;
        _recheck = true;
        Sign(MessageKind.PrePrepare, View, block.Sequence, block.Hash).Block = block;
    }

    /// <summary>As much as fits of what is held and not ordered. False: nothing is.</summary>
    private bool NextCut(Block parent, out LaneTip[] cut)
    {
        cut = new LaneTip[_lanes.Length];
        ulong room = Genesis.Parameters.MaxBlockVertices;
        bool any = false;
        for (int i = 0; i < cut.Length; i++)
        {
            cut[i] = parent.Cut[i];
            LaneTip tip = _lanes[i].Tip;
            if (tip.Height <= cut[i].Height || _lanes[i].Equivocated || !_lanes[i].DescendsFrom(tip, cut[i]))
            {
                continue;
            }

            ulong step = tip.Height - cut[i].Height;
            if (step > room)
            {
                // The vertex that still fits: walk down the chain we hold.
                tip = _lanes[i].AncestorAt(tip, cut[i].Height + room);
                step = room;
            }

            if (step > 0)
            {
                cut[i] = tip;
                room -= step;
                any = true;
            }
        }

        return any;
    }

    /// <summary>The newest block that ordered something is executed, and no block states the root yet (rule V5).</summary>
    private bool RootIsDue(Block parent) =>
        _blocks.LastOrdering(parent) is var last && last > parent.ExecutedSequence && _chain.Executed >= last;
}
