using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>What a ledger holds, for <c>validator db inspect</c>.</summary>
internal sealed record LedgerSummary(
    ChainPosition First, ChainPosition Newest, Hash256 Root, ulong[] Snapshots, (string Family, ulong Keys)[] Families,
    bool FetchesSnapshot, (ulong Count, ulong Bytes) Certificates);

/// <summary>Reads a whole ledger and checks it against itself: <c>validator db verify</c>.</summary>
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

        Hash256 root = FindState(_newest.Sequence)?.Root ?? Hash256.Zero;
        return new LedgerSummary(_kept, _newest, root, Snapshots(), families, Staged() is not null, CountCertificates());
    }

    /// <summary>
    /// Checks every kept block: it continues the one before, and so does its record of the state; the ids that it accepted,
    /// computed from its payloads, have the digest in that record; the index of transactions has these ids; a certificate proves
    /// it. Checks RocksDB's checksums on the way.
    /// </summary>
    /// <param name="found">Called for each damage.</param>
    /// <returns>Blocks read.</returns>
    public ulong Verify(Action<string> found)
    {
        ulong blocks = 0;
        Block? below = null;
        IndexSegment[] segments = _index.Segments;
        IndexSum[] sums = new IndexSum[segments.Length];
        for (ulong sequence = _kept.Sequence; sequence <= _newest.Sequence; sequence++)
        {
            try
            {
                IndexSum sum = default;
                below = VerifyBlock(sequence, below, found, ref sum);
                blocks++;
                int at = Array.FindIndex(segments, s => s.First <= sequence && sequence <= s.Last);
                if (at >= 0)
                {
                    sums[at].Add(sum);
                }
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
            VerifyIndex(segments, sums, found);
            VerifyCertificates(found);
        }
        catch (StoreException e)
        {
            found(e.Message);
        }

        return blocks;
    }

    private Block? VerifyBlock(ulong sequence, Block? below, Action<string> found, ref IndexSum sum)
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

        if (IdsDigest(final, ref sum) != state.IdsDigest)
        {
            found($"block {sequence}: its payloads are not what was executed");
        }

        return block;
    }

    /// <summary>The digest of the accepted ids, hashed anew from the payloads.</summary>
    /// <param name="sum">Checksum of what the index must have for the block.</param>
    private Hash256 IdsDigest(FinalRecord final, ref IndexSum sum)
    {
        Blake3Hasher hasher = new();
        IndexSum entries = default;
        ReadBlock(final, new TransactionScratch(), (id, place) =>
        {
            entries.Add(BinaryPrimitives.ReadUInt128BigEndian(id), place);
            if ((place & TransactionIndex.Dropped) == 0)
            {
                hasher.Update(id);
            }
        });
        sum.Add(entries);
        byte[] digest = new byte[Hash256.Size];
        hasher.Finalize(digest);
        return new Hash256(digest);
    }

    /// <summary>Checks that every segment of the index has exactly the entries of its blocks that are kept.</summary>
    /// <param name="sums">Checksums of the blocks, to compare with each segment.</param>
    private void VerifyIndex(IndexSegment[] segments, IndexSum[] sums, Action<string> found)
    {
        for (int i = 0; i < segments.Length; i++)
        {
            IndexSum stored = default;
            foreach ((UInt128 id, ulong place) in _index.Entries(segments[i]))
            {
                bool dropped = (place & TransactionIndex.Dropped) != 0;
                if (dropped ? (place & ~TransactionIndex.Dropped) >= _kept.Sequence : place >= _kept.Index)
                {
                    stored.Add(id, place);
                }
            }

            if (stored != sums[i])
            {
                found($"the index of transactions is not of blocks {segments[i].First} to {segments[i].Last}");
            }
        }
    }

    /// <summary>Tells two sets of entries apart, in whatever order they come.</summary>
    private record struct IndexSum(ulong Count, ulong First, ulong Second)
    {
        public void Add(UInt128 id, ulong place)
        {
            ulong mixed = System.Numerics.BitOperations.RotateLeft((ulong)id ^ (place * 0x9e3779b97f4a7c15), 31) * 0xa0761d6478bd642f;
            (Count, First, Second) = (Count + 1, First + mixed, Second + ((mixed ^ (ulong)(id >> 64)) * 0xe7037ed1a0b428db));
        }

        public void Add(IndexSum other) => (Count, First, Second) = (Count + other.Count, First + other.First, Second + other.Second);
    }

    /// <summary>
    /// Reads every other key and value once, for their checksums; and checks the ids and snapshots that the state needs.
    /// </summary>
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
                || Hash256.Of(ListOf(snapshot.Segments)) != state.DedupDigest
                    || Hash256.Of(ListOf(snapshot.Accounts)) != state.NoncesDigest
                || (snapshot.Trust.Length == 0 ? !state.TrustDigest.IsZero
                    : Hash256.Of(ListOf(snapshot.Trust)) != state.TrustDigest))
            {
                found($"the snapshot at block {sequence} is not of its state");
            }
        }
    }

    private static byte[] ListOf(Hash256[] hashes) => [.. hashes.SelectMany(h => h.ToArray())];
}
