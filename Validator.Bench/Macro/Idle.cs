using System.Diagnostics;
using System.Globalization;
using Validator.Host.Tools.Localnet;

namespace Validator.Bench.Macro;

/// <summary>What four validators use that nobody asks anything, all together.</summary>
/// <param name="CpuMillis">Milliseconds of processor time a second.</param>
/// <param name="Switches">Context switches a second.</param>
internal sealed record Idle(double CpuMillis, double Switches)
{
    // What a start leaves to do is done by then, and the last status of each is old.
    private static readonly TimeSpan s_settles = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <summary>A new cluster without load; its data is gone when this returns.</summary>
    public static Idle Of(LadderOptions options)
    {
        string folder = Path.Combine(options.Directory, $"idle-{Environment.ProcessId}");
        try
        {
            using LocalCluster cluster = LocalCluster.CreateWith(Executable.At(options.Binary), folder, 4);
            cluster.StartAll();
            cluster.WaitReadyAsync(cluster.Nodes, s_patience, CancellationToken.None).GetAwaiter().GetResult();
            Thread.Sleep(s_settles);
            (double Cpu, long Switches) before = Read(cluster);
            long start = Stopwatch.GetTimestamp();
            Thread.Sleep(TimeSpan.FromSeconds(options.Seconds));
            (double Cpu, long Switches) after = Read(cluster);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            cluster.StopAllAsync(s_patience).GetAwaiter().GetResult();
            return new Idle(1e3 * (after.Cpu - before.Cpu) / seconds, (after.Switches - before.Switches) / seconds);
        }
        finally
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    /// <summary>Nanoseconds on a processor are the first number of schedstat, which counts what ticks do not see.</summary>
    private static (double Cpu, long Switches) Read(LocalCluster cluster)
    {
        double cpu = 0;
        long switches = 0;
        foreach (NodeProcess node in cluster.Nodes)
        {
            foreach (string thread in Directory.EnumerateDirectories(string.Create(CultureInfo.InvariantCulture, $"/proc/{node.ProcessId}/task")))
            {
                cpu += 1e-9 * double.Parse(File.ReadAllText(thread + "/schedstat").Split(' ')[0], CultureInfo.InvariantCulture);
                switches += SwitchCounter.OfThread(thread);
            }
        }

        return (cpu, switches);
    }
}
