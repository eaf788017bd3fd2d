using RocksDbSharp;
using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;
using Validator.Host.Storage.Log;
using Validator.Host.Storage.Native;
using Ours = Validator.Host.Storage.Native.RocksDb;
using Theirs = RocksDbSharp.RocksDb;

namespace Validator.Tests.Host.Storage;

/// <summary>
/// A second and newer RocksDB, the package of that name, as reader and writer of our databases: what operators' tools and later
/// versions of Debian will do with them, and what a way back to ours takes.
/// </summary>
public class SecondRocksDbTests
{
    private static readonly string[] s_ledger = ["default", "vertices", "edges", "metadata", "index_height", "index_timestamp", "finalized"];

    // A ledger with blob files and a checkpoint of it hold, for the newer reader, key for key and byte for byte what ours reads;
    // what the newer one has compacted and written is read by ours again, and goes on being a ledger.
    [Fact]
    public void A_ledger_is_read_and_written_by_a_newer_RocksDB()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("ledger");
        List<byte[]> accepted;
        using (RocksLedger ledger = Open(path))
        {
            accepted = StoreSamples.Fill(ledger, 60, new Random(3));
        }

        Dictionary<string, List<(byte[] Key, byte[] Value)>> ours = Read(path, s_ledger, "vertices");
        Assert.All(s_ledger[1..].Except(["edges", "index_timestamp"]), family => Assert.NotEmpty(ours[family]));
        string copy = folder.File("checkpoint");
        using (Theirs theirs = OpenTheirs(path, s_ledger))
        {
            Assert.Equal(s_ledger.Order(), Theirs.ListColumnFamilies(new DbOptions(), path).Order());
            Same(ours, theirs, s_ledger);
            using (Checkpoint checkpoint = theirs.Checkpoint())
            {
                checkpoint.Save(copy);
            }

            // No part of it for other tools, and so to be copied beside; it was closed, and holds nothing that the tables lack.
            File.Copy(Path.Combine(path, StoreLog.FileName), Path.Combine(copy, StoreLog.FileName));

            foreach (string family in s_ledger)
            {
                // Into files of the newer one's making.
                theirs.CompactRange((byte[])null!, null!, theirs.GetColumnFamily(family));
            }

            theirs.Put([0xFF, 1], [7], theirs.GetColumnFamily("default"));
        }

        using (Theirs theirs = OpenTheirs(copy, s_ledger))
        {
            Same(ours, theirs, s_ledger);
        }

        foreach (string database in new[] { copy, path })
        {
            using RocksLedger again = Open(database);
            LedgerTests.CheckStream(again, accepted, 0);
        }

        Dictionary<string, List<(byte[] Key, byte[] Value)>> after = Read(path, s_ledger, "vertices");
        Assert.Equal([7], after["default"].Single(entry => entry.Key is [0xFF, 1]).Value);
    }

    // Votes: copied record by record into a database that the newer RocksDB makes with our file format, they are a vote store
    // that ours opens, recovers from and goes on writing.
    [Fact]
    public void A_vote_store_comes_back_from_a_newer_RocksDB()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("votes"), made = folder.File("made");
        RocksVoteStore.Create(path, StoreSamples.Identity);
        Block block = StoreSamples.Block(1, Hash256.Of("genesis"u8));
        using (RocksVoteStore store = RocksVoteStore.Open(path, StoreSamples.Identity))
        {
            for (ulong sequence = 2; sequence <= 60; sequence++)
            {
                block = StoreSamples.Block(sequence, block.Hash);
                store.AddBlock(block);
                store.AddSigned(StoreSamples.Signed(MessageKind.PrePrepare, 0, sequence, block.Hash), StoreSamples.Encode(block));
                store.AddPreparedCertificate(StoreSamples.Certificate(Phase.Prepared, 0, block));
                store.AddSigned(StoreSamples.Signed(MessageKind.Vertex, 0, sequence, block.Hash), []);
                Assert.True(store.Commit(out _));
            }
        }

        using (Theirs source = OpenTheirs(path, ["default"]))
        using (Theirs target = OpenTheirs(made, ["default"], create: true))
        using (Iterator records = source.NewIterator())
        {
            for (records.SeekToFirst(); records.Valid(); records.Next())
            {
                target.Put(records.Key(), records.Value());
            }

            target.CompactRange((byte[])null!, null!);
        }

        Assert.NotEmpty(Directory.GetFiles(made, "*.sst"));
        File.Copy(Path.Combine(path, StoreLog.FileName), Path.Combine(made, StoreLog.FileName));
        using (RocksVoteStore store = RocksVoteStore.Open(made, StoreSamples.Identity))
        {
            RecoveredState state = new();
            store.Recover(0, StoreSamples.Members, state);
            Assert.Equal((59, 59, 59), (state.Signed.Count, state.Blocks.Count, state.PreparedCertificates.Count));
            Assert.Equal(new LaneTip(60, block.Hash), state.OwnTip);
            store.AddSigned(StoreSamples.Signed(MessageKind.Vertex, 0, 61, Hash256.Of("next"u8)), []);
            Assert.True(store.Commit(out _));
        }

        Dictionary<string, List<(byte[] Key, byte[] Value)>> written = Read(made, ["default"], null);
        using Theirs last = OpenTheirs(made, ["default"]);
        Same(written, last, ["default"]);
    }

    private static RocksLedger Open(string path) =>
        RocksLedger.Open(path, StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 4 << 20);

    /// <summary>With what ours writes, so that 7.8 reads it; LZ4 and no blobs, which its classes do not know.</summary>
    private static Theirs OpenTheirs(string path, string[] families, bool create = false)
    {
        ColumnFamilies all = [];
        foreach (string family in families)
        {
            all.Add(family, new ColumnFamilyOptions().SetCompression(Compression.Lz4).SetBlockBasedTableFactory(new BlockBasedTableOptions().SetFormatVersion(5)));
        }

        return Theirs.Open(new DbOptions().SetCreateIfMissing(create), path, all);
    }

    private static void Same(Dictionary<string, List<(byte[] Key, byte[] Value)>> ours, Theirs theirs, string[] families)
    {
        foreach (string family in families)
        {
            using Iterator iterator = theirs.NewIterator(theirs.GetColumnFamily(family));
            iterator.SeekToFirst();
            foreach ((byte[] key, byte[] value) in ours[family])
            {
                Assert.True(iterator.Valid() && key.AsSpan().SequenceEqual(iterator.Key()) && value.AsSpan().SequenceEqual(iterator.Value()), $"{family} {Convert.ToHexString(key)}");
                iterator.Next();
            }

            Assert.False(iterator.Valid());
        }
    }

    private static Dictionary<string, List<(byte[] Key, byte[] Value)>> Read(string path, string[] families, string? blobs)
    {
        RocksDbOptions options = new()
        {
            CacheBytes = 1 << 20,
            WriteBufferBytes = 1 << 20,
            BlobFamilies = blobs is null ? [] : [blobs],
        };
        using Ours database = Ours.TryOpen(path, families, options, out string? error)
            ?? throw new InvalidOperationException(error);
        Dictionary<string, List<(byte[] Key, byte[] Value)>> all = [];
        for (int family = 0; family < families.Length; family++)
        {
            List<(byte[] Key, byte[] Value)> entries = all[families[family]] = [];
            using RocksDbIterator iterator = database.Iterate(family);
            for (iterator.Seek([]); iterator.Valid; iterator.Next())
            {
                entries.Add((iterator.Key.ToArray(), iterator.Value.ToArray()));
            }
        }

        return all;
    }
}
