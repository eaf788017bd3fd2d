using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>One write of the ledger on its way to the disk. Only the fields that Kind names are set.</summary>
public readonly record struct SimLedgerItem(LedgerItemKind Kind) : ILedgerItem
{
    public SimVertex? Vertex { get; init; }

    /// <summary>Of an own vertex.</summary>
    public OwnRecord<SimVertex?> Own { get; init; }
    public SimFinal? Final { get; init; }
    public SnapshotManifest? Manifest { get; init; }
    public SnapshotChunk? Chunk { get; init; }
    public EpochEnd? End { get; init; }

    public ulong Epoch => Vertex?.Header.Epoch ?? Final?.Block.Epoch ?? End?.Epoch ?? 0;

    public bool IsLastBlock => Final is { Block.NextCommittee.IsZero: false };

    public int PayloadBytes => (int)(Vertex?.Header.PayloadBytes ?? 0);
}

/// <summary>The ledger's writer: group commits, with a crash possible before the sync and in it.</summary>
public partial class SimNode : ILedgerPorts<SimLedgerItem>
{
    private readonly Queue<SimLedgerItem> _fromSigner = [];
    private readonly Queue<SimLedgerItem> _fromExecution = [];
    private readonly Queue<SimLedgerItem> _fromCore = [];

    // What is told of the executed blocks of the group that was synced.
    private readonly Queue<Input> _executedAnswers = [];
    private LedgerGroup<SimLedgerItem> _ledger = null!;
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
        if (_ledger.IsDue(Clock.Monotonic(Cluster.Now), hurries: Core.Leader == Core.Self))
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
    private void OpenLedger(ulong epoch)
    {
        _ledger = new LedgerGroup<SimLedgerItem>(this, epoch);
        _fromSigner.Clear();
        _fromExecution.Clear();
        _fromCore.Clear();
        _executedAnswers.Clear();
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

    bool ILedgerPorts<SimLedgerItem>.TryTake(out SimLedgerItem item) =>
        _fromSigner.TryDequeue(out item) || _fromExecution.TryDequeue(out item) || _fromCore.TryDequeue(out item);

    void ILedgerPorts<SimLedgerItem>.LetGo(in SimLedgerItem item)
    {
        if (item.Kind == LedgerItemKind.OwnVertex)
        {
            // A change of the ended epoch is valid in no other.
            _queued.InsertRange(0, item.Vertex!.Transactions.Where(t => !SimVertex.IsSystem(t)));
        }
    }

    void ILedgerPorts<SimLedgerItem>.Add(in SimLedgerItem item)
    {
    }

    bool ILedgerPorts<SimLedgerItem>.Sync(long payloadBytes)
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
            switch (item.Kind)
            {
                case LedgerItemKind.Vertex:
                    Disk.Vertices[item.Vertex!.Header.Hash] = item.Vertex;
                    break;
                case LedgerItemKind.OwnVertex:
                    WriteOwn(item.Vertex!);
                    break;
                case LedgerItemKind.Final:
                    _executedAnswers.Enqueue(WriteFinal(item.Final!.Block, item.Final.Certificate, item.Final.Order));
                    break;
                case LedgerItemKind.Manifest:
                    Disk.StagedManifest = item.Manifest;
                    break;
                case LedgerItemKind.Chunk:
                    Disk.StagedChunks[item.Chunk!.Hash] = item.Chunk.Data;
                    break;
                case LedgerItemKind.DropSnapshot:
                    Disk.DropStaged();
                    break;
                case LedgerItemKind.EpochEnd:
                    WriteSkipped(item.End!);
                    break;
            }
        }
    }

    private void WriteOwn(SimVertex vertex)
    {
        Disk.Vertices[vertex.Header.Hash] = vertex;
        Disk.OwnTip = new LaneTip(vertex.Header.Height, vertex.Header.Hash);
        Disk.OwnTipEpoch = vertex.Header.Epoch;
        Disk.LedgerHasTip = true;
        // A change is valid in the epoch that signed it, and no promise.
        AcceptedTransactions.UnionWith(vertex.Transactions.Where(t => !SimVertex.IsSystem(t)));
        Disk.Unordered.ExceptWith(vertex.Transactions);
    }

    void ILedgerPorts<SimLedgerItem>.Announce(in SimLedgerItem item)
    {
        switch (item.Kind)
        {
            case LedgerItemKind.Vertex:
                VertexHeader header = item.Vertex!.Header;
                Answer(new Input { Kind = InputKind.VertexDurable, Epoch = header.Epoch, From = -1, Digest = header.Hash });
                break;
            case LedgerItemKind.OwnVertex:
                OwnRecord<SimVertex?> own = item.Own;
                own.InLedger = true;
                ToVotes(own);
                break;
            case LedgerItemKind.Final:
                Input executed = _executedAnswers.Dequeue();
                if (ReportsExecution)
                {
                    Answer(executed);
                }

                break;
            case LedgerItemKind.Chunk when Cluster.World.CrashesInCatchUp():
                Cluster.CrashAndRestart(this);
                break;
            case LedgerItemKind.EpochEnd:
                Answer(new Input { Kind = InputKind.EpochEndStored, Epoch = item.End!.Epoch, From = -1 });
                break;
        }
    }
}
