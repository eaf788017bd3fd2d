using System.Diagnostics;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>First starts that do not come through: killed, or on a disk that is full.</summary>
[Collection(nameof(ProcessTests))]
public sealed class FirstStartTests
{
    // Protects whoever loses power, or patience, during a first start: whenever it is killed, the next start works.
    [Fact]
    public async Task A_first_start_that_is_killed_is_done_again()
    {
        int kills = Abuse.Full ? 40 : 10;
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        string db = LocalCluster.StorePath(node), ledger = Path.Combine(db, "ledger");
        int unfinished = 0;
        for (int i = 0; i < kills; i++)
        {
            Array.ForEach(Directory.GetDirectories(db, "ledger*"), d => Directory.Delete(d, recursive: true));
            Array.ForEach(Directory.GetFiles(db, "ledger*"), File.Delete);
            node.Start();
            long start = Stopwatch.GetTimestamp();
            while (!Directory.EnumerateFileSystemEntries(db, "ledger*").Any() && Stopwatch.GetElapsedTime(start) < ProcessCluster.Patience)
            {
                Thread.Sleep(1);
            }

            // From the moment that the store is begun on: some 60 ms are spent on it.
            Thread.Sleep(80 * i / kills);
            ProcessCluster.Send(node, ProcessCluster.Signal.Kill);
            Assert.True(await node.WaitForExitAsync(ProcessCluster.Patience));
            unfinished += File.Exists(Path.Combine(ledger, "CURRENT")) ? 0 : 1;
            if (Abuse.Full || i % 3 == 0)
            {
                await AssertStartsAsync(cluster, node);
            }
        }

        Assert.True(unfinished > 0, "no kill came before the store was there");
        await AssertStartsAsync(cluster, node);
    }

    // Protects the same for a cluster's files: init that is killed can be done again in the same folder.
    [Fact]
    public async Task Init_that_is_killed_is_done_again()
    {
        using TempFolder folder = new();
        string path = Path.Combine(folder.Path, "cluster");
        string[] init = ["init", "--validators", "2", "--out", path, "--base-port", "21000"];
        for (int i = 0; i < 4; i++)
        {
            ProcessStartInfo info = new(ProcessCluster.Binary.Command[0], [.. ProcessCluster.Binary.Command[1..], .. init]) { RedirectStandardOutput = true, RedirectStandardError = true };
            using Process process = Process.Start(info)!;
            long start = Stopwatch.GetTimestamp();
            while ((!Directory.Exists(path) || !Directory.EnumerateDirectories(path).Any()) && !process.HasExited && Stopwatch.GetElapsedTime(start) < ProcessCluster.Patience)
            {
                Thread.Sleep(1);
            }

            Thread.Sleep(20 * i);
            process.Kill();
            await process.WaitForExitAsync();
        }

        // Where the last one was done before it was killed, its files are whole.
        (int code, string output) = await ProcessCluster.RunAsync(init);
        Assert.True(code == 0 || (output.Contains("is not empty", StringComparison.Ordinal) && File.Exists(Path.Combine(path, "genesis.json"))), output);
        foreach (int n in new[] { 1, 2 })
        {
            (code, output) = await ProcessCluster.RunAsync("run", "--config", Path.Combine(path, $"node-{n}", "node.toml"), "--check");
            Assert.True(code == 0 && !output.Contains("would follow", StringComparison.Ordinal), output);
        }
    }

    // Protects operators of a disk that is full: a start, the first or a later one, ends with the code for stores and a line that
    // says so, where RocksDB would abort; nothing is left that stands in the way once there is room. Both stores on mount points
    // of their own, too.
    [RootFact]
    public async Task A_start_on_a_full_disk_says_so_and_a_later_one_works()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        string db = LocalCluster.StorePath(node), ledger = Path.Combine(db, "ledger"), fill = Path.Combine(ledger, "lost+found", "fill");
        Directory.CreateDirectory(ledger);
        Run("mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", ledger);
        try
        {
            foreach (int kilobytes in Abuse.Full ? Enumerable.Range(1, 15).Select(i => 20 * i) : [20, 224, 300])
            {
                Run("mount", "-o", $"remount,size={kilobytes}k", ledger);
                await AssertFullAsync(node);
            }

            Run("mount", "-o", "remount,size=160m", ledger);
            await AssertStartsAsync(cluster, node);

            Directory.CreateDirectory(Path.GetDirectoryName(fill)!);
            Run("bash", "-c", $"head -c 200M /dev/zero > '{fill}' 2>/dev/null; true");
            await AssertFullAsync(node);
            File.Delete(fill);
            await AssertStartsAsync(cluster, node);
        }
        finally
        {
            Run("umount", "-l", ledger);
        }
    }

    private static async Task AssertFullAsync(NodeProcess node)
    {
        node.Start();
        Assert.True(await node.WaitForExitAsync(ProcessCluster.Patience), $"it runs:\n{node.LogTail(5)}");
        Assert.True(node.ExitCode == 3, $"exit code {node.ExitCode}\n{node.LogTail(5)}");
        await ProcessCluster.UntilLoggedAsync(node, "the disk is full");
    }

    private static async Task AssertStartsAsync(ProcessCluster cluster, NodeProcess node)
    {
        node.Start();
        await ProcessCluster.UntilAsync("it starts", ProcessCluster.Patience, async () =>
        {
            Assert.True(node.IsRunning, $"exit code {node.ExitCode}\n{node.LogTail(5)}");
            return await cluster.Cluster.StatusAsync(node) is { Signing: true };
        });
        Assert.True(await node.StopAsync(ProcessCluster.Patience));
        Assert.Equal(0, node.ExitCode);
    }

    private static void Run(params string[] command)
    {
        using Process process = Process.Start(command[0], command[1..]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
