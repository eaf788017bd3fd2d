using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Validator.Core.Primitives;

namespace Validator.Host.Storage.Log;

/// <summary>
/// A write-ahead log in a ring of blocks that are overwritten in place, so that a synced write changes no metadata. A commit is a
/// row of whole blocks, durable before the next one is begun; a block is overwritten once a durable commit said that it is not
/// needed. One thread.
/// <para>
/// At the start commits are taken from the first that is needed on, each while all of its blocks are there: with a right sum, at
/// their place, of this lap and commit, of one life. So a torn, lost, misdirected, stale or rotten block ends the row. It is the
/// log's end only if no block of a later commit is found anywhere: commit n + 1 is begun only after n was acknowledged, so a
/// block of n + 1 proves that n was durable, and that the disk has damaged it since. Then the log is refused, and nothing is cut
/// off. What is left of a commit that was never acknowledged has the number of the one written over it and another life, so it
/// proves nothing and is never mixed with it. Damage of the very last acknowledged commit alone cannot be told from a write that
/// was cut short; closing adds an empty commit behind it.
/// </para>
/// </summary>
internal sealed unsafe class WriteAheadLog : IDisposable
{
    private const int ReadBlocks = 256;
    private const int LeastBlocks = 8;

    private readonly ILogDisk _disk;
    private readonly byte[] _key;
    private ulong _life;
    private byte* _room;
    private int _roomBytes;
    private LogEnd _end = new(0, 1);
    private LogEnd _needed = new(0, 1);
    private LogEnd _said = new(0, 1);
    private string? _failure;

    private WriteAheadLog(ILogDisk disk, ReadOnlySpan<byte> key)
    {
        _disk = disk;
        _key = key.ToArray();
    }

    /// <summary>Where the next commit goes.</summary>
    public LogEnd End => _end;

    /// <summary>Blocks that hold what the database may lack.</summary>
    public long Used => (long)(_end.Number - _needed.Number);

    /// <summary>Blocks in all.</summary>
    public long Blocks => _disk.Blocks;

    /// <summary>The most bytes of a commit in a log of so many blocks.</summary>
    public static long MostBytes(long blocks) => blocks / 4 * LogBlock.DataBytes;

    /// <summary>Reads a log, and makes durable what it hands over.</summary>
    /// <param name="key">32 bytes: whose log it is.</param>
    /// <param name="applied">The newest commit of which the database holds something; 0: none.</param>
    /// <param name="replay">Gets the number and data of each commit that the database may lack, in order.</param>
    /// <exception cref="StoreException">It is damaged, or the disk fails.</exception>
    /// <exception cref="IOException">The disk fails.</exception>
    public static WriteAheadLog Open(ILogDisk disk, ReadOnlySpan<byte> key, ulong applied, LogReplay replay)
    {
        WriteAheadLog log = new(disk, key);
        try
        {
            log.Recover(applied, replay);
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Makes a commit durable. After a failure every later one fails too: what the failed one left on the disk is only known at
    /// the next start.
    /// </summary>
    /// <returns>What failed, in words.</returns>
    public string? Append(ReadOnlySpan<byte> data)
    {
        int count = CountOf(data.Length);
        Require.That(HasRoom(data.Length), "a commit is appended only where nothing needed is overwritten");
        if (_failure is not null)
        {
            return _failure;
        }

        LogEnd needed = _needed;
        Span<byte> blocks = Room(count * LogBlock.Size);
        for (int i = 0; i < count; i++)
        {
            Span<byte> block = blocks.Slice(i * LogBlock.Size, LogBlock.Size);
            ReadOnlySpan<byte> part = data[(i * LogBlock.DataBytes)..];
            part = part[..Math.Min(part.Length, LogBlock.DataBytes)];
            part.CopyTo(block[LogBlock.HeaderBytes..]);
            block[(LogBlock.HeaderBytes + part.Length)..].Clear();
            ulong number = _end.Number + (ulong)i;
            LogBlock says = new(
                number, _life, _end.Commit, (uint)i, (uint)count, (uint)data.Length, needed.Number, needed.Commit);
            says.Write(block);
        }

        LogBlock.Seal(_key, blocks);

        long place = (long)(_end.Number % (ulong)_disk.Blocks);
        int first = (int)Math.Min(count, _disk.Blocks - place);
        _failure = _disk.Write(place, blocks[..(first * LogBlock.Size)]);
        if (_failure is null && first < count)
        {
            _failure = _disk.Write(0, blocks[(first * LogBlock.Size)..]);
        }

        if (_failure is null)
        {
            _end = new LogEnd(_end.Number + (ulong)count, _end.Commit + 1);
            _said = needed;
        }

        return _failure;
    }

    /// <summary>
    /// Whether a commit fits beside what is needed. What is no longer counts as free only once a durable commit says so: until
    /// then the next start would begin with it.
    /// </summary>
    /// <param name="spare">Blocks that stay free after it.</param>
    public bool HasRoom(int bytes, int spare = 0) =>
        _end.Number + (ulong)(CountOf(bytes) + spare) <= _said.Number + (ulong)_disk.Blocks;

    /// <summary>The database holds durably all before this point.</summary>
    public void Release(LogEnd end)
    {
        Require.That(end.Number >= _needed.Number && end.Number <= _end.Number);
        _needed = end;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_room);
        _room = null;
        _disk.Dispose();
    }

    private static int CountOf(int bytes) => Math.Max(1, (bytes + LogBlock.DataBytes - 1) / LogBlock.DataBytes);

    private void Recover(ulong applied, LogReplay replay)
    {
        if (_disk.Blocks < LeastBlocks)
        {
            throw new StoreException(StoreFault.Corrupt, "its log was cut off");
        }

        LogBlock[] found = ReadAll();
        ulong last = 0;
        ulong life = 0;
        ulong written = 0;
        foreach (ref readonly LogBlock block in found.AsSpan())
        {
            life = Math.Max(life, block.Life);
            written = Math.Max(written, block.Commit == 0 ? 0 : block.Number + 1);
            if (block.Commit > last)
            {
                last = block.Commit;
                _needed = new LogEnd(block.NeededNumber, block.NeededCommit);
            }
        }

        _end = _needed;
        // Said by a commit that was cut short, it is not durable: what the last whole one says counts.
        LogBlock before = found[(_end.Number + (ulong)found.Length - 1) % (ulong)found.Length];
        bool isBefore = before.Commit != 0 && before.Commit == _end.Commit - 1;
        _said = isBefore ? new LogEnd(before.NeededNumber, before.NeededCommit) : _end;
        // Makes what is read durable: it may be in a cache alone, and a later write does not take it along.
        if (_disk.Sync() is { } error)
        {
            throw new IOException(error);
        }

        while (IsWhole(found, _end, out LogBlock first))
        {
            replay(first.Commit, Data(first));
            _said = new LogEnd(first.NeededNumber, first.NeededCommit);
            _end = new LogEnd(_end.Number + first.Count, _end.Commit + 1);
        }

        if (last > _end.Commit || applied >= _end.Commit)
        {
            string later = $"{Math.Max(last, applied)} was written after it";
            throw new StoreException(StoreFault.Corrupt, $"commit {_end.Commit} of its log is damaged, and {later}");
        }

        _disk.Begin((long)Math.Min(written, (ulong)_disk.Blocks));

        // Not the next number alone: what a life wrote may be lost, and be there again later.
        Span<byte> random = stackalloc byte[sizeof(uint)];
        RandomNumberGenerator.Fill(random);
        _life = (((life >> 32) + 1) << 32) | MemoryMarshal.Read<uint>(random);
    }

    private LogBlock[] ReadAll()
    {
        LogBlock[] found = new LogBlock[_disk.Blocks];
        for (long at = 0; at < _disk.Blocks; at += ReadBlocks)
        {
            int count = (int)Math.Min(ReadBlocks, _disk.Blocks - at);
            Span<byte> blocks = Room(count * LogBlock.Size);
            _disk.Read(at, blocks);
            for (int i = 0; i < count; i++)
            {
                if (LogBlock.TryRead(_key, blocks.Slice(i * LogBlock.Size, LogBlock.Size), out LogBlock block))
                {
                    found[at + i] = block;
                }
            }
        }

        return found;
    }

    private bool IsWhole(LogBlock[] found, LogEnd at, out LogBlock first)
    {
        first = found[at.Number % (ulong)found.Length];
        if (first.Number != at.Number || first.Commit != at.Commit || first.Index != 0 || first.Count > found.Length)
        {
            return false;
        }

        for (uint i = 1; i < first.Count; i++)
        {
            LogBlock next = found[(at.Number + i) % (ulong)found.Length];
            if (next != first with { Number = first.Number + i, Index = i })
            {
                return false;
            }
        }

        return true;
    }

    private ReadOnlySpan<byte> Data(in LogBlock first)
    {
        int count = (int)first.Count;
        Span<byte> blocks = Room(count * LogBlock.Size);
        long place = (long)(first.Number % (ulong)_disk.Blocks);
        int before = (int)Math.Min(count, _disk.Blocks - place);
        _disk.Read(place, blocks[..(before * LogBlock.Size)]);
        if (before < count)
        {
            _disk.Read(0, blocks[(before * LogBlock.Size)..]);
        }

        for (int i = 0; i < count; i++)
        {
            // The second reading must give what the first one gave.
            Span<byte> block = blocks.Slice(i * LogBlock.Size, LogBlock.Size);
            LogBlock expected = first with { Number = first.Number + (uint)i, Index = (uint)i };
            if (!LogBlock.TryRead(_key, block, out LogBlock read) || read != expected)
            {
                throw new IOException($"commit {first.Commit} of the log reads differently each time");
            }

            block[LogBlock.HeaderBytes..].CopyTo(blocks[(i * LogBlock.DataBytes)..]);
        }

        return blocks[..(int)first.Bytes];
    }

    private Span<byte> Room(int bytes)
    {
        if (_roomBytes < bytes)
        {
            _roomBytes = Math.Max(bytes, 2 * _roomBytes);
            NativeMemory.AlignedFree(_room);
            _room = (byte*)NativeMemory.AlignedAlloc((nuint)_roomBytes, LogBlock.Size);
        }

        return new Span<byte>(_room, bytes);
    }
}

/// <summary>A place between two commits: blocks and commits before it, the latter counted from 1.</summary>
internal readonly record struct LogEnd(ulong Number, ulong Commit);

internal delegate void LogReplay(ulong commit, ReadOnlySpan<byte> data);
