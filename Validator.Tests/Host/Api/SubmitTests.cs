using System.Text;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Host.Api;
using Validator.Host.Contracts;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Api;

public class SubmitTests
{
    // Protects clients' promises: 202 with the id once durable, 200 with index and block once final, and the same bytes handed
    // on.
    [Fact]
    public async Task Answers_durable_then_final()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        string id = Hash256.Of("\u0000hello"u8).ToString();

        (int status, JsonElement body, _) = await api.PostAsync("/v1/transactions", "hello"u8.ToArray());
        Assert.Equal((202, id, "durable"), (status, body.GetProperty("id").GetString(), body.GetProperty("status").GetString()));
        Assert.Equal([5, 0, 0, 0, 0, .. "hello"u8], api.Node.Submitted[0]);

        (status, body, _) = await api.PostJsonAsync("/v1/transactions?wait=finalized", "{\"kind\":0,\"bytes\":\"aGVsbG8=\"}");
        Assert.Equal((200, id, 100, 7), (status, body.GetProperty("id").GetString(), body.GetProperty("index").GetInt32(), body.GetProperty("block").GetInt32()));
    }

    // Protects clients that wait for strong finality: 200 once the level that is asked for has come, also where it is asked for
    // more meanwhile, and 202 with what is final already where it does not come in time.
    [Fact]
    public async Task Strong_waits_for_the_level_that_is_asked_for()
    {
        await using ApiFixture api = await ApiFixture.StartAsync(new ApiOptions { WaitTimeout = TimeSpan.FromSeconds(1) });
        (int status, JsonElement body, _) = await api.PostAsync("/v1/transactions?wait=strong", [1]);
        Assert.Equal((202, "finalized", "final"), Told());
        api.Node.Finality.Raise(FinalityLevel.Strong67, 7);
        (status, body, _) = await api.PostAsync("/v1/transactions?wait=strong", [1]);
        Assert.Equal((200, "finalized", "strong67"), Told());
        api.Node.StrongLevel = FinalityLevel.Strong75;
        (status, body, _) = await api.PostAsync("/v1/transactions?wait=strong", [1]);
        Assert.Equal((202, "finalized", "strong67"), Told());
        (status, body, _) = await api.PostAsync("/v1/transactions?wait=finalized", [1]);
        Assert.Equal((200, "finalized", "strong67"), Told());
        api.Node.FinalIsStrong = true;
        (status, body, _) = await api.PostAsync("/v1/transactions?wait=finalized", [1]);
        Assert.Equal((202, "finalized", "strong67"), Told());
        (status, body, _) = await api.PostAsync("/v1/transactions", [1]);
        Assert.Equal(202, status);
        Assert.False(body.TryGetProperty("finality", out _));

        const string batch = "/v1/transactions/batch?wait=strong";
        Task<(int Status, JsonElement Body, HttpResponseMessage)> waiting = api.PostJsonAsync(batch, "[\"QQ==\",\"Qg==\"]");
        await Task.Delay(50);
        api.Node.StrongLevel = FinalityLevel.Strong82;
        api.Node.Finality.Raise(FinalityLevel.Strong75, 8);
        await Task.Delay(50);
        Assert.False(waiting.IsCompleted);
        api.Node.Finality.Raise(FinalityLevel.Strong82, 8);
        (status, body, _) = await waiting;
        body = body.GetProperty("transactions")[1];
        Assert.Equal((200, "finalized", "strong82"), Told());

        (int, string?, string?) Told() =>
            (status, body.GetProperty("status").GetString(), body.GetProperty("finality").GetString());
    }

    // Protects a client that repeats itself: the receipt names the first index.
    [Fact]
    public async Task A_repeat_names_the_first_index()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Complete = submission =>
        {
            submission.CompleteDurable(Hash256.Zero);
            submission.SetState(0, new TransactionState(TransactionStage.Rejected, 41, 9, TransactionRejection.Repeat));
            submission.CompleteFinal();
        };
        (int status, JsonElement body, _) = await api.PostAsync("/v1/transactions?wait=finalized", [1]);
        Assert.Equal((200, "rejected", "repeat", 41), (
            status, body.GetProperty("status").GetString(), body.GetProperty("reason").GetString(), body.GetProperty("first_index").GetInt32()));
    }

    // Protects batches: both forms frame to the same payload, with one answer for all.
    [Fact]
    public async Task Batches_are_one_submission()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        byte[] framed = [1, 0, 0, 0, 0, 65, 2, 0, 0, 0, 0, 66, 67];
        (int status, JsonElement body, _) = await api.PostAsync("/v1/transactions/batch", framed);
        Assert.Equal((202, 2), (status, body.GetProperty("count").GetInt32()));
        Assert.Equal(Hash256.Of([0, 66, 67]).ToString(), body.GetProperty("transactions")[1].GetProperty("id").GetString());

        (status, body, _) = await api.PostJsonAsync("/v1/transactions/batch?wait=finalized", "[\"QQ==\", {\"bytes\":\"QkM=\",\"kind\":0}]");
        Assert.Equal((200, 101), (status, body.GetProperty("transactions")[1].GetProperty("index").GetInt32()));
        Assert.Equal(framed, api.Node.Submitted[0]);
        Assert.Equal(framed, api.Node.Submitted[1]);

        (_, body, _) = await api.PostAsync("/v1/transactions/batch?ids=false", framed);
        Assert.False(body.TryGetProperty("transactions", out _));
    }

    // Protects against bad input: each fault has its status and a sentence, and nothing reaches the node.
    [Theory]
    [InlineData("/v1/transactions", "application/octet-stream", "", 400, "at least one byte")]
    [InlineData("/v1/transactions?wait=never", "application/octet-stream", "x", 400, "?wait=")]
    [InlineData("/v1/transactions?kind=2", "application/octet-stream", "x", 400, "alone in its request")]
    [InlineData("/v1/transactions", "application/json", "{\"bytes\":\"!\"}", 400, "base64")]
    [InlineData("/v1/transactions", "application/json", "{\"data\":\"QQ==\"}", 400, "unknown field 'data'")]
    [InlineData("/v1/transactions", "application/json", "{\"kind\":1}", 400, "bytes is missing")]
    [InlineData("/v1/transactions", "application/json", "{\"bytes\":", 400, "not valid JSON")]
    [InlineData("/v1/transactions", "application/json", "{\"bytes\":\"\"}", 400, "at least one byte")]
    [InlineData("/v1/transactions/batch", "application/json", "{}", 400, "expected an array")]
    [InlineData("/v1/transactions/batch", "application/json", "[]", 400, "no transaction")]
    [InlineData("/v1/transactions/batch", "application/octet-stream", "abc", 400, "cut short")]
    [InlineData("/v1/transactions/batch", "application/octet-stream", "\u0009\0\0\0\0abc", 400, "cut short")]
    public async Task Refuses_what_it_does_not_understand(string path, string type, string text, int expected, string part)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        (int status, JsonElement body, HttpResponseMessage response) = await api.PostAsync(path, Encoding.UTF8.GetBytes(text), type);
        Assert.Equal(expected, status);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal(expected, body.GetProperty("status").GetInt32());
        Assert.Contains(part, body.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Empty(api.Node.Submitted);
    }

    // Protects clients that are ahead of this version: an unknown kind is refused by a name that a program can switch on, in
    // every form of a submission; and what is neither raw bytes nor JSON is not ordered as if it were.
    [Theory]
    [InlineData("/v1/transactions?kind=3", "application/octet-stream", "x", 400, "kind-refused")]
    [InlineData("/v1/transactions", "application/json", "{\"kind\":3,\"bytes\":\"QQ==\"}", 400, "kind-refused")]
    [InlineData("/v1/transactions/batch", "application/octet-stream", "\u0001\0\0\0\u0003A", 400, "kind-refused")]
    [InlineData("/v1/transactions/batch", "application/json", "[{\"bytes\":\"QQ==\",\"kind\":3}]", 400, "kind-refused")]
    [InlineData("/v1/transactions", "text/plain", "x", 415, "unsupported-media-type")]
    [InlineData("/v1/transactions/batch", "application/x-www-form-urlencoded", "x", 415, "unsupported-media-type")]
    public async Task Names_what_this_version_does_not_take(string path, string type, string text, int expected, string name)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        (int status, JsonElement body, HttpResponseMessage response) = await api.PostAsync(path, Encoding.UTF8.GetBytes(text), type);
        Assert.Equal((expected, expected), (status, body.GetProperty("status").GetInt32()));
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal($"urn:validator:problem:{name}", body.GetProperty("type").GetString());
        Assert.Empty(api.Node.Submitted);
    }

    // Protects memory: bodies beyond the limits are refused with 413, announced or not.
    [Theory]
    [InlineData("/v1/transactions", Limits.MaxTransactionBytes + 1, false)]
    [InlineData("/v1/transactions", Limits.MaxTransactionBytes + 1, true)]
    [InlineData("/v1/transactions/batch", Limits.MaxVertexPayloadBytes + 1, false)]
    [InlineData("/v1/transactions/batch", (4 * Limits.MaxVertexPayloadBytes) + 1, true)]
    public async Task Refuses_bodies_beyond_the_limit(string path, int size, bool chunked)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = new ByteArrayContent(new byte[size]) };
        request.Headers.TransferEncodingChunked = chunked;
        using HttpResponseMessage response = await api.Client.SendAsync(request);
        Assert.Equal(413, (int)response.StatusCode);
        Assert.Empty(api.Node.Submitted);
    }

    // Protects the largest allowed transaction and batch.
    [Fact]
    public async Task Takes_the_largest()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        Assert.Equal(202, (await api.PostAsync("/v1/transactions", new byte[Limits.MaxTransactionBytes])).Status);
        string large = Convert.ToBase64String(new byte[Limits.MaxTransactionBytes]);
        Assert.Equal(202, (await api.PostJsonAsync("/v1/transactions/batch", $"[{string.Join(',', Enumerable.Repeat($"\"{large}\"", 7))}]")).Status);
    }

    // Protects the node under pressure: a full queue answers 429 with Retry-After; not ready, draining and not signing 503; and a
    // client from a promise that execution would not keep.
    [Theory]
    [InlineData(SubmitRefusal.Full, 429, "queue-full", "2")]
    [InlineData(SubmitRefusal.NotReady, 503, "not-ready", "1")]
    [InlineData(SubmitRefusal.Draining, 503, "not-ready", "1")]
    [InlineData(SubmitRefusal.NotSigning, 503, "not-ready", "1")]
    [InlineData(SubmitRefusal.LaneLost, 503, "not-ready", "1")]
    [InlineData(SubmitRefusal.NonceTooOld, 409, "nonce-too-old", null)]
    public async Task Says_when_it_cannot_take_more(SubmitRefusal refusal, int expected, string type, string? retryAfter)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Refusal = refusal;
        (int status, JsonElement body, HttpResponseMessage response) = await api.PostAsync("/v1/transactions", [1]);
        Assert.Equal(expected, status);
        Assert.Equal($"urn:validator:problem:{type}", body.GetProperty("type").GetString());
        Assert.Equal(retryAfter, response.Headers.TryGetValues("Retry-After", out IEnumerable<string>? values) ? values.Single() : null);
        Assert.Equal(1, api.Metrics.SubmissionsRefused[(int)refusal].Value);
    }

    // Protects clients of a validator that stands still: in each form of a submission they are sent elsewhere, told why, and when
    // to come again.
    [Theory]
    [InlineData("/v1/transactions", "application/octet-stream", "x")]
    [InlineData("/v1/transactions", "application/json", "{\"bytes\":\"QQ==\"}")]
    [InlineData("/v1/transactions/batch", "application/octet-stream", "\u0001\0\0\0\0A")]
    [InlineData("/v1/transactions/batch", "application/json", "[\"QQ==\"]")]
    public async Task Says_why_nothing_becomes_final(string path, string type, string text)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Refusal = SubmitRefusal.Stalled;
        api.Node.Stall = new Stall(StallCause.WaitingForTime, "nothing final for 9 s while work is pending: waiting for time", 9, 23);
        (int status, JsonElement body, HttpResponseMessage response) = await api.PostAsync(path, Encoding.UTF8.GetBytes(text), type);
        Assert.Equal((503, "urn:validator:problem:not-ready"), (status, body.GetProperty("type").GetString()));
        Assert.Equal("waiting_for_time", body.GetProperty("cause").GetString());
        Assert.StartsWith("nothing final for 9 s while work is pending: waiting for time; nothing was taken", body.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal("23", response.Headers.GetValues("Retry-After").Single());
        Assert.Equal(1, api.Metrics.SubmissionsRefused[(int)SubmitRefusal.Stalled].Value);
    }

    // Protects honesty about time: durable but not final in time is 202, not even durable is 504, a failed disk 503.
    [Fact]
    public async Task Says_how_far_it_came()
    {
        await using ApiFixture api = await ApiFixture.StartAsync(new ApiOptions { WaitTimeout = TimeSpan.FromMilliseconds(50) });
        api.Node.Complete = submission => submission.CompleteDurable(Hash256.Zero);
        (int status, JsonElement body, _) = await api.PostAsync("/v1/transactions?wait=finalized", [1]);
        Assert.Equal((202, "durable"), (status, body.GetProperty("status").GetString()));
        api.Node.Complete = _ => { };
        Assert.Equal(504, (await api.PostAsync("/v1/transactions", [1])).Status);
        api.Node.Complete = submission => submission.Fail(SubmissionFailure.StorageFailed);
        Assert.Equal(503, (await api.PostAsync("/v1/transactions", [1])).Status);
        api.Node.Complete = submission =>
        {
            submission.CompleteDurable(Hash256.Zero);
            submission.Fail(SubmissionFailure.LeftCommittee);
        };
        (status, body, _) = await api.PostAsync("/v1/transactions?wait=finalized", [1]);
        Assert.Equal((503, "urn:validator:problem:left-committee"), (status, body.GetProperty("type").GetString()));
    }
}
