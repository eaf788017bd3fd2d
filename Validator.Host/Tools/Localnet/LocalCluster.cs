using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Host.Api;
using Validator.Host.Cli;
using Validator.Host.Contracts;
using Validator.Host.Primitives;

namespace Validator.Host.Tools.Localnet;

/// <summary>
/// Some validators as processes on this machine, in folders of one directory. Disposing kills those that still run.
/// </summary>
public sealed class LocalCluster : IDisposable
{
    private readonly HttpClient _http = HttpHandlers.Client(TimeSpan.FromSeconds(2));

    private LocalCluster(string directory, Executable executable, NodeProcess[] nodes)
    {
        Directory = directory;
        Executable = executable;
        Nodes = nodes;
    }

    /// <summary>Makes a new chain in <paramref name="directory"/>, empty or missing, with nothing started.</summary>
    /// <exception cref="Config.ConfigException">The files cannot be made.</exception>
    /// <param name="placed">Where and how each is started, if not all alike on loopback; the caller then adapts the
    /// configuration.</param>
    /// <param name="villain">In whose place something else will run.</param>
    public static LocalCluster Create(
        string directory, int validators, Executable executable, (string Host, Executable Executable)[]? placed = null,
        ulong? epochLength = null, bool trust = false, int? villain = null)
    {
        NodePorts[] ports = NodePorts.Find(validators);
        // The folder has to be empty before the validators' files are made.
        string stakeKey = Path.Combine(Path.GetTempPath(), $"validator-stake-{Environment.ProcessId}-{ports[0].Quic}.key");
        string[] configs = Initializer.Run(new InitOptions
        {
            Validators = validators,
            Out = directory,
            Parameters = new GenesisParameters
            {
                EpochLengthBlocks = epochLength ?? (trust ? TrustDemo.EpochBlocks : InitOptions.DefaultEpochLength),
                Trust = trust ? TrustDemo.Parameters(stakeKey, Enumerable.Range(1, validators).Select(i => $"node-{i}")) : null,
            },
            Ports = ports,
        });
        if (trust)
        {
            File.Move(stakeKey, Path.Combine(directory, "stake.key"));
        }

        NodeProcess[] nodes = new NodeProcess[validators];
        for (int i = 0; i < validators; i++)
        {
            string folder = Path.GetDirectoryName(configs[i])!;
            (string host, Executable own) = placed?[i] ?? ("127.0.0.1", executable);
            nodes[i] = new NodeProcess(Path.GetFileName(folder), folder, configs[i], ports[i], own, host);
        }

        return new LocalCluster(directory, executable, nodes) { Villain = villain is { } at ? nodes[at] : null };
    }

    /// <summary>Makes a new chain with the executable's own <c>init</c>: an older binary reads no stores of this one.</summary>
    /// <exception cref="LocalClusterException">It failed; the message has what it said.</exception>
    /// <exception cref="Config.ConfigException">Its configuration cannot be read.</exception>
    public static LocalCluster CreateWith(Executable executable, string directory, int validators)
    {
        string many = validators.ToString(CultureInfo.InvariantCulture);
        string[] command = [.. executable.Command, "init", "--validators", many, "--out", directory];
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process init = Process.Start(start)!;
        Task<string> errors = init.StandardError.ReadToEndAsync();
        init.StandardOutput.ReadToEnd();
        init.WaitForExit();
        if (init.ExitCode != 0)
        {
            string said = errors.GetAwaiter().GetResult();
            throw new LocalClusterException($"{executable.File} init ended with exit code {init.ExitCode}: {said}");
        }

        NodeProcess[] nodes = new NodeProcess[validators];
        for (int i = 0; i < validators; i++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"node-{i + 1}");
            string file = Path.Combine(directory, name, "node.toml");
            Config.NodeConfig config = Config.ConfigLoader.Load(file, new Hashtable());
            NodePorts ports = new(config.Network.QuicPort, config.Api.Port, config.Metrics.Port);
            nodes[i] = new NodeProcess(name, Path.GetDirectoryName(file)!, file, ports, executable);
        }

        return new LocalCluster(directory, executable, nodes);
    }

    /// <summary>The folder of a node's databases.</summary>
    public static string StorePath(NodeProcess node) => Path.Combine(node.Directory, "db");

    public string Directory { get; }

    public Executable Executable { get; }

    public NodeProcess[] Nodes { get; }

    /// <summary>In whose place something else runs; null: nobody's.</summary>
    public NodeProcess? Villain { get; init; }

    /// <summary>All but the villain.</summary>
    public NodeProcess[] Honest => [.. Nodes.Where(node => node != Villain)];

    public void StartAll()
    {
        foreach (NodeProcess node in Honest)
        {
            node.Start();
        }
    }

    /// <summary>Waits until every one of <paramref name="nodes"/> says that it is ready.</summary>
    /// <exception cref="LocalClusterException">One of them exited, or time is up; the message has the end of its log.</exception>
    public async Task WaitReadyAsync(IReadOnlyList<NodeProcess> nodes, TimeSpan patience, CancellationToken cancellation = default)
    {
        long start = Stopwatch.GetTimestamp();
        foreach (NodeProcess node in nodes)
        {
            while (await StatusAsync(node, cancellation).ConfigureAwait(false) is var status && status is not { Ready: true })
            {
                if (!node.IsRunning)
                {
                    throw new LocalClusterException(
                        $"{node.Name} stopped with exit code {node.ExitCode} before it was ready:\n{node.LogTail(8)}");
                }

                if (Stopwatch.GetElapsedTime(start) > patience)
                {
                    throw new LocalClusterException(
                        $"{node.Name} was not ready within {patience.TotalSeconds:F0} s ({status?.Reason ?? "it does not answer"}; its log: {node.LogPath}):\n{node.LogTail(8)}");
                }

                await Task.Delay(25, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Its status, or null when it does not answer.</summary>
    public async Task<NodeStatus?> StatusAsync(NodeProcess node, CancellationToken cancellation = default)
    {
        try
        {
            using HttpResponseMessage response = await _http.GetAsync(new Uri(node.Api, "/v1/status"), cancellation).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                return null;
            }

            byte[] json = await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false);
            return JsonSerializer.Deserialize(json, ApiJson.Default.NodeStatus);
        }
        catch (Exception e) when (IsNoAnswer(e, cancellation))
        {
            return null;
        }
    }

    /// <summary>The body of a good answer; null where there is none.</summary>
    public async Task<string?> GetAsync(NodeProcess node, string path, CancellationToken cancellation = default)
    {
        try
        {
            using HttpResponseMessage response = await _http.GetAsync(new Uri(node.Api, path), cancellation)
                .ConfigureAwait(false);
            return response.StatusCode == HttpStatusCode.OK
                ? await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false) : null;
        }
        catch (Exception e) when (IsNoAnswer(e, cancellation))
        {
            return null;
        }
    }

    /// <summary>The sum of a metric over all its labels, or 0 when it does not answer.</summary>
    /// <param name="labels">Text that a counted line's labels must contain; empty: any.</param>
    public async Task<double> MetricAsync(NodeProcess node, string name, string labels = "", CancellationToken cancellation = default) =>
        MetricsReader.Sum(await MetricsAsync(node, cancellation).ConfigureAwait(false), name, labels);

    /// <summary>Its page of metrics; empty when there is no answer.</summary>
    public async Task<string> MetricsAsync(NodeProcess node, CancellationToken cancellation = default)
    {
        try
        {
            return await _http.GetStringAsync(node.Metrics, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (IsNoAnswer(e, cancellation))
        {
            return "";
        }
    }

    /// <summary>Asks all to stop and waits; kills those that take longer than <paramref name="patience"/>.</summary>
    /// <returns>The names of those that had to be killed.</returns>
    public async Task<string[]> StopAllAsync(TimeSpan patience)
    {
        bool[] stopped = await Task.WhenAll(Array.ConvertAll(Nodes, n => n.StopAsync(patience))).ConfigureAwait(false);
        return [.. Nodes.Where((_, i) => !stopped[i]).Select(n => n.Name)];
    }

    public void Dispose()
    {
        foreach (NodeProcess node in Nodes)
        {
            node.Dispose();
        }

        _http.Dispose();
    }

    private static bool IsNoAnswer(Exception e, CancellationToken cancellation) =>
        e is HttpRequestException or IOException or JsonException
        || (e is OperationCanceledException && !cancellation.IsCancellationRequested);
}

/// <summary>A local cluster does not come up; the message says why.</summary>
public sealed class LocalClusterException(string message) : Exception(message);
