using System.Net;
using Validator.Net;
using Validator.Net.Discovery;

namespace Validator.Tests.Net;

public class QuicFaultTests
{
    // Protects delivery over a bad path: datagrams lost, doubled and swapped; frames still whole, once and in order.
    [Theory]
    [InlineData(CongestionControl.Cubic, Pacing.Auto, 1452)]
    [InlineData(CongestionControl.Cubic, Pacing.On, 16_000)]
    [InlineData(CongestionControl.Bbr, Pacing.On, 1200)]
    public void Frames_survive_a_bad_path(CongestionControl control, Pacing pacing, int datagram)
    {
        TransportOptions Change(TransportOptions o) => o with { CongestionControl = control, Pacing = pacing, MaxDatagramBytes = datagram };
        using TransportNode first = TransportNode.Create(0, 2, Change);
        using TransportNode second = TransportNode.Create(1, 2, Change);
        using var relay = new UdpRelay(second.Transport.LocalEndPoint, faultsPerThousand: 20);
        first.Transport.SetAddresses(1, [PeerAddress.From(relay.Address)]);
        first.Transport.Start();
        second.Transport.Start();
        TransportNode[] both = [first, second];
        TransportNode.Until(both, () => first.Transport.IsUp(1) && second.Transport.IsUp(0));
        const int frames = 300;
        for (int i = 0; i < frames; i++)
        {
            for (int channel = 0; channel < 3; channel++)
            {
                Assert.True(first.Outbox.TrySend(1, (Channel)channel, first.Frame(i * 20, i + channel)));
                Assert.True(second.Outbox.TrySend(0, (Channel)channel, second.Frame(i * 20, i + channel)));
            }
        }
        first.Outbox.Flush();
        second.Outbox.Flush();
        int[,] next = new int[2, 3];
        int received = 0;
        TransportNode.Until(both, () => received == 2 * 3 * frames, (node, e) =>
        {
            if (e.Kind != TransportEventKind.Frame) return;
            int expected = next[node == first ? 0 : 1, (int)e.Channel]++;
            Assert.Equal(expected * 20, e.Buffer!.Length);
            Assert.True(TransportNode.Matches(e.Buffer.Span, expected + (int)e.Channel));
            received++;
        });
    }

    // Protects the return from sudden death: the new process's stateless reset ends the old connection at once.
    [Fact]
    public void A_peer_that_died_in_silence_is_found_again()
    {
        // An idle timeout beyond the test's patience: only the reset can end the connection in time.
        static TransportOptions Patient(TransportOptions o) => o with { IdleTimeout = TimeSpan.FromMinutes(5), KeepAlive = TimeSpan.FromMilliseconds(200) };
        using TransportNode dialler = TransportNode.Create(0, 2, Patient);
        TransportNode acceptor = TransportNode.Create(1, 2, Patient);
        using var relay = new UdpRelay(acceptor.Transport.LocalEndPoint);
        dialler.Transport.SetAddresses(1, [PeerAddress.From(relay.Address)]);
        dialler.Transport.Start();
        acceptor.Transport.Start();
        TransportNode.Until([dialler, acceptor], () => dialler.Transport.IsUp(1) && acceptor.Transport.IsUp(0));
        relay.Silent = true;
        acceptor.Dispose();
        using TransportNode again = TransportNode.Create(1, 2, Patient);
        again.Transport.Start();
        relay.Acceptor = again.Transport.LocalEndPoint;
        relay.Silent = false;
        TransportNode.Until([dialler, again], () => again.Transport.IsUp(0) && dialler.Transport.Statistics.Peers[1].Handshakes == 2);
        Assert.Equal(1, dialler.Transport.Statistics.Peers[1].ConnectionsClosed(CloseReason.Reset));
    }

    // Protects against a lost partner and a dialler that came back: silence ends in PeerDown, and the newest connection counts.
    [Fact]
    public void Silence_ends_the_connection_and_a_newer_one_replaces_it()
    {
        using TransportNode acceptor = TransportNode.Create(1, 2);
        TransportNode dialler = TransportNode.Create(0, 2);
        using var relay = new UdpRelay(acceptor.Transport.LocalEndPoint);
        dialler.Transport.SetAddresses(1, [PeerAddress.From(relay.Address)]);
        acceptor.Transport.Start();
        dialler.Transport.Start();
        int ups = 0, downs = 0;
        void Count(TransportNode node, TransportEvent e)
        {
            if (node != acceptor) return;
            if (e.Kind == TransportEventKind.PeerUp) ups++;
            if (e.Kind == TransportEventKind.PeerDown) downs++;
        }
        TransportNode.Until([dialler, acceptor], () => ups == 1, Count);
        relay.Silent = true;
        dialler.Dispose();
        using TransportNode again = TransportNode.Create(0, 2, o => o with { IdleTimeout = TimeSpan.FromMilliseconds(300), KeepAlive = TimeSpan.FromMilliseconds(100) });
        again.Knows(1, acceptor);
        again.Transport.Start();
        TransportNode.Until([again, acceptor], () => ups == 2, Count);
        Assert.Equal(1, downs);
        Assert.Equal(1, acceptor.Transport.Statistics.Peers[0].ConnectionsClosed(CloseReason.Replaced));

        again.Transport.SetAddresses(1, []);
        again.Transport.RemovePeer(1);
        TransportNode.Until([again, acceptor], () => downs == 2, Count);
    }

    // Protects keep-alive and idle timeout: an idle connection stays, a dead path is noticed by both ends.
    [Fact]
    public void A_dead_path_is_noticed()
    {
        static TransportOptions Quick(TransportOptions o) => o with { IdleTimeout = TimeSpan.FromMilliseconds(600), KeepAlive = TimeSpan.FromMilliseconds(150) };
        using TransportNode first = TransportNode.Create(0, 2, Quick);
        using TransportNode second = TransportNode.Create(1, 2, Quick);
        using var relay = new UdpRelay(second.Transport.LocalEndPoint);
        first.Transport.SetAddresses(1, [PeerAddress.From(relay.Address)]);
        first.Transport.Start();
        second.Transport.Start();
        TransportNode[] both = [first, second];
        TransportNode.Until(both, () => first.Transport.IsUp(1) && second.Transport.IsUp(0));
        long until = Environment.TickCount64 + 2000;
        TransportNode.Until(both, () => Environment.TickCount64 > until);
        Assert.Equal(1, first.Transport.Statistics.Peers[1].Handshakes);
        relay.Silent = true;
        TransportNode.Until(both, () => !first.Transport.IsUp(1) && !second.Transport.IsUp(0));
        Assert.Equal(1, first.Transport.Statistics.Peers[1].ConnectionsClosed(CloseReason.IdleTimeout));
        relay.Silent = false;
        TransportNode.Until(both, () => first.Transport.IsUp(1) && second.Transport.IsUp(0));
    }

    // Protects members from strangers: a handshake that falls silent makes way, though its own timeout is far off.
    [Fact]
    public void Silent_handshakes_make_way()
    {
        static TransportOptions One(TransportOptions o) => o with { MaxPendingHandshakes = 1, HandshakeTimeout = TimeSpan.FromMinutes(5) };
        using TransportNode stuck = TransportNode.Create(0, 3, One);
        using TransportNode member = TransportNode.Create(1, 3);
        using TransportNode acceptor = TransportNode.Create(2, 3, One);
        // The Retry and the first datagram of the answer.
        using var relay = new UdpRelay(acceptor.Transport.LocalEndPoint, answers: 2);
        stuck.Transport.SetAddresses(2, [PeerAddress.From(relay.Address)]);
        acceptor.Transport.Start();
        stuck.Transport.Start();
        acceptor.Until(() => acceptor.Transport.Statistics.Retries > 0);
        member.Knows(2, acceptor);
        member.Transport.Start();
        TransportNode.Until([stuck, member, acceptor], () => member.Transport.IsUp(2) && acceptor.Transport.Statistics.HandshakesFailed(CloseReason.HandshakeTimeout) > 0);
        Assert.False(acceptor.Transport.IsUp(0));
    }

    // Protects addressing: names are looked up, a dead address is followed by the next, and one IPv6 socket serves both families.
    [Theory]
    [InlineData("/ip6/::1/udp/{0}/quic-v1")]
    [InlineData("/ip4/127.0.0.1/udp/{0}/quic")]
    [InlineData("/dns4/localhost/udp/{0}/quic-v1")]
    public void Every_kind_of_address_connects(string pattern)
    {
        static TransportOptions DualStack(TransportOptions o) => o with { Listen = new IPEndPoint(IPAddress.IPv6Any, 0), HandshakeTimeout = TimeSpan.FromMilliseconds(500) };
        using TransportNode first = TransportNode.Create(0, 2, DualStack);
        using TransportNode second = TransportNode.Create(1, 2, DualStack);
        string text = string.Format(pattern, second.Transport.LocalEndPoint.Port);
        Assert.True(Multiaddr.TryParse(text, out PeerAddress address, out string error), error);
        first.Transport.SetAddresses(1, [new PeerAddress(HostKind.Ip4, "127.0.0.1", 1), address]);
        first.Transport.Start();
        second.Transport.Start();
        TransportNode.Until([first, second], () => first.Transport.IsUp(1) && second.Transport.IsUp(0));
    }
}
