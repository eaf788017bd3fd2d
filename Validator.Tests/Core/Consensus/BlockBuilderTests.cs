using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

public sealed class BlockBuilderTests
{
    private const long Interval = 10_000;

    private static readonly CoreSettings s_settings = new() { BlockIntervalMicros = Interval, PipelineBlocks = 3 };

    private readonly ChainSamples _samples = new(new GenesisParameters { EpochLengthBlocks = 4 });
    private readonly BlockBuilder _builder;
    private long _now = 1_000_000;

    public BlockBuilderTests() => _builder = new BlockBuilder(
        _samples.Genesis.Parameters, s_settings, _samples.Chain, _samples.Blocks, _samples.Close, _samples.Lanes, new Pace(s_settings, new ViewTimer(4, 500_000)));

    private ulong Wall => _samples.Start.TimestampMicros + (ulong)_now;

    // Protects the leader from proposing in vain (rule P3): whatever it drafts, along a chain to the epoch's end, is judged good.
    [Fact]
    public void What_is_drafted_is_good()
    {
        Block parent = _samples.Start;
        LaneTip tip = default;
        for (ulong sequence = 1; sequence <= 4; sequence++)
        {
            tip = _samples.Hold(0, 1, tip)[0];
            Block block = Draft(parent)!;
            Assert.True(_samples.Judge.Judge(block, isBase: false, Wall).IsGood);
            Assert.Equal(tip, block.Cut[0]);
            _samples.Blocks.Remember(block);
            _samples.Finalize(parent = block);
            Assert.True(_samples.Chain.Execute(sequence, ChainSamples.Root((byte)sequence)));
        }

        // Rule E2: nothing stands on the epoch's last block.
        Assert.True(parent.EndsEpoch);
        _samples.Hold(0, 1, tip);
        Assert.Null(Draft(parent));
        Assert.Equal(3ul, parent.ExecutedSequence);
    }

    // Protects pace: a block comes an interval after the one before, and says when; a new view begins at once.
    [Fact]
    public void A_block_waits_for_its_time()
    {
        _samples.Hold(0, 1);
        Assert.NotNull(Draft(_samples.Start));
        _builder.OnProposed(_now);
        Assert.Null(Draft(_samples.Start));
        Assert.Equal(_now + Interval, _builder.DueMicros);
        _builder.OnNewView();
        Assert.NotNull(Draft(_samples.Start));
    }

    // Protects rule V5, and the wire from empty blocks: without anything to order a block comes only for a root that none states,
    // and only after ten intervals, unless a committee change waits for it.
    [Fact]
    public void An_empty_block_states_a_root_or_is_none()
    {
        Assert.Null(Draft(_samples.Start));
        Block ordering = ChainSamples.Child(_samples.Start, ChainSamples.Cut(_samples.Hold(0, 1)[0]));
        _samples.Finalize(ordering);
        Assert.Null(Draft(ordering));
        Assert.True(_samples.Chain.Execute(1, ChainSamples.Root(1)));
        _builder.OnProposed(_now);
        Assert.Null(Draft(ordering));
        Assert.Equal(_now + (10 * Interval), _builder.DueMicros);
        _samples.Close.NoteChange(new PendingCommittee(1, _samples.Epoch.Members[..3]));
        _now += Interval;
        Block states = Draft(ordering)!;
        Assert.Equal((1ul, ChainSamples.Root(1)), (states.ExecutedSequence, states.ExecutedRoot));
        Assert.True(states.EndsEpoch);
    }

    // Protects bounds: no more blocks in flight than the pipeline has, none at or below the final one, and none that we may have
    // voted on and forgotten.
    [Fact]
    public void The_pipeline_is_bounded()
    {
        Block[] blocks = _samples.Grow(_samples.Start, 3);
        _samples.Hold(0, 1);
        Assert.NotNull(Draft(blocks[1]));
        Assert.Null(Draft(blocks[2]));
        Assert.Null(_builder.Build(_samples.Start, from: 2, _now, Wall));
        _samples.Finalize(blocks[0]);
        Assert.Null(Draft(_samples.Start));
        Assert.NotNull(Draft(blocks[0]));
    }

    private Block? Draft(Block parent) => _builder.Build(parent, from: 0, _now, Wall);
}
