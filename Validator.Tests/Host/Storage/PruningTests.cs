using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Storage;

public class PruningTests
{
    private const int Every = 40;

    /// <summary>
    /// Protects readers and restarts of a pruned ledger: what is kept is served exactly, what is gone is said to be gone, and the
    /// executed state is whole without the blocks that made it.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void What_is_kept_is_served_and_the_state_is_whole_without_the_rest(int seed)
    {
        using TemporaryFolder folder = new();
        Executor executor = StoreSamples.NewExecutor();
        List<byte[]> accepted;
        ChainPosition kept;
        using (RocksLedger ledger = Open(folder.Path))
        {
            accepted = StoreSamples.Fill(ledger, 400, new Random(seed), Every, executor);
            Hash256[] old = ledger.Final(100)!.Order;
            using FinalizedCursor reader = new(0);
            using FinalizedPage page = new();
            Assert.True(ledger.ReadFinalized(reader, (ulong)accepted.Count, page) > 0);
            PruneAll(ledger, new Retention(150, ulong.MaxValue));
            kept = ledger.FirstKept;
            Assert.Equal(251u, kept.Sequence);
            Assert.Null(ledger.Final(250));
            Assert.All(old, hash => Assert.False(ledger.TryGetVertex(hash, out _, out _, out _)));
            page.Clear();
            Assert.Equal(FinalizedCursor.Gone, ledger.ReadFinalized(reader, (ulong)accepted.Count, page));
            Assert.Equal([320ul, 360ul, 400ul], ledger.Snapshots());
            CheckStream(ledger, accepted, kept.Index);
        }

        using RocksLedger again = Open(folder.Path);
        Assert.Equal(kept, again.FirstKept);
        Assert.Null(again.Final(kept.Sequence - 1));
        CheckStream(again, accepted, kept.Index);
        FinalRecord last = again.LastFinal()!;
        Executor restored = StoreSamples.NewExecutor();
        ulong next = last.Result.FirstIndex + last.Result.Accepted;
        ulong from = restored.BeginRestore(last.Block.Sequence, last.Result.Root, next);
        byte[] ids = new byte[(int)(next - from) * Hash256.Size];
        Assert.True(again.TryReadIds(from, ids));
        Assert.True(restored.LoadIds(ids));
        SnapshotState was = executor.Capture();
        SnapshotState now = restored.Capture();
        Assert.Equal((was.Sequence, was.NextIndex), (now.Sequence, now.NextIndex));
        Assert.Equal(was.Segments, now.Segments);
        Assert.Equal(last.Result.Root, again.FindState(400)!.Value.Root);
        PruneAll(again, new Retention(ulong.MaxValue, 10));
        Assert.Equal(320u, again.FirstKept.Sequence);
    }

    /// <summary>
    /// Protects disks: what is deleted is given back, payload and keys, without writing the payload that stays anew.
    /// </summary>
    [Fact]
    public void Deleted_room_is_given_back()
    {
        using TemporaryFolder folder = new();
        using RocksLedger ledger = Open(folder.Path);
        StoreSamples.Fill(ledger, 1500, new Random(3), Every);
        ledger.Compact();
        long full = Size(folder.Path);
        PruneAll(ledger, new Retention(150, ulong.MaxValue));
        ledger.Compact();
        Assert.InRange(Size(folder.Path), 0, full / 3);
    }

    private static void PruneAll(RocksLedger ledger, Retention retention)
    {
        while (ledger.Prune(retention, out string? error) > 0)
        {
            Assert.Null(error);
        }
    }

    // The log is kept until its families are flushed, whatever they hold; tables and blobs are what grows.
    private static long Size(string path) => Directory.EnumerateFiles(Path.Combine(path, "ledger"))
        .Where(f => f.EndsWith(".sst", StringComparison.Ordinal) || f.EndsWith(".blob", StringComparison.Ordinal))
        .Sum(f => new FileInfo(f).Length);

    private static RocksLedger Open(string path) => RocksLedger.Open(
        Path.Combine(path, "ledger"), StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 1 << 20);

    private static void CheckStream(RocksLedger ledger, List<byte[]> accepted, ulong from)
    {
        using FinalizedPage page = new();
        using FinalizedCursor cursor = new(from);
        for (ulong next = from; next < (ulong)accepted.Count;)
        {
            page.Clear();
            Assert.True(ledger.ReadFinalized(cursor, (ulong)accepted.Count, page) > 0);
            foreach (FinalizedEntry entry in page.Entries)
            {
                Assert.Equal(next, entry.Index);
                Assert.Equal(accepted[(int)next++], page.Bytes.Slice(entry.Offset, entry.Length).ToArray());
            }
        }
    }
}
