using System.Globalization;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>Wall clocks that are wrong at all validators at once.</summary>
[Collection(nameof(ProcessTests))]
public sealed class ClockTests
{
    // Protects from standing still for an hour: with all clocks an hour ahead something becomes final, all are corrected, and the
    // cluster goes on at once, at those that run on and at those that start anew, in one order; the log says what block time
    // does.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Clocks_that_were_all_an_hour_ahead_hold_nothing_up(bool restart)
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        foreach (NodeProcess node in cluster.Nodes)
        {
            Set(node, 3600);
            node.Start("--wall-clock-offset", ClockOf(node));
        }

        await cluster.Cluster.WaitReadyAsync(cluster.Nodes, ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(cluster.Nodes[0], "an hour ahead"u8.ToArray());
        foreach (NodeProcess node in cluster.Nodes)
        {
            if (restart)
            {
                Assert.True(await node.StopAsync(ProcessCluster.Patience));
            }

            Set(node, 0);
        }

        foreach (NodeProcess node in cluster.Nodes.Where(n => !n.IsRunning))
        {
            node.Start();
        }

        await cluster.Cluster.WaitReadyAsync(cluster.Nodes, ProcessCluster.Patience);
        foreach (NodeProcess node in cluster.Nodes)
        {
            for (int i = 0; i < 2; i++)
            {
                // The API gives up on one that is not final after half a minute.
                await cluster.SubmitFinalAsync(node, Guid.NewGuid().ToByteArray());
            }
        }

        await ProcessCluster.UntilLoggedAsync(
            cluster.Nodes[0], "s behind that of the committee: blocks were timed by a clock that was ahead",
            () => cluster.SubmitFinalAsync(cluster.Nodes[1], Guid.NewGuid().ToByteArray()));
        Assert.InRange((await cluster.StatusAsync(cluster.Nodes[0])).ClockOffsetSeconds, -3700, -3000);
        Assert.Equal(await cluster.ReadStreamAsync(cluster.Nodes[0], 9), await cluster.ReadStreamAsync(cluster.Nodes[3], 9));
        foreach (NodeProcess node in cluster.Nodes)
        {
            Assert.Equal(0, await cluster.MetricAsync(node, "cretoai_byzantine_violations_total", "kind=\"equivocating"));
        }
    }

    private static string ClockOf(NodeProcess node) => Path.Combine(node.Directory, "clock");

    private static void Set(NodeProcess node, int seconds) => File.WriteAllText(ClockOf(node), seconds.ToString(CultureInfo.InvariantCulture));
}
