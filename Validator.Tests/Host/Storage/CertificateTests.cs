using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Serving;
using Validator.Host.Storage;
using Validator.Host.Storage.Native;

namespace Validator.Tests.Host.Storage;

public class CertificateTests
{
    private const int Finalized = 6;
    private const int Metadata = 3;
    private const ulong Newest = 16;

    private static readonly string[] s_families =
        ["default", "vertices", "edges", "metadata", "index_height", "index_timestamp", "finalized"];

    private static readonly RocksDbOptions s_options = new()
    {
        WriteBufferBytes = 1 << 20,
        CacheBytes = 1 << 20,
        BlobFamilies = ["default", "vertices"],
    };

    /// <summary>
    /// Protects disks: of some thousand blocks' certificates less than a fiftieth of the bytes is left, on the disk too, and the
    /// ledger still proves each block and is whole.
    /// </summary>
    [Fact]
    public void Certificates_shrink_to_less_than_a_fiftieth()
    {
        const int Blocks = (24 * Checkpoints.Span) + (int)Newest + 1;
        using TemporaryFolder folder = new();
        using RocksLedger ledger = Open(folder.Path);
        FillSigned(ledger, Blocks, new Random(1));
        ledger.Compact();
        (ulong count, ulong bytes) = ledger.Summarize().Certificates;
        long disk = TableBytes(folder.Path);
        Assert.Equal((ulong)Blocks, count);
        DropAll(ledger, Checkpoints.Span);
        ledger.CompactDropped();
        (ulong countLeft, ulong bytesLeft) = ledger.Summarize().Certificates;
        Assert.True(50 * bytesLeft < bytes && 50 * countLeft < count, $"{bytesLeft} of {bytes} bytes, {countLeft} certificates");
        Assert.True(disk - TableBytes(folder.Path) > (long)(bytes - bytesLeft) * 9 / 10, $"{disk} to {TableBytes(folder.Path)}");
        for (ulong sequence = 1; sequence <= Blocks; sequence++)
        {
            StoredBlock shown = ledger.ShowBlock(sequence)!;
            Assert.InRange(shown.Between.Length, 0, Checkpoints.Span - 1);
            Assert.True(shown.Certificate.Proves(shown.Between is [.., var last] ? last : shown.Block));
            Assert.Equal(shown.Block.Hash, shown.Between is [var above, ..] ? above.Parent : shown.Block.Hash);
        }
    }

    /// <summary>
    /// Protects the proof of every block from a crash: whatever of the writes is on the disk when it comes, the ledger opens,
    /// everything in it is proven, and dropping goes on where it was to the same end.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_crash_while_certificates_are_dropped_leaves_every_block_proven(int seed)
    {
        using TemporaryFolder folder = new();
        string live = folder.File("live", "ledger");
        List<string> copies = [];
        ulong left;
        using (RocksLedger ledger = Open(folder.File("live")))
        {
            StoreSamples.Fill(ledger, 300, new Random(seed), snapshotEvery: 70);
            // Nothing is under way in the background while files are copied.
            ledger.Compact();
            while (ledger.DropCertificates(Newest, 10, out string? error) > 0)
            {
                Assert.Null(error);
                if (copies.Count % 7 == 3)
                {
                    // Tables and log lie apart for a while.
                    ledger.CompactDropped();
                }

                copies.Add(folder.File($"crash-{copies.Count}"));
                CopyOf(live, Path.Combine(copies[^1], "ledger"));
            }

            left = ledger.Summarize().Certificates.Count;
        }

        Assert.True(copies.Count > 20);
        Assert.All(copies.Append(folder.File("live")), copy =>
        {
            using RocksLedger again = Open(copy);
            AssertWhole(again);
            Assert.Equal(300u, again.LastFinal()!.Certificate!.Sequence);
            DropAll(again, 10);
            AssertWhole(again);
            Assert.Equal(left, again.Summarize().Certificates.Count);
        });
    }

    /// <summary>
    /// Protects who verifies a ledger: a certificate of another block is found, and a newest block without one is refused.
    /// </summary>
    [Fact]
    public void A_wrong_or_missing_proof_is_found()
    {
        using TemporaryFolder folder = new();
        using (RocksLedger ledger = Open(folder.Path))
        {
            StoreSamples.Fill(ledger, 60, new Random(4));
            DropAll(ledger, 10);
            Assert.NotNull(ledger.Final(30)!.Certificate);
        }

        Change(folder.Path, Finalized, Key(30), record =>
        {
            // A byte of the hash that it is of.
            record[12 + BinaryPrimitives.ReadInt32LittleEndian(record) + 40] ^= 1;
            return record;
        });
        using (RocksLedger damaged = Open(folder.Path))
        {
            List<string> found = [];
            damaged.Verify(found.Add);
            Assert.Equal(["block 30: its certificate is not of it"], found);
        }

        Change(folder.Path, Finalized, Key(60), record =>
        {
            int block = BinaryPrimitives.ReadInt32LittleEndian(record);
            int certificate = BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(4));
            BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(4), 0);
            return [.. record[..(12 + block)], .. record[(12 + block + certificate)..]];
        });
        StoreException refusal = Assert.Throws<StoreException>(() => Open(folder.Path).Dispose());
        Assert.Equal(StoreFault.Corrupt, refusal.Fault);
    }

    /// <summary>
    /// Protects upgrade and way back: a ledger of the format before opens as it is, and gets the new one with the first
    /// certificates that it drops, so that builds which would call its records damaged refuse it by its format.
    /// </summary>
    [Fact]
    public void A_ledger_of_the_format_before_gets_thinner()
    {
        using TemporaryFolder folder = new();
        using (RocksLedger ledger = Open(folder.Path))
        {
            StoreSamples.Fill(ledger, 60, new Random(5));
        }

        Change(folder.Path, Metadata, [(byte)'I'], _ => StoreSamples.Identity.Encode(StoreKind.Ledger, 3));
        using (RocksLedger old = Open(folder.Path))
        {
            Assert.Equal(3, old.Format);
            Assert.Equal(60u, old.Summarize().Certificates.Count);
            DropAll(old, 10);
            Assert.Equal(StoreIdentity.FormatVersion, old.Format);
            Assert.InRange(old.Summarize().Certificates.Count, 1u, 40u);
        }

        using RocksLedger again = Open(folder.Path);
        Assert.Equal(StoreIdentity.FormatVersion, again.Format);
        AssertWhole(again);
    }

    /// <summary>
    /// Protects who takes an old snapshot: the certificate that its manifest needs stays as long as it does, and the manifest
    /// passes the checks of its receiver.
    /// </summary>
    [Fact]
    public void An_old_snapshot_keeps_a_short_proof()
    {
        using TemporaryFolder folder = new();
        using RocksLedger ledger = Open(folder.Path);
        StoreSamples.Fill(ledger, 700, new Random(6), snapshotEvery: 230);
        DropAll(ledger, Checkpoints.Span);
        Assert.Equal([230ul, 460ul, 690ul], ledger.Snapshots());
        Assert.Null(ledger.FindFinal(230)!.Value.Certificate);
        SnapshotServer server = new(ledger, 32, StoreSamples.First.Members);
        foreach (ulong sequence in new ulong[] { 230, 460 })
        {
            SnapshotManifest manifest = server.Prove(sequence)!;
            byte[] bytes = new byte[FrameCodec.EncodedSize(manifest)];
            FrameCodec.Write(manifest, bytes);
            Assert.True(FrameCodec.TryRead(bytes, StoreSamples.Members, out _, out DecodeError error), error.ToString());
            Assert.Single(manifest.Certified);
        }
    }

    /// <summary>Protects pruning beside dropping: what goes first does not matter, and what is kept is proven.</summary>
    [Fact]
    public void Pruning_and_dropping_go_together()
    {
        using TemporaryFolder folder = new();
        using RocksLedger ledger = Open(folder.Path);
        StoreSamples.Fill(ledger, 500, new Random(7), snapshotEvery: 50);
        Retention retention = new(200, ulong.MaxValue);
        for (int round = 0; ledger.Prune(retention, out _) > 0 || ledger.DropCertificates(Newest, 10, out _) > 0; round++)
        {
            if (round % 2 == 0)
            {
                ledger.DropCertificates(Newest, 10, out _);
            }
        }

        Assert.Equal(301u, ledger.FirstKept.Sequence);
        AssertWhole(ledger);
        Assert.InRange(ledger.Summarize().Certificates.Count, 20u, 60u);
    }

    /// <summary>Blocks without vertices, whose certificates have signatures that no compression makes shorter.</summary>
    private static void FillSigned(RocksLedger ledger, int blocks, Random random)
    {
        Hash256 parent = Hash256.Of("genesis"u8);
        for (ulong sequence = 1; sequence <= (ulong)blocks; sequence++)
        {
            Block block = StoreSamples.Block(sequence, parent);
            parent = block.Hash;
            Certificate certificate = StoreSamples.Certificate(Phase.Committed, 0, block);
            foreach (CertificateVote vote in certificate.Votes)
            {
                random.NextBytes(vote.Signature);
            }

            ExecutionResult result = ExecutionResult.Nothing(sequence, 0, Hash256.Of("root"u8));
            ledger.AddFinal(new ExecutedBlock(block, certificate, [], result));
            Assert.True(sequence % 16 > 0 || ledger.Commit(out _));
        }

        Assert.True(ledger.Commit(out _));
    }

    private static void AssertWhole(RocksLedger ledger)
    {
        ledger.Verify(found => Assert.Fail(found));
        for (ulong sequence = ledger.FirstKept.Sequence; sequence <= ledger.Newest.Sequence; sequence++)
        {
            Assert.NotNull(Checkpoints.Answer(ledger, new FetchRequest(FetchKind.FinalBlocks, 0, 0, sequence, 1, Hash256.Zero)));
        }
    }

    private static void DropAll(RocksLedger ledger, int span)
    {
        while (ledger.DropCertificates(Newest, span, out string? error) > 0)
        {
            Assert.Null(error);
        }
    }

    private static void Change(string path, int family, byte[] key, Func<byte[], byte[]> change)
    {
        using RocksDb database = RocksDb.TryOpen(Path.Combine(path, "ledger"), s_families, s_options, out _)!;
        byte[] record;
        using (PinnedValue old = database.Get(family, key))
        {
            record = old.Span.ToArray();
        }

        using RocksDbBatch batch = new(database);
        batch.Put(family, key, change(record));
        Assert.Null(database.Write(batch, sync: false));
    }

    private static byte[] Key(ulong sequence)
    {
        byte[] key = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(key, sequence);
        return key;
    }

    private static long TableBytes(string path) =>
        Directory.EnumerateFiles(Path.Combine(path, "ledger"), "*.sst").Sum(f => new FileInfo(f).Length);

    private static void CopyOf(string path, string copy)
    {
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.GetFiles(path).Where(f => Path.GetFileName(f) != "LOCK"))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }
    }

    private static RocksLedger Open(string path) => RocksLedger.Open(
        Path.Combine(path, "ledger"), StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 1 << 20);
}
