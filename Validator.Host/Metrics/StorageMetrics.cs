using System.Globalization;
using Validator.Host.Storage;

namespace Validator.Host.Metrics;

/// <summary>What RocksDB says of both databases: label store, votes or ledger. Names as docs/METRICS.md has them.</summary>
internal static class StorageMetrics
{
    private const double Micros = 1e-6;

    public static void Fill(MetricsRegistry page, StoreReading[] stores)
    {
        Count("storage_reads_total", "Keys read.", s => s.Count("rocksdb.number.keys.read"));
        Count("storage_read_bytes_total", "Bytes of values read.", s => s.Count("rocksdb.bytes.read"));
        Times("storage_read_seconds", "One read, by percentile, since the start.", "rocksdb.db.get.micros");
        Count("storage_writes_total", "Keys written.", s => s.Count("rocksdb.number.keys.written"));
        Count("storage_written_bytes_total", "Bytes of keys and values written.", s => s.Count("rocksdb.bytes.written"));
        Times("storage_write_seconds", "One write to memory, by percentile, since the start.", "rocksdb.db.write.micros");
        Families("storage_table_bytes", "Table files, by column family.", f => f.Tables);
        Families("storage_blob_bytes", "Blob files, by column family.", f => f.Blobs);
        Families("storage_memory_bytes", "Write buffers, by column family.", f => f.Memory);
        Gauge("storage_cache_bytes", "Block cache in use.", s => s.CacheBytes);
        Count("storage_cache_hits_total", "Blocks found in the block cache.", s => s.Count("rocksdb.block.cache.hit"));
        Count("storage_cache_misses_total", "Blocks read from files.", s => s.Count("rocksdb.block.cache.miss"));
        Count(
            "storage_filter_saved_total", "Reads of a table that its filter made needless.",
            s => s.Count("rocksdb.bloom.filter.useful"));
        Count("storage_flushes_total", "Write buffers written to tables.", s => s.Times("rocksdb.db.flush.micros").Count);
        Count("storage_flushed_bytes_total", "Bytes of these.", s => s.Count("rocksdb.flush.write.bytes"));
        Count("storage_compactions_total", "Compactions.", s => s.Times("rocksdb.compaction.times.micros").Count);
        Count("storage_compaction_read_bytes_total", "Bytes that they read.", s => s.Count("rocksdb.compact.read.bytes"));
        Count("storage_compaction_written_bytes_total", "Bytes that they wrote.", s => s.Count("rocksdb.compact.write.bytes"));
        Gauge("storage_compaction_pending_bytes", "Bytes yet to compact, estimated.", s => Sum(s, f => f.CompactionPending));
        Gauge("storage_background_running", "Flushes and compactions that run now.", s => s.Running);
        Count("storage_background_errors_total", "Flushes and compactions that failed.", s => s.BackgroundErrors);
        Count(
            "storage_stalled_seconds_total", "Writers were held up for compaction.",
            s => s.Count("rocksdb.stall.micros") * Micros);

        void Count(string name, string help, Func<StoreReading, double> value) => Each(name, "counter", help, value);

        void Gauge(string name, string help, Func<StoreReading, double> value) => Each(name, "gauge", help, value);

        void Each(string name, string type, string help, Func<StoreReading, double> value)
        {
            page.Family(name, type, help);
            foreach (StoreReading store in stores)
            {
                page.Sample(value(store), ("store", store.Store));
            }
        }

        void Times(string name, string help, string times)
        {
            page.Family(name, "gauge", help);
            foreach (StoreReading store in stores)
            {
                foreach ((int percentile, double seconds) in store.Times(times).Percentiles)
                {
                    page.Sample(seconds, ("store", store.Store), ("percentile", percentile.ToString(CultureInfo.InvariantCulture)));
                }
            }
        }

        void Families(string name, string help, Func<FamilyReading, double> value)
        {
            page.Family(name, "gauge", help);
            foreach (StoreReading store in stores)
            {
                foreach (FamilyReading family in store.Families)
                {
                    page.Sample(value(family), ("store", store.Store), ("family", family.Name));
                }
            }
        }
    }

    private static double Sum(StoreReading store, Func<FamilyReading, double> value) => store.Families.Sum(value);
}
