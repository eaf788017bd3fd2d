using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// Signer and vote store: each record is signed at once, and what waits is synced in one write, with a crash possible before the
/// sync, in it, and between sync and send.
/// </summary>
public partial class SimNode
{
    // Signed, or by way of the ledger; what the sync at hand is of.
    private readonly Queue<SimOwnRecord> _toVotes = [];
    private readonly List<SimOwnRecord> _batch = [];
    private OwnRecords<SimPayload> _records = null!;
    private bool _votesWoken;
    private bool _votesSync;

    void ISimShellPorts.Own(in SimOwnRecord record)
    {
        if ((record.Accepted ?? record.Proposed) is { } known)
        {
            ObserveBlock(known);
        }

        if (record.IsToSign)
        {
            Sign(record);
            return;
        }

        if (record.Accepted is { } block)
        {
            Cluster.Check.OnBlock(block);
        }
        else if (record.Prepared is { } certificate)
        {
            ObserveCertificate(certificate);
            Cluster.Check.OnPrepared(this, certificate);
        }
        else if (record.Entered is { } newView)
        {
            Cluster.Check.OnEntered(this, newView);
        }
        else if (record.Begins is { } epoch && !_shell.Standing.Signs)
        {
            // There is no vote store to keep in order; evidence is none of it.
            Forget(epoch);
            return;
        }

        ToVotes(record);
    }

    private void Sign(SimOwnRecord record)
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

        if (record.Vertex is { } header)
        {
            SimVertex vertex = new(header, record.Signed.Signature, record.Payload.Batch);
            record.Payload = record.Payload with { Vertex = vertex };
            if (record.Next == OwnRecordStage.Ledger)
            {
                ToLedger(_fromSigner, SimLedgerItem.OwnVertex(vertex, record));
                return;
            }
        }

        ToVotes(record);
    }

    private void ToVotes(in SimOwnRecord record)
    {
        _toVotes.Enqueue(record);
        WakeVotes();
    }

    private void WakeVotes()
    {
        if (!_votesWoken)
        {
            _votesWoken = true;
            Cluster.After(this, 0, PumpVotes);
        }
    }

    private void PumpVotes()
    {
        _votesWoken = false;
        if (_votesSync)
        {
            return;
        }

        while (!_records.IsFull && _toVotes.TryDequeue(out SimOwnRecord record))
        {
            _records.Add(record);
        }

        // A full group is over, with or without a signature.
        if (_records.IsDue || _records.IsFull)
        {
            _votesSync = true;
            Cluster.After(this, Cluster.World.SyncMicros(), CommitVotes);
        }
    }

    private void CommitVotes()
    {
        if (_records.Commit() && Running)
        {
            _votesSync = false;
            WakeVotes();
        }
    }

    private void Forget(ulong epoch) => Disk.ForgetEpochsBelow(epoch, Cluster.Check.IsByzantine(Index));

    void ISimOwnRecordPorts.Add(in SimOwnRecord record) => _batch.Add(record);

    bool ISimOwnRecordPorts.Sync()
    {
        if (Cluster.World.SyncFails(this))
        {
            // A failed sync tells nothing of what is on the disk. The process stops; nothing is sent.
            Cluster.CrashAndRestart(this);
            return false;
        }

        _batch.ForEach(record => record.WriteTo(this));
        _batch.Clear();
        if (Cluster.World.CrashesAfterSync())
        {
            Cluster.CrashAndRestart(this);
            return false;
        }

        return true;
    }

    void ISimOwnRecordPorts.Send(in SimOwnRecord record)
    {
        (Block? block, ViewChange? change, NewView? newView) = ((record.Message as PrePrepare)?.Block, record.Message as ViewChange, record.Message as NewView);
        if (record.Header.Epoch == Core.Epoch)
        {
            Transmit(record.Signed, block, change, newView, record.Payload.Vertex);
        }
        else
        {
            // Its epoch has ended meanwhile; whoever is still in it may need it.
            Cluster.Send(this, -1, MessageOf(record.Signed, block, change, newView, record.Payload.Vertex));
        }

        Cluster.World.AfterSend(this, record.Header);
    }

    void ISimOwnRecordPorts.Flush()
    {
    }

    void ISimOwnRecordPorts.Answer(in SimOwnRecord record) =>
        Answer(Input.Signed(record.Message, record.Header.Epoch));

    void ISimOwnRecordWriter.WriteBlock(Block block) => Disk.Blocks[block.Hash] = block;

    void ISimOwnRecordWriter.WritePrepared(Certificate certificate) => Disk.Prepared.Add(certificate);

    void ISimOwnRecordWriter.WriteEntered(NewView newView) => Disk.Entered = newView;

    void ISimOwnRecordWriter.WriteEpoch(ulong epoch, EpochEntry entry) => Forget(epoch);

    void ISimOwnRecordWriter.WriteSigned(in SimOwnRecord record)
    {
        if (record.IsOwnVertex)
        {
            WriteVertex(record.Header);
            return;
        }

        Disk.Signed.Add(RecordOf(record));
        if (record.Proposed is { } block)
        {
            Disk.Blocks[block.Hash] = block;
        }

        Cluster.Check.OnBinding(this, record.Header);
    }

    /// <summary>Of an own vertex the vote store keeps the newest header.</summary>
    private void WriteVertex(in SignedHeader header)
    {
        Disk.VotesTip = new LaneTip(header.Sequence, header.Digest);
        Disk.VotesTipEpoch = header.Epoch;
        Cluster.Check.OnBinding(this, header);
    }

    private static SimRecord RecordOf(in SimOwnRecord record) =>
        new(record.Header, record.Signed, (record.Message as PrePrepare)?.Block, record.Message as ViewChange, record.Message as NewView);

    /// <summary>
    /// Of what is being synced, some may reach the disk although nobody will ever be told; the next may be torn.
    /// </summary>
    private void LoseUnsynced()
    {
        int written = Cluster.World.SurvivesCrash(_batch.Count(r => r.IsToSign), out bool torn);
        foreach (SimOwnRecord record in _batch)
        {
            if (written > 0)
            {
                record.WriteTo(this);
                written -= record.IsToSign ? 1 : 0;
            }
            else if (record.IsToSign)
            {
                if (torn && !record.IsOwnVertex)
                {
                    Disk.TearLast(RecordOf(record));
                }

                break;
            }
        }
    }

    /// <summary>A process begins, with nothing under way.</summary>
    private void OpenVotes()
    {
        _toVotes.Clear();
        _batch.Clear();
        _records = new OwnRecords<SimPayload>(this);
        _votesWoken = _votesSync = false;
    }

    protected static IMessage Whole(Signed signed, Block? block, ViewChange? change, NewView? newView) =>
        change ?? (IMessage?)newView ?? (block is null ? signed : signed.With(block));

    protected virtual void Transmit(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex) =>
        Cluster.Send(this, -1, MessageOf(signed, block, change, newView, vertex));

    private static SimMessage MessageOf(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex) =>
        vertex is not null ? new SimMessage(vertex) : new SimMessage(Whole(signed, block, change, newView));
}
