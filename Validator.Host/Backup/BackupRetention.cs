using Validator.Host.Config;

namespace Validator.Host.Backup;

/// <summary>
/// Which backups go. The newest good ones stay, however old they are; what nobody can restore does not count as one.
/// </summary>
internal static class BackupRetention
{
    /// <summary>An unfinished one may be another process's that is being made.</summary>
    private static readonly TimeSpan s_unfinished = TimeSpan.FromDays(2);

    /// <summary>Full backups to delete, the oldest first.</summary>
    public static List<CatalogEntry> Due(IReadOnlyList<CatalogEntry> all, BackupSection settings, DateTime now)
    {
        List<CatalogEntry> good = [.. all.Where(e => e.Manifest is not null)];
        HashSet<CatalogEntry> kept = [.. good.TakeLast(settings.Keep)];
        kept.UnionWith(good.Where(e => settings.KeepDays > 0 && now - e.Begun <= TimeSpan.FromDays(settings.KeepDays)));
        CatalogEntry? newest = good.LastOrDefault();

        // What is damaged stays for its operator to look at; it is named by list and verify.
        return
        [
            .. all.Where(e => e.Manifest is not null ? !kept.Contains(e)
                : e.Fault is null && newest is not null && e.Begun < newest.Begun && now - e.Begun > s_unfinished),
        ];
    }

    /// <summary>Deletes them.</summary>
    /// <returns>The ids of those that went.</returns>
    public static List<string> Prune(BackupCatalog catalog, BackupSection settings, DateTime now)
    {
        List<string> gone = [];
        foreach (CatalogEntry entry in Due(catalog.Read(), settings, now))
        {
            catalog.Delete(entry.Id);
            gone.Add(entry.Id);
        }

        return gone;
    }

    /// <summary>Deletes segments of the archive that lie before every full backup. Without a good one all stay.</summary>
    /// <returns>How many.</returns>
    public static int PruneArchive(BackupCatalog catalog, IBackupTarget target, BackupPlace place) =>
        LowestBlock(catalog.Read()) is { } lowest ? ArchiveList.Prune(target, place, lowest) : 0;

    /// <summary>
    /// The block up to which no backup needs the archive; null where none is good, or a manifest could not be read: that backup
    /// may be sound, and end before all others.
    /// </summary>
    internal static ulong? LowestBlock(IReadOnlyList<CatalogEntry> all) =>
        all.Any(e => e.Fault is not null) ? null : all.Min(e => e.Manifest?.LastBlock);
}
