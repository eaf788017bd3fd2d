using System.Diagnostics;
using System.Runtime;
using Validator.Host.Contracts;

namespace Validator.Host.Metrics;

/// <summary>
/// Resident memory, processor time, threads, garbage collection, open files. What /proc does not say is left out.
/// </summary>
internal static class ProcessMetrics
{
    public static void Fill(MetricsRegistry page)
    {
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        page.Counter("process_cpu_seconds_total", "Processor time, user and system.", cpu.TotalSeconds);
        if (OpenFiles() is { } files)
        {
            page.Gauge("process_open_fds", "Open file descriptors.", files);
        }

        using (Process self = Process.GetCurrentProcess())
        {
            try
            {
                page.Gauge("process_resident_memory_bytes", "Resident memory.", self.WorkingSet64);
                page.Gauge("process_threads", "Threads.", self.Threads.Count);
                double start = (self.StartTime.ToUniversalTime() - DateTime.UnixEpoch).TotalSeconds;
                page.Gauge("process_start_time_seconds", "Start of the process, Unix time.", start);
            }
            catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception or IOException)
            {
                // A chroot without /proc: these stay absent.
            }
        }

        page.Family("dotnet_collections_total", "counter", "Garbage collections, by generation.");
        for (int generation = 0; generation <= GC.MaxGeneration; generation++)
        {
            page.Sample(GC.CollectionCount(generation), ("generation", generation.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        }

        page.Counter("dotnet_allocated_bytes_total", "Managed bytes allocated.", GC.GetTotalAllocatedBytes());
        page.Gauge("dotnet_heap_bytes", "Managed heap in use.", GC.GetTotalMemory(false));
        page.Counter("dotnet_gc_pause_seconds_total", "Time stopped for garbage collection.", GC.GetTotalPauseDuration().TotalSeconds);
        page.Gauge("dotnet_server_gc", "1 when the server collector runs.", GCSettings.IsServerGC ? 1 : 0);
    }

    private static int? OpenFiles()
    {
        try
        {
            return Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
