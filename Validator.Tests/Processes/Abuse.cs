using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Validator.Core.Primitives;
using Validator.Host.Config;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>
/// What tests of attacks share. <c>make abuse</c> runs them at full length and strength, <c>make test</c> for seconds.
/// </summary>
internal static partial class Abuse
{
    /// <summary>Milliseconds; below it a 99th percentile says more of the system's timers than of a validator.</summary>
    private const double IdleP99 = 30;

    public static bool Full { get; } = Environment.GetEnvironmentVariable("VALIDATOR_ABUSE") == "1";

    /// <summary>One of two sizes of an attack.</summary>
    public static int Size(int quick, int full) => Full ? full : quick;

    /// <summary>
    /// Where times are compared, an attacker that shares this machine gives way to the validators as one elsewhere would: for the
    /// calling thread and those that it starts.
    /// </summary>
    public static void GiveWay()
    {
        if (Full)
        {
            Assert.Equal(0, SetPriority(which: 0, who: 0, priority: 10));
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    private static partial int SetPriority(int which, uint who, int priority);

    /// <summary>A line of what was measured, for whoever runs <c>make abuse</c>.</summary>
    public static void Print(FormattableString line)
    {
        if (Full)
        {
            Console.WriteLine("abuse: " + line.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Runs eng/native/attack/quic_attack.c to its end.</summary>
    /// <returns>Its line of counts.</returns>
    public static async Task<string> AttackAsync(params string[] arguments)
    {
        string tool = Path.Combine(Root, ".native", "lib", "quic-attack");
        // An attacker has a machine of its own: here it must not take the processor from the validators.
        using Process process = Process.Start(new ProcessStartInfo("nice", ["-n", "19", tool, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await errors);
        return output.Trim();
    }

    /// <summary>A file with a validator's public transport key, as the tool wants it.</summary>
    public static string KeyFileOf(ProcessCluster cluster, NodeProcess node)
    {
        Genesis genesis = GenesisFile.Read(Path.Combine(cluster.Cluster.Directory, "genesis.json"), out _);
        string file = Path.Combine(cluster.Cluster.Directory, node.Name + ".public");
        File.WriteAllText(file, Convert.ToHexStringLower(genesis.Members.Single(m => m.Name == node.Name).TransportKey));
        return file;
    }

    /// <summary>A file with a validator's transport seed.</summary>
    public static string SeedFileOf(NodeProcess node)
    {
        string file = Path.Combine(node.Directory, "seed.hex");
        File.WriteAllText(file, Convert.ToHexStringLower(SeedOf(node)));
        return file;
    }

    public static byte[] SeedOf(NodeProcess node)
    {
        string line = File.ReadLines(Path.Combine(node.Directory, "keys", "transport.key")).Single(l => l.StartsWith("seed: ", StringComparison.Ordinal));
        return Convert.FromHexString(line["seed: ".Length..]);
    }

    /// <summary>Submits to one validator after another until the task is done, and takes the times to finality.</summary>
    public static async Task<Times> ProbeAsync(ProcessCluster cluster, IReadOnlyList<NodeProcess> nodes, Task until)
    {
        List<double> times = [];
        for (int i = 0; !until.IsCompleted; i++)
        {
            byte[] transaction = new byte[64];
            Random.Shared.NextBytes(transaction);
            times.Add((await cluster.SubmitFinalAsync(nodes[i % nodes.Count], transaction)).TotalMilliseconds);
            await Task.Delay(5);
        }

        await until;
        times.Sort();
        return new Times(times[times.Count / 2], times[(int)(times.Count * 0.99)], times[^1], times.Count);
    }

    /// <summary>
    /// Probes without an attack, then under it. What other programs on the machine do spoils a window now and then, and an attack
    /// that works spoils each one: with <c>make abuse</c> the best of a few pairs must hold.
    /// </summary>
    /// <param name="most">
    /// How many times the quiet 99th percentile, or that of an idle machine if that is more, the one under attack may be.
    /// </param>
    public static async Task CompareAsync(string what, double most, Func<Task<Times>> quiet, Func<Task<Times>> attacked)
    {
        double noise = IdleP99;
        for (int left = Size(1, 4); ; left--)
        {
            Times before = await quiet(), under = await attacked();

            // What this machine does to a cluster that nobody attacks, as far as it has shown.
            noise = Math.Max(noise, before.P99);
            double allowed = most * noise;
            Print($"{what}: {under}; quiet {before}; allowed {allowed:0} ms");
            if (!Full || under.P99 < allowed)
            {
                return;
            }

            Assert.True(left > 1, $"{what}: {under}, the last of four; allowed {allowed:0} ms");
        }
    }

    /// <summary>
    /// Resident bytes of one validator beside those of another, which does the same work and is not attacked: what its databases
    /// and heap take on is in both.
    /// </summary>
    public static long Surplus(NodeProcess attacked, NodeProcess other) => HttpAbuseTests.Resident(attacked) - HttpAbuseTests.Resident(other);

    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Validator.sln")))
        {
            root = root.Parent;
        }

        return root!.FullName;
    }

    /// <summary>Milliseconds to finality.</summary>
    public sealed record Times(double Median, double P99, double Max, int Count)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"p50 {Median:0.0} ms, p99 {P99:0.0} ms, max {Max:0.0} ms of {Count}");
    }
}

/// <summary>A test that takes minutes: with <c>make abuse</c> alone.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AbuseFactAttribute : FactAttribute
{
    public AbuseFactAttribute()
    {
        if (!Abuse.Full)
        {
            Skip = "Takes minutes: make abuse.";
        }
    }
}
