using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Effects;

public enum InputKind : byte
{
    /// <summary>Only time has passed.</summary>
    Tick,

    /// <summary>
    /// Message came from From. Its structure and every signature inside are checked; of a chunk, Core checks the bytes. A vertex's payload
    /// waits under Token.
    /// </summary>
    Message,

    /// <summary>A sealed batch of client transactions: Token, its root in Digest, PayloadBytes, TransactionCount. Spends one credit.</summary>
    ClientBatch,

    /// <summary>Message is what a Sign effect asked for: signed, durable and sent.</summary>
    Signed,

    /// <summary>A stored vertex is durable: its hash in Digest.</summary>
    VertexDurable,

    /// <summary>Block Sequence was executed: root in Digest.</summary>
    Executed,

    /// <summary>What StoreEpochEnd asked for is durable.</summary>
    EpochEndStored,

    /// <summary>The state of the snapshot that was handed out is in place and durable.</summary>
    SnapshotInstalled,

    PeerUp,
    PeerDown,
}

/// <summary>
/// One step of Core's life. Times come with every input: monotonic for timers, wall for timestamps; both microseconds. A value, for rings:
/// what has a body of its own comes as that object, and the few numbers of the rest are beside it.
/// </summary>
public struct Input
{
    public InputKind Kind;
    public long MonotonicMicros;
    public ulong WallMicros;

    /// <summary>The shell's: the epoch in which From counts. It hands none of another epoch to a core.</summary>
    public ulong Epoch;

    /// <summary>Committee index of the authenticated peer that delivered this, or -1 for ourselves.</summary>
    public int From;

    public IMessage? Message;

    /// <summary>The shell's handle of a payload that waits for Core's word.</summary>
    public ulong Token;
    public ulong Sequence;
    public Hash256 Digest;
    public uint PayloadBytes;
    public uint TransactionCount;

    /// <summary>The committee change that this execution made pending, if it did.</summary>
    public PendingCommittee? Change;

    /// <summary>A message that passed all of the shell's checks; a vertex still lacks its token.</summary>
    /// <param name="peer">Who delivered it, by committee index.</param>
    public static Input Of(IMessage message, int peer) => new() { Kind = InputKind.Message, From = peer, Message = message };
}
