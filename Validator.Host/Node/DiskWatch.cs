using Microsoft.Extensions.Logging;
using Validator.Host.Config;

namespace Validator.Host.Node;

/// <summary>How much room the disks of the databases and of the data directory have.</summary>
public enum DiskLevel : byte
{
    Ample,

    /// <summary>Below the low-water mark: nothing is taken from clients and no payload of our own is made; voting goes on.</summary>
    Low,

    /// <summary>Below the hard mark: nothing is voted, and so nothing written. Status and metrics stay up.</summary>
    Full,
}

/// <summary>
/// Looks at the free space four times a second, so that a full disk is met by stopping in time instead of by a failed write. A level
/// is left upwards only with a tenth more than its mark, so that it does not flap.
/// </summary>
internal sealed class DiskWatch : IDisposable
{
    private const long MiB = 1024 * 1024;
    private const long LowMost = 2048 * MiB;
    private const int LowPercent = 5;

    /// <summary>The hard mark by default: what several write buffers, a log and a compaction under way may still take.</summary>
    private const int HardShare = 4;

    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(250);

    private readonly string[] _folders;
    private readonly StorageSection _settings;
    private readonly ILogger _log;
    private readonly Lock _lock = new();
    private Timer? _timer;
    private long _free = long.MaxValue;
    private int _level;

    public DiskWatch(StorageSection storage, string dataDir, ILogger log)
    {
        _folders = [storage.Path, dataDir];
        _settings = storage;
        _log = log;
        Look();
    }

    /// <summary>Called after each change of level, on a pool thread.</summary>
    public Action? Changed { get; set; }

    public DiskLevel Level => (DiskLevel)Volatile.Read(ref _level);

    /// <summary>Bytes free where there are fewest.</summary>
    public long FreeBytes => Volatile.Read(ref _free);

    /// <summary>What to tell an operator; empty when there is room.</summary>
    public string Reason => Level switch
    {
        DiskLevel.Ample => "",
        DiskLevel.Low => $"the disk has {FreeBytes / MiB} MiB free, less than the low-water mark: nothing is taken from clients",
        _ => $"the disk has {FreeBytes / MiB} MiB free, less than the hard mark: nothing is voted",
    };

    public void Start() => _timer = new Timer(_ => Look(), null, s_period, s_period);

    public void Dispose() => _timer?.Dispose();

    /// <summary>Both marks in bytes for a disk of a size.</summary>
    internal static (long Low, long Hard) Marks(StorageSection settings, long total)
    {
        long low = settings.LowWaterMb > 0 ? settings.LowWaterMb * MiB : Math.Min(LowMost, total / 100 * LowPercent);
        long hard = settings.HardWaterMb > 0 ? settings.HardWaterMb * MiB : low / HardShare;
        return (low, Math.Min(hard, low));
    }

    /// <summary>The level that follows from free space and the level before.</summary>
    internal static DiskLevel Next(DiskLevel before, long free, long low, long hard)
    {
        long toLow = before == DiskLevel.Full ? hard + (hard / 10) : hard;
        long toAmple = before >= DiskLevel.Low ? low + (low / 10) : low;
        return free < toLow ? DiskLevel.Full : free < toAmple ? DiskLevel.Low : DiskLevel.Ample;
    }

    private void Look()
    {
        DiskLevel before, worst = DiskLevel.Ample;
        lock (_lock)
        {
            before = Level;
            long least = long.MaxValue;
            foreach (string folder in _folders)
            {
                if (TryMeasure(folder, out long free, out long total))
                {
                    (long low, long hard) = Marks(_settings, total);
                    DiskLevel level = Next(before, free, low, hard);
                    worst = level > worst ? level : worst;
                    least = Math.Min(least, free);
                }
            }

            Volatile.Write(ref _free, least);
            Volatile.Write(ref _level, (int)worst);
        }

        if (worst == before)
        {
            return;
        }

        if (worst == DiskLevel.Ample)
        {
            _log.LogInformation("the disk has room again: {Free} MiB free", FreeBytes / MiB);
        }
        else
        {
            _log.Log(worst == DiskLevel.Full ? LogLevel.Critical : LogLevel.Warning, "{Reason}; free some space (storage.low_water_mb, storage.hard_water_mb)", Reason);
        }

        Changed?.Invoke();
    }

    private static bool TryMeasure(string folder, out long free, out long total)
    {
        free = total = 0;
        try
        {
            DriveInfo drive = new(folder);
            free = drive.AvailableFreeSpace;
            total = drive.TotalSize;
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // A store that cannot be reached fails by itself.
            return false;
        }
    }
}
