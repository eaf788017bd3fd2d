using System.Net;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>What validators say of one transaction.</summary>
[Collection(nameof(ProcessTests))]
public sealed class TransactionTests
{
    // Protects clients who ask what became of a transaction: every validator has the same answer, the one that took it and the
    // others, for what is final, for what execution rejected, and for what was sent twice; and after a restart too.
    [Fact]
    public async Task Every_validator_says_the_same_of_a_transaction_after_a_restart_too()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(30) };
        NodeProcess home = cluster.Nodes[0], again = cluster.Nodes[1];
        string key = Path.Combine(cluster.Cluster.Directory, "alice.key");
        Assert.Equal(0, (await ProcessCluster.RunAsync("account", "new", "--out", key)).Code);
        string accepted = await SubmitAsync(home, "finalized", "first", "--key", key, "--nonce", "5");
        string rejected = await SubmitAsync(home, "rejected", "second", "--key", key, "--nonce", "5");
        string raw = await SubmitAsync(home, "finalized", "twice");
        Assert.Equal(raw, await SubmitAsync(again, "rejected", "twice"));

        string[] ids = [accepted, rejected, raw];
        string[] answers = await Task.WhenAll(ids.Select(id => AnswerAsync(http, home, id)));
        Assert.Equal(["finalized", "rejected", "finalized"], answers.Select(a => Field(a, "status")));
        Assert.Equal("nonce_used", Field(answers[1], "reason"));
        await AssertSameAsync(cluster.Nodes);

        Assert.True(await again.StopAsync(ProcessCluster.Patience));
        (int code, string output) = await ProcessCluster.RunAsync("db", "verify", "--config", Path.Combine(again.Directory, "node.toml"));
        Assert.True(code == 0, output);
        again.Start();
        await cluster.Cluster.WaitReadyAsync([again], ProcessCluster.Patience);
        await AssertSameAsync([again]);

        // Sent once more after the restart, where nothing of it is in memory: durable for a moment, and not for ever.
        Assert.Equal(HttpStatusCode.Accepted, await cluster.SubmitAsync(again, "twice"u8.ToArray()));
        await AssertSameAsync([again]);
        using HttpResponseMessage unknown = await http.GetAsync(new Uri(again.Api, $"/v1/transactions/{Hash256.Zero}"));
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        Assert.Contains("\"next_index\":2", await unknown.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        async Task AssertSameAsync(NodeProcess[] nodes)
        {
            foreach (NodeProcess node in nodes)
            {
                for (int i = 0; i < ids.Length; i++)
                {
                    string answer = "";
                    await ProcessCluster.UntilAsync($"{node.Name} says {answers[i]}", ProcessCluster.Patience, async () =>
                        (answer = await AnswerAsync(http, node, ids[i])) == answers[i] || node.IsRunning == false);
                    Assert.Equal(answers[i], answer);
                }
            }
        }
    }

    private static async Task<string> AnswerAsync(HttpClient http, NodeProcess node, string id)
    {
        using HttpResponseMessage response = await http.GetAsync(new Uri(node.Api, $"/v1/transactions/{id}"));
        return await response.Content.ReadAsStringAsync();
    }

    /// <returns>Its id.</returns>
    private static async Task<string> SubmitAsync(NodeProcess node, string status, params string[] arguments)
    {
        (_, string output) = await ProcessCluster.RunAsync(["submit", .. arguments, "--wait", "--api", node.Api.ToString()]);
        string json = output[output.IndexOf('{')..(output.LastIndexOf('}') + 1)];
        Assert.Equal(status, Field(json, "status"));
        return Field(json, "id");
    }

    private static string Field(string json, string name) => JsonDocument.Parse(json).RootElement.GetProperty(name).GetString()!;
}
