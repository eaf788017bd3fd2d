using Validator.Core.Primitives;

namespace Validator.Host.Backup;

/// <summary>A full backup in a target, or what is there of one.</summary>
/// <param name="Manifest">Null where it was not finished, or its manifest is no good.</param>
/// <param name="Fault">What is wrong with the manifest; null where nothing is, or there is none.</param>
/// <param name="Bytes">Stored, all its objects.</param>
internal sealed record CatalogEntry(string Id, BackupManifest? Manifest, string? Fault, int Objects, long Bytes)
{
    public DateTime Begun => BackupPlace.BegunOf(Id)!.Value;
}

/// <summary>What a target holds of one validator.</summary>
internal sealed class BackupCatalog(IBackupTarget target, BackupPlace place, IReadOnlyList<byte[]> transportKeys)
{
    /// <summary>All full backups, the oldest first.</summary>
    public List<CatalogEntry> Read()
    {
        SortedDictionary<string, (int Objects, long Bytes, bool Finished)> found = new(StringComparer.Ordinal);
        foreach (StoredObject stored in target.List(place.Fulls))
        {
            if (place.IdIn(stored.Name) is { } id)
            {
                found.TryGetValue(id, out (int Objects, long Bytes, bool Finished) sum);
                found[id] = (sum.Objects + 1, sum.Bytes + stored.Bytes, sum.Finished || stored.Name == place.Manifest(id));
            }
        }

        List<CatalogEntry> entries = [];
        foreach ((string id, (int objects, long bytes, bool finished)) in found)
        {
            BackupManifest? manifest = null;
            string? fault = null;
            try
            {
                manifest = finished ? Manifest(id) : null;
            }
            catch (BackupException e)
            {
                fault = e.Message;
            }

            entries.Add(new CatalogEntry(id, manifest, fault, objects, bytes));
        }

        return entries;
    }

    /// <summary>A finished backup's manifest.</summary>
    /// <exception cref="BackupException">There is none, or it is no good.</exception>
    public BackupManifest Manifest(string id)
    {
        string name = place.Manifest(id);
        byte[] bytes = target.Get(name, BackupManifest.MostBytes)
            ?? throw new BackupException($"{name}: there is none: that backup was not finished, or never made");
        return BackupManifest.Read(name, bytes, place, transportKeys);
    }

    /// <summary>The newest finished backup that ends at or before a block.</summary>
    /// <exception cref="BackupException">There is none.</exception>
    public BackupManifest Newest(Func<BackupManifest, bool> fits)
    {
        List<CatalogEntry> entries = Read();
        entries.Reverse();
        return entries.Find(e => e.Manifest is { } manifest && fits(manifest))?.Manifest
            ?? throw new BackupException(
                entries.Find(e => e.Fault is not null)?.Fault
                ?? $"there is no full backup of '{place.Validator}' that fits below {place.Fulls}; 'validator backup list'"
                    + $" tells what is there");
    }

    /// <summary>Deletes a backup: its manifest first, so that none is left that lacks parts.</summary>
    /// <returns>Bytes that it took.</returns>
    public long Delete(string id)
    {
        IReadOnlyList<StoredObject> objects = target.List(place.Full(id));
        target.Delete(place.Manifest(id));
        long bytes = 0;
        foreach (StoredObject stored in objects)
        {
            target.Delete(stored.Name);
            bytes += stored.Bytes;
        }

        return bytes;
    }
}
