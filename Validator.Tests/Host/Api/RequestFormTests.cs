using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Tests.Core.Wire;
using Validator.Tests.Processes;

namespace Validator.Tests.Host.Api;

/// <summary>Whatever a request says is understood or refused: the table of docs/API.md, line by line.</summary>
public sealed class RequestFormTests
{
    private const string One = "POST /v1/transactions";
    private const string Batch = "POST /v1/transactions/batch";
    private const string Raw = "Content-Type: application/octet-stream\r\n";
    private const string Json = "Content-Type: application/json\r\n";
    private const string TwoRecords = "\u0001\0\0\0\0A\u0001\0\0\0\u0001B";

    // Protects clients from an order of what they did not mean: nothing of a refused request reaches the node.
    [Theory]
    [InlineData(One + "?kin=1", Raw, "x", 400, "unknown parameter 'kin'; this path has wait, kind")]
    [InlineData(One + "?kind=1&kind=1", Raw, "x", 400, "'kind' comes 2 times")]
    [InlineData(One + "?kind=1&KIND=0", Raw, "x", 400, "comes 2 times")]
    [InlineData(One + "?ids=false", Raw, "x", 400, "unknown parameter 'ids'")]
    [InlineData(One + "?wait=unknown", Raw, "x", 400, "expected ?wait=durable")]
    [InlineData(One + "?kind=1%00", Raw, "x", 400, "?kind=0, 1 or 2")]
    [InlineData(One + "?kind=%2B1", Raw, "x", 400, "?kind=0, 1 or 2")]
    [InlineData(One + "?kind=", Raw, "x", 400, "?kind=0, 1 or 2")]
    [InlineData(Batch + "?ids=no", Raw, TwoRecords, 400, "?ids=true or ?ids=false")]
    [InlineData("GET /v1/status?from=0", "", "", 400, "this path has none")]
    [InlineData("GET /v1/finalized?form=0", "", "", 400, "unknown parameter 'form'")]
    [InlineData("GET /v1/vertices/0000000000000000000000000000000000000000000000000000000000000000?payload=1", "", "", 400, "?payload=true")]
    [InlineData(One + "?kind=1", Json, "{\"bytes\":\"QQ==\",\"kind\":0}", 400, "transaction 0 has another kind than ?kind=1 says")]
    [InlineData(One + "?kind=0", Json, "{\"bytes\":\"QQ==\",\"kind\":1}", 400, "kind-conflict")]
    [InlineData(Batch + "?kind=0", Json, "[\"QQ==\",{\"bytes\":\"QQ==\",\"kind\":1}]", 400, "transaction 1 has another kind")]
    [InlineData(Batch + "?kind=1", Raw, TwoRecords, 400, "transaction 0 has another kind")]
    [InlineData(Batch + "?kind=0", Raw, TwoRecords, 400, "transaction 1 has another kind")]
    [InlineData(One, Json, "{\"bytes\":\"QQ==\",\"kind\":1,\"kind\":0}", 400, "kind comes twice")]
    [InlineData(One, Json, "{\"bytes\":\"QQ==\",\"wait\":\"finalized\"}", 400, "unknown field 'wait'")]
    [InlineData(One, Json, "{\"bytes\":\"QQ==\"} x", 400, "not valid JSON")]
    [InlineData(Batch, Raw, TwoRecords + "x", 400, "cut short")]
    [InlineData(One, "Content-Type: application/json; charset=iso-8859-1\r\n", "{\"bytes\":\"QQ==\"}", 415, "charset=utf-8")]
    [InlineData(One, "Content-Type: application/json; profile=x\r\n", "{\"bytes\":\"QQ==\"}", 415, "no parameter is understood")]
    [InlineData(One, "Content-Type: application/octet-stream; type=x\r\n", "x", 415, "no parameter is understood")]
    [InlineData(One, Raw + "Content-Encoding: br\r\n", "x", 415, "'br': gzip, once")]
    [InlineData(One, Raw + "Content-Encoding: gzip, gzip\r\n", "x", 415, "gzip, once")]
    [InlineData(One, Raw + "Content-Encoding: gzip\r\n", "not gzip, but as long as a head", 400, "Content-Encoding")]
    [InlineData(One, Raw + "Expect: 200-ok\r\n", "x", 417, "100-continue")]
    [InlineData(One, Raw + "Content-Range: bytes 0-0/5\r\n", "x", 400, "Content-Range is not understood")]
    [InlineData(One, Raw + "If-None-Match: *\r\n", "x", 400, "If-None-Match is not understood")]
    [InlineData(One, Raw + "X-HTTP-Method-Override: DELETE\r\n", "x", 400, "X-HTTP-Method-Override")]
    [InlineData("GET /v1/status", "", "{}", 400, "takes no body")]
    [InlineData("GET /v1/health", "", "{}", 400, "takes no body")]
    [InlineData("OPTIONS /v1/transactions", "", "{}", 400, "takes no body")]
    [InlineData("GET /v1/finalized?from=0&chain=", "", "", 400, "?chain=DIGITS")]
    [InlineData("GET /v1/finalized?from=0&wait=", "", "", 400, "?wait=true")]
    [InlineData("GET /v1/finalized?from=0&format=", "", "", 400, "?format=sse")]
    [InlineData("GET /v1/finalized?from=0", "Range: bytes=100-\r\n", "", 416, "Last-Event-ID")]
    [InlineData("POST /v1/accounts", Json, "{}", 415, "application/octet-stream")]
    public async Task What_is_not_understood_is_refused(string line, string headers, string body, int status, string says)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        (int Status, string Text) answer = await AskAsync(api, line, headers, Encoding.Latin1.GetBytes(body));
        Assert.True(status == answer.Status, answer.Text);
        Assert.Contains(says, RawHttp.Problem(answer).GetRawText().Replace("\\u0026", "&"), StringComparison.Ordinal);
        Assert.Empty(api.Node.Submitted);
        Assert.Equal(status == 415, answer.Text.Contains("Accept-Encoding: gzip", StringComparison.Ordinal));
    }

    // Protects transfer codings: a body in another coding than chunked, or with two lengths, is not taken as its own content.
    [Theory]
    [InlineData("Transfer-Encoding: gzip, chunked\r\n", 501)]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400)]
    [InlineData("Transfer-Encoding: chunked\r\n", 202)]
    public async Task Transfer_codings(string headers, int status)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        (int Status, string Text) answer = await RawHttp.AskAsync(
            "127.0.0.1", api.Servers.ApiAddress.Port, Encoding.ASCII.GetBytes($"{One} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n1\r\nx\r\n0\r\n\r\n"));
        Assert.True(status == answer.Status, answer.Text);
        Assert.Equal(status == 202 ? 1 : 0, api.Node.Submitted.Count);
    }

    // Protects ?kind=1 for every form of body: without it an envelope was ordered as opaque bytes, its signature unread.
    [Theory]
    [InlineData("one", false)]
    [InlineData("one", true)]
    [InlineData("array", true)]
    [InlineData("array", false)]
    public async Task The_query_says_the_kind_of_what_does_not(string form, bool spelled)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        byte[] envelope = EnvelopeSamples.Sign(0, 1, "pay"u8, FakeNode.ChainId), key = EnvelopeSamples.PublicKey(0);
        string text = spelled ? $"{{\"bytes\":\"{Convert.ToBase64String(envelope)}\"}}" : $"\"{Convert.ToBase64String(envelope)}\"";
        string path = form == "one" ? "/v1/transactions?kind=1" : "/v1/transactions/batch?kind=1";
        (int status, JsonElement body, _) = await api.PostJsonAsync(path, form == "one" ? text : $"[{text}]");
        Assert.Equal((409, "urn:validator:problem:account-key-needed"), (status, body.GetProperty("type").GetString()));
        await api.PostAsync("/v1/accounts", key);
        (status, _, _) = await api.PostJsonAsync(path, form == "one" ? text : $"[{text}]");
        Assert.Equal(202, status);
        Assert.Equal((byte)TransactionKind.Envelope, Assert.Single(api.Node.Submitted)[4]);
    }

    // Protects changes of large committees: fifteen signatures are more than other transactions may have.
    [Theory]
    [InlineData("?kind=2", 400, "form of FORMATS.md")]
    [InlineData("", 413, "65536 bytes")]
    public async Task A_committee_change_may_be_large(string query, int status, string says)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        (int Status, string Text) answer = await AskAsync(api, One + query, Raw, new byte[400_000]);
        Assert.True(status == answer.Status, answer.Text);
        Assert.Contains(says, answer.Text, StringComparison.Ordinal);
    }

    // Protects compressed bodies: what is in them is ordered, never the compressed bytes, and no bomb goes off.
    [Fact]
    public async Task A_compressed_body_is_unpacked_within_the_limit()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        Assert.Equal(202, (await AskAsync(api, One, Raw + "Content-Encoding: gzip\r\n", GZip("hello"u8.ToArray()))).Status);
        Assert.Equal(202, (await AskAsync(api, One, Json + "Content-Encoding: GZip\r\n", GZip("{\"bytes\":\"aGVsbG8=\"}"u8.ToArray()))).Status);
        Assert.All(api.Node.Submitted, framed => Assert.Equal([5, 0, 0, 0, 0, .. "hello"u8], framed));
        Assert.Equal(2, api.Node.Submitted.Count);

        byte[] whole = GZip(new byte[1000]);
        Assert.Equal(413, (await AskAsync(api, One, Raw + "Content-Encoding: gzip\r\n", GZip(new byte[50 << 20]))).Status);
        Assert.Equal(400, (await AskAsync(api, One, Raw + "Content-Encoding: gzip\r\n", [.. whole, 1, 2, 3, 4])).Status);
        Assert.Equal(400, (await AskAsync(api, One, Raw + "Content-Encoding: gzip\r\n", [.. whole, .. whole])).Status);
        Assert.Equal(400, (await AskAsync(api, One, Raw + "Content-Encoding: gzip\r\n", whole[..^9])).Status);
        Assert.Equal(2, api.Node.Submitted.Count);
        Assert.Equal(413, (await AskAsync(api, "POST /v1/accounts", Raw + "Content-Encoding: gzip\r\n", GZip(new byte[1 << 20]))).Status);
        Assert.Equal(400, (await AskAsync(api, "POST /v1/accounts", Raw + "Content-Encoding: gzip\r\n", whole[..^9])).Status);
    }

    // Protects caches, checkers and scripts: HEAD wherever GET is, with its headers and no body; OPTIONS and 405 name the
    // methods.
    [Theory]
    [InlineData("/v1/status", "GET, HEAD, OPTIONS", 200)]
    [InlineData("/v1/finalized?from=0", "GET, HEAD, OPTIONS", 200)]
    [InlineData("/v1/health", "GET, HEAD, OPTIONS", 200)]
    [InlineData("/v1/ready?verbose", "GET, HEAD, OPTIONS", 200)]
    [InlineData("/v1/transactions", "POST, OPTIONS", 405)]
    public async Task Head_and_options(string path, string allowed, int status)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        using HttpResponseMessage head = await SendAsync(api, HttpMethod.Head, path);
        Assert.Equal(status, (int)head.StatusCode);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync());
        using HttpResponseMessage options = await SendAsync(api, HttpMethod.Options, path);
        Assert.Equal((204, allowed), ((int)options.StatusCode, Methods(options)));
        using HttpResponseMessage other = await SendAsync(api, HttpMethod.Delete, path);
        Assert.Equal(405, (int)other.StatusCode);
        Assert.Equal(allowed.Split(", ").Order(), Methods(other).Split(", ").Order());
        using HttpResponseMessage metrics = await api.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, new Uri(api.Servers.MetricsAddress!, "/metrics")));
        Assert.Equal(200, (int)metrics.StatusCode);
    }

    // Protects a validator on loopback from pages: a name made to resolve here is refused, and so is a page of another site; a
    // page of one's own behind a proxy, and one that is listed, may ask, and the browser is told so.
    [Theory]
    [InlineData("GET /v1/status", "rebind.example", null, 403, false)]
    [InlineData(One, "rebind.example:8080", "http://rebind.example:8080", 403, false)]
    [InlineData("GET /v1/health", "rebind.example", null, 200, false)]
    [InlineData(One, "127.0.0.1", "http://evil.example", 403, false)]
    [InlineData(One, "localhost", "null", 403, false)]
    [InlineData(One, "localhost:8080", "http://localhost:3000", 403, false)]
    [InlineData(One, "localhost:8080", "http://localhost:8080", 202, false)]
    [InlineData(One, "validator.example", "https://validator.example", 202, false)]
    [InlineData(One, "127.0.0.1:8080", "https://validator.example", 202, false)]
    [InlineData(One, "a.wild.example", "https://a.wild.example", 202, false)]
    [InlineData(One, "127.0.0.1", "https://wallet.example", 202, true)]
    [InlineData("GET /v1/status", "[::1]:8080", "https://wallet.example", 200, true)]
    [InlineData("GET /v1/status", "127.0.0.1", "http://evil.example", 200, false)]
    [InlineData("GET /v1/blocks/x", "127.0.0.1", "https://wallet.example", 400, true)]
    [InlineData("OPTIONS /v1/transactions", "127.0.0.1", "https://wallet.example", 204, true)]
    [InlineData("OPTIONS /v1/transactions", "127.0.0.1", "http://evil.example", 403, false)]
    public async Task Names_and_pages_are_those_of_the_configuration(string line, string host, string? origin, int status, bool granted)
    {
        ApiSection section = new(Port: 0, AllowedHosts: ["validator.example", "*.wild.example"], CorsOrigins: ["https://wallet.example"]);
        await using ApiFixture api = await ApiFixture.StartAsync(section: section);
        string headers = (origin is null ? "" : $"Origin: {origin}\r\n") + (line.StartsWith("OPTIONS") ? "Access-Control-Request-Method: POST\r\n" : "");
        (int Status, string Text) answer = await AskAsync(api, line, headers, line.StartsWith("POST") ? [1] : [], host);
        Assert.True(status == answer.Status, answer.Text);
        Assert.Equal(granted, answer.Text.Contains($"Access-Control-Allow-Origin: {origin}\r\n", StringComparison.Ordinal));
        Assert.Equal(granted && status == 204, answer.Text.Contains("Access-Control-Allow-Headers: Authorization, Content-Type", StringComparison.Ordinal));
    }

    private static async Task<(int Status, string Text)> AskAsync(ApiFixture api, string line, string headers, byte[] body, string host = "localhost")
    {
        string length = body.Length > 0 ? $"Content-Length: {body.Length}\r\n" : "";
        byte[] head = Encoding.ASCII.GetBytes($"{line} HTTP/1.1\r\nHost: {host}\r\n{headers}{length}\r\n");
        return await RawHttp.AskAsync("127.0.0.1", api.Servers.ApiAddress.Port, [.. head, .. body]);
    }

    private static async Task<HttpResponseMessage> SendAsync(ApiFixture api, HttpMethod method, string path) =>
        await api.Client.SendAsync(new HttpRequestMessage(method, new Uri(path, UriKind.Relative)), HttpCompletionOption.ResponseHeadersRead);

    private static string Methods(HttpResponseMessage answer) => string.Join(", ", answer.Content.Headers.Allow);

    private static byte[] GZip(byte[] bytes)
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Optimal))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }
}
