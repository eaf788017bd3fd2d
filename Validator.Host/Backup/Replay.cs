using Validator.Core.Dag;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;

namespace Validator.Host.Backup;

/// <summary>
/// Rolls a ledger forward by archived blocks, as a validator does that catches up: nothing is taken on trust. A block must be the
/// child of the one before, final by a certificate of its epoch whose every signature holds, order exactly the vertices that lead
/// to its cut, each signed by its author with a payload of its root, and state the root that execution gave here.
/// </summary>
internal sealed class Replay : IDisposable
{
    /// <summary>Blocks in one synced write.</summary>
    private const int GroupBlocks = 64;

    private readonly RocksLedger _ledger;
    private readonly Hash256 _chainId;
    private readonly ulong _snapshotBlocks;
    private readonly Executor _executor;
    private readonly EpochTrack _track;
    private readonly TransactionScratch _scratch = new();
    private readonly Queue<(ulong Sequence, Hash256 Root)> _roots = new();
    private EpochVerifier _verifier;
    private Block _tip;
    private int _grouped;
    private ulong _proven;

    /// <param name="snapshotBlocks">Blocks between two snapshots of the state.</param>
    public Replay(RocksLedger ledger, Genesis genesis, in Hash256 chainId, ulong snapshotBlocks)
    {
        (_ledger, _chainId, _snapshotBlocks) = (ledger, chainId, snapshotBlocks);
        EpochConfiguration epoch = ledger.ReadEpoch(genesis, chainId);
        _executor = Executor.ForGenesis(genesis, chainId);
        Recovery.Restore(_executor, ledger, epoch);
        _track = new EpochTrack(epoch, _executor.Sequence);
        _verifier = new EpochVerifier(epoch, chainId);
        _tip = ledger.LastFinal()?.Block ?? EpochConfiguration.StartBlock(genesis, chainId);
        if (_tip.Sequence < epoch.Start.Sequence)
        {
            throw new BackupException(
                $"the ledger ends with block {_tip.Sequence} and is in epoch {epoch.Number}, which begins later: it had"
                + $" passed epochs by, and cannot be rolled forward");
        }
    }

    /// <summary>The newest block in place.</summary>
    public ulong Newest => _tip.Sequence;

    /// <summary>Global index that the next transaction gets.</summary>
    public ulong NextIndex => _executor.NextIndex;

    /// <summary>Up to here certificates were verified, of blocks beyond the newest in place too.</summary>
    public ulong Proven => _proven;

    /// <summary>Takes a segment's blocks that come next; those that are there already are skipped.</summary>
    /// <param name="goesOn">Whether a block is still wanted; after the first that is not, nothing more is taken.</param>
    /// <returns>False: a block was not wanted.</returns>
    /// <exception cref="BackupException">A block does not hold; those before it are in place.</exception>
    /// <exception cref="StoreException">The disk fails.</exception>
    public bool Take(string name, List<FinalContent> blocks, Func<Block, ulong, bool> goesOn)
    {
        for (int i = 0; i < blocks.Count; i++)
        {
            if (blocks[i].Block.Sequence <= _tip.Sequence)
            {
                continue;
            }

            if (!goesOn(blocks[i].Block, _executor.NextIndex))
            {
                return false;
            }

            Certificate? proof = FirstProof(blocks, i, out int at);
            Take(name, blocks[i], proof, () => blocks[i].Block.Sequence <= _proven || IsProven(blocks, i, at));
            _proven = Math.Max(_proven, blocks[at].Block.Sequence);
        }

        return true;
    }

    /// <summary>The block's own certificate, or that of the next one in its epoch that has one.</summary>
    private static Certificate? FirstProof(List<FinalContent> blocks, int from, out int at)
    {
        for (at = from; at < blocks.Count; at++)
        {
            if (blocks[at].Certificate is { } own)
            {
                return own;
            }

            if (blocks[at].Block.EndsEpoch)
            {
                break;
            }
        }

        at = from;
        return null;
    }

    /// <summary>A certificate makes its block final with those before it, which its parents' hashes name.</summary>
    private bool IsProven(List<FinalContent> blocks, int from, int at)
    {
        for (int i = from + 1; i <= at; i++)
        {
            if (blocks[i].Block.Parent != blocks[i - 1].Block.Hash)
            {
                return false;
            }
        }

        return _verifier.Proves(blocks[at].Certificate!, blocks[at].Block);
    }

    /// <summary>All that was taken is on disk.</summary>
    public void Flush()
    {
        if (_grouped > 0)
        {
            _grouped = 0;
            if (!_ledger.Commit(out string? error))
            {
                throw new StoreException(StoreErrors.Classify(error), $"ledger: {error}");
            }
        }
    }

    public void Dispose() => _verifier.Dispose();

    private void Take(string name, FinalContent content, Certificate? proof, Func<bool> isProven)
    {
        Block block = content.Block;
        string what = $"{name}: block {block.Sequence}";
        EpochConfiguration epoch = _verifier.Epoch;
        if (block.Sequence != _tip.Sequence + 1 || block.Epoch != epoch.Number
            || !ChainCheck.Continues(epoch, Below(epoch), block))
        {
            throw new BackupException($"{what} is not the child of block {_tip.Sequence}");
        }

        if (proof is null || !isProven())
        {
            throw new BackupException(
                $"{what}: {(proof is null ? "no certificate proves it" : "the certificate that proves it does not hold")}");
        }

        (VertexContent Content, byte[] Ids)[] order = Order(what, content, epoch);
        Require(block.ExecutedSequence == 0 || RootOf(block.ExecutedSequence) is not { } root || root == block.ExecutedRoot,
            $"{what} states another root after block {block.ExecutedSequence} than execution gave here");
        HeldVertex[] held =
            Array.ConvertAll(order, v => new HeldVertex(v.Content.Header, v.Content.Signature, v.Content.Payload, v.Ids));
        OrderedVertex[] ordered = Array.ConvertAll(held, v => new OrderedVertex(v.Header, v.Body.Ids, v.Body.Payload));
        ExecutionResult result = new();
        _executor.Execute(block, ordered, result);
        SnapshotState? snapshot = result.Sequence % _snapshotBlocks == 0 || block.EndsEpoch ? _executor.Capture() : null;
        EpochConfiguration? next = _track.Execute(block, _executor.Committee, epoch);
        foreach (HeldVertex vertex in held)
        {
            _ledger.AddVertex(vertex.Header, vertex.Signature, vertex.Payload);
        }

        _ledger.AddFinal(new ExecutedBlock(block, proof, held, result, snapshot, next));
        _tip = block;
        _roots.Enqueue((block.Sequence, result.Root));
        if (_roots.Count > 4 * GroupBlocks)
        {
            _roots.Dequeue();
        }

        if (++_grouped == GroupBlocks || block.EndsEpoch)
        {
            Flush();
        }

        if (block.EndsEpoch)
        {
            _ledger.EndEpoch(block, self: -1);
            _grouped++;
            Flush();
            _verifier.Dispose();
            _verifier = new EpochVerifier(next!, _chainId);
        }
    }

    /// <summary>Null at the chain's beginning: the first block's parent is checked against genesis' own.</summary>
    private Block? Below(EpochConfiguration epoch) => _tip.Sequence == epoch.Start.Sequence ? null : _tip;

    /// <summary>The root after a block of before; null where it is not known any more.</summary>
    private Hash256? RootOf(ulong sequence)
    {
        foreach ((ulong at, Hash256 root) in _roots)
        {
            if (at == sequence)
            {
                return root;
            }
        }

        return _ledger.FindState(sequence)?.Root;
    }

    /// <summary>The block's vertices in the order of execution, each checked.</summary>
    private (VertexContent Content, byte[] Ids)[] Order(string what, FinalContent content, EpochConfiguration epoch)
    {
        Block block = content.Block;
        LaneTip[] from = _tip.Sequence == epoch.Start.Sequence ? new LaneTip[block.Cut.Length] : _tip.Cut;
        Dictionary<Hash256, VertexContent> found = [];
        List<SignatureCheck> checks = [];
        foreach (VertexContent vertex in content.Vertices)
        {
            Require(found.TryAdd(vertex.Header.Hash, vertex), $"{what} has a vertex twice");
            Require(vertex.Header.Author < epoch.Members.Length && vertex.Header.Epoch == epoch.Number,
                $"{what} has a vertex of another epoch");
            SignatureChecks.Collect(SignedVertex.Of(vertex.Header, vertex.Signature), epoch.Committee, checks);
        }

        Require(_verifier.Hold(checks), $"{what} has a vertex that its author did not sign");
        VertexHeader[][] chains = new VertexHeader[from.Length][];
        int total = 0;
        for (int lane = 0; lane < from.Length; lane++)
        {
            chains[lane] = Lane(what, found, lane, from[lane], block.Cut[lane]);
            total += chains[lane].Length;
        }

        Require(total == found.Count, $"{what} has vertices that it does not order");
        VertexHeader[] order = CutOrder.Compute(chains, from);
        return Array.ConvertAll(order, header =>
        {
            VertexContent vertex = found[header.Hash];
            bool whole = _scratch.TryCompute(vertex.Payload, (int)header.TransactionCount, out Hash256 root, out _);
            Require(
                whole && root == header.TransactionRoot,
                $"{what}: the payload of vertex {header.Hash} is not what was ordered");
            return (vertex, _scratch.Ids.ToArray());
        });
    }

    /// <summary>From the cut's vertex down to the one before, by predecessors.</summary>
    private static VertexHeader[] Lane(string what, Dictionary<Hash256, VertexContent> found, int lane, LaneTip from, LaneTip to)
    {
        Require(to.Height >= from.Height && to.Height - from.Height <= (ulong)found.Count,
            $"{what} lacks vertices of lane {lane}");
        VertexHeader[] chain = new VertexHeader[to.Height - from.Height];
        Hash256 hash = to.Hash;
        for (int i = chain.Length - 1; i >= 0; i--)
        {
            bool there = found.TryGetValue(hash, out VertexContent? vertex) && vertex.Header.Author == lane
                && vertex.Header.Height == from.Height + (ulong)i + 1;
            Require(there, $"{what} lacks vertex {hash} of lane {lane}");
            chain[i] = vertex!.Header;
            hash = chain[i].Predecessor;
        }

        Require(hash == from.Hash || chain.Length == 0, $"{what}: lane {lane} does not continue that of the block before");
        return chain;
    }

    private static void Require(bool holds, string fault)
    {
        if (!holds)
        {
            throw new BackupException(fault);
        }
    }
}
