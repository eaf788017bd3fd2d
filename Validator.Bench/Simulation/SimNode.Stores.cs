using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// The stores behind the shell: execution, what is served from them, what is forgotten, what a restart reads back.
/// </summary>
public partial class SimNode
{
    private NonceTable _nonces = new(SimEnvelopes.AccountsKept);

    void ISimShellPorts.Execute(Block block, Certificate certificate, VertexHeader[] order)
    {
        ObserveCertificate(certificate);
        ObserveBlock(block);
        Cluster.Check.OnFinal(this, block, certificate);
        _execFreeAt = Math.Max(_execFreeAt, Cluster.Now) + Cluster.World.ExecutionMicros + (20 * order.Length);
        SimFinal final = new(block, certificate, order, Hash256.Zero);
        _executing++;
        Cluster.At(this, _execFreeAt, () => ToLedger(_fromExecution, SimLedgerItem.Executed(final)));
        Cluster.World.AfterFinal(this, block);
    }

    /// <summary>Executed with the write that makes it durable: nobody learns of it before.</summary>
    /// <returns>The root after it, and the epoch, where the block changed something of it.</returns>
    private (Hash256 Root, EpochConfiguration? Epoch) WriteFinal(Block block, Certificate certificate, VertexHeader[] order)
    {
        Hash256 previous = Disk.Finals.Count == 0 ? Hash256.Zero : Disk.Finals[^1].Root;
        CommitteeState committee = Disk.Committee ??= new CommitteeState(0, Cluster.Genesis.Members);
        foreach (VertexHeader vertex in order)
        {
            if (!Disk.Vertices.ContainsKey(vertex.Hash))
            {
                throw Cluster.Check.Fail(this, "durable", $"final vertex {vertex.Hash} is not on disk");
            }
        }

        _trust?.BeginBlock();
        List<NonceVerdict> verdicts = ExecuteTransactions(order, committee, block);
        if (block.EndsEpoch)
        {
            _unordered = Disk.KeepUnordered(block, Cluster.MemberOf(block.Epoch, Index));
            Cluster.Check.OnLastBlock(this, block, committee);
        }

        committee.AfterBlock(block, _trust);
        if (block.EndsEpoch)
        {
            Disk.Ends[block.Epoch] = new EpochEnd(block, certificate, committee.Members);
        }

        WriteTrust(block, committee);
        StateRecord record = RecordOf(block, order, previous, committee.Digest, verdicts);
        Hash256 root = record.Root;
        Disk.Records[block.Sequence] = record;
        Disk.Finals.Add(new SimFinal(block, certificate, order, root));
        Cluster.Check.OnDurable(this, block.Sequence);
        Cluster.Check.OnExecuted(this, block, order, root, verdicts);
        ForgetBelow(block.Sequence);
        TakeSnapshot(block);
        DropCertificates();
        return (root, _epochs.Execute(block, committee, _standing.Epoch));
    }

    /// <summary>What the nonces of the block's envelopes are found to be; what changes reaches the disk with the block.</summary>
    private List<NonceVerdict> ExecuteTransactions(VertexHeader[] order, CommitteeState committee, Block block)
    {
        List<NonceVerdict> verdicts = [];
        _nonces.BeginBlock();
        foreach (VertexHeader vertex in order)
        {
            foreach (ulong transaction in Disk.Vertices[vertex.Hash].Transactions)
            {
                if (SimEnvelopes.Is(transaction))
                {
                    verdicts.Add(SimEnvelopes.Execute(_nonces, transaction));
                    if (verdicts[^1] == NonceVerdict.Fresh)
                    {
                        ExecuteStake(transaction);
                    }
                }
                else if (SimVertex.IsSystem(transaction))
                {
                    ExecuteSystem(transaction, committee, block);
                }
            }
        }

        foreach (int place in _nonces.Changed)
        {
            Disk.Accounts[place] = _nonces.Record(place).ToArray();
        }

        return verdicts;
    }

    /// <summary>False: this core never learns what is executed, and states old roots until they are too old.</summary>
    protected bool ReportsExecution { get; init; } = true;

    /// <summary>What the vote store forgets behind the executed point, a batch at a time (Host/Storage/RocksVoteStore).</summary>
    private void ForgetBelow(ulong executed)
    {
        if ((int)executed < _forgotten + Cluster.World.ForgetEvery)
        {
            return;
        }

        _forgotten = (int)executed;
        Disk.ForgottenBelow = executed;
        Dictionary<MessageKind, int> newest = [];
        for (int i = 0; i < Disk.Signed.Count; i++)
        {
            newest[Disk.Signed[i].Message.Header.Kind] = i;
        }

        int number = 0;
        Disk.Signed.RemoveAll(record =>
        {
            SignedHeader h = record.Message.Header;
            bool vote = h.Kind is MessageKind.PrePrepare or MessageKind.Prepare or MessageKind.Commit;
            return number++ != newest[h.Kind] && (!vote || h.Sequence < executed);
        });
        if (Disk.Prepared.Count > 0)
        {
            Certificate highest = Disk.Prepared.MaxBy(c => (c.View, c.Sequence))!;
            Disk.Prepared.RemoveAll(c => c.Sequence < executed && c != highest);
        }

        if (!Cluster.Check.IsByzantine(Index))
        {
            foreach ((Hash256 hash, Block block) in Disk.Blocks)
            {
                if (block.Sequence < executed)
                {
                    Disk.Blocks.Remove(hash);
                }
            }
        }
    }

    /// <summary>The fetch service: answers from the disk.</summary>
    public virtual void Serve(int peer, FetchRequest request)
    {
        switch (request.Kind)
        {
            case FetchKind.Vertices when Disk.Vertices.TryGetValue(request.Hash, out SimVertex? vertex):
                Stack<SimVertex> chain = new([vertex]);
                while (chain.Count < request.Count && Disk.Vertices.TryGetValue(chain.Peek().Header.Predecessor, out SimVertex? below))
                {
                    chain.Push(below);
                }

                foreach (SimVertex found in chain)
                {
                    Cluster.Send(this, peer, new SimMessage(found));
                }

                break;
            case FetchKind.Block when FindBlock(request.Hash) is { } block:
                Send(peer, block);
                break;
            case FetchKind.FinalBlocks when Checkpoints.Answer(Disk, request) is { } finals:
                Send(peer, finals);
                break;
            case FetchKind.Snapshot or FetchKind.Chunk when ServeSnapshot(peer, request):
                break;
            default:
                Send(peer, new NotFound(request, Disk.FirstKept));
                break;
        }
    }

    private Block? FindBlock(Hash256 hash) =>
        Disk.Blocks.GetValueOrDefault(hash) ?? Disk.Finals.Find(f => f.Block.Hash == hash)?.Block;

    private EpochConfiguration CurrentEpoch()
    {
        PendingCommittee? pending = Disk.Landing > 0 ? null : Disk.Committee?.Pending;
        return Disk.Epoch > 0
            ? EpochConfiguration.After(Disk.Ends[Disk.Epoch - 1].Last, Disk.Ends[Disk.Epoch - 1].Next, pending)
            : EpochConfiguration.First(Cluster.Genesis, Cluster.ChainId) with { Pending = pending };
    }

    bool ISimShellPorts.Resume(EpochConfiguration epoch, RecoveredState state)
    {
        RecoverVotes(epoch.Number, state);
        return true;
    }

    private void RecoverVotes(ulong epoch, RecoveredState state)
    {
        VoteRecovery recovery = new(epoch, state);
        foreach (SimRecord record in Disk.Signed)
        {
            recovery.AddSigned(record.Message, record.Block, record.ViewChange, record.NewView);
        }

        foreach (Block block in Disk.Blocks.Values)
        {
            recovery.AddBlock(block);
        }

        Disk.Prepared.ForEach(recovery.AddPrepared);
        if (Disk.Entered is { } entered)
        {
            recovery.SetEntered(entered);
        }

        if (!Disk.Limits.GetValueOrDefault(epoch).LaneIsLost)
        {
            recovery.SetOwnTip(Disk.VotesTipEpoch, Disk.VotesTip);
        }

        recovery.SetStated(Disk.Stated.Epoch, Disk.Stated.Accepted);
        recovery.SetForgotten(Disk.ForgottenBelow);
        foreach (VoteLimit limit in Disk.Limits.Values)
        {
            recovery.AddLimit(limit);
        }

        state.Evidence.AddRange(Disk.Evidence.Where(e => e.First.Header.Epoch == epoch));
    }

    private RecoveredState Recovered()
    {
        // After a lost ledger what was signed may be of a later epoch.
        RecoveredState state = new() { Recovery = Disk.Recovery };
        RecoverVotes(Disk.Epoch, state);
        LedgerRecovery.Read(this, CurrentEpoch(), Cluster.Genesis.Parameters, state);
        return state;
    }

    (Block Block, Certificate Certificate, Hash256 Root)? ILedgerReader.LastFinal =>
        Disk.Finals is [.., var last] ? (last.Block, last.Certificate!, last.Root) : null;

    StagedSnapshot? ILedgerReader.Staged => Staged();

    Hash256? ILedgerReader.FindRoot(ulong sequence) => Disk.Records.TryGetValue(sequence, out StateRecord record) ? record.Root : null;

    IEnumerable<(VertexHeader Vertex, byte[] Signature)> ILedgerReader.VerticesAbove(ulong epoch, LaneTip[] cut) =>
        Disk.Vertices.Values.Where(v => v.Header.Epoch == epoch && v.Header.Height > cut[v.Header.Author].Height)
            .OrderBy(v => (v.Header.Author, v.Header.Height)).ThenBy(v => v.Header.Hash)
            .Select(v => (v.Header, v.Signature));
}
