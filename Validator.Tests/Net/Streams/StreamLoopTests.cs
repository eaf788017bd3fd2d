using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using Validator.Net;
using Validator.Net.Native;
using Validator.Net.Streams;

namespace Validator.Tests.Net.Streams;

public class StreamLoopTests
{
    private const int MaxFrame = 200_000;

    // Every frame arrives once, whole and in order, over the ring's end too; what there is no room for waits and holds the sender
    // up.
    [Fact]
    public void Frames_arrive_in_order_through_backpressure()
    {
        Random random = new(3);
        Recorder server = new() { Refuses = n => n % 7 == 3 };
        Recorder client = new();
        using StreamLoop serving = Serve(server, 4);
        using StreamLoop calling = Dial(client, serving, Key(1));
        byte[][] frames = [.. Enumerable.Range(0, 300).Select(i =>
        {
            byte[] frame = new byte[random.Next(4) == 0 ? random.Next(1, MaxFrame) : random.Next(4, 300)];
            random.NextBytes(frame);
            return frame;
        })];
        foreach (byte[] frame in frames)
        {
            client.ToSend.Enqueue(frame);
        }

        calling.Wake();
        Wait(() => server.Taken.Count == frames.Length);
        Assert.Equal(frames.Select(Convert.ToHexString), server.Taken.Select(Convert.ToHexString));

        // And back.
        server.ToSend.Enqueue([1, 2, 3]);
        serving.Wake();
        Wait(() => !client.Taken.IsEmpty);
        Assert.Equal([1, 2, 3], client.Taken.First());
    }

    // A validator on any address answers its clients from the one that they asked; who is behind a NAT that forgets it goes on
    // from another port.
    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    public void Another_address_is_answered_and_another_port_followed(string any)
    {
        Recorder server = new();
        Recorder client = new();
        using StreamLoop serving = Serve(server, 4, IPAddress.Parse(any));
        using UdpRelay relay = new(new IPEndPoint(IPAddress.Parse("127.0.0.7"), serving.LocalEndPoint.Port));
        using StreamLoop calling = Dial(client, relay.Address, Key(1));
        for (int i = 0; i < 3; i++)
        {
            client.ToSend.Enqueue(new byte[MaxFrame]);
            calling.Wake();
            Wait(() => server.Taken.Count == i + 1);
            server.ToSend.Enqueue(new byte[MaxFrame]);
            serving.Wake();
            Wait(() => client.Taken.Count == i + 1);
            relay.MoveDialler();
        }

        Wait(() => serving.Paths.Moved >= 2);
        Assert.Equal((1, 0), (server.Opened, server.Closed));
    }

    // A client reaches the validator that genesis names, or nobody; and the port between validators is no client's.
    [Fact]
    public void Another_key_or_protocol_is_refused()
    {
        Recorder server = new();
        using StreamLoop serving = Serve(server, 4);
        Recorder wrongKey = new();
        Recorder wrongProtocol = new();
        using StreamLoop first = Dial(wrongKey, serving, Key(2));
        using StreamLoop second = Dial(wrongProtocol, serving, Key(1), "validator/1");
        Recorder good = new();
        using StreamLoop third = Dial(good, serving, Key(1));
        Wait(() => good.Opened == 1);
        Assert.Equal((0, 0), (wrongKey.Opened, wrongProtocol.Opened));
        Assert.Equal(1, server.Opened);
    }

    // Who breaks the framing is cut off; others go on.
    [Fact]
    public void A_fault_ends_its_own_connection()
    {
        Recorder server = new();
        Recorder bad = new();
        Recorder good = new();
        using StreamLoop serving = Serve(server, 4);
        using StreamLoop first = Dial(bad, serving, Key(1));
        using StreamLoop second = Dial(good, serving, Key(1));
        Wait(() => server.Opened == 2);
        bad.ToSend.Enqueue(new byte[MaxFrame + 1]);
        first.Wake();
        Wait(() => server.Closed >= 1 && bad.Closed >= 1);
        Assert.Empty(server.Taken);
        good.ToSend.Enqueue([7]);
        second.Wake();
        Wait(() => server.Taken.Count == 1);

        // The one cut off comes again.
        Wait(() => bad.Opened == 2);
    }

    // Load costs no garbage on the validator's side: an object a frame would be 480,000 bytes. The queue of what is not
    // acknowledged may still double, up to the frames of two rounds, when the machine is slow.
    [Fact]
    public void Steady_frames_do_not_allocate()
    {
        const int rounds = 10;
        const int round = 2000;
        const int queueGrowth = 2 * 4096 * 16;
        Counter server = new();
        Recorder client = new();
        using StreamLoop serving = Serve(server, 2);
        using StreamLoop calling = Dial(client, serving, Key(1));
        Send(client, calling, round);
        Wait(() => server.Frames == round);
        Thread.Sleep(50);
        long before = serving.AllocatedBytes;
        for (int i = 2; i <= rounds + 1; i++)
        {
            Send(client, calling, round);
            Wait(() => server.Frames == i * round);
        }

        Thread.Sleep(50);
        Assert.InRange(serving.AllocatedBytes - before, 0, queueGrowth);

        static void Send(Recorder client, StreamLoop loop, int count)
        {
            for (int i = 0; i < count; i++)
            {
                client.ToSend.Enqueue(new byte[600]);
            }

            loop.Wake();
        }
    }

    private static StreamLoop Serve(IStreamOwner owner, int clients, IPAddress? address = null)
    {
        StreamLoop loop = new(
            new StreamOptions { Listen = new IPEndPoint(address ?? IPAddress.Loopback, 0), PrivateKeySeed = Seed(1), MaxClients = clients, MaxFrameBytes = MaxFrame }, owner);
        loop.Start();
        return loop;
    }

    private static StreamLoop Dial(IStreamOwner owner, StreamLoop server, byte[] key, string protocol = "validator-client/1") =>
        Dial(owner, server.LocalEndPoint, key, protocol);

    private static StreamLoop Dial(IStreamOwner owner, IPEndPoint server, byte[] key, string protocol = "validator-client/1")
    {
        StreamLoop loop = new(
            new StreamOptions
            {
                Listen = new IPEndPoint(IPAddress.Loopback, 0),
                PrivateKeySeed = Seed(9),
                MaxFrameBytes = MaxFrame,
                ApplicationProtocol = protocol,
                Targets = [new StreamTarget(key, server)],
                Name = "client",
            },
            owner);
        loop.Start();
        return loop;
    }

    private static void Wait(Func<bool> done) => Assert.True(SpinWait.SpinUntil(done, TimeSpan.FromSeconds(30)));

    private static byte[] Seed(byte number) => [number, .. new byte[31]];

    private static byte[] Key(byte number)
    {
        byte[] key = new byte[OpenSslMlDsa87.PublicKeyBytes];
        OpenSslMlDsa87.PublicKeyFromSeed(Seed(number), key);
        return key;
    }

    private sealed class Recorder : IStreamOwner
    {
        private readonly List<StreamLink> _links = [];
        private int _offered;
        private int _opened;
        private int _closed;

        public ConcurrentQueue<byte[]> Taken { get; } = new();
        public ConcurrentQueue<byte[]> ToSend { get; } = new();
        public Func<int, bool> Refuses { get; init; } = _ => false;
        public int Opened => Volatile.Read(ref _opened);
        public int Closed => Volatile.Read(ref _closed);

        void IStreamOwner.Opened(StreamLink link)
        {
            _links.Add(link);
            Interlocked.Increment(ref _opened);
        }

        bool IStreamOwner.TryTake(StreamLink link, ReadOnlySpan<byte> frame)
        {
            if (Refuses(_offered++))
            {
                return false;
            }

            Taken.Enqueue(frame.ToArray());
            return true;
        }

        void IStreamOwner.Turn()
        {
            while (_links.Count > 0 && ToSend.TryDequeue(out byte[]? frame))
            {
                _links[^1].TrySend(frame);
            }
        }

        void IStreamOwner.Closed(StreamLink link, CloseReason reason)
        {
            _links.Remove(link);
            Interlocked.Increment(ref _closed);
        }
    }

    private sealed class Counter : IStreamOwner
    {
        private readonly byte[] _receipt = new byte[20];
        private int _frames;

        public int Frames => Volatile.Read(ref _frames);

        public void Opened(StreamLink link)
        {
        }

        public bool TryTake(StreamLink link, ReadOnlySpan<byte> frame)
        {
            BinaryPrimitives.WriteInt32LittleEndian(_receipt, ++_frames);
            link.TrySend(_receipt);
            return true;
        }

        public void Turn()
        {
        }

        public void Closed(StreamLink link, CloseReason reason)
        {
        }
    }
}
