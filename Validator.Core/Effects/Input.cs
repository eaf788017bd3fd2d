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

    /// <summary>What a frame that passed all of the shell's checks tells Core; a vertex still lacks its token.</summary>
    /// <param name="peer">Who delivered it, by committee index.</param>
    public static Input Of(in Frame frame, int peer)
    {
        Input input = new()
        {
            From = peer,
            Message = frame.Message,
            Block = frame.Block,
            ViewChange = frame.ViewChange,
            NewView = frame.NewView,
            Certificate = frame.Certificate,
            FinalBlocks = frame.FinalBlocks,
            Evidence = frame.Evidence,
            Status = frame.Status,
            Request = frame.Request,
            Sequence = frame.FirstKept,
            Manifest = frame.Manifest,
            Chunk = frame.Chunk,
            EpochEnd = frame.EpochEnd,
            Vertex = frame.Vertex,
        };
        input.Kind = frame.Type switch
        {
            FrameType.Vertex => InputKind.Vertex,
            FrameType.PrePrepare => InputKind.PrePrepare,
            FrameType.Vote => InputKind.Vote,
            FrameType.Stop => InputKind.Stop,
            FrameType.ViewChange => InputKind.ViewChange,
            FrameType.NewView => InputKind.NewView,
            FrameType.Certificate => InputKind.Certificate,
            FrameType.Block => InputKind.Block,
            FrameType.FinalBlocks => InputKind.FinalBlocks,
            FrameType.Evidence => InputKind.Evidence,
            FrameType.Status => InputKind.Status,
            FrameType.NotFound => InputKind.NotFound,
            FrameType.SnapshotManifest => InputKind.Manifest,
            FrameType.SnapshotChunk => InputKind.Chunk,
            FrameType.EpochEnd => InputKind.EpochEnd,
            _ => throw new InvariantViolationException($"no input for a {frame.Type} frame"),
        };
        if (frame.Vertex is { } vertex)
        {
            input.Message = new Signed(VertexCodec.HeaderToSign(vertex), frame.VertexSignature!);
        }

        return input;
    }
}
