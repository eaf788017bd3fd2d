using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>What a validator does where its system gives it little: file descriptors, standard streams, time to start.</summary>
[Collection(nameof(ProcessTests))]
public sealed class ResourceTests
{
    private const int ExitUsage = 2;
    private const int ExitInterrupted = 130;
    private static readonly TimeSpan s_patience = ProcessCluster.Patience;

    // Protects the stores, and so consensus, from clients that take every descriptor: connections beyond what is left over are
    // refused and counted, new files of the databases are opened all the same, and the metrics page answers; afterwards there is
    // room again.
    [Fact]
    public async Task Idle_connections_never_take_the_stores_descriptors()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        NodeProcess node = Under(cluster, 0, "ulimit -n 1024; exec \"$@\"");
        string config = Path.Combine(node.Directory, "node.toml");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("write_buffer_mb = 64", "write_buffer_mb = 1"));
        await cluster.StartAllAsync();
        Assert.Contains("of the 1024 files that this process may open", node.LogTail(20));

        List<Socket> idle = [];
        try
        {
            for (int i = 0; i < 1200; i++)
            {
                idle.Add(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
                try
                {
                    await idle[i].ConnectAsync(IPAddress.Loopback, node.Ports.Api);
                }
                catch (SocketException)
                {
                    // Refused, before it was looked at.
                }
            }

            await ProcessCluster.UntilAsync("those beyond its share are refused", s_patience, async () =>
                await cluster.MetricAsync(node, "cretoai_http_refused_total", "\"connections\"") >= 1200 - 1024 + 300);

            // Without it there is no quorum; payload makes its ledger write one new file after the other.
            cluster.Nodes[3].Kill();
            double votes = await cluster.MetricAsync(node, "cretoai_votes_total");
            for (int i = 0; i < 80; i++)
            {
                byte[] payload = new byte[60_000];
                Random.Shared.NextBytes(payload);
                await cluster.SubmitFinalAsync(cluster.Nodes[1 + (i % 2)], payload);
            }

            Assert.True(await cluster.MetricAsync(node, "cretoai_votes_total") > votes);
            Assert.InRange(HttpAbuseTests.OpenFiles(node), 300, 1024 - 150);
        }
        finally
        {
            idle.ForEach(s => s.Dispose());
        }

        await ProcessCluster.UntilAsync("there is room again", s_patience, async () => (await cluster.Cluster.StatusAsync(node))?.Ready == true);
        await cluster.SubmitFinalAsync(node, "still here"u8.ToArray());
    }

    // Protects operators from a limit that no validator can live with: said at once, with the way to raise it.
    [Fact]
    public async Task Too_few_descriptors_are_refused_at_the_start()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        (int code, string output) = await ShellAsync("ulimit -n 200; exec timeout 20 \"$@\"", "run", "--config", Path.Combine(cluster.Nodes[0].Directory, "node.toml"));
        Assert.Equal(ExitUsage, code);
        Assert.Contains("may open 200 files", output);
        Assert.DoesNotContain("   at ", output);
    }

    // The same for threads, of which one that cannot be made would end the process in the midst of its start.
    [RootFact]
    public async Task Too_few_threads_are_refused_at_the_start()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        string folder = cluster.Cluster.Directory;
        Assert.Equal(0, (await ProcessCluster.RunAsync(new ProcessStartInfo("chown", ["-R", "54323:54323", folder]))).Code);
        (int code, string output) = await ShellAsync(
            "exec timeout 20 setpriv --reuid 54323 --regid 54323 --clear-groups prlimit --nproc=28 \"$@\"", "run", "--config", Path.Combine(cluster.Nodes[0].Directory, "node.toml"));
        Assert.True(code == ExitUsage, $"{code}: {output}");
        Assert.Contains("threads more, and a validator needs", output);
    }

    // Protects the databases from log lines, and the start from whoever closes standard streams: what is closed is nowhere, not
    // the next file.
    [PublishedFact]
    public async Task Closed_standard_streams_are_no_fault()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        ProcessStartInfo start = Shell("exec \"$@\" 0<&- 1>&- 2>&-", "run", "--config", Path.Combine(node.Directory, "node.toml"));
        using Process process = Process.Start(start)!;
        try
        {
            await ProcessCluster.UntilAsync("it is ready", s_patience, async () =>
            {
                Assert.False(process.HasExited);
                return (await cluster.Cluster.StatusAsync(node))?.Ready == true;
            });
            await cluster.SubmitFinalAsync(node, "nobody listens"u8.ToArray());
            for (int fd = 0; fd <= 2; fd++)
            {
                Assert.Equal("/dev/null", File.ResolveLinkTarget($"/proc/{process.Id}/fd/{fd}", false)!.FullName);
            }

            ProcessCluster.Send(process.Id, ProcessCluster.Signal.Terminate);
            await process.WaitForExitAsync().WaitAsync(s_patience);
            Assert.Equal(0, process.ExitCode);
        }
        finally
        {
            process.Kill();
        }
    }

    // Protects consensus from whoever reads its log: a pipe that nobody reads, or a full disk, costs log lines and nothing else,
    // and the process stops as it should.
    [Theory]
    [InlineData("mkfifo full; exec 7<>full; dd if=/dev/zero of=full oflag=nonblock bs=4096 2>/dev/null; exec \"$@\" 2>full")]
    [InlineData("exec \"$@\" 2>/dev/full")]
    public async Task Logs_that_nobody_takes_stop_nothing(string script)
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        ProcessStartInfo start = Shell(script, "run", "--config", Path.Combine(node.Directory, "node.toml"));
        start.WorkingDirectory = node.Directory;
        start.Environment["VALIDATOR_NODE__LOG_LEVEL"] = "trace";
        using Process process = Process.Start(start)!;
        try
        {
            await ProcessCluster.UntilAsync("it is ready", s_patience, async () =>
            {
                Assert.False(process.HasExited);
                return (await cluster.Cluster.StatusAsync(node))?.Ready == true;
            });
            for (int i = 0; i < 20; i++)
            {
                await cluster.SubmitFinalAsync(node, [9, (byte)i]);
            }

            ProcessCluster.Send(process.Id, ProcessCluster.Signal.Terminate);
            await process.WaitForExitAsync().WaitAsync(s_patience);
            Assert.Equal(0, process.ExitCode);
        }
        finally
        {
            process.Kill();
        }
    }

    // Protects whoever stops a validator that has not started yet: it ends at once, with the code for that, wherever the start
    // is.
    [Fact]
    public async Task A_start_can_be_called_off_while_it_listens_for_twins()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        cluster.Configure(node, "consensus", "twin_watch_seconds = 120");
        node.Start();
        await ProcessCluster.UntilLoggedAsync(node, "listening for 120 s");
        await AssertCalledOffAsync(node);

        // The parent of a localnet's node closes its standard input instead.
        node.Start();
        await ProcessCluster.UntilAsync("it listens again", s_patience, () => Task.FromResult(node.LogTail(100).Split("listening for 120 s").Length == 3));
        Assert.True(await node.StopAsync(s_patience));
        Assert.Equal(ExitInterrupted, node.ExitCode);
    }

    // The same while it waits for a passphrase, and while its disk hangs.
    [Fact]
    public async Task A_start_can_be_called_off_while_it_waits()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        node.Start("--passphrase-fd", "0");
        await ProcessCluster.UntilAsync("it reads", s_patience, () => Task.FromResult(Reads(node.ProcessId)));
        await AssertCalledOffAsync(node);

        // A file of the vote store that does not open.
        string current = Path.Combine(LocalCluster.StorePath(node), "votes", "CURRENT");
        File.Move(current, current + ".kept");
        Assert.Equal(0, (await ProcessCluster.RunAsync(new ProcessStartInfo("mkfifo", [current]))).Code);
        node.Start();
        await ProcessCluster.UntilAsync("it opens its stores", s_patience, () => Task.FromResult(Opens(node.ProcessId)));
        await AssertCalledOffAsync(node);
        File.Move(current + ".kept", current, overwrite: true);
        node.Start();
        await cluster.Cluster.WaitReadyAsync([node], s_patience);
        await cluster.SubmitFinalAsync(node, "still here"u8.ToArray());
    }

    // Protects who is in a hurry: a second signal ends a validator that runs, whatever its stop waits for, and nothing is lost.
    [Fact]
    public async Task A_second_signal_ends_it_at_once()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];

        // Who starts the tests in a shell's background hands down an ignored SIGINT.
        using Process process = Process.Start(Shell("exec env --default-signal=INT \"$@\"", "run", "--config", Path.Combine(node.Directory, "node.toml")))!;
        try
        {
            await ProcessCluster.UntilAsync("it is ready", s_patience, async () => (await cluster.Cluster.StatusAsync(node))?.Ready == true);
            await cluster.SubmitFinalAsync(node, "kept"u8.ToArray());

            // A request whose body never comes: the stop waits for it, for most of a second.
            using Socket half = new(SocketType.Stream, ProtocolType.Tcp);
            await half.ConnectAsync(IPAddress.Loopback, node.Ports.Api);
            await half.SendAsync("POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: 9\r\n\r\n"u8.ToArray());
            await Task.Delay(100);
            foreach (ProcessCluster.Signal signal in new[] { ProcessCluster.Signal.Stop, ProcessCluster.Signal.Terminate, (ProcessCluster.Signal)2, ProcessCluster.Signal.Continue })
            {
                ProcessCluster.Send(process.Id, signal);
            }

            await process.WaitForExitAsync().WaitAsync(s_patience);
            Assert.Equal(ExitInterrupted, process.ExitCode);
        }
        finally
        {
            process.Kill();
        }

        node.Start();
        await cluster.Cluster.WaitReadyAsync([node], s_patience);
        Assert.Equal(1UL, (await cluster.StatusAsync(node)).NextFinalIndex);
    }

    private static async Task AssertCalledOffAsync(NodeProcess node)
    {
        int before = node.LogTail(1000).Length;
        ProcessCluster.Send(node, ProcessCluster.Signal.Terminate);
        Assert.True(await node.WaitForExitAsync(TimeSpan.FromSeconds(20)), "it goes on");
        Assert.Equal(ExitInterrupted, node.ExitCode);
        Assert.DoesNotContain("   at ", node.LogTail(1000)[before..]);
    }

    /// <summary>A validator of the cluster whose command a shell runs, as "$@".</summary>
    internal static NodeProcess Under(ProcessCluster cluster, int index, string script)
    {
        NodeProcess node = cluster.Nodes[index];
        node.Dispose();
        return cluster.Nodes[index] = new NodeProcess(
            node.Name, node.Directory, Path.Combine(node.Directory, "node.toml"), node.Ports, new Executable(["/bin/sh", "-c", script, "sh", .. ProcessCluster.Binary.Command]));
    }

    private static ProcessStartInfo Shell(string script, params string[] arguments) => new("/bin/sh", ["-c", script, "sh", .. ProcessCluster.Binary.Command, .. arguments]);

    private static Task<(int Code, string Output)> ShellAsync(string script, params string[] arguments) => ProcessCluster.RunAsync(Shell(script, arguments));

    /// <summary>It waits for standard input.</summary>
    private static bool Reads(int process) => Waits(process, "0 0x0 ");

    /// <summary>It waits in openat(2).</summary>
    private static bool Opens(int process) => Waits(process, "257 ");

    private static bool Waits(int process, string call)
    {
        try
        {
            // Twice the same one: a runtime that starts opens many files for a moment each.
            string[] before = Calls();
            Thread.Sleep(50);
            return Calls().Intersect(before).Any();
        }
        catch (IOException)
        {
            return false;
        }

        string[] Calls() => [.. Directory.GetDirectories($"/proc/{process}/task")
            .Select(t => Path.GetFileName(t) + " " + File.ReadAllText(Path.Combine(t, "syscall")))
            .Where(c => c.Contains(" " + call, StringComparison.Ordinal))];
    }
}

/// <summary>Needs the published binary; skipped, saying so, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public class PublishedFactAttribute : FactAttribute
{
    public PublishedFactAttribute()
    {
        if (ProcessCluster.Binary.File.EndsWith(".dll", StringComparison.Ordinal))
        {
            Skip = "There is no published binary; make publish builds it.";
        }
    }
}

/// <summary>Needs the published binary, to pack it, and root, to install the package.</summary>
public sealed class PackageFactAttribute : PublishedFactAttribute
{
    public PackageFactAttribute() => Skip ??= Environment.IsPrivilegedProcess ? null : "Mounting needs root.";
}
