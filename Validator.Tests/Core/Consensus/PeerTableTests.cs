using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>A committee of four, of which one may lie.</summary>
public sealed class PeerTableTests
{
    private readonly PeerTable _peers = new(new ChainSamples().Epoch.Committee, 0);

    // Protects against a liar that keeps a validator silent (rule E5): the highest epoch of the quorum that reports least.
    [Fact]
    public void A_quorum_reports_at_most_that_epoch()
    {
        Assert.Null(_peers.EpochOfLowestQuorum());
        Hear(1, epoch: 2);
        Hear(2, epoch: 900);
        Assert.Null(_peers.EpochOfLowestQuorum());
        Hear(3, epoch: 4);
        Assert.Equal(900ul, _peers.EpochOfLowestQuorum());
        Hear(0, epoch: 1);
        Assert.Equal(4ul, _peers.EpochOfLowestQuorum());
        _peers.ForgetReports();
        Assert.Null(_peers.EpochOfLowestQuorum());
    }

    // Protects rules of section 10 and E6: what one peer alone says of its history moves nobody.
    [Fact]
    public void One_alone_is_not_believed()
    {
        _peers[1].FirstKept = 100;
        _peers[1].ProvenFrom = 50;
        Assert.False(_peers.HaveDropped(10));
        Assert.Equal(0ul, _peers.ProvenFrom(10));
        _peers[2].FirstKept = 11;
        _peers[2].ProvenFrom = 20;
        Assert.True(_peers.HaveDropped(10));
        Assert.False(_peers.HaveDropped(11));
        Assert.Equal(20ul, _peers.ProvenFrom(10));
    }

    // Protects rule E6 where all ledgers but one are lost: the one with a history is followed as long as all others are there and
    // know nothing above what is final here; one that is away, silent or further might have a snapshot that would be passed by.
    [Fact]
    public void One_alone_is_followed_where_all_others_know_nothing()
    {
        _peers.Up(1, 0);
        _peers.Up(2, 0);
        _peers.Up(3, 0);
        _peers[1].ProvenFrom = 50;
        Hear(2, epoch: 0, final: 10);
        Assert.Equal(0ul, _peers.ProvenFrom(10));
        Hear(3, epoch: 0, final: 11);
        Assert.Equal(0ul, _peers.ProvenFrom(10));
        Hear(3, epoch: 0, final: 10);
        Assert.Equal(50ul, _peers.ProvenFrom(10));
        _peers.Down(3, 1);
        Assert.Equal(0ul, _peers.ProvenFrom(10));
    }

    // Protects rule V1: the view's time runs while a quorum is connected, ourselves included, from when it first was.
    [Fact]
    public void A_quorum_is_counted_from_its_first_moment()
    {
        _peers.Up(1, 10);
        Assert.Equal(long.MaxValue, _peers.QuorumSinceMicros);
        _peers.Up(2, 20);
        _peers.Up(3, 30);
        Assert.Equal(20, _peers.QuorumSinceMicros);
        _peers.Down(2, 40);
        Assert.Equal(20, _peers.QuorumSinceMicros);
        _peers.Down(3, 50);
        Assert.Equal(long.MaxValue, _peers.QuorumSinceMicros);
        Assert.Equal(50, _peers.DisconnectedMicros(3));
    }

    // Protects fetching: questions go to whom one can reach, never to ourselves.
    [Fact]
    public void Questions_go_to_the_connected()
    {
        Assert.Equal(-1, _peers.Reachable(2));
        _peers.Up(1, 0);
        _peers.Up(3, 0);
        Assert.Equal(1, _peers.Reachable(1));
        Assert.Equal(3, _peers.Reachable(2));
        Assert.Equal(1, _peers.Reachable(0));
        Assert.Equal(1, _peers.Next(3));
        _peers.Down(1, 0);
        Assert.Equal(3, _peers.Next(3));
    }

    // Protects the wire: only a peer that stands still is sent again what it may lack.
    [Fact]
    public void A_peer_that_says_the_same_twice_stands_still()
    {
        Assert.False(Hear(1, epoch: 0));
        Assert.True(Hear(1, epoch: 0));
        Assert.False(Hear(1, epoch: 1));
        _peers.Up(1, 0);
        Assert.False(Hear(1, epoch: 1));
    }

    private bool Hear(int peer, ulong epoch, ulong final = 0) => _peers.Hear(peer, new Status(epoch, 0, final, new LaneTip[4]));
}
