using Validator.Core.Primitives;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>A column family as it is.</summary>
/// <param name="Tables">Bytes of its table files.</param>
/// <param name="Blobs">Bytes of its blob files.</param>
/// <param name="Memory">Bytes of its write buffers.</param>
/// <param name="CompactionPending">Bytes that compaction has yet to rewrite, by RocksDB's estimate.</param>
public readonly record struct FamilyReading(string Name, ulong Tables, ulong Blobs, ulong Memory, ulong CompactionPending);

/// <summary>How long one kind of operation took since the database was opened.</summary>
/// <param name="Percentiles">The 50th, 95th and 99th.</param>
public readonly record struct StoreTimes((int Percentile, double Seconds)[] Percentiles, ulong Count);

/// <summary>What a database has counted since it was opened.</summary>
public sealed class StoreReading
{
    private const double Micros = 1e-6;
    private readonly Dictionary<string, ulong> _counts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StoreTimes> _times = new(StringComparer.Ordinal);

    private StoreReading(string store, FamilyReading[] families, ulong cacheBytes, ulong errors, ulong running)
    {
        Store = store;
        Families = families;
        CacheBytes = cacheBytes;
        BackgroundErrors = errors;
        Running = running;
    }

    /// <summary>votes or ledger.</summary>
    public string Store { get; }

    public FamilyReading[] Families { get; }

    /// <summary>Bytes in the block cache.</summary>
    public ulong CacheBytes { get; }

    /// <summary>Failures of flushes and compactions.</summary>
    public ulong BackgroundErrors { get; }

    /// <summary>Flushes and compactions that run now.</summary>
    public ulong Running { get; }

    /// <summary>Null where it does not count, or is closed.</summary>
    internal static StoreReading? Of(string store, RocksDb database)
    {
        StoreReading? reading = null;
        string? counts = database.Statistics(open => reading = new StoreReading(
            store,
            [.. open.FamilyNames.Select((name, family) => new FamilyReading(
                name,
                open.Property("rocksdb.total-sst-files-size\0"u8, family),
                open.Property("rocksdb.total-blob-file-size\0"u8, family),
                open.Property("rocksdb.cur-size-all-mem-tables\0"u8, family),
                open.Property("rocksdb.estimate-pending-compaction-bytes\0"u8, family)))],
            (ulong)open.CacheUsage,
            open.Property("rocksdb.background-errors\0"u8, perFamily: false),
            open.Property("rocksdb.num-running-flushes\0"u8, perFamily: false)
                + open.Property("rocksdb.num-running-compactions\0"u8, perFamily: false)));
        return reading?.With(counts!);
    }

    /// <summary>A count of RocksDB's, by its name there.</summary>
    /// <exception cref="KeyNotFoundException">It has no such one.</exception>
    public ulong Count(string name) => _counts[name];

    /// <summary>A distribution of times of RocksDB's, by its name there.</summary>
    /// <exception cref="KeyNotFoundException">It has no such one.</exception>
    public StoreTimes Times(string name) => _times[name];

    /// <summary>Lines "NAME COUNT : N" and "NAME P50 : X P95 : X P99 : X P100 : X COUNT : N SUM : N", microseconds.</summary>
    private StoreReading With(string counts)
    {
        foreach (string line in counts.Split('\n'))
        {
            string[] words = line.Split((char[])[' ', ':'], StringSplitOptions.RemoveEmptyEntries);
            if (words is [string count, "COUNT", string number] && StrictNumber.TryRead(number, out ulong counted))
            {
                _counts[count] = counted;
            }
            else if (words is [string times, "P50", string p50, "P95", string p95, "P99", string p99, "P100", _, "COUNT", string of, ..]
                && StrictNumber.TryReadReal(p50, out double half) && StrictNumber.TryReadReal(p95, out double most)
                && StrictNumber.TryReadReal(p99, out double nearly) && StrictNumber.TryRead(of, out ulong took))
            {
                _times[times] = new StoreTimes([(50, half * Micros), (95, most * Micros), (99, nearly * Micros)], took);
            }
        }

        return this;
    }
}
