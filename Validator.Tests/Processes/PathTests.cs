using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using Validator.Host.Tools.Localnet;
using Validator.Tests.Net;

namespace Validator.Tests.Processes;

/// <summary>Networks that change under validators that stay connected.</summary>
[Collection(nameof(ProcessTests))]
public sealed class PathTests
{
    // QUIC's idle timeout, which is what used to end such connections, is 10 s.
    private static readonly TimeSpan Healed = TimeSpan.FromSeconds(3);

    // The validator whose port changed has sent its Status by then, and one round trip later all know the new one.
    private static readonly TimeSpan Moved = TimeSpan.FromSeconds(1);

    // Protects members behind a NAT that forgets them, with nobody to spare: whenever all of a validator's packets begin to come
    // from other ports, its clients and everybody's go on at once. Nobody else knows where it is, so all its connections lead
    // through the NAT.
    [Fact]
    public async Task A_validator_whose_ports_change_goes_on()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        NodeProcess moving = cluster.Nodes[0];
        using UdpRelay second = RelayTo(cluster.Nodes[1]), third = RelayTo(cluster.Nodes[2]), fourth = RelayTo(cluster.Nodes[3]);
        UdpRelay[] relays = [second, third, fourth];
        for (int i = 0; i < relays.Length; i++)
        {
            NodeProcess other = cluster.Nodes[i + 1];
            int port = relays[i].Address.Port;
            Rewrite(moving, text => text.Replace($"/udp/{other.Ports.Quic}/", $"/udp/{port}/"));
            Rewrite(other, text => Regex.Replace(text, $".*/udp/{moving.Ports.Quic}/.*\n", ""));
        }

        await cluster.StartAllAsync();
        await UntilAllConnectedAsync(cluster, cluster.Nodes);
        cluster.Nodes[3].Kill();
        NodeProcess[] alive = cluster.Nodes[..3];
        await SubmitAllAsync(cluster, alive, TimeSpan.MaxValue);

        // Each of the three is the first to be asked once.
        for (int i = 0; i < 3; i++)
        {
            foreach (UdpRelay relay in relays)
            {
                relay.MoveDialler();
            }

            await SubmitAllAsync(cluster, [.. alive[i..], .. alive[..i]], Moved);
            // As a NAT does, it leaves some time between; the cluster is idle for some of it.
            await Task.Delay(500);
        }

        await ProcessCluster.UntilAsync("the moves are counted", ProcessCluster.Patience, async () =>
            await cluster.MetricAsync(cluster.Nodes[1], "cretoai_path_moves_total", "peers") >= 3);
        Assert.Equal(1UL, (await cluster.StatusAsync(cluster.Nodes[1])).Peers.Single(p => p.Name == moving.Name).Connects);
    }

    // Protects hosts with several addresses: all listen on any address, and know each other at one that is not the first.
    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("[::]")]
    public async Task Validators_on_any_address_answer_from_the_one_that_was_asked(string any)
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        foreach (NodeProcess node in cluster.Nodes)
        {
            Rewrite(node, text => Regex.Replace(text, "listen_addr = \"[^:]*:", $"listen_addr = \"{any}:").Replace("/ip4/127.0.0.1/udp/", "/ip4/127.0.0.9/udp/"));
        }

        await cluster.StartAllAsync();
        await UntilAllConnectedAsync(cluster, cluster.Nodes);
        await SubmitAllAsync(cluster, cluster.Nodes, TimeSpan.MaxValue);
        Assert.Equal(0, await cluster.MetricAsync(cluster.Nodes[3], "cretoai_send_errors_total"));
    }

    // Protects against black holes: one validator's device, then everybody's, carries 1,300 bytes instead of 1,500, which refuses
    // the own packets (EMSGSIZE) and swallows those of the others; under load and when idle finality goes on, on the same
    // connections, and still does when the devices carry 1,500 again.
    [NamespaceFact]
    public async Task A_network_that_carries_less_is_noticed()
    {
        using Namespaces network = new(4);
        await using ProcessCluster cluster = CreateIn(network, network.Place);
        await cluster.StartAllAsync();
        await UntilAllConnectedAsync(cluster, cluster.Nodes);
        await SubmitAllAsync(cluster, cluster.Nodes, TimeSpan.MaxValue);

        // Long enough for paths to be found to carry more.
        await Task.Delay(1000);
        Task<TimeSpan> load = LoadAsync(cluster, TimeSpan.FromSeconds(4));
        await Task.Delay(1000);
        network.SetMtu(0, 1300);
        Assert.InRange(await load, TimeSpan.Zero, Healed);
        Assert.True(await cluster.MetricAsync(cluster.Nodes[0], "cretoai_send_errors_total", "too_large") > 0);
        await ProcessCluster.UntilAsync("the own device's refusals are counted as falls", ProcessCluster.Patience, async () =>
            await cluster.MetricAsync(cluster.Nodes[0], "cretoai_path_mtu_falls_total") >= 3);
        await ProcessCluster.UntilAsync("the others' lost packets are counted as falls", ProcessCluster.Patience, async () =>
            await cluster.MetricAsync(cluster.Nodes[1], "cretoai_path_mtu_falls_total") >= 1);
        await ProcessCluster.UntilLoggedAsync(cluster.Nodes[0], "packets above 1,200 bytes no longer get through");

        for (int i = 1; i < 4; i++)
        {
            network.SetMtu(i, 1300);
        }

        await Task.Delay(500);
        await SubmitAllAsync(cluster, cluster.Nodes, Healed);
        for (int i = 0; i < 4; i++)
        {
            network.SetMtu(i, 1500);
        }

        await SubmitAllAsync(cluster, cluster.Nodes, Healed);
        foreach (NodeProcess node in cluster.Nodes)
        {
            Assert.All((await cluster.StatusAsync(node)).Peers, p => Assert.Equal(1UL, p.Connects));
        }
    }

    // Protects the same where one device carries all of them, and from then on less.
    [NamespaceTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_own_device_that_carries_less_is_noticed_under_load_and_when_idle(bool loaded)
    {
        using Namespaces network = new(1);
        await using ProcessCluster cluster = CreateIn(network, executable => [.. Enumerable.Repeat(network.Place(executable)[0], 4)]);
        await cluster.StartAllAsync();
        await UntilAllConnectedAsync(cluster, cluster.Nodes);
        await SubmitAllAsync(cluster, cluster.Nodes, TimeSpan.MaxValue);

        // Long enough for the device to be found to carry more.
        await Task.Delay(1000);
        Task<TimeSpan> load = loaded ? LoadAsync(cluster, TimeSpan.FromSeconds(3)) : Task.FromResult(TimeSpan.Zero);
        await Task.Delay(1000);
        network.SetMtu(0, 1300, "lo");
        Assert.InRange(await load, TimeSpan.Zero, Healed);
        await SubmitAllAsync(cluster, cluster.Nodes, Healed);
        foreach (NodeProcess node in cluster.Nodes)
        {
            await ProcessCluster.UntilAsync("what the device refused is counted", ProcessCluster.Patience, async () =>
                await cluster.MetricAsync(node, "cretoai_send_errors_total", "too_large") > 0);
            Assert.All((await cluster.StatusAsync(node)).Peers, p => Assert.Equal(1UL, p.Connects));
        }
    }

    // Protects the same over IPv6, where a host has several addresses as a rule; and the lines about a firewall that forbids to
    // send.
    [NamespaceFact]
    public async Task An_ipv6_host_answers_from_the_address_that_was_asked()
    {
        using Namespaces network = new(2);
        await using ProcessCluster cluster = ProcessCluster.Create(network.Place);
        for (int i = 0; i < 2; i++)
        {
            NodeProcess node = cluster.Nodes[i], other = cluster.Nodes[1 - i];
            string asked = network.SecondAddress6(1 - i);
            Rewrite(node, text => Regex.Replace(network.Configure(text, node.Host), "listen_addr = \"[^:]*:", "listen_addr = \"[::]:")
                .Replace($"/ip4/127.0.0.1/udp/{other.Ports.Quic}/", $"/ip6/{asked}/udp/{other.Ports.Quic}/"));
        }

        await cluster.StartAllAsync();
        await UntilAllConnectedAsync(cluster, cluster.Nodes);
        await SubmitAllAsync(cluster, cluster.Nodes, TimeSpan.MaxValue);

        network.Down(0);
        await ProcessCluster.UntilLoggedAsync(cluster.Nodes[0], "datagrams not sent: no way there from this machine");
        Assert.Equal(1, Regex.Count(cluster.Nodes[0].LogTail(1000), "datagrams not sent: no way there"));
    }

    private static UdpRelay RelayTo(NodeProcess node) => new(new IPEndPoint(IPAddress.Loopback, node.Ports.Quic));

    private static void Rewrite(NodeProcess node, Func<string, string> change)
    {
        string path = Path.Combine(node.Directory, "node.toml");
        File.WriteAllText(path, change(File.ReadAllText(path)));
    }

    /// <summary>Validators that know each other by their addresses in that network.</summary>
    private static ProcessCluster CreateIn(Namespaces network, Func<Executable, (string Host, Executable Executable)[]> place)
    {
        ProcessCluster cluster = ProcessCluster.Create(place);
        foreach (NodeProcess node in cluster.Nodes)
        {
            Rewrite(node, text => cluster.Nodes.Aggregate(
                network.Configure(text, node.Host), (t, peer) => t.Replace($"/ip4/127.0.0.1/udp/{peer.Ports.Quic}/", $"/ip4/{peer.Host}/udp/{peer.Ports.Quic}/")));
        }

        return cluster;
    }

    private static Task UntilAllConnectedAsync(ProcessCluster cluster, NodeProcess[] nodes) =>
        ProcessCluster.UntilAsync("all are connected", ProcessCluster.Patience, async () =>
        {
            foreach (NodeProcess node in nodes)
            {
                if ((await cluster.StatusAsync(node)).Peers.Any(p => !p.Connected))
                {
                    return false;
                }
            }

            return true;
        });

    /// <summary>One transaction of many packets at each of them in turn.</summary>
    private static async Task<TimeSpan> SubmitAllAsync(ProcessCluster cluster, NodeProcess[] nodes, TimeSpan most)
    {
        TimeSpan longest = TimeSpan.Zero;
        foreach (NodeProcess node in nodes)
        {
            byte[] transaction = new byte[20_000];
            Random.Shared.NextBytes(transaction);
            TimeSpan took = await cluster.SubmitFinalAsync(node, transaction);
            Assert.True(took < most, $"{node.Name}: {took.TotalSeconds:F1} s\n{node.LogTail(20)}");
            longest = took > longest ? took : longest;
        }

        return longest;
    }

    private static async Task<TimeSpan> LoadAsync(ProcessCluster cluster, TimeSpan duration)
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan longest = TimeSpan.Zero;
        await Task.WhenAll(cluster.Nodes.Select(async node =>
        {
            while (Stopwatch.GetElapsedTime(start) < duration)
            {
                TimeSpan took = await SubmitAllAsync(cluster, [node], TimeSpan.MaxValue);
                lock (cluster)
                {
                    longest = took > longest ? took : longest;
                }
            }
        }));
        return longest;
    }
}
