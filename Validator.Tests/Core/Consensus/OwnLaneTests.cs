using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

public sealed class OwnLaneTests
{
    private const long Second = 1_000_000;

    // Longer than a batch waits for its turn, shorter than an own vertex may wait for its order.
    private const long Turn = 20_000;

    private readonly ChainSamples _samples = new();
    private readonly EffectBuffer _effects = new();
    private readonly Step _step = new(0, 0, signs: true);
    private readonly CoreSettings _settings = new() { BlockIntervalMicros = 10_000, MaxOwnPendingVertices = 6 };
    private readonly OwnLane _own;

    public OwnLaneTests()
    {
        ViewTimer timer = new(4, _settings.ViewTimeoutMicros);
        _own = new OwnLane(0, _samples.Lanes, _settings, _samples.Genesis.Parameters, new Pace(_settings, timer), timer);
    }

    // Protects rule L2: each own vertex has the height after the one before and names it, whether or not that is signed yet.
    [Fact]
    public void Own_vertices_are_one_chain()
    {
        VertexHeader first = Author(Second);
        VertexHeader second = Author(2 * Second);
        Assert.Equal((1ul, Hash256.Zero), (first.Height, first.Predecessor));
        Assert.Equal((2ul, first.Hash), (second.Height, second.Predecessor));
        Assert.Equal(new LaneTip(2, second.Hash), _own.Tip);

        // A ledger that lost vertices takes those that the tip stands on, none above it or beside another.
        OwnLane restarted = Restarted(new ChainSamples(), _own.Tip);
        Assert.True(restarted.MayBeOurs(first) && restarted.MayBeOurs(second));
        Assert.False(restarted.MayBeOurs(Vertex(3, second.Hash)));
        Assert.False(restarted.MayBeOurs(Vertex(2, first.Hash)));
        Assert.False(_own.MayBeOurs(Vertex(1, default)));
    }

    // Protects signer and disk: one credit at a time, none while two are unsigned, and none beyond what may wait for its order.
    [Fact]
    public void Credit_is_bounded()
    {
        Author(Turn);
        Author(2 * Turn);
        Assert.False(Credit(3 * Turn));
        Sign(3 * Turn);
        Assert.True(Credit(3 * Turn));
        Assert.False(Credit(4 * Turn));
        Batch(4 * Turn);
        Sign(4 * Turn);
        Sign(4 * Turn);
        for (int i = 0; i < 3; i++)
        {
            Author((5 + i) * Turn);
            Sign((5 + i) * Turn);
        }

        Assert.False(Credit(9 * Turn));

        // Nothing but their order is missing.
        _samples.Lanes[0].Finalize(_own.Tip, 0);
        Assert.True(Credit(9 * Turn));
    }

    // Protects rules E6, E8 and E9: who may not author gets no credit, and authors nothing when idle; who signs no more drops
    // what comes.
    [Fact]
    public void Who_may_not_author_does_not()
    {
        Assert.False(Credit(Second, mayAuthor: false));
        Begin(100 * Second);
        _own.AuthorWhenIdle(mayAuthor: false, 0, _step);
        Assert.Equal(0, _effects.Count);
        _own.AuthorWhenIdle(mayAuthor: true, long.MaxValue, _step);
        Assert.Equal(0, _effects.Count);
        _own.AuthorWhenIdle(mayAuthor: true, 0, _step);
        Assert.Equal(1ul, _own.Tip.Height);

        Assert.True(Credit(101 * Second));
        _step.StopSigning();
        Batch(101 * Second);
        Assert.Equal([nameof(IEffectHandler.DropBatch)], EffectLog.Of(_effects).Cases);
        Assert.Equal(1ul, _own.Tip.Height);
        Begin(102 * Second);
        Assert.Throws<InvariantViolationException>(() => _own.TakeBatch(default, _step));
    }

    // Protects the lane: where the ledger lost the newest vertex that was signed, none is authored before it is back.
    [Fact]
    public void A_lost_tip_is_waited_for()
    {
        VertexHeader first = Author(Second);
        ChainSamples samples = new();
        OwnLane restarted = Restarted(samples, _own.Tip);
        Begin(Second);
        restarted.GrantCredit(true, _step);
        restarted.AuthorWhenIdle(true, -100 * Second, _step);
        Assert.Equal(0, _effects.Count);
        samples.Lanes[0].Add(new Validator.Core.Dag.VertexEntry(first, []));
        restarted.GrantCredit(true, _step);
        Assert.Equal([nameof(IEffectHandler.BatchCredit)], EffectLog.Of(_effects).Cases);

        Assert.False(restarted.IsBehindFinal);
        samples.Lanes[0].Finalize(new LaneTip(2, Hash256.Of([1])), 0);
        Assert.True(restarted.IsBehindFinal);
    }

    private OwnLane Restarted(ChainSamples samples, LaneTip tip)
    {
        ViewTimer timer = new(4, _settings.ViewTimeoutMicros);
        OwnLane own = new(0, samples.Lanes, _settings, samples.Genesis.Parameters, new Pace(_settings, timer), timer);
        own.Recover(tip);
        return own;
    }

    private static VertexHeader Vertex(ulong height, Hash256 predecessor) =>
        VertexCodec.Seal(0, 0, height, predecessor, new LaneTip[4], Hash256.Of([9]), 10, 1);

    private void Begin(long now)
    {
        _effects.Clear();
        _step.Begin(Inputs.At(now), _effects);
    }

    private bool Credit(long now, bool mayAuthor = true)
    {
        Begin(now);
        _own.GrantCredit(mayAuthor, _step);
        return _effects.Count > 0;
    }

    private void Batch(long now)
    {
        Begin(now);
        _own.TakeBatch(new SealedBatch(0, Hash256.Of([1]), 10, 1), _step);
    }

    private VertexHeader Author(long now)
    {
        Assert.True(Credit(now));
        Batch(now);
        return EffectLog.Of(_effects).Vertices[0];
    }

    // The oldest that is unsigned.
    private void Sign(long now)
    {
        ulong height = 1;
        while (_samples.Lanes[0].At(height) is { Signature: not null })
        {
            height++;
        }

        _own.OnSigned(ChainSamples.Signed(MessageKind.Vertex, 0, 0, height, _samples.Lanes[0].At(height)!.Header.Hash), now);
    }
}
