using System.Text;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Primitives;
using Validator.Host.Tools.Localnet;
using Validator.Tests.Host;

namespace Validator.Tests.Processes;

/// <summary>
/// More than F sign two branches, both become final, and the operators name the one that goes on (rules R1 to R4).
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class ForkTests
{
    // Protects a chain from being lost where more than F were faulty: two of four put back an older copy of everything, and sign
    // a second branch with the one that was cut off. The validators meet, and halt. Each step of the operators is refused where
    // it is not due; then all go on in the longer branch, in one order, and what was final in the other, by whoever took it, is
    // final again, once. Nobody signed the ended epoch again. The fork reads as not resolved until then, and as recovered after.
    [Fact]
    public async Task Two_final_branches_become_one_by_the_operators_word()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        NodeProcess left = cluster.Nodes[0], right = cluster.Nodes[1];
        NodeProcess[] liars = cluster.Nodes[2..];
        List<Hash256> promised = [];
        await ForkAsync(cluster, Submit);
        string[] branch = [Of(left, "branch"), Of(right, "branch")],
            approval = Array.ConvertAll(cluster.Nodes, n => Of(n, "approval"));
        string proposal = Of(left, "proposal");
        await Run(ExitCodes.Success, "certified by weight", left, "inspect", "--out", branch[0]);
        string halted = await Run(ExitCodes.Success, "It halted", right, "inspect", "--out", branch[1]);
        Assert.Contains("Fork of certificates in epoch 0", halted, StringComparison.Ordinal);
        Assert.Contains("both are final, and the fork is not resolved", halted, StringComparison.Ordinal);
        Assert.Contains("both are final", right.LogTail(200), StringComparison.Ordinal);
        await Run(ExitCodes.Failed, "all reports are of one branch", null, "propose", "--branch", branch[0], branch[0], "--out",
            proposal);
        Assert.False(File.Exists(proposal));
        string told =
            await Run(ExitCodes.Success, "abandoned", null, "propose", "--branch", branch[1], branch[0], "--out", proposal);
        Assert.Contains($"goes on    {left.Name}", told, StringComparison.Ordinal);
        string other = Of(right, "proposal");
        await Run(ExitCodes.Success, $"goes on    {right.Name}", null, "propose", "--branch", branch[0], branch[1], "--choose",
            right.Name, "--out", other);

        await Run(ExitCodes.Success, "follows the branch that goes on", left, "sign", "--proposal", proposal, "--out",
            approval[0]);
        await Run(ExitCodes.Store, "has signed proposal", left, "sign", "--proposal", other, "--out", Of(left, "second"));
        await Run(ExitCodes.Usage, "no proposal of 'fork propose'", right, "sign", "--proposal", Cut(proposal), "--out",
            approval[1]);
        await Run(ExitCodes.Success, "are taken back", right, "sign", "--proposal", proposal, "--out", approval[1]);
        await Run(ExitCodes.Failed, $"and 3 of 4 are needed", right, "apply", "--approval", approval[0], approval[1]);
        Assert.True(File.Exists(Path.Combine(right.Directory, "halted")));
        await Run(ExitCodes.Success, "are taken back", liars[1], "sign", "--proposal", proposal, "--out", approval[3]);
        await Run(ExitCodes.Failed, "does not hold", right, "apply", "--approval", approval[0], approval[1],
            Tampered(approval[3]));
        string[] all = ["--approval", approval[0], approval[1], approval[3]];
        await Run(ExitCodes.Success, "goes on in its branch", left, "apply", all);
        await Run(ExitCodes.Success, "authors again", right, "apply", all);
        await Run(ExitCodes.Success, "was applied before", right, "apply", all);
        await Run(ExitCodes.Success, "authors again", liars[0], "apply", [.. all, "--signed-nothing-since"]);
        await Run(ExitCodes.Success, "authors again", liars[1], "apply", all);

        Start(cluster.Nodes);
        await cluster.Cluster.WaitReadyAsync(cluster.Nodes, ProcessCluster.Patience);
        await Submit("after", 4, cluster.Nodes);
        await ProcessCluster.UntilAsync(
            "all that was promised is final", ProcessCluster.Patience,
            async () => (int)(await cluster.StatusAsync(left)).NextFinalIndex >= promised.Count);
        int count = (int)(await cluster.StatusAsync(left)).NextFinalIndex;
        List<Hash256> order = await cluster.ReadStreamAsync(left, count);
        Assert.Equal(order.Count, order.Distinct().Count());
        Assert.Equal(promised.ToHashSet(), order.ToHashSet());
        Assert.Equal(promised[..18], order[..18]);
        foreach (NodeProcess node in cluster.Nodes)
        {
            Assert.Equal(order, await cluster.ReadStreamAsync(node, count));
            Assert.Equal(1ul, (await cluster.StatusAsync(node)).Epoch);
            Assert.True((await cluster.StatusAsync(node)).Signing);
        }

        await ToldAsync();

        // A restart forgets none of it.
        await Stop(cluster.Nodes);
        Start(cluster.Nodes);
        await cluster.Cluster.WaitReadyAsync(cluster.Nodes, ProcessCluster.Patience);
        await Submit("and on", 4, cluster.Nodes);
        await ToldAsync();

        // Resolved, with the time from the halt to the operators' word.
        async Task ToldAsync()
        {
            string body = (await cluster.Cluster.GetAsync(right, "/v1/forks"))!;
            using JsonDocument document = JsonDocument.Parse(body);
            Assert.Equal(0, document.RootElement.GetProperty("active").GetInt32());
            JsonElement fork = Assert.Single(
                document.RootElement.GetProperty("forks").EnumerateArray(),
                f => f.GetProperty("outcome").GetString() == "recovered");
            Assert.Equal("certificates", fork.GetProperty("kind").GetString());
            Assert.InRange(fork.GetProperty("seconds").GetDouble(), 0.001, 3600);
            Assert.NotEqual(fork.GetProperty("first").GetString(), fork.GetProperty("second").GetString());
            (int code, string listed) = await ProcessCluster.RunAsync("fork", "list", "--api", right.Api.ToString());
            Assert.Equal(0, code);
            Assert.Contains("\"recovered\"", listed, StringComparison.Ordinal);
            Assert.Equal(0, await cluster.MetricAsync(right, "fork_detector_active_forks"));
        }

        async Task Submit(string words, int times, NodeProcess[] nodes)
        {
            for (int i = 0; i < times; i++)
            {
                byte[] transaction = Encoding.UTF8.GetBytes($"{words} {i}");
                await cluster.SubmitFinalAsync(nodes[i % nodes.Length], transaction);
                promised.Add(TransactionIds.Of([0, .. transaction]));
            }
        }
    }

    /// <summary>
    /// Makes two branches, of which the first two validators have one each, the first's the longer, and the others the second's.
    /// The second has halted; all are stopped in the end.
    /// </summary>
    /// <param name="submit">So many transactions of these words to those validators, one after the other.</param>
    internal static async Task ForkAsync(ProcessCluster cluster, Func<string, int, NodeProcess[], Task> submit)
    {
        NodeProcess left = cluster.Nodes[0], right = cluster.Nodes[1];
        NodeProcess[] liars = cluster.Nodes[2..];
        await cluster.StartAllAsync();
        await submit("shared", 6, cluster.Nodes);
        await Stop(cluster.Nodes);
        foreach (NodeProcess liar in liars)
        {
            TemporaryFolder.Copy(LocalCluster.StorePath(liar), LocalCluster.StorePath(liar) + ".old");
        }

        NodeProcess[] first = [left, .. liars], second = [right, .. liars];
        Start(first);
        await cluster.Cluster.WaitReadyAsync(first, ProcessCluster.Patience);
        await submit("left", 12, first);
        await Stop(first);
        foreach (NodeProcess liar in liars)
        {
            Directory.Delete(LocalCluster.StorePath(liar), recursive: true);
            Directory.Move(LocalCluster.StorePath(liar) + ".old", LocalCluster.StorePath(liar));
        }

        Start(second);
        await cluster.Cluster.WaitReadyAsync(second, ProcessCluster.Patience);
        await submit("right", 6, second);
        await Stop(second);

        // The two meet, and one of those who signed both: whoever sees the other branch halts.
        NodeProcess[] meet = [left, right, liars[0]];
        Start(meet);
        Assert.True(await right.WaitForExitAsync(ProcessCluster.Patience));
        Assert.Equal(ExitCodes.Halted, right.ExitCode);
        Array.ForEach(meet, node => node.Kill());
    }

    private static void Start(NodeProcess[] nodes) => Array.ForEach(nodes, n => n.Start());

    private static Task Stop(NodeProcess[] nodes) =>
        Task.WhenAll(nodes.Select(async n => Assert.True(await n.StopAsync(ProcessCluster.Patience))));

    private static string Of(NodeProcess node, string file) => Path.Combine(node.Directory, $"fork.{file}");

    private static string Cut(string file)
    {
        File.WriteAllBytes(file + ".cut", File.ReadAllBytes(file)[..^1]);
        return file + ".cut";
    }

    // In a signature.
    private static string Tampered(string file)
    {
        byte[] bytes = File.ReadAllBytes(file);
        bytes[^100] ^= 1;
        File.WriteAllBytes(file + ".tampered", bytes);
        return file + ".tampered";
    }

    private static async Task<string> Run(int code, string words, NodeProcess? node, string command, params string[] more)
    {
        string[] config = node is null ? [] : ["--config", Path.Combine(node.Directory, "node.toml")];
        (int actual, string output) = await ProcessCluster.RunAsync(["fork", command, .. config, .. more]);
        Assert.True(actual == code, $"fork {command}: exit code {actual}: {output}");
        Assert.Contains(words, output, StringComparison.Ordinal);
        return output;
    }
}
