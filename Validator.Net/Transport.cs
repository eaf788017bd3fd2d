using System.Net;
using Validator.Net.Buffers;
using Validator.Net.Discovery;
using Validator.Net.Rings;

namespace Validator.Net;

/// <summary>
/// A peer's three one-way byte channels, in falling priority: what waits in Control is written before Payload, and that
/// before Sync. Frames of one channel arrive in order; between channels there is no order.
/// </summary>
public enum Channel : byte
{
    /// <summary>Votes, blocks, view changes.</summary>
    Control = 0,

    /// <summary>Vertices with their payload.</summary>
    Payload = 1,

    /// <summary>Answers to fetches, bulk.</summary>
    Sync = 2,
}

/// <summary>What a <see cref="TransportEvent"/> reports.</summary>
public enum TransportEventKind : byte
{
    /// <summary>A whole frame has arrived; its Buffer is set and the consumer owns one reference.</summary>
    Frame = 0,

    /// <summary>The peer is connected, with the pinned key.</summary>
    PeerUp = 1,

    /// <summary>The peer's connection is gone; what was queued for it is dropped.</summary>
    PeerDown = 2,
}

/// <summary>One item for the consumer. Buffer is set for frames alone and must be released once.</summary>
public readonly record struct TransportEvent(TransportEventKind Kind, Channel Channel, int Peer, PooledBuffer? Buffer);

/// <summary>
/// A transport's rounds, for a thread that has other work too: <see cref="Begin"/>, then <see cref="Turn"/> again and again,
/// sleeping in <see cref="Sleep"/> when nothing is left to do, until <see cref="IsOver"/>; then, or once the other work has
/// ended, <see cref="Finish"/>. One thread.
/// </summary>
public interface ITransportRounds
{
    void Begin();

    /// <summary>One bounded round, without sleeping. True when there is more to do at once.</summary>
    bool Turn();

    /// <summary>The last look between <see cref="Parker.Prepare"/> and the sleep.</summary>
    bool HasWork { get; }

    /// <summary>Sleeps after <see cref="Parker.Prepare"/> until woken, a datagram or a timer comes, or the time is up.</summary>
    /// <param name="milliseconds">0 only looks; -1: no limit of the caller's.</param>
    void Sleep(int milliseconds);

    /// <summary>True once <see cref="ITransport.Stop"/> was called.</summary>
    bool IsOver { get; }

    /// <summary>Rounds alone until <see cref="IsOver"/>; then says goodbye to all and frees everything.</summary>
    void Finish();
}

/// <summary>
/// Authenticated, encrypted, ordered frames between committee members. Identity is the peer's transport key;
/// addresses are hints. One thread consumes Events; each sending thread has an outbox of its own.
/// Best effort: frames for an absent peer or over a full queue are dropped and counted, and the layer above asks again.
/// </summary>
public interface ITransport : IDisposable
{
    /// <summary>What has arrived, for one consumer thread. While it is full nothing more is read from any peer.</summary>
    SpscRing<TransportEvent> Events { get; }

    /// <summary>Counters, readable from any thread at any time.</summary>
    TransportStatistics Statistics { get; }

    /// <summary>Where the socket is bound; the port is real even if 0 was asked for. Valid after construction.</summary>
    IPEndPoint LocalEndPoint { get; }

    /// <summary>Starts the network thread, or lets <see cref="Rounds"/> begin. Once.</summary>
    void Start();

    /// <summary>What the thread of <see cref="TransportOptions.Loop"/> runs; null: the transport has one of its own.</summary>
    ITransportRounds? Rounds { get; }

    /// <summary>A queue for one producer thread. Created at any time; each costs its ring for the transport's life.</summary>
    Outbox CreateOutbox();

    /// <summary>Replaces the addresses tried for a peer; an existing connection stays. Any thread.</summary>
    void SetAddresses(int peer, IReadOnlyList<PeerAddress> addresses);

    /// <summary>Closes the peer's connection and refuses its key from now on: its membership has ended. Any thread.</summary>
    void RemovePeer(int peer);

    /// <summary>
    /// Gives the place of an empty or removed peer to another; nothing changes if the key is the same. Frames of the previous
    /// peer may still be in Events. Any thread.
    /// </summary>
    void SetPeer(int peer, TransportPeer who);

    /// <summary>
    /// Closes the connection of a peer whose frames were at fault too often, and shuts it out for a time that grows with each
    /// call. Any thread.
    /// </summary>
    void Punish(int peer);

    /// <summary>True while the peer's connection stands. Any thread.</summary>
    bool IsUp(int peer);

    /// <summary>Says goodbye to all peers, closes and joins the thread: within 500 ms. Queued frames are dropped.</summary>
    void Stop();
}
