using System.Collections.Concurrent;
using System.Net;
using Validator.Net;
using Validator.Net.Discovery;

namespace Validator.Tests.Net;

public sealed class QuicDialTests
{
    private static readonly TimeSpan Watch = TimeSpan.FromMilliseconds(700);

    // Protects every arrangement of hints in which one of two knows the other: they connect, whoever's key is the lower one.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Two_connect_where_one_of_them_knows_the_other(int knows)
    {
        using TransportNode first = TransportNode.Create(0, 2);
        using TransportNode second = TransportNode.Create(1, 2);
        TransportNode[] both = [first, second];
        both[knows].Knows(1 - knows, both[1 - knows]);
        foreach (TransportNode node in both) node.Transport.Start();
        TransportNode.Until(both, () => first.Transport.IsUp(1) && second.Transport.IsUp(0));
    }

    // Protects a pair that dials each other at the same moment: one connection stays, both agree on it, each is told once that
    // the other is up, no frame is lost, and neither takes it for another process with its key.
    [Fact]
    public void Dials_that_cross_end_in_one_connection_and_lose_nothing()
    {
        long crossed = 0;
        for (int run = 0; run < 12; run++)
        {
            TransportNode[] nodes = [TransportNode.Create(0, 2, AtOnce), TransportNode.Create(1, 2, AtOnce)];
            for (int i = 0; i < 2; i++) nodes[i].Knows(1 - i, nodes[1 - i]);
            crossed += Cross(nodes, run == 0 ? Watch : TimeSpan.FromMilliseconds(50));
        }
        Assert.True(crossed > 0, "no two dials crossed: this test shows nothing");
    }

    // Protects the same where it takes time to learn that the own dial has come to something: frames of one side, sent on the
    // connection that goes, cross the other side's decision.
    [Fact]
    public void Dials_that_cross_on_a_long_way_agree_too()
    {
        TransportNode[] nodes = [TransportNode.Create(0, 2, AtOnce), TransportNode.Create(1, 2, AtOnce)];
        using UdpRelay there = new(nodes[1].Transport.LocalEndPoint) { Delay = TimeSpan.FromMilliseconds(60) };
        using UdpRelay back = new(nodes[0].Transport.LocalEndPoint) { Delay = TimeSpan.FromMilliseconds(60) };
        nodes[0].Transport.SetAddresses(1, [PeerAddress.From(there.Address)]);
        nodes[1].Transport.SetAddresses(0, [PeerAddress.From(back.Address)]);
        Assert.True(Cross(nodes, Watch) > 0, "the dials did not cross");
    }

    /// <summary>Starts two that dial each other at once, lets them send from the first moment on, and ends them.</summary>
    /// <returns>Connections that were one too many.</returns>
    private static long Cross(TransportNode[] nodes, TimeSpan watch)
    {
        const int frames = 40;
        long crossed = 0;
        foreach (TransportNode node in nodes) node.Transport.Start();
        int[] ups = new int[2], downs = new int[2], sent = new int[2];
        var got = new HashSet<int>[] { [], [] };
        void Note(TransportNode node, TransportEvent e)
        {
            int at = node == nodes[0] ? 0 : 1;
            if (e.Kind == TransportEventKind.PeerUp) ups[at]++;
            if (e.Kind == TransportEventKind.PeerDown) downs[at]++;
            if (e.Kind == TransportEventKind.Frame) got[at].Add(e.Buffer!.Length);
        }

        // From the first moment on, through the crossing.
        TransportNode.Until(nodes, () =>
        {
            for (int i = 0; i < 2; i++)
            {
                if (ups[i] == 0 || sent[i] == frames) continue;
                Assert.True(nodes[i].Outbox.TrySend(1 - i, Channel.Control, nodes[i].Frame(++sent[i], 7)));
                nodes[i].Outbox.Flush();
            }
            Assert.Equal([0, 0], downs);
            return got[0].Count == frames && got[1].Count == frames;
        }, Note);
        long until = Environment.TickCount64 + (long)watch.TotalMilliseconds;
        TransportNode.Until(nodes, () => Environment.TickCount64 > until, Note);
        Assert.Equal([1, 1], ups);
        Assert.Equal([0, 0], downs);
        for (int i = 0; i < 2; i++)
        {
            PeerStatistics peer = nodes[i].Transport.Statistics.Peers[1 - i];
            Assert.True(peer.IsUp);
            Assert.Equal((0L, 0L, 0L), (peer.ReplacedElsewhere, peer.ConnectionsClosed(CloseReason.Replaced), peer.FramesDropped(Channel.Control)));
            crossed += peer.ConnectionsClosed(CloseReason.Duplicate);
        }
        foreach (TransportNode node in nodes) node.Dispose();
        return crossed;
    }

    // Protects one list of addresses for everybody: the own one and those of others are found out by who answers, at most once
    // each, and nothing of it looks like a stranger.
    [Fact]
    public void One_list_of_all_addresses_serves_everybody()
    {
        ConcurrentQueue<TransportLogEvent> lines = new();
        var nodes = new TransportNode[4];
        for (int i = 0; i < nodes.Length; i++) nodes[i] = TransportNode.Create(i, nodes.Length, o => o with { Log = lines.Enqueue, YieldTime = TimeSpan.FromMilliseconds(100) });
        PeerAddress[] all = [.. nodes.Select(n => PeerAddress.From(n.Transport.LocalEndPoint))];
        foreach (TransportNode node in nodes)
        {
            for (int i = 0; i < nodes.Length; i++)
            {
                if (nodes[i] != node) node.Transport.SetAddresses(i, all);
            }
            node.Transport.Start();
        }
        TransportNode.Until(nodes, () => Enumerable.Range(0, 4).All(i => Enumerable.Range(0, 4).All(j => i == j || nodes[i].Transport.IsUp(j))));
        long until = Environment.TickCount64 + (long)Watch.TotalMilliseconds + 600;
        TransportNode.Until(nodes, () => Environment.TickCount64 > until);
        foreach (TransportNode node in nodes)
        {
            Assert.Equal(0, node.Transport.Statistics.WrongKeys);
            Assert.InRange(node.Transport.Statistics.HandshakesFailed(CloseReason.Self), 0, 1);
            Assert.InRange(node.Transport.Statistics.HandshakesFailed(CloseReason.Misdialled), 0, 12);
            node.Dispose();
        }
        Assert.DoesNotContain(lines, l => l.Level == TransportLogLevel.Warning);
        Assert.Contains(lines, l => l.Reason == CloseReason.Self && l.Message.Contains("own address", StringComparison.Ordinal));
    }

    // Protects who leads against a peer that has lost the connection which stands here: its dial is taken, not turned away as a
    // crossing.
    [Fact]
    public void A_dial_long_after_the_connection_stood_takes_its_place()
    {
        static TransportOptions Patient(TransportOptions o) => o with { IdleTimeout = TimeSpan.FromMinutes(5), KeepAlive = TimeSpan.FromMinutes(5), YieldTime = TimeSpan.FromMilliseconds(50) };
        TransportNode first = TransportNode.Create(0, 2, Patient), second = TransportNode.Create(1, 2, Patient);
        bool firstLeads = TransportNode.PublicKey(0).AsSpan().SequenceCompareTo(TransportNode.PublicKey(1)) < 0;
        (TransportNode leader, TransportNode other, int index) = firstLeads ? (first, second, 1) : (second, first, 0);
        using var relay = new UdpRelay(other.Transport.LocalEndPoint);
        leader.Transport.SetAddresses(index, [PeerAddress.From(relay.Address)]);
        leader.Transport.Start();
        other.Transport.Start();
        TransportNode.Until([first, second], () => first.Transport.IsUp(1) && second.Transport.IsUp(0));
        Thread.Sleep(2100);

        // It dies in silence and comes back elsewhere, where the leader does not look.
        relay.Silent = true;
        other.Dispose();
        using TransportNode again = TransportNode.Create(index, 2, Patient);
        again.Transport.SetAddresses(1 - index, [PeerAddress.From(leader.Transport.LocalEndPoint)]);
        again.Transport.Start();
        TransportNode.Until([leader, again], () => again.Transport.IsUp(1 - index) && leader.Transport.Statistics.Peers[index].Handshakes == 2);
        Assert.Equal(1, leader.Transport.Statistics.Peers[index].ConnectionsClosed(CloseReason.Replaced));
        leader.Dispose();
    }

    // Protects operators: who cannot be dialled and does not dial is told of, with the reason.
    [Fact]
    public void A_peer_without_an_address_is_told_of()
    {
        ConcurrentQueue<TransportLogEvent> lines = new();
        using TransportNode lonely = TransportNode.Create(0, 2, o => o with { Log = lines.Enqueue });
        lonely.Transport.Start();
        lonely.Until(() => lines.Any(l => l is { Level: TransportLogLevel.Warning, Peer: 1 } && l.Message.Contains("no address of it is in network.bootstrap_peers", StringComparison.Ordinal)));
    }

    private static TransportOptions AtOnce(TransportOptions o) => o with { YieldTime = TimeSpan.Zero };
}
