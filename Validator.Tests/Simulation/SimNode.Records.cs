using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Tests.Simulation;

/// <summary>
/// Signer and vote store: each record is signed at once and synced by itself, one after the other, with a crash possible before the sync,
/// in it, and between sync and send.
/// </summary>
public partial class SimNode
{
    // Signed and not synced; what the sync at hand is of.
    private readonly Queue<OwnRecord<SimVertex?>> _toVotes = [];
    private readonly List<OwnRecord<SimVertex?>> _batch = [];
    private OwnRecords<SimVertex?> _records = null!;
    private long _diskFreeAt;

    private IEnumerable<OwnRecord<SimVertex?>> Unsynced => _batch.Concat(_toVotes);

    void IShellPorts<SimVertex?>.Own(in OwnRecord<SimVertex?> record)
    {
        if (record.Kind == OwnRecordKind.Sign)
        {
            Sign(record);
            return;
        }

        switch (record.Message)
        {
            case Block block:
                Cluster.Check.OnBlock(block);
                break;
            case Certificate certificate:
                Cluster.Check.OnPrepared(this, certificate);
                break;
            case NewView newView:
                Cluster.Check.OnEntered(this, newView);
                break;
        }

        if (record.Kind != OwnRecordKind.EnterEpoch)
        {
            _toVotes.Enqueue(record);
        }
    }

    private void Sign(OwnRecord<SimVertex?> record)
    {
        Cluster.Check.OnSign(this, record.Header);
        record.Sign(Cluster.Keys.Sign(Index, record.Header, Cluster.ChainId));
        if (record.Message is NewView newView)
        {
            // Entered by it after a crash, too.
            Cluster.Check.OnEntered(this, newView);
        }

        if (record.Message is ViewChange change)
        {
            Cluster.Check.OnViewChange(this, change);
        }

        if (record.Vertex is { } vertex)
        {
            _batches.Remove(record.Token, out ulong[]? batch);
            record.Payload = new SimVertex(vertex, record.Signed!.Signature, batch ?? []);
        }

        _toVotes.Enqueue(record);
        _diskFreeAt = Math.Max(_diskFreeAt, Cluster.Now) + Cluster.World.SyncMicros();
        ulong epoch = Core.Epoch;
        Cluster.At(this, _diskFreeAt, () => SyncNext(epoch));
    }

    private void SyncNext(ulong epoch)
    {
        if (epoch != Core.Epoch)
        {
            // Its epoch ended before it was on disk.
            return;
        }

        OwnRecord<SimVertex?> record;
        do
        {
            record = ByLedger(_toVotes.Dequeue());
            _records.Add(record);
        }
        while (record.Kind != OwnRecordKind.Sign);
        _records.Commit();
    }

    /// <summary>Both stores sync at once here: what has to go by way of the ledger is in both, or in none.</summary>
    private static OwnRecord<SimVertex?> ByLedger(OwnRecord<SimVertex?> record)
    {
        record.InLedger |= record.Next == OwnRecordStage.Ledger;
        return record;
    }

    void IOwnRecordPorts<SimVertex?>.Add(in OwnRecord<SimVertex?> record) => _batch.Add(record);

    bool IOwnRecordPorts<SimVertex?>.Sync()
    {
        if (Cluster.World.SyncFails(this))
        {
            // A failed sync tells nothing of what is on the disk. The process stops; nothing is sent.
            Cluster.CrashAndRestart(this);
            return false;
        }

        _batch.ForEach(Write);
        _batch.Clear();
        if (Cluster.World.CrashesAfterSync())
        {
            Cluster.CrashAndRestart(this);
            return false;
        }

        return true;
    }

    void IOwnRecordPorts<SimVertex?>.Send(in OwnRecord<SimVertex?> record)
    {
        Transmit(record.Signed!, (record.Message as PrePrepare)?.Block, record.Message as ViewChange, record.Message as NewView, record.Payload);
        Cluster.World.AfterSend(this, record.Header);
    }

    void IOwnRecordPorts<SimVertex?>.Flush()
    {
    }

    void IOwnRecordPorts<SimVertex?>.Answer(in OwnRecord<SimVertex?> record) =>
        Answer(new Input { Kind = InputKind.Signed, Epoch = record.Header.Epoch, From = -1, Message = record.Message });

    private void Write(OwnRecord<SimVertex?> record)
    {
        if (record.Kind == OwnRecordKind.Persist)
        {
            switch (record.Message)
            {
                case Block block:
                    Disk.Blocks[block.Hash] = block;
                    break;
                case Certificate certificate:
                    Disk.Prepared.Add(certificate);
                    break;
                case NewView newView:
                    Disk.Entered = newView;
                    break;
            }

            return;
        }

        if (record.Payload is { } vertex)
        {
            if (record.InLedger)
            {
                Disk.Vertices[vertex.Header.Hash] = vertex;
            }

            Disk.OwnTip = new LaneTip(vertex.Header.Height, vertex.Header.Hash);
            Disk.OwnTipEpoch = vertex.Header.Epoch;
            Disk.LedgerHasTip = true;
            // A change is valid in the epoch that signed it, and no promise.
            AcceptedTransactions.UnionWith(vertex.Transactions.Where(t => !SimVertex.IsSystem(t)));
            Disk.Unordered.ExceptWith(vertex.Transactions);
        }
        else
        {
            Disk.Signed.Add(RecordOf(record));
            if (record.Message is PrePrepare proposal)
            {
                Disk.Blocks[proposal.Block.Hash] = proposal.Block;
            }
        }

        Cluster.Check.OnBinding(this, record.Header);
    }

    private static SimRecord RecordOf(in OwnRecord<SimVertex?> record) =>
        new(record.Header, record.Signed!, (record.Message as PrePrepare)?.Block, record.Message as ViewChange, record.Message as NewView);

    /// <summary>Of what is being synced, some may reach the disk although nobody will ever be told; the next may be torn.</summary>
    private void LoseUnsynced()
    {
        int written = Cluster.World.SurvivesCrash(Unsynced.Count(r => r.Kind == OwnRecordKind.Sign), out bool torn);
        foreach (OwnRecord<SimVertex?> record in Unsynced)
        {
            if (written > 0)
            {
                Write(ByLedger(record));
                written -= record.Kind == OwnRecordKind.Sign ? 1 : 0;
            }
            else if (record.Kind == OwnRecordKind.Sign)
            {
                if (torn && record.Payload is null)
                {
                    Disk.TearLast(RecordOf(record));
                }

                break;
            }
        }

        ForgetUnsynced();
    }

    private void ForgetUnsynced()
    {
        _toVotes.Clear();
        _batch.Clear();
        _records = new OwnRecords<SimVertex?>(this, int.MaxValue);
    }

    protected static IMessage Whole(Signed signed, Block? block, ViewChange? change, NewView? newView) =>
        change ?? (IMessage?)newView ?? (block is null ? signed : signed.With(block));

    protected virtual void Transmit(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex) =>
        Cluster.Send(this, -1, vertex is not null ? new SimMessage(vertex) : new SimMessage(Whole(signed, block, change, newView)));
}
