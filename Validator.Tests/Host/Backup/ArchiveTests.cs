using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Backup;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Backup;

/// <summary>The archive of final blocks between full backups, and restores to a point of it.</summary>
public class ArchiveTests(BackupFixture chain) : IClassFixture<BackupFixture>
{
    /// <summary>
    /// Protects restores from genesis on: the archive alone gives a ledger with the same blocks, state, index and roots, over
    /// ends of epochs, whatever the segments; and to any index or time, exactly the prefix that it says.
    /// </summary>
    [Fact]
    public void The_archive_alone_gives_any_prefix()
    {
        using TemporaryFolder folder = new();
        using FolderTarget target = new(folder.File("target"));
        using RocksLedger source = Source();
        using SecretBuffer seed = BackupFixture.Key(folder.File("key"));
        byte[] key = BackupKeys.ReadPublic(folder.File("key.pub"));
        ulong upTo = 3;
        Archiver archiver =
            new(chain.Place, target, BackupCompression.Zstd, key,
            ReadOf(source), () => (1, Math.Min(upTo, source.Newest.Sequence)));
        for (; upTo < source.Newest.Sequence + 7; upTo += 7)
        {
            archiver.Run(CancellationToken.None);
            Assert.Equal(Math.Min(upTo, source.Newest.Sequence), archiver.Archived);
        }

        Assert.True(ArchiveList.Read(target, chain.Place).Count > 3);
        Assert.Equal(0, archiver.Run(CancellationToken.None));
        Assert.Equal(0u, archiver.Missed);
        Compare(source, Restore(folder.File("all"), target, null, seed, RestoreGoal.End), source.Newest.Sequence);

        Random random = new(11);
        for (int i = 0; i < 4; i++)
        {
            ulong index = (ulong)random.NextInt64((long)source.Newest.Index);
            FinalRecord holds = Holding(source, index);
            Compare(source, Restore(folder.File($"index-{i}"), target, null, seed, new RestoreGoal(index, null)),
                holds.Block.Sequence);
            ulong time = holds.Block.TimestampMicros;
            Compare(source, Restore(folder.File($"time-{i}"), target, null, seed, new RestoreGoal(null, time)),
                holds.Block.Sequence);
            if (holds.Block.Sequence > 1)
            {
                Compare(
                    source, Restore(folder.File($"before-{i}"), target, null, seed, new RestoreGoal(null, time - 1)),
                    holds.Block.Sequence - 1);
            }
        }

        BackupException beyond = Assert.Throws<BackupException>(
            () => Restore(folder.File("beyond"), target, null, seed, new RestoreGoal(source.Newest.Index, null)));
        Assert.Contains("is in no backup", beyond.Message);
        Assert.Contains("--key", Assert.Throws<BackupException>(
            () => Restore(folder.File("closed"), target, null, null, RestoreGoal.End)).Message);
    }

    /// <summary>Protects the usual case: a full backup that was made under load, and what became final after it.</summary>
    [Fact]
    public void A_full_backup_is_rolled_forward()
    {
        using TemporaryFolder folder = new();
        using FolderTarget target = new(folder.File("target"));
        using RocksLedger source = Source();
        BackupManifest full = chain.Make(folder.File("work"), chain.Settings(folder.File("target")), target);
        ulong from = full.LastBlock - Math.Min(full.LastBlock - 1, 5);
        new Archiver(chain.Place, target, BackupCompression.Gzip, null, ReadOf(source), () => (from, source.Newest.Sequence))
            .Run(CancellationToken.None);
        Assert.True(source.Newest.Sequence > full.LastBlock);
        Compare(source, Restore(folder.File("all"), target, full, null, RestoreGoal.End), source.Newest.Sequence);
        Assert.False(new RestoreGoal(full.NextIndex - 2, null).Fits(full));
        Assert.True(new RestoreGoal(full.NextIndex - 1, null).Fits(full));
        Assert.Equal(0, ArchiveList.Prune(target, chain.Place, full.LastBlock));
        Assert.Equal(1, ArchiveList.Prune(target, chain.Place, source.Newest.Sequence));
    }

    /// <summary>
    /// Protects from a lying bucket: segments that are changed anywhere, renamed, exchanged, of another chain or missing in
    /// between are named and refused; what an owner of the bucket makes up needs a quorum's signatures.
    /// </summary>
    [Fact]
    public void What_a_bucket_changes_in_the_archive_is_named_and_refused()
    {
        using TemporaryFolder folder = new();
        using FolderTarget target = new(folder.File("target"));
        using RocksLedger source = Source();
        ulong upTo = 0;
        Archiver archiver = new(chain.Place, target, BackupCompression.None, null, ReadOf(source), () => (1, upTo));
        foreach (ulong end in (ulong[])[4, 8, 12])
        {
            upTo = end;
            archiver.Run(CancellationToken.None);
        }

        ArchivedSegment[] segments = [.. ArchiveList.Read(target, chain.Place)];
        Assert.Equal([1u, 5u, 9u], segments.Select(s => s.First));
        byte[] sound = target.Get(segments[1].Name, int.MaxValue)!;
        Random random = new(2);
        for (int i = 0; i < 12; i++)
        {
            byte[] changed = [.. sound];
            changed[random.Next(sound.Length)] ^= (byte)(1 << random.Next(8));
            Refused(segments[1].Name, changed, segments[1].Name);
        }

        Refused(segments[1].Name, sound[..^1], segments[1].Name);
        Refused(segments[1].Name, target.Get(segments[2].Name, int.MaxValue)!, "exchanged");
        List<FinalContent> blocks = ArchiveSegment.Unpack("a", sound);

        // Sound blocks with another's certificate, without one, without a vertex, in another order.
        Refused(segments[1]
            .Name, Pack([blocks[0] with { Certificate = blocks[1].Certificate }, .. blocks[1..]]), "does not hold");
        Refused(segments[1].Name, Pack([.. blocks[..^1], blocks[^1] with { Certificate = null }]), "no certificate proves it");
        int holder = blocks.FindIndex(b => b.Vertices.Length > 0);
        Refused(
            segments[1].Name,
                Pack([.. blocks[..holder], blocks[holder] with { Vertices = blocks[holder].Vertices[1..] },
                .. blocks[(holder + 1)..]]),
            "lacks vert");
        Certificate whole = blocks[0].Certificate!;
        Certificate thin = new()
        {
            Phase = whole.Phase,
            Epoch = whole.Epoch,
            View = whole.View,
            Sequence = whole.Sequence,
            BlockHash = whole.BlockHash,
            Votes = whole.Votes[..2],
        };
        Refused(segments[1].Name, Pack([blocks[0] with { Certificate = thin }, .. blocks[1..]]), "does not hold");
        target.Delete(segments[1].Name);
        BackupException gap =
            Assert.Throws<BackupException>(() => Restore(folder.File("gap"), target, null, null, RestoreGoal.End));
        Assert.Contains("lacks blocks 5 to 8", gap.Message);
        ulong within = source.Final(4)!.Result.FirstIndex;
        Assert.True(Restore(folder.File("before"), target, null, null, new RestoreGoal(within - 1, null)).Newest < 5);

        void Refused(string name, byte[] content, string why)
        {
            target.Put(name, content);
            string path = folder.File($"elsewhere-{random.NextInt64()}");
            BackupException e = Assert.Throws<BackupException>(() => Restore(path, target, null, null, RestoreGoal.End));
            Assert.Contains(name, e.Message);
            Assert.Contains(why, e.Message);
            Assert.False(Directory.Exists(Path.Combine(path, "db", "ledger")));
            target.Put(name, sound);
        }
    }

    /// <summary>Protects what a validator no longer has: the archive goes on behind the gap, and says how large it is.</summary>
    [Fact]
    public void Blocks_that_are_gone_are_counted()
    {
        using TemporaryFolder folder = new();
        using FolderTarget target = new(folder.File("target"));
        using RocksLedger source = Source();
        Archiver archiver = new(chain.Place, target, BackupCompression.None, null, ReadOf(source), () => (6, 8));
        archiver.Run(CancellationToken.None);
        Assert.Equal((8ul, 5ul), (archiver.Archived, archiver.Missed));
        Assert.Equal([(6ul, 8ul)], ArchiveList.Read(target, chain.Place).Select(s => (s.First, s.Last)));

        // Another process goes on where this one stopped.
        Archiver next = new(chain.Place, target, BackupCompression.None, null, ReadOf(source), () => (1, 9));
        next.Run(CancellationToken.None);
        Assert.Equal([(6ul, 8ul), (9ul, 9ul)], ArchiveList.Read(target, chain.Place).Select(s => (s.First, s.Last)));
    }

    /// <summary>
    /// Protects from an archive of two branches: what lies in a target from another ledger, longer or of other blocks, is a fault
    /// that says so, and nothing is added to it.
    /// </summary>
    [Fact]
    public void An_archive_of_another_ledger_is_not_gone_on_with()
    {
        using TemporaryFolder folder = new();
        using FolderTarget target = new(folder.File("target"));
        using RocksLedger source = Source();
        Func<ulong, FinalContent?> read = ReadOf(source);
        Run(read, 8);
        Assert.Contains("blocks after 5, up to 8", Assert.Throws<BackupException>(() => Run(read, 5)).Message);
        BackupException other = Assert.Throws<BackupException>(() => Run(sequence => read(sequence + 1), 10));
        Assert.Contains("is not this ledger's block 8", other.Message);
        Assert.Contains("new prefix", other.Message);
        Assert.Equal([(1ul, 8ul)], ArchiveList.Read(target, chain.Place).Select(s => (s.First, s.Last)));

        // A restored ledger that has caught up goes on, in the same process.
        ulong upTo = 5;
        Archiver restored = new(chain.Place, target, BackupCompression.None, null, read, () => (1, upTo));
        Assert.Throws<BackupException>(() => restored.Run(CancellationToken.None));
        upTo = 10;
        restored.Run(CancellationToken.None);
        Assert.Equal(10u, restored.Archived);

        void Run(Func<ulong, FinalContent?> reader, ulong last) =>
            new Archiver(chain.Place, target, BackupCompression.None, null, reader, () => (1, last)).Run(CancellationToken.None);
    }

    private static byte[] Pack(List<FinalContent> blocks) =>
        ArchiveSegment.Pack(blocks.Select(ArchiveSegment.Encode), BackupCompression.None);

    private static FinalRecord Holding(RocksLedger ledger, ulong index)
    {
        for (ulong sequence = 1; ledger.Final(sequence) is { } final; sequence++)
        {
            if (index < final.Result.FirstIndex + final.Result.Accepted)
            {
                return final;
            }
        }

        throw new InvalidOperationException($"no block holds {index}");
    }

    private RocksLedger Source() => StoppedNode.OpenLedger(chain.Context(), chain.Context().Config.Storage.LedgerPath);

    private static Func<ulong, FinalContent?> ReadOf(RocksLedger ledger) => sequence =>
        ledger.ReadContent(sequence) is not { } read ? null
        : new FinalContent(
            read.Final.Block, read.Final.Certificate?.Sequence == sequence ? read.Final.Certificate : null,
            Array.ConvertAll(read.Vertices, v => new VertexContent(v.Header, v.Signature, v.Payload)));

    /// <returns>The restored ledger's folder, and its newest block.</returns>
    private (string Path, ulong Newest) Restore(
        string path, IBackupTarget target, BackupManifest? full, SecretBuffer? seed, RestoreGoal goal)
    {
        NodeContext elsewhere = chain.Elsewhere(path);
        new Restorer(elsewhere, target, chain.Place, static _ => { }).Run(full, seed, goal);
        using RocksLedger ledger = StoppedNode.OpenLedger(elsewhere, elsewhere.Config.Storage.LedgerPath);
        List<string> faults = [];
        ledger.Verify(faults.Add);
        Assert.Empty(faults);
        return (elsewhere.Config.Storage.LedgerPath, ledger.Newest.Sequence);
    }

    /// <summary>The same blocks, states and transactions up to a block, and nothing beyond.</summary>
    private void Compare(RocksLedger source, (string Path, ulong Newest) restored, ulong last)
    {
        Assert.Equal(last, restored.Newest);
        using RocksLedger ledger = StoppedNode.OpenLedger(chain.Context(), restored.Path);
        for (ulong sequence = 1; sequence <= last; sequence++)
        {
            FinalRecord expected = source.Final(sequence)!, got = ledger.Final(sequence)!;
            Assert.Equal((expected.Block.Hash, expected.Result.Root), (got.Block.Hash, got.Result.Root));
            Assert.Equal(expected.Order, got.Order);
            Assert.Equal(source.FindState(sequence), ledger.FindState(sequence));
        }

        Assert.Null(ledger.Final(last + 1));
    }
}
