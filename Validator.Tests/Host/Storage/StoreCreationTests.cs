using System.Diagnostics;
using Validator.Core.Consensus;
using Validator.Host;
using Validator.Host.Storage;
using Validator.Host.Storage.Native;
using Validator.Tests.Processes;

namespace Validator.Tests.Host.Storage;

public class StoreCreationTests
{
    private static readonly RocksDbOptions s_options = new() { Create = true, WriteBufferBytes = 1 << 20, CacheBytes = 1 << 20 };

    // Protects a first start after one that was cut short, by this release or one that made stores in place: a ledger that holds
    // nothing is made again and said so, one that holds something, or is damaged, or is another program's, is not touched.
    [Fact]
    public void A_ledger_that_holds_nothing_is_made_again()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("ledger");
        foreach (string[] families in new string[][] { ["default"], ["default", "vertices", "edges"], ["default", "vertices", "edges", "metadata", "index_height", "index_timestamp", "finalized"] })
        {
            RocksDb.TryOpen(path, families, s_options, out _)!.Dispose();
            AssertMadeAgain(path);
            Directory.Delete(path, recursive: true);
        }

        foreach (string missing in new[] { "CURRENT", "MANIFEST-*" })
        {
            RocksDb.TryOpen(path, ["default"], s_options, out _)!.Dispose();
            Array.ForEach(Directory.GetFiles(path, missing), File.Delete);
            AssertMadeAgain(path);
            Directory.Delete(path, recursive: true);
        }

        // Left aside.
        Directory.CreateDirectory(path + ".new");
        File.WriteAllText(Path.Combine(path + ".new", "CURRENT"), "x");
        AssertMadeAgain(path);
        Assert.False(Directory.Exists(path + ".new"));
        using (RocksLedger ledger = Open(path, null))
        {
            StoreSamples.Fill(ledger, 20, new Random(1));
        }

        File.Delete(Path.Combine(path, "CURRENT"));
        Assert.Equal(StoreFault.Corrupt, Assert.Throws<StoreException>(() => Open(path, null)).Fault);
        Directory.Delete(path, recursive: true);

        using (RocksDb other = RocksDb.TryOpen(path, ["default", "vertices", "edges", "metadata", "index_height", "index_timestamp", "finalized"], s_options, out _)!)
        {
            using RocksDbBatch batch = new(other);
            batch.Put(0, "somebody"u8, "else's"u8);
            Assert.Null(other.Write(batch, sync: true));
        }

        Assert.Equal(StoreFault.ForeignKind, Assert.Throws<StoreException>(() => Open(path, null)).Fault);
    }

    // Protects the key: only a vote store that never held anything is replaced, and only by votes create; and one that stands in
    // for a lost one is there with its epoch or not at all.
    [Fact]
    public void A_vote_store_that_holds_nothing_is_made_again_by_its_command_alone()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("votes");
        RocksDb.TryOpen(path, ["default"], s_options, out _)!.Dispose();
        Assert.Equal(StoreFault.Missing, Assert.Throws<StoreException>(() => RocksVoteStore.Open(path, StoreSamples.Identity)).Fault);
        Assert.True(RocksVoteStore.IsUnfinished(path));
        Assert.Equal(StoreFault.Exists, Assert.Throws<StoreException>(() => RocksVoteStore.Create(path, StoreSamples.Identity)).Fault);
        RocksVoteStore.Create(path, StoreSamples.Identity, beginAt: 7, replaces: true);
        Assert.False(RocksVoteStore.IsUnfinished(path));
        using (RocksVoteStore votes = RocksVoteStore.Open(path, StoreSamples.Identity))
        {
            Assert.Equal(7u, votes.Epoch());
        }

        File.Delete(Path.Combine(path, "CURRENT"));
        Assert.False(RocksVoteStore.IsUnfinished(path));
    }

    // Protects votes that are made anew (rule E9) where a link leads to a disk of their own: they come there, beside what its
    // file system keeps.
    [Fact]
    public void Votes_made_anew_come_to_where_a_link_leads()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("votes"), disk = folder.File("disk");
        Directory.CreateDirectory(Path.Combine(disk, "lost+found"));
        Directory.CreateSymbolicLink(path, disk);
        Assert.True(RocksVoteStore.IsFree(path));
        RevivalPlan plan = new(RevivalRefusal.None, new VoteLimit(0, 7, 7), null, null, default, 2, 0);
        RocksVoteStore.Create(path, StoreSamples.Identity, plan, 0, default);
        Assert.False(RocksVoteStore.IsFree(path));
        Assert.Equal(disk, new DirectoryInfo(path).LinkTarget);
        using RocksVoteStore votes = RocksVoteStore.Open(disk, StoreSamples.Identity);
        RecoveredState state = new();
        votes.Recover(0, StoreSamples.Members, state);
        Assert.Equal(plan.Limit, state.Limit);
    }

    // Protects a store from two makers who are different users: one who cannot write the parent has its lock in the place, and is
    // seen by one who can; an empty place is replaced all the same.
    [Fact]
    public void Two_makers_meet_whoever_they_are()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("ledger");
        Directory.CreateDirectory(path);
        foreach (string held in new[] { Path.Combine(path, "new.lock"), path + ".lock" })
        {
            using (new FileStream(held, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose))
            {
                Assert.Equal(StoreFault.Locked, Assert.Throws<StoreException>(() => Open(path, null)).Fault);
            }

            Assert.Empty(Directory.GetFileSystemEntries(path));
        }

        Open(path, null).Dispose();
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Path));
        Assert.DoesNotContain(Path.Combine(path, "new.lock"), Directory.GetFiles(path));
    }

    // Protects containers: where only the volume can be written, and not the folder that it is mounted in, stores are made on
    // it, what was begun on it is replaced, by one process at a time, and nothing is left beside them.
    [RootFact]
    public void A_store_is_made_on_a_volume_whose_parent_cannot_be_written()
    {
        using TemporaryFolder folder = new();
        string parent = folder.File("container"), ledger = Path.Combine(parent, "ledger"), votes = Path.Combine(parent, "votes");
        Directory.CreateDirectory(parent);
        Run("mount", "-t", "tmpfs", "tmpfs", parent);
        try
        {
            foreach (string volume in new[] { ledger, votes })
            {
                Directory.CreateDirectory(volume);
                Run("mount", "-t", "tmpfs", "tmpfs", volume);
            }

            Run("mount", "-o", "remount,ro", parent);
            using (new FileStream(Path.Combine(ledger, "new.lock"), FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                Assert.Equal(StoreFault.Locked, Assert.Throws<StoreException>(() => Open(ledger, null)).Fault);
            }

            Open(ledger, null).Dispose();
            Open(ledger, null).Dispose();
            RocksDb.TryOpen(votes, ["default"], s_options, out _)!.Dispose();
            RocksVoteStore.Create(votes, StoreSamples.Identity, beginAt: 7, replaces: true);
            using (RocksVoteStore made = RocksVoteStore.Open(votes, StoreSamples.Identity))
            {
                Assert.Equal(7u, made.Epoch());
            }

            // What is to be replaced stays until the new one is whole, and a parent that can be written changes nothing.
            foreach (string mode in new[] { "remount,ro", "remount,rw" })
            {
                Run("mount", "-o", mode, parent);
                Assert.Throws<StoreException>(() => StoreDirectory.Create(
                    votes, ["default"], s_options, 0, "k"u8, "v"u8, _ => throw new IOException("No space left on device"), replaces: true));
                using RocksVoteStore kept = RocksVoteStore.Open(votes, StoreSamples.Identity);
                Assert.Equal(7u, kept.Epoch());
            }

            RocksVoteStore.Create(votes, StoreSamples.Identity, beginAt: 8, replaces: true);
            using (RocksVoteStore made = RocksVoteStore.Open(votes, StoreSamples.Identity))
            {
                Assert.Equal(8u, made.Epoch());
            }

            StoreException exists = Assert.Throws<StoreException>(() => RocksVoteStore.Create(votes, StoreSamples.Identity));
            Assert.Equal(StoreFault.Exists, exists.Fault);
            Assert.Empty(new[] { ledger, votes }.SelectMany(v => Directory.GetFileSystemEntries(v, "new*")));
        }
        finally
        {
            Run("umount", "-R", "-l", parent);
        }

        static void Run(string command, params string[] arguments)
        {
            using Process process = Process.Start(command, arguments);
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
        }
    }

    // Protects who starts again after a crash: keys without their public file, or a part of them, do not stand in the way, and
    // keys that were finished are never touched.
    [Fact]
    public void Keys_whose_making_was_cut_short_are_made_again()
    {
        using TemporaryFolder folder = new();
        string keys = folder.File("keys");
        string[] keygen = ["keygen", "--name", "alice", "--out", keys];
        Directory.CreateDirectory(keys);
        File.WriteAllText(Path.Combine(keys, FilesInTheMaking.Mark), "consensus.key\ntransport.key\nalice.json\n../outside\n");
        File.WriteAllText(Path.Combine(keys, "consensus.key"), "half");
        File.WriteAllText(Path.Combine(keys, "transport.key.new"), "");
        File.WriteAllText(folder.File("outside"), "stays");
        string cluster = folder.File("cluster");
        Directory.CreateDirectory(cluster);
        File.WriteAllText(Path.Combine(cluster, FilesInTheMaking.Mark + ".new"), "node-");
        Assert.Equal(0, CommandLine.Run(["init", "--validators", "1", "--out", cluster]));
        Assert.Equal(["genesis.json", "node-1"], Directory.GetFileSystemEntries(cluster).Select(f => Path.GetFileName(f)).Order());
        Assert.Equal(0, CommandLine.Run(keygen));
        Assert.Equal(["alice.json", "consensus.key", "transport.key"], Directory.GetFiles(keys).Select(f => Path.GetFileName(f)).Order());
        Assert.True(File.Exists(folder.File("outside")));
        string made = File.ReadAllText(Path.Combine(keys, "consensus.key"));
        Assert.Equal(4, CommandLine.Run(keygen));
        Assert.Equal(made, File.ReadAllText(Path.Combine(keys, "consensus.key")));
        Assert.Equal((UnixFileMode)0x180, File.GetUnixFileMode(Path.Combine(keys, "consensus.key")));

        // Killed between the last file and the end of the mark: all is there, and may have been used since.
        File.WriteAllText(Path.Combine(keys, FilesInTheMaking.Mark), "consensus.key\ntransport.key\nalice.json\n");
        Assert.Equal(4, CommandLine.Run(keygen));
        Assert.Equal(made, File.ReadAllText(Path.Combine(keys, "consensus.key")));
        File.WriteAllText(Path.Combine(cluster, FilesInTheMaking.Mark), "node-1\ngenesis.json\n");
        Assert.Equal(2, CommandLine.Run(["init", "--validators", "1", "--out", cluster]));
        Assert.Equal(["genesis.json", "node-1"], Directory.GetFileSystemEntries(cluster).Select(f => Path.GetFileName(f)).Order());
    }

    private static void AssertMadeAgain(string path)
    {
        List<string> notices = [];
        Open(path, notices.Add).Dispose();
        Assert.Contains("cut short", Assert.Single(notices), StringComparison.Ordinal);
        Open(path, notices.Add).Dispose();
        Assert.Single(notices);
    }

    private static RocksLedger Open(string path, Action<string>? notice) => RocksLedger.Open(
        path, StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 1 << 20, notice: notice);
}
