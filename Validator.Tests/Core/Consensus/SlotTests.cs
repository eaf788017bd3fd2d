using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

public sealed class SlotTests
{
    private readonly ChainSamples _samples = new();

    // Protects the quorum (section 2): votes on one block count, each sender once, those on another block never.
    [Fact]
    public void A_certificate_needs_a_quorum_on_one_block()
    {
        Block block = ChainSamples.Child(_samples.Start);
        Hash256 other = ChainSamples.Root(9);
        Slot slot = new(0, 1, 4);
        slot.Propose(ChainSamples.Signed(MessageKind.PrePrepare, 0, 0, 1, block.Hash), block);
        slot.Prepares.Put(ChainSamples.Signed(MessageKind.Prepare, 1, 0, 1, block.Hash));
        slot.Prepares.Put(ChainSamples.Signed(MessageKind.Prepare, 1, 0, 1, block.Hash));
        slot.Prepares.Put(ChainSamples.Signed(MessageKind.Prepare, 2, 0, 1, other));
        Assert.Null(slot.Certify(_samples.Epoch.Committee, Phase.Prepared, block.Hash));
        Assert.Null(slot.Certify(_samples.Epoch.Committee, Phase.Prepared, other));

        slot.Prepares.Put(ChainSamples.Signed(MessageKind.Prepare, 3, 0, 1, block.Hash));
        Certificate? prepared = slot.Certify(_samples.Epoch.Committee, Phase.Prepared, block.Hash);
        Assert.Equal([0, 1, 3], prepared!.Votes.Select(vote => vote.Sender));
        Assert.False(slot.Certifies(block.Hash));
        slot.Note(prepared);
        Assert.True(slot.Certifies(block.Hash));
        Assert.Null(slot.Certify(_samples.Epoch.Committee, Phase.Prepared, block.Hash));
    }

    // Protects safety (section 13, 1): in one slot this validator decides one Prepare and one Commit, the latter on the prepared
    // block alone.
    [Fact]
    public void A_second_vote_of_our_own_stops_the_process()
    {
        Block block = ChainSamples.Child(_samples.Start);
        Block twin = ChainSamples.Child(_samples.Start, later: 2);
        Slot slot = new(0, 1, 4);
        Assert.Throws<InvariantViolationException>(() => slot.Commit(block.Hash));
        slot.Accept(block, 5);
        Assert.Throws<InvariantViolationException>(() => slot.Accept(twin, 6));
        Assert.Throws<InvariantViolationException>(() => slot.Refuse(Reason.WrongParent));
        slot.Note(ChainSamples.Certificate(block, Phase.Prepared));
        Assert.Throws<InvariantViolationException>(() => slot.Commit(twin.Hash));
        slot.Commit(block.Hash);
        Assert.Throws<InvariantViolationException>(() => slot.Commit(block.Hash));

        Slot restarted = new(0, 1, 4);
        restarted.Recover(ChainSamples.Signed(MessageKind.Prepare, 0, 0, 1, block.Hash));
        Assert.Throws<InvariantViolationException>(() => restarted.Accept(twin, 6));
    }

    // Protects memory and liveness: slots of the final base and up to the reach are open, eight views ahead; others are refused
    // under a reason.
    [Theory]
    [InlineData(2, 10, Reason.None)]
    [InlineData(2, 9, Reason.OldSequence)]
    [InlineData(2, 0, Reason.OldSequence)]
    [InlineData(1, 10, Reason.OldView)]
    [InlineData(10, 90, Reason.None)]
    [InlineData(11, 90, Reason.BeyondWindow)]
    [InlineData(10, 91, Reason.BeyondWindow)]
    public void Slots_are_open_within_reach(ulong view, ulong sequence, Reason expected)
    {
        Slots slots = new(_samples.Epoch.Committee, ChainSamples.Reach);
        SignedHeader header = new(MessageKind.Prepare, 1, 0, view, sequence, ChainSamples.Root(1));
        Assert.Equal(expected, slots.Fault(header, view: 2, final: 10));
    }

    // Protects rule V2: of lower views nothing is left to vote on, and of decided sequences neither.
    [Fact]
    public void Slots_behind_are_forgotten()
    {
        Slots slots = new(_samples.Epoch.Committee, ChainSamples.Reach);
        foreach ((ulong view, ulong sequence) in new (ulong, ulong)[] { (0, 1), (0, 2), (1, 1), (1, 2), (2, 2) })
        {
            Assert.Same(slots.Open(view, sequence), slots.Find(view, sequence));
        }

        slots.ForgetSequencesBelow(2);
        slots.ForgetViewsBelow(1);
        Assert.Equal(2, slots.Count);
        Assert.Null(slots.Find(0, 2));
        Assert.NotNull(slots.Find(1, 2));
        Assert.NotNull(slots.Find(2, 2));
    }
}
