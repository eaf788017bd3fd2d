using System.Diagnostics;
using System.Net;
using Validator.Host.Tools.Localnet;
using Validator.Tests.Net.Discovery;

namespace Validator.Tests.Processes;

/// <summary>Validators and commands that know each other by names alone.</summary>
[Collection(nameof(ProcessTests))]
public sealed class NameTests
{
    // Protects clusters whose hints are names: they connect and finalize; a server that is silent at the start holds nothing up,
    // and each name that fails is told of, with its reason, and counted; commands find the API by name as well.
    [Fact]
    public async Task A_cluster_whose_hints_are_names_comes_up_and_tells_which_names_fail()
    {
        using FakeDns dns = new(options: "timeout:2 attempts:3") { Silent = true };
        await using ProcessCluster cluster = ProcessCluster.Create(executables: [.. Enumerable.Repeat(WithNames(dns), 4)]);
        foreach (NodeProcess node in cluster.Nodes)
        {
            dns.Names[$"{node.Name}.cluster.test"] = [IPAddress.Loopback];
            cluster.Configure(node, "api", $"allowed_hosts = [\"{node.Name}.cluster.test\"]");
            string config = Path.Combine(node.Directory, "node.toml");
            string text = File.ReadAllText(config);
            foreach (NodeProcess other in cluster.Nodes)
            {
                text = text.Replace($"/ip4/127.0.0.1/udp/{other.Ports.Quic}/", $"/dns/{other.Name}.cluster.test/udp/{other.Ports.Quic}/", StringComparison.Ordinal);
            }

            File.WriteAllText(config, text);
        }

        NodeProcess first = cluster.Nodes[0];
        cluster.Cluster.StartAll();
        foreach (NodeProcess node in cluster.Nodes)
        {
            foreach (NodeProcess other in cluster.Nodes.Where(n => n != node))
            {
                await ProcessCluster.UntilLoggedAsync(node, $"'{other.Name}.cluster.test' (network.bootstrap_peers) cannot be resolved");
            }

            string log = node.LogTail(1000);
            Assert.InRange(log.IndexOf("started " + node.Name, StringComparison.Ordinal), 0, log.IndexOf("cannot be resolved to an IPv4 address: Timeout", StringComparison.Ordinal));
        }

        // Counters are published once a second.
        await ProcessCluster.UntilAsync("failures are counted", ProcessCluster.Patience, async () =>
            await cluster.MetricAsync(first, "cretoai_name_lookups_total", "failed") > 0);
        dns.Silent = false;
        await cluster.Cluster.WaitReadyAsync(cluster.Nodes, ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(first, "by name"u8.ToArray());
        await ProcessCluster.UntilAsync("names found are counted", ProcessCluster.Patience, async () =>
            await cluster.MetricAsync(first, "cretoai_name_lookups_total", "found") > 0);

        (int code, string output) = await RunAsync(dns, "submit", "by name as well", "--wait", "--api", $"http://node-1.cluster.test:{first.Ports.Api}");
        Assert.True(code == 0, output);
        (code, output) = await RunAsync(dns, "status", "--api", $"http://api.localhost:{first.Ports.Api}");
        Assert.True(code == 0, output);
        (code, output) = await RunAsync(dns, "status", "--api", $"http://nowhere.test:{first.Ports.Api}");
        Assert.True(code == 1 && output.Contains("'nowhere.test' cannot be resolved: ", StringComparison.Ordinal), $"{code} {output}");
    }

    // Protects operators from a hint that is never dialled: --check names it, and so does the log of a run.
    [Fact]
    public async Task A_hint_of_the_wrong_family_is_named()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        string config = Path.Combine(node.Directory, "node.toml");
        File.WriteAllText(config, File.ReadAllText(config).Replace("bootstrap_peers = [\n", "bootstrap_peers = [\n    \"/ip6/2001:db8::7/udp/9001/quic\",\n", StringComparison.Ordinal));
        (int code, string output) = await ProcessCluster.RunAsync("run", "--check", "--config", config);
        const string words = "network.bootstrap_peers: '/ip6/2001:db8::7/udp/9001/quic' is IPv6, and network.listen_addr (127.0.0.1) is IPv4: never dialled";
        Assert.True(code == 0 && output.Contains(words, StringComparison.Ordinal), output);
        node.Start();
        await ProcessCluster.UntilLoggedAsync(node, words);
    }

    // Protects the static binary on hosts of another glibc: whatever nsswitch.conf says, it asks the files and DNS, and loads no
    // module.
    [ChrootFact]
    public async Task The_binary_loads_no_module_of_the_host()
    {
        using FakeDns dns = new();
        using TempFolder folder = new();
        dns.Names["some.test"] = [IPAddress.Loopback];
        File.Copy(ProcessCluster.Binary.File, Path.Combine(folder.Path, "validator"));
        string etc = Directory.CreateDirectory(Path.Combine(folder.Path, "etc")).FullName;
        File.Copy(dns.ResolvConf, Path.Combine(etc, "resolv.conf"));
        File.WriteAllText(Path.Combine(etc, "nsswitch.conf"), "passwd: compat systemd\nhosts: files mdns4_minimal [NOTFOUND=return] dns\nservices: db files\n");
        string trace = Path.Combine(folder.Path, "trace");
        (int code, string output) = await ProcessCluster.RunAsync(new ProcessStartInfo(
            "strace", ["-f", "-qq", "-o", trace, "-e", "trace=open,openat", "chroot", folder.Path, "/validator", "status", "--api", "http://some.test:1"]));
        Assert.True(code == 1, output);
        Assert.Contains(("some.test", (ushort)1), dns.Asked);
        string[] opened = File.ReadAllLines(trace);
        Assert.Contains(opened, line => line.Contains("/etc/resolv.conf", StringComparison.Ordinal));

        // chroot itself is the host's, and dynamic: what comes after its exec is ours.
        Assert.DoesNotContain(opened.SkipWhile(l => !l.Contains("/etc/resolv.conf", StringComparison.Ordinal)), line => line.Contains("libnss", StringComparison.Ordinal));
        Assert.DoesNotContain(opened, line => line.Contains("mdns4_minimal", StringComparison.Ordinal));
    }

    private static Executable WithNames(FakeDns dns) =>
        new(["env", $"VALIDATOR_RESOLV_CONF={dns.ResolvConf}", $"VALIDATOR_HOSTS={dns.Hosts}", .. ProcessCluster.Binary.Command]);

    private static Task<(int Code, string Output)> RunAsync(FakeDns dns, params string[] arguments)
    {
        string[] command = WithNames(dns).Command;
        return ProcessCluster.RunAsync(new ProcessStartInfo(command[0], [.. command[1..], .. arguments]));
    }
}
