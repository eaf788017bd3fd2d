using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>The leader's side of the normal case: what to propose, and when (rules P1, V4, V5).</summary>
public sealed partial class ValidatorCore
{
    /// <summary>
    /// A block that states a root and orders nothing waits this many least intervals for something to order: nobody waits for it,
    /// unless an epoch ends, and at a few transactions a second it was every other block.
    /// </summary>
    private const int RootPatience = 10;

    private long _lastProposalMicros = long.MinValue / 2;

    private void TryPropose()
    {
        if (!MayVote || Leader != Self)
        {
            return;
        }

        Hash256 parentHash = _view.Foundation;
        if (_blocks.Find(parentHash) is not { } parent)
        {
            if (_view.Accepted is null && _view.Base.Sequence > FinalSequence)
            {
                FetchBlock(parentHash, _peers.Next(Self));
            }

            return;
        }

        if (_view.VotesBase)
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

        bool orders = _lanes.NextCut(parent.Cut, Genesis.Parameters.MaxBlockVertices, out LaneTip[] cut);
        if (!orders && !RootIsDue(parent))
        {
            return;
        }

        long due = _lastProposalMicros + (orders || _close.ChangePending ? _pace.Micros : RootPatience * Settings.BlockIntervalMicros);
        if (_step.Now < due)
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
            Epoch, sequence, parent.Hash, Math.Max(_step.Wall, parent.TimestampMicros + 1), executed, root,
            _close.NextCommittee(sequence, executed), cut));
    }

    /// <summary>The base itself, voted again in this view (rule V4).</summary>
    private void ProposeBase(Block block)
    {
        if (block.Sequence < _forgotten)
        {
            return;
        }

        Judgement judgement = _judge.Judge(block, isBase: true, _step.Wall);
        if (judgement.IsGood)
        {
            Propose(block);
        }
        else if (judgement.Refusal != Reason.None)
        {
            // A certified block that cannot extend what is final: more than F are faulty.
            Reason reason = judgement.Refusal == Reason.WrongParent ? Reason.ConflictingCertificates : judgement.Refusal;
            _step.Halt(reason, _chain.Certificate, null);
        }
        else
        {
            AwaitLack(block, judgement, _peers.Next(Self));
        }
    }

    private void Propose(Block block)
    {
        Require.That(Leader == Self && ViewActive);
        Slot slot = SlotFor(new SignedHeader(MessageKind.PrePrepare, Self, Epoch, View, block.Sequence, block.Hash), Self)!;
        Require.That(slot is not null);
        Accept(slot, block);
        _lastProposalMicros = _step.Now;
        _step.Recheck = true;
        _step.Sign(MessageKind.PrePrepare, View, block.Sequence, block.Hash).Block = block;
    }

    /// <summary>The newest block that ordered something is executed, and no block states the root yet (rule V5).</summary>
    private bool RootIsDue(Block parent) =>
        _blocks.LastOrdering(parent) is var last && last > parent.ExecutedSequence && _chain.Executed >= last;
}
