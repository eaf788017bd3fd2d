using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

/// <summary>A vertex with its payload, as the shell holds it.</summary>
public interface IHeldVertex
{
    VertexHeader Header { get; }
}

/// <summary>A block with the outcome of its execution, as the shell holds it.</summary>
public interface IExecutedBlock
{
    Block Block { get; }
}

/// <summary>
/// One item on its way into the ledger: a vertex, an executed block, a part of a snapshot, or the way on to the next epoch. A
/// value, for rings: only this type knows which field is what.
/// </summary>
public readonly struct LedgerItem<TVertex, TExecuted, TPayload>
    where TVertex : class, IHeldVertex
    where TExecuted : class, IExecutedBlock
{
    private readonly Case _case;
    private readonly object? _body;
    private readonly OwnRecord<TPayload> _own;

    private LedgerItem(Case what, object? body, in OwnRecord<TPayload> own = default) => (_case, _body, _own) = (what, body, own);

    private enum Case : byte
    {
        Vertex,
        OwnVertex,
        Executed,
        Manifest,
        Chunk,
        DropSnapshot,
        Install,
        EpochEnd,
    }

    /// <summary>Whatever ends an epoch here: its last block, or that it is passed by.</summary>
    public ulong? Ends => _case switch
    {
        Case.Executed when Require.Is<TExecuted>(_body).Block is { EndsEpoch: true } last => last.Epoch,
        Case.EpochEnd => Require.Is<EpochEnd>(_body).Epoch,
        _ => null,
    };

    /// <summary>Nothing is written behind it before all of it is in place.</summary>
    public bool Closes => Ends is not null || _case == Case.Install;

    /// <summary>Another member's vertex: only a proposal of ours may wait for it.</summary>
    public bool Lingers => _case == Case.Vertex;

    /// <summary>Of another's vertex, or our own: its epoch; null for everything else.</summary>
    public ulong? VertexEpoch => _case is Case.Vertex or Case.OwnVertex ? Require.Is<TVertex>(_body).Header.Epoch : null;

    public int PayloadBytes => _case is Case.Vertex or Case.OwnVertex ? (int)Require.Is<TVertex>(_body).Header.PayloadBytes : 0;

    /// <summary>Payload of our own vertex; nothing for everything else.</summary>
    public TPayload Payload => _own.Payload;

    /// <summary>Another lane's vertex.</summary>
    public static LedgerItem<TVertex, TExecuted, TPayload> Vertex(TVertex vertex) => new(Case.Vertex, vertex);

    /// <summary>Our own: signed, and it must be durable here before its record goes to the vote store.</summary>
    public static LedgerItem<TVertex, TExecuted, TPayload> OwnVertex(TVertex vertex, in OwnRecord<TPayload> own)
    {
        Require.That(own.Next == OwnRecordStage.Ledger);
        return new(Case.OwnVertex, vertex, in own);
    }

    public static LedgerItem<TVertex, TExecuted, TPayload> Executed(TExecuted executed) => new(Case.Executed, executed);

    public static LedgerItem<TVertex, TExecuted, TPayload> Manifest(SnapshotManifest manifest) => new(Case.Manifest, manifest);

    public static LedgerItem<TVertex, TExecuted, TPayload> Chunk(SnapshotChunk chunk) => new(Case.Chunk, chunk);

    public static LedgerItem<TVertex, TExecuted, TPayload> DropSnapshot() => new(Case.DropSnapshot, null);

    /// <summary>A snapshot goes in place of the state.</summary>
    public static LedgerItem<TVertex, TExecuted, TPayload> Install(SnapshotManifest manifest) => new(Case.Install, manifest);

    /// <summary>On to the next epoch, without its state.</summary>
    public static LedgerItem<TVertex, TExecuted, TPayload> EpochEnd(EpochEnd end) => new(Case.EpochEnd, end);

    /// <summary>What goes with the next sync. A snapshot's state is put in place after it.</summary>
    public void WriteTo(ILedgerWriter<TVertex, TExecuted, TPayload> writer)
    {
        switch (_case)
        {
            case Case.Vertex:
                writer.WriteVertex(Require.Is<TVertex>(_body));
                break;
            case Case.OwnVertex:
                writer.WriteOwnVertex(Require.Is<TVertex>(_body), in _own);
                break;
            case Case.Executed:
                writer.WriteExecuted(Require.Is<TExecuted>(_body));
                break;
            case Case.Manifest:
                writer.WriteManifest(Require.Is<SnapshotManifest>(_body));
                break;
            case Case.Chunk:
                writer.WriteChunk(Require.Is<SnapshotChunk>(_body));
                break;
            case Case.DropSnapshot:
                writer.DropSnapshot();
                break;
            case Case.Install:
                break;
            case Case.EpochEnd:
                writer.WriteEpochEnd(Require.Is<EpochEnd>(_body));
                break;
            default:
                Require.Fail("every item is written");
                break;
        }
    }

    /// <summary>It is durable: those who wait for it are told.</summary>
    public void Announce(ILedgerAudience<TVertex, TExecuted, TPayload> audience)
    {
        switch (_case)
        {
            case Case.Vertex:
                audience.VertexDurable(Require.Is<TVertex>(_body));
                break;
            case Case.OwnVertex:
                OwnRecord<TPayload> own = _own;
                own.SetInLedger();
                audience.OwnVertexDurable(Require.Is<TVertex>(_body), own);
                break;
            case Case.Executed:
                audience.ExecutedDurable(Require.Is<TExecuted>(_body));
                break;
            case Case.Chunk:
                audience.ChunkDurable();
                break;
            case Case.Manifest or Case.DropSnapshot:
                break;
            case Case.Install:
                audience.Install(Require.Is<SnapshotManifest>(_body));
                break;
            case Case.EpochEnd:
                audience.EpochEndDurable(Require.Is<EpochEnd>(_body));
                break;
            default:
                Require.Fail("every item is announced");
                break;
        }
    }

    /// <summary>A vertex of an ended epoch: nobody writes it.</summary>
    public void LetGo(ILedgerAudience<TVertex, TExecuted, TPayload> audience)
    {
        Require.That(VertexEpoch is not null);
        audience.LetGo(Require.Is<TVertex>(_body), _own.Payload);
    }
}

/// <summary>A ledger, as items are written to it; all goes with the next sync.</summary>
public interface ILedgerWriter<TVertex, TExecuted, TPayload>
{
    void WriteVertex(TVertex vertex);

    void WriteOwnVertex(TVertex vertex, in OwnRecord<TPayload> own);

    void WriteExecuted(TExecuted executed);

    void WriteManifest(SnapshotManifest manifest);

    void WriteChunk(SnapshotChunk chunk);

    void DropSnapshot();

    void WriteEpochEnd(EpochEnd end);
}

/// <summary>Who waits for what is written.</summary>
public interface ILedgerAudience<TVertex, TExecuted, TPayload>
{
    void VertexDurable(TVertex vertex);

    /// <param name="own">Goes on to the vote store.</param>
    void OwnVertexDurable(TVertex vertex, in OwnRecord<TPayload> own);

    void ExecutedDurable(TExecuted executed);

    void ChunkDurable();

    /// <summary>Puts a snapshot in place of the state, durably, and tells Core.</summary>
    void Install(SnapshotManifest manifest);

    void EpochEndDurable(EpochEnd end);

    /// <summary>A vertex of an ended epoch is not stored; a batch of our own in it goes into another.</summary>
    /// <param name="payload">Of our own; nothing for another's.</param>
    void LetGo(TVertex vertex, TPayload payload);
}
