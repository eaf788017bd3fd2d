using System.Diagnostics;
using System.Globalization;

namespace Validator.Bench.Macro;

/// <summary>What a result must say to be comparable with another.</summary>
/// <param name="Commit">Of the binary; "+" when the checkout has other changes.</param>
/// <param name="SyncMs">Median of 50 appends of 4 KiB, each synced, where the data lives, before the first rung.</param>
internal sealed record Machine(
    string Cpu, int Cores, string Kernel, string FileSystem, double SyncMs, string Commit, string Binary, string Date)
{
    public static Machine Of(LadderOptions options)
    {
        string version = Repository.OutputOf(options.Binary, "version");
        string changes = Repository.OutputOf("git", "status", "--porcelain", "--untracked-files=no");
        string commit = FieldOf(version, "commit");
        return new Machine(
            FieldOf(File.ReadAllText("/proc/cpuinfo"), "model name"),
            Environment.ProcessorCount,
            File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
            new DriveInfo(options.Directory).DriveFormat,
            SyncMedianMs(options.Directory),
            (commit.Length > 12 ? commit[..12] : commit) + (changes.Length > 0 ? "+" : ""),
            $"{FieldOf(version, "framework")}, {FieldOf(version, "isa")}",
            DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture));
    }

    public override string ToString() =>
        $"{Cpu}, {Cores} cores, Linux {Kernel}, {FileSystem} (4 KiB synced in {SyncMs.ToString("F2", CultureInfo.InvariantCulture)} ms); "
        + $"commit {Commit}, {Binary}; {Date} UTC";

    internal static string FieldOf(string text, string name)
    {
        string? line = text.Split('\n').FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
        return line is null ? "unknown" : line[name.Length..].Trim(' ', '\t', ':', '\r');
    }

    private static double SyncMedianMs(string folder)
    {
        string path = Path.Combine(folder, $"bench-sync-{Environment.ProcessId}");
        byte[] block = new byte[4096];
        double[] times = new double[50];
        try
        {
            using FileStream file = new(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            for (int i = 0; i < times.Length; i++)
            {
                long start = Stopwatch.GetTimestamp();
                file.Write(block);
                file.Flush(flushToDisk: true);
                times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }
        }
        finally
        {
            File.Delete(path);
        }

        return Statistics.Median(times);
    }
}

/// <summary>Processor seconds so far: of the whole machine, and of this process with the children it has waited for.</summary>
internal readonly record struct CpuClock(double Machine, double Own)
{
    // USER_HZ is 100 on every Linux that .NET supports (proc(5)).
    private const double TicksPerSecond = 100;

    public static CpuClock Now()
    {
        // proc(5): cpu user nice system idle iowait irq softirq steal; stolen time went to others, too.
        double[] all = Numbers(File.ReadLines("/proc/stat").First()["cpu".Length..]);
        string stat = File.ReadAllText("/proc/self/stat");
        string[] own = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return new CpuClock(
            (all[0] + all[1] + all[2] + all[5] + all[6] + all[7]) / TicksPerSecond,
            own[11..15].Sum(f => double.Parse(f, CultureInfo.InvariantCulture)) / TicksPerSecond);
    }

    /// <summary>How many cores everything but this benchmark used since <paramref name="before"/>.</summary>
    public double OthersSince(CpuClock before, double seconds) =>
        Math.Max(0, Machine - before.Machine - (Own - before.Own)) / seconds;

    private static double[] Numbers(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(f => double.Parse(f, CultureInfo.InvariantCulture))];
}
