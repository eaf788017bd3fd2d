using System.Runtime.InteropServices;

namespace Validator.Host.Storage.Native;

/// <summary>
/// RocksDB's C API, include/rocksdb/c.h of 7.8. All strings are bytes with a length, except paths and names: NUL-terminated.
/// </summary>
internal static unsafe partial class RocksDbNative
{
    // Environment: the process's background threads.
    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_create_default_env();

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_env_lower_thread_pool_cpu_priority(nint environment);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_env_lower_high_priority_thread_pool_cpu_priority(nint environment);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_env_destroy(nint environment);

    // Options.
    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_options_create();

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_destroy(nint options);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_create_if_missing(nint options, byte value);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_create_missing_column_families(nint options, byte value);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_error_if_exists(nint options, byte value);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_paranoid_checks(nint options, byte value);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_info_log_level(nint options, int level);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_max_log_file_size(nint options, nuint bytes);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_keep_log_file_num(nint options, nuint count);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_enable_statistics(nint options);

    [LibraryImport("validator_native")]
    internal static partial byte* rocksdb_options_statistics_get_string(nint options);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_stats_dump_period_sec(nint options, uint seconds);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_stats_persist_period_sec(nint options, uint seconds);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_max_open_files(nint options, int count);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_max_background_jobs(nint options, int count);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_wal_recovery_mode(nint options, int mode);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_max_total_wal_size(nint options, ulong bytes);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_bytes_per_sync(nint options, ulong bytes);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_use_direct_io_for_flush_and_compaction(nint options, byte value);

    /// <summary>Ours (eng/native/platform.c): 1 where RocksDB can write files of this folder past the page cache.</summary>
    [LibraryImport("validator_native")]
    internal static partial int validator_writes_direct(byte* folder);

    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_ratelimiter_create(long bytesPerSecond, long refillMicros, int fairness);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_ratelimiter_destroy(nint limiter);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_ratelimiter(nint options, nint limiter);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_db_write_buffer_size(nint options, nuint bytes);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_write_buffer_size(nint options, nuint bytes);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_max_write_buffer_number(nint options, int count);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_compression(nint options, int type);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_enable_blob_files(nint options, byte value);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_min_blob_size(nint options, ulong bytes);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_blob_file_size(nint options, ulong bytes);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_blob_compression_type(nint options, int type);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_max_file_opening_threads(nint options, int threads);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_set_options_cf(
        nint database, nint family, int count, byte** keys, byte** values, byte** error);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_options_set_block_based_table_factory(nint options, nint table);

    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_block_based_options_create();

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_block_based_options_destroy(nint table);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_block_based_options_set_block_cache(nint table, nint cache);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_block_based_options_set_cache_index_and_filter_blocks(nint table, byte value);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_block_based_options_set_filter_policy(nint table, nint policy);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_block_based_options_set_format_version(nint table, int version);

    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_filterpolicy_create_bloom_full(double bitsPerKey);

    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_cache_create_lru(nuint bytes);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_cache_destroy(nint cache);

    [LibraryImport("validator_native")]
    internal static partial nuint rocksdb_cache_get_usage(nint cache);

    // Database.
    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_open_for_read_only_column_families(
        nint options, byte* name, int families, byte** names, nint* familyOptions, nint* handles, byte errorIfLogExists, byte** error);

    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_open_column_families(
        nint options, byte* path, int count, byte** names, nint* familyOptions, nint* families, byte** error);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_column_family_handle_destroy(nint family);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_close(nint database);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_free(void* memory);

    [LibraryImport("validator_native")]
    internal static partial int rocksdb_property_int(nint database, byte* name, ulong* value);

    [LibraryImport("validator_native")]
    internal static partial int rocksdb_property_int_cf(nint database, nint family, byte* name, ulong* value);

    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_flushoptions_create();

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_flushoptions_destroy(nint options);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_flush_cf(nint database, nint options, nint family, byte** error);

    // A copy beside the database, of hard links where the disk allows them.
    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_checkpoint_object_create(nint database, byte** error);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_checkpoint_create(nint checkpoint, byte* folder, ulong logBytesToFlush, byte** error);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_checkpoint_object_destroy(nint checkpoint);

    // Reads.
    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_readoptions_create();

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_readoptions_destroy(nint options);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_readoptions_set_verify_checksums(nint options, byte value);

    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_get_pinned_cf(
        nint database, nint options, nint family, byte* key, nuint keyLength, byte** error);

    [LibraryImport("validator_native")]
    internal static partial byte* rocksdb_pinnableslice_value(nint slice, nuint* length);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_pinnableslice_destroy(nint slice);

    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_create_iterator_cf(nint database, nint options, nint family);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_iter_destroy(nint iterator);

    [LibraryImport("validator_native")]
    internal static partial byte rocksdb_iter_valid(nint iterator);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_iter_seek(nint iterator, byte* key, nuint length);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_iter_seek_for_prev(nint iterator, byte* key, nuint length);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_iter_next(nint iterator);

    [LibraryImport("validator_native")]
    internal static partial byte* rocksdb_iter_key(nint iterator, nuint* length);

    [LibraryImport("validator_native")]
    internal static partial byte* rocksdb_iter_value(nint iterator, nuint* length);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_iter_get_error(nint iterator, byte** error);

    // Writes.
    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_writeoptions_create();

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_writeoptions_destroy(nint options);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_writeoptions_set_sync(nint options, byte value);

    [LibraryImport("validator_native", EntryPoint = "rocksdb_writeoptions_disable_WAL")]
    internal static partial void rocksdb_writeoptions_disable_wal(nint options, int value);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_write(nint database, nint options, nint batch, byte** error);

    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_writebatch_create();

    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_writebatch_create_from(byte* data, nuint size);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_writebatch_destroy(nint batch);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_writebatch_clear(nint batch);

    [LibraryImport("validator_native")]
    internal static partial int rocksdb_writebatch_count(nint batch);

    [LibraryImport("validator_native")]
    internal static partial byte* rocksdb_writebatch_data(nint batch, nuint* size);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_writebatch_put_cf(
        nint batch, nint family, byte* key, nuint keyLength, byte* value, nuint valueLength);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_writebatch_putv_cf(
        nint batch, nint family, int keys, byte** keyParts, nuint* keyLengths, int values, byte** valueParts, nuint* valueLengths);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_writebatch_delete_cf(nint batch, nint family, byte* key, nuint keyLength);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_writebatch_delete_range_cf(
        nint batch, nint family, byte* start, nuint startLength, byte* end, nuint endLength);

    // Compaction by hand.
    [LibraryImport("validator_native")]
    internal static partial nint rocksdb_compactoptions_create();

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_compactoptions_destroy(nint options);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_compactoptions_set_exclusive_manual_compaction(nint options, byte value);

    [LibraryImport("validator_native")]
    internal static partial void rocksdb_compact_range_cf_opt(
        nint database, nint family, nint options, byte* start, nuint startLength, byte* limit, nuint limitLength);
}
