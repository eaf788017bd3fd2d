using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Storage;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Host.Api;

public class EnvelopeSubmitTests
{
    // Protects clients that sign: a key is sent once, in any of three ways, and from then on envelopes alone are enough.
    [Theory]
    [InlineData("accounts")]
    [InlineData("json")]
    [InlineData("batch")]
    public async Task A_key_is_sent_once(string way)
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        byte[] envelope = EnvelopeSamples.Sign(0, 1, "pay"u8, FakeNode.ChainId);
        (int status, JsonElement body, _) = await api.PostAsync("/v1/transactions?kind=1", envelope);
        Assert.Equal((409, "urn:validator:problem:account-key-needed"), (status, body.GetProperty("type").GetString()));
        byte[] key = EnvelopeSamples.PublicKey(0);
        (status, body, _) = way switch
        {
            "accounts" => await api.PostAsync("/v1/accounts", key),
            "json" => await api.PostJsonAsync(
                "/v1/transactions",
                $"{{\"kind\":1,\"bytes\":\"{Convert.ToBase64String(envelope)}\",\"public_key\":\"{Convert.ToBase64String(key)}\"}}"),
            _ => await api.PostAsync(
                "/v1/transactions/batch",
                [.. EnvelopeSamples.Entry(TransactionKind.AccountKey, key), .. EnvelopeSamples.Entry(TransactionKind.Envelope, envelope)]),
        };
        Assert.True(status is 200 or 202, body.ToString());
        if (way == "accounts")
        {
            Assert.Equal(EnvelopeSamples.Account(0).ToString(), body.GetProperty("account").GetString());
        }

        (status, body, _) = await api.PostAsync("/v1/transactions?kind=1", envelope);
        Assert.Equal(202, status);
        Assert.Equal(Hash256.Of([1, .. envelope]).ToString(), body.GetProperty("id").GetString());
        Assert.Equal(EnvelopeSamples.Entry(TransactionKind.Envelope, envelope), api.Node.Submitted[^1]);
    }

    // Protects our vertices: what would make one invalid is refused before it gets there, by name, and nothing of its batch is
    // taken.
    [Fact]
    public async Task A_bad_envelope_ends_here()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        api.Node.Keys.Add(EnvelopeSamples.PublicKey(0));
        byte[] good = EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Sign(0, 1, "a"u8, FakeNode.ChainId));
        byte[] foreign = EnvelopeSamples.Entry(TransactionKind.Envelope, EnvelopeSamples.Sign(0, 2, "b"u8, Hash256.Zero));
        byte[] plain = EnvelopeSamples.Entry(TransactionKind.Opaque, "c"u8);
        byte[] key = EnvelopeSamples.Entry(TransactionKind.AccountKey, EnvelopeSamples.PublicKey(0));
        await Refused([.. good, .. plain, .. foreign], "bad-signature", "transaction 2");
        await Refused([.. good, .. EnvelopeSamples.Entry(TransactionKind.Envelope, "x"u8)], "bad-request", "transaction 1 is no envelope");
        await Refused([.. good, .. key], "bad-request", "stand before all");
        await Refused([.. EnvelopeSamples.Entry(TransactionKind.AccountKey, new byte[9]), .. plain], "bad-request", "2592 bytes");
        await Refused(key, "bad-request", "no transaction");
        Assert.Empty(api.Node.Submitted);

        // A key that none of them needs is kept, and goes no further.
        (int status, _, _) = await api.PostAsync("/v1/transactions/batch", [.. key, .. plain]);
        Assert.Equal(202, status);
        Assert.Equal(plain, api.Node.Submitted[0]);

        async Task Refused(byte[] batch, string name, string part)
        {
            (int refused, JsonElement body, _) = await api.PostAsync("/v1/transactions/batch", batch);
            Assert.Equal((400, $"urn:validator:problem:{name}"), (refused, body.GetProperty("type").GetString()));
            Assert.Contains(part, body.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
    }

    // Protects a client that lost its place: the account says which nonces are spent, and a receipt says why one was refused.
    [Fact]
    public async Task Nonces_are_shown()
    {
        await using ApiFixture api = await ApiFixture.StartAsync();
        Hash256 account = EnvelopeSamples.Account(0);
        (int status, JsonElement body) = await api.GetAsync($"/v1/accounts/{account}");
        Assert.Equal(404, status);
        api.Node.Accounts[account] = new AccountState(41, 0xb);
        (_, body) = await api.GetAsync($"/v1/accounts/{account}");
        Assert.Equal((41UL, "000000000000000b", false), (
            body.GetProperty("highest_nonce").GetUInt64(), body.GetProperty("recent").GetString(), body.GetProperty("key_held").GetBoolean()));
        api.Node.Known[account] = new TransactionState(TransactionStage.Rejected, 0, 9, TransactionRejection.NonceUsed);
        (_, body) = await api.GetAsync($"/v1/transactions/{account}");
        Assert.Equal(("rejected", "nonce_used"), (body.GetProperty("status").GetString(), body.GetProperty("reason").GetString()));
        Assert.False(body.TryGetProperty("first_index", out _));
    }

    // Protects memory: keys beyond the limit push out the least recently used, never one in use.
    [Fact]
    public void Keys_are_bounded()
    {
        ClientKeys keys = new(2);
        Hash256[] accounts = [.. Enumerable.Range(0, 3).Select(EnvelopeSamples.Account)];
        keys.Add(EnvelopeSamples.PublicKey(0));
        keys.Add(EnvelopeSamples.PublicKey(1));
        Assert.Equal(EnvelopeSamples.PublicKey(0), keys.Find(accounts[0]));
        keys.Add(EnvelopeSamples.PublicKey(2));
        Assert.Equal((true, false, true), (keys.Find(accounts[0]) is not null, keys.Find(accounts[1]) is not null, keys.Find(accounts[2]) is not null));
    }
}
