using System.Buffers.Binary;
using System.Security.Cryptography;
using Validator.Core.Primitives;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage.Log;

/// <summary>
/// The write-ahead log of one database, in its folder, in place of RocksDB's: batches are durable in it before the database has
/// them, in memory alone; a start writes what the database may lack again, in order. Of batches puts and deletions are written
/// twice without harm, so families may be flushed one by one, as long as every batch behind the oldest unflushed one is in the
/// log: no write goes past it but one that is too large for it, of which <see cref="Write"/> tells. Family 0 has the log's key
/// (W) and, in every batch, the number of its commit (w), by which a log that is older than its database is refused. Any thread.
/// </summary>
internal sealed class StoreLog : IDisposable
{
    public const string FileName = "commits.ring";

    private static readonly byte[] IdKey = [(byte)'W'];
    private static readonly byte[] CommitKey = [(byte)'w'];

    private readonly RocksDb _database;
    private readonly WriteAheadLog _log;
    private readonly long _mostUsed;
    private readonly object _gate = new();
    private bool _flushing;
    private bool _copying;
    private string? _failure;
    private bool _closed;

    private StoreLog(RocksDb database, WriteAheadLog log, int share)
    {
        _database = database;
        _log = log;
        _mostUsed = log.Blocks * share / 256;
    }

    /// <summary>Whether the database is flushed on behalf of the log.</summary>
    public bool IsFlushing
    {
        get
        {
            lock (_gate)
            {
                return _flushing;
            }
        }
    }

    /// <summary>Makes the log of a database, durable but for its name.</summary>
    /// <param name="batch">Gets the key, and makes the log count when it is written: past the log.</param>
    /// <param name="written">As <see cref="LogFile.Create"/> has it.</param>
    /// <exception cref="IOException">The disk is full, or fails.</exception>
    public static void Create(string folder, long blocks, bool written, RocksDbBatch batch)
    {
        LogFile.Create(Path.Combine(folder, FileName), blocks, written);
        byte[] key = RandomNumberGenerator.GetBytes(Hash256.Size);
        batch.Put(0, IdKey, key);
        PutCommit(batch, 0);
    }

    /// <summary>Opens it, and writes to the database what that may lack.</summary>
    /// <exception cref="StoreException">It is damaged, or the disk fails.</exception>
    /// <param name="share">How much of it may be needed before the database is flushed, in 256ths: logs of the same content that
    /// differ in it do not have that done together.</param>
    public static StoreLog Open(string folder, RocksDb database, int share) =>
        new(database, Read(folder, database, (number, data) => Replay(folder, database, number, data)), share);

    /// <summary>Checks what opening would, and changes nothing.</summary>
    /// <exception cref="StoreException">It is damaged, or the disk fails.</exception>
    public static void Probe(string folder, RocksDb database) => Read(folder, database, static (_, _) => { }).Dispose();

    /// <summary>
    /// Makes a batch durable and writes it to the database. What is too large for the log goes to RocksDB's own, once the
    /// database has flushed all that is in ours: so it comes after that, and before all that follows. After a failure every later
    /// write fails too.
    /// </summary>
    /// <returns>What failed, in words.</returns>
    public string? Write(RocksDbBatch batch)
    {
        lock (_gate)
        {
            Require.That(!_closed);
            PutCommit(batch, _log.End.Commit);
            bool large = batch.Data.Length > WriteAheadLog.MostBytes(_log.Blocks);
            if (large || !_log.HasRoom(batch.Data.Length, spare: 1))
            {
                MakeRoom();
            }

            _failure ??= large ? _database.WritePastLog(batch) : _log.Append(batch.Data) ?? _database.WriteLogged(batch);
            if (_failure is null && _log.Used > _mostUsed && !_flushing)
            {
                _flushing = true;
                ThreadPool.UnsafeQueueUserWorkItem(static log => log.Flush(), this, preferLocal: false);
            }

            return _failure;
        }
    }

    /// <summary>
    /// Makes a copy of the database as it is between two batches, without this log. What was written before is flushed while
    /// others write; they wait for what came since, and for the copy's links: some tens of milliseconds.
    /// </summary>
    /// <returns>What failed, in words. Later writes are not concerned.</returns>
    public string? Copy(string folder)
    {
        lock (_gate)
        {
            if (_closed || _copying)
            {
                return _closed ? "the store is closed" : "another copy is being made";
            }

            _copying = true;
        }

        string? error = _database.Flush();
        lock (_gate)
        {
            error ??= _failure ?? _database.CopyTo(folder);
            _copying = false;
            Monitor.PulseAll(_gate);
            return error;
        }
    }

    /// <summary>After the last write: leaves a log of which nothing is needed. The database stays open.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            while (_copying)
            {
                Monitor.Wait(_gate);
            }

            MakeRoom();
            _closed = true;
            _log.Dispose();
        }
    }

    private static WriteAheadLog Read(string folder, RocksDb database, LogReplay replay)
    {
        string path = Path.Combine(folder, FileName);
        using PinnedValue key = database.Get(0, IdKey);
        using PinnedValue commit = database.Get(0, CommitKey);
        if (key.Span.Length != Hash256.Size || commit.Span.Length != sizeof(ulong) || !File.Exists(path))
        {
            string what = File.Exists(path) ? "the database does not know its log" : "there is no log";
            throw StoreErrors.Open(folder, $"Corruption: {what}, {FileName}");
        }

        try
        {
            return WriteAheadLog.Open(LogFile.Open(path), key.Span, BinaryPrimitives.ReadUInt64LittleEndian(commit.Span), replay);
        }
        catch (IOException e)
        {
            throw StoreErrors.Open(folder, e.Message);
        }
        catch (StoreException e) when (e.Fault == StoreFault.Corrupt)
        {
            throw StoreErrors.Open(folder, $"Corruption: {FileName}: {e.Message}");
        }
    }

    private static void PutCommit(RocksDbBatch batch, ulong commit)
    {
        Span<byte> value = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(value, commit);
        batch.Put(0, CommitKey, value);
    }

    private static void Replay(string folder, RocksDb database, ulong commit, ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return;
        }

        using RocksDbBatch batch = new(database, data);
        if (database.WriteLogged(batch) is { } error)
        {
            throw StoreErrors.Open(folder, $"{error}, of commit {commit} of {FileName}");
        }
    }

    /// <summary>Flushes all, and says so in the log. Under the gate.</summary>
    private void MakeRoom()
    {
        while (_flushing)
        {
            Monitor.Wait(_gate);
        }

        if (_failure is null)
        {
            LogEnd end = _log.End;
            _failure = _database.Flush();
            if (_failure is null)
            {
                _log.Release(end);
                _failure = _log.Append([]);
            }
        }
    }

    /// <summary>While others write: what was written before it is flushed.</summary>
    private void Flush()
    {
        LogEnd end;
        lock (_gate)
        {
            end = _log.End;
        }

        string? error = _database.Flush();
        lock (_gate)
        {
            _flushing = false;
            _failure ??= error;
            if (error is null)
            {
                _log.Release(end);
            }

            Monitor.PulseAll(_gate);
        }
    }
}
