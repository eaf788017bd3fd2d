using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Validator.Host.Contracts;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>A chain that stands still says so wherever somebody looks, and why; one that is merely slow does not.</summary>
[Collection(nameof(ProcessTests))]
public sealed class StallTests : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(60) };

    public void Dispose() => _http.Dispose();

    // Protects operators from a halt that nothing tells: two of four have lost their votes, so that nothing can become final, and
    // all four are connected and well otherwise. Each of them says so, names the two, and takes nothing that it cannot bring to
    // an end.
    [Fact]
    public async Task Two_of_four_without_votes_are_named_by_all()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        NodeProcess[] wiped = cluster.Nodes[2..];
        foreach (NodeProcess node in wiped)
        {
            string votes = Path.Combine(LocalCluster.StorePath(node), "votes");
            Directory.Move(votes, votes + ".moved");
        }

        await cluster.StartAllAsync();
        using (HttpResponseMessage taken = await PostAsync(cluster.Nodes[0], "/v1/transactions", [1]))
        {
            Assert.Equal(HttpStatusCode.Accepted, taken.StatusCode);
        }

        foreach (NodeProcess node in cluster.Nodes)
        {
            NodeStatus status = await UntilStalledAsync(cluster, node, "no_quorum_signing");
            Assert.All(wiped, w => Assert.Contains(w.Name, status.Reason, StringComparison.Ordinal));
            Assert.DoesNotContain(cluster.Nodes[0].Name, status.Reason, StringComparison.Ordinal);
            Assert.DoesNotContain(cluster.Nodes[1].Name, status.Reason, StringComparison.Ordinal);
            Assert.StartsWith("nothing final for ", status.Reason, StringComparison.Ordinal);
            Assert.True(status.NothingFinalSeconds >= 5, $"{status.NothingFinalSeconds}");

            (int code, JsonElement ready) = await GetAsync(node, "/v1/ready");
            Assert.Equal((503, "no_quorum_signing"), (code, ready.GetProperty("cause").GetString()));
            (code, JsonElement health) = await GetAsync(node, "/v1/health");
            Assert.Equal((200, "no_quorum_signing"), (code, health.GetProperty("stalled").GetString()));
            Assert.Equal(1, await cluster.MetricAsync(node, "cretoai_stalled", "no_quorum_signing"));
            Assert.Equal(1, await cluster.MetricAsync(node, "cretoai_stalls_total"));
            Assert.Equal(0, await cluster.MetricAsync(node, "cretoai_ready"));
            await ProcessCluster.UntilLoggedAsync(node, "stalled, nothing final for");
        }

        await AssertRefusesAsync(cluster.Nodes[0], "no_quorum_signing");
        (int exit, string said) = await ProcessCluster.RunAsync("ready", "--api", cluster.Nodes[1].Api.ToString());
        Assert.Equal(1, exit);
        Assert.Contains("no quorum signing", said, StringComparison.Ordinal);
        Assert.Contains(wiped[0].Name, said, StringComparison.Ordinal);
        await AssertAlertsHaveTheirMetricsAsync(cluster.Nodes[0]);
    }

    // Protects clients, who are to be sent elsewhere by a validator that cannot serve them and by no other: a leader that takes
    // seconds to be replaced costs nobody a refusal, a quorum that is gone does; what was taken meanwhile becomes final when it
    // is back, by itself.
    [Fact]
    public async Task A_slow_leader_change_refuses_nobody_and_a_lost_quorum_does()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        foreach (NodeProcess node in cluster.Nodes)
        {
            cluster.Configure(node, "consensus", "view_timeout_ms = 2500\nstall_seconds = 6");
        }

        await cluster.StartAllAsync();
        await cluster.SubmitFinalAsync(cluster.Nodes[0], "before"u8.ToArray());
        NodeProcess leader = await cluster.LeaderAsync();
        NodeProcess[] others = [.. cluster.Nodes.Where(n => n != leader)];
        double views = await cluster.MetricAsync(others[0], "cretoai_view_changes_total");
        double refused = await cluster.MetricAsync(others[0], "cretoai_submissions_refused_total");
        ProcessCluster.Send(leader, ProcessCluster.Signal.Stop);
        List<Task<HttpResponseMessage>> meanwhile = [];
        for (int i = 0; await cluster.MetricAsync(others[0], "cretoai_view_changes_total") == views; i++)
        {
            Assert.True(i < 1000, "the leader is not replaced");
            meanwhile.Add(PostAsync(others[0], "/v1/transactions?wait=finalized", [3, (byte)i, (byte)(i >> 8)]));
            await Task.Delay(50);
        }

        Assert.True(meanwhile.Count > 20, $"{meanwhile.Count} submissions while the leader was replaced");
        foreach (HttpResponseMessage answer in await Task.WhenAll(meanwhile))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            answer.Dispose();
        }

        Assert.Equal(refused, await cluster.MetricAsync(others[0], "cretoai_submissions_refused_total"));
        Assert.Equal(0, await cluster.MetricAsync(others[0], "cretoai_stalls_total"));

        leader.Kill();
        others[2].Kill();
        string kept;
        using (HttpResponseMessage taken = await PostAsync(others[0], "/v1/transactions", "kept"u8.ToArray()))
        {
            Assert.Equal(HttpStatusCode.Accepted, taken.StatusCode);
            kept = JsonDocument.Parse(await taken.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString()!;
        }

        foreach (NodeProcess node in others[..2])
        {
            NodeStatus status = await UntilStalledAsync(cluster, node, "no_quorum_connected");
            Assert.Contains("not connected: ", status.Reason, StringComparison.Ordinal);
            string missing = status.Reason[status.Reason.IndexOf("not connected: ", StringComparison.Ordinal)..];
            Assert.Equal(
                [.. new[] { leader.Name, others[2].Name }.Order()],
                missing["not connected: ".Length..].Split(", ").Order());
            await AssertRefusesAsync(node, "no_quorum_connected");
        }

        leader.Start();
        await cluster.Cluster.WaitReadyAsync([leader, .. others[..2]], ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(others[1], "after"u8.ToArray());
        await ProcessCluster.UntilAsync("what was taken is final", ProcessCluster.Patience, async () =>
            (await GetAsync(others[0], $"/v1/transactions/{kept}")).Body.GetProperty("status").GetString() == "finalized");
        await ProcessCluster.UntilLoggedAsync(others[0], "goes on after");
        Assert.Equal(0, await cluster.MetricAsync(others[0], "cretoai_stalled"));
        Assert.True(await cluster.MetricAsync(others[0], "cretoai_stalled_seconds_total", "no_quorum_connected") > 0);
    }

    // Protects operators of a disk that hangs without failing: the validator names its own, the others name the validator, and
    // both go on by themselves when it answers again.
    [AbuseFact]
    public async Task A_disk_that_does_not_answer_is_named()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        NodeProcess[] hung = cluster.Nodes[2..];
        await cluster.SubmitFinalAsync(cluster.Nodes[0], "before"u8.ToArray());
        Strace[] traces = await Task.WhenAll(hung.Select(n => Strace.AttachAsync(n, "delay_enter=15000000", "votes", "ledger")));
        try
        {
            Assert.Equal(HttpStatusCode.Accepted, await cluster.SubmitAsync(cluster.Nodes[0], [1]));
            NodeStatus seen = await UntilStalledAsync(cluster, cluster.Nodes[0], "no_quorum_signing");
            Assert.All(hung, n => Assert.Contains(n.Name, seen.Reason, StringComparison.Ordinal));
            seen = await UntilStalledAsync(cluster, hung[0], "disk");
            Assert.Matches("disk: a write of the (vote-store|ledger) thread has not returned for", seen.Reason);
        }
        finally
        {
            Array.ForEach(traces, t => t.Dispose());
        }

        await cluster.Cluster.WaitReadyAsync(cluster.Nodes, ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(cluster.Nodes[3], "after"u8.ToArray());
    }

    private static async Task<NodeStatus> UntilStalledAsync(ProcessCluster cluster, NodeProcess node, string cause)
    {
        NodeStatus? status = null;
        await ProcessCluster.UntilAsync($"{node.Name} says {cause}", ProcessCluster.Patience, async () =>
        {
            status = await cluster.StatusAsync(node);
            return status.Stall?.Cause == cause;
        });
        Assert.False(status!.Ready);
        return status;
    }

    /// <summary>Alone and in a batch: 503, when to come again, and why.</summary>
    private async Task AssertRefusesAsync(NodeProcess node, string cause)
    {
        foreach ((string path, byte[] body) in new[] { ("/v1/transactions", new byte[] { 9 }), ("/v1/transactions/batch", [1, 0, 0, 0, 0, 9]) })
        {
            using HttpResponseMessage answer = await PostAsync(node, path, body);
            using JsonDocument problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Equal("5", answer.Headers.GetValues("Retry-After").Single());
            Assert.Equal(cause, problem.RootElement.GetProperty("cause").GetString());
            Assert.Contains(cause.Replace('_', ' '), problem.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
    }

    /// <summary>An alert on a metric that no validator has never fires.</summary>
    private async Task AssertAlertsHaveTheirMetricsAsync(NodeProcess node)
    {
        string page = await _http.GetStringAsync(node.Metrics);
        string[] names = [.. Regex.Matches(File.ReadAllText(Path.Combine(Abuse.Root, "deploy", "prometheus", "alerts.yml")), @"\bcretoai_\w+").Select(m => m.Value).Distinct()];
        Assert.True(names.Length > 10);
        Assert.All(names, name => Assert.Contains($"\n{name}", page, StringComparison.Ordinal));
    }

    private async Task<(int Code, JsonElement Body)> GetAsync(NodeProcess node, string path)
    {
        using HttpResponseMessage answer = await _http.GetAsync(new Uri(node.Api, path));
        return ((int)answer.StatusCode, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.Clone());
    }

    private Task<HttpResponseMessage> PostAsync(NodeProcess node, string path, byte[] body)
    {
        ByteArrayContent content = new(body);
        content.Headers.ContentType = new("application/octet-stream");
        return _http.PostAsync(new Uri(node.Api, path), content);
    }
}
