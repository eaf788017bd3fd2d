using System.Net;
using System.Text;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Tools.Load;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

[Collection(nameof(ProcessTests))]
public sealed class EpochTests
{
    // Protects growth and operators' way to it: a validator that genesis does not have is made and started before anybody knows
    // it, a quorum's change lets it in under load, it catches up, votes and authors, and comes back after SIGKILL.
    [Fact]
    public async Task A_fifth_validator_joins_under_load()
    {
        await using ProcessCluster cluster = await StartAsync(0);
        using NodeProcess fifth = cluster.Newcomer("node-5");
        fifth.Start();
        using LoadRun load = cluster.Load(rate: 200, seconds: 6);
        Task<LoadResult> running = load.RunAsync(CancellationToken.None);
        await ProcessCluster.UntilAsync("the load runs", ProcessCluster.Patience, () => Task.FromResult(load.Tallies[0].Streamed > 100));
        await ChangeAsync(cluster, cluster.Nodes[..3], "join", "--member", Path.Combine(fifth.Directory, "keys", "node-5.json"));
        cluster.Nodes[3].Kill();
        cluster.Nodes[3].Start();
        await UntilAsync(cluster, fifth, s => s is { Signing: true, Epoch: 1, Members: 5, Ready: true });
        await UntilAsync(cluster, cluster.Nodes[3], s => s is { Signing: true, Epoch: 1, Members: 5, Ready: true });
        await cluster.SubmitFinalAsync(fifth, "in a lane of its own"u8.ToArray());
        LoadResult result = await running;
        Assert.True(result.Finalized > 0);
        Assert.Equal((0L, 0L), (result.Lost, result.Duplicated));

        // Four of five are a quorum: without one of the old ones the newcomer's votes are needed.
        cluster.Nodes[1].Kill();
        await FinalAsync(cluster, fifth, "five less one");
        fifth.Kill();
        cluster.Nodes[1].Start();
        fifth.Start();
        await cluster.Cluster.WaitReadyAsync([cluster.Nodes[1], fifth], ProcessCluster.Patience);
        cluster.Nodes[0].Kill();
        await FinalAsync(cluster, fifth, "after its restart, too");
        int count = (int)(await cluster.StatusAsync(fifth)).NextFinalIndex;
        Assert.Equal(await cluster.ReadStreamAsync(cluster.Nodes[2], count), await cluster.ReadStreamAsync(fifth, count));
    }

    // Protects the other changes: a validator's both keys are replaced, with a new vote store and the old ledger; another leaves,
    // signs nothing more, says so, and the others are a smaller committee, which is what they find after a restart.
    [Fact]
    public async Task Keys_are_changed_and_a_member_leaves()
    {
        await using ProcessCluster cluster = await StartAsync(0);
        NodeProcess changed = cluster.Nodes[1];
        await cluster.SubmitFinalAsync(changed, "with the old keys"u8.ToArray());
        string keys = Path.Combine(changed.Directory, "new-keys");
        string config = Path.Combine(changed.Directory, "node.toml");
        Assert.Equal(0, CommandLine.Run(["keygen", "--name", changed.Name, "--out", keys]));
        await ChangeAsync(cluster, cluster.Nodes[..3], "keys", "--member", Path.Combine(keys, changed.Name + ".json"));
        await UntilAsync(cluster, changed, s => s is { Signing: false, Epoch: 1 });
        await LogAsync(changed, "has other keys than these");
        changed.Kill();
        File.WriteAllText(config, File.ReadAllText(config)
            .Replace("key_path = \"keys\"", "key_path = \"new-keys\"").Replace("data_dir = \".\"", "data_dir = \".\"\noutside_genesis = true"));
        Assert.Equal(0, CommandLine.Run(["votes", "create", "--config", config, "--never-signed"]));
        changed.Start();
        await UntilAsync(cluster, changed, s => s is { Signing: true, Epoch: 1, Ready: true });
        cluster.Nodes[3].Kill();
        await FinalAsync(cluster, changed, "three of four, one with new keys");
        cluster.Nodes[3].Start();
        await cluster.Cluster.WaitReadyAsync([cluster.Nodes[3]], ProcessCluster.Patience);

        await ChangeAsync(cluster, cluster.Nodes[..3], "leave", "--name", "node-4");
        await UntilAsync(cluster, cluster.Nodes[3], s => s is { Signing: false, Epoch: 2 });
        await LogAsync(cluster.Nodes[3], "node-4 is no member from epoch 2 on");
        foreach (NodeProcess node in cluster.Nodes[..3])
        {
            node.Kill();
            node.Start();
        }

        await cluster.Cluster.WaitReadyAsync(cluster.Nodes[..3], ProcessCluster.Patience);
        await FinalAsync(cluster, cluster.Nodes[2], "three go on");
        NodeStatus status = await cluster.StatusAsync(cluster.Nodes[2]);
        Assert.Equal((2UL, 3, true), (status.Epoch, status.Members, status.Signing));
        cluster.Nodes[3].Kill();
        cluster.Nodes[3].Start();
        // Those who have started since do not know it any more.
        await UntilAsync(cluster, cluster.Nodes[3], s => s is { Signing: false, Epoch: 2, ConnectedWeight: 0 });

        // A change without effect is told to who submits it: two of three, known to be able to go on, are no quorum.
        string others = Path.Combine(cluster.Nodes[2].Directory, "new-keys");
        Assert.Equal(0, CommandLine.Run(["keygen", "--name", "node-3", "--out", others]));
        (int code, string output) = await ProposeAsync(cluster, cluster.Nodes[..3], "keys", "--member", Path.Combine(others, "node-3.json"));
        Assert.True(code != 0 && output.Contains("too_few_to_go_on", StringComparison.Ordinal), output);
    }

    // Protects what was acknowledged where a process is killed anywhere around an epoch's end: everything said to be durable is
    // final once, in one order everywhere.
    [Fact]
    public async Task Kills_around_the_switch_lose_nothing_and_repeat_nothing()
    {
        await using ProcessCluster cluster = await StartAsync(8);
        Random random = new(3);
        int sent = 0;
        for (int round = 0; round < 6; round++)
        {
            NodeProcess victim = cluster.Nodes[round % 4];
            for (int i = 0; i < 10; i++)
            {
                await TakenAsync(cluster, victim, Encoding.UTF8.GetBytes($"durable {sent++}"));
                await Task.Delay(random.Next(20));
            }

            victim.Kill();
            victim.Start();
            await cluster.Cluster.WaitReadyAsync([victim], ProcessCluster.Patience);
        }

        await UntilAsync(cluster, cluster.Nodes[0], s => s.Epoch > 2);
        List<Hash256>? first = null;
        foreach (NodeProcess node in cluster.Nodes)
        {
            await UntilAsync(cluster, node, s => s.NextFinalIndex >= (ulong)sent);
            List<Hash256> stream = await cluster.ReadStreamAsync(node, sent);
            Assert.Equal(sent, stream.Distinct().Count());
            first ??= stream;
            Assert.Equal(first, stream);
        }
    }

    // Protects a cluster from a lost disk: the validator follows, signs again by itself two epochs later, and from then on the
    // cluster can do without another one.
    [Fact]
    public async Task A_validator_that_lost_its_votes_signs_again()
    {
        await using ProcessCluster cluster = await StartAsync(20);
        NodeProcess loser = cluster.Nodes[3];
        await cluster.SubmitFinalAsync(loser, "before"u8.ToArray());
        loser.Kill();
        Directory.Delete(Path.Combine(LocalCluster.StorePath(loser), "votes"), recursive: true);
        loser.Start();
        await cluster.Cluster.WaitReadyAsync([loser], ProcessCluster.Patience);
        ulong lost = (await cluster.StatusAsync(loser)).Epoch;
        int sent = 0;
        await ProcessCluster.UntilAsync("it signs again", ProcessCluster.Patience, async () =>
        {
            await FinalAsync(cluster, cluster.Nodes[0], $"meanwhile {sent++}");
            return await cluster.Cluster.StatusAsync(loser) is { Signing: true } status && status.Epoch >= lost + 2;
        });
        cluster.Nodes[0].Kill();
        await FinalAsync(cluster, loser, "three sign");
        loser.Kill();
        loser.Start();
        await cluster.Cluster.WaitReadyAsync([loser], ProcessCluster.Patience);
        await FinalAsync(cluster, loser, "and after a restart");
        Assert.True((await cluster.StatusAsync(loser)).Signing);
    }

    // Protects a cluster from a lost ledger: with votes of a later epoch than the new ledger's the validator signs nothing until
    // it is there again, and then goes on, so that the cluster can do without another one. The others' epoch cannot end without
    // its votes.
    [Fact]
    public async Task A_validator_that_lost_its_ledger_signs_on()
    {
        await using ProcessCluster cluster = await StartAsync(10);
        NodeProcess loser = cluster.Nodes[3];
        int sent = 0;
        await ProcessCluster.UntilAsync("epochs end", ProcessCluster.Patience, async () =>
        {
            await FinalAsync(cluster, loser, $"before {sent++}");
            return await cluster.Cluster.StatusAsync(loser) is { Epoch: >= 2 };
        });
        await cluster.SubmitFinalAsync(loser, "a vertex of this epoch"u8.ToArray());
        loser.Kill();
        cluster.Nodes[0].Kill();
        Directory.Delete(Path.Combine(LocalCluster.StorePath(loser), "ledger"), recursive: true);
        loser.Start();
        await LogAsync(loser, "which lost its ledger, signs again");
        await FinalAsync(cluster, loser, "three sign");
        Assert.True(await cluster.StatusAsync(loser) is { Signing: true, SignsFrom: 0 });
        cluster.Nodes[0].Start();
        loser.Kill();
        loser.Start();
        await cluster.Cluster.WaitReadyAsync([loser, cluster.Nodes[0]], ProcessCluster.Patience);
        await FinalAsync(cluster, loser, "and after a restart");
        int count = (int)(await cluster.StatusAsync(cluster.Nodes[1])).NextFinalIndex;
        Assert.Equal(await cluster.ReadStreamAsync(cluster.Nodes[1], count), await cluster.ReadStreamAsync(loser, count));
    }

    // Protects operators who sign apart from each other: their files may come in any order, each signature is judged by itself
    // and aloud, and false ones keep nobody from being counted; nothing goes out before a quorum has signed.
    [Fact]
    public async Task Partial_signatures_are_judged_one_by_one()
    {
        await using ProcessCluster cluster = await StartAsync(50_000);
        string[] api = ["--api", cluster.Nodes[0].Api.ToString()];
        string[] parts = [.. cluster.Nodes[..3].Select(node => Path.Combine(node.Directory, "part.json"))];
        Run(["committee", "propose", "leave", "--name", "node-4", "--out", parts[0], .. api]);
        File.Copy(parts[0], parts[1]);
        File.Copy(parts[0], parts[2]);
        for (int i = 0; i < parts.Length; i++)
        {
            Run(["committee", "sign", parts[i], "--config", Path.Combine(cluster.Nodes[i].Directory, "node.toml")]);
        }

        ChangeFile second = ChangeFile.Read(parts[1]);
        byte[] of = second.Signatures[0].Signature;
        CertificateVote[] others = [new CertificateVote(2, of), new CertificateVote(100, of)];
        (second with { Signatures = [.. others, .. second.Signatures] }).Write(parts[1]);
        (int code, string output) = await ProcessCluster.RunAsync(["committee", "submit", parts[1], parts[0], parts[0], .. api]);
        Assert.Equal(1, code);
        Assert.Contains($"{parts[1]}: node-3: false", output);
        Assert.Contains($"{parts[1]}: number 100: of no member", output);
        Assert.Contains($"{parts[1]}: node-2: counted", output);
        Assert.Contains($"{parts[0]}: node-1: repeated", output);
        Assert.Contains("counted: weight 2, of 3", output);

        (code, output) = await ProcessCluster.RunAsync(["committee", "submit", parts[2], parts[1], parts[0], .. api]);
        Assert.True(code == 0, output);
        Assert.Contains($"{parts[2]}: node-3: counted", output);
        Assert.Contains($"{parts[1]}: node-3: false", output);
        await UntilAsync(cluster, cluster.Nodes[0], s => s.Epoch == 1);
        Assert.InRange(await cluster.MetricAsync(cluster.Nodes[0], "multisig_signatures_collected_total"), 6, double.MaxValue);
        Assert.InRange(await cluster.MetricAsync(cluster.Nodes[0], "multisig_aggregations_completed_total"), 3, double.MaxValue);
    }

    private static async Task<ProcessCluster> StartAsync(ulong epochLength)
    {
        ProcessCluster cluster = ProcessCluster.Create(4, epochLength);
        try
        {
            await cluster.StartAllAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Proposes, has members sign, and submits, as operators do.</summary>
    internal static async Task ChangeAsync(ProcessCluster cluster, NodeProcess[] signers, params string[] change)
    {
        (int code, string output) = await ProposeAsync(cluster, signers, change);
        Assert.True(code == 0, output);
    }

    private static Task<(int Code, string Output)> ProposeAsync(ProcessCluster cluster, NodeProcess[] signers, params string[] change)
    {
        string file = Path.Combine(cluster.Nodes[0].Directory, $"{Guid.NewGuid():N}.json");
        string api = signers[0].Api.ToString();
        Run([.. (string[])["committee", "propose"], .. change, "--out", file, "--api", api]);
        foreach (NodeProcess node in signers)
        {
            Run(["committee", "sign", file, "--config", Path.Combine(node.Directory, "node.toml")]);
        }

        return ProcessCluster.RunAsync("committee", "submit", file, "--api", api);
    }

    private static void Run(string[] arguments) => Assert.Equal(0, CommandLine.Run(arguments));

    /// <summary>
    /// Submits until one is final: a validator that has just come back, or lost a peer, may refuse for a moment.
    /// </summary>
    private static async Task FinalAsync(ProcessCluster cluster, NodeProcess node, string transaction)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(transaction);
        await TakenAsync(cluster, node, bytes);
        await cluster.SubmitFinalAsync(node, Encoding.UTF8.GetBytes(transaction + ", and then"));
    }

    /// <summary>Equal bytes are one transaction, however often they are sent.</summary>
    private static Task TakenAsync(ProcessCluster cluster, NodeProcess node, byte[] transaction) => ProcessCluster.UntilAsync(
        "a transaction is taken", ProcessCluster.Patience, async () => await cluster.SubmitAsync(node, transaction) == HttpStatusCode.Accepted);

    private static Task LogAsync(NodeProcess node, string text) => ProcessCluster.UntilAsync(
        $"{node.Name} says '{text}'", ProcessCluster.Patience, () => Task.FromResult(node.LogTail(200).Contains(text, StringComparison.Ordinal)));

    private static async Task UntilAsync(ProcessCluster cluster, NodeProcess node, Func<NodeStatus, bool> holds)
    {
        NodeStatus? last = null;
        try
        {
            await ProcessCluster.UntilAsync(node.Name, ProcessCluster.Patience, async () =>
                (last = await cluster.Cluster.StatusAsync(node)) is { } status && holds(status));
        }
        catch (Xunit.Sdk.XunitException)
        {
            Assert.Fail($"{node.Name}: epoch {last?.Epoch}, signing {last?.Signing}, members {last?.Members}: {last?.Reason}\n{node.LogTail(30)}");
        }
    }
}
