using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>Rule P3, row by row: what is refused for good, what waits, and for what.</summary>
public sealed class BlockJudgeTests
{
    private static readonly GenesisParameters s_small = new() { MaxBlockVertices = 4, EpochLengthBlocks = 40, TimestampBoundMicros = 1_000 };

    private readonly ChainSamples _samples = new(s_small);
    private readonly LaneTip[] _lane;

    public BlockJudgeTests() => _lane = _samples.Hold(0, 6);

    private ulong Now => _samples.Start.TimestampMicros + 10;

    // Protects the row of ancestors: a chain with a body missing waits for that body; one that leaves the final chain, or skips,
    // is refused.
    [Fact]
    public void The_chain_continues_the_final_block()
    {
        Block first = ChainSamples.Child(_samples.Start);
        Block second = ChainSamples.Child(first);
        Judgement judgement = Judge(second);
        Assert.Equal((Lack.Body, first.Hash), (judgement.Lack, judgement.Body));

        _samples.Blocks.Remember(first);
        Assert.True(Judge(second).IsGood);
        Assert.Equal(Reason.WrongParent, Judge(ChainSamples.Child(first, skip: 1)).Refusal);

        Block aside = ChainSamples.Child(_samples.Start, later: 2);
        _samples.Blocks.Remember(aside);
        _samples.Finalize(first);
        Assert.Equal(Reason.WrongParent, Judge(ChainSamples.Child(aside)).Refusal);
        Assert.Equal(Reason.WrongParent, Judge(aside).Refusal);
        Assert.True(Judge(first).IsGood);
    }

    // Protects the rows of the cut: it never goes back nor changes in place, is bounded, and waits for vertices that are not
    // held.
    [Fact]
    public void A_cut_goes_forward_over_what_is_held()
    {
        Block parent = ChainSamples.Child(_samples.Start, ChainSamples.Cut(_lane[1]));
        _samples.Blocks.Remember(parent);
        Assert.True(Judge(parent).IsGood);
        Assert.True(Judge(ChainSamples.Child(parent, ChainSamples.Cut(_lane[5]))).IsGood);
        Assert.Equal(Reason.CutRegresses, Judge(ChainSamples.Child(parent, ChainSamples.Cut(_lane[0]))).Refusal);
        Assert.Equal(Reason.CutEquivocates, Judge(ChainSamples.Child(parent, ChainSamples.Cut(new LaneTip(2, _lane[2].Hash)))).Refusal);

        LaneTip[] second = _samples.Hold(1, 2);
        Assert.Equal(Reason.CutTooLarge, Judge(ChainSamples.Child(parent, ChainSamples.Cut(_lane[4], second[1]))).Refusal);
        Assert.True(Judge(ChainSamples.Child(parent, ChainSamples.Cut(_lane[4], second[0]))).IsGood);

        LaneTip[] volatileTips = _samples.Hold(1, 1, second[1], durable: false);
        Assert.Equal(Lack.Vertices, Judge(ChainSamples.Child(parent, ChainSamples.Cut(_lane[1], volatileTips[0]))).Lack);
    }

    // Protects against ordering two twins under pipelining: a cut descends from its parent's cut, not merely from the final one.
    [Fact]
    public void A_cut_descends_from_the_parents_cut()
    {
        LaneTip[] twins = _samples.Hold(0, 3, _lane[0], variant: 2);
        Block parent = ChainSamples.Child(_samples.Start, ChainSamples.Cut(_lane[1]));
        _samples.Blocks.Remember(parent);
        Assert.Equal(Reason.CutEquivocates, Judge(ChainSamples.Child(parent, ChainSamples.Cut(twins[1]))).Refusal);
        Assert.True(Judge(ChainSamples.Child(_samples.Start, ChainSamples.Cut(twins[0]))).IsGood);
    }

    // Protects the row of time: above the parent's; ahead of the own clock by the bound at most, or by the least step.
    [Fact]
    public void Time_grows_and_waits_for_the_own_clock()
    {
        Assert.Equal(Reason.TimestampNotAfterParent, Judge(ChainSamples.Child(_samples.Start, later: 0)).Refusal);
        Assert.True(Judge(ChainSamples.Child(_samples.Start, later: 1_010)).IsGood);
        Judgement early = Judge(ChainSamples.Child(_samples.Start, later: 1_012));
        Assert.Equal((Lack.Time, 2ul), (early.Lack, early.AheadMicros));

        // Genesis is ahead of all clocks.
        Assert.True(_samples.Judge.Judge(ChainSamples.Child(_samples.Start), false, 0).IsGood);
    }

    // Protects the row of execution: what is stated is what is executed here, not less than the parent states, and not too old.
    [Fact]
    public void A_stated_execution_is_the_own_one()
    {
        Block first = ChainSamples.Child(_samples.Start);
        _samples.Finalize(first);
        Block good = ChainSamples.Child(first, executed: (1, ChainSamples.Root(1)));
        Assert.Equal(Lack.Execution, Judge(good).Lack);
        Assert.True(_samples.Chain.Execute(1, ChainSamples.Root(1)));
        Assert.True(Judge(good).IsGood);
        Assert.Equal(Reason.ExecutedRootDiffers, Judge(ChainSamples.Child(first, executed: (1, ChainSamples.Root(2)))).Refusal);
        Assert.Equal(Reason.ExecutedRootDiffers, Judge(ChainSamples.Child(first, executed: (0, ChainSamples.Root(2)))).Refusal);
        Assert.Equal(Reason.ExecutedRegresses, Judge(ChainSamples.Child(first, executed: (2, ChainSamples.Root(2)))).Refusal);

        _samples.Blocks.Remember(good);
        Assert.Equal(Reason.ExecutedRegresses, Judge(ChainSamples.Child(good, executed: (0, _samples.Start.ExecutedRoot))).Refusal);
    }

    // Protects rule V4: a base is voted again though its window, time and execution say otherwise; another block in its place
    // waits, or is refused.
    [Fact]
    public void Beyond_the_window_only_a_base_is_good()
    {
        ChainSamples samples = new();
        Block[] blocks = samples.Grow(samples.Start, 48);
        Assert.True(samples.Judge.Judge(blocks[31], false, Now).IsGood);
        Assert.Equal(Lack.Finality, samples.Judge.Judge(blocks[32], false, Now).Lack);
        Assert.True(samples.Judge.Judge(blocks[32], true, Now).IsGood);
        Assert.Equal(Reason.ExecutedTooOld, samples.Judge.Judge(ChainSamples.Child(blocks[47]), false, Now).Refusal);
        Assert.True(samples.Judge.Judge(ChainSamples.Child(blocks[47]), true, Now).IsGood);
        Block far = ChainSamples.Child(blocks[47], skip: ChainSamples.Reach);
        Assert.Equal(Lack.Finality, samples.Judge.Judge(far, true, Now).Lack);
    }

    // Protects rules E1 and E2: the block at the epoch's length names the same members, one that states a change the changed
    // ones, no other any, and nothing stands on the last.
    [Fact]
    public void The_last_block_names_the_next_committee()
    {
        Hash256 same = GenesisCodec.CommitteeDigest(1, _samples.Epoch.Members);
        Assert.Equal(Reason.NextCommitteeDiffers, Judge(ChainSamples.Child(_samples.Start, next: same)).Refusal);
        _samples.Finalize(_samples.Grow(_samples.Start, 39));
        Block parent = _samples.Chain.Tip;
        Assert.Equal(Reason.NextCommitteeDiffers, Judge(ChainSamples.Child(parent)).Refusal);
        Block last = ChainSamples.Child(parent, next: same);
        Assert.True(Judge(last).IsGood);
        _samples.Finalize(last);
        Assert.Equal(Reason.PastEpochEnd, Judge(ChainSamples.Child(last)).Refusal);

        ChainSamples changed = new(s_small);
        Member[] three = changed.Epoch.Members[..3];
        Hash256 named = GenesisCodec.CommitteeDigest(1, three);
        changed.Finalize(ChainSamples.Child(changed.Start));
        Assert.True(changed.Chain.Execute(1, ChainSamples.Root(1)));
        changed.Close.NoteChange(new PendingCommittee(1, three));
        Block before = ChainSamples.Child(changed.Chain.Tip, next: named);
        Assert.Equal(Reason.NextCommitteeDiffers, changed.Judge.Judge(before, false, Now).Refusal);
        Assert.True(changed.Judge.Judge(ChainSamples.Child(changed.Chain.Tip), false, Now).IsGood);
        Block states = ChainSamples.Child(changed.Chain.Tip, executed: (1, ChainSamples.Root(1)), next: named);
        Assert.True(changed.Judge.Judge(states, false, Now).IsGood);
    }

    private Judgement Judge(Block block) => _samples.Judge.Judge(block, isBase: false, Now);
}
