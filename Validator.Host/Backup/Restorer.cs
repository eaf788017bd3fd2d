using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;

namespace Validator.Host.Backup;

/// <summary>
/// Brings a ledger back: into a folder beside its place, checked from genesis on, and only then moved there. What is in its place
/// is never replaced.
/// </summary>
internal sealed class Restorer(NodeContext context, IBackupTarget target, BackupPlace place, Action<string> tell)
{
    private const string Aside = ".restoring";

    private readonly StorageSection _storage = context.Config.Storage;

    /// <summary>
    /// Restores a full backup, rolls it forward by the archive, and leaves the mark that keeps the validator from signing before
    /// it may.
    /// </summary>
    /// <param name="full">Null: from genesis on, by the archive alone.</param>
    /// <param name="seed">Of the key that opens it; null where it is not encrypted.</param>
    /// <exception cref="BackupException">The backup does not hold, or does not reach the goal; nothing was put in
    /// place.</exception>
    /// <exception cref="StoreException">There is a ledger already, or the disk fails.</exception>
    public void Run(BackupManifest? full, SecretBuffer? seed, RestoreGoal goal)
    {
        using MakerLock only = Reserve();
        string aside = _storage.LedgerPath + Aside;
        ChainPosition reached;
        using (RocksLedger ledger = full is null ? Empty(aside)
            : Build(full, seed, aside, context.Genesis, context.ChainId, target, place, tell, context.Keys.ConsensusPublicKey))
        {
            RollForward(ledger, seed, goal);
            reached = ledger.Newest;
        }

        KeepEvidence(aside);
        bool votes = RocksVoteStore.Exists(_storage.VotesPath) && VoteStoreSetup.Mark(_storage) is null;
        if (!votes)
        {
            VoteStoreSetup.MarkRestored(_storage);
        }

        if (Directory.Exists(_storage.LedgerPath) && !only.TryRemoveEmptyPlace())
        {
            throw new StoreException(
                StoreFault.Exists,
                $"{_storage.LedgerPath}: is no longer empty, or is a mount point, which cannot be replaced. The restored"
                    + $" ledger is in {aside}: restore again once that folder is gone");
        }

        Directory.Move(Path.Combine(aside, BackupContent.LedgerFolder), _storage.LedgerPath);
        DurableFile.SyncFolder(Path.GetDirectoryName(Path.GetFullPath(_storage.LedgerPath))!);
        Directory.Delete(aside, recursive: true);
        tell($"{_storage.LedgerPath}: restored up to block {reached.Sequence}, {reached.Index} transactions");
        tell(votes
            ? $"{_storage.VotesPath} is there and was left alone: this validator signs as soon as it is past what it has signed"
            : $"{_storage.RestoredMarker}: this validator follows, and signs nothing before an epoch in which it may");
    }

    /// <summary>Keeps others from making a ledger in its place until this one is there.</summary>
    private MakerLock Reserve()
    {
        string path = _storage.LedgerPath;
        try
        {
            DurableFile.MakeFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
            MakerLock only = new(path);
            if (!Directory.Exists(path)
                || Directory.EnumerateFileSystemEntries(path).All(e => Path.GetFileName(e) == MakerLock.Within))
            {
                return only;
            }

            only.Dispose();
        }
        catch (IOException e) when (MakerLock.IsTaken(e))
        {
            throw new StoreException(StoreFault.Locked, $"{path}: another process is creating it; stop one of the two");
        }

        throw new StoreException(
            StoreFault.Exists,
            $"{path}: there is a ledger already, or a part of one. It is never overwritten: move it away, and keep it");
    }

    private void RollForward(RocksLedger ledger, SecretBuffer? seed, RestoreGoal goal)
    {
        ulong before = ledger.Newest.Sequence, proven = 0;
        List<ArchivedSegment> segments = ArchiveList.Read(target, place).FindAll(segment => segment.Last > before);
        if (segments.Count > 0)
        {
            using Replay replay = new(ledger, context.Genesis, context.ChainId, (ulong)_storage.SnapshotBlocks);
            foreach (ArchivedSegment segment in segments)
            {
                if (goal.Index < replay.NextIndex)
                {
                    break;
                }

                if (segment.First > replay.Newest + 1)
                {
                    throw new BackupException(
                        $"{segment.Name}: the archive lacks blocks {replay.Newest + 1} to {segment.First - 1}: restore to an"
                            + $" earlier point, or from a full backup that has them");
                }

                if (!replay.Take(segment.Name, Open(segment, seed), goal.Wants))
                {
                    break;
                }
            }

            replay.Flush();
            proven = replay.Proven;
            tell($"rolled forward from block {before} to {replay.Newest} by {segments.Count} segments");
        }

        if (goal.Index >= ledger.Newest.Index)
        {
            throw new BackupException(
                $"transaction {goal.Index} is in no backup: what is there ends with block {ledger.Newest.Sequence}, and the"
                    + $" next transaction is {ledger.Newest.Index}");
        }

        if (ledger.Newest.Sequence > before)
        {
            ChainCheck.Run(ledger, context.Genesis, context.ChainId, tell, proven);
        }
    }

    private List<FinalContent> Open(ArchivedSegment segment, SecretBuffer? seed)
    {
        byte[] stored = target.Get(segment.Name, BackupManifest.MostStoredBytes * 2)
            ?? throw new BackupException($"{segment.Name}: is missing");
        bool isSealed = SealedObject.Is(stored);
        if (isSealed && seed is null)
        {
            throw new BackupException($"{segment.Name} is encrypted: give the private key of backups with --key FILE");
        }

        byte[] content = isSealed ? SealedObject.Open(seed!, PartReader.NameToSeal(place, segment.Name), stored) : stored;
        List<FinalContent> blocks = ArchiveSegment.Unpack(segment.Name, content);
        bool named = blocks.Count > 0 && blocks[0].Block.Sequence == segment.First && blocks[^1].Block.Sequence == segment.Last;
        return named ? blocks
            : throw new BackupException($"{segment.Name}: holds other blocks than its name says: it was exchanged, or renamed");
    }

    /// <summary>A ledger at genesis, and no other file.</summary>
    private RocksLedger Empty(string aside)
    {
        if (Directory.Exists(aside))
        {
            Directory.Delete(aside, recursive: true);
        }

        Directory.CreateDirectory(Path.Combine(aside, BackupContent.EvidenceFolder));
        return StoppedNode.OpenLedger(context, Path.Combine(aside, BackupContent.LedgerFolder), creates: true);
    }

    /// <summary>Unpacks a backup below a folder and checks its ledger, which is returned open.</summary>
    /// <param name="consensusKey">Whose the ledger becomes; empty: nobody's, since it is only looked at.</param>
    public static RocksLedger Build(
        BackupManifest manifest, SecretBuffer? seed, string folder, Genesis genesis, in Hash256 chainId, IBackupTarget target,
        BackupPlace place, Action<string> tell, ReadOnlySpan<byte> consensusKey = default)
    {
        Extract(manifest, seed, folder, target, place, static _ => true);
        string path = Path.Combine(folder, BackupContent.LedgerFolder);
        RequireGenesis(Path.Combine(folder, BackupContent.Genesis), chainId);
        RocksLedger.Complete(path);
        RocksLedger ledger = StoppedNode.OpenLedger(genesis, StoreIdentity.Of(chainId, consensusKey), path);
        try
        {
            // Nobody's lane is known to end where a copy says.
            ledger.ForgetOwnTip();
            ChainCheck.Run(ledger, genesis, chainId, tell);
            FinalRecord? last = ledger.LastFinal();
            bool named = (last?.Block.Sequence ?? 0) == manifest.LastBlock
                && (last?.Block.Hash ?? default).ToString() == manifest.LastHash;
            return named ? ledger
                : throw new BackupException(
                    $"backup {manifest.Id}: its ledger ends with block {last?.Block.Sequence ?? 0}, and its manifest says"
                    + $" {manifest.LastBlock}");
        }
        catch
        {
            ledger.Dispose();
            throw;
        }
    }

    /// <summary>Writes a backup's files below a folder, in place of what an earlier try left there.</summary>
    public static void Extract(
        BackupManifest manifest, SecretBuffer? seed, string folder, IBackupTarget target, BackupPlace place,
        Func<string, bool> takes)
    {
        if (manifest.Recipient is not null
            && (seed is null || Hash256.Of(BackupKeys.PublicKeyOf(seed)).ToString() != manifest.Recipient))
        {
            throw new BackupException(seed is null
                ? $"backup {manifest.Id} is encrypted: give the private key of backups with --key FILE"
                : $"backup {manifest.Id} was encrypted for another key than the one that was given");
        }

        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        using PartReader content = new(target, place, manifest, manifest.Recipient is null ? null : seed);
        BackupContent.Extract(content, folder, takes);
    }

    /// <summary>Writes all but the ledger into a new folder, for an operator to look at.</summary>
    public static void ExtractFiles(
        BackupManifest manifest, SecretBuffer? seed, string folder, IBackupTarget target, BackupPlace place)
    {
        if (Directory.Exists(folder))
        {
            throw new BackupException($"{folder}: exists already; give a folder that does not");
        }

        Extract(manifest, seed, folder, target, place, static name =>
            !name.StartsWith(BackupContent.LedgerFolder + "/", StringComparison.Ordinal));
        Directory.Delete(Path.Combine(folder, BackupContent.LedgerFolder));
    }

    /// <summary>What is there already stays: it may be newer.</summary>
    private void KeepEvidence(string aside)
    {
        string to = context.Config.Node.EvidencePath;
        DurableFile.MakeFolder(Path.GetFullPath(to));
        foreach (string file in Directory.EnumerateFiles(Path.Combine(aside, BackupContent.EvidenceFolder)))
        {
            string kept = Path.Combine(to, Path.GetFileName(file));
            if (!File.Exists(kept))
            {
                File.Move(file, kept);
            }
        }

        DurableFile.SyncFolder(to);
    }

    private static void RequireGenesis(string path, in Hash256 chainId)
    {
        GenesisFile.Read(path, out Hash256 brought);
        if (brought != chainId)
        {
            throw new BackupException($"the backup has the genesis of chain {brought}, and this validator's is {chainId}");
        }
    }
}
