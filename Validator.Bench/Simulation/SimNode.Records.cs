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
    private readonly Queue<OwnRecord<SimVertex?>> _toVotes = [];
    private readonly List<OwnRecord<SimVertex?>> _batch = [];
    private OwnRecords<SimVertex?> _records = null!;
    private bool _votesWoken;
    private bool _votesSync;

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

        if (record.Kind == OwnRecordKind.EnterEpoch && !_shell.Standing.Signs)
        {
            // There is no vote store to keep in order; evidence is none of it.
            Forget(record);
            return;
        }

        ToVotes(record);
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

        if (record.Next == OwnRecordStage.Ledger)
        {
            ToLedger(_fromSigner, new SimLedgerItem(LedgerItemKind.OwnVertex) { Vertex = record.Payload, Own = record });
        }
        else
        {
            ToVotes(record);
        }
    }

    private void ToVotes(in OwnRecord<SimVertex?> record)
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

        while (!_records.IsFull && _toVotes.TryDequeue(out OwnRecord<SimVertex?> record))
        {
            _records.Add(record);
        }

        if (_records.IsDue)
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

    private void Forget(in OwnRecord<SimVertex?> enters) => Disk.ForgetEpochsBelow(enters.Number, Cluster.Check.IsByzantine(Index));

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
        (Block? block, ViewChange? change, NewView? newView) = ((record.Message as PrePrepare)?.Block, record.Message as ViewChange, record.Message as NewView);
        if (record.Header.Epoch == Core.Epoch)
        {
            Transmit(record.Signed!, block, change, newView, record.Payload);
        }
        else
        {
            // Its epoch has ended meanwhile; whoever is still in it may need it.
            Cluster.Send(this, -1, MessageOf(record.Signed!, block, change, newView, record.Payload));
        }

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

        if (record.Kind == OwnRecordKind.EnterEpoch)
        {
            Forget(record);
            return;
        }

        if (record.IsOwnVertex)
        {
            WriteVertex(record.Header);
            return;
        }

        Disk.Signed.Add(RecordOf(record));
        if (record.Message is PrePrepare proposal)
        {
            Disk.Blocks[proposal.Block.Hash] = proposal.Block;
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

    private static SimRecord RecordOf(in OwnRecord<SimVertex?> record) =>
        new(record.Header, record.Signed!, (record.Message as PrePrepare)?.Block, record.Message as ViewChange, record.Message as NewView);

    /// <summary>
    /// Of what is being synced, some may reach the disk although nobody will ever be told; the next may be torn.
    /// </summary>
    private void LoseUnsynced()
    {
        int written = Cluster.World.SurvivesCrash(_batch.Count(r => r.Kind == OwnRecordKind.Sign), out bool torn);
        foreach (OwnRecord<SimVertex?> record in _batch)
        {
            if (written > 0)
            {
                Write(record);
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
    }

    /// <summary>A process begins, with nothing under way.</summary>
    private void OpenVotes()
    {
        _toVotes.Clear();
        _batch.Clear();
        _records = new OwnRecords<SimVertex?>(this);
        _votesWoken = _votesSync = false;
    }

    protected static IMessage Whole(Signed signed, Block? block, ViewChange? change, NewView? newView) =>
        change ?? (IMessage?)newView ?? (block is null ? signed : signed.With(block));

    protected virtual void Transmit(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex) =>
        Cluster.Send(this, -1, MessageOf(signed, block, change, newView, vertex));

    private static SimMessage MessageOf(Signed signed, Block? block, ViewChange? change, NewView? newView, SimVertex? vertex) =>
        vertex is not null ? new SimMessage(vertex) : new SimMessage(Whole(signed, block, change, newView));
}
