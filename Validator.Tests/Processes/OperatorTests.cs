using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Net.Sockets;
using System.Text;
using Validator.Host.Tools.Localnet;
using Validator.Tests.Host.Metrics;

namespace Validator.Tests.Processes;

/// <summary>What operators do, and what happens to them, with real processes.</summary>
[Collection(nameof(ProcessTests))]
public sealed class OperatorTests
{
    private const int HangUp = 1;
    private const int ExitKeys = 4;

    private static readonly TimeSpan s_patience = ProcessCluster.Patience;

    // Protects the machine from the service, and operators from a unit that systemd does not take: well-formed, and hardened as
    // documented.
    [UnitFact]
    public async Task The_unit_is_well_formed_and_leaves_little_open()
    {
        (int code, string output) = await ShellAsync($"cd {Abuse.Root} && bash eng/unit-check.sh");
        Abuse.Print($"{output.Trim()}");
        Assert.True(code == 0, output);
    }

    // Protects a running validator from a restart for small things, and from a file with faults: SIGHUP takes what can change at
    // once, names what needs a restart, and changes nothing at all when anything is wrong. The admin's request does the same.
    [Fact]
    public async Task Configuration_is_read_again_on_sighup()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        string tokens = Path.Combine(node.Directory, "tokens"), config = Path.Combine(node.Directory, "node.toml");
        string admin = (await ProcessCluster.RunAsync("token", "--role", "admin", "--out", tokens)).Output.Trim();
        string reader = (await ProcessCluster.RunAsync("token", "--role", "read", "--out", tokens)).Output.Trim();
        cluster.Cluster.StartAll();
        await cluster.Cluster.WaitReadyAsync(cluster.Nodes, ProcessCluster.Patience);

        string good = await File.ReadAllTextAsync(config);
        cluster.Configure(node, "api", "tokens = \"tokens\"\nmax_batch_items = 3");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("log_level = \"info\"", "log_level = \"debug\"").Replace("cache_size_mb = 64", "cache_size_mb = 65"));
        ProcessCluster.Send(node.ProcessId, (ProcessCluster.Signal)HangUp);
        await ProcessCluster.UntilLoggedAsync(node, "needs a restart: storage");
        Assert.Contains("node.log_level", node.LogTail(10));
        using HttpClient http = new() { BaseAddress = node.Api };
        Assert.Equal(401, (int)(await http.GetAsync("/v1/status")).StatusCode);

        await File.WriteAllTextAsync(config, good.Replace("[api]\n", "[api]\ntokens = \"tokens\"\nmax_batch_itmes = 3\n"));
        http.DefaultRequestHeaders.Authorization = new("Bearer", reader);
        Assert.Equal(403, (int)(await http.PostAsync("/v1/admin/reload", null)).StatusCode);
        http.DefaultRequestHeaders.Authorization = new("Bearer", admin);
        using (HttpResponseMessage refused = await http.PostAsync("/v1/admin/reload", null))
        {
            Assert.Equal(409, (int)refused.StatusCode);
            Assert.Contains("did you mean api.max_batch_items", await refused.Content.ReadAsStringAsync());
        }

        await File.WriteAllTextAsync(config, good.Replace("[api]\n", "[api]\ntokens = \"tokens\"\n"));
        using (HttpResponseMessage taken = await http.PostAsync("/v1/admin/reload", null))
        {
            Assert.Equal(200, (int)taken.StatusCode);
            Assert.Contains("node.log_level", await taken.Content.ReadAsStringAsync());
        }

        await File.WriteAllTextAsync(config, good);
        ProcessCluster.Send(node.ProcessId, (ProcessCluster.Signal)HangUp);
        await ProcessCluster.UntilAsync("no token is needed", s_patience, async () => (await cluster.Cluster.StatusAsync(node))?.Ready == true);
        await cluster.SubmitFinalAsync(node, "still here"u8.ToArray());
    }

    // Protects supervision: systemd hears that the service is ready, that it lives, and that it stops.
    [Fact]
    public async Task The_service_manager_is_told()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        string path = Path.Combine(node.Directory, "notify");
        using Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 20_000 };
        socket.Bind(new UnixDomainSocketEndPoint(path));
        string[] command = [.. ProcessCluster.Binary.Command, "run", "--config", Path.Combine(node.Directory, "node.toml")];
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardError = true };
        start.Environment["NOTIFY_SOCKET"] = path;
        start.Environment["WATCHDOG_USEC"] = "600000";
        using Process process = Process.Start(start)!;
        Task<string> log = process.StandardError.ReadToEndAsync();
        string heard = "";
        byte[] buffer = new byte[4096];
        void Hear(string word)
        {
            // The watchdog's word comes three times a second for ever.
            for (long start = Stopwatch.GetTimestamp(); !heard.Contains(word, StringComparison.Ordinal);)
            {
                Assert.True(Stopwatch.GetElapsedTime(start) < ProcessCluster.Patience, $"no {word}; is SIGHUP ignored here, as nohup does?");
                heard += Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer)) + "\n";
            }
        }

        Hear("READY=1");
        Hear("WATCHDOG=1");
        Hear("STATUS=ready");
        ProcessCluster.Send(process.Id, (ProcessCluster.Signal)HangUp);
        Hear("RELOADING=1");
        ProcessCluster.Send(process.Id, ProcessCluster.Signal.Terminate);
        Hear("STOPPING=1");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);
    }

    // Protects secrets when somebody asks for help: the bundle has what it takes, and neither keys nor tokens. The configuration
    // says whom to ask, with which token.
    [Fact]
    public async Task A_support_bundle_has_no_secrets()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        string tokens = Path.Combine(node.Directory, "tokens"), archive = Path.Combine(node.Directory, "help", "bundle.tar.gz");
        string token = (await ProcessCluster.RunAsync("token", "--role", "read,submit", "--out", tokens)).Output.Trim();
        cluster.Configure(node, "api", "tokens = \"tokens\"");
        node.Start();
        string api = node.Api.ToString();
        await ProcessCluster.UntilAsync("it is ready", ProcessCluster.Patience, async () => (await ProcessCluster.RunAsync("ready", "--api", api)).Code == 0);
        (int code, string output) = await ProcessCluster.RunAsync(
            "support-bundle", "--config", Path.Combine(node.Directory, "node.toml"), "--out", archive, "--log", node.LogPath);
        Assert.True(code == 0, output);
        Dictionary<string, string> entries = [];
        await using (GZipStream unpacked = new(File.OpenRead(archive), CompressionMode.Decompress))
        {
            using TarReader tar = new(unpacked);
            while (tar.GetNextEntry() is { } entry)
            {
                entries[Path.GetFileName(entry.Name)] = entry.DataStream is { } data ? new StreamReader(data).ReadToEnd() : "";
            }
        }

        Assert.Contains("\"chain_id\"", entries["status.json"]);
        Assert.Contains("cretoai_finality_time_seconds", entries["metrics.txt"]);
        Assert.Contains("started node-1", entries["log.txt"]);
        Assert.Contains("consensus.key", entries["files.txt"]);
        Assert.Contains("quorum_threshold", entries["node.toml"]);
        string all = string.Concat(entries.Values);
        Assert.DoesNotContain(token, all);
        foreach (string key in new[] { "consensus.key", "transport.key" })
        {
            string seed = File.ReadLines(Path.Combine(node.Directory, "keys", key)).Single(l => l.StartsWith("seed: ", StringComparison.Ordinal))[6..];
            Assert.DoesNotContain(seed, all, StringComparison.OrdinalIgnoreCase);
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(archive));
    }

    // Protects the cluster, and whoever looks for the cause, from a clock that is wrong or jumps: an hour forward and an hour
    // back at one validator, the leader too, cost at most a view change; it says what is wrong, and when it is right again.
    [Theory]
    [InlineData(3600, "ahead of")]
    [InlineData(-3600, "behind")]
    public async Task A_clock_that_jumps_an_hour_is_named_and_harmless(int seconds, string direction)
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        string[] offsets = [.. cluster.Nodes.Select(n => Path.Combine(n.Directory, "clock"))];
        foreach (string file in offsets)
        {
            await File.WriteAllTextAsync(file, "0");
        }

        for (int i = 0; i < cluster.Nodes.Length; i++)
        {
            cluster.Nodes[i].Start("--wall-clock-offset", offsets[i]);
        }

        await cluster.Cluster.WaitReadyAsync(cluster.Nodes, ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(cluster.Nodes[0], "before"u8.ToArray());
        NodeProcess wrong = await cluster.LeaderAsync();
        NodeProcess[] right = [.. cluster.Nodes.Where(n => n != wrong)];
        Task tick() => cluster.SubmitFinalAsync(right[0], Guid.NewGuid().ToByteArray()); // blocks tell the time
        await File.WriteAllTextAsync(Path.Combine(wrong.Directory, "clock"), seconds.ToString(CultureInfo.InvariantCulture));
        await ProcessCluster.UntilLoggedAsync(wrong, "the wall clock jumped by");
        for (int i = 0; i < 40; i++)
        {
            await cluster.SubmitFinalAsync(right[i % 3], Encoding.UTF8.GetBytes($"wrong clock {i}"));
            await Task.Delay(50);
        }

        await ProcessCluster.UntilLoggedAsync(wrong, $" s {direction} that of the committee", tick);
        await File.WriteAllTextAsync(Path.Combine(wrong.Directory, "clock"), "0");
        await ProcessCluster.UntilLoggedAsync(wrong, "the clock agrees with the committee's again", tick);
        await cluster.SubmitFinalAsync(wrong, "after"u8.ToArray());
        ulong count = (await cluster.StatusAsync(right[0])).NextFinalIndex;
        List<Validator.Core.Primitives.Hash256> order = await cluster.ReadStreamAsync(right[0], (int)count);
        Assert.Equal(order, await cluster.ReadStreamAsync(wrong, (int)count));
        foreach (NodeProcess node in cluster.Nodes)
        {
            Assert.Equal(0, await cluster.MetricAsync(node, "cretoai_byzantine_violations_total", "kind=\"equivocating"));
        }
    }

    // Protects from an old backup that is started as if it were the newest: the twin watch refuses to sign with it, and says what
    // to do; without the watch the validator finds out by itself, marks its store, follows, and the cluster has no fault to
    // prove.
    [Fact]
    public async Task An_old_backup_is_found_out()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        NodeProcess node = cluster.Nodes[2];
        for (int i = 0; i < 5; i++)
        {
            await cluster.SubmitFinalAsync(node, [1, (byte)i]);
        }

        Assert.True(await node.StopAsync(s_patience));
        string store = LocalCluster.StorePath(node), old = store + ".old";
        Copy(store, old);
        node.Start();
        await cluster.Cluster.WaitReadyAsync([node], ProcessCluster.Patience);
        for (int i = 0; i < 20; i++)
        {
            await cluster.SubmitFinalAsync(node, [2, (byte)i]);
        }

        Assert.True(await node.StopAsync(s_patience));
        Directory.Delete(store, recursive: true);
        Copy(old, store);
        cluster.Configure(node, "consensus", "twin_watch_seconds = 5");
        node.Start();
        Assert.True(await node.WaitForExitAsync(s_patience), node.LogTail(10));
        Assert.True(node.ExitCode == ExitKeys, node.LogTail(10));
        Assert.Contains("votes mark-restored", node.LogTail(3));
        Assert.Contains("Nothing was signed", node.LogTail(3));

        string config = Path.Combine(node.Directory, "node.toml");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("twin_watch_seconds = 5\n", ""));
        node.Start();
        await ProcessCluster.UntilAsync("it follows", s_patience, async () =>
        {
            await cluster.SubmitFinalAsync(cluster.Nodes[0], Guid.NewGuid().ToByteArray());
            return (await cluster.Cluster.StatusAsync(node)) is { Signing: false };
        });
        await ProcessCluster.UntilLoggedAsync(node, "votes.contradicted");
        Assert.True(File.Exists(Path.Combine(store, "votes.contradicted")));
        await cluster.SubmitFinalAsync(cluster.Nodes[1], "three go on"u8.ToArray());
        await AssertOneOrderAsync(cluster, [cluster.Nodes[0], cluster.Nodes[1], node]);
    }

    // Protects from the same key run twice: with the watch the second does not start; without it the peers' closed connections
    // give it away, whoever signed twice is proven to have, and the order stays one.
    [Fact]
    public async Task Two_processes_with_one_key_are_found_out()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        NodeProcess first = cluster.Nodes[1];
        await cluster.SubmitFinalAsync(first, "one"u8.ToArray());
        Assert.True(await first.StopAsync(s_patience));
        string twinFolder = first.Directory + "-twin";
        Copy(first.Directory, twinFolder);
        first.Start();
        await cluster.Cluster.WaitReadyAsync([first], ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(first, "two"u8.ToArray());

        using NodeProcess twin = cluster.ProcessIn(twinFolder, first);
        File.WriteAllText(Path.Combine(twinFolder, "node.toml"), File.ReadAllText(Path.Combine(twinFolder, "node.toml")).Replace("[consensus]\n", "[consensus]\ntwin_watch_seconds = 5\n"));
        twin.Start();
        Assert.True(await twin.WaitForExitAsync(s_patience), twin.LogTail(10));
        Assert.True(twin.ExitCode == ExitKeys, twin.LogTail(10));

        File.WriteAllText(Path.Combine(twinFolder, "node.toml"), File.ReadAllText(Path.Combine(twinFolder, "node.toml")).Replace("twin_watch_seconds = 5\n", ""));
        twin.Start();
        NodeProcess[] honest = [cluster.Nodes[0], cluster.Nodes[2], cluster.Nodes[3]];
        await ProcessCluster.UntilAsync("one of the two, or both, has stopped signing", ProcessCluster.Patience, async () =>
        {
            await cluster.SubmitFinalAsync(honest[0], Guid.NewGuid().ToByteArray());
            return (await cluster.Cluster.StatusAsync(twin)) is { Signing: false } || (await cluster.Cluster.StatusAsync(first)) is { Signing: false };
        });
        await ProcessCluster.UntilAsync("one says why", s_patience, () =>
            Task.FromResult((twin.LogTail(300) + first.LogTail(300)).Contains("another process", StringComparison.Ordinal)));
        await twin.StopAsync(s_patience);
        await cluster.SubmitFinalAsync(honest[1], "three go on"u8.ToArray());
        await AssertOneOrderAsync(cluster, honest);
    }

    // Protects the package: it installs into a system as it is here, in an overlay that is thrown away; the binary runs, the unit
    // is sound, the user exists, and removing it leaves keys and votes.
    [PackageFact]
    public async Task The_package_installs_and_leaves_data_when_removed()
    {
        string root = Abuse.Root;
        (int code, string output) = await ShellAsync($"cd {root} && bash eng/deb.sh");
        Assert.True(code == 0, output);
        string script = $"""
            set -e
            mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/m
            mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/m
            mount -t proc proc /mnt/m/proc && mount --bind /dev /mnt/m/dev
            cp {root}/artifacts/validator_*_amd64.deb /mnt/m/validator.deb
            chroot /mnt/m /bin/bash -ec '
                dpkg -i /validator.deb
                validator --version
                id validator
                test "$(stat -c "%a %U" /var/lib/validator)" = "700 validator"
                if command -v systemd-analyze; then
                    systemd-analyze verify --man=no /lib/systemd/system/validator.service
                fi
                validator init --validators 1 --out /tmp/chain --base-port 20300
                touch /var/lib/validator/votes
                dpkg -P validator
                test ! -e /usr/bin/validator
                test -e /var/lib/validator/votes
            '
            """;
        (code, output) = await ShellAsync($"unshare -m --propagation private bash -c '{script.Replace("'", "'\\''")}'");
        Assert.True(code == 0, output);
    }

    private static Task<(int Code, string Output)> ShellAsync(string script) => ProcessCluster.RunAsync(new ProcessStartInfo("bash", ["-c", script]));

    private static async Task AssertOneOrderAsync(ProcessCluster cluster, NodeProcess[] nodes)
    {
        ulong count = (await cluster.StatusAsync(nodes[0])).NextFinalIndex;
        List<Validator.Core.Primitives.Hash256> order = await cluster.ReadStreamAsync(nodes[0], (int)count);
        foreach (NodeProcess node in nodes[1..])
        {
            Assert.Equal(order, await cluster.ReadStreamAsync(node, (int)count));
        }
    }

    private static void Copy(string from, string to)
    {
        using Process copy = Process.Start("cp", ["-a", from, to]);
        copy.WaitForExit();
        Assert.Equal(0, copy.ExitCode);
    }
}

/// <summary>Needs systemd-analyze, which <c>eng/unit-check.sh</c> unpacks by apt-get where it is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class UnitFactAttribute : FactAttribute
{
    public UnitFactAttribute() => Skip = Array.Exists(["systemd-analyze", "apt-get"], tool => Tool.Path(tool) != tool)
        ? null
        : "Neither systemd-analyze nor apt-get is here.";
}
