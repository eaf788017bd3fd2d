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

/// <summary>
/// One message between validators, as decoded or to be encoded: one type of object for each type of frame, but for votes and
/// Stops.
/// </summary>
public interface IMessage
{
    FrameType Type { get; }
}
