using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>Rules E1, E2 and E8: where an epoch ends, what its last block names, and who is left out.</summary>
public sealed class EpochCloseTests
{
    private readonly ChainSamples _samples = new();

    // Protects rule E1: an epoch ends at its length and nowhere else; without a length it ends with a change alone.
    [Fact]
    public void An_epoch_ends_at_its_length()
    {
        Hash256 same = GenesisCodec.CommitteeDigest(1, _samples.Epoch.Members);
        EpochClose three = new(_samples.Epoch, 0, lengthBlocks: 3);
        Assert.Equal(
            [Hash256.Zero, Hash256.Zero, same, Hash256.Zero],
            Enumerable.Range(1, 4).Select(n => three.NextCommittee((ulong)n, 0)));
        Assert.Throws<InvariantViolationException>(() => three.NextCommittee(0, 0));
        EpochClose endless = new(_samples.Epoch, 0, lengthBlocks: 0);
        Assert.All(Enumerable.Range(1, 100), n => Assert.Equal(Hash256.Zero, endless.NextCommittee((ulong)n, 0)));
    }

    // Protects rule E1: a change is named from the block on that states its execution, before the length and at it; one that an
    // earlier run executed counts as well.
    [Fact]
    public void A_change_ends_the_epoch_once_it_is_stated()
    {
        Member[] next = _samples.Epoch.Members[1..];
        Hash256 named = GenesisCodec.CommitteeDigest(1, next);
        EpochClose close = new(_samples.Epoch, 0, lengthBlocks: 5);
        close.NoteChange(new PendingCommittee(2, next));
        EpochClose restarted = new(_samples.Epoch with { Pending = new PendingCommittee(2, next) }, 0, lengthBlocks: 5);
        foreach (EpochClose epoch in new[] { close, restarted })
        {
            Assert.True(epoch.ChangePending);
            Assert.Equal(Hash256.Zero, epoch.NextCommittee(4, executed: 1));
            Assert.Equal(named, epoch.NextCommittee(3, executed: 2));
            Assert.Equal(named, epoch.NextCommittee(5, executed: 2));
            Assert.Equal(GenesisCodec.CommitteeDigest(1, _samples.Epoch.Members), epoch.NextCommittee(5, executed: 1));
            epoch.AssertInvariants();
        }

        Block bears = ChainSamples.Child(_samples.Start, executed: (2, ChainSamples.Root(1)), next: named);
        Assert.True(close.Bears(bears) && close.IsLast(bears));
        Assert.False(close.Bears(ChainSamples.Child(_samples.Start, next: named)));
        Assert.False(close.IsLast(ChainSamples.Child(_samples.Start)));
    }

    // Protects rule E8: whom the change leaves out knows it; and that one epoch has one change.
    [Fact]
    public void A_change_tells_who_leaves()
    {
        Member[] members = _samples.Epoch.Members;
        Assert.True(Of(0, members[1..]).LeavesUs);
        Assert.False(Of(1, members[1..]).LeavesUs);
        Assert.False(Of(-1, members[1..]).LeavesUs);
        Assert.Throws<InvariantViolationException>(() => Of(0, members[1..]).NoteChange(new PendingCommittee(3, members[2..])));

        EpochClose Of(int self, Member[] next)
        {
            EpochClose close = new(_samples.Epoch, self, 0);
            close.NoteChange(new PendingCommittee(2, next));
            return close;
        }
    }
}
