using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Tests.Core.Consensus;

namespace Validator.Tests.Core.Dag;

public sealed class LaneSetTests
{
    private readonly ChainSamples _samples = new();

    private LaneSet Lanes => _samples.Lanes;

    // Protects memory and the room of others: a lane takes its share and no more, unless a cut names what it takes (rule L4).
    [Fact]
    public void A_lane_takes_its_share_unasked()
    {
        LaneTip[] tips = _samples.Hold(0, 15);
        Assert.Equal(16, Lanes.Share);
        Assert.Equal(Reason.None, Lanes.Fault(Vertex(0, 16, tips[14].Hash), asked: false));
        Assert.Equal(Reason.VertexTooFarAhead, Lanes.Fault(Vertex(1, 17, Hash256.Of([7])), asked: false));
        _samples.Hold(0, 1, tips[14]);
        Assert.Equal(Reason.LaneFull, Lanes.Fault(Vertex(0, 17, Hash256.Of([7])), asked: false));
        Assert.Equal(Reason.None, Lanes.Fault(Vertex(0, 17, Hash256.Of([7])), asked: true));
        Assert.Equal(Reason.None, Lanes.Fault(Vertex(1, 1, default), asked: false));
        Assert.Equal(Reason.WrongEpoch, Lanes.Fault(Vertex(1, 1, default, epoch: 1), asked: true));
        Assert.Equal(16, Lanes.Vertices);
        Assert.Equal(160, Lanes.Bytes);
    }

    // Protects rule L4: of a slot's variants the first is taken unasked, another one convicts, and a convicted lane is proposed
    // no further.
    [Fact]
    public void A_twin_convicts_and_its_lane_stands_still()
    {
        LaneTip[] tips = _samples.Hold(0, 2);
        VertexHeader twin = Vertex(0, 2, tips[0].Hash);
        Assert.Equal(Reason.LaneVariants, Lanes.Fault(twin, asked: false));
        Assert.Equal(tips[1].Hash, Lanes.TwinOf(twin)?.Header.Hash);
        Assert.Null(Lanes.TwinOf(Lanes[0].Find(tips[1].Hash)!.Header));
        Assert.Null(Lanes.TwinOf(Vertex(0, 2, tips[0].Hash, epoch: 1)));

        Assert.True(Lanes.NextCut(new LaneTip[4], 10, out LaneTip[] cut));
        Assert.Equal(tips[1], cut[0]);
        Lanes[0].Equivocated = true;
        Assert.False(Lanes.NextCut(new LaneTip[4], 10, out cut));
        Assert.False(Lanes.HoldUnordered);
    }

    // Protects what others judge (rule P3): a proposed cut has no more new vertices than a block may have, goes on from its
    // parent's, and names what is held.
    [Fact]
    public void A_proposed_cut_is_one_that_others_accept()
    {
        LaneTip[] first = _samples.Hold(0, 3);
        LaneTip[] second = _samples.Hold(1, 3);
        _samples.Hold(2, 1, durable: false);
        Assert.True(Lanes.NextCut(ChainSamples.Cut(first[0]), 4, out LaneTip[] cut));
        Assert.Equal(ChainSamples.Cut(first[2], second[1]), cut);
        Assert.True(Lanes.Hold(cut) && Lanes.Descend(cut, ChainSamples.Cut(first[0])));
        Assert.True(Lanes.NextCut(cut, 4, out cut));
        Assert.Equal(ChainSamples.Cut(first[2], second[2]), cut);
        Assert.False(Lanes.NextCut(cut, 4, out _));

        // The parent's cut is on another branch: that lane stays as it is.
        LaneTip[] branch = _samples.Hold(0, 1, first[0], variant: 2);
        Assert.False(Lanes.NextCut(ChainSamples.Cut(branch[0], second[2]), 4, out cut));
        Assert.Equal(branch[0], cut[0]);
    }

    private static VertexHeader Vertex(int author, ulong height, Hash256 predecessor, ulong epoch = 0) =>
        VertexCodec.Seal(epoch, author, height, predecessor, new LaneTip[4], Hash256.Of([9]), 10, 1);
}
