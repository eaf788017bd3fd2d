using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>Hostile clients against a real validator: each is told what is wrong, and costs it nothing that stays.</summary>
[Collection(nameof(ProcessTests))]
public sealed class HttpAbuseTests
{
    private const int ExitUsage = 2;
    private const string Post = "POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\n";
    private const string PostBatch = "POST /v1/transactions/batch HTTP/1.1\r\nHost: localhost\r\n";

    private static readonly TimeSpan s_patience = ProcessCluster.Patience;

    // Protects against malformed requests of every kind: the right status, a problem document, and the validator goes on; ten
    // thousand of them, and as many connections, leave its memory and its open files where they were.
    [Fact]
    public async Task Malformed_requests_are_told_so_and_leave_nothing_behind()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(1);
        NodeProcess node = cluster.Nodes[0];
        (string Request, int Status)[] cases =
        [
            (Post + "Content-Type: text/html\r\nContent-Length: 1\r\n\r\nx", 415),
            (Post + "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\":1}  ", 400),
            (Json(Post, new string('[', 4000)), 400),
            (Json(PostBatch, string.Concat(Enumerable.Repeat("[", 100_000))), 400),
            (Json(PostBatch, "[" + string.Concat(Enumerable.Repeat("{\"bytes\":", 1000))), 400),
            (Json(Post, "{\"bytes\":\"!!!\"}"), 400),
            (Json(Post, "{\"bytes\":17}"), 400),
            (Json(Post, "{\"b\u00e5tes\":1}"), 400), // sent as Latin-1 below, so no UTF-8
            (Json(Post, "\"QQ==\" \"QQ==\""), 400),
            (Json(PostBatch, "{}"), 400),
            (Json(PostBatch, "[\"QQ==\","), 400),
            (Post + "Content-Length: 0\r\n\r\n", 400),
            (Post + "Content-Length: 999999999\r\n\r\nx", 413),
            (PostBatch + "Content-Length: 6\r\n\r\n\u0002\u0000\u0000\u0000\u0000x", 400),
            (PostBatch + "Content-Length: 6\r\n\r\n\u0000\u0000\u0001\u0000\u0000x", 400),
            (PostBatch + "Content-Length: 6\r\n\r\n\u0000\u0000\u0002\u0000\u0000x", 413),
            (Post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            ("GET /v1/blocks/99999999999999999999999 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /v1/finalized?from=-1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /v1/finalized?from=1&format=xml HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
            ("DELETE /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
            (Post + "Origin: http://evil.example\r\nContent-Length: 1\r\n\r\nx", 403),
        ];
        foreach ((string request, int status) in cases)
        {
            using RawHttp raw = await RawHttp.OpenAsync(node);
            await raw.SendAsync(Encoding.Latin1.GetBytes(request));
            (int Status, string Text) answer = await raw.ReadAsync(s_patience);
            Assert.True(status == answer.Status, $"{request[..Math.Min(request.Length, 100)]}\n{answer.Text}");
            RawHttp.Problem(answer);
        }

        // What is not HTTP at all has no request to answer in form: a bare status, and the connection ends.
        foreach (string garbage in new[] { "\u0000\u0001\u0002\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /v1/status HTTP/1.1\r\n" + new string('x', 40_000) })
        {
            using RawHttp raw = await RawHttp.OpenAsync(node);
            await raw.SendAsync(garbage);
            Assert.InRange((await raw.ReadAsync(s_patience)).Status, 400, 505);
        }

        await AssertNothingStaysAsync(cluster, node, cases);
        await cluster.SubmitFinalAsync(node, "still here"u8.ToArray());
    }

    // Protects connections and memory from the slow: headers, bodies and announced lengths that never come end in time.
    [Fact]
    public async Task The_slow_are_let_go()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        cluster.Configure(node, "api", "header_timeout_ms = 1000\nbody_timeout_ms = 1000\nmax_connections = 600");
        await cluster.StartAllAsync();
        long before = Resident(node);
        RawHttp[] slow = new RawHttp[400];
        for (int i = 0; i < slow.Length; i++)
        {
            slow[i] = await RawHttp.OpenAsync(node);
            await slow[i].SendAsync((i % 4) switch
            {
                0 => "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
                1 => Post + "Content-Length: 65536\r\n\r\nx",
                2 => PostBatch + "Content-Type: application/json\r\nContent-Length: 2000000\r\n\r\n[",
                _ => Post + "Transfer-Encoding: chunked\r\n\r\n10\r\nhalf",
            });
        }

        // Drip: bytes that keep coming do not prolong it.
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(2.5))
        {
            await Task.WhenAll(slow.Select(s => s.SendAsync("x")));
            await Task.Delay(200);
        }

        for (int i = 0; i < slow.Length; i++)
        {
            (int Status, string Text) answer = await slow[i].ReadAsync(s_patience);
            Assert.True(answer.Status is 408 or 0 or 400, answer.Text);
            if (answer.Status == 408 && i % 4 != 0)
            {
                Assert.Equal("urn:validator:problem:request-timeout", RawHttp.Problem(answer).GetProperty("type").GetString());
            }

            slow[i].Dispose();
        }

        Assert.True(Resident(node) - before < 64 << 20, $"{(Resident(node) - before) >> 20} MB more");
        Assert.True(await cluster.MetricAsync(node, "cretoai_http_refused_total", "body_timeout") >= 100);
        await cluster.SubmitFinalAsync(node, "still here"u8.ToArray());
    }

    // Protects all from one: connections, rate, batch items, waiting submissions and streams of one address are bounded, with 429
    // and Retry-After where there is an answer, and what it had counts no more once it is gone.
    [Fact]
    public async Task One_address_has_its_share()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(2);
        NodeProcess node = cluster.Nodes[0];
        cluster.Configure(node, "api", "connections_per_address = 20\nrequests_per_second = 50\nwaiting_per_address = 3\nsubscribers_per_address = 2\nmax_batch_items = 10");
        await cluster.StartAllAsync();
        using HttpClient http = new() { BaseAddress = node.Api };

        byte[] batch = [.. Enumerable.Range(0, 11).SelectMany(i => (byte[])[1, 0, 0, 0, 0, (byte)i])];
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await http.PostAsync("/v1/transactions/batch", new ByteArrayContent(batch))).StatusCode);

        List<HttpResponseMessage> streams = [];
        for (int i = 0; i < 3; i++)
        {
            streams.Add(await http.GetAsync("/v1/finalized?from=0", HttpCompletionOption.ResponseHeadersRead));
        }

        AssertTooMany(streams[2], "too-many-subscribers");
        Assert.All(streams[..2], s => Assert.Equal(HttpStatusCode.OK, s.StatusCode));
        streams.ForEach(s => s.Dispose());

        // With the other validator gone nothing becomes final: whoever waits for it keeps its place.
        cluster.Nodes[1].Kill();
        Task<HttpResponseMessage>[] waiting = [.. Enumerable.Range(0, 5).Select(i => http.PostAsync("/v1/transactions?wait=finalized", new ByteArrayContent([1, (byte)i])))];
        await ProcessCluster.UntilAsync("two are refused", s_patience, () => Task.FromResult(waiting.Count(w => w.IsCompleted) >= 2));
        Assert.All(waiting.Where(w => w.IsCompleted), w => AssertTooMany(w.Result, "too-many-waiting"));

        int limited = 0;
        for (int i = 0; i < 100 && limited < 20; i++)
        {
            foreach (HttpResponseMessage answer in await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => http.GetAsync("/v1/health"))))
            {
                if (answer.StatusCode == HttpStatusCode.TooManyRequests)
                {
                    AssertTooMany(answer, "rate-limit");
                    limited++;
                }

                answer.Dispose();
            }
        }

        Assert.True(limited >= 20, $"{limited} of a thousand");
        List<RawHttp> many = [];
        for (int i = 0; i < 40; i++)
        {
            many.Add(await RawHttp.OpenAsync(node));
        }

        await ProcessCluster.UntilAsync("surplus connections are closed", s_patience, async () =>
        {
            try
            {
                return await cluster.MetricAsync(node, "cretoai_http_refused_total", "connections") >= 15;
            }
            catch (Exception e) when (e is HttpRequestException or System.Net.Sockets.SocketException)
            {
                // Closed before the client had looked at it: one of the surplus itself.
                return false;
            }
        });
        many.ForEach(m => m.Dispose());
        await ProcessCluster.UntilAsync("there is room again", s_patience, async () =>
        {
            await Task.Delay(200);
            using RawHttp again = await RawHttp.OpenAsync(node);
            await again.SendAsync("GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
            return (await again.ReadAsync(s_patience)).Status == 200;
        });
    }

    // Protects what is reachable from outside: no start without tokens and TLS, or the operator's word; then TLS 1.3 alone, and
    // each role opens its own paths and no other.
    [Fact]
    public async Task Elsewhere_than_on_loopback_tokens_and_tls_are_needed()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        string config = Path.Combine(node.Directory, "node.toml");
        string loopback = await File.ReadAllTextAsync(config);
        string open = loopback.Replace($"listen = \"127.0.0.1:{node.Ports.Api}\"", $"listen = \"0.0.0.0:{node.Ports.Api}\"");
        await File.WriteAllTextAsync(config, open);
        node.Start();
        Assert.True(await node.WaitForExitAsync(s_patience));
        Assert.Equal(ExitUsage, node.ExitCode);
        Assert.Contains("it needs api.tokens and api.tls_certificate", node.LogTail(3));

        await File.WriteAllTextAsync(config, open.Replace("[api]\n", "[api]\ninsecure = true\n"));
        node.Start();
        await cluster.Cluster.WaitReadyAsync([node], ProcessCluster.Patience);
        Assert.Contains("api.insecure = true: others can reach this address, and it has no api.tokens and no api.tls_certificate", node.LogTail(20));
        Assert.True(await node.StopAsync(s_patience));

        string root = WriteCertificate(node.Directory);
        await File.WriteAllTextAsync(config, open.Replace("[api]\n", "[api]\ntokens = \"tokens\"\ntls_certificate = \"tls.pem\"\ntls_key = \"tls.key\"\n"));
        string tokens = Path.Combine(node.Directory, "tokens");
        string submit = (await CliAsync("token", "--role", "submit", "--out", tokens)).Output.Trim();
        string read = (await CliAsync("token", "--role", "read", "--out", tokens, "--name", "dashboard")).Output.Trim();
        File.SetUnixFileMode(tokens, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        node.Start();
        Assert.True(await node.WaitForExitAsync(s_patience));
        Assert.Contains("chmod 0600", node.LogTail(3));
        File.SetUnixFileMode(tokens, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        node.Start();

        string api = $"https://127.0.0.1:{node.Ports.Api}";
        await ProcessCluster.UntilAsync("it is ready", ProcessCluster.Patience, async () => (await CliAsync("ready", "--api", api, "--ca", root)).Code == 0);
        await AssertRolesAsync(api, submit, read);
        string readFile = Path.Combine(node.Directory, "read-token");
        await File.WriteAllTextAsync(readFile, read);
        Assert.Equal(0, (await CliAsync("submit", "x", "--wait", "--api", api, "--ca", root, "--token-file", tokens)).Code);
        Assert.Equal(0, (await CliAsync("status", "--api", api, "--ca", root, "--token-file", readFile)).Code);
        Assert.Equal(1, (await CliAsync("submit", "x", "--api", api, "--ca", root, "--token-file", readFile)).Code);
        Assert.Equal(1, (await CliAsync("status", "--api", api, "--token-file", readFile)).Code); // a root that nobody vouches for
        await AssertTls13AloneAsync(node.Ports.Api);
        await AssertHttp2Async(api, read);
    }

    private static async Task AssertRolesAsync(string api, string submit, string read)
    {
        using HttpClient http = new(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true } });
        async Task<int> Ask(HttpMethod method, string path, string? token)
        {
            using HttpRequestMessage request = new(method, api + path);
            request.Content = method == HttpMethod.Post ? new ByteArrayContent([1]) : null;
            request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
            using HttpResponseMessage answer = await http.SendAsync(request);
            return (int)answer.StatusCode;
        }

        Assert.Equal(200, await Ask(HttpMethod.Get, "/v1/health", null));
        Assert.Equal(401, await Ask(HttpMethod.Get, "/v1/status", null));
        Assert.Equal(401, await Ask(HttpMethod.Get, "/v1/status", read + "x"));
        Assert.Equal(401, await Ask(HttpMethod.Get, "/v1/no-such-path", null));
        Assert.Equal(200, await Ask(HttpMethod.Get, "/v1/status", read));
        Assert.Equal(403, await Ask(HttpMethod.Get, "/v1/status", submit));
        Assert.Equal(403, await Ask(HttpMethod.Post, "/v1/transactions", read));
        Assert.Equal(202, await Ask(HttpMethod.Post, "/v1/transactions", submit));
        Assert.Equal(403, await Ask(HttpMethod.Post, "/v1/admin/reload", read));
    }

    /// <summary>By ALPN, which a runtime that was built without that part of OpenSSL does not speak.</summary>
    private static async Task AssertHttp2Async(string api, string token)
    {
        using HttpClient http = new(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true } });
        foreach (Version version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            using HttpRequestMessage request = new(HttpMethod.Get, api + "/v1/status") { Version = version, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using HttpResponseMessage answer = await http.SendAsync(request);
            Assert.Equal((200, version), ((int)answer.StatusCode, answer.Version));
        }
    }

    private static async Task AssertTls13AloneAsync(int port)
    {
        foreach (SslProtocols version in new[] { SslProtocols.Tls12, SslProtocols.Tls13 })
        {
            using System.Net.Sockets.TcpClient tcp = new();
            await tcp.ConnectAsync(IPAddress.Loopback, port);
            await using SslStream tls = new(tcp.GetStream(), false, (_, _, _, _) => true);
            Task handshake = tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", EnabledSslProtocols = version });
            if (version == SslProtocols.Tls13)
            {
                await handshake;
            }
            else
            {
                await Assert.ThrowsAnyAsync<Exception>(() => handshake);
            }
        }
    }

    /// <returns>The root's file.</returns>
    internal static string WriteCertificate(string folder, string address = "127.0.0.1")
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=validator-test", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(IPAddress.Parse(address));
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        string file = Path.Combine(folder, "tls.pem"), keyFile = Path.Combine(folder, "tls.key");
        File.WriteAllText(file, certificate.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        File.SetUnixFileMode(keyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return file;
    }

    private static async Task AssertNothingStaysAsync(ProcessCluster cluster, NodeProcess node, (string Request, int Status)[] cases)
    {
        byte[][] requests = [.. cases.Select(c => Encoding.Latin1.GetBytes(c.Request))];
        await RoundAsync(1000);
        long memory = Resident(node);
        int files = OwnFiles(node);
        await RoundAsync(10_000);
        await ProcessCluster.UntilAsync("connections are closed", s_patience, () => Task.FromResult(OwnFiles(node) <= files + 20));
        Assert.True(Resident(node) - memory < 48 << 20, $"{(Resident(node) - memory) >> 20} MB more after ten thousand bad requests");

        async Task RoundAsync(int count)
        {
            await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
            {
                using RawHttp raw = await RawHttp.OpenAsync(node);
                await raw.SendAsync(requests[i % requests.Length]);
                if (i % 3 == 0)
                {
                    // Gone in the middle of it.
                    return;
                }

                await raw.ReadAsync(s_patience);
            });
        }
    }

    private static void AssertTooMany(HttpResponseMessage answer, string type)
    {
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.True(int.Parse(answer.Headers.GetValues("Retry-After").Single(), CultureInfo.InvariantCulture) >= 1);
        Assert.Contains("urn:validator:problem:" + type, answer.Content.ReadAsStringAsync().Result);
    }

    private static string Json(string head, string body) =>
        $"{head}Content-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}";

    internal static long Resident(NodeProcess node) =>
        long.Parse(File.ReadLines($"/proc/{node.ProcessId}/status").Single(l => l.StartsWith("VmRSS:", StringComparison.Ordinal)).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;

    internal static int OpenFiles(NodeProcess node) => Directory.GetFileSystemEntries($"/proc/{node.ProcessId}/fd").Length;

    /// <summary>Without the assemblies that a runtime opens when it first needs them; the published binary has none.</summary>
    internal static int OwnFiles(NodeProcess node) => Directory.GetFileSystemEntries($"/proc/{node.ProcessId}/fd")
        .Count(f => new FileInfo(f).LinkTarget?.EndsWith(".dll", StringComparison.Ordinal) != true);

    private static Task<(int Code, string Output)> CliAsync(params string[] arguments) => ProcessCluster.RunAsync(arguments);
}
