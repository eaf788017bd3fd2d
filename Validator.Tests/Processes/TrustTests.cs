using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>Trust with real validators: what a newcomer sees of it, and that it outlives processes and ledgers.</summary>
[Collection(nameof(ProcessTests))]
public sealed partial class TrustTests
{
    // Protects: a member that signs two votes is found out by the others, which lose neither order nor pace: proof is executed,
    // reputation and stake go, and the epoch's end bans it. And the report that tells it, with strong finality beside finality.
    [Fact]
    public async Task A_double_vote_is_proven_slashed_and_banned_within_the_run()
    {
        using TempFolder folder = new();
        string report = Path.Combine(folder.Path, "report.json");
        (int code, string output) = await ProcessCluster.RunAsync(
            "localnet", "--trust", "--villain", "double-vote", "--rate", "200", "--duration", "30s", "--report", report);
        Assert.True(code == 0, output);
        using JsonDocument document = JsonDocument.Parse(await File.ReadAllTextAsync(report));
        JsonElement trust = document.RootElement.GetProperty("trust");
        Assert.InRange(trust.GetProperty("detected_s").GetDouble(), 0, 20);
        Assert.Equal(1, trust.GetProperty("reputation_before").GetDouble());
        Assert.InRange(trust.GetProperty("reputation_after").GetDouble(), 0, 0.3);
        Assert.InRange(trust.GetProperty("slashed").GetUInt64(), 15_000UL, 100_000UL);
        Assert.InRange(document.RootElement.GetProperty("finality_ms").GetProperty("p99").GetDouble(), 1, 10_000);
        Assert.InRange(document.RootElement.GetProperty("strong_finality_p99_ms").GetDouble(), 1, 10_000);
        Assert.Matches(@"finality +p50 .* p99 .* strong p99 \d", output);
        Assert.True(trust.GetProperty("banned").GetBoolean(), output);
        JsonElement weights = trust.GetProperty("weights");
        Assert.Equal(0, weights.GetProperty("node-5").GetDouble());
        Assert.Equal(25, weights.GetProperty("node-1").GetDouble());
        Assert.Matches(@"good: one order everywhere", output);
    }

    // Protects those who follow a leader that sends one block to three and another to the fourth: each finds it, lists it, counts
    // it and sees it resolved; the certificate does that where three hold the same, so the median is milliseconds; the fourth
    // takes a change of view, which a loaded machine stretches. Order and transactions stay whole, and the liar pays.
    [Fact]
    public async Task Two_proposals_of_a_leader_are_found_listed_and_resolved()
    {
        using TempFolder folder = new();
        string report = Path.Combine(folder.Path, "report.json");
        (int code, string output) = await ProcessCluster.RunAsync(
            "localnet", "--trust", "--villain", "double-proposal", "--rate", "200", "--duration", "30s", "--report", report);
        Assert.True(code == 0, output);
        using JsonDocument document = JsonDocument.Parse(await File.ReadAllTextAsync(report));
        JsonElement trust = document.RootElement.GetProperty("trust"), forks = document.RootElement.GetProperty("forks");
        Assert.Equal("node-2", trust.GetProperty("villain").GetString());
        Assert.InRange(trust.GetProperty("detected_s").GetDouble(), 0, 25);
        Assert.InRange(trust.GetProperty("reputation_after").GetDouble(), 0, 0.6);
        Assert.InRange(trust.GetProperty("slashed").GetUInt64(), 20_000UL, 100_000UL);
        Assert.InRange(forks.GetProperty("kinds").GetProperty("two_proposals").GetInt32(), 4, 4 * 16);
        Assert.Equal(0, forks.GetProperty("active").GetInt32() + forks.GetProperty("failed").GetInt32());
        Assert.InRange(forks.GetProperty("outcomes").GetProperty("certified").GetInt32(), 3, 4 * 16);
        Assert.InRange(forks.GetProperty("median_s").GetDouble(), 0, 2);
        Assert.Matches(@"forks +found .*two_proposals +became .*certified", output);
        Assert.Matches(@"good: one order everywhere", output);
    }

    // Protects: stake is moved by signed operations alone, once, or refused with a reason; and what members and accounts have
    // is the same everywhere, after a kill, a clean stop, which writes out all that a kill leaves to the log, and at one that
    // lost its ledger and took a snapshot.
    [Fact]
    public async Task Stake_outlives_kills_and_comes_by_snapshot()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(4, trust: true);
        foreach (NodeProcess node in cluster.Nodes)
        {
            cluster.Configure(node, "storage", "retain_blocks = 100\nsnapshot_blocks = 40");
        }

        await cluster.StartAllAsync();
        string key = Path.Combine(cluster.Cluster.Directory, "stake.key"), api = cluster.Nodes[0].Api.ToString().TrimEnd('/');
        string account = (await Good("account", "show", "--key", key)).Trim();
        await Good("stake", "deposit", "--key", key, "--member", "node-2", "--amount", "40000", "--api", api);
        await Good("stake", "withdraw", "--key", key, "--member", "node-3", "--amount", "5000", "--api", api);
        (int code, string refused) = await ProcessCluster.RunAsync(
            "stake", "transfer", "--key", key, "--to", new string('7', 64), "--amount", "70000", "--api", api);
        Assert.Equal(1, code);
        Assert.Contains("rejected: too_little_balance", refused);
        await Good("stake", "transfer", "--key", key, "--to", new string('7', 64), "--amount", "60000", "--api", api);
        string shown = await Good("stake", "show", account, "--api", api);
        Assert.Matches(@"""balance"": 0\b", shown);
        Assert.Contains("\"unbonding\"", shown);
        Assert.Contains("\"kind\": \"withdraw\"", shown);
        Assert.Contains("60000", await Good("stake", "history", new string('7', 64), "--api", api));

        NodeProcess killed = cluster.Nodes[1], stopped = cluster.Nodes[2], lost = cluster.Nodes[3];
        killed.Kill();
        killed.Start();
        await cluster.Cluster.WaitReadyAsync([killed], ProcessCluster.Patience);
        Assert.True(await stopped.StopAsync(ProcessCluster.Patience));
        stopped.Start();
        await cluster.Cluster.WaitReadyAsync([stopped], ProcessCluster.Patience);
        lost.Kill();
        Directory.Delete(Path.Combine(LocalCluster.StorePath(lost), "ledger"), recursive: true);
        while ((await cluster.StatusAsync(cluster.Nodes[0])).Epoch == 0)
        {
            await cluster.SubmitFinalAsync(cluster.Nodes[0], Guid.NewGuid().ToByteArray());
        }

        lost.Start();
        await ProcessCluster.UntilAsync("all tell the same of trust and stake", ProcessCluster.Patience, async () =>
        {
            await cluster.SubmitFinalAsync(cluster.Nodes[0], Guid.NewGuid().ToByteArray());
            string?[] told = await Task.WhenAll(cluster.Nodes.Select(n => TellAsync(cluster, n, account)));
            return told.All(t => t is not null && t == told[0]);
        });
        Assert.Contains("fetching the snapshot", lost.LogTail(400));
        Assert.Contains("\"rewarded\"", await Good("stake", "rewards", "--api", api));
        string all = await Good("trust", "show", "--api", api);
        Assert.Contains("\"fewest_that_can_halt\": 2", all);
        Assert.Contains("\"fewest_that_can_fork\": 2", all);
        Assert.Contains("\"weights\": \"trust\"", all);
        await Good("evidence", "list", "--api", api);
    }

    /// <summary>All but which block it is after.</summary>
    private static async Task<string?> TellAsync(ProcessCluster cluster, NodeProcess node, string account)
    {
        string? trust = await cluster.Cluster.GetAsync(node, "/v1/trust");
        string? stake = await cluster.Cluster.GetAsync(node, $"/v1/stake/{account}");
        if (trust is null || stake is null)
        {
            return null;
        }

        // A history begins with the snapshot that a validator came by.
        using JsonDocument document = JsonDocument.Parse(stake);
        string positions = document.RootElement.GetProperty("positions").ToString();
        ulong balance = document.RootElement.GetProperty("balance").GetUInt64();
        return string.Create(CultureInfo.InvariantCulture, $"{BlockNumber().Replace(trust, "")} {positions} {balance}");
    }

    private static async Task<string> Good(params string[] arguments)
    {
        (int code, string output) = await ProcessCluster.RunAsync(arguments);
        Assert.True(code == 0, $"{string.Join(' ', arguments)}: {code}\n{output}");
        return output;
    }

    [GeneratedRegex(@"""block"":\d+")]
    private static partial Regex BlockNumber();
}
