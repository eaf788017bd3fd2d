using System.Runtime.InteropServices;
using System.Text;
using Validator.Core.Primitives;
using static Validator.Host.Storage.Native.RocksDbNative;

namespace Validator.Host.Storage.Native;

/// <summary>How one database is opened. Byte counts are totals over all of its column families.</summary>
internal sealed record RocksDbOptions
{
    public bool Create { get; init; }

    /// <summary>Read only: takes no lock and writes nothing.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Of the log of our own that a new store gets, <see cref="Log.LogBlock.Size"/> bytes each.</summary>
    public int LogBlocks { get; init; } = 16 * 1024;

    /// <summary>A new log is written through, which takes a while: not where a start waits for it.</summary>
    public bool LogWritten { get; init; }

    public required long WriteBufferBytes { get; init; }
    public required long CacheBytes { get; init; }

    /// <summary>
    /// Share of the write buffers that one family fills before it is flushed, in 256ths. Stores that differ in it do not flush
    /// together.
    /// </summary>
    public int FamilyShare { get; init; } = 128;

    /// <summary>Bytes a second that flushes and compactions together write; 0: without limit.</summary>
    public long FlushBytesPerSecond { get; init; }

    /// <summary>Table and blob files kept open; more of them are opened again for each read.</summary>
    public int OpenFiles { get; init; } = 512;

    /// <summary>Count reads, writes, flushes and the like, for <see cref="RocksDb.Statistics"/>.</summary>
    public bool Counts { get; init; }

    /// <summary>enum of c.h: 0 none, 4 LZ4, 7 Zstd.</summary>
    public int Compression { get; init; } = 4;

    /// <summary>The column families whose large values go to blob files, which compaction does not rewrite.</summary>
    public string[] BlobFamilies { get; init; } = [];
}
