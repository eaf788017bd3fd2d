using System.Globalization;
using System.Text.Json;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>The chain by range, as the commands of a running cluster print it.</summary>
[Collection(nameof(ProcessTests))]
public sealed class DagTests
{
    // Protects who looks into a chain with the commands: all validators list the same blocks and vertices, in pages and by
    // time, what is listed is found by its hash with the same block, and parents and children lead to each other.
    [Fact]
    public async Task All_validators_list_the_same_chain()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        for (int i = 0; i < 12; i++)
        {
            await cluster.SubmitFinalAsync(cluster.Nodes[i % 4], [(byte)i]);
        }

        JsonElement[] blocks = await PagesAsync(cluster.Nodes[0], "blocks", "--limit", "5");
        string last = Number(blocks[^1], "sequence").ToString(CultureInfo.InvariantCulture);
        JsonElement[] vertices = await PagesAsync(cluster.Nodes[0], "vertices", "--to", last, "--limit", "7");
        Assert.True(vertices.Length >= 12);
        foreach (NodeProcess node in cluster.Nodes[1..])
        {
            await ProcessCluster.UntilAsync($"{node.Name} has block {last}", ProcessCluster.Patience, async () =>
                (await cluster.StatusAsync(node)).ExecutedSequence >= Number(blocks[^1], "sequence"));
            Assert.Equal(blocks.Select(Hash), (await PagesAsync(node, "blocks", "--to", last)).Select(Hash));
            Assert.Equal(
                vertices.Select(v => v.GetRawText()),
                (await PagesAsync(node, "vertices", "--to", last)).Select(v => v.GetRawText()));
        }

        JsonElement some = vertices[vertices.Length / 2];
        string time = DateTime.UnixEpoch.AddMicroseconds(Number(some, "time_micros"))
            .ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture);
        Assert.Equal(
            vertices.Where(v => Number(v, "block") == Number(some, "block")).Select(Hash),
            (await PagesAsync(cluster.Nodes[2], "vertices", "--from-time", time, "--to-time", time)).Select(Hash));
        JsonElement header = await AskAsync(cluster.Nodes[3], "vertex", Hash(some));
        Assert.Equal(
            ("finalized", Number(some, "block"), some.GetProperty("author").GetString()),
            (header.GetProperty("status").GetString(), Number(header, "block"), header.GetProperty("author").GetString()));
        JsonElement parents = (await AskAsync(cluster.Nodes[0], "parents", Hash(some))).GetProperty("parents");
        foreach (JsonElement parent in parents.EnumerateArray())
        {
            Assert.Contains(Hash(some), (await PagesAsync(cluster.Nodes[1], "children", Hash(parent))).Select(Hash));
        }

        JsonElement[] lane = await PagesAsync(
            cluster.Nodes[0], "vertices", "--author", "node-2", "--from-height", "2", "--to-height", "3");
        Assert.Equal([2ul, 3ul], lane.Select(v => Number(v, "height")));
        JsonElement tips = (await AskAsync(cluster.Nodes[0], "tips")).GetProperty("tips");
        Assert.Equal(["node-1", "node-2", "node-3", "node-4"], tips.EnumerateArray().Select(t => t.GetProperty("author").GetString()));
    }

    private static string Hash(JsonElement element) => element.GetProperty("hash").GetString()!;

    private static ulong Number(JsonElement element, string name) => element.GetProperty(name).GetUInt64();

    private static async Task<JsonElement[]> PagesAsync(NodeProcess node, params string[] words)
    {
        List<JsonElement> found = [];
        string[] on = [];
        while (true)
        {
            JsonElement page = await AskAsync(node, [.. words, .. on]);
            found.AddRange(page.GetProperty(words[0]).EnumerateArray());
            if (page.TryGetProperty("next_from", out JsonElement next))
            {
                on = ["--from", next.GetString()!];
            }
            else
            {
                return [.. found];
            }
        }
    }

    private static async Task<JsonElement> AskAsync(NodeProcess node, params string[] words)
    {
        (int code, string output) = await ProcessCluster.RunAsync(["dag", .. words, "--api", node.Api.ToString()]);
        Assert.True(code == 0, output);
        return JsonDocument.Parse(output).RootElement;
    }
}
