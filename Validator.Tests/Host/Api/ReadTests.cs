using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Api;

public class ReadTests
{
    private static readonly string SomeHash = Hash256.Of("x"u8).ToString();

    // Protects dashboards and probes: the status fields, and readiness with its reason.
    [Fact]
    public async Task Tells_status_and_readiness()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        (int status, JsonElement body) = await api.GetAsync("/v1/status");
        Assert.Equal((200, "node-1", 3), (status, body.GetProperty("node").GetString(), body.GetProperty("view").GetInt32()));
        Assert.Equal(0.25, body.GetProperty("peers")[0].GetProperty("rtt_ms").GetDouble());
        Assert.Equal(200, (await api.GetAsync("/v1/ready")).Status);
        api.Node.NotReadyReason = "2 of 3 needed are connected";
        (status, body) = await api.GetAsync("/v1/ready");
        Assert.Equal((503, "2 of 3 needed are connected"), (status, body.GetProperty("detail").GetString()));
        Assert.Equal(200, (await api.GetAsync("/v1/health")).Status);
    }

    // Protects lookups: what is known is found by id, and everything else is a problem document, unknown paths too.
    [Fact]
    public async Task Finds_transactions_and_says_what_is_missing()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Known[Hash256.Of("x"u8)] = new TransactionState(TransactionStage.Finalized, 5, 2, TransactionRejection.None);
        (int status, JsonElement body) = await api.GetAsync($"/v1/transactions/{SomeHash}");
        Assert.Equal((200, 5), (status, body.GetProperty("index").GetInt32()));
        foreach ((string path, int expected) in new[]
        {
            ($"/v1/transactions/{new string('0', 64)}", 404), ("/v1/transactions/zz", 400), ($"/v1/vertices/{SomeHash}", 404),
            ("/v1/vertices/1", 400), ("/v1/blocks/9", 404), ("/v1/blocks/0", 400), ("/v1/blocks/-1", 400), ("/nothing", 404),
            ("/v1/transactions/batch", 400),
        })
        {
            (status, body) = await api.GetAsync(path);
            Assert.Equal((path, expected), (path, status));
            Assert.Equal(expected, body.GetProperty("status").GetInt32());
        }

        api.Node.FirstBlock = 8;
        (status, body) = await api.GetAsync("/v1/blocks/7");
        Assert.Equal((410, 8), (status, body.GetProperty("first_block").GetInt32()));
        using HttpResponseMessage wrong = await api.Client.DeleteAsync(new Uri("/v1/status", UriKind.Relative));
        Assert.Equal((405, "application/problem+json"), ((int)wrong.StatusCode, wrong.Content.Headers.ContentType!.MediaType));
    }

    // Protects light clients: a block comes with the certificate that covers it and every block up to the certified one.
    [Fact]
    public async Task A_block_comes_with_its_proof()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        Block first = Block(4, Hash256.Of("3"u8));
        Block second = Block(5, first.Hash);
        Certificate certificate = new()
        {
            Phase = Phase.Committed,
            Epoch = 0,
            View = 1,
            Sequence = 5,
            BlockHash = second.Hash,
            Votes = [new CertificateVote(0, [1, 2]), new CertificateVote(1, [3])],
        };
        api.Node.Block = new StoredBlock(first, [second], certificate, 40, 2, Hash256.Of("r"u8));
        (int status, JsonElement body) = await api.GetAsync("/v1/blocks/4");
        Assert.Equal((200, 40), (status, body.GetProperty("first_index").GetInt32()));
        Assert.Equal(first.Hash.ToString(), body.GetProperty("descendants")[0].GetProperty("parent").GetString());
        JsonElement proof = body.GetProperty("certificate");
        Assert.Equal(second.Hash.ToString(), proof.GetProperty("block_hash").GetString());
        Assert.Equal(["node-1", "node-2"], proof.GetProperty("votes").EnumerateArray().Select(v => v.GetProperty("sender").GetString()!));
    }

    // Protects vertex reads: header by default, payload only when asked.
    [Fact]
    public async Task A_vertex_comes_with_its_payload_when_asked()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        VertexHeader header = new()
        {
            Epoch = 0,
            Author = 1,
            Height = 8,
            Predecessor = Hash256.Zero,
            Parents = [default, default],
            TransactionRoot = Hash256.Zero,
            PayloadBytes = 6,
            TransactionCount = 1,
            Hash = Hash256.Of("x"u8),
        };
        api.Node.Vertex = new StoredVertex(header, [9], [1, 0, 0, 0, 0, 65]);
        (int status, JsonElement body) = await api.GetAsync($"/v1/vertices/{SomeHash}");
        Assert.Equal((200, "node-2", 8), (status, body.GetProperty("author").GetString(), body.GetProperty("height").GetInt32()));
        Assert.False(body.TryGetProperty("payload", out _));
        (_, body) = await api.GetAsync($"/v1/vertices/{SomeHash}?payload=true");
        Assert.Equal(6, body.GetProperty("payload").GetBytesFromBase64().Length);
    }

    private static Block Block(ulong sequence, Hash256 parent) => new()
    {
        Epoch = 0,
        Sequence = sequence,
        Parent = parent,
        TimestampMicros = 1,
        ExecutedSequence = 0,
        ExecutedRoot = Hash256.Zero,
        NextCommittee = Hash256.Zero,
        Cut = [default, default],
        Hash = Hash256.Of([(byte)sequence]),
    };
}
