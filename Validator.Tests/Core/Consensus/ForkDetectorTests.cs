using Validator.Core.Consensus;
using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>Rules D1 to D4: each fork is found once, and ends by the rule that resolves it. Of four members we are 1.</summary>
public sealed class ForkDetectorTests
{
    private readonly CoreParts _core = new();

    // Protects rules D1 and D2: twins in a lane are found once, whoever shows them and however often, and end with the cut that
    // orders one of them, with the time that it took.
    [Fact]
    public void Twins_end_with_the_cut_that_orders_one()
    {
        LaneTip[] tips = _core.Samples.Hold(2, 1);
        _core.At(1_000);
        Twin(2, tips[0], 7);
        Twin(2, tips[0], 8);
        Fork found = Assert.Single(_core.Done.Forks);
        Assert.Equal((ForkKind.LaneTwin, 2, 1UL, tips[0].Hash), (found.Kind, found.Member, found.Sequence, found.First));
        _core.Forks.Advance();
        Assert.Equal(1, _core.Forks.Active);

        _core.At(251_000);
        LaneTip[] cut = [default, default, tips[0], default];
        _core.Samples.Lanes.Finalize(cut, 0);
        _core.Forks.Advance();
        Fork ended = Assert.Single(_core.Done.Forks);
        Assert.Equal((ForkOutcome.Ordered, 250_000), (ended.Outcome, ended.EndedMicros - ended.FoundMicros));
        Twin(2, tips[0], 9);
        Assert.Equal(0, _core.Forks.Active);
    }

    // Protects rule D2 where the lane stays out of proposals: twins end once a block is final that was not accepted here when
    // they were found, and not with those that were under way.
    [Fact]
    public void Twins_in_a_closed_lane_end_with_a_later_block()
    {
        Block first = _core.Propose();
        Block second = ChainSamples.Child(first);
        _core.Propose(second);
        _core.View.Accept(first);
        _core.View.Accept(second);
        Twin(2, _core.Samples.Hold(2, 1)[0], 7);
        _core.Samples.Finalize(first, second);
        _core.Forks.Advance();
        Assert.Equal(1, _core.Forks.Active);
        _core.Samples.Finalize(ChainSamples.Child(second));
        _core.Forks.Advance();
        Assert.Equal(ForkOutcome.LaneClosed, _core.Done.Forks[^1].Outcome);
    }

    // Protects rules D1 and D3: a leader's two proposals are found when the second comes, and end with a certificate of either,
    // or with the view.
    [Theory]
    [InlineData(true, ForkOutcome.Certified)]
    [InlineData(false, ForkOutcome.ViewEnded)]
    public void Two_proposals_end_with_a_certificate_or_the_view(bool certified, ForkOutcome outcome)
    {
        Block block = _core.Propose();
        _core.Propose(ChainSamples.Child(_core.Samples.Start, later: 2));
        Fork found = Assert.Single(_core.Done.Forks);
        Assert.Equal((ForkKind.TwoProposals, 0, 0UL, 1UL), (found.Kind, found.Member, found.View, found.Sequence));
        _core.Forks.Advance();
        Assert.Equal(1, _core.Forks.Active);
        if (certified)
        {
            _core.Certificates.OnPrepared(ChainSamples.Certificate(block, Phase.Prepared));
        }
        else
        {
            _core.View.Enter(1, 5);
        }

        _core.Forks.Advance();
        Assert.Equal(outcome, _core.Done.Forks[^1].Outcome);
    }

    // Protects what is no fork: a double vote convicts, but nothing that it names can be ordered by itself.
    [Fact]
    public void A_double_vote_is_no_fork()
    {
        Block block = _core.Propose();
        _core.Vote(MessageKind.Prepare, 2, block);
        _core.Vote(MessageKind.Prepare, 2, ChainSamples.Child(_core.Samples.Start, later: 2));
        Assert.Single(_core.Done.Convicted);
        Assert.Empty(_core.Done.Forks);
    }

    // Protects rules D1 and D3 of certificates: one of another block at the same sequence, in a later view, is a fork until a
    // block there is final; the same certificate again is none.
    [Fact]
    public void Two_certificates_end_when_a_block_is_final()
    {
        Block block = _core.Propose();
        Block other = ChainSamples.Child(_core.Samples.Start, later: 2);
        _core.Certificates.OnPrepared(ChainSamples.Certificate(block, Phase.Prepared));
        _core.Certificates.OnPrepared(ChainSamples.Certificate(block, Phase.Prepared, view: 1));
        Assert.Empty(_core.Done.Forks);
        _core.Certificates.OnPrepared(ChainSamples.Certificate(other, Phase.Prepared, view: 2));
        Fork found = Assert.Single(_core.Done.Forks);
        Assert.Equal((ForkKind.Certificates, -1, 2UL, 1UL), (found.Kind, found.Member, found.View, found.Sequence));
        Assert.Equal((block.Hash, other.Hash), (found.First, found.Second));
        _core.Samples.Finalize(other);
        _core.Forks.Advance();
        Assert.Equal(ForkOutcome.Final, _core.Done.Forks[^1].Outcome);
        Assert.Empty(_core.Done.Halts);

        // One that comes late is found, and has ended by then.
        _core.Certificates.OnPrepared(ChainSamples.Certificate(block, Phase.Prepared, view: 3));
        Assert.Equal(2, _core.Done.Forks.Count);
    }

    // Protects rule D4: two certificates of which both are final end as failed, before the halt that follows.
    [Fact]
    public void Two_commit_certificates_fail()
    {
        Block block = _core.Propose();
        _core.Samples.Finalize(block);
        _core.Certificates.OnCommitted(ChainSamples.Certificate(ChainSamples.Child(_core.Samples.Start, later: 2), view: 1));
        Assert.Equal([ForkOutcome.Active, ForkOutcome.Failed], _core.Done.Forks.Select(f => f.Outcome));
        Assert.Equal(["ForkChanged", "ForkChanged", "Halt"], _core.Done.Cases[^3..]);
    }

    // Protects rule E3, and memory: what is left ends with the epoch, and of one liar so many forks are told as are bounded.
    [Fact]
    public void All_that_is_left_ends_with_the_epoch()
    {
        _core.Propose();
        _core.Propose(ChainSamples.Child(_core.Samples.Start, later: 2));
        for (ulong height = 1; height <= 2 * ForkDetector.MostOfMember; height++)
        {
            _core.Convictions.OnEvidence(new Evidence(
                ChainSamples.Signed(MessageKind.Vertex, 3, 0, height, ChainSamples.Root(1)),
                ChainSamples.Signed(MessageKind.Vertex, 3, 0, height, ChainSamples.Root(2))));
        }

        Assert.Equal(1 + ForkDetector.MostOfMember, _core.Forks.Active);
        _core.Forks.AssertInvariants();
        _core.Forks.EndEpoch();
        Assert.Equal(0, _core.Forks.Active);
        Assert.Equal(1 + ForkDetector.MostOfMember, _core.Done.Forks.Count(f => f.Outcome == ForkOutcome.EpochEnded));
    }

    private void Twin(int author, LaneTip of, byte variant)
    {
        VertexEntry known = _core.Samples.Lanes[author].At(of.Height)
            ?? new VertexEntry(VertexCodec.Seal(0, author, of.Height, default, new LaneTip[4], ChainSamples.Root(1), 10, 1), []);
        Signed second = ChainSamples.Signed(MessageKind.Vertex, author, 0, of.Height, ChainSamples.Root(variant));
        _core.Convictions.ConvictOf(known, second);
    }
}
