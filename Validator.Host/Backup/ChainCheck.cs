using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Pipeline;
using Validator.Host.Storage;

namespace Validator.Host.Backup;

/// <summary>
/// Checks a ledger from genesis on, whoever brought it: each epoch's end is certified by the committee that the one before names;
/// every kept block is the child of the one before, and final by a certificate of its epoch; the state after it is what later
/// blocks state; payloads, ids and the newest state are those of the blocks.
/// </summary>
internal static class ChainCheck
{
    /// <param name="tell">Gets a line of what was checked.</param>
    /// <param name="proven">Up to here a replay has verified certificates, of blocks too that are not in the ledger.</param>
    /// <exception cref="BackupException">It names the first block or epoch that does not hold.</exception>
    public static void Run(RocksLedger ledger, Genesis genesis, in Hash256 chainId, Action<string> tell, ulong proven = 0)
    {
        EpochConfiguration[] epochs = Epochs(ledger, genesis, chainId);
        ulong last = ledger.LastFinal()?.Block.Sequence ?? 0;
        ulong first = Math.Min(ledger.FirstKept.Sequence, last);
        Blocks(ledger, epochs, first, last, proven, chainId);
        List<string> found = [];
        ledger.Verify(found.Add);
        if (found.Count > 0)
        {
            throw new BackupException(
                $"the ledger is damaged: {string.Join("; ", found.Take(3))}{(found.Count > 3 ? "; ..." : "")}");
        }

        try
        {
            Recovery.Restore(Executor.ForGenesis(genesis, chainId), ledger, epochs[^1]);
        }
        catch (StoreException e)
        {
            throw new BackupException(e.Message);
        }

        tell($"verified from genesis on: {epochs.Length - 1} ends of epochs, and the certificates of blocks {first} to {last}");
    }

    /// <summary>All epochs up to the ledger's, each named by the one before.</summary>
    private static EpochConfiguration[] Epochs(RocksLedger ledger, Genesis genesis, in Hash256 chainId)
    {
        EpochConfiguration present = ledger.ReadEpoch(genesis, chainId);
        List<EpochConfiguration> epochs = [EpochConfiguration.First(genesis, chainId)];
        while (epochs[^1].Number < present.Number)
        {
            EpochConfiguration epoch = epochs[^1];
            EpochEnd end = ledger.FindEpochEnd(epoch.Number)
                ?? throw new BackupException($"the ledger does not say how epoch {epoch.Number} ended");
            using EpochVerifier verifier = new(epoch, chainId);
            if (end.Epoch != epoch.Number || end.Last.Sequence <= epoch.Start.Sequence
                || !verifier.Proves(end.Certificate, end.Last))
            {
                throw new BackupException($"the end of epoch {epoch.Number} is not certified by its committee");
            }

            epochs.Add(EpochConfiguration.After(end.Last, end.Next));
        }

        EpochConfiguration reached = epochs[^1];
        return reached.Start.Hash == present.Start.Hash && SameMembers(reached.Members, present.Members)
            ? [.. epochs[..^1], present]
            : throw new BackupException($"the ledger's epoch {present.Number} is not the one that the certificates lead to");
    }

    private static bool SameMembers(Member[] a, Member[] b) =>
        GenesisCodec.CommitteeDigest(0, a) == GenesisCodec.CommitteeDigest(0, b);

    private static void Blocks(
        RocksLedger ledger, EpochConfiguration[] epochs, ulong first, ulong last, ulong proven, in Hash256 chainId)
    {
        Block? below = null;
        ulong unproven = 0;
        EpochVerifier? verifier = null;
        try
        {
            for (ulong sequence = first; sequence <= last && last > 0; sequence++)
            {
                FinalRecord final = Find(ledger, sequence, last) ?? throw new BackupException($"block {sequence} is missing");
                Block block = final.Block;
                if (verifier?.Epoch.Number != block.Epoch)
                {
                    verifier?.Dispose();
                    verifier = block.Epoch < (ulong)epochs.Length ? new EpochVerifier(epochs[block.Epoch], chainId)
                        : throw new BackupException($"block {sequence} is of epoch {block.Epoch}, which is not begun");
                }

                if (!Continues(verifier.Epoch, below, block))
                {
                    throw new BackupException($"block {sequence} is not the child of block {sequence - 1}");
                }

                bool own = final.Certificate?.Sequence == sequence;
                if (own && !verifier.Proves(final.Certificate!, block))
                {
                    throw new BackupException($"the certificate of block {sequence} does not hold");
                }

                unproven = own || sequence <= proven ? 0 : unproven == 0 ? sequence : unproven;
                if (unproven > 0 && (block.EndsEpoch || sequence == last))
                {
                    throw new BackupException($"no certificate proves blocks {unproven} to {sequence}");
                }

                RequireStated(ledger, block);
                below = block;
            }
        }
        finally
        {
            verifier?.Dispose();
        }
    }

    private static FinalRecord? Find(RocksLedger ledger, ulong sequence, ulong last) =>
        sequence == last ? ledger.LastFinal() : ledger.Final(sequence);

    /// <param name="below">Null: the ledger keeps none before it.</param>
    internal static bool Continues(EpochConfiguration epoch, Block? below, Block block)
    {
        bool opens = block.Sequence == epoch.Start.Sequence + 1;
        return block.Cut.Length == epoch.Members.Length
            && (!opens || block.Parent == epoch.Start.Hash)
            && (below is null || (block.Parent == below.Hash && block.Sequence == below.Sequence + 1
                && (opens ? below.EndsEpoch || below.Sequence == 0 : !below.EndsEpoch && below.Epoch == block.Epoch)));
    }

    /// <summary>A certified block states the root after an earlier one: so that state is certified too.</summary>
    private static void RequireStated(RocksLedger ledger, Block block)
    {
        if (block.ExecutedSequence > 0 && ledger.FindState(block.ExecutedSequence) is { } state
            && state.Root != block.ExecutedRoot)
        {
            throw new BackupException(
                $"the state after block {block.ExecutedSequence} is not what block {block.Sequence} states");
        }
    }
}
