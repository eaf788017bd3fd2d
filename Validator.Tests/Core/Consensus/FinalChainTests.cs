using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

public sealed class FinalChainTests
{
    private readonly ChainSamples _samples = new();

    private FinalChain Chain => _samples.Chain;

    // Protects rule P6: an own root that differs from a final block's statement is found, whichever of the two comes first.
    [Fact]
    public void A_stated_root_is_compared_with_the_own_one()
    {
        Block first = ChainSamples.Child(_samples.Start);
        Block states = ChainSamples.Child(first, executed: (1, ChainSamples.Root(1)));
        _samples.Finalize(first, states);
        Assert.False(Chain.Execute(1, ChainSamples.Root(2)));

        ChainSamples other = new();
        other.Finalize(ChainSamples.Child(other.Start));
        Assert.True(other.Chain.Execute(1, ChainSamples.Root(2)));
        Assert.True(other.Chain.Diverges(states));
        Assert.False(other.Chain.Diverges(ChainSamples.Child(first, executed: (1, ChainSamples.Root(2)))));
    }

    // Protects section 8: a commit certificate beside the final chain, or beside one that is known, is found; an equal one is
    // not.
    [Fact]
    public void Certificates_that_exclude_each_other_are_found()
    {
        Block first = ChainSamples.Child(_samples.Start);
        Block second = ChainSamples.Child(first);
        _samples.Finalize(first);
        Assert.True(Chain.Contradicts(ChainSamples.Certificate(ChainSamples.Child(_samples.Start, later: 2)), out Certificate? known));
        Assert.Equal(first.Hash, known?.BlockHash);
        Assert.False(Chain.Contradicts(ChainSamples.Certificate(first, view: 3), out _));

        Assert.False(Chain.Contradicts(ChainSamples.Certificate(second), out _));
        Chain.Aim(ChainSamples.Certificate(second));
        Assert.True(Chain.Contradicts(ChainSamples.Certificate(ChainSamples.Child(first, later: 2)), out known));
        Assert.Equal(second.Hash, known?.BlockHash);
    }

    // Protects rule P5: the furthest certificate is what is made final; one whose chain is here may stand in for it, and none
    // goes back.
    [Fact]
    public void The_target_is_the_furthest_certificate_above_the_tip()
    {
        Block[] blocks = _samples.Grow(_samples.Start, 3);
        Chain.Aim(ChainSamples.Certificate(blocks[2]));
        Chain.Aim(ChainSamples.Certificate(blocks[1]));
        Assert.Equal(3ul, Chain.NextTarget()?.Sequence);
        Chain.AimNearer(ChainSamples.Certificate(blocks[0]));
        Assert.Equal(1ul, Chain.NextTarget()?.Sequence);

        _samples.Finalize(blocks[0]);
        Assert.Null(Chain.NextTarget());
        Chain.Aim(ChainSamples.Certificate(blocks[0]));
        Chain.AimNearer(ChainSamples.Certificate(blocks[0]));
        Assert.Null(Chain.NextTarget());
    }

    // Protects the chain: nothing is made final that does not continue it, and nothing counts as executed that is not final.
    [Fact]
    public void A_gap_or_another_parent_stops_the_process()
    {
        Block first = ChainSamples.Child(_samples.Start);
        Block second = ChainSamples.Child(first);
        Assert.Throws<InvariantViolationException>(() => _samples.Finalize(second));
        Assert.Throws<InvariantViolationException>(() => Chain.Append(first, ChainSamples.Certificate(first, Phase.Prepared), orders: false));
        Assert.Throws<InvariantViolationException>(() => Chain.Execute(1, ChainSamples.Root(1)));
        _samples.Finalize(first);
        Assert.Throws<InvariantViolationException>(() => _samples.Finalize(ChainSamples.Child(ChainSamples.Child(_samples.Start, later: 2))));
        Assert.Throws<InvariantViolationException>(() => Chain.Execute(2, ChainSamples.Root(1)));
    }

    // Protects memory, and blocks in reach from being judged without what they state: what is remembered is bounded, the newest
    // stays.
    [Fact]
    public void What_is_remembered_is_bounded()
    {
        Block tip = _samples.Start;
        for (ulong sequence = 1; sequence <= 1500; sequence++)
        {
            _samples.Finalize(tip = ChainSamples.Child(tip));
            Assert.True(Chain.Execute(sequence, ChainSamples.Root((byte)sequence)));
            Chain.AssertInvariants();
        }

        Assert.InRange(Chain.Remembered, 500, 513);
        Assert.True(Chain.TryRoot(1500 - ChainSamples.Reach, out Hash256 root) && root == ChainSamples.Root(unchecked((byte)(1500 - ChainSamples.Reach))));
        Assert.Equal(ChainSamples.Reach, (ulong)Chain.RecentRoots.Count());
        Assert.Equal(1500ul, Chain.RecentRoots.Last().Sequence);
        Assert.False(Chain.TryRoot(1, out _));
    }

    // Protects a view's base (rule V4) and what is voted again: body by body, the tree leads from a certificate to the block that
    // is next.
    [Fact]
    public void Bodies_lead_from_a_certificate_to_the_next_block()
    {
        Block[] blocks = [ChainSamples.Child(_samples.Start), .. new Block[2]];
        blocks[1] = ChainSamples.Child(blocks[0]);
        blocks[2] = ChainSamples.Child(blocks[1]);
        BlockTree tree = _samples.Blocks;
        Assert.Null(tree.NextAbove(blocks[2].Hash, out Hash256 missing));
        Assert.Equal(blocks[2].Hash, missing);
        tree.Accept(blocks[2]);
        tree.Remember(blocks[0]);
        Assert.Null(tree.NextAbove(blocks[2].Hash, out missing));
        Assert.Equal(blocks[1].Hash, missing);
        tree.Remember(blocks[1]);
        Assert.Same(blocks[0], tree.NextAbove(blocks[2].Hash, out _));

        tree.ForgetUnaccepted();
        Assert.Same(blocks[2], tree.Find(blocks[2].Hash));
        Assert.Equal(1, tree.Count);
        _samples.Finalize(blocks);
        Assert.Equal(0, tree.Count);
        Assert.Same(blocks[2], tree.Find(blocks[2].Hash));
    }
}
