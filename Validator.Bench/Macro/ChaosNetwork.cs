using System.Diagnostics;
using System.Net;
using System.Text;
using Validator.Host.Tools.Localnet;

namespace Validator.Bench.Macro;

/// <summary>
/// The paths between the validators of a cluster: all go through the relay. With network namespaces (eng/chaos.sh makes them)
/// each validator has one of its own, and nftables in it cuts paths and loses packets; on loopback the relay does that too.
/// </summary>
internal sealed class ChaosNetwork : IDisposable
{
    // The load and the checks share one address, which is not loopback there, and would have one client's limits.
    private const string OneClient =
        "[api]\ninsecure = true\nconnections_per_address = 0\nrequests_per_second = 0\nwaiting_per_address = 0\nsubscribers_per_address = 0\n";

    private readonly LocalCluster _cluster;
    private readonly string? _namespaces;
    private readonly UdpRelay _relay;
    private readonly int[,] _cuts;
    private Weather _weather;

    private ChaosNetwork(LocalCluster cluster, string? namespaces, int seed)
    {
        _cluster = cluster;
        _namespaces = namespaces;
        _cuts = new int[cluster.Nodes.Length, cluster.Nodes.Length];
        _relay = new UdpRelay(
            IPAddress.Parse(namespaces is null ? "127.0.0.1" : HubAddress),
            Array.ConvertAll(cluster.Nodes, n => new IPEndPoint(IPAddress.Parse(n.Host), n.Ports.Quic)),
            seed);
    }

    /// <summary>Ours, on the bridge.</summary>
    private const string HubAddress = "10.88.0.254";

    public LocalCluster Cluster => _cluster;

    public long Forwarded => _relay.Forwarded;

    public long Dropped => _relay.Dropped;

    /// <summary>
    /// A new chain in <paramref name="directory"/> whose validators reach each other through the relay alone; none is started.
    /// </summary>
    /// <param name="namespaces">Prefix of the namespaces' names, as eng/chaos.sh made them; null: loopback.</param>
    public static ChaosNetwork Create(string directory, int validators, Executable executable, string? namespaces, int seed)
    {
        (string, Executable)[]? placed = namespaces is null ? null :
        [
            .. Enumerable.Range(1, validators).Select(i =>
                ($"10.88.0.{i}", new Executable(["ip", "netns", "exec", $"{namespaces}-{i}", .. executable.Command]))),
        ];
        ChaosNetwork network = new(LocalCluster.Create(directory, validators, executable, placed), namespaces, seed);
        for (int i = 0; i < validators; i++)
        {
            network.Configure(i);
        }

        return network;
    }

    public void SetWeather(Weather weather)
    {
        _weather = weather;
        _relay.Weather = _namespaces is null ? weather : weather with { LossPerMille = 0 };
        Apply();
    }

    /// <summary>Cuts, or with -1 restores, the direction. Several cuts of one direction add up.</summary>
    public void Cut(Func<int, int, bool> directions, int change)
    {
        for (int from = 0; from < _cuts.GetLength(0); from++)
        {
            for (int to = 0; to < _cuts.GetLength(0); to++)
            {
                _cuts[from, to] += from != to && directions(from, to) ? change : 0;
            }
        }

        Apply();
    }

    public void Dispose()
    {
        _relay.Dispose();
        _cluster.Dispose();
    }

    private void Configure(int self)
    {
        NodeProcess node = _cluster.Nodes[self];
        string path = Path.Combine(node.Directory, "node.toml");
        StringBuilder text = new(File.ReadAllText(path));
        for (int i = 0; i < _cluster.Nodes.Length; i++)
        {
            if (i != self)
            {
                IPEndPoint relay = _relay.AddressFor(self, i);
                text.Replace($"/ip4/127.0.0.1/udp/{_cluster.Nodes[i].Ports.Quic}/", $"/ip4/{relay.Address}/udp/{relay.Port}/");
            }
        }

        if (_namespaces is not null)
        {
            text.Replace("\"127.0.0.1", $"\"{node.Host}").Replace("[api]\n", OneClient);
        }

        File.WriteAllText(path, text.ToString());
    }

    private void Apply()
    {
        int validators = _cluster.Nodes.Length;
        if (_namespaces is null)
        {
            bool[,] blocked = new bool[validators, validators];
            for (int i = 0; i < blocked.Length; i++)
            {
                blocked[i / validators, i % validators] = _cuts[i / validators, i % validators] > 0;
            }

            _relay.Blocked = blocked;
            return;
        }

        for (int i = 0; i < validators; i++)
        {
            SetRules(i);
        }
    }

    /// <summary>
    /// Replaces the rules of one namespace in one transaction. Packets for another member go to a port of the relay.
    /// </summary>
    private void SetRules(int self)
    {
        StringBuilder rules = new("table inet chaos\ndelete table inet chaos\ntable inet chaos {\n chain out {\n  type filter hook output priority 0;\n");
        for (int to = 0; to < _cluster.Nodes.Length; to++)
        {
            if (to != self && _cuts[self, to] > 0)
            {
                rules.Append($"  udp dport {_relay.AddressFor(self, to).Port} drop\n");
            }
        }

        if (_weather.LossPerMille > 0)
        {
            rules.Append($"  ip protocol udp numgen random mod 1000 < {_weather.LossPerMille} drop\n");
        }

        rules.Append(" }\n}\n");
        using Process nft = Process.Start(new ProcessStartInfo("ip", ["netns", "exec", $"{_namespaces}-{self + 1}", "nft", "-f", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        })!;
        nft.StandardInput.Write(rules);
        nft.StandardInput.Close();
        string error = nft.StandardError.ReadToEnd();
        nft.WaitForExit();
        if (nft.ExitCode != 0)
        {
            throw new InvalidOperationException($"nft refused the rules of validator {self + 1}: {error}");
        }
    }
}
