using System.Formats.Tar;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Backup;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Backup;

/// <summary>Full backups of a real chain into a folder, and back.</summary>
public class BackupTests(BackupFixture chain) : IClassFixture<BackupFixture>
{
    /// <summary>
    /// Protects the point of it all: a backup that was made under load, encrypted, comes back on another machine as a ledger that
    /// is whole and verified from genesis on; the validator is marked to follow, and no vote and no key is in what was stored.
    /// </summary>
    [Theory]
    [InlineData("none", false)]
    [InlineData("gzip", true)]
    [InlineData("zstd", true)]
    public void A_backup_made_under_load_comes_back(string compression, bool encrypted)
    {
        using TemporaryFolder folder = new();
        using SecretBuffer? seed = encrypted ? BackupFixture.Key(folder.File("backup.key")) : null;
        BackupSection settings = chain.Settings(
            folder.File("target"), encrypted ? folder.File("backup.key.pub")
                : "", Enum.Parse<BackupCompression>(compression, ignoreCase: true));
        using FolderTarget target = new(folder.File("target"));
        BackupManifest made = chain.Make(folder.File("work"), settings, target);
        Assert.False(Directory.Exists(folder.File("work", "db", "backup")));
        Assert.InRange(made.LastBlock, 1u, chain.AtCopy);
        Assert.True(made.Parts.Length > 1);

        BackupManifest read = Catalog(target).Newest(static _ => true);
        Assert.Equal(made.Parts, read.Parts);
        NodeContext elsewhere = chain.Elsewhere(folder.File("elsewhere"));
        List<string> told = [];
        new Restorer(elsewhere, target, chain.Place, told.Add).Run(read, seed, RestoreGoal.End);
        using (RocksLedger ledger = StoppedNode.OpenLedger(elsewhere, elsewhere.Config.Storage.LedgerPath))
        {
            Assert.Equal(made.LastBlock, ledger.Newest.Sequence);
            Assert.Equal(made.NextIndex, ledger.Newest.Index);
            List<string> faults = [];
            Assert.Equal(made.LastBlock, ledger.Verify(faults.Add));
            Assert.Empty(faults);

            // Nobody can say that this is the ledger that was there with the votes.
            EpochConfiguration epoch = ledger.ReadEpoch()!;
            Assert.Null(ledger.OwnTip(epoch, epoch.IndexOf(elsewhere.Keys.ConsensusPublicKey)));
        }

        Assert.Contains(told, line => line.Contains("verified from genesis on"));
        Assert.True(File.Exists(elsewhere.Config.Storage.RestoredMarker));
        Assert.False(Directory.Exists(elsewhere.Config.Storage.VotesPath));
        Assert.True(File.Exists(Path.Combine(elsewhere.Config.Node.EvidencePath, "seen.json")));
        Assert.Throws<StoreException>(() => VoteStoreSetup.Create(elsewhere));
        StoreException again =
            Assert.Throws<StoreException>(() => new Restorer(elsewhere, target, chain.Place, told.Add)
            .Run(read, seed, RestoreGoal.End));
        Assert.Contains("never overwritten", again.Message);
        if (encrypted)
        {
            Assert.Throws<BackupException>(() => BackupCheck.Chain(
                read, null, folder.File("check"), chain.Cluster.Genesis, chain.Cluster.ChainId, target, chain.Place, told.Add));
        }

        byte[] consensus = elsewhere.Keys.ConsensusSeed.Span.ToArray(), transport = elsewhere.Keys.TransportSeed.Span.ToArray();
        foreach (StoredObject stored in target.List(""))
        {
            byte[] bytes = target.Get(stored.Name, int.MaxValue)!;
            Assert.Equal((-1, -1), (bytes.AsSpan().IndexOf(consensus), bytes.AsSpan().IndexOf(transport)));
        }
    }

    /// <summary>
    /// Protects from a lying bucket: each object that is damaged, cut off, missing, exchanged with another or taken from another
    /// backup is named, and nothing is put in place.
    /// </summary>
    [Fact]
    public void What_a_bucket_changes_is_named_and_refused()
    {
        using TemporaryFolder folder = new();
        using FolderTarget target = new(folder.File("target"));
        BackupManifest made =
            chain.Make(folder.File("work"), chain.Settings(folder.File("target"), compression: BackupCompression.None), target);
        string Part(int number) => chain.Place.Part(made.Id, number);
        string PathOf(string name) => folder.File("target", name);
        BackupCheck.Parts(made, null, target, chain.Place);

        Refused(Part(1), () => Edit(PathOf(Part(1)), bytes => bytes[bytes.Length / 2] ^= 1), "damaged, or was changed");
        Refused(Part(0), () =>
            File.WriteAllBytes(PathOf(Part(0)), File.ReadAllBytes(PathOf(Part(0)))[..^1]), "damaged, or was changed");
        Refused(Part(1), () => File.Delete(PathOf(Part(1))), "is missing");
        Refused(Part(0), () => File.Copy(PathOf(Part(1)), PathOf(Part(0)), overwrite: true), "parts were exchanged");
        Refused(chain.Place.Manifest(made.Id), () =>
            Edit(PathOf(chain.Place.Manifest(made.Id)), bytes => bytes[20] ^= 1), "is not signed by the transport key");
        Refused(chain.Place.Manifest(made.Id), () =>
            File.WriteAllText(PathOf(chain.Place.Manifest(made.Id)), "{}\n"), "is no manifest");

        // A whole backup under another's id, and another validator's in this one's place.
        string moved = BackupPlace.IdOf(made.Created.AddHours(1), made.LastBlock);
        TemporaryFolder.Copy(PathOf(chain.Place.Full(made.Id)), PathOf(chain.Place.Full(moved)));
        Assert.Contains("wrong place", Assert.Throws<BackupException>(() => Catalog(target).Manifest(moved)).Message);
        BackupPlace other = chain.Place with { Validator = "node-2" };
        TemporaryFolder.Copy(PathOf(chain.Place.Full(made.Id)), PathOf(other.Full(made.Id)));
        BackupCatalog others = new(target, other, BackupSource.KeysOf(chain.Cluster.Genesis, "node-2", null));
        Assert.Contains("not signed by the transport key of 'node-2'",
            Assert.Throws<BackupException>(() => others.Manifest(made.Id)).Message);

        void Refused(string name, Action change, string why)
        {
            byte[] sound = File.ReadAllBytes(PathOf(name));
            change();
            NodeContext elsewhere = chain.Elsewhere(folder.File("elsewhere"));
            BackupException e = Assert.Throws<BackupException>(() =>
                new Restorer(elsewhere, target, chain.Place, static _ => { })
                    .Run(Catalog(target).Manifest(made.Id), null, RestoreGoal.End));
            Assert.StartsWith(name, e.Message);
            Assert.Contains(why, e.Message);
            Assert.False(Directory.Exists(elsewhere.Config.Storage.LedgerPath));
            File.WriteAllBytes(PathOf(name), sound);
        }
    }

    /// <summary>
    /// Protects from a signer that lies too, or a disk that rotted before the backup: a sound signature over a ledger whose
    /// certificate, block or state is another one is refused by the chain's own proofs.
    /// </summary>
    [Fact]
    public void A_well_signed_ledger_with_a_false_certificate_is_refused()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("ledger");
        TemporaryFolder.Copy(chain.RunningCopy, path);
        RocksLedger.Complete(path);
        NodeContext context = chain.Context();
        Genesis genesis = chain.Cluster.Genesis;
        using (RocksLedger sound = StoppedNode.OpenLedger(context, path))
        {
            ChainCheck.Run(sound, genesis, chain.Cluster.ChainId, static _ => { });
            Hash256 foreign = Hash256.Of("another chain"u8);
            Assert.Contains("not certified",
                Assert.Throws<BackupException>(() => ChainCheck.Run(sound, genesis, foreign, static _ => { })).Message);
            Member[] swapped = [genesis.Members[1], genesis.Members[0], .. genesis.Members[2..]];
            Assert.Throws<BackupException>(() =>
                ChainCheck.Run(sound, genesis with { Members = swapped }, chain.Cluster.ChainId, static _ => { }));
        }
    }

    /// <summary>
    /// Protects long uploads: one that breaks off at any part goes on there, sends nothing twice, and is whole.
    /// </summary>
    [Fact]
    public void A_backup_that_was_cut_short_goes_on()
    {
        using TemporaryFolder folder = new();
        using SecretBuffer seed = BackupFixture.Key(folder.File("backup.key"));
        BackupSection settings = chain.Settings(folder.File("target"), folder.File("backup.key.pub"));
        BackupSource source = chain.Source(folder.File("work"), settings);
        using FailingTarget target = new(new FolderTarget(folder.File("target")));
        HashSet<string> ids = [];
        BackupManifest? made = null;
        for (int tries = 0; made is null; tries++)
        {
            Assert.True(tries < 100);
            target.Left = 1;
            try
            {
                made = new BackupJob(source, target, static _ => { }).Run(CancellationToken.None);
            }
            catch (BackupException e)
            {
                Assert.Equal("cut off", e.Message);
                ids.Add(BackupProgress.Read(source.Config.Storage.BackupPath)!.Id);
                Assert.DoesNotContain(Catalog(target).Read(), entry => entry.Manifest is not null);
            }
        }

        Assert.Equal([made.Id], ids);
        Assert.Equal(target.Sent.Count, target.Sent.Distinct().Count());
        Assert.Equal(made.Parts.Length + 1, target.Sent.Count);
        BackupCheck.Chain(
            made, seed, folder.File("check"), chain.Cluster.Genesis, chain.Cluster.ChainId, target, chain.Place, static _ => { });
        Assert.False(Directory.Exists(folder.File("check")));
    }

    /// <summary>Protects backups to come: a copy of an earlier run that nobody can open is given up for a new one.</summary>
    [Fact]
    public void A_damaged_copy_of_an_unfinished_backup_is_made_anew()
    {
        using TemporaryFolder folder = new();
        BackupSource source = chain.Source(folder.File("work"), chain.Settings(folder.File("target")));
        using FailingTarget target = new(new FolderTarget(folder.File("target"))) { Left = 1 };
        Assert.Throws<BackupException>(() => new BackupJob(source, target, static _ => { }).Run(CancellationToken.None));
        File.Delete(Path.Combine(source.Config.Storage.BackupPath, BackupContent.LedgerFolder, "CURRENT"));
        target.Left = int.MaxValue;
        List<string> told = [];
        BackupManifest made = new BackupJob(source, target, told.Add).Run(CancellationToken.None);
        Assert.Contains(told, line => line.Contains("cannot be opened, and a new one is made"));
        BackupCheck.Parts(made, null, target, chain.Place);
    }

    /// <summary>
    /// Protects a ledger that comes into its place while another is being restored: two makers exclude each other, and what is in
    /// the folder is never deleted.
    /// </summary>
    [Fact]
    public void A_restore_deletes_no_file_in_the_ledgers_place()
    {
        using TemporaryFolder folder = new();
        using FolderTarget target = new(folder.File("target"));
        BackupManifest made = chain.Make(folder.File("work"), chain.Settings(folder.File("target")), target);
        NodeContext elsewhere = chain.Elsewhere(folder.File("elsewhere"));
        string path = elsewhere.Config.Storage.LedgerPath;
        Directory.CreateDirectory(path);
        using (new MakerLock(path))
        {
            Assert.Equal(StoreFault.Locked, Assert.Throws<StoreException>(() => Restore(static _ => { })).Fault);
        }

        string late = Path.Combine(path, "CURRENT");
        StoreException refused = Assert.Throws<StoreException>(() => Restore(_ => File.WriteAllText(late, "late")));
        Assert.Contains("no longer empty", refused.Message);
        Assert.Equal("late", File.ReadAllText(late));
        File.Delete(late);
        Restore(static _ => { });
        Assert.True(StoreDirectory.Exists(path));

        void Restore(Action<string> told) => new Restorer(elsewhere, target, chain.Place, told).Run(made, null, RestoreGoal.End);
    }

    /// <summary>Protects what a bucket may name: files outside of a backup's folders are never written.</summary>
    [Fact]
    public void An_archive_writes_nothing_outside_of_its_folder()
    {
        using TemporaryFolder folder = new();
        string[] names =
        [
            "../escaped", "ledger/../../escaped", "/tmp/escaped", "evidence/", "votes/CURRENT", "ledger/commits.ring",
            "ledger/LOCK", "consensus.key",
        ];
        foreach (string name in names)
        {
            using MemoryStream tar = new();
            using (TarWriter writer = new(tar, TarEntryFormat.Ustar, leaveOpen: true))
            {
                writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream([1]) });
            }

            tar.Position = 0;
            BackupException e =
                Assert.Throws<BackupException>(() => BackupContent.Extract(tar, folder.File("within"), static _ => true));
            Assert.Contains("is no file of one", e.Message);
            Assert.Empty(Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories));
        }
    }

    private BackupCatalog Catalog(IBackupTarget target) =>
        new(target, chain.Place, BackupSource.KeysOf(chain.Cluster.Genesis, "node-1", null));

    private static void Edit(string path, Action<byte[]> edit)
    {
        byte[] bytes = File.ReadAllBytes(path);
        edit(bytes);
        File.WriteAllBytes(path, bytes);
    }

    /// <summary>Takes so many objects and then none.</summary>
    private sealed class FailingTarget(IBackupTarget inner) : IBackupTarget
    {
        public int Left { get; set; }

        public List<string> Sent { get; } = [];

        public void Put(string name, ReadOnlyMemory<byte> content)
        {
            if (Left-- == 0)
            {
                throw new BackupException("cut off");
            }

            Sent.Add(name);
            inner.Put(name, content);
        }

        public byte[]? Get(string name, int most) => inner.Get(name, most);

        public IReadOnlyList<StoredObject> List(string prefix) => inner.List(prefix);

        public void Delete(string name) => inner.Delete(name);

        public void Dispose() => inner.Dispose();
    }
}
