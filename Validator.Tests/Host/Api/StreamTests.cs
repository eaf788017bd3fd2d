using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Host.Api;
using Validator.Host.Contracts;

namespace Validator.Tests.Host.Api;

public class StreamTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // Protects the stream's promise: nothing missing, nothing twice, across a resume by Last-Event-ID and while new ones come.
    [Fact]
    public async Task Resumes_without_gap_or_repeat()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Finalize(2500);
        List<ulong> seen = await ReadEvents(api, "/v1/finalized?from=0", lastEventId: null, 1300);
        Task<List<ulong>> rest = ReadEvents(api, "/v1/finalized", lastEventId: seen[^1], 3700);
        api.Node.Finalize(3000);
        await Task.Delay(20);
        api.Node.Finalize(5000);
        seen.AddRange(await rest.WaitAsync(Patience));
        Assert.Equal(Enumerable.Range(0, 5000).Select(i => (ulong)i), seen);
    }

    // Protects followers that say nothing about where to begin: they get what becomes final from now on.
    [Fact]
    public async Task Begins_now_by_default()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Finalize(10);
        Task<List<ulong>> events = ReadEvents(api, "/v1/finalized", lastEventId: null, 1, onOpen: () => api.Node.Finalize(11));
        Assert.Equal([10UL], await events.WaitAsync(Patience));
    }

    // Protects the binary form: fixed offsets, the same transactions.
    [Fact]
    public async Task Binary_records_have_fixed_offsets()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Finalize(3);
        using HttpResponseMessage response = await Open(api, "/v1/finalized?from=1&format=binary", null);
        await using Stream stream = await response.Content.ReadAsStreamAsync();
        byte[] record = new byte[53 + api.Node.TransactionBytes];
        for (ulong index = 1; index < 3; index++)
        {
            await stream.ReadExactlyAsync(record).AsTask().WaitAsync(Patience);
            byte[] expected = api.Node.Transaction(index);
            Assert.Equal(index, BinaryPrimitives.ReadUInt64LittleEndian(record));
            Assert.Equal(1UL, BinaryPrimitives.ReadUInt64LittleEndian(record.AsSpan(8)));
            Assert.Equal(Hash256.Of(expected), new Hash256(record.AsSpan(16)));
            Assert.Equal(expected.Length, BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(48)));
            Assert.Equal(expected, record[53..]);
        }
    }

    // Protects memory: a subscriber that does not read is closed and counted, not buffered for.
    [Fact]
    public async Task A_slow_subscriber_is_closed()
    {
        await using ApiFixture api = await ApiFixture.StartAsync(new ApiOptions { WriteTimeout = TimeSpan.FromMilliseconds(300) });
        api.Node.TransactionBytes = 60_000;
        api.Node.Finalize(ulong.MaxValue);
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 16 * 1024 };
        await socket.ConnectAsync(IPAddress.Loopback, api.Servers.ApiAddress.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes("GET /v1/finalized?from=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        using CancellationTokenSource limit = new(Patience);
        while (api.Metrics.StreamsClosedSlow.Value == 0)
        {
            await Task.Delay(20, limit.Token);
        }

        byte[] buffer = new byte[64 * 1024];
        bool ended = false;
        while (!ended)
        {
            try
            {
                ended = await socket.ReceiveAsync(buffer, limit.Token) == 0;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                ended = true;
            }
        }

        while (api.Metrics.StreamSubscribers.Value != 0)
        {
            await Task.Delay(20, limit.Token);
        }
    }

    // Protects who resumes: an event's id, given back, goes on after it, and waits where this validator is behind; on another
    // chain, or on the same made anew, it is refused, and so is an index that is not there yet, with the one that is next.
    [Fact]
    public async Task Cursors_are_of_their_chain()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Finalize(3);
        string chain = FakeNode.ChainId.ToString();
        using (HttpResponseMessage response = await Open(api, "/v1/finalized?from=2", null))
        {
            Assert.Equal((chain, "2"), (response.Headers.GetValues("Validator-Chain").Single(), response.Headers.GetValues("Validator-From").Single()));
            using StreamReader reader = new(await response.Content.ReadAsStreamAsync());
            Assert.Equal($"id: {chain[..16]}-2", await reader.ReadLineAsync().WaitAsync(Patience));
        }

        foreach ((string path, string? last) in new[] { ("", $"{chain[..16]}-4"), ("?from=5&wait=true", null), ($"?from=5&wait=true&chain={chain}", null) })
        {
            api.Node.Finalize(3);
            using HttpResponseMessage waits = await Open(api, "/v1/finalized" + path, last);
            Assert.Equal(HttpStatusCode.OK, waits.StatusCode);
            api.Node.Finalize(6);
            using StreamReader reader = new(await waits.Content.ReadAsStreamAsync());
            Assert.Equal($"id: {chain[..16]}-5", await reader.ReadLineAsync().WaitAsync(Patience));
        }

        api.Node.Finalize(3);
        string other = Hash256.Of("another"u8).ToString();
        foreach ((string path, string? last, int status, string type) in new[]
        {
            ("?from=4", null, 416, "index-beyond-tip"), ("?from=1000000&format=binary", null, 416, "index-beyond-tip"), ("", "3", 416, "index-beyond-tip"),
            ($"?from=4&chain={chain[..8]}", null, 416, "index-beyond-tip"), ("", $"{other[..16]}-1", 409, "other-chain"),
            ($"?chain={other}", $"{chain[..16]}-1", 409, "other-chain"),
            ($"?from=0&wait=true&chain={other}", null, 409, "other-chain"), ("?from=0&chain=12", null, 400, "bad-request"),
            ("?from=0&wait=yes", null, 400, "bad-request"), ("", "-3", 400, "bad-request"),
        })
        {
            using HttpResponseMessage response = await Open(api, "/v1/finalized" + path, last);
            JsonElement problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
            Assert.Equal((status, $"urn:validator:problem:{type}"), ((int)response.StatusCode, problem.GetProperty("type").GetString()));
            if (status != 400)
            {
                Assert.Equal((3UL, chain), (problem.GetProperty("next_index").GetUInt64(), problem.GetProperty("chain_id").GetString()));
            }
        }
    }

    // Protects subscribers' understanding: what cannot be served is a problem document.
    [Theory]
    [InlineData("/v1/finalized?from=x", null, 400)]
    [InlineData("/v1/finalized?from=0%00", null, 400)]
    [InlineData("/v1/finalized?from=%200", null, 400)]
    [InlineData("/v1/finalized", "x", 400)]
    [InlineData("/v1/finalized?format=xml", null, 400)]
    [InlineData("/v1/finalized?from=4", null, 410)]
    public async Task Refuses_with_a_reason(string path, string? lastEventId, int expected)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.FirstFinalIndex = 5;
        using HttpResponseMessage response = await Open(api, path, lastEventId);
        Assert.Equal(expected, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        if (expected == 410)
        {
            Assert.Contains("\"first_index\":5", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    // Protects graceful stops: open streams end, and the listeners close without waiting for their clients.
    [Fact]
    public async Task Stopping_ends_streams()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        using HttpResponseMessage response = await Open(api, "/v1/finalized?from=0", null);
        await using Stream stream = await response.Content.ReadAsStreamAsync();
        await api.Servers.StopAsync(TimeSpan.FromSeconds(5)).WaitAsync(Patience);
        Assert.Equal(0, await stream.ReadAsync(new byte[1]).AsTask().WaitAsync(Patience));
    }

    // Protects the two seconds that a stop may take, and the client: a request that waits for finality is told that there will be
    // no answer here, and whether it was durable.
    [Theory]
    [InlineData(true, "durable and may become final")]
    [InlineData(false, "may or may not")]
    public async Task Stopping_answers_who_waits(bool durable, string words)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Complete = submission =>
        {
            if (durable)
            {
                submission.CompleteDurable(Hash256.Zero);
            }
        };
        Task<HttpResponseMessage> waiting = api.Client.PostAsync(new Uri("/v1/transactions?wait=finalized", UriKind.Relative), new ByteArrayContent([1]));
        while (api.Node.Submitted.Count == 0)
        {
            await Task.Delay(5);
        }

        await api.Servers.StopAsync(TimeSpan.FromSeconds(4)).WaitAsync(Patience);
        using HttpResponseMessage answer = await waiting.WaitAsync(Patience);
        JsonElement problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal((503, "urn:validator:problem:stopping", "1"), ((int)answer.StatusCode, problem.GetProperty("type").GetString(), answer.Headers.RetryAfter?.ToString()));
        Assert.Contains(words, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(Hash256.Of([0, 1]).ToString(), problem.GetProperty("id").GetString());
    }

    // Protects clients from sending again what may count already: a disk that fails after a transaction was taken is another
    // problem than a validator that takes none.
    [Fact]
    public async Task A_disk_that_fails_is_told_apart()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Complete = submission => submission.Fail(SubmissionFailure.StorageFailed);
        using HttpResponseMessage answer = await api.Client.PostAsync(
            new Uri("/v1/transactions", UriKind.Relative), new ByteArrayContent([1]));
        JsonElement problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal((503, "urn:validator:problem:disk-failed"), ((int)answer.StatusCode, problem.GetProperty("type").GetString()));
    }

    private static async Task<HttpResponseMessage> Open(ApiFixture api, string path, string? lastEventId)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        if (lastEventId is not null)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        }

        return await api.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private static async Task<List<ulong>> ReadEvents(ApiFixture api, string path, ulong? lastEventId, int count, Action? onOpen = null)
    {
        using HttpResponseMessage response = await Open(api, path, lastEventId?.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        onOpen?.Invoke();
        using StreamReader reader = new(await response.Content.ReadAsStreamAsync());
        List<ulong> seen = [];
        while (seen.Count < count && await reader.ReadLineAsync().WaitAsync(Patience) is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                JsonElement data = JsonDocument.Parse(line[6..]).RootElement;
                ulong index = data.GetProperty("index").GetUInt64();
                Assert.Equal(api.Node.Transaction(index), data.GetProperty("bytes").GetBytesFromBase64());
                Assert.Equal(Hash256.Of(api.Node.Transaction(index)).ToString(), data.GetProperty("id").GetString());
                seen.Add(index);
            }
        }

        return seen;
    }
}
