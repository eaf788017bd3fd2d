using System.Diagnostics;
using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

internal enum LedgerItemKind : byte
{
    /// <summary>Another lane's vertex.</summary>
    Vertex,

    /// <summary>Our own: signed, and it must be durable here before its record goes to the vote store.</summary>
    OwnVertex,

    /// <summary>An executed block.</summary>
    Final,

    // A snapshot on its way in.
    Manifest,
    Chunk,
    DropSnapshot,
    Install,

    /// <summary>On to the next epoch, without its state.</summary>
    EpochEnd,
}

internal struct LedgerItem
{
    public LedgerItemKind Kind;
    public HeldVertex? Vertex;
    public OwnRecord Own;
    public ExecutedBlock? Executed;
    public SnapshotManifest? Manifest;
    public SnapshotChunk? Chunk;
    public EpochEnd? EpochEnd;
}
