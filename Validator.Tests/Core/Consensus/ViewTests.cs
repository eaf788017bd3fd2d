using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>Rules P2 and V2 to V4, for a committee of four in which we are member 0.</summary>
public sealed class ViewTests
{
    private readonly ChainSamples _samples = new();
    private readonly EffectBuffer _effects = new();
    private readonly Step _step = new(0, 0, signs: true);
    private readonly ViewState _view;
    private readonly Stops _stops;
    private readonly ViewChangeBook _book;
    private readonly Block[] _blocks;

    public ViewTests()
    {
        Committee committee = _samples.Epoch.Committee;
        _view = new ViewState(new Claim(0, 0, _samples.Start.Hash));
        _stops = new Stops(committee, 0, 100);
        _book = new ViewChangeBook(committee, 0, 0);
        _blocks = _samples.Grow(_samples.Start, 4);
        _step.Begin(Inputs.At(10), _effects);
    }

    // Protects one chain per view (section 13, 2): in view 0 the first block is a child of the start, then each of the one
    // accepted before.
    [Fact]
    public void Acceptances_rest_on_one_another()
    {
        Assert.False(Allows(_blocks[1]));
        Assert.True(Allows(_blocks[0]));
        _view.Accept(_blocks[0]);
        Assert.True(Allows(_blocks[1]));
        Assert.False(Allows(_blocks[2]));
        Assert.False(Allows(ChainSamples.Child(_samples.Start, later: 2)));
        Assert.Throws<InvariantViolationException>(() => _view.Accept(_blocks[0]));
    }

    // Protects stragglers, and the others from them (rule P2c): a certificate of this view for the parent lets one jump forward.
    [Fact]
    public void A_certificate_of_this_view_lets_one_jump()
    {
        _view.Accept(_blocks[0]);
        Slot parent = new(0, 3, 4);
        Assert.False(_view.Allows(_blocks[3], parent, out _));
        parent.Note(ChainSamples.Certificate(_blocks[2], Phase.Prepared));
        Assert.True(_view.Allows(_blocks[3], parent, out _));
        Assert.False(_view.Allows(ChainSamples.Child(ChainSamples.Child(_blocks[1], later: 2)), parent, out _));

        Slot elsewhere = new(1, 3, 4);
        Assert.Throws<InvariantViolationException>(() => _view.Allows(_blocks[3], elsewhere, out _));
    }

    // Protects what may be final (rule V4): the first block is the base itself while that is merely prepared, else a child of it.
    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(0, 2, true)]
    [InlineData(1, 0, false)]
    [InlineData(0, 0, true)]
    public void A_view_begins_at_the_highest_certificate(int prepared, int committed, bool final)
    {
        NewView newView = NewViewOf(1, prepared > 0 ? _blocks[prepared] : null, committed > 0 ? _blocks[committed - 1] : null);
        _view.Enter(1, 10);
        Assert.False(_view.Active);
        _view.Activate(newView);
        Assert.True(_view.AwaitsBase);
        _view.Choose(null);
        Block highest = prepared > 0 ? _blocks[prepared] : committed > 0 ? _blocks[committed - 1] : _samples.Start;
        Assert.Equal((highest.Hash, final), (_view.Base.BlockHash, _view.BaseIsFinal));
        Assert.Equal(!final, _view.VotesBase);
        Assert.Equal(!final, Allows(highest, out bool isBase) && isBase);
        Assert.Equal(final, Allows(ChainSamples.Child(highest, later: 9)));

        // One NewView begins a view, and none of another.
        Assert.Throws<InvariantViolationException>(() => _view.Activate(newView));
        Assert.Throws<InvariantViolationException>(() => _view.Enter(1, 10));
        _view.Enter(2, 10);
        Assert.Throws<InvariantViolationException>(() => _view.Activate(newView));
        Assert.Throws<InvariantViolationException>(() => _view.Accept(highest));
        _view.AssertInvariants();
    }

    // Protects liveness against a lone liar, and from a lone slow one (rule V2): more than F others to join, a quorum to enter.
    [Fact]
    public void Views_are_joined_and_entered_by_weight()
    {
        _stops.Raise(1, 9);
        Assert.Equal((0ul, 0ul), (_stops.ToJoin, _stops.ToEnter));
        _stops.Raise(2, 5);
        _stops.Raise(2, 3);
        Assert.Equal((5ul, 0ul), (_stops.ToJoin, _stops.ToEnter));
        _stops.Send(5, _step);
        Assert.Equal(0ul, _stops.ToEnter);
        _stops.OnSigned(ChainSamples.Signed(MessageKind.Stop, 0, 5, 0, Hash256.Zero));
        Assert.Equal(5ul, _stops.ToEnter);
        _stops.Raise(3, 7);
        Assert.Equal((7ul, 5ul), (_stops.ToJoin, _stops.ToEnter));
    }

    // Protects the slot of a Stop: no view is asked for twice, nor one below; it is repeated as it was signed, and not before.
    [Fact]
    public void A_stop_is_signed_once_and_repeated()
    {
        _stops.Send(2, _step);
        Assert.Equal(110, _stops.RepeatAtMicros);
        _stops.Repeat(_step);
        Assert.Equal(1, _effects.Count);
        Signed stop = ChainSamples.Signed(MessageKind.Stop, 0, 2, 0, Hash256.Zero);
        _stops.OnSigned(stop);
        _stops.Repeat(_step);
        Assert.Same(stop, EffectLog.Of(_effects).Sent[0].Message);
        Assert.Throws<InvariantViolationException>(() => _stops.Send(2, _step));
        _stops.Entered(6);
        Assert.Throws<InvariantViolationException>(() => _stops.Send(6, _step));
    }

    // Protects rule V3: a NewView is made of a quorum of ViewChanges of its view, with the certificate of the highest claim of
    // each kind, and once.
    [Fact]
    public void A_new_view_states_the_highest_claims()
    {
        Certificate low = ChainSamples.Certificate(_blocks[3], Phase.Prepared);
        Certificate high = ChainSamples.Certificate(_blocks[0], Phase.Prepared, view: 1);
        Certificate committed = ChainSamples.Certificate(_blocks[1]);
        _book.Take(ViewChangeOf(1, 2, low, committed));
        _book.Take(ViewChangeOf(2, 2, high, null));
        _book.Take(ViewChangeOf(3, 1, low, null));
        _book.TrySignNewView(2, _step);
        Assert.Equal(0, _effects.Count);
        _book.Take(ViewChangeOf(3, 2, null, null));
        _book.TrySignNewView(2, _step);
        _book.TrySignNewView(2, _step);
        Assert.Equal(1, _effects.Count);
        UnsignedNewView made = Assert.IsType<UnsignedNewView>(EffectLog.Of(_effects).Bodies[0]);
        Assert.Equal([1, 2, 3], made.ViewChanges.Select(change => change.Sender));
        Assert.Same(high, made.Prepared);
        Assert.Same(committed, made.Committed);
        Assert.True(_book.IsOurNewView(made.Header.Digest));
        NewView signed = made.With(new Signed(made.Header, [1]));
        Assert.True(_book.Awaits(signed));
        _book.Entered();
        Assert.False(_book.Awaits(signed));
        Assert.Throws<InvariantViolationException>(() => _book.Take(ViewChangeOf(1, 2, null, null)));
    }

    // Protects against a store that lost its votes (section 6): we know the claims that we decided, signed or not, and no others.
    [Fact]
    public void Own_claims_are_known()
    {
        Certificate prepared = ChainSamples.Certificate(_blocks[0], Phase.Prepared);
        Assert.Throws<InvariantViolationException>(() => _book.Sign(0, prepared, null, default, _step));
        _book.Sign(1, prepared, null, default, _step);
        UnsignedViewChange change = Assert.IsType<UnsignedViewChange>(EffectLog.Of(_effects).Bodies[0]);
        Claims claims = change.Claims;
        Assert.True(_book.IsOurs(1, claims));
        Assert.False(_book.IsOurs(2, claims));
        Assert.False(_book.IsOurs(1, default));
        Assert.Null(_book.Own);
        ViewChange signed = change.With(new Signed(change.Header, [1]));
        Assert.True(_book.OnSigned(signed));
        Assert.Same(signed, _book.Own);
        Assert.False(_book.OnSigned(ViewChangeOf(0, 2, prepared, null)));
    }

    private bool Allows(Block block) => Allows(block, out _);

    private bool Allows(Block block, out bool isBase) => _view.Allows(block, null, out isBase);

    private static ViewChange ViewChangeOf(int sender, ulong view, Certificate? prepared, Certificate? committed)
    {
        Claims claims = new(CertificateBook.ClaimOf(prepared), CertificateBook.ClaimOf(committed));
        return new ViewChange
        {
            Signed = ChainSamples.Signed(MessageKind.ViewChange, sender, view, 0, ClaimsCodec.Digest(claims)),
            Claims = claims,
            Prepared = prepared,
            Committed = committed,
        };
    }

    private static NewView NewViewOf(ulong view, Block? prepared, Block? committed) => new()
    {
        Signed = ChainSamples.Signed(MessageKind.NewView, 1, view, 0, Hash256.Of([1])),
        ViewChanges = [],
        Prepared = prepared is null ? null : ChainSamples.Certificate(prepared, Phase.Prepared),
        Committed = committed is null ? null : ChainSamples.Certificate(committed),
    };
}
