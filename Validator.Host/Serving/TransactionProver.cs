using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Storage;

namespace Validator.Host.Serving;

/// <summary>
/// Puts together the proof that a transaction is final, from what the ledger keeps; nothing is stored for it. Any thread.
/// </summary>
internal sealed class TransactionProver(ILedger ledger, Hash256 chainId)
{
    /// <summary>
    /// The proof without ends of epochs. It shows the execution too where a block that is final here states it.
    /// </summary>
    /// <returns>Null where the ledger does not know the transaction, or has not all that it takes.</returns>
    /// <param name="gone">What is lacking was deleted, or lies before the snapshot that this validator began with.</param>
    public TransactionProof? Prove(in Hash256 id, out bool gone)
    {
        gone = false;
        if (ledger.Locate(id) is not { } found)
        {
            return null;
        }

        if (!FindParent(found.Block, out Block? parent) || FindLane(found) is not { } lane)
        {
            gone = true;
            return null;
        }

        ulong ordering = found.Block.Sequence;
        (AcceptanceProof Proof, ulong StatedBy)? accepted = found.AcceptedIds.Length > 0 ? FindAcceptance(found) : null;
        (Block[] Blocks, Certificate Certificate)? chain = accepted is { } stated ? ReadChain(ordering, stated.StatedBy) : null;
        AcceptanceProof? shown = chain is null ? null : accepted?.Proof;
        chain ??= ReadChain(ordering, ordering);
        IdPath path = IdPath.Of(found.Ids, found.Position);
        return chain is { } certified
            ? new TransactionProof(chainId, 0, [], parent, certified.Blocks, certified.Certificate, lane, path, shown)
            : null;
    }

    /// <summary>How epochs ended, from one up to another, as a proof tells it. Read as they are asked for.</summary>
    /// <param name="genesis">The members of epoch 0.</param>
    /// <exception cref="StoreException">One of them is not here.</exception>
    public IEnumerable<ProofEpochEnd> Ends(ulong from, ulong to, Member[] genesis)
    {
        Member[] members = from == 0 || from >= to ? genesis : EndOf(from - 1).Next;
        for (ulong epoch = from; epoch < to; epoch++)
        {
            EpochEnd end = EndOf(epoch);
            yield return ProofEpochEnd.Of(end, members);
            members = end.Next;
        }
    }

    private EpochEnd EndOf(ulong epoch) => ledger.FindEpochEnd(epoch)
        ?? throw new StoreException(StoreFault.Missing, $"the ledger does not know how epoch {epoch} ended");

    /// <summary>False where it is needed and gone. An epoch's first block needs none.</summary>
    private bool FindParent(Block block, out Block? parent)
    {
        bool opens = block.Epoch == 0 ? block.Sequence == 1 : ledger.FindEpochEnd(block.Epoch - 1)?.Last.Hash == block.Parent;
        parent = opens ? null : ledger.FindFinal(block.Sequence - 1)?.Block;
        return opens || parent is not null;
    }

    private VertexHeader[]? FindLane(OrderedTransaction found)
    {
        List<VertexHeader> lane = [];
        LaneTip tip = found.Block.Cut[found.Vertex.Author];
        Hash256 next = tip.Hash;
        if (tip.Height - found.Vertex.Height >= TransactionProofCodec.MaxLane)
        {
            return null;
        }

        while (next != found.Vertex.Hash)
        {
            if (ledger.FindVertexHeader(next) is not { } vertex)
            {
                return null;
            }

            lane.Add(vertex);
            next = vertex.Predecessor;
        }

        return [.. lane, found.Vertex];
    }

    /// <summary>
    /// The execution, and the first block above that states it, with the state records that lead to what it states.
    /// </summary>
    private (AcceptanceProof Proof, ulong StatedBy)? FindAcceptance(OrderedTransaction found)
    {
        ulong ordering = found.Block.Sequence;
        ulong end = ordering + TransactionProofCodec.MaxBlocks;
        for (ulong next = ordering + 1; next < end && ledger.FindFinal(next) is { } final; next++)
        {
            if (final.Block.ExecutedSequence < ordering)
            {
                continue;
            }

            List<StateRecord> records = [];
            for (ulong at = ordering; at <= final.Block.ExecutedSequence && ledger.FindState(at) is { } record; at++)
            {
                records.Add(record);
            }

            return (ulong)records.Count == final.Block.ExecutedSequence - ordering + 1
                ? (new AcceptanceProof([.. records], IdPath.Of(found.AcceptedIds, found.AcceptedPosition)), next)
                : null;
        }

        return null;
    }

    /// <summary>Blocks from one to the first that proves another; null where that is not here yet.</summary>
    private (Block[] Blocks, Certificate Certificate)? ReadChain(ulong from, ulong covered) =>
        Checkpoints.Prove(ledger, from, covered, TransactionProofCodec.MaxBlocks);
}
