using System.Diagnostics;
using System.Net;
using System.Net.Http;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Validator.Host.Backup;
using Validator.Host.Cli;
using Validator.Host.Config;
using Validator.Tests.Host;
using Xunit.Abstractions;

namespace Validator.Tests.Processes;

/// <summary>Backups into real servers, by <c>make ops-test</c>, which fetches them.</summary>
[Collection(nameof(ProcessTests))]
public sealed class OpsTests(ITestOutputHelper output)
{
    // What s3rver and Azurite come with; public.
    private const string S3Key = "S3RVER", S3Secret = "S3RVER", AzureAccount = "devstoreaccount1";
    private const string AzureKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    // Protects every target's own words: an object of any size is put, read, listed over pages, replaced and deleted; what is not
    // there is null; wrong keys are refused, with the server's reason and without a secret.
    [OpsTheory]
    [InlineData("s3 path")]
    [InlineData("s3 host")]
    [InlineData("azure key")]
    public Task A_target_keeps_objects(string kind) => KeepAsync(kind);

    // Protects the same with another server that speaks S3, which checks signatures by code of its own.
    [OpsTheory(swift: true)]
    [InlineData("swift")]
    [InlineData("swift gs")]
    public Task A_second_server_keeps_objects(string kind) => KeepAsync(kind);

    private static async Task KeepAsync(string kind)
    {
        using TemporaryFolder folder = new();
        await using StoreServer server = await StoreServer.StartAsync(kind, folder.File("data"));
        using HttpTarget target = server.Open();
        server.MakeContainer();
        Random random = new(7);
        Assert.Empty(target.List(""));
        Assert.Null(target.Get("a/none", 10));
        target.Delete("a/none");
        foreach (int length in (int[])[0, 1, 100_000, 17 << 20])
        {
            byte[] content = new byte[length];
            random.NextBytes(content);
            target.Put($"a/{length}", content);
            Assert.Equal(content, target.Get($"a/{length}", 20 << 20));
        }

        target.Put("a/1", new byte[] { 1, 2, 3 });
        Assert.Equal([1, 2, 3], target.Get("a/1", 10)!);
        for (int i = 0; i < 1100; i++)
        {
            target.Put($"pages/{i:D4}", new byte[] { 1 });
        }

        Assert.Equal(Enumerable.Range(0, 1100).Select(i => $"pages/{i:D4}"), target.List("pages/").Select(o => o.Name));
        Assert.Equal(["a/0", "a/1", "a/100000", $"a/{17 << 20}"], target.List("a/").Select(o => o.Name));
        target.Delete("a/1");
        Assert.Null(target.Get("a/1", 10));
        if (kind.StartsWith("s3", StringComparison.Ordinal))
        {
            // s3rver takes any signature of version 4.
            return;
        }

        using HttpTarget stranger = server.Open(stranger: true);
        BackupException refused = Assert.Throws<BackupException>(() => stranger.Put("b", new byte[] { 1 }));
        Assert.Contains("the target refuses: 403", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong-secret", refused.Message, StringComparison.Ordinal);
    }

    // Protects the whole way: the disaster drill, with a bucket in the folder's place.
    [OpsTheory]
    [InlineData("s3 path")]
    [InlineData("azure key")]
    public async Task A_committee_comes_back_from_a_bucket(string kind)
    {
        using TemporaryFolder folder = new();
        await using StoreServer server = await StoreServer.StartAsync(kind, folder.File("data"));
        server.MakeContainer();
        string credentials = folder.File("credentials");
        await File.WriteAllTextAsync(
            credentials,
                $"access_key_id = {S3Key}\nsecret_access_key = {S3Secret}\naccount = {AzureAccount}\naccount_key = {AzureKey}\n");
        File.SetUnixFileMode(credentials, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        string path = kind == "s3 path" ? "\npath_style = true" : "";
        string lines = $"target = \"{server.Url}\"\nendpoint = \"{server.Endpoint}\"\ncredentials = \"{credentials}\"{path}";
        await new BackupDrill(lines, output.WriteLine).RunAsync();
        Assert.DoesNotContain(AzureKey, await File.ReadAllTextAsync(server.Log), StringComparison.Ordinal);
    }

    // Protects HTTPS of the binary as it is published: a server's certificate is checked against the roots that the system, or
    // SSL_CERT_FILE, names, and one that no root vouches for is refused, with a reason.
    [OpsTheory]
    [InlineData("s3 path")]
    public async Task The_binary_checks_a_servers_certificate(string kind)
    {
        using TemporaryFolder folder = new();
        string certificate = folder.File("server.pem"), key = folder.File("server.key");
        using (RSA pair = RSA.Create(2048))
        {
            CertificateRequest request = new("CN=127.0.0.1", pair, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            SubjectAlternativeNameBuilder names = new();
            names.AddIpAddress(IPAddress.Loopback);
            request.CertificateExtensions.Add(names.Build());
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            using X509Certificate2 made =
                request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
            await File.WriteAllTextAsync(certificate, made.ExportCertificatePem());
            await File.WriteAllTextAsync(key, pair.ExportPkcs8PrivateKeyPem());
        }

        await using StoreServer server =
            await StoreServer.StartAsync(kind, folder.File("data"), "--cert", certificate, "--key", key);
        Assert.Equal(0, Validator.Host.CommandLine.Run(["init", "--validators", "1", "--out", folder.File("c")]));
        string endpoint = server.Endpoint.Replace("http:", "https:", StringComparison.Ordinal);
        foreach (bool trusts in (bool[])[false, true])
        {
            ProcessStartInfo start = new(ProcessCluster.Binary.Command[0],
                [.. ProcessCluster.Binary.Command[1..], "backup", "list", "--target", server.Url, "--genesis",
                    folder.File("c", "genesis.json"), "--name", "node-1"]);
            start.Environment["VALIDATOR_BACKUP__ENDPOINT"] = endpoint;
            start.Environment["VALIDATOR_BACKUP__PATH_STYLE"] = "true";
            start.Environment["AWS_ACCESS_KEY_ID"] = S3Key;
            start.Environment["AWS_SECRET_ACCESS_KEY"] = S3Secret;
            if (trusts)
            {
                start.Environment["SSL_CERT_FILE"] = certificate;
            }

            (int code, string told) = await ProcessCluster.RunAsync(start);
            Assert.Equal(1, code);

            // There is no bucket, which a server says that was understood.
            Assert.Contains(trusts ? "NoSuchBucket" : "certificate", told, StringComparison.OrdinalIgnoreCase);
        }
    }

    /// <summary>A server of the registries, and how it is asked.</summary>
    private sealed class StoreServer : IAsyncDisposable
    {
        private readonly string _kind;
        private readonly Process _process;
        private readonly StreamWriter _log;

        private StoreServer(string kind, Process process, int port, string log)
        {
            (_kind, _process, Log) = (kind, process, log);
            Endpoint = kind == "azure key" ? $"http://127.0.0.1:{port}/{AzureAccount}"
                : kind == "s3 host" ? $"http://localhost:{port}" : $"http://127.0.0.1:{port}";
            _log = new StreamWriter(log);
            process.OutputDataReceived += (_, line) => Note(line.Data);
            process.ErrorDataReceived += (_, line) => Note(line.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        private bool IsSwift => _kind.StartsWith("swift", StringComparison.Ordinal);

        public string Endpoint { get; }

        public string Log { get; }

        public string Url => $"{(_kind == "azure key" ? "azure" : _kind == "swift gs" ? "gs" : "s3")}://backups/one";

        public static async Task<StoreServer> StartAsync(string kind, string data, params string[] more)
        {
            Directory.CreateDirectory(data);
            int[] ports = FreePorts.Find(4);
            int port = ports[0];
            string modules = Environment.GetEnvironmentVariable("VALIDATOR_OPS")!;
            string[] command = kind switch
            {
                "azure key" =>
                [
                    "node", $"{modules}/azurite/dist/src/blob/main.js", "--blobPort", $"{port}", "--location", data, "--silent",
                    "--disableTelemetry",
                ],
                "swift" or "swift gs" =>
                [
                    "/usr/bin/python3", Path.Combine(Abuse.Root, "eng", "ops", "store.py"), data, .. ports.Select(p => $"{p}"),
                    kind == "swift" ? "us-east-1" : "auto",
                ],
                _ =>
                [
                    // It makes its tokens of pages with DES.
                    "node", "--openssl-legacy-provider", $"{modules}/s3rver/bin/s3rver.js", "-d", data, "-a", "127.0.0.1", "-p",
                        $"{port}",
                    "--service-endpoint", "localhost",
                ],
            };
            ProcessStartInfo start = new(command[0], [.. command[1..], .. more])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            Process process = Process.Start(start)!;
            StoreServer server = new(kind, process, port, data + ".log");
            await ProcessCluster.UntilAsync("the server answers", ProcessCluster.Patience, async () =>
            {
                using HttpClient http = new();
                try
                {
                    using HttpResponseMessage response = await http.GetAsync($"http://127.0.0.1:{port}/");
                    return true;
                }
                catch (HttpRequestException e)
                {
                    // One with TLS answers in its own way.
                    return e.HttpRequestError is not HttpRequestError.ConnectionError;
                }
            });
            return server;
        }

        /// <summary>With or without the right secret.</summary>
        public HttpTarget Open(bool stranger = false)
        {
            byte[] azureKey = stranger ? [1, 2, 3] : Convert.FromBase64String(AzureKey);
            string key = IsSwift ? "test:tester" : S3Key;
            string secret = stranger ? "wrong-secret" : IsSwift ? "testing" : S3Secret;
            BackupTargetUrl url = BackupTargetUrl.Read(Url, "/", out _)!;
            url = url with { Endpoint = new Uri(Endpoint), PathStyle = _kind is "s3 path" or "swift" };
            return _kind == "azure key"
                ? new AzureTarget(url, () => new AzureCredentials(AzureAccount, azureKey, null))
                : new S3Target(url, () => new S3Credentials(key, secret, null));
        }

        /// <summary>An operator's part.</summary>
        public void MakeContainer()
        {
            using HttpTarget target = Open();
            target.Send(HttpMethod.Put, "", _kind == "azure key" ? "restype=container" : "", default, 1 << 20,
                HttpStatusCode.Conflict);
        }

        public async ValueTask DisposeAsync()
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            _process.Dispose();
            lock (_log)
            {
                _log.Dispose();
            }
        }

        private void Note(string? line)
        {
            lock (_log)
            {
                if (line is not null && _log.BaseStream.CanWrite)
                {
                    _log.WriteLine(line);
                    _log.Flush();
                }
            }
        }
    }
}

/// <summary>Needs servers that <c>make ops-test</c> fetches; skipped, saying so, without them.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OpsTheoryAttribute : TheoryAttribute
{
    /// <param name="swift">Needs OpenStack Swift too, of Debian.</param>
    public OpsTheoryAttribute(bool swift = false) => Skip =
        Environment.GetEnvironmentVariable("VALIDATOR_OPS") is not { Length: > 0 } ? "Needs object stores: make ops-test."
        : swift && Environment.GetEnvironmentVariable("VALIDATOR_SWIFT") is not { Length: > 0 }
            ? "Needs OpenStack Swift (Debian's package python3-swift)." : null;
}
