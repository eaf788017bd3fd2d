using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Validator.Net;
using Validator.Net.Discovery;

namespace Validator.Tests.Net;

/// <summary>
/// Paths that change while their connection lives. Idle timeouts are beyond the tests' patience: they cannot be what heals.
/// </summary>
public class QuicPathTests
{
    private const int FramesEachWay = 60;

    private static TransportOptions Patient(TransportOptions o) => o with { IdleTimeout = TimeSpan.FromMinutes(5), KeepAlive = TimeSpan.FromMinutes(5) };

    // Protects members behind a NAT that forgets them: who dialled goes on from another port on the same connection, again and
    // again, and its share of the acceptor's handshakes goes with it.
    [Fact]
    public void A_dialler_that_gets_another_port_keeps_its_connection()
    {
        using Pair pair = new(Patient);
        for (int i = 1; i <= 3; i++)
        {
            pair.Relay.MoveDialler();
            long start = Stopwatch.GetTimestamp();
            pair.Exchange();
            Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 1);
        }

        PathStatistics paths = pair.Acceptor.Transport.Statistics.Paths;
        pair.Until(() => paths.Moved >= 3);
        Assert.Equal((1, 1), (pair.Dialler.Transport.Statistics.Peers[1].Handshakes, pair.Acceptor.Transport.Statistics.Peers[0].Handshakes));
        Assert.Equal(0, pair.Downs);
        Assert.Contains(pair.Logged, e => e.Message.StartsWith("its address has changed to 127.0.0.1:", StringComparison.Ordinal));
    }

    // Protects the other side of it: QUIC's dialling side follows nobody (RFC 9000, section 9), so it dials again beside the
    // connection whose answers come from elsewhere, and keeps the one that works.
    [Fact]
    public void An_acceptor_that_answers_from_elsewhere_is_dialled_anew()
    {
        using Pair pair = new(Patient);
        PeerStatistics peer = pair.Dialler.Transport.Statistics.Peers[1];
        pair.Relay.AnswersFromElsewhere = true;
        pair.Send();
        pair.Until(() => peer.Redials > 0);
        Assert.True(peer.IsUp);
        pair.Relay.AnswersFromElsewhere = false;
        pair.Exchange();
        Assert.InRange(peer.Handshakes, 1, 2);
        Assert.Equal(0, peer.ReplacedElsewhere);
        Assert.Equal(0, pair.Acceptor.Transport.Statistics.Peers[0].ReplacedElsewhere);
    }

    // Protects a standing connection whose path is dead for a while: it is dialled anew beside it, and kept when it comes to life
    // first.
    [Fact]
    public void A_silent_path_is_dialled_beside_and_used_when_it_comes_back()
    {
        using Pair pair = new(Patient);
        PeerStatistics peer = pair.Dialler.Transport.Statistics.Peers[1];
        pair.Relay.Silent = true;
        pair.Send();
        pair.Until(() => peer.Redials > 0);
        Assert.True(peer.IsUp);
        pair.Relay.Silent = false;
        pair.Exchange();
    }

    // Protects against black holes without ICMP: long packets vanish in one direction or both, under load and after silence; the
    // same connection goes on with short ones, and goes back to long ones when the path carries them again.
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Packets_that_vanish_for_their_length_are_sent_shorter(bool outward, bool back)
    {
        using Pair pair = new(o => Patient(o) with { RaiseAfter = TimeSpan.FromMilliseconds(300) });
        TransportStatistics first = pair.Dialler.Transport.Statistics, second = pair.Acceptor.Transport.Statistics;
        pair.Until(() => first.Peers[1].DatagramBytes > 1400 && second.Peers[0].DatagramBytes > 1400);
        pair.Exchange();
        pair.Relay.MostToAcceptor = outward ? 1250 : int.MaxValue;
        pair.Relay.MostToDialler = back ? 1250 : int.MaxValue;
        pair.Exchange();
        pair.Until(() => (!outward || first.Paths.Smaller > 0) && (!back || second.Paths.Smaller > 0));
        pair.Exchange();
        Assert.Contains(pair.Logged, e => e.Level == TransportLogLevel.Warning && e.Message.StartsWith("packets above 1,200 bytes", StringComparison.Ordinal));

        pair.Relay.MostToAcceptor = pair.Relay.MostToDialler = int.MaxValue;
        pair.Until(() =>
        {
            pair.Exchange();
            return first.Peers[1].DatagramBytes > 1400 && second.Peers[0].DatagramBytes > 1400;
        });
        Assert.True(first.Paths.Larger + second.Paths.Larger > 0);
        Assert.Equal((1, 1), (first.Peers[1].Handshakes, second.Peers[0].Handshakes));
        Assert.Equal(0, pair.Downs);
    }

    // Protects a socket bound to any address: what comes to the second address of a host is answered from there, and not from the
    // first of the route, which who dialled does not know; in each of many packets that go in one call. Of both on any address:
    // PathTests, with processes.
    [Fact]
    public void The_address_that_was_asked_answers()
    {
        using TransportNode first = TransportNode.Create(0, 2);
        using TransportNode second = TransportNode.Create(1, 2, o => o with { Listen = new IPEndPoint(IPAddress.Any, 0) });
        first.Transport.SetAddresses(1, [new PeerAddress(HostKind.Ip4, "127.0.0.7", (ushort)second.Transport.LocalEndPoint.Port)]);
        first.Transport.Start();
        second.Transport.Start();
        int frames = 0;
        TransportNode[] both = [first, second];
        TransportNode.Until(both, () => first.Transport.IsUp(1) && second.Transport.IsUp(0));
        for (int i = 0; i < 20; i++) Assert.True(second.Outbox.TrySend(0, Channel.Payload, second.Frame(50_000, i)));
        second.Outbox.Flush();
        TransportNode.Until(both, () => frames == 20, (_, e) => frames += e.Kind == TransportEventKind.Frame ? 1 : 0);
        TransportNode.Until(both, () => second.Transport.Statistics.DatagramsOut > 0);
        Assert.Equal(0, Enum.GetValues<SendFailure>().Sum(second.Transport.Statistics.Paths.Unsent));
    }

    // Protects operators from silence: who cannot be reached, and what the system refuses to send, is counted and said, once and
    // not for each packet.
    [Fact]
    public void What_cannot_be_sent_is_counted_and_said()
    {
        ConcurrentQueue<TransportLogEvent> logged = new();
        using TransportNode node = TransportNode.Create(0, 3, o => o with { Listen = new IPEndPoint(IPAddress.Any, 0), HandshakeTimeout = TimeSpan.FromMilliseconds(300), Log = logged.Enqueue });
        // Broadcasting is denied to a socket that did not ask for it; nothing listens on port 1.
        node.Transport.SetAddresses(1, [new PeerAddress(HostKind.Ip4, "255.255.255.255", 9)]);
        node.Transport.SetAddresses(2, [new PeerAddress(HostKind.Ip4, "127.0.0.1", 1)]);
        node.Transport.Start();
        TransportStatistics statistics = node.Transport.Statistics;
        node.Until(() => statistics.Paths.Unsent(SendFailure.Denied) > 5 && statistics.HandshakesFailed(CloseReason.HandshakeTimeout) > 4);
        Assert.Single(logged, e => e.Peer == 1 && e.Message.Contains("datagrams not sent: a firewall", StringComparison.Ordinal));
        Assert.Single(logged, e => e.Peer == 2 && e.Message == "no connection to 127.0.0.1:1: no answer");
    }

    // The accepting side says so too: somebody begins, and nothing comes of it.
    [Fact]
    public void A_handshake_that_falls_silent_is_said_by_who_accepted_it()
    {
        ConcurrentQueue<TransportLogEvent> logged = new();
        using TransportNode dialler = TransportNode.Create(0, 2);
        using TransportNode acceptor = TransportNode.Create(1, 2, o => o with { HandshakeTimeout = TimeSpan.FromMilliseconds(500), Log = logged.Enqueue });
        // The Retry and the first datagram of the answer.
        using var relay = new UdpRelay(acceptor.Transport.LocalEndPoint, answers: 2);
        dialler.Transport.SetAddresses(1, [PeerAddress.From(relay.Address)]);
        dialler.Transport.Start();
        acceptor.Transport.Start();
        acceptor.Until(() => logged.Any(e => e.Message.Contains("begun by others came to nothing: no answer; the last from 127.0.0.1:", StringComparison.Ordinal)));
    }

    /// <summary>A dialler and an acceptor with a relay between, connected.</summary>
    private sealed class Pair : IDisposable
    {
        private readonly TransportNode[] _both;
        private readonly int[,] _next = new int[2, 3];
        private int _sent;
        private int _received;

        public Pair(Func<TransportOptions, TransportOptions> change)
        {
            Dialler = TransportNode.Create(0, 2, o => change(o) with { Log = Logged.Enqueue });
            Acceptor = TransportNode.Create(1, 2, o => change(o) with { Log = Logged.Enqueue });
            Relay = new UdpRelay(Acceptor.Transport.LocalEndPoint);
            _both = [Dialler, Acceptor];
            Dialler.Transport.SetAddresses(1, [PeerAddress.From(Relay.Address)]);
            Dialler.Transport.Start();
            Acceptor.Transport.Start();
            Until(() => Dialler.Transport.IsUp(1) && Acceptor.Transport.IsUp(0));
        }

        public TransportNode Dialler { get; }

        public TransportNode Acceptor { get; }

        public UdpRelay Relay { get; }

        public ConcurrentQueue<TransportLogEvent> Logged { get; } = new();

        /// <summary>Connections that a consumer was told the end of.</summary>
        public int Downs { get; private set; }

        public void Send()
        {
            for (int i = 0; i < FramesEachWay; i++)
            {
                Assert.True(Dialler.Outbox.TrySend(1, (Channel)(i % 3), Dialler.Frame(i * 40, 1)));
                Assert.True(Acceptor.Outbox.TrySend(0, (Channel)(i % 3), Acceptor.Frame(i * 40, 1)));
                _sent += 2;
            }
            Dialler.Outbox.Flush();
            Acceptor.Outbox.Flush();
        }

        /// <summary>
        /// Frames both ways. Those of a connection that was replaced may be lost, as the transport promises no more: they are
        /// sent again.
        /// </summary>
        public void Exchange()
        {
            int downs = Downs;
            int whole = _sent + 2 * FramesEachWay;
            Send();
            long again = Environment.TickCount64 + 2000;
            Until(() =>
            {
                if (Downs != downs && Environment.TickCount64 > again)
                {
                    again += 2000;
                    Send();
                }
                return Downs == downs ? _received >= whole : _received >= whole - 2 * FramesEachWay;
            });
        }

        public void Until(Func<bool> condition) => TransportNode.Until(_both, condition, (_, e) =>
        {
            if (e.Kind == TransportEventKind.PeerDown) Downs++;
            if (e.Kind != TransportEventKind.Frame) return;
            Assert.True(TransportNode.Matches(e.Buffer!.Span, 1));
            _received++;
        });

        public void Dispose()
        {
            foreach (TransportNode node in _both) node.Dispose();
            Relay.Dispose();
        }
    }
}
