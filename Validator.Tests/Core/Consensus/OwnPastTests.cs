using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>What of our own convicts a lost vote store, or us.</summary>
public sealed class OwnPastTests
{
    private static readonly Hash256 s_digest = ChainSamples.Root(1);

    private readonly ChainSamples _samples = new();

    // Protects against a rolled-back disk and a twin (section 6): a vote of ours that was not decided here is found, others' are
    // no matter.
    [Fact]
    public void An_unknown_vote_of_ours_is_found()
    {
        OwnPast past = new(0, default, forgottenBelow: 5);
        Assert.True(past.IsContradicted(Vote(0, 2, 5), default));
        Assert.True(past.IsContradicted(Vote(0, 2, 5), ChainSamples.Root(2)));
        Assert.False(past.IsContradicted(Vote(0, 2, 5), s_digest));
        Assert.False(past.IsContradicted(Vote(1, 2, 5), default));
        Assert.True(past.IsContradictedByStop(Vote(0, 3, 0), sent: 2));
        Assert.False(past.IsContradictedByStop(Vote(0, 2, 0), sent: 2));
    }

    // Protects rule E7: what lies behind what was executed once is forgotten, and convicts nobody.
    [Fact]
    public void What_was_forgotten_contradicts_nothing() =>
        Assert.False(new OwnPast(0, default, forgottenBelow: 5).IsContradicted(Vote(0, 2, 4), default));

    // Protects rule E9: with votes made anew nothing but Stop is signed below a view, and what we signed there before convicts
    // nobody.
    [Fact]
    public void Lost_votes_of_lower_views_contradict_nothing()
    {
        OwnPast past = new(0, new VoteLimit(0, FirstView: 7, LostView: 5), 0);
        Assert.True(past.IsSilent(6) && !past.IsSilent(7));
        Assert.False(past.IsContradicted(Vote(0, 6, 5), default));
        Assert.True(past.IsContradicted(Vote(0, 7, 5), default));
        Assert.False(past.IsContradictedByStop(Vote(0, 9, 0), sent: 2));
        Assert.True(past.LaneIsLost);

        OwnPast bound = new(0, new VoteLimit(0, FirstView: 7, LostView: 0), 0);
        Assert.True(bound.IsSilent(6));
        Assert.True(bound.IsContradicted(Vote(0, 6, 5), default));
        Assert.False(bound.LaneIsLost);
    }

    // Protects the same for votes inside certificates, each phase by what was decided in it.
    [Fact]
    public void A_certificate_with_an_unknown_vote_of_ours_is_found()
    {
        Block block = ChainSamples.Child(_samples.Start);
        Certificate prepared = ChainSamples.Certificate(block, Phase.Prepared);
        Certificate committed = ChainSamples.Certificate(block);
        OwnPast past = new(0, default, 0);
        Slot slot = new(0, 1, 4);
        Assert.True(past.IsContradicted(prepared, null) && past.IsContradicted(prepared, slot));
        slot.Accept(block, 0);
        Assert.False(past.IsContradicted(prepared, slot));
        Assert.True(past.IsContradicted(committed, slot));
        slot.Note(prepared);
        slot.Commit(block.Hash);
        Assert.False(past.IsContradicted(committed, slot));

        // The votes are those of members 0 to 2.
        Assert.False(new OwnPast(3, default, 0).IsContradicted(prepared, null));
        Assert.False(new OwnPast(0, default, 2).IsContradicted(prepared, null));
    }

    private static SignedHeader Vote(int sender, ulong view, ulong sequence) => new(MessageKind.Prepare, sender, 0, view, sequence, s_digest);
}
