using Validator.Host.Config;
using Validator.Host.Serving;
using Validator.Net.Native;

namespace Validator.Tests.Host.Serving;

public class DiskWatchTests
{
    private const long MiB = 1 << 20;

    /// <summary>
    /// Protects large and small disks alike: 5 % or 2 GiB, whichever is less, a quarter of it for the hard mark, or what is said.
    /// </summary>
    [Fact]
    public void Marks_follow_the_disk()
    {
        Assert.Equal((2048 * MiB, 512 * MiB), DiskWatch.Marks(new StorageSection(), 4_000_000 * MiB));
        Assert.Equal((50 * MiB, 50 * MiB / 4), DiskWatch.Marks(new StorageSection(), 1000 * MiB));
        Assert.Equal((100 * MiB, 90 * MiB), DiskWatch.Marks(new StorageSection(LowWaterMb: 100, HardWaterMb: 90), MiB));
        Assert.Equal((100 * MiB, 100 * MiB), DiskWatch.Marks(new StorageSection(LowWaterMb: 100, HardWaterMb: 900), MiB));
        Assert.Equal((4096, 1024), DiskWatch.FileMarks(new StorageSection(), 100_000_000));
        Assert.Equal((50, 12), DiskWatch.FileMarks(new StorageSection(), 1000));
        Assert.Equal((300, 200), DiskWatch.FileMarks(new StorageSection(LowWaterFiles: 300, HardWaterFiles: 200), 1000));
        Assert.Equal((4096, 1024), DiskWatch.FileMarks(new StorageSection(), long.MaxValue));
    }

    /// <summary>
    /// Protects validators on file systems that bound neither files nor bytes, and say so with all bits set: that is no full
    /// disk.
    /// </summary>
    [Fact]
    public void What_is_without_bound_is_no_full_disk()
    {
        DiskRoom room = new DiskCounts(4096, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 5000).Room;
        Assert.Equal(new DiskRoom(long.MaxValue, long.MaxValue, long.MaxValue, 5000), room);
        (long low, long hard) = DiskWatch.FileMarks(new StorageSection(), room.TotalFiles);
        Assert.Equal(DiskLevel.Ample, DiskWatch.Next(DiskLevel.Ample, room.FreeFiles, low, hard));
        Assert.Equal(new DiskRoom(8192, 40960, 3, 0), new DiskCounts(4096, 2, 10, 3, 0).Room);
    }

    /// <summary>Protects against flapping at a mark: a level is left upwards only with a tenth more.</summary>
    [Fact]
    public void Levels_do_not_flap()
    {
        DiskLevel level = DiskLevel.Ample;
        (long Free, DiskLevel Expected)[] steps =
        [
            (101, DiskLevel.Ample), (99, DiskLevel.Low), (105, DiskLevel.Low), (49, DiskLevel.Full), (54, DiskLevel.Full), (55, DiskLevel.Low),
            (49, DiskLevel.Full), (111, DiskLevel.Ample), (10, DiskLevel.Full),
        ];
        foreach ((long free, DiskLevel expected) in steps)
        {
            level = DiskWatch.Next(level, free, 100, 50);
            Assert.Equal((free, expected), (free, level));
        }
    }
}
