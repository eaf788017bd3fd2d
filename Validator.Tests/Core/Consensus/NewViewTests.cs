using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>Rules V3 and V4 from ViewChange to the first proposal; we are member 1, which leads view 1.</summary>
public sealed class NewViewTests
{
    private readonly CoreParts _core = new();

    // Protects rule V4: the leader signs one NewView over a quorum's ViewChanges. The view begins once that is durable, and first
    // in it comes the prepared base, the same block, though nothing of it would be new.
    [Fact]
    public void A_leader_begins_its_view_with_the_base()
    {
        Block block = ChainSamples.Child(_core.Samples.Start);
        _core.Samples.Blocks.Remember(block);
        NewView begun = Enter(ChainSamples.Certificate(block, Phase.Prepared, without: 1));
        _core.NewViews.OnSigned(begun);
        Assert.True(_core.View.Active);
        Assert.Equal(["PersistEntered"], _core.Done.Cases);
        _core.Proposer.TryPropose();
        Assert.Empty(_core.Done.Signed);
        _core.BaseChooser.TryChoose();
        _core.Proposer.TryPropose();
        SignedHeader proposed = Assert.Single(_core.Done.Signed);
        Assert.Equal((MessageKind.PrePrepare, 1UL, block.Hash), (proposed.Kind, proposed.View, proposed.Digest));
        _core.View.AssertInvariants();
    }

    // Protects rules P1 and P3: without a base to vote on again, a leader proposes what it holds, each block on the one before,
    // and nothing where nothing waits.
    [Fact]
    public void A_leader_proposes_what_is_held()
    {
        _core.NewViews.OnSigned(Enter());
        _core.BaseChooser.TryChoose();
        _core.Proposer.TryPropose();
        Assert.Empty(_core.Done.Signed);
        LaneTip[] tips = _core.Samples.Hold(2, 1);
        _core.Proposer.TryPropose();
        SignedHeader first = Assert.Single(_core.Done.Signed);
        Assert.Equal(tips[0], _core.View.Accepted!.Cut[2]);
        _core.Proposer.TryPropose();
        Assert.Single(_core.Done.Signed);

        _core.Samples.Hold(2, 1, tips[0]);
        _core.At(1_000_000);
        _core.Proposer.TryPropose();
        SignedHeader second = Assert.Single(_core.Done.Signed);
        Assert.Equal((2UL, first.Digest), (second.Sequence, _core.View.Accepted.Parent));
    }

    // Protects rules V3 and V4 and section 8: the first NewView of a view begins it, from its leader alone; another one is
    // evidence, and so is a second ViewChange of one sender.
    [Fact]
    public void One_new_view_begins_a_view()
    {
        _core.NewViews.OnNewView(NewViewOf(sender: 3, digest: 1), 3);
        Assert.Equal(["Rejected"], _core.Done.Cases);
        Assert.Equal(0UL, _core.View.Number);

        _core.At(1);
        NewView first = NewViewOf(sender: 2, digest: 1);
        _core.NewViews.OnNewView(first, 2);
        Assert.Equal((2UL, true), (_core.View.Number, _core.View.Active));
        Assert.Contains("PersistEntered", _core.Done.Cases);

        _core.At(2);
        _core.NewViews.OnNewView(first, 2);
        Assert.Equal(["Rejected"], _core.Done.Cases);
        _core.NewViews.OnNewView(NewViewOf(sender: 2, digest: 2), 2);
        Assert.Equal(2, Assert.Single(_core.Done.Convicted).First.Header.Sender);
        Assert.Same(first, _core.View.NewView);

        _core.At(3);
        _core.NewViews.OnViewChange(ViewChangeOf(3, 3, null), 3);
        Certificate prepared = ChainSamples.Certificate(ChainSamples.Child(_core.Samples.Start), Phase.Prepared);
        _core.NewViews.OnViewChange(ViewChangeOf(3, 3, prepared), 3);
        Assert.Equal(3, Assert.Single(_core.Done.Convicted).First.Header.Sender);
    }

    /// <summary>The others' ViewChanges of view 1, one with that certificate; and our NewView over them, signed.</summary>
    private NewView Enter(Certificate? prepared = null)
    {
        _core.NewViews.OnViewChange(ViewChangeOf(0, 1, null), 0);
        _core.NewViews.OnViewChange(ViewChangeOf(2, 1, prepared), 2);
        Assert.Equal(0UL, _core.View.Number);
        _core.NewViews.OnViewChange(ViewChangeOf(3, 1, null), 3);
        _core.NewViews.TrySign();
        UnsignedNewView made = Assert.Single(_core.Done.Bodies.OfType<UnsignedNewView>());
        Assert.Equal((1UL, false), (_core.View.Number, _core.View.Active));
        _core.At(10);
        return made.With(new Signed(made.Header, [1]));
    }

    private static ViewChange ViewChangeOf(int sender, ulong view, Certificate? prepared)
    {
        Claims claims = new(CertificateBook.ClaimOf(prepared), default);
        return new ViewChange
        {
            Signed = ChainSamples.Signed(MessageKind.ViewChange, sender, view, 0, ClaimsCodec.Digest(claims)),
            Claims = claims,
            Prepared = prepared,
        };
    }

    /// <summary>Of view 2, which member 2 leads.</summary>
    private static NewView NewViewOf(int sender, byte digest) => new()
    {
        Signed = ChainSamples.Signed(MessageKind.NewView, sender, 2, 0, ChainSamples.Root(digest)),
        ViewChanges = [.. new[] { 0, 2, 3 }.Select(from => new ViewChangeSummary(from, default, [1]))],
    };
}
