using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Host.Pipeline;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>
/// A member that lies beside real validators, and what becomes of it: how soon its forks end, what clients are told meanwhile,
/// and how proof of it comes before the chain.
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class VillainTests
{
    // Protects the promise that a fork with a rule is over within two seconds while blocks go on, by each validator's own clock
    // and histogram. On a machine that stops everybody for a while it takes that while longer: it is measured and allowed.
    [Theory]
    [InlineData("twin-vertex", 4, "lane_twin")]
    [InlineData("double-proposal", 1, "two_proposals")]
    public async Task A_fork_is_over_within_two_seconds(string lie, int place, string kind)
    {
        const string histogram = "fork_detector_resolution_duration_seconds";
        await using ProcessCluster cluster = ProcessCluster.Create(5, epochLength: 50);
        NodeProcess[] honest = [.. cluster.Nodes.Where((_, i) => i != place)];
        Array.ForEach(honest, node => node.Start());
        await cluster.Cluster.WaitReadyAsync(honest, ProcessCluster.Patience);
        using StallWatch stalls = new();
        using (Villain villain = new(cluster.Cluster, cluster.Nodes[place], lie))
        {
            using CancellationTokenSource end = new();
            Task lying = villain.RunAsync(end.Token);
            await Abuse.ProbeAsync(cluster, honest, ProcessCluster.UntilAsync(
                "each has a fork behind it", ProcessCluster.Patience, async () =>
                {
                    double[] over = await Task.WhenAll(honest.Select(node => cluster.MetricAsync(node, histogram + "_count")));
                    return over.All(count => count >= 1);
                }));
            await end.CancelAsync();
            await lying;
        }

        await Abuse.ProbeAsync(cluster, honest, ProcessCluster.UntilAsync(
            "no fork is open", ProcessCluster.Patience, async () =>
            {
                double[] open = await Task.WhenAll(
                    honest.Select(node => cluster.MetricAsync(node, "fork_detector_active_forks")));
                return open.All(count => count == 0);
            }));
        double most = 2 + stalls.Longest.TotalSeconds;
        foreach (NodeProcess node in honest)
        {
            double[] took = await TookAsync(cluster, node, kind);
            Abuse.Print($"{node.Name}, {lie}: at most {took.Max():F3} s of {took.Length}, allowed {most:F3} s");
            Assert.InRange(took.Max(), 0, most);
            SortedDictionary<double, double> buckets =
                MetricsReader.Buckets(await cluster.Cluster.MetricsAsync(node), histogram);
            Assert.Equal(took.Count(seconds => seconds <= 2), buckets[2]);
            Assert.Equal(took.Length, buckets[double.PositiveInfinity]);
            Assert.Equal(0, await cluster.MetricAsync(node, "fork_detector_forks_failed_total"));
        }
    }

    // Protects a member that says nothing from being taken for a liar, and the others from waiting for it: nothing is proven of
    // it, its stake and reputation stay. Its weight too: of five equal ones nobody may weigh more than a fifth.
    [Fact]
    public async Task Nothing_is_proven_of_who_is_silent()
    {
        using TempFolder folder = new();
        string report = Path.Combine(folder.Path, "report.json");
        (int code, string output) = await ProcessCluster.RunAsync(
            "localnet", "--trust", "--villain", "silence", "--rate", "200", "--duration", "10s", "--report", report);
        Assert.True(code == 0, output);
        Assert.Matches("node-5 \\(silence\\): nothing proven", output);
        using JsonDocument document = JsonDocument.Parse(await File.ReadAllTextAsync(report));
        JsonElement trust = document.RootElement.GetProperty("trust");
        Assert.Equal(1, trust.GetProperty("reputation_after").GetDouble());
        Assert.Equal(0, trust.GetProperty("slashed").GetInt32());
        Assert.False(trust.GetProperty("banned").GetBoolean(), output);
        Assert.Equal(20, trust.GetProperty("weights").GetProperty("node-5").GetDouble());
    }

    // Protects uptime in a real cluster: an epoch in which a member's lane stands still takes a quarter of its uptime at all who
    // execute it, and nothing of those who are there.
    [Fact]
    public async Task Who_is_away_loses_uptime()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(epochLength: 30, trust: true);
        NodeProcess[] there = cluster.Nodes[..3];
        Array.ForEach(there, node => node.Start());
        await cluster.Cluster.WaitReadyAsync(there, ProcessCluster.Patience);
        await ProcessCluster.UntilAsync("an epoch long enough to tell is over", ProcessCluster.Patience, async () =>
        {
            // So slow that no epoch is shorter than a window's five seconds.
            await Task.WhenAll(there.Select(node => cluster.SubmitFinalAsync(node, Guid.NewGuid().ToByteArray())));
            await Task.Delay(TimeSpan.FromSeconds(1.5));
            double[] away = await Task.WhenAll(there.Select(node => UptimeAsync(node, cluster.Nodes[3])));
            return away.All(uptime => uptime < 1);
        });
        foreach (NodeProcess node in there)
        {
            Assert.Contains(Math.Round(await UptimeAsync(node, cluster.Nodes[3]), 4), (double[])[0.75, 0.5625]);
            Assert.Equal(1, await UptimeAsync(node, node));
            Assert.Equal(1, await cluster.MetricAsync(node, "reputation_score", $"\"{cluster.Nodes[3].Name}\""));
        }

        Task<double> UptimeAsync(NodeProcess node, NodeProcess of) =>
            cluster.MetricAsync(node, "reputation_uptime", $"\"{of.Name}\"");
    }

    // Protects clients of a validator that enforces the threat level: while a quarter of the weight is proven to lie, and keeps
    // away, "finalized" waits there for all of them, beside a validator that only reports and answers at once. It is answered as
    // soon as they have all executed it.
    [Fact]
    public async Task Finalized_waits_for_the_threat_level_where_it_is_enforced()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        NodeProcess enforces = cluster.Nodes[0], reports = cluster.Nodes[1], place = cluster.Nodes[3];
        cluster.Configure(enforces, "consensus", "adaptive = \"enforce\"");
        await cluster.StartAllAsync();
        Assert.True(await place.StopAsync(ProcessCluster.Patience));
        using HttpClient http = new() { Timeout = ProcessCluster.Patience };
        Assert.StartsWith("strong", await FinalityAsync(enforces), StringComparison.Ordinal);
        using (Villain villain = new(cluster.Cluster, place, "double-vote"))
        {
            using CancellationTokenSource end = new();
            Task lying = villain.RunAsync(end.Token);
            await ProcessCluster.UntilAsync("the level is high", ProcessCluster.Patience, async () =>
                (await cluster.StatusAsync(enforces)).Adaptive.Level == "high"
                && (await cluster.StatusAsync(reports)).Adaptive.Level == "high");
            await end.CancelAsync();
            await lying;
        }

        Assert.Equal("enforce", (await cluster.StatusAsync(enforces)).Adaptive.Mode);
        Task<string> waits = FinalityAsync(enforces);
        await cluster.SubmitFinalAsync(reports, Guid.NewGuid().ToByteArray());
        await Task.Delay(TimeSpan.FromSeconds(3));
        Assert.False(waits.IsCompleted, "it was answered although three of four cannot weigh 82 %");
        place.Start();
        await ProcessCluster.UntilAsync("all four have executed it", TimeSpan.FromSeconds(25), async () =>
        {
            await cluster.SubmitFinalAsync(reports, Guid.NewGuid().ToByteArray());
            return waits.IsCompleted;
        });
        Assert.Equal("strong82", await waits);

        async Task<string> FinalityAsync(NodeProcess node)
        {
            using HttpResponseMessage response = await http.PostAsync(
                new Uri(node.Api, "/v1/transactions?wait=finalized"), new ByteArrayContent(Guid.NewGuid().ToByteArray()));
            string body = await response.Content.ReadAsStringAsync();
            Assert.True(response.StatusCode == HttpStatusCode.OK, body);
            using JsonDocument document = JsonDocument.Parse(body);
            return document.RootElement.GetProperty("finality").GetString()!;
        }
    }

    // Protects proof that nobody could order when it was found: two validators without a quorum keep it on disk, are killed, and
    // hand it in after their start. It counts once, although both have it.
    [Fact]
    public async Task Proof_from_before_a_restart_counts_after_it()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(trust: true);
        NodeProcess[] hold = cluster.Nodes[..2];
        NodeProcess third = cluster.Nodes[2], place = cluster.Nodes[3];
        await cluster.StartAllAsync();
        Assert.True(await place.StopAsync(ProcessCluster.Patience));
        Assert.True(await third.StopAsync(ProcessCluster.Patience));
        using (Villain villain = new(cluster.Cluster, place, "double-vote"))
        {
            using CancellationTokenSource end = new();
            Task lying = villain.RunAsync(end.Token);
            await ProcessCluster.UntilAsync("both keep the proof", ProcessCluster.Patience, () => Task.FromResult(
                hold.All(node => Kept(node).Length > 0)));
            await end.CancelAsync();
            await lying;
        }

        Assert.Empty(await OffencesAsync(cluster, hold[0]));
        Array.ForEach(hold, node => node.Kill());
        HashSet<string> kept = [.. hold.SelectMany(Kept).Select(file => Path.GetFileName(file))];
        Array.ForEach(cluster.Nodes[..3], node => node.Start());
        await cluster.Cluster.WaitReadyAsync(cluster.Nodes[..3], ProcessCluster.Patience);
        foreach (NodeProcess node in cluster.Nodes[..3])
        {
            await ProcessCluster.UntilAsync("all that was kept counts", ProcessCluster.Patience, async () =>
            {
                await cluster.SubmitFinalAsync(node, Guid.NewGuid().ToByteArray());
                return (await OffencesAsync(cluster, node)).Length >= kept.Count;
            });
            JsonElement[] offences = await OffencesAsync(cluster, node);
            Assert.Equal(kept.Count, offences.Length);
            Assert.All(offences, offence => Assert.Equal(place.Name, offence.GetProperty("member").GetString()));
        }

        Assert.Contains(hold, node => node.LogTail(1000).Contains("two Commit, is submitted", StringComparison.Ordinal));

        static string[] Kept(NodeProcess node) =>
            Directory.Exists(Path.Combine(node.Directory, "evidence"))
                ? Directory.GetFiles(Path.Combine(node.Directory, "evidence"), "*.evidence") : [];
    }

    // Protects operators and depositors at the command line: a file of evidence counts once and against its own key alone, and is
    // slashed from who had deposited to that member; what was withdrawn is bound until its epoch, and then claimed, once, with
    // the rewards, to the unit.
    [Fact]
    public async Task Evidence_is_submitted_and_stake_is_claimed_by_command()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(epochLength: 20, trust: true);
        await cluster.StartAllAsync();
        NodeProcess node = cluster.Nodes[0], liar = cluster.Nodes[3];
        string folder = cluster.Cluster.Directory;
        string key = Path.Combine(folder, "stake.key"), evidence = Path.Combine(folder, "evidence");
        string[] api = ["--api", node.Api.ToString()];
        Genesis genesis = GenesisFile.Read(Path.Combine(folder, "genesis.json"), out Hash256 chainId);
        string[] members = Array.ConvertAll(genesis.Members, member => Path.Combine(folder, member.Name + ".member.json"));
        foreach ((Member member, string file) in genesis.Members.Zip(members))
        {
            GenesisFile.WriteMember(file, member);
        }

        await Run(1, "nothing_to_claim", ["stake", "claim", "--key", key, .. api]);
        await Run(0, "finalized", ["stake", "withdraw", "--key", key, "--member", "node-3", "--amount", "5000", .. api]);

        byte[] commits = TwoCommits(liar, 3, (await cluster.StatusAsync(node)).Epoch, chainId);
        await File.WriteAllBytesAsync(evidence, [.. commits[..^1], (byte)(commits[^1] ^ 1)]);
        await Run(1, "proof-unsigned", ["evidence", "submit", evidence, "--member", members[3], .. api]);
        await File.WriteAllBytesAsync(evidence, commits);
        await Run(1, "proof-without-effect", ["evidence", "submit", evidence, "--member", members[2], .. api]);
        await Run(0, "finalized", ["evidence", "submit", evidence, "--member", members[3], .. api]);
        await Run(1, "proof-without-effect", ["evidence", "submit", evidence, "--member", members[3], .. api]);
        JsonElement offence = Assert.Single(await OffencesAsync(cluster, node));
        Assert.Equal(liar.Name, offence.GetProperty("member").GetString());
        Assert.Equal(15_000UL, offence.GetProperty("slashed").GetUInt64());

        string account = (await Run(0, "", ["account", "show", "--key", key])).Trim();
        ulong bound = (await PositionsAsync()).Single(p => p.GetProperty("kind").GetString() == "unbonding")
            .GetProperty("paid_from_epoch").GetUInt64();
        while ((await cluster.StatusAsync(node)).Epoch < bound)
        {
            await cluster.SubmitFinalAsync(node, Guid.NewGuid().ToByteArray());
        }

        await Run(0, "finalized", ["stake", "claim", "--key", key, .. api]);
        Assert.DoesNotContain(await PositionsAsync(), p => p.GetProperty("kind").GetString() == "unbonding");
        using JsonDocument shown = JsonDocument.Parse((await cluster.Cluster.GetAsync(node, $"/v1/stake/{account}"))!);
        JsonElement claimed = shown.RootElement.GetProperty("events").EnumerateArray()
            .Single(e => e.GetProperty("kind").GetString() == "claim");
        ulong amount = claimed.GetProperty("amount").GetUInt64();
        Assert.InRange(amount, 5_001UL, 5_000 + ((bound + 1) * 1_000));
        Assert.Equal(-5_000, claimed.GetProperty("unbonding_change").GetInt64());
        Assert.Equal(100_000 + amount, shown.RootElement.GetProperty("balance").GetUInt64());

        async Task<JsonElement[]> PositionsAsync()
        {
            using JsonDocument document = JsonDocument.Parse((await cluster.Cluster.GetAsync(node, $"/v1/stake/{account}"))!);
            return [.. document.RootElement.GetProperty("positions").EnumerateArray().Select(p => p.Clone())];
        }
    }

    /// <summary>Seconds of each fork that is over, by the validator's list.</summary>
    private static async Task<double[]> TookAsync(ProcessCluster cluster, NodeProcess node, string kind)
    {
        using JsonDocument document = JsonDocument.Parse((await cluster.Cluster.GetAsync(node, "/v1/forks"))!);
        JsonElement[] forks = [.. document.RootElement.GetProperty("forks").EnumerateArray()];
        Assert.All(forks, fork => Assert.Equal(kind, fork.GetProperty("kind").GetString()));
        return Array.ConvertAll(forks, fork => fork.GetProperty("seconds").GetDouble());
    }

    private static async Task<JsonElement[]> OffencesAsync(ProcessCluster cluster, NodeProcess node)
    {
        using JsonDocument document = JsonDocument.Parse((await cluster.Cluster.GetAsync(node, "/v1/evidence"))!);
        return [.. document.RootElement.GetProperty("events").EnumerateArray()
            .Where(e => e.GetProperty("kind").GetString() == "offence").Select(e => e.Clone())];
    }

    /// <summary>Evidence as a validator keeps it, made with the member's own key.</summary>
    private static byte[] TwoCommits(NodeProcess member, int index, ulong epoch, Hash256 chainId)
    {
        NodeConfig config = ConfigLoader.Load(Path.Combine(member.Directory, "node.toml"), new Dictionary<string, string>());
        using ValidatorKeys keys = ValidatorKeys.Read(config.Crypto, null);
        using ConsensusSigner signer = new(keys.ConsensusSeed.Span);
        byte[] bytes = new byte[EvidenceCodec.EncodedSize];
        EvidenceCodec.Write(new Evidence(Sign("one"u8), Sign("another"u8)), bytes);
        return bytes;

        Signed Sign(ReadOnlySpan<byte> block)
        {
            SignedHeader header = new(MessageKind.Commit, index, epoch, 0, 1_000_000, Hash256.Of(block));
            byte[] preimage = new byte[SignedHeaderCodec.PreimageBytes], signature = new byte[Limits.SignatureBytes];
            SignedHeaderCodec.WritePreimage(header, chainId, preimage);
            signer.Sign(header.Kind, preimage, signature);
            return new Signed(header, signature);
        }
    }

    private static async Task<string> Run(int expected, string words, string[] arguments)
    {
        (int code, string output) = await ProcessCluster.RunAsync(arguments);
        Assert.True(code == expected, $"{string.Join(' ', arguments)}: {code}\n{output}");
        Assert.Contains(words, output, StringComparison.Ordinal);
        return output;
    }

    /// <summary>How long this machine let a thread wait that only wants to sleep ten milliseconds.</summary>
    private sealed class StallWatch : IDisposable
    {
        private readonly Thread _thread;
        private long _longest;
        private volatile bool _ends;

        public StallWatch()
        {
            _thread = new Thread(() =>
            {
                long before = Stopwatch.GetTimestamp();
                while (!_ends)
                {
                    Thread.Sleep(10);
                    long now = Stopwatch.GetTimestamp();
                    Interlocked.Exchange(ref _longest, Math.Max(Interlocked.Read(ref _longest), now - before));
                    before = now;
                }
            });
            _thread.Start();
        }

        public TimeSpan Longest => Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _longest));

        public void Dispose()
        {
            _ends = true;
            _thread.Join();
        }
    }
}
