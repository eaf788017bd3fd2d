using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>When a snapshot is looked for (section 10), and when the epoch is left (rule E6), in a committee of four.</summary>
public sealed class CatchUpDriverTests
{
    private readonly ChainSamples _samples = new();
    private readonly EffectBuffer _effects = new();
    private readonly Step _step = new(0, 0, signs: true);
    private readonly CatchUpDriver _driver;
    private long _now;

    public CatchUpDriverTests()
    {
        PeerTable peers = new(_samples.Epoch.Committee, 0);
        _driver = new CatchUpDriver(_samples.Epoch, _samples.Chain, peers);
        for (int peer = 1; peer < 4; peer++)
        {
            peers.Up(peer, 0);
            _driver.PeerUp(peer);
        }
    }

    // Protects against a liar: one that says that the next block is gone moves nobody, two of four do; and nobody does who says
    // less.
    [Fact]
    public void More_than_the_faulty_say_that_blocks_are_gone()
    {
        Lacks(FetchKind.FinalBlocks, 1, 100);
        Assert.False(_driver.Active);
        Lacks(FetchKind.FinalBlocks, 2, 1);
        Assert.False(_driver.Active);
        Lacks(FetchKind.Vertices, 3, 2);
        Assert.True(_driver.Active);
        Assert.False(_driver.HoldsChain);
        Advance();
        Assert.Equal(FetchKind.Snapshot, Assert.IsType<FetchRequest>(EffectLog.Of(_effects).Sent[0].Message).Kind);
    }

    // Protects rule E6: the epoch is left only where its end is proven, and where more than F weight can prove a snapshot of a
    // later one alone; what is out for execution comes back first, and the shell is asked once.
    [Fact]
    public void An_epoch_is_left_where_nobody_keeps_it()
    {
        Block first = ChainSamples.Child(_samples.Start);
        _samples.Finalize(first);
        Block last = ChainSamples.Child(ChainSamples.Child(first), next: ChainSamples.Root(9));
        EpochEnd end = new(last, ChainSamples.Certificate(last), _samples.Epoch.Members);
        Assert.False(_driver.Wants(end));
        Lacks(FetchKind.FinalBlocks, 1, 100);
        Lacks(FetchKind.FinalBlocks, 2, 100);
        Assert.True(_driver.Wants(end));
        _driver.Take(end);
        Lacks(FetchKind.Snapshot, 1, 50);
        Advance();
        Assert.False(_driver.HoldsChain);

        Lacks(FetchKind.Snapshot, 2, 40);
        Assert.Equal(40ul, _driver.ProvenFrom);
        Advance();
        Assert.True(_driver.HoldsChain);
        Assert.Equal(0, Handed());
        Assert.Throws<InvariantViolationException>(() => _driver.OnEpochEndStored());

        Assert.True(_samples.Chain.Execute(1, ChainSamples.Root(1)));
        Advance();
        Assert.Equal(1, Handed());
        Advance();
        Assert.Equal(0, Handed());
        Assert.Same(last, _driver.OnEpochEndStored());
    }

    // Protects an epoch from being passed by though its snapshots are there: its end lies below what is proven, or it is not
    // left.
    [Fact]
    public void An_epoch_with_a_provable_snapshot_is_not_left()
    {
        Block last = ChainSamples.Child(_samples.Start, next: ChainSamples.Root(9));
        Lacks(FetchKind.FinalBlocks, 1, 100);
        Lacks(FetchKind.FinalBlocks, 2, 100);
        _driver.Take(new EpochEnd(last, ChainSamples.Certificate(last), _samples.Epoch.Members));
        Lacks(FetchKind.Snapshot, 1, 1);
        Lacks(FetchKind.Snapshot, 2, 50);
        Advance();
        Assert.False(_driver.HoldsChain);
    }

    // Protects rule E6: who landed in a later epoch makes nothing final before it has a snapshot of it.
    [Fact]
    public void Who_landed_looks_for_a_snapshot_first()
    {
        ChainSamples later = new();
        EpochConfiguration epoch = EpochConfiguration.After(
            ChainSamples.Child(later.Start, next: GenesisCodec.CommitteeDigest(1, later.Epoch.Members)), later.Epoch.Members);
        CatchUpDriver driver = new(epoch, new FinalChain(epoch.Start, ChainSamples.Reach), new PeerTable(epoch.Committee, 0));
        driver.Recover(new RecoveredState { Behind = true, ProvenFrom = 7 });
        driver.AssertInvariants();
        Assert.True(driver.Landing && driver.Active && driver.HoldsChain);
        Assert.Equal(7ul, driver.ProvenFrom);
    }

    private void Lacks(FetchKind kind, int peer, ulong first) =>
        _driver.OnNotFound(new FetchRequest(kind, 0, 0, 0, 1, Hash256.Zero), first, peer, _step);

    private void Advance()
    {
        _effects.Clear();
        _step.Begin(Inputs.At(++_now), _effects);
        _driver.Advance(_step);
        _driver.AssertInvariants();
    }

    private int Handed() => EffectLog.Of(_effects).Cases.Count(name => name == nameof(IEffectHandler.StoreEpochEnd));
}
