using System.Diagnostics;
using System.Net;
using Validator.Host.Tools.Localnet;
using Validator.Net.Native;

namespace Validator.Tests.Processes;

/// <summary>A disk that fills up, as a small tmpfs under one validator's databases.</summary>
[Collection(nameof(ProcessTests))]
public sealed class DiskSpaceTests
{
    private const int SizeMb = 400;
    private const int LowMb = 120;
    private const int HardMb = 70;

    // Protects a validator and its cluster from a disk that fills: first clients are sent elsewhere while it goes on voting, then
    // it stops voting, and it says so all the while; when there is room again it goes on, without a restart.
    [RootFact]
    public async Task A_disk_that_fills_stops_clients_then_votes_and_nothing_else()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        NodeProcess node = cluster.Nodes[0];
        using Tmpfs disk = new(LocalCluster.StorePath(node), $"size={SizeMb}m");
        cluster.Configure(node, "storage", $"low_water_mb = {LowMb}\nhard_water_mb = {HardMb}");
        Rewrite(node, "write_buffer_mb = 64", "write_buffer_mb = 8");
        await cluster.StartAllAsync();
        await cluster.SubmitFinalAsync(node, "ample"u8.ToArray());
        int process = node.ProcessId;

        disk.FillTo(LowMb - 15);
        await UntilDiskAsync(cluster, node, "low");
        Assert.Equal(HttpStatusCode.InsufficientStorage, await cluster.SubmitAsync(node, "low"u8.ToArray()));
        Assert.False((await cluster.StatusAsync(node)).Ready);

        // Its votes count: without one of the others there is no quorum but with it.
        cluster.Nodes[3].Kill();
        await cluster.SubmitFinalAsync(cluster.Nodes[1], "voted by it"u8.ToArray());
        cluster.Nodes[3].Start();
        await cluster.Cluster.WaitReadyAsync([cluster.Nodes[3]], ProcessCluster.Patience);

        disk.FillTo(HardMb - 15);
        await UntilDiskAsync(cluster, node, "full");
        double votes = -1;
        await ProcessCluster.UntilAsync("the votes under way are done", ProcessCluster.Patience, async () =>
        {
            await Task.Delay(1000);
            double before = votes;
            votes = await cluster.MetricAsync(node, "cretoai_votes_total");
            return votes == before;
        });
        long free = disk.FreeMb;
        for (int i = 0; i < 20; i++)
        {
            await cluster.SubmitFinalAsync(cluster.Nodes[1 + (i % 3)], [7, (byte)i]);
        }

        await Task.Delay(6000); // longer than a loop may stand still
        Assert.Equal(votes, await cluster.MetricAsync(node, "cretoai_votes_total"));
        Assert.InRange(disk.FreeMb, free - 4, free + 4);
        (int code, string health) = await ProcessCluster.RunAsync("health", "--api", node.Api.ToString());
        Assert.True(code == 0, health);
        (code, string ready) = await ProcessCluster.RunAsync("ready", "--api", node.Api.ToString());
        Assert.Equal(1, code);
        Assert.Contains("hard mark", ready);
        await ProcessCluster.UntilLoggedAsync(node, "nothing is voted");

        disk.Empty();
        await UntilDiskAsync(cluster, node, "ample");
        await cluster.Cluster.WaitReadyAsync([node], ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(node, "ample again"u8.ToArray());
        await ProcessCluster.UntilAsync("it votes", ProcessCluster.Patience, async () =>
        {
            await cluster.SubmitFinalAsync(cluster.Nodes[1], Guid.NewGuid().ToByteArray());
            return await cluster.MetricAsync(node, "cretoai_votes_total") > votes;
        });
        Assert.Equal(process, node.ProcessId);
        Assert.True(node.IsRunning);
    }

    // The same for a disk on which no more files can be made, however much room it has.
    [RootFact]
    public async Task A_disk_that_runs_out_of_files_is_a_full_one()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        NodeProcess node = cluster.Nodes[0];
        using Tmpfs disk = new(LocalCluster.StorePath(node), "size=400m,nr_inodes=1000");
        cluster.Configure(node, "storage", "low_water_mb = 1\nlow_water_files = 100\nhard_water_files = 50");
        await cluster.StartAllAsync();
        await cluster.SubmitFinalAsync(node, "ample"u8.ToArray());
        Assert.InRange(await cluster.MetricAsync(node, "cretoai_disk_free_files"), 100, 1000);

        disk.FillFilesTo(80);
        await UntilDiskAsync(cluster, node, "low");
        Assert.Equal(HttpStatusCode.InsufficientStorage, await cluster.SubmitAsync(node, "low"u8.ToArray()));
        await cluster.SubmitFinalAsync(cluster.Nodes[1], "voted by it"u8.ToArray());

        disk.FillFilesTo(10);
        await UntilDiskAsync(cluster, node, "full");
        await ProcessCluster.UntilLoggedAsync(node, "more files (inodes), less than the hard mark: nothing is voted");
        (int code, string ready) = await ProcessCluster.RunAsync("ready", "--api", node.Api.ToString());
        Assert.Equal(1, code);
        Assert.Contains("inodes", ready);
        for (int i = 0; i < 5; i++)
        {
            await cluster.SubmitFinalAsync(cluster.Nodes[1 + (i % 3)], [7, (byte)i]);
        }

        disk.EmptyFiles();
        await UntilDiskAsync(cluster, node, "ample");
        await cluster.Cluster.WaitReadyAsync([node], ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(node, "ample again"u8.ToArray());
    }

    private static Task UntilDiskAsync(ProcessCluster cluster, NodeProcess node, string level) =>
        ProcessCluster.UntilAsync($"the disk is {level}", ProcessCluster.Patience, async () => (await cluster.Cluster.StatusAsync(node))?.Disk == level);

    private static void Rewrite(NodeProcess node, string old, string text)
    {
        string path = Path.Combine(node.Directory, "node.toml");
        File.WriteAllText(path, File.ReadAllText(path).Replace(old, text));
    }

    /// <summary>A small disk over a folder, with what was in it.</summary>
    private sealed class Tmpfs : IDisposable
    {
        private const int Chunk = 1 << 20;
        private readonly string _path;

        public Tmpfs(string path, string options)
        {
            _path = path;
            string kept = path + ".kept";
            Run("cp", "-a", path, kept);
            Run("mount", "-t", "tmpfs", "-o", options, "tmpfs", path);
            Run("cp", "-a", kept + "/.", path);
        }

        public long FreeMb => new DriveInfo(_path).AvailableFreeSpace >> 20;

        private string Filler => Path.Combine(_path, "filler");

        public void FillTo(int freeMb)
        {
            using FileStream file = new(Filler, FileMode.Append);
            byte[] chunk = new byte[Chunk];
            while (FreeMb > freeMb)
            {
                file.Write(chunk);
                file.Flush();
            }
        }

        public void Empty() => File.Delete(Filler);

        /// <summary>Makes empty files until so few can still be made.</summary>
        public void FillFilesTo(long free)
        {
            Directory.CreateDirectory(Files);
            for (int i = 0; Kernel.TryDiskRoom(_path, out DiskRoom room) && room.FreeFiles > free; i++)
            {
                File.Create(Path.Combine(Files, $"{free}-{i}")).Dispose();
            }
        }

        public void EmptyFiles() => Directory.Delete(Files, recursive: true);

        private string Files => Path.Combine(_path, "files");

        public void Dispose() => Run("umount", "-l", _path);

        private static void Run(string command, params string[] arguments)
        {
            using Process process = Process.Start(command, arguments);
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
        }
    }
}

/// <summary>Needs root, to mount; skipped, saying so, without.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Skip = "Mounting needs root.";
        }
    }
}
