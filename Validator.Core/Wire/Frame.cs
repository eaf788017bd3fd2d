using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>First byte of a frame.</summary>
public enum FrameType : byte
{
    Vertex = 1,
    PrePrepare = 2,

    /// <summary>Prepare or Commit.</summary>
    Vote = 3,
    Stop = 4,
    ViewChange = 5,
    NewView = 6,
    Certificate = 7,

    /// <summary>A block body alone, asked for by hash.</summary>
    Block = 8,
    FinalBlocks = 9,
    Evidence = 10,
    Status = 11,
    FetchRequest = 12,

    /// <summary>The request again, by one who has not what it asks, with the oldest block that it keeps.</summary>
    NotFound = 13,
    SnapshotManifest = 14,
    SnapshotChunk = 15,
    EpochEnd = 16,
}

/// <summary>One message between validators, as decoded or to be encoded. Only the fields that Type names are set.</summary>
public struct Frame
{
    public FrameType Type;

    /// <summary>PrePrepare, Vote and Stop; ViewChange and NewView carry theirs inside.</summary>
    public Signed? Message;
    public Block? Block;
    public ViewChange? ViewChange;
    public NewView? NewView;
    public Certificate? Certificate;
    public FinalBlocks? FinalBlocks;
    public Evidence? Evidence;
    public Status? Status;

    /// <summary>FetchRequest and NotFound.</summary>
    public FetchRequest Request;

    /// <summary>
    /// NotFound: the oldest block that its sender keeps, at least 1; of a snapshot, the first block of the epoch from which on it
    /// has one, or 1.
    /// </summary>
    public ulong FirstKept;
    public SnapshotManifest? Manifest;
    public SnapshotChunk? Chunk;
    public EpochEnd? EpochEnd;
    public VertexHeader? Vertex;
    public byte[]? VertexSignature;

    /// <summary>Where a decoded vertex's payload starts in the frame; it has Vertex.PayloadBytes and ends the frame.</summary>
    public int PayloadOffset;

    /// <summary>The frame of a signed record as Core hands it over: with its block, ViewChange or NewView where it has one.</summary>
    public static Frame Of(Signed message, Block? block = null, ViewChange? viewChange = null, NewView? newView = null) => message.Header.Kind switch
    {
        MessageKind.ViewChange => Of(viewChange!),
        MessageKind.NewView => Of(newView!),
        MessageKind.PrePrepare => new Frame { Type = FrameType.PrePrepare, Message = message, Block = block },
        MessageKind.Stop => new Frame { Type = FrameType.Stop, Message = message },
        MessageKind.Prepare or MessageKind.Commit => new Frame { Type = FrameType.Vote, Message = message },
        _ => throw new InvariantViolationException($"{message.Header.Kind} is no frame by itself"),
    };

    public static Frame Of(VertexHeader vertex, byte[] signature) =>
        new() { Type = FrameType.Vertex, Vertex = vertex, VertexSignature = signature };

    public static Frame Of(ViewChange value) => new() { Type = FrameType.ViewChange, ViewChange = value };

    public static Frame Of(NewView value) => new() { Type = FrameType.NewView, NewView = value };

    public static Frame Of(Certificate value) => new() { Type = FrameType.Certificate, Certificate = value };

    public static Frame Of(Block value) => new() { Type = FrameType.Block, Block = value };

    public static Frame Of(FinalBlocks value) => new() { Type = FrameType.FinalBlocks, FinalBlocks = value };

    public static Frame Of(Evidence value) => new() { Type = FrameType.Evidence, Evidence = value };

    public static Frame Of(Status value) => new() { Type = FrameType.Status, Status = value };

    public static Frame Of(SnapshotManifest value) => new() { Type = FrameType.SnapshotManifest, Manifest = value };

    public static Frame Of(SnapshotChunk value) => new() { Type = FrameType.SnapshotChunk, Chunk = value };

    public static Frame Of(EpochEnd value) => new() { Type = FrameType.EpochEnd, EpochEnd = value };

    public static Frame Fetch(in FetchRequest request) => new() { Type = FrameType.FetchRequest, Request = request };

    /// <param name="firstKept">The oldest block that we keep.</param>
    public static Frame NotFound(in FetchRequest request, ulong firstKept) =>
        new() { Type = FrameType.NotFound, Request = request, FirstKept = firstKept };
}
