using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Host.Config;
using Validator.Host.Storage;

namespace Validator.Host.Backup;

/// <summary>Whose backups are made, and of what.</summary>
/// <param name="Configuration">Path of node.toml.</param>
/// <param name="CopyLedger">Makes a copy of the ledger in a folder that does not exist yet.</param>
/// <param name="TransportSeed">Signs manifests; 32 bytes.</param>
internal sealed record BackupSource(
    NodeConfig Config, Genesis Genesis, BackupPlace Place, StoreIdentity Identity, string Configuration, string Version,
    Action<string> CopyLedger, Memory<byte> TransportSeed, byte[] TransportKey)
{
    /// <summary>Public keys by which its manifests may be signed: its own, and what genesis names for it.</summary>
    public IReadOnlyList<byte[]> TransportKeys => KeysOf(Genesis, Place.Validator, TransportKey);

    public static IReadOnlyList<byte[]> KeysOf(Genesis genesis, string validator, byte[]? own) =>
        [.. own is null ? [] : (byte[][])[own], .. genesis.Members.Where(m => m.Name == validator).Select(m => m.TransportKey)];
}

/// <summary>
/// Makes a full backup: a copy of the ledger, and configuration, genesis and evidence beside it, sent in pieces. It takes a
/// piece's size three times in memory. What cuts it short leaves the copy, and the next one goes on with that. One at a time for
/// a folder.
/// </summary>
internal sealed class BackupJob(BackupSource source, IBackupTarget target, Action<string> tell)
{
    private readonly BackupSection _settings = source.Config.Backup;
    private readonly string _folder = source.Config.Storage.BackupPath;

    private string LedgerCopy => Path.Combine(_folder, BackupContent.LedgerFolder);

    /// <summary>Bytes stored so far, of all runs.</summary>
    public long StoredBytes { get; private set; }

    /// <summary>Parts that an earlier run had stored.</summary>
    public int PartsKept { get; private set; }

    /// <exception cref="BackupException">The target does not take it.</exception>
    /// <exception cref="StoreException">The ledger cannot be copied.</exception>
    /// <exception cref="OperationCanceledException">It was called off; the next run goes on.</exception>
    public BackupManifest Run(CancellationToken cancellation)
    {
        byte[]? key = _settings.Unencrypted ? null : BackupKeys.ReadPublic(_settings.EncryptionKey);
        string? recipient = key is null ? null : Hash256.Of(key).ToString();
        BackupProgress progress = BackupProgress.Read(_folder) is { } before && before.Fits(_settings, recipient) && Opens()
            ? before : Begin(recipient);
        BackupManifest manifest = Send(progress, key, cancellation);
        byte[] signed = manifest.Sign(source.TransportSeed.Span);
        target.Put(source.Place.Manifest(manifest.Id), signed);
        StoredBytes += signed.Length;
        Directory.Delete(_folder, recursive: true);
        return manifest;
    }

    /// <summary>A new copy in place of what an earlier run left.</summary>
    private BackupProgress Begin(string? recipient)
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }

        Directory.CreateDirectory(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        DateTime begun = DateTime.UtcNow;
        source.CopyLedger(LedgerCopy);
        BackupContent.Gather(_folder, source.Configuration, source.Config.Node.GenesisPath, source.Config.Node.EvidencePath);
        (ChainPosition newest, _) = Look();
        begun = new DateTime(begun.Ticks - (begun.Ticks % TimeSpan.TicksPerSecond), DateTimeKind.Utc);
        BackupProgress progress = new(
            BackupPlace.IdOf(begun, newest.Sequence), begun, _settings.Target!.ToString(), recipient,
            BackupProgress.NameOf(_settings.Compression), _settings.PartMb << 20, []);
        progress.Write(_folder);
        return progress;
    }

    private BackupManifest Send(BackupProgress progress, byte[]? key, CancellationToken cancellation)
    {
        (ChainPosition newest, BackupManifest manifest) = Look();
        string id = progress.Id;
        tell($"backup {id}: blocks {manifest.FirstBlock} to {newest.Sequence}, to {_settings.Target}"
            + (progress.Parts.Length > 0 ? $"; an earlier run stored {progress.Parts.Length} parts" : ""));
        List<BackupPart> parts = [.. progress.Parts];
        PartsKept = parts.Count;
        StoredBytes = parts.Sum(p => (long)p.Stored);
        RateLimit rate = new((long)_settings.RateMb << 20);
        PieceWriter pieces = new(progress.PartBytes, (number, content) =>
        {
            cancellation.ThrowIfCancellationRequested();
            string sum = Hash256.Of(content.Span).ToString();
            if (number < parts.Count)
            {
                if (parts[number].Blake3 != sum || parts[number].Bytes != content.Length)
                {
                    File.Delete(BackupProgress.PathIn(_folder));
                    throw new BackupException(
                        $"backup {id}: part {number} is not what was stored before: start it again, from its beginning");
                }

                return;
            }

            rate.Wait(content.Length, cancellation);
            string name = source.Place.Part(id, number);
            byte[] stored = Compression.Compress(_settings.Compression, content.Span);
            stored = key is null ? stored : SealedObject.Seal(key, PartReader.NameToSeal(source.Place, name), stored);
            target.Put(name, stored);
            parts.Add(new BackupPart(content.Length, sum, stored.Length, Hash256.Of(stored).ToString()));
            StoredBytes += stored.Length;
            (progress with { Parts = [.. parts] }).Write(_folder);
        });
        BackupContent.Write(_folder, BackupContent.FilesIn(_folder), progress.Created, pieces);
        pieces.Complete();
        return manifest with
        {
            Id = id,
            Created = progress.Created,
            Compression = progress.Compression,
            Recipient = progress.Recipient,
            Bytes = parts.Sum(p => (long)p.Bytes),
            Parts = [.. parts],
        };
    }

    /// <summary>Whether the copy of an earlier run is good: one of another key, or that is damaged, never will be.</summary>
    private bool Opens()
    {
        try
        {
            Look();
            return true;
        }
        catch (StoreException e) when (e.Fault is not (StoreFault.Locked or StoreFault.DiskFull))
        {
            tell($"the copy of an unfinished backup cannot be opened, and a new one is made: {e.Message}");
            return false;
        }
    }

    /// <summary>What the copy holds.</summary>
    private (ChainPosition Newest, BackupManifest Manifest) Look()
    {
        using RocksLedger copy = RocksLedger.OpenCopy(
            LedgerCopy, source.Identity, source.Genesis.Members.Length, source.Genesis.Parameters.DedupWindow);
        ChainPosition newest = copy.Newest;
        FinalRecord? last = copy.LastFinal();
        ulong epoch = copy.ReadEpoch()?.Number ?? 0;
        Hash256 root = last?.Result.Root ?? default;
        return (newest, new BackupManifest(
            BackupManifest.FormatName, "", source.Place.ChainId.ToString(), source.Place.Validator,
            Hash256.Of(source.TransportKey).ToString(), default, source.Version, epoch, copy.FirstKept.Sequence, newest.Sequence,
            (last?.Block.Hash ?? default).ToString(), root.ToString(), newest.Index,
            last?.Block.TimestampMicros ?? 0, "", null, 0, []));
    }
}
