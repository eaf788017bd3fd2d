using Microsoft.Extensions.Logging;
using Validator.Host.Config;
using Validator.Net.Native;

namespace Validator.Host.Serving;

/// <summary>How much room the disks of the databases and of the data directory have.</summary>
public enum DiskLevel : byte
{
    Ample,

    /// <summary>
    /// Below the low-water mark: nothing is taken from clients and no payload of our own is made; voting goes on.
    /// </summary>
    Low,

    /// <summary>Below the hard mark: nothing is voted, and so nothing written. Status and metrics stay up.</summary>
    Full,
}

/// <summary>
/// Looks at the free space and the files that can still be made (inodes) four times a second, so that the validator stops in time
/// instead of meeting a failed write. A level is left upwards only at a tenth above its mark, so that it does not flap.
/// </summary>
internal sealed class DiskWatch : IDisposable
{
    private const long MiB = 1024 * 1024;
    private const long LowMost = 2048 * MiB;
    private const int LowPercent = 5;

    /// <summary>The stores have some hundred files, and make new ones before they delete the old.</summary>
    private const long LowMostFiles = 4096;

    /// <summary>The hard mark by default: what several write buffers, a log and a compaction under way may still take.</summary>
    private const int HardShare = 4;

    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(250);

    private readonly string[] _folders;
    private readonly StorageSection _settings;
    private readonly ILogger _log;
    private readonly Lock _lock = new();
    private Timer? _timer;
    private long _free = long.MaxValue;
    private long _freeFiles = long.MaxValue;
    private int _level;
    private volatile bool _files;

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

    /// <summary>Bytes free, on the disk with fewest.</summary>
    public long FreeBytes => Volatile.Read(ref _free);

    /// <summary>Files that can still be made, on the disk with fewest; null where no disk counts them.</summary>
    public long? FreeFiles => Volatile.Read(ref _freeFiles) is var files && files == long.MaxValue ? null : files;

    /// <summary>What to tell an operator; empty when there is room.</summary>
    public string Reason => Level switch
    {
        DiskLevel.Ample => "",
        DiskLevel.Low => $"{What}, less than the low-water mark: nothing is taken from clients",
        _ => $"{What}, less than the hard mark: nothing is voted",
    };

    private string What => _files ? $"the disk has room for {FreeFiles} more files (inodes)" : $"the disk has {FreeBytes / MiB} MiB free";

    public void Start() => _timer = new Timer(_ => Look(), null, s_period, s_period);

    public void Dispose() => _timer?.Dispose();

    /// <summary>Both marks in bytes for a disk of a size.</summary>
    internal static (long Low, long Hard) Marks(StorageSection settings, long total)
    {
        long low = settings.LowWaterMb > 0 ? settings.LowWaterMb * MiB : Math.Min(LowMost, total / 100 * LowPercent);
        long hard = settings.HardWaterMb > 0 ? settings.HardWaterMb * MiB : low / HardShare;
        return (low, Math.Min(hard, low));
    }

    /// <summary>Both marks in files for a disk that may have that many.</summary>
    internal static (long Low, long Hard) FileMarks(StorageSection settings, long total)
    {
        long low = settings.LowWaterFiles > 0 ? settings.LowWaterFiles : (long)Int128.Min(LowMostFiles, (Int128)total * LowPercent / 100);
        long hard = settings.HardWaterFiles > 0 ? settings.HardWaterFiles : low / HardShare;
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
        bool files = false;
        lock (_lock)
        {
            before = Level;
            long least = long.MaxValue, leastFiles = long.MaxValue;
            foreach (string folder in _folders)
            {
                // A store that cannot be reached reports that itself.
                if (!Kernel.TryDiskRoom(folder, out DiskRoom room))
                {
                    continue;
                }

                (long low, long hard) = Marks(_settings, room.TotalBytes);
                least = Math.Min(least, room.FreeBytes);
                Take(Next(before, room.FreeBytes, low, hard), byFiles: false);
                if (room.TotalFiles > 0)
                {
                    (low, hard) = FileMarks(_settings, room.TotalFiles);
                    leastFiles = Math.Min(leastFiles, room.FreeFiles);
                    Take(Next(before, room.FreeFiles, low, hard), byFiles: true);
                }
            }

            _files = files;
            Volatile.Write(ref _free, least);
            Volatile.Write(ref _freeFiles, leastFiles);
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
            _log.Log(worst == DiskLevel.Full ? LogLevel.Critical : LogLevel.Warning, "{Reason}; make room ({Settings})", Reason,
                _files ? "storage.low_water_files, storage.hard_water_files" : "storage.low_water_mb, storage.hard_water_mb");
        }

        Changed?.Invoke();

        void Take(DiskLevel level, bool byFiles)
        {
            if (level > worst)
            {
                (worst, files) = (level, byFiles);
            }
        }
    }
}
