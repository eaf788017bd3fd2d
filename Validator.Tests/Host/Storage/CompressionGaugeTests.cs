using Validator.Host.Storage;
using Validator.Host.Storage.Native;

namespace Validator.Tests.Host.Storage;

public class CompressionGaugeTests
{
    private static readonly byte[] Text = [.. Enumerable.Range(0, 30_000).SelectMany(i => System.Text.Encoding.ASCII.GetBytes($"{{\"account\":{i}}}"))];

    /// <summary>
    /// Protects the processor from compressing what cannot be, and the disk from what could: it follows what comes, but not a
    /// single value.
    /// </summary>
    [Fact]
    public void It_follows_what_comes()
    {
        CompressionGauge gauge = new(sampleEveryBytes: 100_000);
        byte[] random = new byte[100_000];
        new Random(1).NextBytes(random);

        // As opaque transactions of 512 bytes stand in a payload: five bytes of framing each.
        for (int at = 0; at + 5 < random.Length; at += 517)
        {
            new byte[] { 1, 2, 0, 0, 0 }.CopyTo(random, at);
        }

        Assert.True(gauge.IsWorthIt);
        Assert.Equal([false, false, true, false], Enumerable.Range(0, 4).Select(_ => gauge.Add(random)));
        Assert.False(gauge.IsWorthIt);
        Assert.False(gauge.Add(Text));
        Assert.False(gauge.Add(Text));
        Assert.False(gauge.Add(random));
        Assert.Equal([false, false, true], Enumerable.Range(0, 3).Select(_ => gauge.Add(Text)));
        Assert.True(gauge.IsWorthIt);
    }

    /// <summary>
    /// Protects the meaning of the switch: values written either way are read back, and only those of one way are smaller on
    /// disk.
    /// </summary>
    [Fact]
    public void The_database_takes_the_switch_while_open()
    {
        using TemporaryFolder folder = new();
        RocksDbOptions options = new() { Create = true, CacheBytes = 1 << 20, WriteBufferBytes = 16 << 20, BlobFamilies = ["default"] };
        using RocksDb database = RocksDb.TryOpen(folder.Path, ["default"], options, out string? error)!;
        Assert.Null(error);
        using RocksDbBatch batch = new(database);
        byte[] value = Text[..400_000];
        ulong before = 0;
        foreach (bool compresses in (bool[])[true, false, true])
        {
            Assert.Null(database.SetBlobCompression(0, compresses));
            batch.Put(0, [(byte)(compresses ? 1 : 0), (byte)before], value);
            Assert.Null(database.Write(batch, sync: false));
            batch.Clear();
            Assert.Null(database.Flush());
            ulong bytes = database.Property("rocksdb.total-blob-file-size\0"u8, perFamily: true);
            Assert.Equal(compresses, bytes - before < (ulong)value.Length / 2);
            using (PinnedValue read = database.Get(0, [(byte)(compresses ? 1 : 0), (byte)before]))
            {
                Assert.True(read.Span.SequenceEqual(value));
            }

            before = bytes;
        }
    }
}
