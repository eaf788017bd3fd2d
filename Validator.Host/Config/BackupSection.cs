using System.Globalization;
using Validator.Core.Primitives;

namespace Validator.Host.Config;

/// <summary>How the pieces of a backup are made smaller.</summary>
public enum BackupCompression : byte
{
    None,
    Gzip,
    Zstd,
}

/// <summary>Where and how backups are made; off without a target.</summary>
/// <param name="Target">Null: none.</param>
/// <param name="Schedule">Null: by hand alone.</param>
/// <param name="Keep">The newest so many full backups stay.</param>
/// <param name="KeepDays">And those that are not older.</param>
/// <param name="EncryptionKey">File of the public key; empty where <paramref name="Unencrypted"/>.</param>
/// <param name="Credentials">File of the target's credentials; empty: from the environment.</param>
/// <param name="PartMb">MiB of content in each object.</param>
/// <param name="RateMb">MiB of content a second; 0: without limit.</param>
/// <param name="Archive">Final blocks are archived as they are made.</param>
/// <param name="ArchiveSeconds">So often.</param>
public sealed record BackupSection(
    BackupTargetUrl? Target = null, BackupSchedule? Schedule = null, int Keep = 7, int KeepDays = 0, string EncryptionKey = "",
    bool Unencrypted = false, BackupCompression Compression = BackupCompression.Gzip, string Credentials = "",
    int PartMb = 16, int RateMb = 64, bool Archive = false, int ArchiveSeconds = 10);

/// <summary>When full backups are due: so often, or daily at a time of UTC.</summary>
/// <param name="Every">At least a minute; zero where it is daily.</param>
/// <param name="Daily">Time of day.</param>
public sealed record BackupSchedule(TimeSpan Every, TimeSpan Daily)
{
    /// <summary>Reads 90m, 6h or 7d; or 03:30.</summary>
    public static bool TryRead(string text, out BackupSchedule? schedule)
    {
        schedule = null;
        if (TimeSpan.TryParseExact(text, @"hh\:mm", CultureInfo.InvariantCulture, out TimeSpan daily))
        {
            schedule = new BackupSchedule(TimeSpan.Zero, daily);
            return true;
        }

        int minutes = text.Length < 2 ? 0 : text[^1] switch { 'm' => 1, 'h' => 60, 'd' => 1440, _ => 0 };
        if (minutes == 0 || !StrictNumber.TryRead(text.AsSpan(0, text.Length - 1), out ushort number) || number == 0
            || (long)number * minutes > 365 * 1440)
        {
            return false;
        }

        schedule = new BackupSchedule(TimeSpan.FromMinutes(number * minutes), default);
        return true;
    }

    /// <summary>When the next one is due.</summary>
    /// <param name="last">When the newest was begun; null: never.</param>
    public DateTime Next(DateTime? last, DateTime now)
    {
        if (last is not { } before)
        {
            return now;
        }

        if (Every > TimeSpan.Zero)
        {
            return before + Every;
        }

        DateTime today = before.Date + Daily;
        return today > before ? today : today.AddDays(1);
    }
}
