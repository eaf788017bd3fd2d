using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// What we vote for: a Prepare where a proposal is allowed and good (rules P2, P3), a Commit where one is prepared (rule P4).
/// What a vote rests on is stored before it, and what a proposal lacks is asked for.
/// </summary>
internal sealed class Voter(
    EpochConfiguration epoch, CoreSettings settings, Pace pace, Slots slots, BlockJudge judge, BlockTree blocks, ViewState view,
    FinalChain chain, OwnPast past, OwnAcceptances acceptances, OwnLane own, Fetcher fetcher, Step step)
{
    // While a proposal waits: the wall clock at which it may be voted for.
    private ulong _awaited;

    /// <summary>When a proposal that is ahead of our clock is due; long.MaxValue where none is.</summary>
    public long DueMicros { get; private set; } = long.MaxValue;

    /// <summary>When a Commit that waits for company is due; long.MaxValue where none is.</summary>
    public long CommitDueMicros { get; private set; } = long.MaxValue;

    /// <summary>Wall clock at which that proposal may be voted for; 0 where there is none.</summary>
    public ulong AwaitedMicros => DueMicros == long.MaxValue ? 0 : _awaited;

    /// <summary>Called before everything is judged again.</summary>
    public void ForgetDue() => (DueMicros, CommitDueMicros) = (long.MaxValue, long.MaxValue);

    /// <summary>Sends the Prepares that proposals of this view deserve.</summary>
    public void TryPrepareAll()
    {
        ulong last = slots.Last(chain.Sequence);
        for (ulong sequence = Math.Max(view.Accepted?.Sequence + 1 ?? chain.Sequence, 1); sequence <= last; sequence++)
        {
            if (slots.Find(view.Number, sequence) is { IsOpen: true } slot)
            {
                TryPrepare(slot);
            }
        }
    }

    /// <summary>Sends the Commits that prepared certificates of this view allow (rule P4).</summary>
    public void TryCommitAll()
    {
        ulong last = slots.Last(chain.Sequence);
        for (ulong sequence = Math.Max(Math.Max(chain.Sequence, 1), past.ForgottenBelow); sequence <= last; sequence++)
        {
            if (slots.Find(view.Number, sequence) is { Prepared: { } certificate, CommitSent.IsZero: true } slot)
            {
                TryCommit(slot, certificate);
            }
        }
    }

    /// <summary>Our one Prepare, or PrePrepare, of this slot is decided; it is signed next.</summary>
    public void Accept(Slot slot, Block block)
    {
        Require.That(slot.View == view.Number);
        slot.Accept(block, step.Now);
        view.Accept(block);
        acceptances.Note(view.Number, block);
        own.KeepStep(block, step.Now);
        Persist(block);
        // Ancestors that we did not accept ourselves: a ViewChange lists them too, after a restart as well (rule V3).
        Block? below = blocks.Find(block.Parent);
        while (below is not null && below.Sequence > chain.Sequence)
        {
            if (blocks.Accept(below))
            {
                step.Effects.PersistBlock(below);
            }

            below = blocks.Find(below.Parent);
        }
    }

    /// <summary>Asks for what a proposal lacks, or waits for its time.</summary>
    /// <param name="source">Who proposed it and must serve what is missing (rule L3).</param>
    public void AwaitLack(Block block, in Judgement judgement, int source)
    {
        switch (judgement.Lack)
        {
            case Lack.Body:
                fetcher.Block(judgement.Body, source);
                break;
            case Lack.Vertices:
                fetcher.Cut(block.Cut, source);
                break;
            case Lack.Time:
                _awaited = step.Wall + judgement.AheadMicros;
                DueMicros = step.Now + (long)Math.Min(judgement.AheadMicros, 1_000_000UL);
                break;
            default:
                // Finality and execution come by themselves, and all is judged again then.
                break;
        }
    }

    private void TryPrepare(Slot slot)
    {
        Block block = slot.Block!;
        if (block.Sequence < past.ForgottenBelow || !view.Allows(block, slots.Find(view.Number, block.Sequence - 1), out bool isBase))
        {
            return;
        }

        int leader = epoch.Leader(view.Number);
        Judgement judgement = judge.Judge(block, isBase, step.Wall);
        if (judgement.IsGood)
        {
            Accept(slot, block);
            step.Sign(MessageKind.Prepare, view.Number, block.Sequence, block.Hash);
        }
        else if (judgement.Refusal != Reason.None)
        {
            slot.Refuse(judgement.Refusal);
            step.Reject(judgement.Refusal, leader);
        }
        else
        {
            AwaitLack(block, judgement, leader);
        }
    }

    private void TryCommit(Slot slot, Certificate certificate)
    {
        if (blocks.Find(certificate.BlockHash) is not { } block)
        {
            fetcher.Block(certificate.BlockHash, certificate.Votes[0].Sender);
            return;
        }

        if (Rides(slot, certificate))
        {
            return;
        }

        slot.Commit(certificate.BlockHash);
        if (slot.Accepted != certificate.BlockHash)
        {
            Persist(block);
        }

        if (!slot.PreparedKept)
        {
            step.Effects.PersistPrepared(certificate);
            slot.Keep(certificate);
        }

        step.Sign(MessageKind.Commit, view.Number, slot.Sequence, certificate.BlockHash);
    }

    /// <summary>
    /// Whether a Commit waits for company (rule P5). As long as the Prepares of all make blocks final, hardly anybody needs it:
    /// it waits for those Prepares first, then for our next vote, with which it is signed, synced and sent. Not where it is
    /// missed: once a block needed Commits, with an epoch's last block, and never for long.
    /// </summary>
    private bool Rides(Slot slot, Certificate certificate)
    {
        if (!settings.FastPath || slot.AcceptedMicros == 0 || slot.Accepted != certificate.BlockHash
            || slot.Block is not { EndsEpoch: false } || chain.Certificate is not { Phase: Phase.Prepared })
        {
            return false;
        }

        bool final = slot.Sequence <= chain.Sequence;
        if (final && view.Accepted is { } newest && newest.Sequence > slot.Sequence)
        {
            return false;
        }

        long due = slot.AcceptedMicros + (final ? 2 * pace.Micros : settings.BlockIntervalMicros);
        CommitDueMicros = step.Now < due ? Math.Min(CommitDueMicros, due) : CommitDueMicros;
        return step.Now < due;
    }

    private void Persist(Block block)
    {
        blocks.Accept(block);
        step.Effects.PersistBlock(block);
    }
}
