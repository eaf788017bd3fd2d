using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using Validator.Core.Primitives;
using Validator.Host;
using Validator.Host.Cli;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Tools.Load;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>Real validators as processes: the published binary where there is one, else the build under the JIT.</summary>
internal sealed partial class ProcessCluster : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(60) };
    private readonly TempFolder _folder;

    private ProcessCluster(TempFolder folder, LocalCluster cluster)
    {
        _folder = folder;
        Cluster = cluster;
    }

    public enum Signal
    {
        Kill = 9,
        Terminate = 15,
        Continue = 18,
        Stop = 19,
    }

    public LocalCluster Cluster { get; }

    public NodeProcess[] Nodes => Cluster.Nodes;

    public static Executable Binary { get; } = FindBinary();

    /// <summary>The binary as it runs on a machine of that many cores: with one loop, or with a thread for each stage.</summary>
    public static Executable WithCores(int cores) => new(["env", $"DOTNET_PROCESSOR_COUNT={cores:x}", .. Binary.Command]);

    /// <summary>A new chain with nothing started.</summary>
    /// <param name="executables">
    /// How each is started; by default every other one as on a machine of more cores, so that both tables of threads run.
    /// </param>
    /// <param name="trust">Genesis has trust, in short epochs, and the folder a key with stake.</param>
    public static ProcessCluster Create(
        int validators = 4, ulong? epochLength = null, Executable[]? executables = null, bool trust = false)
    {
        TempFolder folder = new();
        executables ??= [.. Enumerable.Range(0, validators).Select(i => i % 2 == 0 ? Binary : WithCores(4))];
        (string, Executable)[] placed = Array.ConvertAll(executables, e => ("127.0.0.1", e));
        return new ProcessCluster(folder, LocalCluster.Create(folder.Path, validators, Binary, placed, epochLength, trust));
    }

    /// <summary>
    /// A new chain with nothing started, whose validators are started elsewhere than on loopback; their configuration is yet to
    /// be adapted.
    /// </summary>
    public static ProcessCluster Create(Func<Executable, (string Host, Executable Executable)[]> place)
    {
        TempFolder folder = new();
        (string, Executable)[] placed = place(Binary);
        return new ProcessCluster(folder, LocalCluster.Create(folder.Path, placed.Length, Binary, placed));
    }

    /// <summary>A new chain with all validators ready.</summary>
    public static async Task<ProcessCluster> StartAsync(int validators = 4)
    {
        ProcessCluster cluster = Create(validators);
        try
        {
            cluster.Cluster.StartAll();
            await cluster.Cluster.WaitReadyAsync(cluster.Nodes, Patience);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Adds lines to a section of a validator's configuration.</summary>
    public void Configure(NodeProcess node, string section, string lines)
    {
        string path = Path.Combine(node.Directory, "node.toml");
        string text = File.ReadAllText(path);
        File.WriteAllText(path, text.Contains($"[{section}]\n") ? text.Replace($"[{section}]\n", $"[{section}]\n{lines}\n") : $"{text}\n[{section}]\n{lines}\n");
    }

    public async Task StartAllAsync()
    {
        Cluster.StartAll();
        await Cluster.WaitReadyAsync(Nodes, Patience);
    }

    /// <summary>Runs a command of the binary to its end.</summary>
    /// <returns>Exit code, and both outputs.</returns>
    public static Task<(int Code, string Output)> RunAsync(params string[] arguments) => RunAsync(new ProcessStartInfo(Binary.Command[0], [.. Binary.Command[1..], .. arguments]));

    /// <summary>The same of any command.</summary>
    public static async Task<(int Code, string Output)> RunAsync(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await errors);
    }

    public static void Send(NodeProcess node, Signal signal) => Send(node.ProcessId, signal);

    public static void Send(int processId, Signal signal) => Assert.Equal(0, KillNative(processId, (int)signal));

    /// <summary>What it says of itself; a machine that stalls gets another try, a process that is gone none.</summary>
    public async Task<NodeStatus> StatusAsync(NodeProcess node)
    {
        NodeStatus? status = null;
        for (int i = 0; i < 10 && status is null && (i == 0 || node.IsRunning); i++)
        {
            status = await Cluster.StatusAsync(node);
        }

        Assert.True(status is not null, $"{node.Name} does not answer:\n{node.LogTail(20)}");
        return status;
    }

    /// <summary>
    /// The sum of a metric over the labels that contain <paramref name="labels"/>. No answer is a failure, not a zero.
    /// </summary>
    public async Task<double> MetricAsync(NodeProcess node, string name, string labels = "") =>
        MetricsReader.Sum(await _http.GetStringAsync(node.Metrics), name, labels);

    /// <summary>A line of a log comes some time after what it tells of.</summary>
    /// <param name="meanwhile">Done before each look.</param>
    public static Task UntilLoggedAsync(NodeProcess node, string words, Func<Task>? meanwhile = null) =>
        UntilAsync($"{node.Name} logs '{words}'", Patience, async () =>
        {
            await (meanwhile?.Invoke() ?? Task.CompletedTask);
            return node.LogTail(1000).Contains(words, StringComparison.Ordinal);
        });

    public async Task<NodeProcess> LeaderAsync()
    {
        string name = (await StatusAsync(Nodes[0])).Leader;
        return Nodes.Single(n => n.Name == name);
    }

    /// <summary>Submits one transaction and waits until the validator says that it is final.</summary>
    /// <returns>From the request to the answer.</returns>
    public async Task<TimeSpan> SubmitFinalAsync(NodeProcess node, byte[] transaction)
    {
        long start = Stopwatch.GetTimestamp();
        using HttpResponseMessage response = await PostAsync(node, transaction, "?wait=finalized");
        string answer = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{(int)response.StatusCode} {answer}\n{node.LogTail(20)}");
        return Stopwatch.GetElapsedTime(start);
    }

    /// <summary>Submits one transaction, without waiting for finality; true for 202.</summary>
    public async Task<HttpStatusCode> SubmitAsync(NodeProcess node, byte[] transaction)
    {
        using HttpResponseMessage response = await PostAsync(node, transaction, "");
        return response.StatusCode;
    }

    /// <summary>The status code of a GET.</summary>
    public async Task<HttpStatusCode> GetAsync(NodeProcess node, string path)
    {
        using HttpResponseMessage response = await _http.GetAsync(new Uri(node.Api, path), HttpCompletionOption.ResponseHeadersRead);
        return response.StatusCode;
    }

    /// <summary>Ids of the first <paramref name="count"/> final transactions, as this validator streams them.</summary>
    public async Task<List<Hash256>> ReadStreamAsync(NodeProcess node, int count)
    {
        List<Hash256> ids = [];
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(30));
        using Stream stream = await _http.GetStreamAsync(new Uri(node.Api, $"/v1/finalized?from=0&{FinalizedStream.Query}"), timeout.Token);
        byte[] buffer = new byte[FinalizedStream.MaxRecordBytes];
        int filled = 0;
        while (ids.Count < count)
        {
            StreamRecord record = FinalizedStream.Read(buffer.AsSpan(0, filled));
            Assert.NotEqual(StreamRead.Malformed, record.Outcome);
            if (record.Outcome == StreamRead.NeedMore)
            {
                int read = await stream.ReadAsync(buffer.AsMemory(filled), timeout.Token);
                Assert.NotEqual(0, read);
                filled += read;
                continue;
            }

            Assert.Equal((ulong)ids.Count, record.Index);
            Assert.Equal(record.Id, Hash256.Of(buffer.AsSpan(record.Start, record.Length)));
            ids.Add(record.Id);
            buffer.AsSpan(record.Consumed, filled - record.Consumed).CopyTo(buffer);
            filled -= record.Consumed;
        }

        return ids;
    }

    /// <summary>A second process for the same data, on ports of its own.</summary>
    public NodeProcess SecondProcessOn(NodeProcess node)
    {
        string config = Path.Combine(node.Directory, "second.toml");
        NodePorts ports = NodePorts.Find(1)[0];
        File.WriteAllText(config, WithPorts(File.ReadAllText(Path.Combine(node.Directory, "node.toml")), node.Ports, ports));
        return new NodeProcess(node.Name + " again", node.Directory, config, ports, Binary);
    }

    /// <summary>A process for a copy of a validator's folder, on ports of its own.</summary>
    public NodeProcess ProcessIn(string folder, NodeProcess original)
    {
        string config = Path.Combine(folder, "node.toml");
        NodePorts ports = NodePorts.Find(1)[0];
        File.WriteAllText(config, WithPorts(File.ReadAllText(config), original.Ports, ports));
        return new NodeProcess(original.Name + " twin", folder, config, ports, Binary);
    }

    /// <summary>
    /// A validator that genesis does not have, as an operator makes one: keys by keygen, a node.toml, a vote store. Nothing is
    /// started.
    /// </summary>
    /// <param name="name">Its folder's too; in it, <c>keys/NAME.json</c> is the member file.</param>
    public NodeProcess Newcomer(string name)
    {
        string folder = Path.Combine(_folder.Path, name);
        Directory.CreateDirectory(folder);
        Assert.Equal(0, CommandLine.Run(["keygen", "--name", name, "--out", Path.Combine(folder, "keys")]));
        NodePorts ports = NodePorts.Find(1)[0];
        string config = Path.Combine(folder, "node.toml");
        NodeProcess first = Nodes[0];
        string text = WithPorts(File.ReadAllText(Path.Combine(first.Directory, "node.toml")), first.Ports, ports);
        File.WriteAllText(config, text
            .Replace($"id = \"{first.Name}\"", $"id = \"{name}\"\noutside_genesis = true")
            .Replace("bootstrap_peers = [\n", $"bootstrap_peers = [\n    \"/ip4/127.0.0.1/udp/{first.Ports.Quic}/quic-v1/p2p/{first.Name}\",\n"));
        Assert.Equal(0, CommandLine.Run(["votes", "create", "--config", config, "--never-signed"]));
        return new NodeProcess(name, folder, config, ports, Binary);
    }

    /// <summary>
    /// A process that knows the real members and their addresses, and calls itself by one's name, but has made its own keys
    /// (and a genesis that names them, or it would not even start). It has no vote store, so it only follows.
    /// </summary>
    public NodeProcess StrangerInTheNameOf(NodeProcess node)
    {
        string folder = Path.Combine(_folder.Path, "stranger");
        Directory.CreateDirectory(folder);
        ValidatorKeys keys = ValidatorKeys.Create(new CryptoSection(Path.Combine(folder, "keys")));
        Genesis genesis = GenesisFile.Read(Path.Combine(_folder.Path, "genesis.json"), out _);
        Member[] members = Array.ConvertAll(genesis.Members, m => m.Name == node.Name
            ? new Member(m.Name, keys.ConsensusPublicKey, keys.TransportPublicKey, m.Weight)
            : m);
        GenesisFile.Write(Path.Combine(folder, "genesis.json"), genesis with { Members = members });
        string config = Path.Combine(folder, "node.toml");
        NodePorts ports = NodePorts.Find(1)[0];
        string text = WithPorts(File.ReadAllText(Path.Combine(node.Directory, "node.toml")), node.Ports, ports);
        File.WriteAllText(config, text.Replace("../genesis.json", "genesis.json"));
        return new NodeProcess("stranger", folder, config, ports, Binary);
    }

    /// <summary>Polls until it holds.</summary>
    public static async Task UntilAsync(string what, TimeSpan patience, Func<Task<bool>> holds)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await holds())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < patience, $"not within {patience.TotalSeconds} s: {what}");
            await Task.Delay(25);
        }
    }

    /// <summary>A load over all validators, with what it finds in the end.</summary>
    public LoadRun Load(int rate, int seconds, NodeProcess[]? targets = null, TimeSpan? drain = null) => new(
        new LoadOptions
        {
            Targets = Array.ConvertAll(targets ?? Nodes, n => n.Api),
            Rate = rate,
            Size = 256,
            Duration = TimeSpan.FromSeconds(seconds),
            Seed = 11,
            RequestTimeout = TimeSpan.FromSeconds(5),
            DrainTimeout = drain ?? TimeSpan.FromSeconds(30),
        },
        from: 0,
        ownTrafficOnly: true);

    public async ValueTask DisposeAsync()
    {
        foreach (NodeProcess node in Nodes.Where(n => n.IsRunning))
        {
            // A stopped process takes no other signal but SIGKILL, which this ends in.
            node.Kill();
        }

        foreach (NodeProcess node in Nodes)
        {
            // What ended a validator that should have lived is in its log alone, which goes now.
            string log = node.LogTail(2000);
            if (log.IndexOf(" fatal ", StringComparison.Ordinal) is >= 0 and var end)
            {
                Console.WriteLine($"{node.Name}: {log[end..Math.Min(log.Length, end + 4000)]}");
            }
        }

        Cluster.Dispose();
        _http.Dispose();
        await Task.Yield();
        _folder.Dispose();
    }

    private Task<HttpResponseMessage> PostAsync(NodeProcess node, byte[] transaction, string query)
    {
        ByteArrayContent content = new(transaction);
        content.Headers.ContentType = new("application/octet-stream");
        return _http.PostAsync(new Uri(node.Api, $"/v1/transactions{query}"), content);
    }

    private static string WithPorts(string config, NodePorts old, NodePorts ports) => config
        .Replace($":{old.Quic}\"", $":{ports.Quic}\"")
        .Replace($"quic_port = {old.Quic}", $"quic_port = {ports.Quic}")
        .Replace($":{old.Api}\"", $":{ports.Api}\"")
        .Replace($"port = {old.Metrics}", $"port = {ports.Metrics}");

    private static Executable FindBinary()
    {
        string? given = Environment.GetEnvironmentVariable("TEST_VALIDATOR_BINARY");
        if (!string.IsNullOrEmpty(given))
        {
            return Executable.At(given);
        }

        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Validator.sln")))
        {
            root = root.Parent;
        }

        string published = Path.Combine(root?.FullName ?? "", "artifacts", "validator");
        return File.Exists(published)
            ? Executable.At(published)
            : Executable.At(Path.Combine(AppContext.BaseDirectory, "validator.dll"));
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int KillNative(int processId, int signal);
}

/// <summary>A folder of its own for one test, removed at the end.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("validator-test-").FullName;

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (IOException)
        {
            // A process that is just being torn down may still write; the system's temporary folder is cleaned anyway.
        }
    }
}

/// <summary>Tests that start clusters share two cores: one after the other, and not beside other tests.</summary>
[CollectionDefinition(nameof(ProcessTests), DisableParallelization = true)]
public sealed class ProcessTests;
