using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Config;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>A client's view of a real cluster: nothing is believed that genesis and the hashes do not prove.</summary>
[Collection(nameof(ProcessTests))]
public sealed class ApiTests : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(60) };

    private string _lastEvent = "";

    public void Dispose() => _http.Dispose();

    // Protects what clients rely on, against the real node: receipts, lookups, proofs that hold from outside, errors in one
    // form, and a stream that goes on elsewhere with nothing missing or doubled.
    [Fact]
    public async Task Everything_that_the_api_says_can_be_checked_from_outside()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        Genesis genesis = GenesisFile.Read(Path.Combine(cluster.Cluster.Directory, "genesis.json"), out Hash256 chainId);
        Chain chain = new(genesis, chainId);
        NodeProcess home = cluster.Nodes[1], away = cluster.Nodes[2];

        Hash256[] ids = await SubmitEveryWayAsync(home);
        await ProcessCluster.UntilAsync("the other validator is as far", ProcessCluster.Patience, async () =>
            (await cluster.StatusAsync(away)).NextFinalIndex == (ulong)ids.Length);

        JsonElement batch = await PostJsonAsync(home, "/v1/transactions/batch?wait=finalized", "[\"QmF0Y2g=\",{\"bytes\":\"b2Y=\"},\"VGhyZWU=\"]", 200);
        await CheckVertexAsync(home, batch, chain);
        ulong block = batch.GetProperty("transactions")[0].GetProperty("block").GetUInt64();
        await CheckBlockAsync(home, block, batch.GetProperty("vertex").GetString()!, chain);
        for (ulong sequence = 1; sequence < block; sequence++)
        {
            await CheckBlockAsync(home, sequence, null, chain);
        }

        await CheckErrorsAsync(home);
        await CheckStreamAsync(home, away);
    }

    // Protects clients that wait for strong finality at a real cluster: it comes, by request and command line, and by three of
    // four as well; the outcome that is looked up says it, and status and metrics page know the level.
    [Fact]
    public async Task Strong_finality_comes_and_is_told()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        NodeProcess node = cluster.Nodes[1];
        JsonElement one = await PostAsync(node, "/v1/transactions?wait=strong", "bound"u8.ToArray(), null, 200);
        Assert.StartsWith("strong", one.GetProperty("finality").GetString(), StringComparison.Ordinal);
        ulong block = one.GetProperty("block").GetUInt64();
        JsonElement status = await GetAsync(node, "/v1/status", 200);
        Assert.True(status.GetProperty("strong_sequences").GetProperty("strong67").GetUInt64() >= block);
        Assert.Equal("report", status.GetProperty("adaptive").GetProperty("mode").GetString());
        await ProcessCluster.UntilAsync("all four have shown that they executed it", ProcessCluster.Patience, async () =>
            (await GetAsync(node, $"/v1/transactions/{IdOf("bound")}", 200)).GetProperty("finality").GetString() == "strong82");
        Assert.InRange(await cluster.MetricAsync(node, "adaptive_quorum_threshold"), 0.66, 0.76);
        Assert.Equal(0, await cluster.MetricAsync(node, "adaptive_quorum_threat_level"));

        Assert.True(await cluster.Nodes[3].StopAsync(ProcessCluster.Patience));
        (int code, string output) = await ProcessCluster.RunAsync(
            "submit", "by three", "--wait", "strong", "--api", node.Api.ToString());
        Assert.Equal(0, code);
        Assert.Contains("strong", output, StringComparison.Ordinal);
        (code, output) = await ProcessCluster.RunAsync("submit", "--wait", "text after the option", "--api", node.Api.ToString());
        Assert.Equal(0, code);
        Assert.Equal(2, (await ProcessCluster.RunAsync("submit", "x", "--wait", "soon", "--api", node.Api.ToString())).Code);
    }

    // Protects those who measure or need strong finality for many: a load over either transport waits for it, each accepted
    // transaction is said to be strong, and no sooner than final.
    [Theory]
    [InlineData("http")]
    [InlineData("quic")]
    public async Task A_load_waits_for_strong_finality_over_either_transport(string transport)
    {
        using TempFolder folder = new();
        string report = Path.Combine(folder.Path, "report.json");
        (int code, string output) = await ProcessCluster.RunAsync(
            "localnet", "--strong", "--transport", transport, "--rate", "100", "--duration", "4s", "--report", report);
        Assert.True(code == 0, output);
        Assert.Matches(@"strong +p50 .* not in time 0\b", output);
        using JsonDocument document = JsonDocument.Parse(await File.ReadAllTextAsync(report));
        JsonElement root = document.RootElement;
        Assert.Equal(400, root.GetProperty("strong").GetInt64());
        Assert.Equal(0, root.GetProperty("not_strong").GetInt64());
        Assert.True(root.GetProperty("strong_ms").GetProperty("max").GetDouble() > 0, output);
    }

    /// <summary>Raw, JSON, both batches, and a repeat.</summary>
    /// <returns>The accepted transactions' ids by global index.</returns>
    private async Task<Hash256[]> SubmitEveryWayAsync(NodeProcess node)
    {
        Hash256[] ids = [.. new[] { "raw", "json", "one", "two", "three" }.Select(IdOf)];
        JsonElement raw = await PostAsync(node, "/v1/transactions?wait=finalized", "raw"u8.ToArray(), "application/octet-stream", 200);
        AssertFinal(raw, ids[0], 0);
        JsonElement json = await PostJsonAsync(node, "/v1/transactions?wait=finalized", "{\"bytes\":\"anNvbg==\",\"kind\":0}", 200);
        AssertFinal(json, ids[1], 1);

        byte[] framed = [3, 0, 0, 0, 0, .. "one"u8, 3, 0, 0, 0, 0, .. "two"u8];
        JsonElement batch = await PostAsync(node, "/v1/transactions/batch?wait=finalized", framed, "application/octet-stream", 200);
        AssertFinal(batch.GetProperty("transactions")[0], ids[2], 2);
        AssertFinal(batch.GetProperty("transactions")[1], ids[3], 3);

        JsonElement repeat = await PostAsync(node, "/v1/transactions?wait=finalized", "raw"u8.ToArray(), null, 200);
        Assert.Equal(
            ("rejected", "repeat", 0UL),
            (repeat.GetProperty("status").GetString(), repeat.GetProperty("reason").GetString(), repeat.GetProperty("first_index").GetUInt64()));

        JsonElement durable = await PostAsync(node, "/v1/transactions", "three"u8.ToArray(), "application/octet-stream", 202);
        Assert.Equal((ids[4].ToString(), "durable"), (durable.GetProperty("id").GetString(), durable.GetProperty("status").GetString()));
        await ProcessCluster.UntilAsync("the durable one is final", ProcessCluster.Patience, async () =>
            (await GetAsync(node, $"/v1/transactions/{ids[4]}", 200)).GetProperty("status").GetString() == "finalized");
        for (int i = 0; i < ids.Length; i++)
        {
            AssertFinal(await GetAsync(node, $"/v1/transactions/{ids[i]}", 200), ids[i], (ulong)i);
        }

        return ids;
    }

    /// <summary>
    /// The vertex that a receipt names hashes to its name, is signed by its author, and holds the transactions.
    /// </summary>
    private async Task CheckVertexAsync(NodeProcess node, JsonElement receipt, Chain chain)
    {
        string name = receipt.GetProperty("vertex").GetString()!;
        Assert.False((await GetAsync(node, $"/v1/vertices/{name}", 200)).TryGetProperty("payload", out _));
        JsonElement json = await GetAsync(node, $"/v1/vertices/{name}?payload=true", 200);
        byte[] payload = json.GetProperty("payload").GetBytesFromBase64();
        TransactionScratch scratch = new();
        int count = json.GetProperty("transaction_count").GetInt32();
        Assert.True(scratch.TryCompute(payload, count, out Hash256 root, out _));
        Assert.Equal(root, HashOf(json, "transaction_root"));
        for (int i = 0; i < count; i++)
        {
            Assert.Equal(
                receipt.GetProperty("transactions")[i].GetProperty("id").GetString(), new Hash256(scratch.Ids[(i * Hash256.Size)..]).ToString());
        }

        VertexHeader header = VertexCodec.Seal(
            json.GetProperty("epoch").GetUInt64(), chain.IndexOf(json, "author"), json.GetProperty("height").GetUInt64(),
            HashOf(json, "predecessor"), chain.Tips(json, "parents"), root, (uint)payload.Length, (uint)count);
        Assert.Equal(name, header.Hash.ToString());
        Assert.Equal(node.Name, json.GetProperty("author").GetString());
        Assert.True(chain.IsSigned(
            new SignedHeader(MessageKind.Vertex, header.Author, header.Epoch, 0, header.Height, header.Hash), json.GetProperty("signature")));
    }

    /// <summary>
    /// The block hashes to its name, the descendants are a chain from it, and the last one's certificate has, under genesis'
    /// keys, valid Commits of quorum weight or valid Prepares of all, of which the leader's is its proposal.
    /// </summary>
    /// <param name="vertex">One that the block orders.</param>
    private async Task CheckBlockAsync(NodeProcess node, ulong sequence, string? vertex, Chain chain)
    {
        JsonElement json = await GetAsync(node, $"/v1/blocks/{sequence}", 200);
        Block last = chain.BlockOf(json);
        Assert.Equal(sequence, last.Sequence);
        if (vertex is not null)
        {
            JsonElement found = await GetAsync(node, $"/v1/vertices/{vertex}", 200);
            LaneTip tip = last.Cut[chain.IndexOf(found, "author")];
            Assert.True(tip.Height >= found.GetProperty("height").GetUInt64());
            Assert.True(tip.Height > found.GetProperty("height").GetUInt64() || tip.Hash.ToString() == vertex);
        }

        foreach (JsonElement descendant in json.GetProperty("descendants").EnumerateArray())
        {
            Block next = chain.BlockOf(descendant);
            Assert.Equal((last.Hash, last.Sequence + 1), (next.Parent, next.Sequence));
            last = next;
        }

        JsonElement certificate = json.GetProperty("certificate");
        bool committed = certificate.GetProperty("phase").GetString() == "committed";
        Assert.True(committed || certificate.GetProperty("phase").GetString() == "prepared");
        Committee committee = chain.Genesis.ToCommittee();
        ulong epoch = certificate.GetProperty("epoch").GetUInt64(), view = certificate.GetProperty("view").GetUInt64();
        Assert.Equal((last.Sequence, last.Hash), (certificate.GetProperty("sequence").GetUInt64(), HashOf(certificate, "block_hash")));
        HashSet<int> senders = [];
        ulong weight = 0;
        foreach (JsonElement vote in certificate.GetProperty("votes").EnumerateArray())
        {
            int sender = chain.IndexOf(vote, "sender");
            Assert.True(senders.Add(sender));
            weight += chain.Genesis.Members[sender].Weight;
            MessageKind kind = committed ? MessageKind.Commit
                : sender == committee.Leader(epoch, view) ? MessageKind.PrePrepare : MessageKind.Prepare;
            SignedHeader voted = new(kind, sender, epoch, view, last.Sequence, last.Hash);
            Assert.True(chain.IsSigned(voted, vote.GetProperty("signature")));
            Assert.False(chain.IsSigned(voted with { View = voted.View + 1 }, vote.GetProperty("signature")));
        }

        Assert.True(weight >= (committed ? committee.Quorum : committee.Total));
    }

    private async Task CheckErrorsAsync(NodeProcess node)
    {
        string unknown = Hash256.Of("nothing"u8).ToString();
        await GetAsync(node, $"/v1/transactions/{unknown}", 404);
        await GetAsync(node, $"/v1/vertices/{unknown}", 404);
        await GetAsync(node, "/v1/blocks/1000000", 404);
        await GetAsync(node, "/v1/nothing", 404);
        await GetAsync(node, "/v1/blocks/x", 400);
        await PostAsync(node, "/v1/transactions", new byte[Limits.MaxTransactionBytes + 1], "application/octet-stream", 413);
        await PostAsync(node, "/v1/transactions/batch", new byte[(int)Limits.MaxVertexPayloadBytes + 1], "application/octet-stream", 413);
        await PostAsync(node, "/v1/transactions", "x"u8.ToArray(), "text/plain", 415);
        JsonElement kind = await PostAsync(node, "/v1/transactions?kind=3", "x"u8.ToArray(), null, 400);
        Assert.Equal("urn:validator:problem:kind-refused", kind.GetProperty("type").GetString());
    }

    /// <summary>Reads in parts, each resumed by Last-Event-ID at the other validator, while more becomes final.</summary>
    private async Task CheckStreamAsync(NodeProcess home, NodeProcess away)
    {
        const int total = 400;
        Task submitting = Task.Run(async () =>
        {
            for (int i = 0; i < 20; i++)
            {
                byte[] framed = new byte[20 * 9];
                for (int j = 0; j < 20; j++)
                {
                    framed[j * 9] = 4;
                    BinaryPrimitives.WriteInt32LittleEndian(framed.AsSpan((j * 9) + 5), 1000 + (i * 20) + j);
                }

                await PostAsync(i % 2 == 0 ? home : away, "/v1/transactions/batch", framed, "application/octet-stream", 202);
                await Task.Delay(20);
            }
        });
        List<ulong> indices = [];
        HashSet<string> ids = [];
        foreach (int part in new[] { 1, 6, 50, 51, 200, total })
        {
            NodeProcess node = indices.Count % 2 == 0 ? home : away;
            await ReadEventsAsync(node, indices, ids, part);
        }

        await submitting;
        Assert.Equal(Enumerable.Range(0, total).Select(i => (ulong)i), indices);
        Assert.Equal(total, ids.Count);
    }

    private async Task ReadEventsAsync(NodeProcess node, List<ulong> indices, HashSet<string> ids, int until)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(30));
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(node.Api, "/v1/finalized?from=0"));
        if (indices.Count > 0)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", _lastEvent);
        }

        using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        using StreamReader reader = new(await response.Content.ReadAsStreamAsync(patience.Token));
        ulong id = 0;
        while (indices.Count < until)
        {
            string? line = await reader.ReadLineAsync(patience.Token);
            Assert.NotNull(line);
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                _lastEvent = line[4..];
                id = ulong.Parse(_lastEvent[(_lastEvent.IndexOf('-') + 1)..], CultureInfo.InvariantCulture);
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                JsonElement data = JsonDocument.Parse(line[6..]).RootElement;
                Assert.Equal(id, data.GetProperty("index").GetUInt64());
                byte[] bytes = data.GetProperty("bytes").GetBytesFromBase64();
                Assert.Equal(TransactionIds.Of([0, .. bytes]), HashOf(data, "id"));
                indices.Add(id);
                ids.Add(data.GetProperty("id").GetString()!);
            }
        }
    }

    private static void AssertFinal(JsonElement receipt, Hash256 id, ulong index)
    {
        Assert.Equal(("finalized", id.ToString()), (receipt.GetProperty("status").GetString(), receipt.GetProperty("id").GetString()));
        Assert.Equal(index, receipt.GetProperty("index").GetUInt64());
        Assert.True(receipt.GetProperty("block").GetUInt64() > 0);
    }

    private Task<JsonElement> GetAsync(NodeProcess node, string path, int expected) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(node.Api, path)), expected);

    private Task<JsonElement> PostJsonAsync(NodeProcess node, string path, string json, int expected) =>
        PostAsync(node, path, Encoding.UTF8.GetBytes(json), "application/json", expected);

    private Task<JsonElement> PostAsync(NodeProcess node, string path, byte[] body, string? type, int expected)
    {
        ByteArrayContent content = new(body);
        content.Headers.ContentType = type is null ? null : new(type);
        return SendAsync(new HttpRequestMessage(HttpMethod.Post, new Uri(node.Api, path)) { Content = content }, expected);
    }

    /// <summary>An answer with the expected status; errors are problem documents.</summary>
    private async Task<JsonElement> SendAsync(HttpRequestMessage request, int expected)
    {
        using (request)
        {
            using HttpResponseMessage response = await _http.SendAsync(request);
            string text = await response.Content.ReadAsStringAsync();
            Assert.True((HttpStatusCode)expected == response.StatusCode, $"{request.RequestUri}: {(int)response.StatusCode} {text}");
            JsonElement json = JsonDocument.Parse(text).RootElement;
            Assert.Equal(expected < 400 ? "application/json" : "application/problem+json", response.Content.Headers.ContentType!.MediaType);
            if (expected >= 400)
            {
                Assert.Equal(expected, json.GetProperty("status").GetInt32());
                Assert.StartsWith("urn:validator:problem:", json.GetProperty("type").GetString(), StringComparison.Ordinal);
                Assert.NotEmpty(json.GetProperty("detail").GetString()!);
            }

            return json;
        }
    }

    private static Hash256 IdOf(string text) => TransactionIds.Of([0, .. Encoding.UTF8.GetBytes(text)]);

    private static Hash256 HashOf(JsonElement json, string name)
    {
        Assert.True(Hash256.TryParse(json.GetProperty(name).GetString()!, out Hash256 hash));
        return hash;
    }

    /// <summary>What a client has: genesis, checked by its chain id.</summary>
    private sealed record Chain(Genesis Genesis, Hash256 Id)
    {
        public int IndexOf(JsonElement json, string name) =>
            Array.FindIndex(Genesis.Members, m => m.Name == json.GetProperty(name).GetString());

        public LaneTip[] Tips(JsonElement json, string name) =>
            [.. json.GetProperty(name).EnumerateArray().Select(t => new LaneTip(t.GetProperty("height").GetUInt64(), HashOf(t, "hash")))];

        public bool IsSigned(in SignedHeader header, JsonElement signature)
        {
            byte[] message = new byte[SignedHeaderCodec.PreimageBytes];
            SignedHeaderCodec.WritePreimage(header, Id, message);
            return MlDsa87.Verify(
                Genesis.Members[header.Sender].ConsensusKey, message, [(byte)header.Kind], signature.GetBytesFromBase64());
        }

        /// <summary>The block as told, whose hash must be the one that it gives.</summary>
        public Block BlockOf(JsonElement json)
        {
            Block block = BlockCodec.Seal(
                json.GetProperty("epoch").GetUInt64(), json.GetProperty("sequence").GetUInt64(), HashOf(json, "parent"),
                json.GetProperty("timestamp_micros").GetUInt64(), json.GetProperty("executed_sequence").GetUInt64(),
                HashOf(json, "executed_root"), HashOf(json, "next_committee"), Tips(json, "cut"));
            Assert.Equal(HashOf(json, "hash"), block.Hash);
            return block;
        }
    }
}
