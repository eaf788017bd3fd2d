using System.Diagnostics;
using System.Globalization;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>Strangers, and a member with a broken stack, at the QUIC port of a real validator.</summary>
[Collection(nameof(ProcessTests))]
public sealed class QuicAbuseTests
{
    // Protects finality from strangers: 2,000 Initials a second from many addresses, then 200 handshakes a second with a wrong
    // key, at the leader; the cluster goes on at its pace, memory stays, nothing is logged per packet, and members still
    // reconnect at once.
    [Fact]
    public async Task Floods_of_handshakes_do_not_slow_the_cluster()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        NodeProcess victim = await cluster.LeaderAsync(), other = cluster.Nodes.First(n => n != victim);
        string port = victim.Ports.Quic.ToString(CultureInfo.InvariantCulture);
        int seconds = Abuse.Size(2, 10);
        string length = seconds.ToString(CultureInfo.InvariantCulture);
        Task<Abuse.Times> Quiet() => Abuse.ProbeAsync(cluster, cluster.Nodes, Task.Delay(seconds * 1000));
        await Abuse.ProbeAsync(cluster, cluster.Nodes, Task.Delay(1000));
        await Quiet();
        long memory = Abuse.Surplus(victim, other), start = Stopwatch.GetTimestamp();
        int logged = LogLines(victim), attacks = 0;
        async Task<Abuse.Times> Under(params string[] attack)
        {
            attacks++;
            Task<string> running = Abuse.AttackAsync(attack);
            Abuse.Times times = await Abuse.ProbeAsync(cluster, cluster.Nodes, running);
            Abuse.Print($"{attack[0]}: {await running}");
            return times;
        }

        await Abuse.CompareAsync($"2,000 Initials/s for {seconds} s", 2, Quiet, () => Under("initials", port, "2000", length));
        await Abuse.CompareAsync($"200 handshakes/s with a wrong key for {seconds} s", 2, Quiet, () => Under("handshake", port, "200", length, Abuse.KeyFileOf(cluster, victim)));

        double retries = await cluster.MetricAsync(victim, "cretoai_datagrams_total", "retry");
        double limited = await cluster.MetricAsync(victim, "cretoai_datagrams_total", "over_rate");
        double wrong = await cluster.MetricAsync(victim, "cretoai_connections_refused_total");
        long grown = Abuse.Surplus(victim, other) - memory;
        double passed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Abuse.Print($"{attacks} floods: {retries} Retries, {wrong} strangers got as far as their key, {limited} packets were over the rate");
        Abuse.Print($"memory of the attacked validator: {grown / 1024.0 / 1024:+0.0;-0.0} MB against one beside it");
        Assert.True(retries > Abuse.Size(10, 500 * seconds), $"{retries} Retries");
        Assert.True(limited > 0 || !Abuse.Full);
        Assert.InRange(wrong, 1, (18 * passed) + 32);
        Assert.True(grown < 32 << 20, $"{grown >> 20} MB more");
        Assert.InRange(LogLines(victim) - logged, 0, 25 * (passed + 5));

        // A member comes back while strangers knock: its share is its own.
        NodeProcess member = other;
        Task<string> knocking = Abuse.AttackAsync("handshake", port, "200", Abuse.Size(4, 20).ToString(CultureInfo.InvariantCulture), Abuse.KeyFileOf(cluster, victim));
        await Task.Delay(1000);
        member.Kill();
        member.Start();
        start = Stopwatch.GetTimestamp();
        await cluster.Cluster.WaitReadyAsync([member], ProcessCluster.Patience);
        await ProcessCluster.UntilAsync("it is connected to the attacked one", ProcessCluster.Patience, async () =>
            (await cluster.StatusAsync(victim)).Peers.Single(p => p.Name == member.Name).Connected);
        TimeSpan back = Stopwatch.GetElapsedTime(start);
        bool still = !knocking.IsCompleted;
        Abuse.Print($"a member killed and started again under that was connected after {back.TotalMilliseconds:0} ms{(still ? "" : ", when the flood had ended")}");
        Assert.True(still || !Abuse.Full, "it came back only after the flood");
        await knocking;
    }

    // Protects the parser's edge: random and malformed datagrams move counters and nothing else.
    [Fact]
    public async Task Junk_moves_counters_alone()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        NodeProcess victim = cluster.Nodes[0], other = cluster.Nodes[1];
        await Abuse.ProbeAsync(cluster, cluster.Nodes, Task.Delay(500));
        string[] connects = await ConnectsAsync(cluster, victim);
        long memory = Abuse.Surplus(victim, other);
        int files = HttpAbuseTests.OwnFiles(victim), logged = LogLines(victim);
        int count = Abuse.Size(200_000, 4_000_000);
        Task<string> junk = Abuse.AttackAsync("junk", victim.Ports.Quic.ToString(CultureInfo.InvariantCulture), count.ToString(CultureInfo.InvariantCulture));
        Abuse.Times under = await Abuse.ProbeAsync(cluster, cluster.Nodes, junk);
        await Task.Delay(1500);
        double counted = await cluster.MetricAsync(victim, "cretoai_datagrams_total");
        Abuse.Print($"{await junk}, {counted} counted (the kernel dropped the others): {under}");
        Assert.True(counted > count / 20.0, $"{counted} of {count}");
        long grown = Abuse.Surplus(victim, other) - memory;
        Abuse.Print($"memory of the attacked validator: {grown / 1024.0 / 1024:+0.0;-0.0} MB against one beside it");
        Assert.True(grown < 32 << 20, $"{grown >> 20} MB more");
        Assert.InRange(HttpAbuseTests.OwnFiles(victim), 0, files + 10);
        Assert.InRange(LogLines(victim) - logged, 0, 20);
        Assert.Equal(connects, await ConnectsAsync(cluster, victim));
        await cluster.SubmitFinalAsync(victim, "still here"u8.ToArray());
    }

    // Protects connections from a member that resets, ends and refuses streams: each time costs it its connection, and it may
    // come back ever later; more streams than agreed cannot be opened at all.
    [Theory]
    [InlineData("reset", true)]
    [InlineData("fin", true)]
    [InlineData("stop", true)]
    [InlineData("many", false)]
    public async Task Misused_streams_end_the_connection_and_shut_the_member_out(string what, bool ends)
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        NodeProcess liar = cluster.Nodes[3], victim = cluster.Nodes[0];
        liar.Kill();
        int seconds = Abuse.Size(4, 15);
        Task<string> attack = Abuse.AttackAsync(
            "streams", victim.Ports.Quic.ToString(CultureInfo.InvariantCulture), seconds.ToString(CultureInfo.InvariantCulture),
            Abuse.KeyFileOf(cluster, victim), Abuse.SeedFileOf(liar), what);
        Abuse.Times under = await Abuse.ProbeAsync(cluster, cluster.Nodes[..3], attack);
        string counts = await attack;
        Abuse.Print($"{counts}: {under}");
        int up = int.Parse(counts.Split("up ")[1].Split(',')[0], CultureInfo.InvariantCulture);
        int closed = int.Parse(counts.Split("closed ")[1].Split(',')[0], CultureInfo.InvariantCulture);
        Assert.InRange(up, 1, 6);
        Assert.Equal(ends, closed > 0);
        if (ends)
        {
            Assert.True(await cluster.MetricAsync(victim, "cretoai_peer_closed_total", "protocol") >= 1);
        }

        // As soon as it behaves, it is one of them again.
        liar.Start();
        await cluster.Cluster.WaitReadyAsync([liar], ProcessCluster.Patience);
        await ProcessCluster.UntilAsync("all are connected", ProcessCluster.Patience, async () =>
            (await cluster.StatusAsync(victim)).Peers.All(p => p.Connected));
    }

    private static int LogLines(NodeProcess node)
    {
        using FileStream file = new(node.LogPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using StreamReader reader = new(file);
        return reader.ReadToEnd().Count(c => c == '\n');
    }

    private static async Task<string[]> ConnectsAsync(ProcessCluster cluster, NodeProcess node) =>
        [.. (await cluster.StatusAsync(node)).Peers.Select(p => $"{p.Name} {p.Connects}")];
}
