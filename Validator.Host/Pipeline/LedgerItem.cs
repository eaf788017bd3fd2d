using System.Diagnostics;
using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Storage;
using Validator.Net.Rings;

namespace Validator.Host.Pipeline;

internal struct LedgerItem : ILedgerItem
{
    public LedgerItemKind Kind;
    public HeldVertex? Vertex;
    public OwnRecord Own;
    public ExecutedBlock? Executed;
    public SnapshotManifest? Manifest;
    public SnapshotChunk? Chunk;
    public EpochEnd? EpochEnd;

    readonly LedgerItemKind ILedgerItem.Kind => Kind;

    readonly ulong ILedgerItem.Epoch => Vertex?.Header.Epoch ?? Executed?.Block.Epoch ?? EpochEnd?.Epoch ?? 0;

    readonly bool ILedgerItem.IsLastBlock => Executed is { EndsEpoch: true };

    readonly int ILedgerItem.PayloadBytes => Vertex?.Payload.Length ?? 0;
}
