using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Validator.Net;
using Validator.Net.Buffers;

namespace Validator.Tests.Net;

public class QuicTransportTests
{
    // Protects framing and order: every frame of every channel of every pair arrives once, whole and in its order.
    [Theory]
    [InlineData(2, 3000)]
    [InlineData(4, 800)]
    public void Every_frame_arrives_once_and_in_order(int count, int frames)
    {
        TransportNode[] nodes = TransportNode.Cluster(count);
        TransportNode.Until(nodes, () => nodes.All(n => Enumerable.Range(0, count).All(p => n == nodes[p] || n.Transport.IsUp(p))));
        var next = new int[count, count, 3];
        int received = 0, sent = 0;
        int total = count * (count - 1) * 3 * frames;
        void Receive(TransportNode node, TransportEvent e)
        {
            if (e.Kind != TransportEventKind.Frame) return;
            int to = Array.IndexOf(nodes, node);
            int expected = next[e.Peer, to, (int)e.Channel]++;
            Assert.Equal(LengthOf(expected), e.Buffer!.Length);
            Assert.True(TransportNode.Matches(e.Buffer.Span, expected + (int)e.Channel));
            received++;
        }
        for (; sent < frames; sent++)
        {
            for (int channel = 0; channel < 3; channel++)
            {
                for (int i = 0; i < count; i++)
                {
                    PooledBuffer frame = nodes[i].Frame(LengthOf(sent), sent + channel);
                    Assert.True(nodes[i].Outbox.TryBroadcast((Channel)channel, frame));
                    nodes[i].Outbox.Flush();
                }
            }
            // The queues are bounded: stay within them.
            int limit = (sent - 50) * count * (count - 1) * 3;
            TransportNode.Until(nodes, () => received >= limit, Receive);
        }
        TransportNode.Until(nodes, () => received == total, Receive);
        foreach (TransportNode node in nodes)
        {
            Assert.All(node.Transport.Statistics.Peers, p => Assert.Equal(0, p.FramesDropped(Channel.Control) + p.FramesDropped(Channel.Payload) + p.FramesDropped(Channel.Sync)));
        }
        foreach (TransportNode node in nodes) node.Dispose();
        Assert.All(nodes, n => Assert.Equal(0, n.Pool.RentedBytes + n.SendPool.RentedBytes));
    }

    private static int LengthOf(int i) => i % 97 == 0 ? 60_000 : i % 7 * 100;

    // Protects identity: a member with another key is refused by dialler and acceptor alike, and counted; others go on.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Another_key_is_refused_and_counted(int cheat)
    {
        using TransportNode first = TransportNode.Create(0, 2, keySeed: cheat == 0 ? 77 : null);
        using TransportNode second = TransportNode.Create(1, 2, keySeed: cheat == 1 ? 77 : null);
        first.Knows(1, second);
        first.Transport.Start();
        second.Transport.Start();
        TransportNode honest = cheat == 0 ? second : first;
        TransportNode liar = cheat == 0 ? first : second;
        TransportNode.Until([first, second], () => honest.Transport.Statistics.WrongKeys > 0 && honest.Transport.Statistics.HandshakesFailed(CloseReason.WrongKey) > 0,
            (_, e) => Assert.Fail($"event {e.Kind}"));
        Assert.False(honest.Transport.IsUp(cheat));
        Assert.False(liar.Transport.IsUp(1 - cheat));
    }

    // Protects ALPN's part: another transport version or chain does not connect.
    [Fact]
    public void Another_application_protocol_is_refused()
    {
        using TransportNode first = TransportNode.Create(0, 2);
        using TransportNode second = TransportNode.Create(1, 2, o => o with { ApplicationProtocol = "validator/2" });
        first.Knows(1, second);
        first.Transport.Start();
        second.Transport.Start();
        TransportNode.Until([first, second], () => second.Transport.Statistics.HandshakesFailed(CloseReason.Tls) > 0, (_, e) => Assert.Fail($"event {e.Kind}"));
    }

    // Protects recovery: a peer that stops, and one whose socket vanishes without a word, are found again.
    [Fact]
    public void A_restarted_peer_is_connected_again()
    {
        using TransportNode dialler = TransportNode.Create(0, 2);
        TransportNode acceptor = TransportNode.Create(1, 2);
        IPEndPoint at = acceptor.Transport.LocalEndPoint;
        dialler.Knows(1, acceptor);
        dialler.Transport.Start();
        acceptor.Transport.Start();
        int ups = 0, downs = 0;
        void Count(TransportEvent e)
        {
            if (e.Kind == TransportEventKind.PeerUp) ups++;
            if (e.Kind == TransportEventKind.PeerDown) downs++;
        }
        dialler.Until(() => ups == 1, Count);
        long stop = Stopwatch.GetTimestamp();
        acceptor.Dispose();
        Assert.True(Stopwatch.GetElapsedTime(stop) < TimeSpan.FromSeconds(5));
        dialler.Until(() => downs == 1, Count);
        Assert.Equal(1, dialler.Transport.Statistics.Peers[1].ConnectionsClosed(CloseReason.PeerClosed));

        PooledBuffer lost = dialler.Frame(10, 1);
        Assert.True(dialler.Outbox.TrySend(1, Channel.Control, lost));
        dialler.Outbox.Flush();
        dialler.Until(() => dialler.Transport.Statistics.Peers[1].FramesDropped(Channel.Control) == 1, Count);

        using TransportNode again = TransportNode.Create(1, 2, o => o with { Listen = at });
        again.Transport.Start();
        dialler.Until(() => ups == 2, Count);
        int frames = 0;
        Assert.True(dialler.Outbox.TrySend(1, Channel.Sync, dialler.Frame(100, 5)));
        dialler.Outbox.Flush();
        again.Until(() => frames == 1, e => frames += e.Kind == TransportEventKind.Frame && TransportNode.Matches(e.Buffer!.Span, 5) ? 1 : 0);
        Assert.True(dialler.Transport.Statistics.Peers[1].Reconnects >= 1);
    }

    // Protects the frame limit: a peer that announces more is cut off and counted, and its reconnect works.
    [Fact]
    public void An_oversize_frame_closes_the_connection()
    {
        using TransportNode first = TransportNode.Create(0, 2, o => o with { MaxFrameBytes = 1000 });
        using TransportNode second = TransportNode.Create(1, 2);
        first.Knows(1, second);
        first.Transport.Start();
        second.Transport.Start();
        int ups = 0, frames = 0;
        void Count(TransportNode node, TransportEvent e)
        {
            if (node != first) return;
            if (e.Kind == TransportEventKind.PeerUp) ups++;
            if (e.Kind == TransportEventKind.Frame) frames++;
        }
        TransportNode[] both = [first, second];
        TransportNode.Until(both, () => second.Transport.IsUp(0) && ups == 1, Count);
        Assert.True(second.Outbox.TrySend(0, Channel.Payload, second.Frame(1000, 1)));
        Assert.True(second.Outbox.TrySend(0, Channel.Payload, second.Frame(1001, 1)));
        second.Outbox.Flush();
        TransportNode.Until(both, () => first.Transport.Statistics.OversizeFrames == 1 && ups == 2, Count);
        Assert.Equal(1, frames);
        Assert.Equal(1, first.Transport.Statistics.Peers[1].ConnectionsClosed(CloseReason.OversizeFrame));
    }

    // Protects priority: a vote queued behind 8 MB of payload that is stuck arrives long before the payload's end.
    [Fact]
    public void Control_overtakes_payload()
    {
        TransportNode[] nodes = TransportNode.Cluster(2, o => o with
        {
            ReceivePool = new PinnedBufferPool(16 * 1024 * 1024, 128 * 1024),
            EventRingCapacity = 16,
            MaxFrameBytes = 128 * 1024,
            WindowBytes = 1024 * 1024,
        });
        TransportNode.Until(nodes, () => nodes[0].Transport.IsUp(1) && nodes[1].Transport.IsUp(0));
        const int payloads = 80;
        for (int i = 0; i < payloads; i++) Assert.True(nodes[0].Outbox.TrySend(1, Channel.Payload, nodes[0].Frame(100_000, i)));
        nodes[0].Outbox.Flush();
        nodes[0].Until(() => nodes[1].Transport.Statistics.BackpressureRounds > 0);
        Assert.True(nodes[0].Outbox.TrySend(1, Channel.Control, nodes[0].Frame(100, 0)));
        nodes[0].Outbox.Flush();
        int before = 0, seen = 0;
        bool control = false;
        nodes[1].Until(() => seen == payloads + 1, e =>
        {
            if (e.Kind != TransportEventKind.Frame) return;
            seen++;
            if (e.Channel == Channel.Control) control = true;
            else if (!control) before++;
        });
        // At most the ring's 14 and the window's 10 frames were ahead of it, and what arrived in the same instant.
        Assert.InRange(before, 0, payloads / 2);
        foreach (TransportNode node in nodes) node.Dispose();
    }

    // Protects memory: while nobody consumes, what a peer can push is bounded by ring, pool and window; then all arrives.
    [Fact]
    public void A_slow_consumer_holds_the_sender_back()
    {
        using TransportNode sender = TransportNode.Create(0, 2, o => o with { PayloadQueueBytes = 60_000_000 });
        using TransportNode receiver = TransportNode.Create(1, 2, o => o with
        {
            EventRingCapacity = 64,
            ReceivePool = new PinnedBufferPool(4 * 1024 * 1024, 64 * 1024),
            MaxFrameBytes = 64 * 1024,
            WindowBytes = 1024 * 1024,
        });
        sender.Knows(1, receiver);
        sender.Transport.Start();
        receiver.Transport.Start();
        sender.Until(() => sender.Transport.IsUp(1));
        const int frames = 1000;
        for (int i = 0; i < frames; i++) Assert.True(sender.Outbox.TrySend(1, Channel.Payload, sender.Frame(20_000, i)));
        sender.Outbox.Flush();
        sender.Until(() => receiver.Transport.Statistics.BackpressureRounds > 20 && sender.Transport.Statistics.Peers[1].QueuedBytes > 10_000_000);
        Assert.True(receiver.Pool.Bytes <= receiver.Pool.MaxBytes);
        Assert.True(receiver.Transport.Events.Count <= 64);

        // Control still gets through to the ring, which keeps an eighth for it.
        Assert.True(sender.Outbox.TrySend(1, Channel.Control, sender.Frame(10, 0)));
        sender.Outbox.Flush();
        int next = 0, control = 0;
        receiver.Until(() => next == frames && control == 1, e =>
        {
            if (e.Kind != TransportEventKind.Frame) return;
            if (e.Channel == Channel.Control) control++;
            else Assert.True(TransportNode.Matches(e.Buffer!.Span, next++));
        });
        Assert.Equal(0, sender.Transport.Statistics.Peers[1].FramesDropped(Channel.Payload));
    }

    // Protects the bound on what we queue: beyond it the newest is dropped and counted, and its buffer comes back.
    [Fact]
    public void A_full_queue_drops_the_newest()
    {
        using TransportNode sender = TransportNode.Create(0, 2, o => o with { SyncQueueBytes = 100_000 });
        using TransportNode receiver = TransportNode.Create(1, 2, o => o with { EventRingCapacity = 2 });
        sender.Knows(1, receiver);
        sender.Transport.Start();
        receiver.Transport.Start();
        sender.Until(() => sender.Transport.IsUp(1));
        for (int i = 0; i < 1000; i++) Assert.True(sender.Outbox.TrySend(1, Channel.Sync, sender.Frame(50_000, i)));
        sender.Outbox.Flush();
        PeerStatistics peer = sender.Transport.Statistics.Peers[1];
        sender.Until(() => peer.FramesDropped(Channel.Sync) + peer.FramesOut == 1000);
        Assert.True(peer.FramesDropped(Channel.Sync) > 0);
        Assert.True(peer.QueuedBytes <= 100_000);
        sender.Dispose();
        Assert.Equal(0, sender.SendPool.RentedBytes);
    }

    // Protects the socket: noise, truncated and mutated packets change counters and nothing else.
    [Fact]
    public void Malformed_datagrams_only_count()
    {
        TransportNode[] nodes = TransportNode.Cluster(2);
        TransportNode.Until(nodes, () => nodes[0].Transport.IsUp(1) && nodes[1].Transport.IsUp(0));
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        var random = new Random(1);
        byte[] bytes = new byte[1500];
        for (int i = 0; i < 4000; i++)
        {
            random.NextBytes(bytes);
            int length = random.Next(bytes.Length);
            if (i % 3 == 0)
            {
                bytes[0] = (byte)(0xC0 | bytes[0]); // a long header of QUIC version 1, its type and ids at random
                BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(1), 1);
                bytes[5] = (byte)(bytes[5] % 21);
                length = Math.Max(length, 1200);
            }
            if (i % 3 == 1) bytes[0] = (byte)(0x40 | (bytes[0] & 0x3f));
            socket.SendTo(bytes.AsSpan(0, length), nodes[i & 1].Transport.LocalEndPoint);
            if (i % 200 == 0) Thread.Sleep(1);
        }
        int frames = 0;
        Assert.True(nodes[0].Outbox.TrySend(1, Channel.Control, nodes[0].Frame(100, 3)));
        nodes[0].Outbox.Flush();
        TransportStatistics s = nodes[1].Transport.Statistics;
        nodes[1].Until(() => frames == 1 && s.DatagramsMalformed + s.DatagramsUnknown > 100, e => frames += e.Kind == TransportEventKind.Frame ? 1 : 0);
        Assert.Equal(1, nodes[0].Transport.Statistics.Peers[1].Handshakes);
        Assert.Equal(0, s.WrongKeys);
        foreach (TransportNode node in nodes) node.Dispose();
    }

    // Protects the steady state: the network threads allocate nothing for tens of thousands of frames.
    [Fact]
    public void No_allocation_per_frame()
    {
        TransportNode[] nodes = TransportNode.Cluster(2);
        TransportNode.Until(nodes, () => nodes[0].Transport.IsUp(1) && nodes[1].Transport.IsUp(0));
        int received = 0;
        void Exchange(int rounds)
        {
            int target = received + 2 * rounds * 20;
            for (int round = 0; round < rounds; round++)
            {
                for (int i = 0; i < 20; i++)
                {
                    foreach (TransportNode node in nodes) Assert.True(node.Outbox.TryBroadcast((Channel)(i % 3), node.Frame(i * 50, i)));
                }
                foreach (TransportNode node in nodes) node.Outbox.Flush();
                int least = target - 2 * (rounds - round) * 20;
                TransportNode.Until(nodes, () => received >= least, (_, e) => received += e.Kind == TransportEventKind.Frame ? 1 : 0);
            }
            TransportNode.Until(nodes, () => received == target, (_, e) => received += e.Kind == TransportEventKind.Frame ? 1 : 0);
        }
        // Peaks of the pool and of compilation come early but at no fixed time; a steady state is one long quiet stretch.
        bool quiet = false;
        for (int attempt = 0; attempt < 20 && !quiet; attempt++)
        {
            long[] before = [.. nodes.Select(n => n.Transport.Statistics.NetworkThreadAllocatedBytes)];
            Exchange(500);
            quiet = nodes.Select((n, i) => n.Transport.Statistics.NetworkThreadAllocatedBytes - before[i]).All(b => b == 0);
        }
        Assert.True(quiet);
        foreach (TransportNode node in nodes) node.Dispose();
    }

    // Protects the end of membership: the connection closes and the key is refused from then on.
    [Fact]
    public void A_removed_peer_stays_out()
    {
        TransportNode[] nodes = TransportNode.Cluster(2, o => o with { ReconnectMin = TimeSpan.FromMilliseconds(20) });
        TransportNode.Until(nodes, () => nodes[0].Transport.IsUp(1) && nodes[1].Transport.IsUp(0));
        nodes[1].Transport.RemovePeer(0);
        TransportNode.Until(nodes, () => nodes[1].Transport.Statistics.WrongKeys > 0);
        Assert.False(nodes[1].Transport.IsUp(0));
        Assert.Equal(1, nodes[1].Transport.Statistics.Peers[0].Handshakes);
        foreach (TransportNode node in nodes) node.Dispose();
    }

    // Protects the change of members: an empty place and one whose owner went are given to others while the transport runs; who
    // is not known yet dials until it is, and who is no longer stays out.
    [Fact]
    public void Places_are_given_to_others()
    {
        TransportOptions With(TransportOptions o) => o with { ReconnectMin = TimeSpan.FromMilliseconds(20), MaxPeers = 4 };
        TransportNode first = TransportNode.Create(0, 2, With);
        TransportNode second = TransportNode.Create(1, 2, With);
        // It knows the first two, who do not know it.
        TransportNode third = TransportNode.Create(2, 3, With);
        TransportNode[] nodes = [first, second, third];
        first.Knows(1, second);
        third.Knows(0, first);
        third.Knows(1, second);
        foreach (TransportNode node in nodes) node.Transport.Start();
        TransportNode.Until(nodes, () => first.Transport.IsUp(1) && first.Transport.Statistics.WrongKeys > 0);

        first.Transport.SetPeer(2, new TransportPeer(TransportNode.PublicKey(2), []));
        TransportNode.Until(nodes, () => first.Transport.IsUp(2) && third.Transport.IsUp(0));
        int downs = 0;
        second.Transport.RemovePeer(0);
        second.Transport.SetPeer(0, new TransportPeer(TransportNode.PublicKey(2), []));
        TransportNode.Until(
            nodes, () => second.Transport.IsUp(0) && third.Transport.IsUp(1) && downs == 1,
            (node, e) => downs += node == second && e.Kind == TransportEventKind.PeerDown && e.Peer == 0 ? 1 : 0);
        Assert.False(first.Transport.IsUp(1));
        Assert.True(first.Transport.IsUp(2));
        foreach (TransportNode node in nodes) node.Dispose();
    }
}
