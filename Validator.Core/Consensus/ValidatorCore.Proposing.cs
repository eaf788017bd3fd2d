using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>The leader's side of the normal case: what to propose, and when (rules P1, V4, V5).</summary>
public sealed partial class ValidatorCore
{
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
                _fetcher.Block(parentHash, _peers.Next(Self));
            }

            return;
        }

        if (_view.VotesBase)
        {
            ProposeBase(parent);
            return;
        }

        if (_proposer.Draft(parent, _past.ForgottenBelow, _step.Now, _step.Wall) is { } block)
        {
            Propose(block);
        }
    }

    /// <summary>The base itself, voted again in this view (rule V4).</summary>
    private void ProposeBase(Block block)
    {
        if (block.Sequence < _past.ForgottenBelow)
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
        _proposer.OnProposed(_step.Now);
        _step.Recheck = true;
        _step.Sign(MessageKind.PrePrepare, View, block.Sequence, block.Hash).Message = block;
    }
}
