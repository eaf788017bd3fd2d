using System.Buffers.Binary;
using BenchmarkDotNet.Attributes;
using Validator.Bench.Macro;
using Validator.Host.Storage.Native;

namespace Validator.Bench.Micro;

/// <summary>
/// RocksDB's group commit on this disk: one synced batch of <see cref="Records"/> records, votes (5 KB) or a vertex each (64 KB).
/// The time is the group's; divide by the records for the share of one.
/// </summary>
[MemoryDiagnoser]
public class StorageBench
{
    private static readonly string[] Families = ["default"];

    private readonly byte[] _value = new byte[64 << 10];
    private string _folder = "";
    private RocksDb _database = null!;
    private RocksDbBatch _batch = null!;
    private ulong _next;

    [Params(1, 16, 64)]
    public int Records { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        new Random(1).NextBytes(_value);
        _folder = Repository.Path("artifacts", $"bench-storage-{Environment.ProcessId}-{Records}");
        Directory.CreateDirectory(_folder);
        RocksDbOptions options = new() { Create = true, WriteBufferBytes = 32 << 20, CacheBytes = 16 << 20 };
        _database = RocksDb.TryOpen(_folder, Families, options, out string? error) ?? throw new IOException(error);
        _batch = new RocksDbBatch(_database);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _batch.Dispose();
        _database.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark]
    public void CommitVotes() => Commit(5 << 10);

    [Benchmark]
    public void CommitVertices() => Commit(_value.Length);

    private void Commit(int bytes)
    {
        Span<byte> key = stackalloc byte[8];
        for (int i = 0; i < Records; i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(key, _next++);
            _batch.Put(0, key, _value.AsSpan(0, bytes));
        }

        string? error = _database.Write(_batch, sync: true);
        _batch.Clear();
        if (error is not null)
        {
            throw new IOException(error);
        }
    }
}
