namespace Validator.Tests.Simulation;

/// <summary>One seed from start to verdict.</summary>
public static class SimRun
{
    public const int Transactions = 500;
    public const long FaultMicros = 20_000_000;

    /// <summary>Virtual time in which a healed cluster must have caught up.</summary>
    public const long HealMicros = 120_000_000;

    /// <exception cref="SimulationFailure">A check failed; the message names seed, time and node.</exception>
    public static SimCluster Run(ulong seed, bool trace = false, bool rules = true)
    {
        SimCluster cluster = new(new SimWorld(seed) { ChecksRules = rules }, trace);
        Run(cluster);
        return cluster;
    }

    public static void Run(SimCluster cluster)
    {
        cluster.World.Run(Transactions, FaultMicros);
        WaitUntilAllIsFinal(cluster, HealMicros);
    }

    /// <summary>After healing: every transaction that an honest validator had made durable becomes final.</summary>
    public static void WaitUntilAllIsFinal(SimCluster cluster, long limitMicros)
    {
        // More than F weight gone for good: what is left owes safety only.
        if (cluster.World.WipedBeyondFaulty)
        {
            cluster.RunUntil(cluster.Now + 5_000_000);
            return;
        }

        long start = cluster.Now;
        while (!Done(cluster))
        {
            if (cluster.Now > start + limitMicros)
            {
                throw cluster.Check.Fail(cluster.Nodes[0], "liveness", Stuck(cluster));
            }

            cluster.RunUntil(cluster.Now + 100_000);
        }
    }

    private static bool Done(SimCluster cluster) => Missing(cluster) == 0 && cluster.Nodes.All(
        n => cluster.Check.IsByzantine(n.Index) || n.Disk.Finals.Count == cluster.Check.Chain.Count);

    private static string Stuck(SimCluster cluster) =>
        $"{Missing(cluster)} accepted transactions are not final after healing; "
        + string.Join("; ", cluster.Nodes.Select(n =>
            $"{n.Index}{(cluster.Check.IsByzantine(n.Index) ? "b" : "")} view {n.Core.View}{(n.Core.ViewActive ? "" : "?")} final {n.Core.FinalSequence} signs {n.Core.Signs}"));

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
