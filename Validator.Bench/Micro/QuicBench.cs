using System.Net;
using BenchmarkDotNet.Attributes;
using Validator.Net;
using Validator.Net.Buffers;
using Validator.Net.Discovery;
using Validator.Net.Native;
using Validator.Net.Quic;
using Validator.Net.Rings;

namespace Validator.Bench.Micro;

/// <summary>
/// Two transports over loopback, real sockets and handshakes. RoundTrip: one frame there and back, both consumers
/// sleeping in between. Throughput: one direction, per frame. In one process, so both network threads share its cores.
/// </summary>
[MemoryDiagnoser]
public class QuicBench
{
    private const int Frames = 10_000;

    private readonly Parker _parker = new();
    private readonly Parker _echoParker = new();
    private QuicTransport _client = null!;
    private QuicTransport _server = null!;
    private Outbox _outbox = null!;
    private PinnedBufferPool _pool = null!;
    private Thread _echo = null!;
    private volatile bool _stop;
    private volatile bool _echoes;
    private long _seen;

    /// <summary>Payload bytes of a frame: a vote, and a vertex of a few transactions.</summary>
    [Params(200, 8192)]
    public int Size { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _stop = false;
        byte[][] seeds = [new byte[OpenSslMlDsa87.SeedBytes], new byte[OpenSslMlDsa87.SeedBytes]];
        seeds[1][0] = 1;
        TransportPeer[] peers = [Peer(seeds[0]), Peer(seeds[1])];
        _pool = new PinnedBufferPool(512L << 20, 1 << 20);
        _server = new QuicTransport(Options(1, peers, seeds[1], _echoParker));
        _client = new QuicTransport(Options(0, peers, seeds[0], _parker));
        _client.SetAddresses(1, [PeerAddress.From(_server.LocalEndPoint)]);
        _outbox = _client.CreateOutbox();
        _server.Start();
        _client.Start();
        while (!_client.IsUp(1) || !_server.IsUp(0)) Thread.Sleep(1);
        _echo = new Thread(Echo) { IsBackground = true };
        _echo.Start();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _stop = true;
        _echoParker.Wake();
        _echo.Join();
        _client.Dispose();
        _server.Dispose();
    }

    [Benchmark]
    public void RoundTrip()
    {
        _echoes = true;
        Send();
        _outbox.Flush();
        bool back = false;
        while (!back)
        {
            while (_client.Events.TryDequeue(out TransportEvent e))
            {
                back |= e.Kind == TransportEventKind.Frame;
                e.Buffer?.Release();
            }
            if (!back) Sleep(_parker, _client.Events);
        }
    }

    [Benchmark(OperationsPerInvoke = Frames)]
    public void Throughput()
    {
        _echoes = false;
        long target = Volatile.Read(ref _seen) + Frames;
        long from = target - Frames;
        for (int i = 0; i < Frames; i++)
        {
            // Stays within the queue's bound, as the layers above do by their own windows.
            while ((i - (Volatile.Read(ref _seen) - from)) * Size > 8 << 20) Thread.Yield();
            Send();
            if (i % 32 == 31) _outbox.Flush();
        }
        _outbox.Flush();
        while (Volatile.Read(ref _seen) < target) Thread.Yield();
    }

    private static TransportPeer Peer(byte[] seed)
    {
        byte[] key = new byte[OpenSslMlDsa87.PublicKeyBytes];
        OpenSslMlDsa87.PublicKeyFromSeed(seed, key);
        return new TransportPeer(key, []);
    }

    private TransportOptions Options(int self, TransportPeer[] peers, byte[] seed, Parker consumer) => new()
    {
        Listen = new IPEndPoint(IPAddress.Loopback, 0),
        SelfIndex = self,
        Peers = peers,
        PrivateKeySeed = seed,
        ReceivePool = new PinnedBufferPool(256L << 20, 1 << 20),
        Consumer = consumer,
        PayloadQueueBytes = 64 << 20,
    };

    private void Send()
    {
        if (!_pool.TryRent(Size, out PooledBuffer? frame)) throw new InvalidOperationException("the pool is empty");
        while (!_outbox.TrySend(1, Channel.Payload, frame))
        {
            _outbox.Flush();
            Thread.Yield();
        }
    }

    private void Echo()
    {
        Outbox outbox = _server.CreateOutbox();
        while (!_stop)
        {
            while (_server.Events.TryDequeue(out TransportEvent e))
            {
                if (e.Buffer is null) continue;
                if (_echoes && outbox.TrySend(0, e.Channel, e.Buffer)) outbox.Flush();
                else e.Buffer.Release();
                Volatile.Write(ref _seen, _seen + 1);
            }
            if (!_stop) Sleep(_echoParker, _server.Events);
        }
    }

    private static void Sleep(Parker parker, SpscRing<TransportEvent> ring)
    {
        parker.Prepare();
        if (ring.IsEmpty) parker.Park(100);
        else parker.Cancel();
    }
}
