using Validator.Core.Primitives;
using Validator.Host.Backup;
using Validator.Host.Config;

namespace Validator.Tests.Host.Backup;

/// <summary>When backups are made, and which of them stay.</summary>
public class BackupScheduleTests
{
    private static readonly DateTime s_now = new(2026, 3, 10, 12, 0, 0, DateTimeKind.Utc);

    /// <summary>Protects the schedule: intervals count from the last one's beginning, times of day are UTC's.</summary>
    [Fact]
    public void The_next_one_is_due_as_the_schedule_says()
    {
        Assert.Equal(s_now, Read("6h").Next(null, s_now));
        Assert.Equal(s_now.AddHours(5), Read("6h").Next(s_now.AddHours(-1), s_now));
        Assert.Equal(s_now.AddMinutes(-10), Read("90m").Next(s_now.AddMinutes(-100), s_now));
        Assert.Equal(s_now.Date.AddDays(1).AddHours(3.5), Read("03:30").Next(s_now.Date.AddHours(3.6), s_now));
        Assert.Equal(s_now.Date.AddHours(3.5), Read("03:30").Next(s_now.Date.AddHours(-3), s_now));
        foreach (string wrong in (string[])["", "6", "0h", "6w", "-6h", "24:00", "3:30", "366d", "6.5h", "99999999h"])
        {
            Assert.False(BackupSchedule.TryRead(wrong, out _), wrong);
        }
    }

    /// <summary>
    /// Protects the backups that would be needed: the newest good ones stay at whatever age, a damaged or unfinished one does not
    /// count in their place, and what another process is just making is not taken from it.
    /// </summary>
    [Fact]
    public void Prune_keeps_what_can_be_restored()
    {
        CatalogEntry[] all =
        [
            Good(40), Good(30), Unfinished(29), Good(20), Good(10), Damaged(9), Damaged(8), Unfinished(1), Unfinished(0),
        ];
        Assert.Equal([all[0], all[1], all[2]], Due(all, keep: 2));
        Assert.Equal([all[0], all[2]], Due(all, keep: 2, days: 30));
        Assert.Equal([all[2]], Due(all, keep: 7));
        Assert.Empty(Due([Damaged(3), Unfinished(2)], keep: 1));
        Assert.Equal([all[0], all[1], all[2], all[3]], Due(all, keep: 1));
    }

    /// <summary>
    /// Protects the archive that a backup needs: a manifest that could not be read may be the one that ends first, and the newest
    /// by time, made from another validator's copy or a restored ledger, too.
    /// </summary>
    [Fact]
    public void The_archive_is_kept_from_the_lowest_block_on()
    {
        Assert.Equal(5ul, BackupRetention.LowestBlock([Good(3, 9), Good(2, 5), Unfinished(1), Good(0, 12)]));
        Assert.Null(BackupRetention.LowestBlock([Good(3, 9), Damaged(2), Good(0, 12)]));
        Assert.Null(BackupRetention.LowestBlock([Unfinished(1)]));
        Assert.Null(BackupRetention.LowestBlock([]));
    }

    private static BackupSchedule Read(string text)
    {
        Assert.True(BackupSchedule.TryRead(text, out BackupSchedule? schedule));
        return schedule!;
    }

    private static List<CatalogEntry> Due(CatalogEntry[] all, int keep, int days = 0) =>
        BackupRetention.Due(all, new BackupSection(Keep: keep, KeepDays: days), s_now);

    private static string Id(int daysAgo) => BackupPlace.IdOf(s_now.AddDays(-daysAgo), 7);

    private static CatalogEntry Good(int daysAgo, ulong last = 7) => new(
        Id(daysAgo), new BackupManifest(
            BackupManifest.FormatName, Id(daysAgo), "", "node-1", "", s_now, "", 0, 1, last, "", "", 0, 0, "gzip", null, 0, []),
                null, 1, 100);

    private static CatalogEntry Damaged(int daysAgo) => new(Id(daysAgo), null, "was changed", 1, 100);

    private static CatalogEntry Unfinished(int daysAgo) => new(Id(daysAgo), null, null, 1, 100);
}
