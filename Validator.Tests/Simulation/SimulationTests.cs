using Validator.Core.Effects;

namespace Validator.Tests.Simulation;

/// <summary>Whole clusters of the real core on virtual time; every failure prints the seed that repeats it.</summary>
public sealed class SimulationTests
{
    // Protects: agreement, exactly once, no double signing, liveness after healing, under drawn faults and Byzantine members.
    [Theory]
    [InlineData(1, 60)]
    [InlineData(1001, 60)]
    [InlineData(2001, 60)]
    [InlineData(3001, 60)]
    public void A_cluster_survives_its_seed(ulong first, int count)
    {
        for (ulong seed = first; seed < first + (ulong)count; seed++)
        {
            Run(seed);
        }
    }

    // Protects: without faults no view ever changes, and everything is final within a few message delays.
    [Fact]
    public void Without_faults_there_are_no_view_changes()
    {
        for (ulong seed = 1; seed <= 30; seed++)
        {
            SimCluster cluster = new(new SimWorld(seed, faults: false));
            cluster.World.Run(300, 3_000_000);
            WaitUntilAllIsFinal(cluster, 5_000_000);
            Assert.All(cluster.Nodes, node => Assert.Equal(0u, node.ViewChanges));
            Assert.All(cluster.Nodes, node => Assert.DoesNotContain(Reason.Equivocation, node.Rejections.Keys));
        }
    }

    // Protects: the same seed gives the same run, so that a failure found can be found again.
    [Fact]
    public void A_seed_repeats_exactly()
    {
        for (ulong seed = 50; seed < 60; seed++)
        {
            Assert.Equal(TraceOf(seed), TraceOf(seed));
        }

        static string TraceOf(ulong seed)
        {
            SimCluster cluster = new(new SimWorld(seed), trace: true);
            cluster.World.Run(200, 5_000_000);
            return cluster.TraceText + cluster.Delivered;
        }
    }

    internal static SimCluster Run(ulong seed, bool trace = false)
    {
        SimCluster cluster = new(new SimWorld(seed), trace);
        cluster.World.Run(500, 20_000_000);
        WaitUntilAllIsFinal(cluster, 120_000_000);
        return cluster;
    }

    /// <summary>After healing: every transaction that an honest validator had made durable becomes final.</summary>
    private static void WaitUntilAllIsFinal(SimCluster cluster, long limitMicros)
    {
        bool Done() => Missing(cluster) == 0 && cluster.Nodes.All(
            n => cluster.Check.IsByzantine(n.Index) || n.Disk.Finals.Count == cluster.Check.Chain.Count);
        long start = cluster.Now;
        while (!Done())
        {
            if (cluster.Now > start + limitMicros)
            {
                SimNode node = cluster.Nodes[0];
                throw cluster.Check.Fail(node, $"{Missing(cluster)} accepted transactions are not final {limitMicros} µs after healing; "
                    + string.Join("; ", cluster.Nodes.Select(n =>
                        $"{n.Index}{(cluster.Check.IsByzantine(n.Index) ? "b" : "")} view {n.Core.View}{(n.Core.ViewActive ? "" : "?")} final {n.Core.FinalSequence} signs {n.Core.Signs}")));
            }

            cluster.RunUntil(cluster.Now + 100_000);
        }
    }

    private static int Missing(SimCluster cluster)
    {
        int missing = 0;
        foreach (SimNode node in cluster.Nodes)
        {
            if (!cluster.Check.IsByzantine(node.Index))
            {
                missing += node.AcceptedTransactions.Count(t => !cluster.Check.FinalTransactions.Contains(t));
            }
        }

        return missing;
    }
}
