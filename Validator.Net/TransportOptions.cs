using System.Net;
using Validator.Net.Buffers;
using Validator.Net.Discovery;
using Validator.Net.Rings;

namespace Validator.Net;

/// <summary>A peer that the transport connects with.</summary>
/// <param name="PublicKey">Raw ML-DSA-87 transport key, 2592 bytes: the peer's identity.</param>
/// <param name="Addresses">Hints, tried in turn; may be empty for a peer that dials us.</param>
public sealed record TransportPeer(byte[] PublicKey, IReadOnlyList<PeerAddress> Addresses);

/// <summary>Congestion control of every connection.</summary>
public enum CongestionControl
{
    Cubic = 0,
    Bbr = 1,
}

/// <summary>Whether packets are spread over the round trip.</summary>
public enum Pacing
{
    /// <summary>On, except towards loopback addresses, where timers are coarser than the round trip.</summary>
    Auto = 0,
    On = 1,
    Off = 2,
}

/// <summary>Frames and bytes a second of one peer, by <see cref="Channel"/>.</summary>
public sealed record PeerRates(double[] Frames, double[] Bytes)
{
    internal const int Channels = 3;

    /// <summary>
    /// What a validator accepts from each peer. Frames: Control some ten times what 100 blocks a second need (PrePrepare,
    /// Prepare, Commit, certificates); Payload forty times a lane's fastest pace; Sync answers that we asked for, small vertices
    /// among them. Bytes: Payload is a lane at its fastest pace with full vertices; filled with the smallest transactions, which
    /// cost most to check, it takes a third of two cores.
    /// </summary>
    public static PeerRates Default { get; } = new([4_000, 4_000, 8_000], [16e6, 48e6, 96e6]);
}

/// <summary>The options of a transport. Sizes in bytes.</summary>
public sealed record TransportOptions
{
    /// <summary>Address and port of the node's one UDP socket; port 0 takes a free one.</summary>
    public required IPEndPoint Listen { get; init; }

    /// <summary>Own index in Peers; -1: we are not among them.</summary>
    public required int SelfIndex { get; init; }

    /// <summary>The peers at the start, ourselves included; a peer keeps its index as long as it stays.</summary>
    public required IReadOnlyList<TransportPeer> Peers { get; init; }

    /// <summary>
    /// Places for peers, including those of Peers; <see cref="ITransport.SetPeer"/> fills the others. 0: no others.
    /// </summary>
    public int MaxPeers { get; init; }

    internal int Places => Math.Max(MaxPeers, Peers.Count);

    /// <summary>Seed of our own ML-DSA-87 transport key, 32 bytes. Cleared by the caller after construction.</summary>
    public required byte[] PrivateKeySeed { get; init; }

    /// <summary>
    /// Where received frames are put; its MaxBufferBytes is at least MaxFrameBytes. Frames to be sent come from another pool:
    /// with one pool, two nodes that fill it with frames for each other would both stop reading.
    /// </summary>
    public required PinnedBufferPool ReceivePool { get; init; }

    /// <summary>Woken when Events has something.</summary>
    public required IWaker Consumer { get; init; }

    /// <summary>Where the thread that runs <see cref="ITransport.Rounds"/> sleeps; null: one of the transport's own.</summary>
    public Parker? Loop { get; init; }

    /// <summary>ALPN, 1 to 255 ASCII bytes: transport version and chain, so that strangers fail in the handshake.</summary>
    public string ApplicationProtocol { get; init; } = "validator/1";

    /// <summary>Longest frame that is sent or accepted, without its prefix.</summary>
    public int MaxFrameBytes { get; init; } = 1024 * 1024;

    /// <summary>Items in Events.</summary>
    public int EventRingCapacity { get; init; } = 8192;

    /// <summary>Items in each outbox.</summary>
    public int OutboxCapacity { get; init; } = 4096;

    /// <summary>Unacknowledged and queued bytes per peer; the newest frame is dropped when it does not fit.</summary>
    public int ControlQueueBytes { get; init; } = 8 * 1024 * 1024;

    /// <inheritdoc cref="ControlQueueBytes"/>
    public int PayloadQueueBytes { get; init; } = 32 * 1024 * 1024;

    /// <inheritdoc cref="ControlQueueBytes"/>
    public int SyncQueueBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>
    /// Flow-control window per peer and channel: what a peer may have sent that we have not yet taken. At least twice
    /// MaxFrameBytes; memory is taken only as bytes really arrive.
    /// </summary>
    public int WindowBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>How fast each peer's frames are taken; null: without limit.</summary>
    public PeerRates? PeerRates { get; init; }

    /// <summary>
    /// Handshakes begun by others at once, a quarter of them reserved for members' addresses. Beyond that, one older than 1 s is
    /// dropped, else the newcomer is refused.
    /// </summary>
    public int MaxPendingHandshakes { get; init; } = 64;

    /// <summary>Silence after which a connection is given up.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Silence after which a ping is sent.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Time for a whole handshake.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>First pause before dialling again; doubles up to ReconnectMax, each with up to half of jitter.</summary>
    public TimeSpan ReconnectMin { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <inheritdoc cref="ReconnectMin"/>
    public TimeSpan ReconnectMax { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the higher key of a pair leaves dialling to the other; up to half more at random.</summary>
    public TimeSpan YieldTime { get; init; } = TimeSpan.FromMilliseconds(500);

    public CongestionControl CongestionControl { get; init; } = CongestionControl.Cubic;

    public Pacing Pacing { get; init; } = Pacing.Auto;

    /// <summary>Largest UDP payload sent, 1200 to 65527. Path discovery goes up to it.</summary>
    public int MaxDatagramBytes { get; init; } = 1452;

    /// <summary>
    /// How long after a fall to 1,200 bytes one longer packet is tried; doubles up to ten times that while it does not get
    /// through (RFC 8899 has ten minutes).
    /// </summary>
    public TimeSpan RaiseAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Called on the network thread with the newest round trip of each connected peer, seconds, some twenty times a second.
    /// </summary>
    public Action<double>? RoundTrip { get; init; }

    /// <summary>
    /// Called on the network thread with what an operator should see; never once per packet. Must return at once.
    /// </summary>
    public Action<TransportLogEvent>? Log { get; init; }
}
