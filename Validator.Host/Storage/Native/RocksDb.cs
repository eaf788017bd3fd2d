using System.Runtime.InteropServices;
using System.Text;
using Validator.Core.Primitives;
using Validator.Host.Storage.Log;
using static Validator.Host.Storage.Native.RocksDbNative;

namespace Validator.Host.Storage.Native;

/// <summary>
/// An open RocksDB: one writer, readers on any thread until <see cref="Dispose"/>. Faults are returned as text. Only what version
/// 7.8 can read is written. Column family handles are freed before the database, or Debian's build aborts on an assertion.
/// </summary>
internal sealed unsafe class RocksDb : IDisposable
{
    // From the enums in c.h. An incomplete record at a log's end is a write that never returned; any other damage is refused.
    private const long RefillMicros = 20_000;

    /// <summary>One in so many rounds compaction goes before flushes: RocksDB's own value.</summary>
    private const int LimiterFairness = 10;
    private const int TolerateCorruptedTailRecords = 0;
    private const int WarnLevel = 2;

    private const int TableFormatVersion = 5;
    private const double BloomBitsPerKey = 10;
    private const ulong MinBlobBytes = 1024;
    private const ulong BlobFileBytes = 64 * 1024 * 1024;
    private const ulong MinWalBytes = 64 * 1024 * 1024;

    private readonly nint[] _families;
    private readonly nint _readOptions;
    private readonly nint _syncedWrite;
    private readonly nint _unsyncedWrite;
    private readonly nint _loggedWrite;
    private readonly nint _cache;
    private readonly Lock _closing = new();
    private nint _database;

    /// <summary>Its options, where it counts: what it has counted is read through them. Else 0.</summary>
    private nint _counted;

    /// <summary>
    /// Flushes and compactions yield to the pipeline: they come in bursts that fill a core, and what they have not written yet is
    /// in the log. All databases of the process share RocksDB's threads.
    /// </summary>
    static RocksDb()
    {
        nint environment = rocksdb_create_default_env();
        rocksdb_env_lower_thread_pool_cpu_priority(environment);
        rocksdb_env_lower_high_priority_thread_pool_cpu_priority(environment);
        rocksdb_env_destroy(environment);
    }

    private RocksDb(nint database, nint[] families, nint cache)
    {
        _database = database;
        _families = families;
        _cache = cache;
        _readOptions = rocksdb_readoptions_create();
        rocksdb_readoptions_set_verify_checksums(_readOptions, 1);
        _syncedWrite = rocksdb_writeoptions_create();
        rocksdb_writeoptions_set_sync(_syncedWrite, 1);
        _unsyncedWrite = rocksdb_writeoptions_create();
        _loggedWrite = rocksdb_writeoptions_create();
        rocksdb_writeoptions_disable_wal(_loggedWrite, 1);
    }

    /// <summary>Opens with exactly these column families; family 0 is "default".</summary>
    /// <returns>Null on failure, with RocksDB's text in <paramref name="error"/>.</returns>
    public static RocksDb? TryOpen(string path, ReadOnlySpan<string> families, RocksDbOptions settings, out string? error)
    {
        nint cache = rocksdb_cache_create_lru((nuint)settings.CacheBytes);
        nint[] options = new nint[families.Length];
        nint[] handles = new nint[families.Length];
        byte** names = stackalloc byte*[families.Length];
        nint pathText = Marshal.StringToCoTaskMemUTF8(path);
        for (int i = 0; i < families.Length; i++)
        {
            options[i] = FamilyOptions(settings, cache, blobs: settings.BlobFamilies.Contains(families[i]));
            names[i] = (byte*)Marshal.StringToCoTaskMemUTF8(families[i]);
        }

        nint databaseOptions = DatabaseOptions(settings, cache, (byte*)pathText);
        nint database;
        byte* text = null;
        fixed (nint* optionList = options)
        fixed (nint* handleList = handles)
        {
            database = settings.ReadOnly
                ? rocksdb_open_for_read_only_column_families(
                    databaseOptions, (byte*)pathText, families.Length, names, optionList, handleList, errorIfLogExists: 0, &text)
                : rocksdb_open_column_families(databaseOptions, (byte*)pathText, families.Length, names, optionList, handleList, &text);
        }

        nint counted = settings.Counts && text is null ? databaseOptions : 0;
        if (counted == 0)
        {
            rocksdb_options_destroy(databaseOptions);
        }

        for (int i = 0; i < families.Length; i++)
        {
            rocksdb_options_destroy(options[i]);
            Marshal.FreeCoTaskMem((nint)names[i]);
        }

        Marshal.FreeCoTaskMem(pathText);
        error = TakeError(text);
        if (error is not null)
        {
            rocksdb_cache_destroy(cache);
            return null;
        }

        return new RocksDb(database, handles, cache) { _counted = counted, FamilyNames = families.ToArray() };
    }

    /// <summary>As it was opened with.</summary>
    public string[] FamilyNames { get; private init; } = [];

    /// <summary>Bytes in the block cache now.</summary>
    public long CacheUsage => (long)rocksdb_cache_get_usage(_cache);

    /// <summary>The value of a key, pinned where RocksDB has it. Dispose it soon; throws on damage.</summary>
    public PinnedValue Get(int family, ReadOnlySpan<byte> key)
    {
        Require.That(_database != 0);
        byte* text = null;
        nint slice;
        fixed (byte* keyBytes = key)
        {
            slice = rocksdb_get_pinned_cf(_database, _readOptions, _families[family], keyBytes, (nuint)key.Length, &text);
        }

        ThrowIfError(text);
        return new PinnedValue(slice);
    }

    public RocksDbIterator Iterate(int family)
    {
        Require.That(_database != 0);
        return new RocksDbIterator(rocksdb_create_iterator_cf(_database, _readOptions, _families[family]));
    }

    /// <summary>Takes the place of RocksDB's log from now on, and is disposed with the database.</summary>
    public StoreLog? Log { get; set; }

    /// <summary>
    /// Writes a batch atomically; with <paramref name="sync"/>, and always where there is a log of our own, it is on disk when
    /// this returns null.
    /// </summary>
    /// <returns>What failed, in words.</returns>
    public string? Write(RocksDbBatch batch, bool sync) =>
        Log is { } log ? log.Write(batch) : Write(batch, sync ? _syncedWrite : _unsyncedWrite);

    /// <summary>Writes a batch that is in our log, to memory.</summary>
    public string? WriteLogged(RocksDbBatch batch) => Write(batch, _loggedWrite);

    /// <summary>Writes a batch, synced, to RocksDB's own log.</summary>
    public string? WritePastLog(RocksDbBatch batch) => Write(batch, _syncedWrite);

    internal nint Family(int family) => _families[family];

    /// <summary>
    /// Sets whether large values of a family are compressed, from the next blob file on. Files written before stay readable.
    /// </summary>
    /// <returns>RocksDB's text on failure.</returns>
    public string? SetBlobCompression(int family, bool compresses)
    {
        Require.That(_database != 0);
        byte* text = null;
        fixed (byte* key = "blob_compression_type\0"u8)
        fixed (byte* value = compresses ? "kLZ4Compression\0"u8 : "kNoCompression\0"u8)
        {
            byte* keyText = key;
            byte* valueText = value;
            rocksdb_set_options_cf(_database, _families[family], 1, &keyText, &valueText, &text);
        }

        return TakeError(text);
    }

    /// <summary>Writes all memtables to table files.</summary>
    public string? Flush()
    {
        nint options = rocksdb_flushoptions_create();
        string? error = null;
        foreach (nint family in _families)
        {
            byte* text = null;
            rocksdb_flush_cf(_database, options, family, &text);
            error ??= TakeError(text);
        }

        rocksdb_flushoptions_destroy(options);
        return error;
    }

    /// <summary>
    /// Makes a folder with all that was written, which nothing changes any more: hard links to tables, on the same disk.
    /// Memtables are flushed first; families one after the other, so nobody may write meanwhile.
    /// </summary>
    /// <param name="folder">Does not exist yet.</param>
    /// <returns>RocksDB's text on failure.</returns>
    public string? CopyTo(string folder)
    {
        Require.That(_database != 0);
        byte* text = null;
        nint checkpoint = rocksdb_checkpoint_object_create(_database, &text);
        if (TakeError(text) is { } error)
        {
            return error;
        }

        nint path = Marshal.StringToCoTaskMemUTF8(folder);
        text = null;
        rocksdb_checkpoint_create(checkpoint, (byte*)path, logBytesToFlush: 0, &text);
        Marshal.FreeCoTaskMem(path);
        rocksdb_checkpoint_object_destroy(checkpoint);
        return TakeError(text);
    }

    /// <summary>
    /// Rewrites the tables of a family without what was deleted in them. Values in blob files stay where they are; a file without
    /// live values is deleted. Takes long; writers and other compactions go on meanwhile.
    /// </summary>
    /// <param name="start">The first key; empty: all from the beginning.</param>
    /// <param name="limit">The last key; empty: all to the end.</param>
    public void Compact(int family, ReadOnlySpan<byte> start = default, ReadOnlySpan<byte> limit = default)
    {
        Require.That(_database != 0);
        nint options = rocksdb_compactoptions_create();
        rocksdb_compactoptions_set_exclusive_manual_compaction(options, 0);
        fixed (byte* from = start, to = limit)
        {
            rocksdb_compact_range_cf_opt(
                _database, _families[family], options, from, (nuint)start.Length, to, (nuint)limit.Length);
        }

        rocksdb_compactoptions_destroy(options);
    }

    /// <summary>An integer property of one column family; 0 when RocksDB does not know it.</summary>
    /// <param name="name">NUL-terminated.</param>
    public ulong Property(ReadOnlySpan<byte> name, int family)
    {
        Require.That(_database != 0 && name[^1] == 0);
        ulong value;
        fixed (byte* text = name)
        {
            return rocksdb_property_int_cf(_database, _families[family], text, &value) == 0 ? value : 0;
        }
    }

    /// <summary>An integer property of one column family, or summed over all of them; 0 when RocksDB does not know it.</summary>
    /// <param name="name">NUL-terminated.</param>
    public ulong Property(ReadOnlySpan<byte> name, bool perFamily)
    {
        Require.That(_database != 0 && name[^1] == 0);
        ulong sum = 0;
        ulong value;
        fixed (byte* text = name)
        {
            if (!perFamily)
            {
                return rocksdb_property_int(_database, text, &value) == 0 ? value : 0;
            }

            foreach (nint family in _families)
            {
                sum += rocksdb_property_int_cf(_database, family, text, &value) == 0 ? value : 0;
            }
        }

        return sum;
    }

    /// <summary>
    /// What was counted since it was opened, as RocksDB tells it: a line for each count or distribution. Null where it does not
    /// count, or is closed. Any thread.
    /// </summary>
    /// <param name="more">Called with the open database beside it.</param>
    public string? Statistics(Action<RocksDb> more)
    {
        lock (_closing)
        {
            if (_database == 0 || _counted == 0)
            {
                return null;
            }

            more(this);
            byte* text = rocksdb_options_statistics_get_string(_counted);
            string counts = Encoding.ASCII.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text));
            rocksdb_free(text);
            return counts;
        }
    }

    public void Dispose()
    {
        lock (_closing)
        {
            Close();
        }
    }

    private void Close()
    {
        if (_database == 0)
        {
            return;
        }

        Log?.Dispose();
        nint database = Interlocked.Exchange(ref _database, 0);

        foreach (nint family in _families)
        {
            rocksdb_column_family_handle_destroy(family);
        }

        rocksdb_close(database);
        if (_counted != 0)
        {
            rocksdb_options_destroy(_counted);
        }

        rocksdb_readoptions_destroy(_readOptions);
        rocksdb_writeoptions_destroy(_syncedWrite);
        rocksdb_writeoptions_destroy(_unsyncedWrite);
        rocksdb_writeoptions_destroy(_loggedWrite);
        rocksdb_cache_destroy(_cache);
    }

    /// <summary>Copies and frees RocksDB's error text.</summary>
    internal static string? TakeError(byte* text)
    {
        if (text is null)
        {
            return null;
        }

        string error = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text));
        rocksdb_free(text);
        return error;
    }

    internal static void ThrowIfError(byte* text)
    {
        if (TakeError(text) is { } error)
        {
            throw StoreErrors.Read(error);
        }
    }

    private string? Write(RocksDbBatch batch, nint options)
    {
        Require.That(_database != 0);
        byte* text = null;
        rocksdb_write(_database, options, batch.Handle, &text);
        return TakeError(text);
    }

    /// <param name="path">An existing folder.</param>
    private static nint DatabaseOptions(RocksDbOptions settings, nint cache, byte* path)
    {
        nint options = FamilyOptions(settings, cache, blobs: false);
        byte create = settings.Create ? (byte)1 : (byte)0;
        rocksdb_options_set_create_if_missing(options, create);
        rocksdb_options_set_create_missing_column_families(options, create);
        rocksdb_options_set_error_if_exists(options, create);
        rocksdb_options_set_paranoid_checks(options, 1);
        rocksdb_options_set_wal_recovery_mode(options, TolerateCorruptedTailRecords);
        rocksdb_options_set_db_write_buffer_size(options, (nuint)settings.WriteBufferBytes);
        // The default is a multiple of all families' buffers: several times what one would expect on disk.
        rocksdb_options_set_max_total_wal_size(options, Math.Max(MinWalBytes, 2 * (ulong)settings.WriteBufferBytes));
        rocksdb_options_set_max_open_files(options, settings.OpenFiles);
        // The default is 16 for each family that has few files or none.
        rocksdb_options_set_max_file_opening_threads(options, 1);
        rocksdb_options_set_max_background_jobs(options, 2);
        rocksdb_options_set_bytes_per_sync(options, 1024 * 1024);
        if (settings.FlushBytesPerSecond > 0)
        {
            // In pieces of a fiftieth of a second: a burst of a whole flush holds up the syncs of votes for as long as it takes.
            nint limiter = rocksdb_ratelimiter_create(settings.FlushBytesPerSecond, RefillMicros, LimiterFairness);
            rocksdb_options_set_ratelimiter(options, limiter);
            rocksdb_ratelimiter_destroy(limiter);
        }

        // Flushed data is read again from RocksDB's caches or not at all: the kernel need not copy and keep it.
        rocksdb_options_set_use_direct_io_for_flush_and_compaction(options, (byte)validator_writes_direct(path));
        rocksdb_options_set_info_log_level(options, WarnLevel);
        rocksdb_options_set_max_log_file_size(options, 1024 * 1024);
        rocksdb_options_set_keep_log_file_num(options, 4);
        if (settings.Counts)
        {
            rocksdb_options_enable_statistics(options);
        }

        rocksdb_options_set_stats_dump_period_sec(options, 0);
        rocksdb_options_set_stats_persist_period_sec(options, 0);
        return options;
    }

    private static nint FamilyOptions(RocksDbOptions settings, nint cache, bool blobs)
    {
        nint options = rocksdb_options_create();
        // About half of the total: one family fills while its last buffer is flushed, and the total still bounds them all.
        rocksdb_options_set_write_buffer_size(options, (nuint)Math.Max(64 * 1024, settings.WriteBufferBytes * settings.FamilyShare / 256));
        rocksdb_options_set_max_write_buffer_number(options, 4);
        rocksdb_options_set_compression(options, settings.Compression);
        if (blobs)
        {
            rocksdb_options_set_enable_blob_files(options, 1);
            rocksdb_options_set_min_blob_size(options, MinBlobBytes);
            rocksdb_options_set_blob_file_size(options, BlobFileBytes);
            rocksdb_options_set_blob_compression_type(options, settings.Compression);
        }

        nint table = rocksdb_block_based_options_create();
        rocksdb_block_based_options_set_format_version(table, TableFormatVersion);
        rocksdb_block_based_options_set_block_cache(table, cache);
        // Otherwise index and filter blocks lie outside the cache's total, and grow with the data.
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
        rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(BloomBitsPerKey));
        rocksdb_options_set_block_based_table_factory(options, table);
        rocksdb_block_based_options_destroy(table);
        return options;
    }
}
