using System.Net;
using System.Text;
using Validator.Net.Discovery;
using Validator.Net.Native;
using Validator.Net.Rings;

namespace Validator.Net.Quic;

/// <summary>
/// The transport over QUIC (RFC 9000) with mutual TLS 1.3: X25519MLKEM768 and ML-DSA-87 only, each peer's key pinned.
/// One UDP socket, and one thread of its own or its owner's; see QuicLoop for the loop and eng/native/quic_shim.h for the native
/// part.
/// </summary>
public sealed class QuicTransport : ITransport
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromMilliseconds(500);

    private readonly QuicLoop _loop;
    private readonly TransportOptions _options;
    private readonly Thread? _thread;
    private readonly ManualResetEventSlim _closed = new();
    private bool _started;
    private bool _stopped;

    /// <summary>Binds the socket and builds the certificate.</summary>
    /// <exception cref="ArgumentException">The options contradict themselves; the message says how.</exception>
    /// <exception cref="IOException">The socket cannot be bound or TLS not set up.</exception>
    public QuicTransport(TransportOptions options)
    {
        byte[] ownKey = Check(options);
        _options = options;
        Events = new SpscRing<TransportEvent>(options.EventRingCapacity);
        Statistics = new TransportStatistics(options.Places);
        nint endpoint = Open(options, out IPEndPoint bound);
        LocalEndPoint = bound;
        _loop = new QuicLoop(endpoint, options, Events, Statistics, ownKey, _closed);
        _thread = options.Loop is null ? new Thread(Run) { Name = "network", IsBackground = true } : null;
    }

    /// <inheritdoc/>
    public SpscRing<TransportEvent> Events { get; }

    /// <inheritdoc/>
    public TransportStatistics Statistics { get; }

    /// <inheritdoc/>
    public IPEndPoint LocalEndPoint { get; }

    /// <inheritdoc/>
    public void Start()
    {
        if (_started) throw new InvalidOperationException("the transport was started before");
        _started = true;
        _thread?.Start();
    }

    /// <inheritdoc/>
    public ITransportRounds? Rounds => _thread is null ? _loop : null;

    private void Run()
    {
        Kernel.NameThread(_thread!.Name!);
        _loop.Run();
    }

    /// <inheritdoc/>
    public Outbox CreateOutbox() => _loop.CreateOutbox();

    /// <inheritdoc/>
    public void SetAddresses(int peer, IReadOnlyList<PeerAddress> addresses)
    {
        CheckPeer(peer);
        _loop.Post(new LinkCommand(LinkCommandKind.SetAddresses, peer, [.. addresses]));
    }

    /// <inheritdoc/>
    public void RemovePeer(int peer)
    {
        CheckPeer(peer);
        _loop.Post(new LinkCommand(LinkCommandKind.Remove, peer, null));
    }

    /// <inheritdoc/>
    public void SetPeer(int peer, TransportPeer who)
    {
        CheckPeer(peer);
        ArgumentOutOfRangeException.ThrowIfNotEqual(who.PublicKey.Length, OpenSslMlDsa87.PublicKeyBytes, nameof(who));
        ArgumentOutOfRangeException.ThrowIfEqual(peer, _options.SelfIndex);
        _loop.Post(new LinkCommand(LinkCommandKind.SetPeer, peer, null, Who: who));
    }

    /// <inheritdoc/>
    public void Punish(int peer)
    {
        CheckPeer(peer);
        _loop.Post(new LinkCommand(LinkCommandKind.Punish, peer, null));
    }

    /// <inheritdoc/>
    public bool IsUp(int peer) => Statistics.Peers[peer].IsUp;

    /// <inheritdoc/>
    public void Stop()
    {
        if (_stopped) return;
        _stopped = true;
        _loop.RequestStop();
        if (!_started) _loop.Close();
        else if (!_closed.Wait(StopLimit) || _thread?.Join(StopLimit) == false)
        {
            throw new TimeoutException("the network thread did not stop within 500 ms");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Stop();

    private void CheckPeer(int peer) =>
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)peer, (uint)_options.Places, nameof(peer));

    /// <returns>Our own public key.</returns>
    private static byte[] Check(TransportOptions options)
    {
        const int MinDatagram = 1200; // RFC 9000, section 14
        const int MaxDatagram = 65527;
        if (options.SelfIndex < -1 || options.SelfIndex >= options.Peers.Count) throw new ArgumentException("SelfIndex is not in Peers");
        foreach (TransportPeer peer in options.Peers)
        {
            if (peer.PublicKey.Length != OpenSslMlDsa87.PublicKeyBytes) throw new ArgumentException("a peer's public key is not 2592 bytes long");
        }
        if (options.PrivateKeySeed.Length != OpenSslMlDsa87.SeedBytes) throw new ArgumentException("PrivateKeySeed is not 32 bytes long");
        byte[] own = new byte[OpenSslMlDsa87.PublicKeyBytes];
        OpenSslMlDsa87.PublicKeyFromSeed(options.PrivateKeySeed, own);
        if (options.SelfIndex >= 0 && !own.AsSpan().SequenceEqual(options.Peers[options.SelfIndex].PublicKey)) throw new ArgumentException("PrivateKeySeed does not belong to our own public key in Peers");
        if (options.MaxFrameBytes < 1 || options.MaxFrameBytes > options.ReceivePool.MaxBufferBytes) throw new ArgumentException("ReceivePool's buffers do not hold MaxFrameBytes");
        if (options.ReceivePool.MaxBytes / 4 < options.ReceivePool.MaxBufferBytes) throw new ArgumentException("ReceivePool is smaller than four of its largest buffers");
        if (options.WindowBytes / 2 < options.MaxFrameBytes) throw new ArgumentException("WindowBytes is less than two frames of MaxFrameBytes");
        if (options.MaxDatagramBytes is < MinDatagram or > MaxDatagram) throw new ArgumentException("MaxDatagramBytes is not within 1200 to 65527");
        if (options.ApplicationProtocol.Length is 0 or > 255 || !Ascii.IsValid(options.ApplicationProtocol)) throw new ArgumentException("ApplicationProtocol is not 1 to 255 ASCII characters");
        return own;
    }

    private static unsafe nint Open(TransportOptions options, out IPEndPoint bound)
    {
        const ulong NanosecondsPerTick = 100;
        if (QuicNative.GetAbi() != QuicNative.Abi) throw new IOException("validator_native is of another build than this program");
        byte[] keys = new byte[options.Places * OpenSslMlDsa87.PublicKeyBytes];
        for (int i = 0; i < options.Peers.Count; i++) options.Peers[i].PublicKey.CopyTo(keys, i * OpenSslMlDsa87.PublicKeyBytes);
        byte[] alpn = Encoding.ASCII.GetBytes(options.ApplicationProtocol);
        byte* error = stackalloc byte[256];
        QuicAddress address = default;
        fixed (byte* seed = options.PrivateKeySeed, peerKeys = keys, protocol = alpn)
        {
            var config = new QuicConfig
            {
                Seed = seed,
                PeerKeys = peerKeys,
                Alpn = protocol,
                AlpnLength = (uint)alpn.Length,
                Peers = (uint)options.Places,
                Self = options.SelfIndex,
                MaxPending = (uint)options.MaxPendingHandshakes,
                MaxDatagram = (uint)options.MaxDatagramBytes,
                Congestion = (uint)options.CongestionControl,
                Pacing = (uint)options.Pacing,
                Window = (ulong)options.WindowBytes,
                IdleNanoseconds = (ulong)options.IdleTimeout.Ticks * NanosecondsPerTick,
                KeepAliveNanoseconds = (ulong)options.KeepAlive.Ticks * NanosecondsPerTick,
                HandshakeNanoseconds = (ulong)options.HandshakeTimeout.Ticks * NanosecondsPerTick,
                RaiseNanoseconds = (ulong)options.RaiseAfter.Ticks * NanosecondsPerTick,
                Listen = QuicAddress.From(options.Listen),
            };
            nint endpoint = QuicNative.Open(&config, &address, error, 256);
            if (endpoint == 0)
            {
                int length = new ReadOnlySpan<byte>(error, 256).IndexOf((byte)0);
                throw new IOException($"cannot open QUIC on {options.Listen}: {Encoding.UTF8.GetString(error, Math.Max(length, 0))}");
            }
            bound = new IPEndPoint(options.Listen.Address, address.Port);
            return endpoint;
        }
    }
}
