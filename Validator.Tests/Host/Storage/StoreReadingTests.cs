using Validator.Host.Storage;

namespace Validator.Tests.Host.Storage;

/// <summary>What RocksDB has counted, read while a store is open.</summary>
public sealed class StoreReadingTests
{
    // Protects dashboards and alerts on the disk: what was read and written is counted, its times are in order, what was flushed
    // lies in files of its family; and a scrape beside the store's end gets nothing instead of ending the process.
    [Fact]
    public async Task A_store_says_what_it_has_done_until_it_is_closed()
    {
        using TemporaryFolder folder = new();
        RocksLedger ledger = RocksLedger.Open(
            folder.File("ledger"), StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 1 << 20, 1 << 20);
        StoreSamples.Fill(ledger, 400, new Random(1));
        for (ulong sequence = 1; sequence < 300; sequence++)
        {
            Assert.NotNull(ledger.Final(sequence));
        }

        ledger.Compact();
        StoreReading reading = ledger.Read()!;
        Assert.InRange(reading.Count("rocksdb.number.keys.written"), 800u, ulong.MaxValue);
        Assert.InRange(reading.Count("rocksdb.number.keys.read"), 299u, ulong.MaxValue);
        StoreTimes reads = reading.Times("rocksdb.db.get.micros");
        Assert.InRange(reads.Count, 299u, ulong.MaxValue);
        Assert.Equal([50, 95, 99], reads.Percentiles.Select(p => p.Percentile));
        Assert.Equal(reads.Percentiles.Select(p => p.Seconds).Order(), reads.Percentiles.Select(p => p.Seconds));
        Assert.InRange(reading.Times("rocksdb.db.flush.micros").Count, 1u, ulong.MaxValue);
        Assert.True(reading.Families.Single(f => f.Name == "finalized").Tables > 0);
        Assert.True(reading.Families.Single(f => f.Name == "vertices").Blobs > 0);
        Task<int> scraping = Task.Run(() =>
        {
            int answers = 0;
            while (ledger.Read() is not null)
            {
                answers++;
            }

            return answers;
        });
        await Task.Delay(20);
        ledger.Dispose();
        Assert.InRange(await scraping, 0, int.MaxValue);
        Assert.Null(ledger.Read());
    }
}
