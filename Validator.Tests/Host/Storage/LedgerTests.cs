using System.Diagnostics;
using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;
using Validator.Host.Storage.Native;

namespace Validator.Tests.Host.Storage;

public class LedgerTests
{
    private static readonly string[] s_families =
        ["default", "vertices", "edges", "metadata", "index_height", "index_timestamp", "finalized"];

    private static readonly RocksDbOptions s_options = new()
    {
        WriteBufferBytes = 1 << 20,
        CacheBytes = 1 << 20,
        BlobFamilies = ["default", "vertices"],
    };

    /// <summary>
    /// Protects the stream: from any index, in pages of any size and after reopening, nothing is missing and nothing comes twice.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Finalized_stream_resumes_exactly(int seed)
    {
        using TemporaryFolder folder = new();
        Random random = new(seed);
        List<byte[]> accepted;
        using (RocksLedger ledger = Open(folder.Path))
        {
            accepted = StoreSamples.Fill(ledger, 60, random);
            CheckStream(ledger, accepted, 0);
            for (int i = 0; i < 10; i++)
            {
                // The newest blocks are read as they were executed, the others as they were written.
                CheckStream(ledger, accepted, random.Next(accepted.Count));
            }
        }

        using RocksLedger again = Open(folder.Path);
        for (int i = 0; i < 10; i++)
        {
            CheckStream(again, accepted, random.Next(accepted.Count));
        }
    }

    /// <summary>
    /// Protects the disk at full load: the ids of a block are written once, to a blob file, and not with every compaction again.
    /// </summary>
    [Fact]
    public void Ids_lie_in_blob_files()
    {
        using TemporaryFolder folder = new();
        byte[] id = new byte[Hash256.Size];
        using (RocksLedger ledger = Open(folder.Path))
        {
            StoreSamples.FillOneBlock(ledger, vertices: 4, transactions: 16, bytes: 100);
            Assert.True(ledger.TryReadIds(0, id));
            ledger.Compact();
        }

        bool Holds(string pattern) => Directory.GetFiles(folder.Path, pattern, SearchOption.AllDirectories)
            .Any(file => File.ReadAllBytes(file).AsSpan().IndexOf(id) >= 0);
        Assert.True(Holds("*.blob"));
        Assert.False(Holds("*.sst"));
    }

    /// <summary>Protects the stream's speed: a block of many pages is read from the disk once, not once for each page.</summary>
    [Fact]
    public void A_large_block_is_read_once_for_all_its_pages()
    {
        using TemporaryFolder folder = new();
        using RocksLedger ledger = Open(folder.Path);
        List<byte[]> accepted = StoreSamples.FillOneBlock(ledger, vertices: 24, transactions: 16, bytes: 30_000);
        CheckStream(ledger, accepted, 0);
        using FinalizedPage page = new();
        using FinalizedCursor cursor = new(0);
        long payload = accepted.Sum(t => (long)t.Length);
        long before = GC.GetAllocatedBytesForCurrentThread();
        int pages = 0;
        for (; cursor.Next < (ulong)accepted.Count; pages++)
        {
            page.Clear();
            Assert.True(ledger.ReadFinalized(cursor, (ulong)accepted.Count, page) > 0);
        }

        // Each page anew would copy half of the block's payload on average.
        Assert.True(pages > 60);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, payload, 2 * payload);
    }

    /// <summary>
    /// Protects envelopes from running twice: what execution knows of accounts is on disk with its block, and comes back as it
    /// was.
    /// </summary>
    [Fact]
    public void Accounts_come_back_as_they_were()
    {
        using TemporaryFolder folder = new();
        NonceTable nonces = new();
        using (RocksLedger ledger = Open(folder.Path))
        {
            StoreSamples.FillAccounts(ledger, nonces, blocks: 20, accounts: 300, new Random(1));
            AccountState state = ledger.FindAccount(new Hash256(nonces.Record(7)))!.Value;
            Assert.Equal(BinaryPrimitives.ReadUInt64LittleEndian(nonces.Record(7)[32..]), state.HighestNonce);
            Assert.Equal(BinaryPrimitives.ReadUInt64LittleEndian(nonces.Record(7)[40..]), state.Bitmap);
            Assert.Null(ledger.FindAccount(Hash256.Zero));
        }

        using RocksLedger again = Open(folder.Path);
        NonceTable loaded = new();
        Assert.True(loaded.Load(again.Accounts()));
        Assert.Equal((nonces.Count, nonces.Digest()), (loaded.Count, loaded.Digest()));
    }

    /// <summary>
    /// Protects operators from a riddle: a record cut anywhere, or with any of its lengths changed, is named as damage.
    /// </summary>
    [Fact]
    public void A_damaged_record_is_named_as_damage()
    {
        using TemporaryFolder folder = new();
        using (RocksLedger ledger = Open(folder.Path))
        {
            StoreSamples.FillOneBlock(ledger, vertices: 2, transactions: 3, bytes: 10);
        }

        byte[] key = [0, 0, 0, 0, 0, 0, 0, 1];
        byte[] sound = Overwrite(folder.Path, key, null);
        for (int length = 0; length < sound.Length; length = length < 20 ? length + 1 : length + 997)
        {
            Refuses(sound[..length]);
        }

        foreach (int field in new[] { 0, 4, 8 })
        {
            foreach (uint value in new uint[] { 0u, 1u, (uint)sound.Length, int.MaxValue, 0x8000_0000u, uint.MaxValue })
            {
                byte[] damaged = [.. sound];
                BinaryPrimitives.WriteUInt32LittleEndian(damaged.AsSpan(field), value);
                Refuses(damaged);
            }
        }

        void Refuses(byte[] record)
        {
            Overwrite(folder.Path, key, record);
            StoreException refusal = Assert.Throws<StoreException>(() => Open(folder.Path).Dispose());
            Assert.Equal(StoreFault.Corrupt, refusal.Fault);
            Assert.Contains("move it away", refusal.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>
    /// Protects small machines: of what nothing reads, nothing is written, and what older formats had of it goes.
    /// </summary>
    [Fact]
    public void What_nobody_reads_is_not_kept()
    {
        using TemporaryFolder folder = new();
        using (RocksLedger ledger = Open(folder.Path))
        {
            StoreSamples.Fill(ledger, 20, new Random(1));
        }

        Assert.Equal([0, 0], Records(0));
        Assert.Equal([3, 3], Records(3));
        string path = Path.Combine(folder.Path, "ledger");
        Assert.Equal(2, RocksLedger.Migrate(path, StoreSamples.Identity, 4 << 20, dryRun: false).Count);
        Assert.Equal([0, 0], Records(0));
        Open(folder.Path).Dispose();

        int[] Records(int added)
        {
            using RocksDb database = RocksDb.TryOpen(Path.Combine(folder.Path, "ledger"), s_families, s_options, out _)!;
            if (added > 0)
            {
                using RocksDbBatch older = new(database);
                older.Put(3, "I"u8, StoreSamples.Identity.Encode(StoreKind.Ledger, 2));
                Assert.Null(database.Write(older, sync: false));
            }

            return [.. new[] { 2, 5 }.Select(family =>
            {
                using RocksDbBatch batch = new(database);
                for (int i = 0; i < added; i++)
                {
                    batch.Put(family, [.. Enumerable.Repeat((byte)(0x7f * i), 16 * (i + 1))], default);
                }

                Assert.Null(database.Write(batch, sync: false));
                using RocksDbIterator records = database.Iterate(family);
                int count = 0;
                for (records.Seek([]); records.Valid; records.Next())
                {
                    count++;
                }

                return count;
            })];
        }
    }

    /// <summary>
    /// Protects round trips through blob files and families: vertices, blocks by hash and sequence, lanes above a height.
    /// </summary>
    [Fact]
    public void What_is_committed_is_read_back()
    {
        using TemporaryFolder folder = new();
        HeldVertex first = StoreSamples.Vertex(2, default, [[1, 2, 3]]);
        HeldVertex second = StoreSamples.Vertex(2, new LaneTip(1, first.Header.Hash), [[4], new byte[60_000]]);
        HeldVertex empty = StoreSamples.Vertex(3, default, []);
        using (RocksLedger ledger = Open(folder.Path))
        {
            foreach (HeldVertex vertex in new[] { first, second, empty })
            {
                ledger.AddVertex(vertex.Header, vertex.Signature, vertex.Payload);
            }

            Assert.False(ledger.TryGetVertex(first.Header.Hash, out _, out _, out _));
            Assert.True(ledger.Commit(out _));
            StoreSamples.Fill(ledger, 5, new Random(7));
        }

        using RocksLedger again = Open(folder.Path);
        foreach (HeldVertex vertex in new[] { first, second, empty })
        {
            Assert.True(again.TryGetVertex(vertex.Header.Hash, out VertexHeader? header, out byte[]? signature, out byte[]? payload));
            Assert.Equal(vertex.Header.Height, header.Height);
            Assert.Equal(vertex.Signature, signature);
            Assert.True(vertex.Payload.SequenceEqual(payload));
        }

        Assert.Contains(second.Header.Hash, again.VerticesAbove(0, 2, 1));
        Assert.DoesNotContain(first.Header.Hash, again.VerticesAbove(0, 2, 1));
        FinalRecord last = again.LastFinal()!;
        Assert.Equal(5u, last.Block.Sequence);
        Assert.Equal(last.Block.Hash, again.FindBlock(last.Block.Hash)!.Hash);
        Assert.Equal(last.Certificate!.BlockHash, again.FindFinal(5)!.Value.Certificate!.BlockHash);
        Assert.Null(again.FindFinal(6));
    }

    /// <summary>Protects the configured totals: many families share one write buffer and one cache.</summary>
    [Fact]
    public void Buffers_and_cache_are_totals_over_all_families()
    {
        const long total = 2 << 20;
        using TemporaryFolder folder = new();
        RocksDbOptions options = new() { Create = true, WriteBufferBytes = total, CacheBytes = total };
        using RocksDb database = RocksDb.TryOpen(folder.File("db"), ["default", "a", "b", "c"], options, out string? error)!;
        Assert.Null(error);
        using RocksDbBatch batch = new(database);
        byte[] value = new byte[16 * 1024];
        Random random = new(1);
        for (int i = 0; i < 1024; i++)
        {
            random.NextBytes(value);
            batch.Clear();
            batch.Put(i % 4, BitConverter.GetBytes(i), value);
            Assert.Null(database.Write(batch, sync: false));
        }

        Assert.Null(database.Flush());
        for (int i = 0; i < 1024; i++)
        {
            using PinnedValue read = database.Get(i % 4, BitConverter.GetBytes(i));
            Assert.Equal(value.Length, read.Span.Length);
        }

        // 16 MB went through: without a shared total four families would hold four buffers each.
        Assert.InRange((long)database.Property("rocksdb.cur-size-all-mem-tables\0"u8, perFamily: true), 0, 2 * total);
        Assert.InRange(database.CacheUsage, 1, total);
    }

    // Protects the syncs of votes: a flush leaves no faster than it may, whatever the disk could take.
    [Fact]
    public void Flushes_are_held_to_their_rate()
    {
        const int rate = 2 << 20;
        using TemporaryFolder folder = new();
        RocksDbOptions options = new() { Create = true, WriteBufferBytes = 32 << 20, CacheBytes = 1 << 20, Compression = 0, FlushBytesPerSecond = rate };
        using RocksDb database = RocksDb.TryOpen(folder.File("db"), ["default"], options, out _)!;
        using RocksDbBatch batch = new(database);
        batch.Put(0, [1], new byte[2 * rate]);
        Assert.Null(database.Write(batch, sync: false));
        long start = Stopwatch.GetTimestamp();
        Assert.Null(database.Flush());
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 1.5, double.MaxValue);
    }

    /// <summary>Replaces a stored block.</summary>
    /// <returns>The record as it was.</returns>
    private static byte[] Overwrite(string path, byte[] key, byte[]? value)
    {
        const int finalized = 6;
        using RocksDb database = RocksDb.TryOpen(Path.Combine(path, "ledger"), s_families, s_options, out _)!;
        using PinnedValue old = database.Get(finalized, key);
        byte[] record = old.Span.ToArray();
        if (value is not null)
        {
            using RocksDbBatch batch = new(database);
            batch.Put(finalized, key, value);
            Assert.Null(database.Write(batch, sync: false));
        }

        return record;
    }

    /// <summary>
    /// Protects one vertex per slot where votes are lost: the ledger knows the newest own vertex, in this epoch and before it;
    /// one that was made later, that holds more of us than it saw authored, or that was another key's, does not claim to.
    /// </summary>
    [Fact]
    public void The_own_lane_ends_where_it_was_authored()
    {
        using TemporaryFolder folder = new();
        HeldVertex first = StoreSamples.Vertex(1, default, [[1]]);
        HeldVertex second = StoreSamples.Vertex(1, Tip(first), [[2]]);
        HeldVertex third = StoreSamples.Vertex(1, Tip(second), [[3]]);
        EpochConfiguration next = StoreSamples.First with { Number = 1 };
        using (RocksLedger ledger = Open(folder.Path))
        {
            Add(ledger, first, own: false);
            Assert.Null(ledger.OwnTip(StoreSamples.First, 1));
            Add(ledger, second, own: true);
        }

        using (RocksLedger again = Open(folder.Path))
        {
            Assert.Equal(Tip(second), again.OwnTip(StoreSamples.First, 1));
            Assert.Equal(default(LaneTip), again.OwnTip(next, 1));
            Add(again, third, own: false);
            Assert.Null(again.OwnTip(StoreSamples.First, 1));
            again.ForgetOwnTip();
            Assert.Null(again.OwnTip(next, 1));
            again.AddOwnTip(third.Header);
            Assert.True(again.Commit(out _));
            Assert.Equal(Tip(third), again.OwnTip(StoreSamples.First, 1));
        }

        using RocksLedger other = RocksLedger.Open(
            Path.Combine(folder.Path, "ledger"), StoreSamples.Identity with { ConsensusKeyHash = Hash256.Of("new"u8) }, StoreSamples.Members,
            StoreSamples.DedupWindow, 8 << 20, 4 << 20, takeOver: static () => true);
        Assert.Null(other.OwnTip(next, 1));

        static LaneTip Tip(HeldVertex vertex) => new(vertex.Header.Height, vertex.Header.Hash);

        static void Add(RocksLedger ledger, HeldVertex vertex, bool own)
        {
            ledger.AddVertex(vertex.Header, vertex.Signature, vertex.Payload);
            if (own)
            {
                ledger.AddOwnTip(vertex.Header);
            }

            Assert.True(ledger.Commit(out _));
        }
    }

    private static RocksLedger Open(string path) =>
        RocksLedger.Open(Path.Combine(path, "ledger"), StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 4 << 20);

    internal static void CheckStream(RocksLedger ledger, List<byte[]> accepted, int from)
    {
        using FinalizedPage page = new();
        ulong next = (ulong)from;
        using FinalizedCursor cursor = new(next);
        ulong end = (ulong)accepted.Count;
        while (next < end)
        {
            page.Clear();
            int added = ledger.ReadFinalized(cursor, end, page);
            Assert.True(added > 0);
            foreach (FinalizedEntry entry in page.Entries)
            {
                Assert.Equal(next++, entry.Index);
                Assert.Equal(accepted[(int)entry.Index], page.Bytes.Slice(entry.Offset, entry.Length).ToArray());
            }
        }

        page.Clear();
        Assert.Equal(0, ledger.ReadFinalized(cursor, end, page));
    }
}
