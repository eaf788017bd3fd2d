using System.Net;
using System.Text;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>More than F lose their votes, and their operators help them (rule E9, OPERATIONS.md).</summary>
[Collection(nameof(ProcessTests))]
public sealed class RevivalTests
{
    private const int ExitFailed = 1;
    private const int ExitStore = 3;

    // Protects a cluster from standing still for ever: two of four lose their vote stores under load, one its ledger too; nothing
    // becomes final; step by step, with each step refused that is not due, they sign again, and all that was promised by those
    // who kept their ledgers is final, once, in one order, with no evidence against anybody. Who kept its ledger takes
    // transactions at once; who did not says no until the next epoch, which a change that changes nothing brings.
    [Fact]
    public async Task Two_of_four_that_lost_their_votes_sign_again()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(epochLength: 0);
        await cluster.StartAllAsync();
        NodeProcess[] kept = cluster.Nodes[..2], lost = cluster.Nodes[2..];
        for (int i = 0; i < 8; i++)
        {
            await cluster.SubmitFinalAsync(cluster.Nodes[i % 4], [1, (byte)i]);
        }

        List<Hash256> promised = [];
        for (int i = 0; i < 40; i++)
        {
            await Promise($"under load {i}", i < 20 && i % 3 == 2 ? lost[0] : kept[i % 2]);
            if (i == 20)
            {
                foreach (NodeProcess node in lost)
                {
                    node.Kill();
                    Directory.Delete(VotesOf(node), recursive: true);
                }

                Directory.Delete(Path.Combine(LocalCluster.StorePath(lost[1]), "ledger"), recursive: true);
            }
        }

        foreach (NodeProcess node in lost)
        {
            node.Start();
        }

        foreach (NodeProcess node in lost)
        {
            await ProcessCluster.UntilLoggedAsync(node, "votes lost --help");
            await ProcessCluster.UntilAsync($"{node.Name} answers", ProcessCluster.Patience, async () => await cluster.Cluster.StatusAsync(node) is not null);
        }

        await ProcessCluster.UntilAsync("all are connected", ProcessCluster.Patience, async () =>
            (await cluster.StatusAsync(kept[0])).ConnectedWeight == 4 && (await cluster.StatusAsync(lost[1])).ConnectedWeight == 4);
        ulong halted = (await cluster.StatusAsync(kept[0])).FinalSequence;
        await Promise("while halted", kept[0]);
        await Task.Delay(2_000);
        Assert.InRange((await cluster.StatusAsync(kept[0])).FinalSequence, halted, halted + 1);

        // Not before it is asked for, not without the operator's word, and not while the validator that is to speak runs.
        string request = Path.Combine(lost[0].Directory, "request"), other = Path.Combine(lost[1].Directory, "request");
        Stop(lost);
        string first = Path.Combine(kept[0].Directory, "statement"), second = Path.Combine(kept[1].Directory, "statement");
        await Run(ExitStore, "is not there", lost[0], "recreate", "--statement", Path.Combine(lost[0].Directory, "node.toml"));
        await Run(2, "--gone-for-good", lost[0], "lost", "--out", request);
        await Run(0, "votes statement", lost[0], "lost", "--gone-for-good", "--out", request);
        await Run(0, "votes statement", lost[1], "lost", "--gone-for-good", "--out", other);
        await Run(ExitStore, "nothing was created", lost[0], "create", "--never-signed");
        await Run(ExitStore, "vote store, or a part of one", kept[0], "lost", "--gone-for-good");
        await Run(ExitStore, "", kept[0], "statement", "--request", request, other, "--out", first);
        Assert.False(File.Exists(first));
        Stop(kept);
        await Run(2, "do not trust it", kept[0], "statement", "--request", request, "--least-view", "18446744073709551615", "--out", first);
        Assert.False(File.Exists(first));
        await Run(0, "node-3, node-4", kept[0], "statement", "--request", request, other, "--out", first);
        await Run(0, "node-3, node-4", kept[1], "statement", "--request", request, other, "--out", second);
        Start(kept);
        await Run(2, "--ledger kept", lost[0], "recreate", "--statement", first, second);
        await Run(ExitFailed, "node-2 (1)", lost[0], "recreate", "--ledger", "kept", "--statement", first);
        await Run(2, "the signatures in it do not hold", lost[0], "recreate", "--ledger", "kept", "--statement", Tampered(first), second);
        string restored = Path.Combine(LocalCluster.StorePath(lost[0]), "votes.restored");
        await File.WriteAllTextAsync(restored, "");
        await Run(ExitStore, "a copy was put back", lost[0], "recreate", "--ledger", "kept", "--statement", first, second);
        File.Delete(restored);
        await Run(ExitStore, "made, or came, after the loss", lost[1], "recreate", "--ledger", "kept", "--statement", first, second);
        Assert.False(Directory.Exists(VotesOf(lost[0])));
        await Run(0, "takes transactions again", lost[0], "recreate", "--ledger", "kept", "--statement", first, second);
        await Run(0, "takes no transactions in that epoch", lost[1], "recreate", "--statement", first, second);
        await Run(ExitStore, "there is a vote store", lost[0], "recreate", "--ledger", "kept", "--statement", first, second);

        Start(lost);
        await cluster.Cluster.WaitReadyAsync(cluster.Nodes, ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(kept[0], "after"u8.ToArray());
        foreach (NodeProcess node in lost)
        {
            Assert.True((await cluster.StatusAsync(node)).Signing);
        }

        await cluster.SubmitFinalAsync(lost[0], "its lane goes on"u8.ToArray());
        await SaysNo();

        // A restart forgets none of it.
        foreach (NodeProcess node in lost)
        {
            Assert.True(await node.StopAsync(ProcessCluster.Patience));
            node.Start();
        }

        await cluster.Cluster.WaitReadyAsync(lost, ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(lost[0], "and on"u8.ToArray());
        await SaysNo();
        await EpochTests.ChangeAsync(cluster, cluster.Nodes[..3], "weight", "--name", kept[0].Name, "--weight", "1");
        await ProcessCluster.UntilAsync(
            "the next epoch", ProcessCluster.Patience, async () => (await cluster.StatusAsync(lost[0])).Epoch > 0 && (await cluster.StatusAsync(lost[1])).Epoch > 0);
        await cluster.SubmitFinalAsync(lost[0], "the next epoch"u8.ToArray());
        await cluster.SubmitFinalAsync(lost[1], "and of the other"u8.ToArray());
        int count = (int)(await cluster.StatusAsync(kept[0])).NextFinalIndex;
        List<Hash256> order = await cluster.ReadStreamAsync(kept[0], count);
        Assert.Equal(order.Count, order.Distinct().Count());
        Assert.Subset(order.ToHashSet(), promised.ToHashSet());
        foreach (NodeProcess node in cluster.Nodes)
        {
            Assert.Equal(order, await cluster.ReadStreamAsync(node, count));
            Assert.Equal(0, await cluster.MetricAsync(node, "cretoai_byzantine_violations_total", "kind=\"equivocating"));
            Assert.Empty(Directory.GetFiles(LocalCluster.StorePath(node), "votes.*"));
        }

        async Task SaysNo()
        {
            using HttpClient client = new();
            using HttpResponseMessage answer = await client.PostAsync(
                new Uri(lost[1].Api, "/v1/transactions"), new ByteArrayContent("no vertex in this epoch"u8.ToArray()));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Contains("before the next epoch", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        async Task Promise(string text, NodeProcess node)
        {
            byte[] transaction = Encoding.UTF8.GetBytes(text);
            if (await cluster.SubmitAsync(node, transaction) == HttpStatusCode.Accepted)
            {
                promised.Add(TransactionIds.Of([0, .. transaction]));
            }
        }

        static void Start(NodeProcess[] nodes) => Array.ForEach(nodes, n => n.Start());

        static void Stop(NodeProcess[] nodes) => Assert.True(Task.WaitAll([.. nodes.Select(n => (Task)Stopped(n))], ProcessCluster.Patience));

        static async Task Stopped(NodeProcess node) => Assert.True(await node.StopAsync(ProcessCluster.Patience));
    }

    private static string VotesOf(NodeProcess node) => Path.Combine(LocalCluster.StorePath(node), "votes");

    private static string Tampered(string statement)
    {
        byte[] bytes = File.ReadAllBytes(statement);

        // The view that its author signed for: a byte of it.
        bytes[48] ^= 1;
        File.WriteAllBytes(statement + ".tampered", bytes);
        return statement + ".tampered";
    }

    private static async Task Run(int code, string words, NodeProcess node, string command, params string[] more)
    {
        (int actual, string output) = await ProcessCluster.RunAsync(["votes", command, "--config", Path.Combine(node.Directory, "node.toml"), .. more]);
        Assert.True(actual == code, $"votes {command}: exit code {actual}: {output}");
        Assert.Contains(words, output, StringComparison.Ordinal);
    }
}
