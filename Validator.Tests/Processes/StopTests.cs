using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Tools.Localnet;
using Validator.Net;
using Validator.Net.Streams;

namespace Validator.Tests.Processes;

/// <summary>What clients hear when a validator stops, and when they ask for what it does not have yet.</summary>
[Collection(nameof(ProcessTests))]
public sealed class StopTests
{
    // Protects clients of a validator that is stopped: who waits for finality, over HTTP or QUIC, is told that there will be no
    // answer here, a stream ends whole, and all that takes less than the promised two seconds (with room for a busy machine).
    // Alone of four, it has no quorum, so nothing becomes final; what it called durable it still does when it is back. An index
    // that it does not have, or of another chain, is refused and not waited for.
    [Fact]
    public async Task Who_waits_is_told_before_a_validator_stops()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        NodeProcess node = cluster.Nodes[0];
        node.Start();
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = node.Api, Timeout = TimeSpan.FromSeconds(30) };
        await ProcessCluster.UntilAsync("it answers", ProcessCluster.Patience, async () => await cluster.Cluster.StatusAsync(node) is not null);

        await AssertRefusedAsync(http, "/v1/finalized?from=1000000", null, 416, "index-beyond-tip");
        await AssertRefusedAsync(http, "/v1/finalized", "0123456789abcdef-3", 409, "other-chain");
        (int code, string tailed) = await ProcessCluster.RunAsync("tail", "--from", "7", "--api", node.Api.ToString());
        Assert.True(code == 1 && tailed.Contains("index-beyond-tip", StringComparison.Ordinal), tailed);

        using HttpResponseMessage stream = await http.GetAsync("/v1/finalized?from=0", HttpCompletionOption.ResponseHeadersRead);
        Task<string> streamed = stream.Content.ReadAsStringAsync();
        Task<HttpResponseMessage>[] waiting =
        [
            .. Enumerable.Range(0, 20).Select(i => http.PostAsync("/v1/transactions?wait=finalized", new ByteArrayContent([1, (byte)i]))),
        ];
        using Client client = Client.Of(cluster, node);
        await client.UntilAsync(StreamReceipt.Durable);
        await ProcessCluster.UntilAsync("all are taken", ProcessCluster.Patience, async () =>
            await cluster.MetricAsync(node, "cretoai_transactions_accepted_total") >= waiting.Length + 1);

        Hash256 id = default;
        long start = Stopwatch.GetTimestamp();
        ProcessCluster.Send(node, ProcessCluster.Signal.Terminate);
        foreach (Task<HttpResponseMessage> each in waiting)
        {
            using HttpResponseMessage answer = await each;
            JsonElement problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Equal("urn:validator:problem:stopping", problem.GetProperty("type").GetString());
            Assert.NotNull(answer.Headers.RetryAfter);
            Assert.True(Hash256.TryParse(problem.GetProperty("id").GetString(), out id));
        }

        StreamReceiptFrame refused = await client.UntilAsync(StreamReceipt.Refused);
        Assert.Equal((7UL, (byte)StreamRefusal.Failed), (refused.First, refused.Reason));

        // Without its last chunk this throws.
        await streamed;
        Assert.True(await node.WaitForExitAsync(ProcessCluster.Patience));
        Assert.Equal(0, node.ExitCode);
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(4));

        // What it had called durable still is.
        node.Start();
        await ProcessCluster.UntilAsync("it answers", ProcessCluster.Patience, async () => await cluster.Cluster.StatusAsync(node) is not null);
        Assert.Contains("\"durable\"", await http.GetStringAsync($"/v1/transactions/{id}"), StringComparison.Ordinal);
    }

    private static async Task AssertRefusedAsync(HttpClient http, string path, string? lastEvent, int status, string type)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        if (lastEvent is not null)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEvent);
        }

        using HttpResponseMessage answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(status, (int)answer.StatusCode);
        JsonElement problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(("urn:validator:problem:" + type, 0), (problem.GetProperty("type").GetString(), problem.GetProperty("next_index").GetInt32()));
    }

    /// <summary>Submits one transaction over QUIC, as number 7, and keeps its receipts.</summary>
    private sealed class Client : IStreamOwner, IDisposable
    {
        private readonly ConcurrentQueue<StreamReceiptFrame> _receipts = new();
        private StreamLoop? _loop;

        public static Client Of(ProcessCluster cluster, NodeProcess node)
        {
            Genesis genesis = GenesisFile.Read(Path.Combine(cluster.Cluster.Directory, "genesis.json"), out _);
            byte[] key = genesis.Members.Single(m => m.Name == node.Name).TransportKey;
            Client client = new();
            client._loop = new StreamLoop(
                new StreamOptions
                {
                    Listen = new IPEndPoint(IPAddress.Loopback, 0),
                    PrivateKeySeed = new byte[32],
                    MaxFrameBytes = 1 << 20,
                    Name = "client",
                    Targets = [new StreamTarget(key, new IPEndPoint(IPAddress.Loopback, node.Ports.Api))],
                },
                client);
            client._loop.Start();
            return client;
        }

        public async Task<StreamReceiptFrame> UntilAsync(StreamReceipt kind)
        {
            StreamReceiptFrame[] found = [];
            await ProcessCluster.UntilAsync($"a receipt '{kind}' comes", ProcessCluster.Patience, () =>
                Task.FromResult((found = [.. _receipts.Where(r => r.Kind == kind)]).Length > 0));
            return found[0];
        }

        public void Dispose() => _loop?.Dispose();

        void IStreamOwner.Opened(StreamLink link)
        {
            byte[] frame = [(byte)StreamRequest.Submit, .. new byte[8], 2, 0, 0, 0, 0, 3, 3];
            BinaryPrimitives.WriteUInt64LittleEndian(frame.AsSpan(1), 7);
            link.TrySend(frame);
        }

        bool IStreamOwner.TryTake(StreamLink link, ReadOnlySpan<byte> frame)
        {
            Assert.True(SubmitStreamFrames.TryRead(frame, out StreamReceiptFrame receipt));
            _receipts.Enqueue(receipt);
            return true;
        }

        void IStreamOwner.Turn()
        {
        }

        void IStreamOwner.Closed(StreamLink link, CloseReason reason)
        {
        }
    }
}
