using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>What a proposal that may still be accepted waits for.</summary>
internal enum Lack : byte
{
    None,

    /// <summary>The final block is too far behind it.</summary>
    Finality,

    /// <summary>A body between the final block and it.</summary>
    Body,

    /// <summary>Vertices of its cut.</summary>
    Vertices,

    /// <summary>Its time has not come.</summary>
    Time,

    /// <summary>What it states is not executed here yet.</summary>
    Execution,
}

/// <summary>What became of a proposal: refused for good, early or incomplete, or good.</summary>
/// <param name="Refusal">None where it may be accepted, now or later.</param>
/// <param name="Body">The body that is missing, where that is the lack.</param>
/// <param name="AheadMicros">How far its time is ahead of what the own clock allows, where that is the lack.</param>
internal readonly record struct Judgement(Reason Refusal, Lack Lack = Lack.None, Hash256 Body = default, ulong AheadMicros = 0)
{
    public static readonly Judgement Good = new(Reason.None);

    public static Judgement Waits(Lack lack) => new(Reason.None, lack);

    public bool IsGood => Refusal == Reason.None && Lack == Lack.None;
}

/// <summary>
/// Rule P3: whether a block may be voted for, by its content. Reads what is known here and changes nothing; what is missing, the
/// caller asks for.
/// </summary>
internal sealed class BlockJudge(
    GenesisParameters parameters, EpochConfiguration epoch, ulong reach, FinalChain chain, BlockTree blocks, EpochClose close, LaneSet lanes)
{
    /// <summary>How far behind its sequence, above the window, a block's stated execution may be.</summary>
    public const ulong ExecutionSlack = 16;

    /// <param name="isBase">The base of a view is voted again without timestamp, root or window checks (rule V4).</param>
    /// <param name="wall">Own clock, microseconds since 1970.</param>
    public Judgement Judge(Block block, bool isBase, ulong wall)
    {
        if (block.Sequence <= chain.Sequence)
        {
            // Whoever prepares it shows that it has executed what it states (rule S2).
            return !chain.Holds(block) ? new Judgement(Reason.WrongParent)
                : chain.Executed < block.ExecutedSequence ? Judgement.Waits(Lack.Execution) : Judgement.Good;
        }

        if (block.Sequence > chain.Sequence + reach)
        {
            return Judgement.Waits(Lack.Finality);
        }

        if (block.Sequence > chain.Executed + Limits.MaxListed)
        {
            // After a restart a ViewChange has to list it, from the executed block on (rule V3).
            return Judgement.Waits(Lack.Execution);
        }

        Judgement ancestors = JudgeAncestors(block);
        if (!ancestors.IsGood)
        {
            return ancestors;
        }

        Block? parent = blocks.Find(block.Parent);
        Require.That(parent is not null && parent.Sequence + 1 == block.Sequence);
        Reason reason = CutFault(parent, block);
        if (reason != Reason.None)
        {
            return new Judgement(reason);
        }

        if (!lanes.Hold(block.Cut))
        {
            return Judgement.Waits(Lack.Vertices);
        }

        // Never only from the final cut: under pipelining that would order two twins.
        return !lanes.Descend(block.Cut, parent.Cut) ? new Judgement(Reason.CutEquivocates)
            : isBase ? Judgement.Good
            : JudgeContext(block, parent, wall);
    }

    /// <summary>Each ancestor down to the final block is known, and the chain continues that.</summary>
    private Judgement JudgeAncestors(Block block)
    {
        Block below = block;
        while (below.Sequence > chain.Sequence + 1)
        {
            if (blocks.Find(below.Parent) is not { } next)
            {
                return new Judgement(Reason.None, Lack.Body, below.Parent);
            }

            if (next.Sequence + 1 != below.Sequence || next.Epoch != epoch.Number)
            {
                return new Judgement(Reason.WrongParent);
            }

            below = next;
        }

        return below.Parent == chain.Tip.Hash ? Judgement.Good : new Judgement(Reason.WrongParent);
    }

    private Judgement JudgeContext(Block block, Block parent, ulong wall)
    {
        Reason reason =
            close.IsLast(parent) ? Reason.PastEpochEnd
            : block.TimestampMicros <= parent.TimestampMicros ? Reason.TimestampNotAfterParent
            : block.ExecutedSequence < parent.ExecutedSequence ? Reason.ExecutedRegresses
            : block.ExecutedSequence + parameters.WindowBlocks + ExecutionSlack < block.Sequence ? Reason.ExecutedTooOld
            : block.ExecutedSequence == parent.ExecutedSequence && block.ExecutedRoot != parent.ExecutedRoot ? Reason.ExecutedRootDiffers
            : block.ExecutedSequence >= block.Sequence ? Reason.ExecutedRegresses
            : Reason.None;
        if (reason != Reason.None)
        {
            return new Judgement(reason);
        }

        if (block.Sequence > chain.Sequence + parameters.WindowBlocks)
        {
            return Judgement.Waits(Lack.Finality);
        }

        // The least step needs no clock's consent: time that is ahead of all clocks stands still, nearly, until they have caught
        // up.
        ulong latest = wall + parameters.TimestampBoundMicros;
        if (block.TimestampMicros > latest && block.TimestampMicros - parent.TimestampMicros > 1)
        {
            return new Judgement(Reason.None, Lack.Time, AheadMicros: block.TimestampMicros - latest);
        }

        if (block.ExecutedSequence != parent.ExecutedSequence)
        {
            if (!chain.TryRoot(block.ExecutedSequence, out Hash256 own))
            {
                return Judgement.Waits(Lack.Execution);
            }

            if (own != block.ExecutedRoot)
            {
                return new Judgement(Reason.ExecutedRootDiffers);
            }
        }

        // Executed as far as the block states, or as its parent does, whose epoch goes on: the change, if any, is known.
        return close.Bears(block) ? Judgement.Good : new Judgement(Reason.NextCommitteeDiffers);
    }

    /// <summary>What the two cuts alone tell: no lane goes back, and not too many vertices at once.</summary>
    private Reason CutFault(Block parent, Block block)
    {
        ulong added = 0;
        for (int i = 0; i < lanes.Count; i++)
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
            if (step > parameters.MaxBlockVertices || (added += step) > parameters.MaxBlockVertices)
            {
                return Reason.CutTooLarge;
            }
        }

        return Reason.None;
    }
}
