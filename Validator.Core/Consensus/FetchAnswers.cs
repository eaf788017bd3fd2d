using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>What peers answer to what was asked (section 10): taken once, and from nobody who was not asked.</summary>
internal sealed class FetchAnswers(Fetcher fetcher, BlockTree blocks, FinalChain chain, Certificates certificates, CatchUpDriver catchUp, Step step)
{
    public void OnBlock(Block block, int from)
    {
        if (!fetcher.Complete(FetchKind.Block, block.Hash))
        {
            step.Reject(Reason.FetchUnasked, from);
            return;
        }

        blocks.Remember(block);
        step.Recheck = true;
    }

    public void OnFinalBlocks(FinalBlocks answer, int from)
    {
        if (!fetcher.Complete(FetchKind.FinalBlocks, Hash256.Zero))
        {
            step.Reject(Reason.FetchUnasked, from);
            return;
        }

        if (chain.Recovery is not null && !chain.GoesOnWith(answer.Blocks))
        {
            // After a fork nobody is asked for what does not link (rule R4).
            step.Reject(Reason.AbandonedBranch, from);
            return;
        }

        foreach (Block block in answer.Blocks)
        {
            blocks.Remember(block);
        }

        if (certificates.TakeFinal(answer.Certificate, from) && !step.Halted)
        {
            chain.AimNearer(answer.Certificate);
        }
    }

    public void OnEpochEnd(EpochEnd end, int from)
    {
        if (!catchUp.Wants(end))
        {
            step.Reject(Reason.FetchUnasked, from);
            return;
        }

        if (chain.Recovery is { } recovery && end.Last.Hash != (end.Epoch == recovery.Epoch ? recovery.Proposal.Last.Hash
            : recovery.Proposal.Names(end.Last.Sequence)))
        {
            step.Reject(Reason.AbandonedBranch, from);
            return;
        }

        certificates.Take(end.Certificate, from);
        catchUp.Take(end);
    }

    public void OnNotFound(NotFound answer, int from)
    {
        fetcher.OnNotFound(answer.Request, from);
        catchUp.OnNotFound(answer.Request, answer.FirstKept, from, step);
    }
}
