using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Host.Storage;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Host.Api;

/// <summary>What the API tells of trust and stake.</summary>
public sealed class TrustApiTests
{
    private static readonly Hash256 s_account = Hash256.Of("account"u8);

    // Protects operators' judgement: W, F and q are those of the committee, and the fewest members that can halt or fork are
    // reckoned from the heaviest down.
    [Fact]
    public async Task Trust_says_what_the_weights_mean()
    {
        await using ApiFixture api = await StartAsync([30, 20, 20, 20, 10]);
        (int status, JsonElement body) = await api.GetAsync("/v1/trust");
        Assert.Equal(200, status);
        Assert.Equal((100, 33, 67), (Number(body, "total_weight"), Number(body, "faulty_weight"), Number(body, "quorum_weight")));
        // 34 of 100 halt, and as many fork: the heaviest and another.
        Assert.Equal((2, 2), (Number(body, "fewest_that_can_halt"), Number(body, "fewest_that_can_fork")));
        Assert.Equal("trust", body.GetProperty("weights").GetString());
        JsonElement[] members = [.. body.GetProperty("members").EnumerateArray()];
        Assert.Equal(["node-1", "node-2", "node-3", "node-4"], members.Select(m => m.GetProperty("name").GetString()));
        Assert.Equal(0.25, members[1].GetProperty("reputation").GetDouble());
        Assert.True(members[3].GetProperty("banned").GetBoolean());
    }

    // Protects accounts' books: what they have, and each entry of the history once, a page at a time, the newest first, also
    // where a page ends within a block; what a slash of its member took from the account is among them, as its own loss.
    [Fact]
    public async Task History_is_read_in_pages()
    {
        await using ApiFixture api = await StartAsync([1, 1, 1, 1]);
        AccountParts parts = new(7, [new AccountPart("node-2", 0, new StakeValue(50))]);
        PoolChange slash = new("node-2", 0, new StakeValue(100, 100), new StakeValue(94, 100));
        api.Node.Events.Add(new StoredTrustEvent(
            10, 0, new TrustEvent(TrustEventKind.Offence, "node-2", Amount: 6, Before: Ratio.One, After: Ratio.One / 2,
                Offence: Offence.DoubleCommit),
            new StakeTrace(77, [slash], null)));
        for (uint place = 9; place > 0; place--)
        {
            api.Node.Events.Add(new StoredTrustEvent(
                place / 5, place, new TrustEvent(TrustEventKind.Transfer, "", s_account, Hash256.Of([1]), Amount: place),
                new StakeTrace(5, [], parts with { Balance = 16 - place })));
        }

        List<JsonElement> seen = [];
        string query = "";
        while (true)
        {
            (int status, JsonElement page) = await api.GetAsync($"/v1/stake/{s_account}?limit=4{query}");
            Assert.Equal((200, 7), (status, Number(page, "balance")));
            seen.AddRange(page.GetProperty("events").EnumerateArray());
            if (!page.TryGetProperty("next_before", out JsonElement next))
            {
                break;
            }

            query = $"&before={next.GetString()}";
        }

        Assert.Equal([3, 9, 8, 7, 6, 5, 4, 3, 2, 1], seen.Select(e => Number(e, "amount")));
        Assert.Equal(
            ("slashed", "double_commit", -3, 77),
            (seen[0].GetProperty("kind").GetString(), seen[0].GetProperty("offence").GetString(),
                Number(seen[0], "deposited_change"), Number(seen[0], "time_micros")));
        Assert.Equal(7, seen.Sum(e => Number(e, "balance_change")));
        (_, JsonElement evidence) = await api.GetAsync("/v1/evidence");
        JsonElement offence = Assert.Single(evidence.GetProperty("events").EnumerateArray());
        Assert.Equal(("double_commit", 6), (offence.GetProperty("offence").GetString(), Number(offence, "slashed")));
        Assert.Equal(0.5, offence.GetProperty("reputation_after").GetDouble());
        (_, JsonElement member) = await api.GetAsync("/v1/trust/node-2");
        Assert.Single(member.GetProperty("events").EnumerateArray());
        foreach (string wrong in (string[])["-1", "5.", ".5", "5.x", "5.1.1", ""])
        {
            Assert.Equal((wrong, 400), (wrong, (await api.GetAsync($"/v1/stake/{s_account}?before={wrong}")).Status));
        }
    }

    // Protects clients from silence: a chain without trust says so, and what is asked wrongly says what is expected.
    [Fact]
    public async Task What_cannot_be_told_says_why()
    {
        await using ApiFixture api = await StartAsync([1, 1, 1, 1]);
        foreach (string wrong in (string[])["/v1/stake/7", "/v1/trust/node-1?limit=0", "/v1/trust/node-1?limit=1001",
            "/v1/rewards?before=-1", "/v1/trust?limit=3"])
        {
            Assert.Equal((wrong, 400), (wrong, (await api.GetAsync(wrong)).Status));
        }

        Assert.Equal(404, (await api.GetAsync("/v1/trust/nobody")).Status);
        api.Node.Trust = null;
        foreach (
            string path in (string[])["/v1/trust", "/v1/trust/node-1", $"/v1/stake/{s_account}", "/v1/rewards", "/v1/evidence"])
        {
            (int status, JsonElement body) = await api.GetAsync(path);
            Assert.Equal((404, "urn:validator:problem:trust-off"), (status, body.GetProperty("type").GetString()));
        }
    }

    private static async Task<ApiFixture> StartAsync(uint[] weights)
    {
        ApiFixture api = await ApiFixture.StartAsync();
        Member[] members = [
            .. weights.Select((weight, i) => GenesisSamples.Member($"node-{i + 1}", (byte)(1 + (2 * i)), weight))];
        api.Node.Epoch = EpochConfiguration.First(GenesisSamples.Four() with { Members = members }, Hash256.Of("chain"u8));
        api.Node.Trust = FakeNode.SampleTrust();
        return api;
    }

    private static int Number(JsonElement element, string name) => element.GetProperty(name).GetInt32();
}
