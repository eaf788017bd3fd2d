using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>
/// docs/OPERATIONS.md, "Exit codes": each cause ends in its code and with words; no stack trace, and never in 70.
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class ExitCodeTests
{
    private static readonly TimeSpan s_patience = ProcessCluster.Patience;

    // Protects supervisors: what passes by itself is 75 and is tried again, what an operator must mend is not; and run --check
    // says what run would, on the same cause, without leaving a trace.
    [Fact]
    public async Task A_start_that_cannot_be_says_why_and_check_says_the_same()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        string config = Path.Combine(node.Directory, "node.toml"), good = await File.ReadAllTextAsync(config);
        await RefusedAsync(75, "ddress already in use", Occupied(SocketType.Dgram, node.Ports.Quic));
        await RefusedAsync(75, "ddress already in use", Occupied(SocketType.Stream, node.Ports.Api));
        await RefusedAsync(75, "ddress already in use", Occupied(SocketType.Stream, node.Ports.Metrics));
        await RefusedAsync(75, "api.quic", Occupied(SocketType.Dgram, node.Ports.Api));
        await RefusedAsync(75, "assign requested address", null, good.Replace($"listen = \"127.0.0.1:{node.Ports.Api}\"", $"listen = \"192.0.2.1:{node.Ports.Api}\"\ninsecure = true"));

        string tokens = Path.Combine(node.Directory, "tokens"), certificate = Path.Combine(node.Directory, "tls.pem");
        await RefusedAsync(2, "cannot be read", null, Api("tokens = \"tokens\""));
        await ProcessCluster.RunAsync("token", "--role", "read", "--out", tokens);
        File.SetUnixFileMode(tokens, (UnixFileMode)0b110_110_110);
        await RefusedAsync(2, "chmod 0600", null, Api("tokens = \"tokens\""));
        await File.WriteAllTextAsync(certificate, "no certificate");
        await File.WriteAllTextAsync(certificate + ".key", "no key");
        await RefusedAsync(2, "tls", null, Api("tls_certificate = \"tls.pem\"\ntls_key = \"tls.pem.key\""));
        await RefusedAsync(2, "did you mean api.listen", null, Api("listens = 1"));
        await RefusedAsync(3, "tokens", null, good.Replace("path = \"db\"", "path = \"tokens/db\""));
        string key = Path.Combine(node.Directory, "keys", "consensus.key");
        File.SetUnixFileMode(key, (UnixFileMode)0b110_100_100);
        await RefusedAsync(4, "consensus.key", null);
        File.SetUnixFileMode(key, (UnixFileMode)0b110_000_000);
        await File.WriteAllTextAsync(Path.Combine(node.Directory, "halted"), "test");
        await RefusedAsync(5, "halted by safety", null);
        File.Delete(Path.Combine(node.Directory, "halted"));

        // While it runs, a second one meets the lock.
        node.Start();
        await cluster.Cluster.WaitReadyAsync([node], s_patience);
        using NodeProcess second = cluster.SecondProcessOn(node);
        await RefusedAsync(3, "another process", null, await File.ReadAllTextAsync(Path.Combine(node.Directory, "second.toml")));
        await File.WriteAllTextAsync(config, good);
        Assert.True(await node.StopAsync(s_patience));
        Assert.Equal(0, node.ExitCode);
        string before = Listing();
        (int code, string output) = await ProcessCluster.RunAsync("run", "--config", config, "--check");
        Assert.True(code == 0 && output.Contains("good", StringComparison.Ordinal), output);
        Assert.Equal(before, Listing());

        string Api(string lines) => good.Replace("[api]\n", $"[api]\n{lines}\n");

        string Listing() => string.Join('\n', Directory.EnumerateFiles(node.Directory, "*", SearchOption.AllDirectories).Order()
            .Select(f => $"{f} {new FileInfo(f).Length} {File.GetLastWriteTimeUtc(f):O}"));

        async Task RefusedAsync(int expected, string says, Socket? occupied, string? text = null)
        {
            await File.WriteAllTextAsync(config, text ?? good);
            foreach (string[] arguments in new string[][] { ["run", "--config", config, "--check"], ["run", "--config", config] })
            {
                (int got, string told) = await ProcessCluster.RunAsync(arguments).WaitAsync(s_patience);
                Assert.True(expected == got, $"{string.Join(' ', arguments)}: {got}, not {expected}\n{told}");
                Assert.Contains(says, told, StringComparison.OrdinalIgnoreCase);
                AssertWords(told);
            }

            occupied?.Dispose();
            await File.WriteAllTextAsync(config, good);
        }
    }

    // Protects supervisors from trying for ever what never passes: a port that needs rights is no port in use.
    [RootFact]
    public async Task A_port_that_needs_rights_is_refused()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        string config = Path.Combine(node.Directory, "node.toml"), folder = cluster.Cluster.Directory;
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace($"127.0.0.1:{node.Ports.Api}", "127.0.0.1:999"));
        Assert.Equal(0, (await ShellAsync($"chown -R 54321:54321 '{folder}'")).Code);
        foreach (string check in new[] { "--check", "" })
        {
            // In a network of its own, where ports below 1024 need rights, whatever this machine says.
            (int code, string output) = await ShellAsync("exec unshare --net sh -c 'ip link set lo up"
                + $" && exec timeout 20 setpriv --reuid 54321 --regid 54321 --clear-groups {Command} run --config {config} {check}'");
            Assert.True(code == 2 && output.Contains("Permission denied", StringComparison.Ordinal), $"{code}: {output}");
            AssertWords(output);
        }
    }

    // Protects scripts: what a command meets outside has a code of its own, and words.
    [Fact]
    public async Task Commands_end_in_their_codes()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(1);
        NodeProcess node = cluster.Nodes[0];
        string api = node.Api.ToString(), folder = node.Directory, missing = Path.Combine(folder, "missing");
        await EndsAsync(0, "submit", "once", "--wait", "--api", api);
        await EndsAsync(1, "submit", "once", "--wait", "--api", api);
        await EndsAsync(1, "submit", "x", "--api", "http://127.0.0.1:1");
        await EndsAsync(1, "tail", "--api", "http://127.0.0.1:1");
        await EndsAsync(1, "committee", "show", "--api", node.Metrics.ToString());
        await EndsAsync(1, "ready", "--wait", "1s", "--api", "http://127.0.0.1:1");
        await EndsAsync(2, "submit", "--file", folder, "--api", api);
        await EndsAsync(2, "submit", "--file", missing, "--api", api);
        await EndsAsync(2, "submit", "--file", "", "--api", api);
        await EndsAsync(2, "submit", "x", "--api", "");
        await EndsAsync(2, "submit", "x", "--token-file", folder, "--api", api);
        await EndsAsync(2, "submit", "x", "--ca", folder, "--api", api);
        await EndsAsync(2, "submit", "x", "--config", folder);
        await EndsAsync(2, "account", "new", "--out", "");
        await EndsAsync(2, "account", "sign", "x", "--key", missing, "--chain-id", new string('0', 64), "--nonce", "1", "--out", folder, "--file", folder);
        await EndsAsync(2, "genesis", "build", "--network", "n", "--member", folder, "--out", missing);
        await EndsAsync(2, "genesis", "verify", folder);
        await EndsAsync(2, "selftest", "--vectors", missing);
        await EndsAsync(2, "support-bundle", "--config", Path.Combine(folder, "node.toml"), "--out", Path.Combine(folder, "node.toml", "x"));
        await EndsAsync(2, "init", "--out", Path.Combine(folder, "node.toml", "x"));
        await EndsAsync(2, "load", "--rate", "50", "--duration", "1s", "--api", api, "--report", folder);
        await EndsAsync(2, "load", "--rate", "50", "--duration", "1s", "--api", api, "--report", Path.Combine(folder, "node.toml", "x"));
        await EndsAsync(4, "account", "show", "--key", missing);
        (int code, string output) = await ShellAsync($"{Command} status --api {api} > /dev/full");
        Assert.True(code == 74 && output.Contains("No space left", StringComparison.Ordinal), output);
        (code, output) = await ShellAsync($"{Command} tail --from 0 --api {api} > /dev/full").WaitAsync(s_patience);
        Assert.True(code == 74, output);
        (code, output) = await ShellAsync($"{Command} --help > /dev/full");
        Assert.True(code == 74, output);
    }

    // Protects a start with too few descriptors, however few: it says so, and a supervisor tries again.
    // The JIT's host opens a hundred files of its own first.
    [PublishedFact]
    public async Task Too_few_descriptors_are_told()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        string config = Path.Combine(cluster.Nodes[0].Directory, "node.toml");
        foreach (int most in new[] { 12, 16, 20, 24, 30, 36, 44, 52, 60 })
        {
            (int code, string output) = await ShellAsync($"ulimit -n {most}; timeout 20 {Command} run --config {config} < /dev/null");
            AssertWords(output);
            Assert.True(code is 2 or 3 or 75, $"{most} descriptors: {code}\n{output}");
        }
    }

    private static string Command => string.Join(' ', ProcessCluster.Binary.Command);

    private static async Task EndsAsync(int expected, params string[] arguments)
    {
        (int code, string output) = await ProcessCluster.RunAsync(arguments).WaitAsync(s_patience);
        Assert.True(expected == code, $"{string.Join(' ', arguments)}: {code}, not {expected}\n{output}");
        Assert.NotEmpty(output);
        AssertWords(output);
    }

    private static void AssertWords(string output)
    {
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", output, StringComparison.Ordinal);
        Assert.DoesNotContain("fatal:", output, StringComparison.Ordinal);
    }

    private static Task<(int Code, string Output)> ShellAsync(string script) => ProcessCluster.RunAsync(new ProcessStartInfo("bash", ["-c", script]));

    private static Socket Occupied(SocketType type, int port)
    {
        Socket socket = new(AddressFamily.InterNetwork, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        if (type == SocketType.Stream)
        {
            socket.Listen();
        }

        return socket;
    }
}
