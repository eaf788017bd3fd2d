using System.Diagnostics;
using System.Text.Json;
using Validator.Host.Tools.Load;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>From an older commit's build to this one, as operators do it: one validator after the other, under load.</summary>
[Collection(nameof(ProcessTests))]
public sealed class RollingUpgradeTests
{
    // Protects operators who upgrade a chain that is in use: while each of the four in turn is stopped, gets this build and
    // comes back to its stores, the others make blocks; nothing that was accepted is lost or comes twice, and in the end all four
    // have every block, with one hash each.
    [OlderBuildFact]
    public async Task Four_validators_are_upgraded_one_by_one_under_load_without_losing_a_block()
    {
        Executable older = Executable.At(OlderBuildFactAttribute.Path!);
        await using ProcessCluster cluster = ProcessCluster.Create(executables: [older, older, older, older]);
        foreach (NodeProcess node in cluster.Nodes)
        {
            // Its own stores, in its own format.
            Directory.Delete(LocalCluster.StorePath(node), recursive: true);
            string config = Path.Combine(node.Directory, "node.toml");
            string[] create = [.. older.Command, "votes", "create", "--config", config, "--never-signed"];
            (int code, string output) = await ProcessCluster.RunAsync(new ProcessStartInfo(create[0], create[1..]));
            Assert.True(code == 0, output);
        }

        await cluster.StartAllAsync();
        using LoadRun load = cluster.Load(rate: 200, seconds: 75);
        Task<LoadResult> running = load.RunAsync(CancellationToken.None);
        await CrashTests.StreamedAsync(load, 0, 500);
        for (int i = 0; i < cluster.Nodes.Length; i++)
        {
            NodeProcess before = cluster.Nodes[i];
            Assert.True(await before.StopAsync(ProcessCluster.Patience));
            int other = (i + 1) % 4;
            await CrashTests.StreamedAsync(load, other, load.Tallies[other].Streamed + 200);
            cluster.Nodes[i] = new NodeProcess(
                before.Name, before.Directory, Path.Combine(before.Directory, "node.toml"), before.Ports, ProcessCluster.Binary);
            before.Dispose();
            cluster.Nodes[i].Start();
            await cluster.Cluster.WaitReadyAsync([cluster.Nodes[i]], ProcessCluster.Patience);
            Assert.True((await cluster.StatusAsync(cluster.Nodes[i])).Signing);
        }

        Assert.False(running.IsCompleted, "the load ended before all were upgraded");
        LoadResult result = await running;
        CrashTests.AssertExact(result);
        await CrashTests.AssertSameStateAsync(cluster);
        List<string> blocks = await BlocksAsync(cluster.Nodes[0]);
        foreach (NodeProcess node in cluster.Nodes[1..])
        {
            List<string> own = await BlocksAsync(node);
            int both = Math.Min(own.Count, blocks.Count);
            Assert.Equal(blocks[..both], own[..both]);
        }

        Abuse.Print($"four validators upgraded one by one: {blocks.Count} blocks, {result.Finalized} transactions, none lost");
    }

    /// <returns>By sequence, from block 1 on: no sequence is missing.</returns>
    private static async Task<List<string>> BlocksAsync(NodeProcess node)
    {
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
        List<string> hashes = [];
        string from = "1";
        while (true)
        {
            string answer = await http.GetStringAsync(new Uri(node.Api, $"/v1/blocks?limit=200&from={from}"));
            JsonElement page = JsonDocument.Parse(answer).RootElement;
            foreach (JsonElement block in page.GetProperty("blocks").EnumerateArray())
            {
                hashes.Add(block.GetProperty("hash").GetString()!);
                Assert.Equal(hashes.Count, block.GetProperty("sequence").GetInt32());
            }

            if (!page.TryGetProperty("next_from", out JsonElement next))
            {
                return hashes;
            }

            from = next.GetString()!;
        }
    }
}

/// <summary>Needs the build of an older commit, which <c>make upgrade-test</c> makes.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OlderBuildFactAttribute : FactAttribute
{
    public OlderBuildFactAttribute() => Skip = Path is null ? "Needs an older commit's build: make upgrade-test." : null;

    /// <summary>Its assembly or binary.</summary>
    public static string? Path { get; } = Environment.GetEnvironmentVariable("VALIDATOR_OLDER");
}
