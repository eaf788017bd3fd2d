using System.Net;

namespace Validator.Net.Streams;

/// <summary>A validator that a client dials.</summary>
/// <param name="PublicKey">Its transport key as genesis has it, 2,592 bytes; no other is accepted.</param>
public sealed record StreamTarget(byte[] PublicKey, IPEndPoint Address);

/// <summary>The options of one side of client connections, which accepts or dials.</summary>
public sealed record StreamOptions
{
    public required IPEndPoint Listen { get; init; }

    /// <summary>
    /// Seed of the own ML-DSA-87 key, 32 bytes; a client's key is shown to nobody. Cleared by the caller after construction.
    /// </summary>
    public required byte[] PrivateKeySeed { get; init; }

    /// <summary>Connections that are accepted; 0: this side dials.</summary>
    public int MaxClients { get; init; }

    /// <summary>Dialled, and dialled again when they end.</summary>
    public StreamTarget[] Targets { get; init; } = [];

    /// <summary>ALPN; different from that between validators, so that the two never connect.</summary>
    public string ApplicationProtocol { get; init; } = "validator-client/1";

    /// <summary>Longest frame, without its length.</summary>
    public required int MaxFrameBytes { get; init; }

    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Silence after which a ping is sent; null: 10 s where clients are accepted, 1 s on the dialling side, which notices that
    /// way that a NAT has forgotten it.
    /// </summary>
    public TimeSpan? KeepAlive { get; init; }

    /// <summary>
    /// Called on the thread with what an operator should see, a few times a minute at most; Peer is not a client's number.
    /// </summary>
    public Action<TransportLogEvent>? Log { get; init; }

    /// <summary>The thread's name.</summary>
    public string Name { get; init; } = "clients";
}

/// <summary>The owner of a <see cref="StreamLoop"/>; called on its thread alone.</summary>
public interface IStreamOwner
{
    void Opened(StreamLink link);

    /// <summary>A frame has come.</summary>
    /// <returns>False: there is no room for it now. It stays, and blocks the sender, until it is offered again.</returns>
    bool TryTake(StreamLink link, ReadOnlySpan<byte> frame);

    /// <summary>Frames may be sent from here. Called once a round, and soon after <see cref="StreamLoop.Wake"/>.</summary>
    void Turn();

    /// <summary>Nothing more comes, and nothing may be sent.</summary>
    void Closed(StreamLink link, CloseReason reason);
}
