using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Storage;
using Validator.Host.Storage.Native;

namespace Validator.Host.Node;

/// <summary>What a ledger holds, for <c>validator db inspect</c>.</summary>
internal sealed record LedgerSummary(
    Kept First, Kept Newest, Hash256 Root, ulong[] Snapshots, (string Family, ulong Keys)[] Families, bool FetchesSnapshot);

/// <summary>Reading a ledger whole, against itself: <c>validator db verify</c>.</summary>
internal sealed partial class RocksLedger
{
    public LedgerSummary Summarize()
    {
        (string, ulong)[] families = new (string, ulong)[Families.Length];
        for (int i = 0; i < families.Length; i++)
        {
            ulong keys = 0;
            using RocksDbIterator entries = _database.Iterate(i);
            for (entries.Seek([]); entries.Valid; entries.Next())
            {
                keys++;
            }

            families[i] = (Families[i], keys);
        }

        return new LedgerSummary(_kept, _newest, FindState(_newest.Sequence)?.Root ?? Hash256.Zero, Snapshots(), families, Staged() is not null);
    }

    /// <summary>
    /// Checks every kept block: it continues the one before, its record of the state too, and the ids of what it accepted, taken from
    /// its payloads, have the digest of that record; every checksum of RocksDB on the way.
    /// </summary>
    /// <param name="found">Told of each damage.</param>
    /// <returns>Blocks read.</returns>
    public ulong Verify(Action<string> found)
    {
        ulong blocks = 0;
        Block? below = null;
        for (ulong sequence = _kept.Sequence; sequence <= _newest.Sequence; sequence++)
        {
            try
            {
                below = VerifyBlock(sequence, below, found);
                blocks++;
            }
            catch (StoreException e)
            {
                found($"block {sequence}: {e.Message}");
                below = null;
            }
        }

        try
        {
            VerifyRest(found);
        }
        catch (StoreException e)
        {
            found(e.Message);
        }

        return blocks;
    }

    private Block? VerifyBlock(ulong sequence, Block? below, Action<string> found)
    {
        if (Final(sequence) is not { } final || FindState(sequence) is not { } state)
        {
            found($"block {sequence}: it or its state is missing");
            return null;
        }

        Block block = final.Block;
        if (block.Sequence != sequence || (below is not null && block.Parent != below.Hash))
        {
            found($"block {sequence}: it does not continue the one before");
        }

        if (state.BlockHash != block.Hash || state.Root != final.Result.Root
            || (FindState(sequence - 1) is { } before && before.Root != state.PreviousRoot))
        {
            found($"block {sequence}: its state does not continue the one before");
        }

        if (IdsDigest(final) != state.IdsDigest)
        {
            found($"block {sequence}: its payloads are not what was executed");
        }

        return block;
    }

    /// <summary>Of the accepted ids, hashed anew from the payloads.</summary>
    private Hash256 IdsDigest(FinalRecord final)
    {
        Blake3Hasher hasher = new();
        TransactionScratch scratch = new();
        int transaction = 0;
        foreach (Hash256 hash in final.Order)
        {
            if (!TryGetVertex(hash, out VertexHeader? header, out _, out byte[]? payload)
                || !scratch.TryCompute(payload, (int)header.TransactionCount, out Hash256 root, out _) || root != header.TransactionRoot
                || header.TransactionCount > final.Result.Accepted + final.Result.Rejected - (uint)transaction)
            {
                throw Damaged($"vertex {hash}");
            }

            for (int i = 0; i < header.TransactionCount; i++)
            {
                if (final.Result.IsAccepted(transaction++))
                {
                    hasher.Update(scratch.Ids.Slice(i * Hash256.Size, Hash256.Size));
                }
            }
        }

        byte[] digest = new byte[Hash256.Size];
        hasher.Finalize(digest);
        return new Hash256(digest);
    }

    /// <summary>Every other key and value once, for their checksums; and the ids and snapshots that the state needs.</summary>
    private void VerifyRest(Action<string> found)
    {
        for (int family = 0; family < Families.Length; family++)
        {
            using RocksDbIterator entries = _database.Iterate(family);
            for (entries.Seek([]); entries.Valid; entries.Next())
            {
                _ = entries.Value.Length;
            }
        }

        foreach (ulong sequence in Snapshots())
        {
            if (FindSnapshot(sequence) is not { } snapshot || FindState(sequence) is not { } state
                || Hash256.Of(ListOf(snapshot.Segments)) != state.DedupDigest || Hash256.Of(ListOf(snapshot.Accounts)) != state.NoncesDigest)
            {
                found($"the snapshot at block {sequence} is not of its state");
            }
        }
    }

    private static byte[] ListOf(Hash256[] hashes) => [.. hashes.SelectMany(h => h.ToArray())];
}
