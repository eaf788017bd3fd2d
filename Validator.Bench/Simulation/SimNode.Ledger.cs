using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>The ledger's writer: group commits, with a crash possible before the sync and in it.</summary>
public partial class SimNode : ISimLedgerPorts, ISimLedgerWriter
{
    private readonly Queue<SimLedgerItem> _fromSigner = [];
    private readonly Queue<SimLedgerItem> _fromExecution = [];
    private readonly Queue<SimLedgerItem> _fromCore = [];

    // What is told of the executed blocks of the group that was synced.
    private readonly Queue<(Hash256 Root, EpochConfiguration? Epoch)> _executed = [];
    private List<Hash256> _unordered = [];
    private LedgerStanding _standing = null!;
    private EpochTrack _epochs = null!;
    private SimLedgerGroup _ledger = null!;
    private long _ledgerWakesAt = long.MaxValue;
    private bool _ledgerSyncs;

    private void ToLedger(Queue<SimLedgerItem> ring, SimLedgerItem item)
    {
        ring.Enqueue(item);
        WakeLedger(Cluster.Now);
    }

    private void WakeLedger(long time)
    {
        if (time >= _ledgerWakesAt)
        {
            return;
        }

        _ledgerWakesAt = time;
        Cluster.At(this, time, () =>
        {
            if (_ledgerWakesAt == time)
            {
                _ledgerWakesAt = long.MaxValue;
            }

            PumpLedger();
        });
    }

    private void PumpLedger()
    {
        if (_ledgerSyncs)
        {
            return;
        }

        _ledger.Gather();
        if (_ledger.IsDue(Clock.Monotonic(Cluster.Now), Core.ProposesMicros))
        {
            _ledgerSyncs = true;
            Cluster.After(this, Cluster.World.SyncMicros(), CommitLedger);
        }
        else if (!_ledger.IsEmpty)
        {
            WakeLedger(Clock.ToCluster(_ledger.LingersUntil));
        }
    }

    private void CommitLedger()
    {
        if (_ledger.Commit() && Running)
        {
            WakeLedger(Cluster.Now);
        }
    }

    /// <summary>A process begins, with nothing under way.</summary>
    private void OpenLedger(EpochConfiguration epoch)
    {
        _ledger = new SimLedgerGroup(this, epoch.Number);
        _standing = new LedgerStanding(epoch, Disk.LastExecuted, Disk.Finals is [.., var last] ? last.Root : Hash256.Zero);
        _epochs = new EpochTrack(epoch, Disk.LastExecuted);
        _fromSigner.Clear();
        _fromExecution.Clear();
        _fromCore.Clear();
        _executed.Clear();
        _unordered = [];
        _ledgerWakesAt = long.MaxValue;
        _ledgerSyncs = false;
    }

    /// <summary>A group is one write: it reaches the disk whole or not at all, although nobody will ever be told.</summary>
    private void LoseLedgerGroup()
    {
        if (_ledgerSyncs && Cluster.World.SurvivesCrash(1, out _) > 0)
        {
            WriteLedgerGroup();
        }
    }

    bool ISimLedgerPorts.Goes() => Running;

    bool ISimLedgerPorts.TryTake(out SimLedgerItem item) =>
        _fromSigner.TryDequeue(out item) || _fromExecution.TryDequeue(out item) || _fromCore.TryDequeue(out item);

    void ISimLedgerAudience.LetGo(SimVertex vertex, SimPayload payload)
    {
        if (payload.Batch is { } batch)
        {
            TakeBack(batch);
        }
    }

    void ISimLedgerPorts.Add(in SimLedgerItem item)
    {
    }

    bool ISimLedgerPorts.Sync(long payloadBytes)
    {
        if (Cluster.World.SyncFails(this))
        {
            // What is on the disk is not known. The process stops; nothing is acknowledged.
            Cluster.CrashAndRestart(this);
            return false;
        }

        WriteLedgerGroup();
        _ledgerSyncs = false;
        return true;
    }

    private void WriteLedgerGroup()
    {
        foreach (SimLedgerItem item in _ledger.Items)
        {
            item.WriteTo(this);
        }
    }

    void ISimLedgerWriter.WriteVertex(SimVertex vertex) => Disk.Vertices[vertex.Header.Hash] = vertex;

    void ISimLedgerWriter.WriteOwnVertex(SimVertex vertex, in SimOwnRecord own)
    {
        Disk.Vertices[vertex.Header.Hash] = vertex;
        Disk.OwnTip = new LaneTip(vertex.Header.Height, vertex.Header.Hash);
        Disk.OwnTipEpoch = vertex.Header.Epoch;
        Disk.LedgerHasTip = true;
        // A change is valid in the epoch that signed it, and no promise.
        AcceptedTransactions.UnionWith(vertex.Transactions.Where(t => !SimVertex.IsSystem(t)));
        if (own.Payload.Batch is { Replaces.IsZero: false } batch)
        {
            Disk.Unordered.Remove(batch.Replaces);
        }
    }

    void ISimLedgerWriter.WriteExecuted(SimFinal executed) =>
        _executed.Enqueue(WriteFinal(executed.Block, executed.Certificate!, executed.Order));

    void ISimLedgerWriter.WriteManifest(SnapshotManifest manifest) => Disk.StagedManifest = manifest;

    void ISimLedgerWriter.WriteChunk(SnapshotChunk chunk) => Disk.StagedChunks[chunk.Hash] = chunk.Data;

    void ISimLedgerWriter.DropSnapshot() => Disk.DropStaged();

    void ISimLedgerWriter.WriteEpochEnd(EpochEnd end) => WriteSkipped(end);

    void ISimLedgerAudience.VertexDurable(SimVertex vertex) => Answer(Input.VertexDurable(vertex.Header.Hash, vertex.Header.Epoch));

    void ISimLedgerAudience.OwnVertexDurable(SimVertex vertex, in SimOwnRecord own)
    {
        ToVotes(own);
        Cluster.World.AfterOwnVertex(this);
    }

    void ISimLedgerAudience.ExecutedDurable(SimFinal executed)
    {
        (Hash256 root, EpochConfiguration? epoch) = _executed.Dequeue();
        _executing--;
        TakeBackUnordered();
        Input answer = _standing.Execute(executed.Block, root, epoch);
        if (ReportsExecution)
        {
            Answer(answer);
        }
    }

    void ISimLedgerAudience.ChunkDurable()
    {
        if (Cluster.World.CrashesInCatchUp())
        {
            Cluster.CrashAndRestart(this);
        }
    }

    void ISimLedgerAudience.EpochEndDurable(EpochEnd end)
    {
        TakeBackUnordered();
        Answer(_standing.PassBy(end));
    }

    /// <summary>Own vertices of the ended epoch that its last block left out: their transactions were promised.</summary>
    private void TakeBackUnordered()
    {
        foreach (Hash256 vertex in _unordered)
        {
            TakeBack(SimBatch.Of(vertex, Disk.Unordered[vertex]));
        }

        _unordered = [];
    }
}
