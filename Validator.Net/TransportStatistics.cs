namespace Validator.Net;

/// <summary>Why a handshake failed or a connection ended. The names are metric labels.</summary>
public enum CloseReason
{
    None = 0,

    /// <summary>The other side's key is not the pinned one.</summary>
    WrongKey = 1,

    /// <summary>TLS failed otherwise: no common group, ALPN or signature, or the peer refused us.</summary>
    Tls = 2,

    HandshakeTimeout = 3,
    IdleTimeout = 4,

    /// <summary>The peer said goodbye.</summary>
    PeerClosed = 5,

    /// <summary>The peer does not know the connection (stateless reset): it was restarted.</summary>
    Reset = 6,

    /// <summary>QUIC's rules were broken.</summary>
    Protocol = 7,

    /// <summary>A frame longer than agreed.</summary>
    OversizeFrame = 8,

    /// <summary>A newer connection of the same peer replaced it.</summary>
    Replaced = 9,

    /// <summary>We stop.</summary>
    LocalStop = 10,

    /// <summary>The peer's membership has ended.</summary>
    Removed = 11,

    /// <summary>Local trouble: memory, socket.</summary>
    Internal = 12,

    /// <summary>The layer above reported too many faulty frames: <see cref="ITransport.Punish"/>.</summary>
    Misbehaved = 13,

    /// <summary>Two dials of a pair crossed, and the other connection stays.</summary>
    Duplicate = 14,

    /// <summary>We dialled, and ourselves answered.</summary>
    Self = 15,

    /// <summary>We dialled, and another member answered.</summary>
    Misdialled = 16,
}

/// <summary>Severity of a <see cref="TransportLogEvent"/>.</summary>
public enum TransportLogLevel
{
    Debug = 0,
    Info = 1,
    Warning = 2,
}

/// <summary>Something an operator should see. Peer is -1 where none is known.</summary>
public readonly record struct TransportLogEvent(TransportLogLevel Level, int Peer, string Message, CloseReason Reason);

/// <summary>One peer's counters: written by the network thread alone, read from anywhere, each consistent by itself.</summary>
public sealed class PeerStatistics
{
    internal const int Channels = 3;
    internal const int Reasons = (int)CloseReason.Misdialled + 1;

    internal readonly long[] Dropped = new long[Channels];
    internal readonly long[] Closed = new long[Reasons];
    internal readonly long[] Failed = new long[Reasons];
    internal long BytesInCount, BytesOutCount, PacketsInCount, PacketsOutCount, PacketsLostCount, RttMicrosecondsNow;
    internal long RedialsCount, DatagramBytesNow;
    internal long FramesOutCount, ReplacedCount, HandshakesCount, ReconnectsCount, QueuedBytesNow, UpNow;

    /// <summary>UDP payload bytes of this peer, brought up to date once a second while it is up.</summary>
    public long BytesIn => Volatile.Read(ref BytesInCount);
    public long BytesOut => Volatile.Read(ref BytesOutCount);
    public long PacketsIn => Volatile.Read(ref PacketsInCount);
    public long PacketsOut => Volatile.Read(ref PacketsOutCount);
    public long PacketsLost => Volatile.Read(ref PacketsLostCount);

    /// <summary>Smoothed round trip, µs; 0 before the first.</summary>
    public long RttMicroseconds => Volatile.Read(ref RttMicrosecondsNow);

    /// <summary>Frames handed to QUIC.</summary>
    public long FramesOut => Volatile.Read(ref FramesOutCount);

    /// <summary>Handshakes that succeeded.</summary>
    public long Handshakes => Volatile.Read(ref HandshakesCount);

    /// <summary>
    /// Connections that the peer closed for a newer one with our key. Many of them mean another process with our key.
    /// </summary>
    public long ReplacedElsewhere => Volatile.Read(ref ReplacedCount);

    /// <summary>Dials beside a stalled connection: nothing was acknowledged, or the peer came from elsewhere.</summary>
    public long Redials => Volatile.Read(ref RedialsCount);

    /// <summary>Longest UDP payload sent to it now; 0 before the first connection.</summary>
    public long DatagramBytes => Volatile.Read(ref DatagramBytesNow);

    /// <summary>Dials after the first.</summary>
    public long Reconnects => Volatile.Read(ref ReconnectsCount);

    /// <summary>Bytes queued or unacknowledged now, all channels.</summary>
    public long QueuedBytes => Volatile.Read(ref QueuedBytesNow);

    public bool IsUp => Volatile.Read(ref UpNow) != 0;

    /// <summary>Frames not sent: the peer was down or the channel's queue full.</summary>
    public long FramesDropped(Channel channel) => Volatile.Read(ref Dropped[(int)channel]);

    /// <summary>Connections that ended after their handshake, by reason.</summary>
    public long ConnectionsClosed(CloseReason reason) => Volatile.Read(ref Closed[(int)reason]);

    /// <summary>Handshakes that failed, by reason, where the peer is known (we dialled it).</summary>
    public long HandshakesFailed(CloseReason reason) => Volatile.Read(ref Failed[(int)reason]);
}

/// <summary>The transport's counters. Those of datagrams and handshakes are brought up to date once a second.</summary>
public sealed class TransportStatistics
{
    internal readonly long[] Failed = new long[PeerStatistics.Reasons];
    internal long DatagramsInCount, DatagramsOutCount, MalformedCount, UnknownCount, RetriesCount, BadTokenCount;
    internal long RefusedCount, WrongKeysCount, OversizeCount, BackpressureCount;
    internal long LookupsCount, LookupsFailedCount;
    internal long LoopedAt, AllocatedBytesNow, LimitedCount, ThrottledCount;

    internal TransportStatistics(int peers)
    {
        var all = new PeerStatistics[peers];
        for (int i = 0; i < peers; i++) all[i] = new PeerStatistics();
        Peers = all;
    }

    /// <summary>By committee index; our own stays zero.</summary>
    public IReadOnlyList<PeerStatistics> Peers { get; }

    /// <summary>Datagrams received and sent on the socket.</summary>
    public long DatagramsIn => Volatile.Read(ref DatagramsInCount);
    public long DatagramsOut => Volatile.Read(ref DatagramsOutCount);

    /// <summary>Datagrams that are no usable QUIC packet.</summary>
    public long DatagramsMalformed => Volatile.Read(ref MalformedCount);

    /// <summary>Datagrams for a connection that does not exist.</summary>
    public long DatagramsUnknown => Volatile.Read(ref UnknownCount);

    /// <summary>Retry packets sent: each first Initial gets one.</summary>
    public long Retries => Volatile.Read(ref RetriesCount);

    /// <summary>Initials with a token that is not ours, of another address, or too old.</summary>
    public long BadTokens => Volatile.Read(ref BadTokenCount);

    /// <summary>Handshakes refused because too many were pending.</summary>
    public long HandshakesRefused => Volatile.Read(ref RefusedCount);

    /// <summary>Initials not answered: above the rate of their address or of all, or from a peer that is shut out.</summary>
    public long HandshakesLimited => Volatile.Read(ref LimitedCount);

    /// <summary>The socket's datagrams that were not sent, and what became of connections whose path changed.</summary>
    public PathStatistics Paths { get; } = new();

    /// <summary>Rounds in which a peer's frames waited because its quota was used up.</summary>
    public long ThrottledRounds => Volatile.Read(ref ThrottledCount);

    /// <summary>Handshakes with a key that is no member's, or not the dialled peer's.</summary>
    public long WrongKeys => Volatile.Read(ref WrongKeysCount);

    /// <summary>Connections closed because of a frame longer than allowed.</summary>
    public long OversizeFrames => Volatile.Read(ref OversizeCount);

    /// <summary>Rounds in which reading stopped because the ring or the pool was full.</summary>
    public long BackpressureRounds => Volatile.Read(ref BackpressureCount);

    /// <summary>Time since the network thread last began a round; when idle it begins one a second.</summary>
    public TimeSpan SinceLoop => LoopedAt == 0 ? TimeSpan.Zero : System.Diagnostics.Stopwatch.GetElapsedTime(Volatile.Read(ref LoopedAt));

    /// <summary>Managed bytes the network thread has allocated since its start.</summary>
    public long NetworkThreadAllocatedBytes => Volatile.Read(ref AllocatedBytesNow);

    /// <summary>Look-ups of names among the hints.</summary>
    public long NameLookups => Volatile.Read(ref LookupsCount);

    /// <summary>Look-ups that found no address, or whose servers did not answer.</summary>
    public long NameLookupsFailed => Volatile.Read(ref LookupsFailedCount);

    /// <summary>Handshakes that failed, by reason, whoever began them.</summary>
    public long HandshakesFailed(CloseReason reason) => Volatile.Read(ref Failed[(int)reason]);
}
