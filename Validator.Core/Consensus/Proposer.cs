using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The leader's side of the normal case (rules P1, V4): the base first where it must be voted again, then what the builder has,
/// each resting on the one before.
/// </summary>
internal sealed class Proposer(
    int self, ulong epoch, ViewState view, BlockTree blocks, FinalChain chain, BlockBuilder builder, BlockJudge judge, VoteCounter counter, Voter voter,
    OwnPast past, Fetcher fetcher, PeerTable peers, Step step)
{
    public void TryPropose()
    {
        if (view.AwaitsBase)
        {
            return;
        }

        Hash256 parentHash = view.Foundation;
        if (blocks.Find(parentHash) is not { } parent)
        {
            if (view.Accepted is null && view.Base.Sequence > chain.Sequence)
            {
                fetcher.Block(parentHash, peers.Next(self));
            }

            return;
        }

        if (view.VotesBase)
        {
            ProposeBase(parent);
            return;
        }

        if (builder.Build(parent, past.ForgottenBelow, step.Now, step.Wall) is { } block)
        {
            Propose(block);
        }
    }

    /// <summary>The base itself, voted again in this view (rule V4).</summary>
    private void ProposeBase(Block block)
    {
        if (block.Sequence < past.ForgottenBelow)
        {
            return;
        }

        Judgement judgement = judge.Judge(block, isBase: true, step.Wall);
        if (judgement.IsGood)
        {
            Propose(block);
        }
        else if (judgement.Refusal != Reason.None)
        {
            // A certified block that cannot extend what is final: more than F are faulty.
            Reason reason = judgement.Refusal == Reason.WrongParent ? Reason.ConflictingCertificates : judgement.Refusal;
            step.Halt(reason, chain.Certificate, null);
        }
        else
        {
            voter.AwaitLack(block, judgement, peers.Next(self));
        }
    }

    private void Propose(Block block)
    {
        Require.That(view.Active);
        Slot? slot = counter.SlotFor(new SignedHeader(MessageKind.PrePrepare, self, epoch, view.Number, block.Sequence, block.Hash), self);
        Require.That(slot is not null);
        voter.Accept(slot, block);
        builder.OnProposed(step.Now);
        step.Recheck = true;
        step.SignBlock(view.Number, block);
    }
}
