using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>What somebody says, in a request or on a command line, is what a real validator orders.</summary>
[Collection(nameof(ProcessTests))]
public sealed class RequestTests
{
    private static readonly TimeSpan s_patience = ProcessCluster.Patience;

    // Protects from an order of something else than was meant: the kind and the encoding of a request, and every word of a
    // command line.
    [Fact]
    public async Task What_is_said_is_what_is_ordered()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(1);
        NodeProcess node = cluster.Nodes[0];
        string api = node.Api.ToString(), folder = node.Directory, key = Path.Combine(folder, "alice.key");
        string config = Path.Combine(folder, "node.toml");
        await GoodAsync("account", "new", "--out", key);
        string chain = (await cluster.StatusAsync(node)).ChainId;
        byte[] envelope = await SignAsync(1), second = await SignAsync(2);
        using HttpClient http = new() { BaseAddress = node.Api };
        using HttpResponseMessage known = await http.PostAsync("/v1/accounts", new ByteArrayContent(await File.ReadAllBytesAsync(key + ".pub")));
        Assert.True(known.IsSuccessStatusCode);

        Assert.Equal(200, await PostAsync("/v1/transactions?kind=1&wait=finalized", $"{{\"bytes\":\"{Convert.ToBase64String(envelope)}\"}}"));
        Assert.Equal(200, await PostAsync("/v1/transactions/batch?kind=1&wait=finalized", $"[\"{Convert.ToBase64String(second)}\"]"));
        Assert.Equal(400, await PostAsync("/v1/transactions?kind=1", "{\"bytes\":\"QQ==\",\"kind\":0}"));
        Assert.Equal(200, await PostAsync("/v1/transactions?wait=finalized", "{\"bytes\":\"cGFja2Vk\"}", gzip: true));
        foreach (string text in new[] { "@/etc/hostname", "-5", "--wait", "\u001b[31mred\u001b[0m\nline", "[suggest]" })
        {
            await GoodAsync("submit", "--wait", "--api", api, "--", text);
        }

        // An argument that is no UTF-8 would come in as something else.
        (int code, string output) = await ShellAsync($"{Command} submit --config {config} $'\\xff'");
        Assert.True(code == 2 && output.Contains("is not UTF-8", StringComparison.Ordinal), output);
        (code, output) = await ProcessCluster.RunAsync("submit", "-5", "--wait", "--config", config);
        Assert.True(code == 1 && output.Contains("repeat", StringComparison.Ordinal), output);

        (_, output) = await ProcessCluster.RunAsync("tail", "--from", "0", "--count", "8", "--config", config);
        JsonElement[] events = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)];
        Assert.Equal([1, 1, 0, 0, 0, 0, 0, 0], events.Select(e => e.GetProperty("kind").GetInt32()));
        Assert.Equal(envelope, events[0].GetProperty("bytes").GetBytesFromBase64());
        Assert.Equal("packed", Encoding.UTF8.GetString(events[2].GetProperty("bytes").GetBytesFromBase64()));
        (_, output) = await ProcessCluster.RunAsync("tail", "--from", "0", "--count", "8", "--text", "--api", api);
        Assert.Equal(
            ["pay 1", "pay 2", "packed", "@/etc/hostname", "-5", "--wait", "\\x1b[31mred\\x1b[0m\\nline", "[suggest]"],
            output.Split('\n', StringSplitOptions.RemoveEmptyEntries));

        // By a name that a page could have made to point here, nothing is to be had.
        foreach (string line in new[] { "GET /v1/finalized?from=0", "POST /v1/transactions" })
        {
            string request = $"{line} HTTP/1.1\r\nHost: rebind.example:{node.Ports.Api}\r\nOrigin: http://rebind.example:{node.Ports.Api}\r\nContent-Length: 0\r\n\r\n";
            (int Status, string Text) answer = await RawHttp.AskAsync(node.Host, node.Ports.Api, Encoding.ASCII.GetBytes(request));
            Assert.Equal("urn:validator:problem:host-not-allowed", RawHttp.Problem(answer).GetProperty("type").GetString());
        }

        async Task<byte[]> SignAsync(int nonce)
        {
            string file = Path.Combine(folder, $"signed-{nonce}");
            await GoodAsync(
                "account", "sign", $"pay {nonce}", "--key", key, "--chain-id", chain, "--nonce", nonce.ToString(CultureInfo.InvariantCulture), "--out", file);
            return await File.ReadAllBytesAsync(file);
        }

        async Task<int> PostAsync(string path, string json, bool gzip = false)
        {
            byte[] body = Encoding.UTF8.GetBytes(json);
            if (gzip)
            {
                using MemoryStream packed = new();
                using (GZipStream stream = new(packed, CompressionLevel.Optimal))
                {
                    stream.Write(body);
                }

                body = packed.ToArray();
            }

            using ByteArrayContent content = new(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            if (gzip)
            {
                content.Headers.ContentEncoding.Add("gzip");
            }

            using HttpResponseMessage answer = await http.PostAsync(path, content);
            return (int)answer.StatusCode;
        }
    }

    // Protects pages of one's own behind a proxy, and keeps others out, by configuration that a reload takes over.
    [Fact]
    public async Task Hosts_and_origins_are_configured()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        string config = Path.Combine(node.Directory, "node.toml");
        cluster.Configure(node, "api", "allowed_hosts = [\"validator.example\"]\ncors_origins = [\"https://wallet.example\"]");
        await cluster.StartAllAsync();
        Assert.Equal(202, await PostAsync("validator.example", "https://validator.example"));
        Assert.Equal(202, await PostAsync($"127.0.0.1:{node.Ports.Api}", "https://validator.example"));
        Assert.Equal(202, await PostAsync("127.0.0.1", "https://wallet.example"));
        Assert.Equal(403, await PostAsync("127.0.0.1", "https://other.example"));
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("wallet.example", "other.example"));
        ProcessCluster.Send(node.ProcessId, (ProcessCluster.Signal)1);
        await ProcessCluster.UntilAsync("the reload counts", s_patience, async () => await PostAsync("127.0.0.1", "https://other.example") == 202);
        Assert.Equal(403, await PostAsync("127.0.0.1", "https://wallet.example"));
        Assert.True(await cluster.MetricAsync(node, "cretoai_http_refused_total", "cross_origin") >= 2);

        async Task<int> PostAsync(string host, string origin) => (await RawHttp.AskAsync(
            node.Host, node.Ports.Api, Encoding.ASCII.GetBytes($"POST /v1/transactions HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Length: 1\r\n\r\nx"))).Status;
    }

    // Protects readers of a stream: it goes on at the right index after a restart that took longer than a moment, with nothing
    // received before, and with what became final while nobody was connected.
    [Fact]
    public async Task Tail_outlives_a_restart_and_misses_nothing()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(1);
        NodeProcess node = cluster.Nodes[0];
        await cluster.SubmitFinalAsync(node, "before"u8.ToArray());
        using Process tail = Start("tail", "--count", "2", "--text", "--api", node.Api.ToString());
        Task<string> errors = tail.StandardError.ReadToEndAsync(), output = tail.StandardOutput.ReadToEndAsync();
        await ProcessCluster.UntilAsync("it is subscribed", s_patience, async () => await cluster.MetricAsync(node, "cretoai_stream_subscribers") == 1);
        Assert.True(await node.StopAsync(s_patience));
        await Task.Delay(4000);
        Assert.False(tail.HasExited);
        ProcessCluster.Send(tail.Id, ProcessCluster.Signal.Stop);
        await cluster.StartAllAsync();
        await cluster.SubmitFinalAsync(node, "meanwhile"u8.ToArray());
        ProcessCluster.Send(tail.Id, ProcessCluster.Signal.Continue);
        await ProcessCluster.UntilAsync("it is subscribed again", s_patience, async () => await cluster.MetricAsync(node, "cretoai_stream_subscribers") == 1);
        await cluster.SubmitFinalAsync(node, "after"u8.ToArray());
        await tail.WaitForExitAsync().WaitAsync(s_patience);
        Assert.Equal((0, "meanwhile\nafter\n"), (tail.ExitCode, await output));
        Assert.Contains("trying again for", await errors, StringComparison.Ordinal);
    }

    // Protects pipelines: tail ends when its reader has had enough, also where nothing more becomes final; and does not wait for
    // ever.
    [Fact]
    public async Task Tail_ends_with_its_reader()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(1);
        NodeProcess node = cluster.Nodes[0];
        await cluster.SubmitFinalAsync(node, "only"u8.ToArray());
        (int code, string output) = await ShellAsync($"set -o pipefail; {Command} tail --from 0 --text --api {node.Api} | head -1").WaitAsync(s_patience);
        Assert.Equal((0, "only\n"), (code, output));
        Assert.True(await node.StopAsync(s_patience));
        using (Process tail = Start("tail", "--api", node.Api.ToString(), "--reconnect", "1m"))
        {
            // It waits for the validator that has stopped.
            await tail.StandardError.ReadLineAsync().WaitAsync(s_patience);
            ProcessCluster.Send(tail.Id, ProcessCluster.Signal.Terminate);
            await tail.WaitForExitAsync().WaitAsync(s_patience);
            Assert.Equal(0, tail.ExitCode);
        }

        (code, output) = await ProcessCluster.RunAsync("tail", "--from", "0", "--reconnect", "1s", "--api", node.Api.ToString());
        Assert.True(code == 1 && output.Contains("given up after 1 s, from index 0", StringComparison.Ordinal), output);
    }

    // Protects from a false verdict of loss: the same load twice on one chain is good twice.
    [Fact]
    public async Task The_same_load_twice_is_good_twice()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(1);
        string[] load = ["load", "--api", cluster.Nodes[0].Api.ToString(), "--rate", "100", "--duration", "2s", "--seed", "3", "--size", "64"];
        for (int run = 0; run < 2; run++)
        {
            (int code, string output) = await ProcessCluster.RunAsync(load);
            Assert.Contains("lost 0   duplicated 0   diverged 0", output, StringComparison.Ordinal);
            Assert.DoesNotContain("missing", output, StringComparison.Ordinal);
            Assert.DoesNotContain("rejected by execution:", output, StringComparison.Ordinal);

            // Speed is no subject here.
            Assert.True(code == 0 || output.Contains("below 98 %", StringComparison.Ordinal), output);
        }
    }

    // Protects who names a validator: localhost has two addresses, and the submit stream goes to the one where the API listens.
    [Fact]
    public async Task A_load_over_quic_finds_a_name_s_right_address()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(1);
        (int code, string output) = await ProcessCluster.RunAsync(
            "load", "--transport", "quic", "--genesis", Path.Combine(cluster.Cluster.Directory, "genesis.json"),
            "--api", $"http://localhost:{cluster.Nodes[0].Ports.Api}", "--rate", "100", "--duration", "1s", "--size", "64");
        Assert.Contains("submitted 100   accepted 100   finalized 100", output, StringComparison.Ordinal);
        Assert.True(code == 0 || output.Contains("below 98 %", StringComparison.Ordinal), output);
    }

    private static string Command => string.Join(' ', ProcessCluster.Binary.Command);

    private static async Task GoodAsync(params string[] arguments)
    {
        (int code, string output) = await ProcessCluster.RunAsync(arguments);
        Assert.True(code == 0, $"{string.Join(' ', arguments)}: {code} {output}");
    }

    private static Task<(int Code, string Output)> ShellAsync(string script) => ProcessCluster.RunAsync(new ProcessStartInfo("bash", ["-c", script]));

    private static Process Start(params string[] arguments) => Process.Start(
        new ProcessStartInfo(ProcessCluster.Binary.Command[0], [.. ProcessCluster.Binary.Command[1..], .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
}
