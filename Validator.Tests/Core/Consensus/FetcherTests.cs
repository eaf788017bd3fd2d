using Validator.Core.Consensus;
using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

public sealed class FetcherTests
{
    private readonly ChainSamples _samples = new();
    private readonly EffectBuffer _effects = new();
    private readonly Step _step = new(0, 0, signs: true);
    private readonly Fetcher _fetcher;
    private readonly PeerTable _peers;

    public FetcherTests()
    {
        _peers = new PeerTable(_samples.Epoch.Committee, 0);
        _fetcher = new Fetcher(_samples.Lanes, _peers, _step);
        At(0);
        for (int peer = 1; peer < 4; peer++)
        {
            _peers.Up(peer, 0);
        }
    }

    // Protects catching up (rule L3): what is asked for is the lowest gap below the vertex that a cut names, of who named it, and
    // once.
    [Fact]
    public void The_lowest_gap_is_asked_for()
    {
        LaneTip[] tips = [.. _samples.Hold(1, 2), .. new LaneTip[3]];
        for (int i = 2; i < 5; i++)
        {
            VertexHeader vertex = VertexCodec.Seal(0, 1, tips[i - 1].Height + 1, tips[i - 1].Hash, new LaneTip[4], Hash256.Of([1]), 10, 1);
            tips[i] = new LaneTip(vertex.Height, vertex.Hash);
            if (i != 2)
            {
                _samples.Lanes[1].Add(new VertexEntry(vertex, []));
            }
        }

        _fetcher.Cut(ChainSamples.Cut(second: tips[4]), preferred: 2);
        _fetcher.Cut(ChainSamples.Cut(second: tips[4]), preferred: 3);
        Assert.Equal(1, _effects.Count);
        Assert.Equal((2, tips[2].Hash), (EffectLog.Of(_effects).Sent[0].To, Asked.Hash));
        Assert.Equal(1u, Asked.Count);
    }

    // Protects progress: a peer that is silent, gone, or has it not gives way to the next; what nobody asked for is not taken.
    [Fact]
    public void A_question_goes_on_to_the_next_peer()
    {
        Hash256 hash = ChainSamples.Root(1);
        _fetcher.Block(hash, preferred: 1);
        At(_fetcher.NextDeadline());
        Assert.Equal(2, AskedNow());
        _fetcher.OnNotFound(Asked, from: 2);
        Assert.Equal(3, AskedNow());
        _peers.Down(3, 0);
        _fetcher.OnPeerDown(3);
        Assert.Equal(1, AskedNow());
        Assert.True(_fetcher.Complete(FetchKind.Block, hash));
        Assert.False(_fetcher.Complete(FetchKind.Block, hash));
        Assert.Equal(long.MaxValue, _fetcher.NextDeadline());
    }

    // Protects memory and peers: questions are bounded, and vertices leave room for blocks, without which nothing is final.
    [Fact]
    public void Vertices_leave_room_for_blocks()
    {
        for (int i = 0; i < 400; i++)
        {
            _fetcher.Vertex(_samples.Lanes[1], new LaneTip(1, Hash256.Of(BitConverter.GetBytes(i))), 1);
        }

        Assert.InRange(_fetcher.Count, 100, FetchTable.MaxOutstanding - 1);
        Assert.False(_fetcher.AsksForFinalBlocks);
        _fetcher.FinalBlocks(1, 1);
        Assert.True(_fetcher.AsksForFinalBlocks);
    }

    private FetchRequest Asked => Assert.IsType<FetchRequest>(EffectLog.Of(_effects).Sent[0].Message);

    private int AskedNow()
    {
        At(_step.Now);
        _fetcher.Advance();
        Assert.Equal(1, _effects.Count);
        return EffectLog.Of(_effects).Sent[0].To;
    }

    private void At(long now)
    {
        _effects.Clear();
        _step.Begin(Inputs.At(now), _effects);
    }
}
