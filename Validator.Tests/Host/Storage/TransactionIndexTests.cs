using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;
using Validator.Host.Storage.Native;

namespace Validator.Tests.Host.Storage;

public class TransactionIndexTests
{
    private const int Segment = 40;
    private static readonly Retention All = new(ulong.MaxValue, ulong.MaxValue);

    // Protects the one answer on a transaction: accepted ones have their index, those that execution dropped the reason, from
    // memory and from disk, closed or put together, after a restart, and in a ledger that was written without an index; and what
    // is gone is not found.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Every_transaction_that_is_kept_has_its_answer(int seed)
    {
        using TemporaryFolder folder = new();
        Dictionary<Hash256, TransactionState> expected;
        using (RocksLedger ledger = Open(folder.Path))
        {
            StoreSamples.Fill(ledger, 500, new Random(seed), 40);
            expected = Expected(ledger);
            Assert.Contains(expected.Values, s => s.Rejection == TransactionRejection.NonceTooOld);
            Check(ledger, expected);
            Tend(ledger);
            Check(ledger, expected);
            Assert.Empty(Faults(ledger));
        }

        using (RocksLedger again = Open(folder.Path))
        {
            Assert.Null(again.NotIndexed);
            Check(again, expected);
        }

        // As a ledger of before has it.
        using (RocksDb database = OpenDatabase(folder.Path))
        {
            using RocksDbBatch batch = new(database);
            batch.DeleteRange(0, "T"u8, "U"u8);
            batch.DeleteRange(0, "X"u8, "Y"u8);
            Assert.Null(database.Write(batch, sync: true));
        }

        using (RocksLedger older = Open(folder.Path))
        {
            Assert.NotNull(older.NotIndexed);
            Tend(older);
            Assert.Null(older.NotIndexed);
            Check(older, expected);
            Assert.Empty(Faults(older));
            while (older.Prune(new Retention(150, ulong.MaxValue), out _) > 0)
            {
            }

            Tend(older);
            Dictionary<Hash256, TransactionState> kept = Expected(older);
            Assert.InRange(kept.Count, 1, expected.Count / 2);
            foreach (Hash256 id in expected.Keys.Where(id => !kept.ContainsKey(id)))
            {
                Assert.False(older.TryFindTransaction(id, out _));
            }

            Check(older, kept);
            Assert.Empty(Faults(older));
        }

        // One entry that is another's.
        using (RocksDb database = OpenDatabase(folder.Path))
        {
            using RocksDbIterator values = database.Iterate(0);
            values.Seek("X"u8);
            Assert.True(values.Valid && values.Key[0] == (byte)'X');
            byte[] value = values.Value.ToArray();
            value[^9] ^= 1;
            using RocksDbBatch batch = new(database);
            batch.Put(0, values.Key, value);
            Assert.Null(database.Write(batch, sync: true));
        }

        using RocksLedger damaged = Open(folder.Path);
        Assert.Contains(Faults(damaged), fault => fault.Contains("index of transactions", StringComparison.Ordinal));
    }

    // Protects answers after a quiet time: blocks that had nothing, before one that has more than a segment, are no gap to be
    // made first.
    [Fact]
    public void Blocks_without_transactions_are_no_gap()
    {
        using TemporaryFolder folder = new();
        Open(folder.Path).Dispose();
        using RocksDb database = OpenDatabase(folder.Path);
        using RocksDbBatch batch = new(database);
        TransactionIndex index = new(database, 1, Segment);
        index.BeginBlock(batch, 1, 0, 0);
        index.BeginBlock(batch, 2, 0, 0);
        IndexTail tail = index.BeginBlock(batch, 3, Segment + 1, 0);
        Assert.Null(index.Gap(1));
        for (int i = 0; i <= Segment; i++)
        {
            tail.Add((UInt128)i << 100, (ulong)i);
        }

        index.BeginBlock(batch, 4, 1, 0);
        Assert.Null(database.Write(batch, sync: false));
        index.Committed();
        Assert.Equal([new IndexSegment(0, 1, 3, Segment + 1)], index.Segments);
        Assert.Null(index.Gap(1));
    }

    // Protects answers at full load, when segments are closed and put together while clients ask: what is on disk is found at
    // every moment.
    [Fact]
    public async Task What_is_on_disk_is_found_at_every_moment()
    {
        using TemporaryFolder folder = new();
        using RocksLedger ledger = Open(folder.Path);
        using CancellationTokenSource ended = new();
        Task filling = Task.Run(() => StoreSamples.Fill(ledger, 900, new Random(3)));
        Assert.True(SpinWait.SpinUntil(() => ledger.Newest.Sequence >= 30, TimeSpan.FromSeconds(60)));
        Dictionary<Hash256, TransactionState> early = Expected(ledger);
        Task<int> asking = Task.Run(() =>
        {
            int asked = 0;
            do
            {
                Check(ledger, early);
                asked++;
            }
            while (!ended.IsCancellationRequested);
            return asked;
        });
        Task tending = Task.Run(() =>
        {
            while (!ended.IsCancellationRequested)
            {
                Tend(ledger);
            }
        });
        await filling.WaitAsync(TimeSpan.FromSeconds(60));
        await ended.CancelAsync();
        Assert.True(await asking.WaitAsync(TimeSpan.FromSeconds(60)) > 0);
        await tending.WaitAsync(TimeSpan.FromSeconds(60));
    }

    // Protects answers through a merge that is written in parts: before, between and after them, and when a stop cuts it short;
    // what was written of it is gone then, and the next one is whole.
    [Fact]
    public void A_merge_that_was_cut_short_is_begun_again()
    {
        using TemporaryFolder folder = new();
        Dictionary<Hash256, TransactionState> expected;
        using (RocksLedger ledger = Open(folder.Path))
        {
            StoreSamples.Fill(ledger, 300, new Random(5));
            expected = Expected(ledger);
            for (int step = 0; step < 4; step++)
            {
                Assert.True(ledger.TendIndex(All, damage => Assert.Fail(damage), out string? error) && error is null);
                Check(ledger, expected);
            }
        }

        Assert.NotEmpty(MergedEntries(folder.Path));
        using (RocksLedger again = Open(folder.Path))
        {
            Check(again, expected);
        }

        Assert.Empty(MergedEntries(folder.Path));
        using (RocksLedger whole = Open(folder.Path))
        {
            Tend(whole);
            Check(whole, expected);
            Assert.Empty(Faults(whole));
        }

        Assert.NotEmpty(MergedEntries(folder.Path));
    }

    /// <summary>Keys of entries that a merge wrote.</summary>
    private static List<byte[]> MergedEntries(string folder)
    {
        using RocksDb database = OpenDatabase(folder);
        using RocksDbIterator values = database.Iterate(0);
        List<byte[]> keys = [];
        for (values.Seek("X\u0001"u8); values.Valid && values.Key[0] == (byte)'X'; values.Next())
        {
            keys.Add(values.Key.ToArray());
        }

        return keys;
    }

    /// <summary>Read from blocks and payloads alone.</summary>
    private static Dictionary<Hash256, TransactionState> Expected(RocksLedger ledger)
    {
        Dictionary<Hash256, TransactionState> states = [];
        TransactionScratch scratch = new();
        for (ulong sequence = ledger.FirstKept.Sequence; ledger.Final(sequence) is { } final; sequence++)
        {
            ulong index = final.Result.FirstIndex;
            int transaction = 0, rejected = 0;
            foreach (Hash256 hash in final.Order)
            {
                Assert.True(ledger.TryGetVertex(hash, out VertexHeader? header, out _, out byte[]? payload));
                Assert.True(scratch.TryCompute(payload, (int)header.TransactionCount, out _, out _));
                for (int i = 0; i < header.TransactionCount; i++)
                {
                    Hash256 id = new(scratch.Ids[(i * Hash256.Size)..]);
                    if (final.Result.IsAccepted(transaction++))
                    {
                        states[id] = new TransactionState(TransactionStage.Finalized, index++, sequence, TransactionRejection.None);
                    }
                    else if (TransactionOutcome.Rejected(final.Result.Rejections[rejected++], sequence) is var state
                        && (!states.TryGetValue(id, out TransactionState known) || known.Stage != TransactionStage.Finalized))
                    {
                        states[id] = state;
                    }
                }
            }
        }

        return states;
    }

    private static void Check(RocksLedger ledger, Dictionary<Hash256, TransactionState> expected)
    {
        foreach ((Hash256 id, TransactionState state) in expected)
        {
            Assert.True(ledger.TryFindTransaction(id, out TransactionState found), $"{id}, {state}");
            Assert.Equal(state, found);
        }

        Assert.False(ledger.TryFindTransaction(Hash256.Of("nobody's"u8), out _));
    }

    private static void Tend(RocksLedger ledger)
    {
        while (ledger.TendIndex(All, damage => Assert.Fail(damage), out string? error))
        {
            Assert.Null(error);
        }
    }

    private static List<string> Faults(RocksLedger ledger)
    {
        List<string> faults = [];
        ledger.Verify(faults.Add);
        return faults;
    }

    private static RocksLedger Open(string path) => RocksLedger.Open(
        Path.Combine(path, "ledger"), StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 1 << 20, indexSegment: Segment);

    private static RocksDb OpenDatabase(string path) => RocksDb.TryOpen(
        Path.Combine(path, "ledger"), ["default", "vertices", "edges", "metadata", "index_height", "index_timestamp", "finalized"],
        new RocksDbOptions { WriteBufferBytes = 1 << 20, CacheBytes = 1 << 20, BlobFamilies = ["default", "vertices"] }, out _)!;
}
