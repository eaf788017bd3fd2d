using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Effects;

public enum InputKind : byte
{
    /// <summary>Only time has passed.</summary>
    Tick,

    /// <summary>Verified messages from From (structure and every signature inside checked by the shell).</summary>
    PrePrepare,
    Vote,
    Stop,
    ViewChange,
    NewView,
    Certificate,
    Vertex,
    Block,
    FinalBlocks,
    Evidence,
    Status,

    /// <summary>
    /// A peer said that it has not what we asked: Request. Sequence is the oldest block that it keeps, or, of a snapshot, the first
    /// block of the epoch from which on it has one.
    /// </summary>
    NotFound,

    /// <summary>A snapshot's proof, verified like a certificate, or a chunk whose bytes Core checks.</summary>
    Manifest,
    Chunk,

    /// <summary>How the epoch ended, verified like a certificate: EpochEnd.</summary>
    EpochEnd,

    /// <summary>What StoreEpochEnd asked for is durable.</summary>
    EpochEndStored,

    /// <summary>The state of the snapshot that was handed out is in place and durable.</summary>
    SnapshotInstalled,

    /// <summary>A sealed batch of client transactions: Token, TransactionRoot, PayloadBytes, TransactionCount. Spends one credit.</summary>
    ClientBatch,

    /// <summary>The signature of the record handed over as Sign effect number Number, now durable and sent.</summary>
    Signed,

    /// <summary>A stored vertex is durable: Digest.</summary>
    VertexDurable,

    /// <summary>Block Sequence was executed: root in Digest.</summary>
    Executed,

    PeerUp,
    PeerDown,
}

/// <summary>
/// One step of Core's life. Times come with every input: monotonic for timers, wall for timestamps; both microseconds.
/// Only the fields that Kind names are set.
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

    public Signed? Message;
    public Block? Block;
    public VertexHeader? Vertex;
    public ViewChange? ViewChange;
    public NewView? NewView;
    public Certificate? Certificate;
    public FinalBlocks? FinalBlocks;
    public Evidence? Evidence;
    public Status? Status;
    public FetchRequest Request;
    public SnapshotManifest? Manifest;
    public SnapshotChunk? Chunk;
    public EpochEnd? EpochEnd;

    /// <summary>The shell's handle of a payload that waits for Core's word.</summary>
    public ulong Token;
    public ulong Number;
    public ulong Sequence;
    public Hash256 Digest;
    public Hash256 TransactionRoot;
    public uint PayloadBytes;
    public uint TransactionCount;

    /// <summary>The committee change that this execution made pending, if it did.</summary>
    public PendingCommittee? Change;

    /// <summary>What a message that passed all of the shell's checks tells Core; a vertex still lacks its token.</summary>
    /// <param name="peer">Who delivered it, by committee index.</param>
    public static Input Of(IMessage message, int peer)
    {
        return message switch
        {
            SignedVertex vertex => new Input { Kind = InputKind.Vertex, From = peer, Message = vertex, Vertex = vertex.Vertex },
            PrePrepare proposal => new Input { Kind = InputKind.PrePrepare, From = peer, Message = proposal, Block = proposal.Block },
            Signed signed => new Input { Kind = message.Type == FrameType.Stop ? InputKind.Stop : InputKind.Vote, From = peer, Message = signed },
            ViewChange change => new Input { Kind = InputKind.ViewChange, From = peer, ViewChange = change },
            NewView newView => new Input { Kind = InputKind.NewView, From = peer, NewView = newView },
            Certificate certificate => new Input { Kind = InputKind.Certificate, From = peer, Certificate = certificate },
            Block block => new Input { Kind = InputKind.Block, From = peer, Block = block },
            FinalBlocks blocks => new Input { Kind = InputKind.FinalBlocks, From = peer, FinalBlocks = blocks },
            Evidence evidence => new Input { Kind = InputKind.Evidence, From = peer, Evidence = evidence },
            Status status => new Input { Kind = InputKind.Status, From = peer, Status = status },
            NotFound answer => new Input { Kind = InputKind.NotFound, From = peer, Request = answer.Request, Sequence = answer.FirstKept },
            SnapshotManifest manifest => new Input { Kind = InputKind.Manifest, From = peer, Manifest = manifest },
            SnapshotChunk chunk => new Input { Kind = InputKind.Chunk, From = peer, Chunk = chunk },
            EpochEnd end => new Input { Kind = InputKind.EpochEnd, From = peer, EpochEnd = end },
            _ => throw new InvariantViolationException($"no input for a {message.Type} frame"),
        };
    }
}
