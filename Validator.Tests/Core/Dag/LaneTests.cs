using Validator.Core.Dag;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Dag;

public sealed class LaneTests
{
    /// <summary>
    /// Protects memory against an author who signs many variants of its slots, and the variant that a block names against
    /// being forgotten with them: it stays held, with its whole chain, and what was dropped can come again.
    /// </summary>
    [Fact]
    public void Only_variants_that_nobody_names_are_forgotten()
    {
        Lane lane = new(0);
        LaneTip[] tip = Chain(lane, default, 4, 1);
        LaneTip[] named = Chain(lane, tip[0], 3, 2);
        LaneTip[] other = Chain(lane, tip[0], 3, 3);
        LaneTip[] rootless = Chain(lane, new LaneTip(7, Hash256.Of([7])), 2, 4);
        Assert.Equal(12, lane.Count);

        lane.DropUnnamed([named[^1], default]);

        Assert.Equal(7, lane.Count);
        Assert.Equal(70, lane.Bytes);
        Assert.Equal(tip[^1], lane.Tip);
        Assert.All(tip.Concat(named), kept => Assert.True(lane.Holds(kept)));
        Assert.All(other.Concat(rootless), dropped => Assert.Null(lane.Find(dropped.Hash)));
        Assert.True(lane.DescendsFrom(named[^1], tip[0]));
        Assert.Equal(2, lane.Variants(2));

        Assert.Equal(other, Chain(lane, tip[0], 3, 3));
        Assert.All(other, back => Assert.True(lane.Holds(back)));
        lane.Finalize(named[^1], 0);
        Assert.Equal(named[^1], lane.Tip);
        Assert.Equal(0, lane.Count);
        Assert.Equal(0, lane.Bytes);
    }

    /// <returns>
    /// Durable vertices on top of <paramref name="below"/>, lowest first; <paramref name="variant"/> tells them apart.
    /// </returns>
    private static LaneTip[] Chain(Lane lane, LaneTip below, int length, byte variant)
    {
        LaneTip[] tips = new LaneTip[length];
        for (int i = 0; i < length; i++)
        {
            VertexHeader vertex = VertexCodec.Seal(0, 0, below.Height + 1, below.Hash, new LaneTip[4], Hash256.Of([variant]), 10, 1);
            VertexEntry entry = new(vertex, []);
            lane.Add(entry);
            lane.MarkDurable(entry, 0);
            tips[i] = below = entry.Tip;
        }

        return tips;
    }
}
