using System.Text;
using Validator.Host.Storage.Log;
using Validator.Host.Storage.Native;

namespace Validator.Tests.Host.Storage;

/// <summary>A database with a small log of our own, against a dictionary: what a crash leaves is what was written.</summary>
public class StoreLogTests
{
    private const int Blocks = 48;
    private static readonly string[] s_families = ["default", "a", "b"];
    private static readonly RocksDbOptions s_options =
        new() { WriteBufferBytes = 1 << 20, CacheBytes = 1 << 20, LogBlocks = Blocks };

    // Puts, deletions and ranges in several families, many laps, flushes under way, batches too large for the log, and a copy of
    // the folder as a crash would leave it after any of them.
    [Fact]
    public void What_was_written_is_there_after_a_crash()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("db");
        Random random = new(11);
        SortedDictionary<string, byte[]>[] model =
            [new(StringComparer.Ordinal), new(StringComparer.Ordinal), new(StringComparer.Ordinal)];
        Directory.CreateDirectory(path);
        using (RocksDb made = RocksDb.TryOpen(path, s_families, s_options with { Create = true }, out _)!)
        {
            using RocksDbBatch batch = new(made);
            StoreLog.Create(path, Blocks, written: false, batch);
            Assert.Null(made.Write(batch, sync: true));
        }

        for (int life = 0; life < 4; life++)
        {
            using RocksDb database = Open(path);
            AssertEqual(model, database);
            for (int i = 0; i < 150; i++)
            {
                using RocksDbBatch batch = new(database);
                int size = i % 40 == 39 ? 80_000 : random.Next(5) == 0 ? 20_000 : 300;
                Change(batch, model, random, size);
                Assert.Null(database.Write(batch, sync: random.Next(2) == 0));
                if (i % 30 is 10 or 29)
                {
                    AssertCrashLeavesAll(folder, path, database, model);
                }
            }
        }
    }

    private static void AssertCrashLeavesAll(
        TemporaryFolder folder, string path, RocksDb database, SortedDictionary<string, byte[]>[] model)
    {
        // Nothing may change while it is copied.
        while (database.Log!.IsFlushing || IsBusy(database))
        {
            Thread.Sleep(1);
        }

        string copy = folder.File("crashed");
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.GetFiles(path))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        using (RocksDb crashed = Open(copy))
        {
            AssertEqual(model, crashed);
        }

        Directory.Delete(copy, recursive: true);
    }

    private static bool IsBusy(RocksDb database) =>
        database.Property("rocksdb.num-running-flushes\0"u8, perFamily: false) > 0
        || database.Property("rocksdb.num-running-compactions\0"u8, perFamily: false) > 0
        || database.Property("rocksdb.mem-table-flush-pending\0"u8, perFamily: true) > 0
        || database.Property("rocksdb.compaction-pending\0"u8, perFamily: true) > 0;

    private static RocksDb Open(string path)
    {
        RocksDb database = RocksDb.TryOpen(path, s_families, s_options, out string? error) ?? throw new IOException(error);
        database.Log = StoreLog.Open(path, database, share: 128);
        return database;
    }

    private static void Change(RocksDbBatch batch, SortedDictionary<string, byte[]>[] model, Random random, int size)
    {
        for (int i = 0; i < 4; i++)
        {
            int family = random.Next(3);
            string key = $"k{random.Next(40):00}";
            switch (random.Next(6))
            {
                case 0:
                    batch.Delete(family, Encoding.ASCII.GetBytes(key));
                    model[family].Remove(key);
                    break;
                case 1:
                    string end = $"k{random.Next(40):00}";
                    if (string.CompareOrdinal(key, end) < 0)
                    {
                        batch.DeleteRange(family, Encoding.ASCII.GetBytes(key), Encoding.ASCII.GetBytes(end));
                        string[] range = [.. model[family].Keys.Where(
                            k => string.CompareOrdinal(k, key) >= 0 && string.CompareOrdinal(k, end) < 0)];
                        foreach (string gone in range)
                        {
                            model[family].Remove(gone);
                        }
                    }

                    break;
                default:
                    byte[] value = new byte[size];
                    random.NextBytes(value);
                    batch.Put(family, Encoding.ASCII.GetBytes(key), value);
                    model[family][key] = value;
                    break;
            }
        }
    }

    private static void AssertEqual(SortedDictionary<string, byte[]>[] model, RocksDb database)
    {
        for (int family = 0; family < 3; family++)
        {
            List<(string, byte[])> found = [];
            using RocksDbIterator all = database.Iterate(family);
            for (all.Seek("k"u8); all.Valid && all.Key[0] == (byte)'k'; all.Next())
            {
                found.Add((Encoding.ASCII.GetString(all.Key), all.Value.ToArray()));
            }

            Assert.Equal(model[family].Select(p => p.Key), found.Select(f => f.Item1));
            Assert.All(found, f => Assert.True(model[family][f.Item1].AsSpan().SequenceEqual(f.Item2)));
        }
    }
}
