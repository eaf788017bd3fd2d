using Validator.Core.Effects;
using Validator.Core.Trust;

namespace Validator.Bench.Simulation;

/// <summary>One seed from start to verdict.</summary>
public static class SimRun
{
    /// <summary>What a counted seed makes final.</summary>
    public const int LeastBlocks = 50;
    public const int LeastTransactions = 500;

    private const long Second = 1_000_000;
    private const long LeastFaultMicros = 10 * Second;
    private const long MostFaultMicros = 30 * Second;

    /// <summary>Virtual time in which what is healed must have made progress and caught up, whatever went before.</summary>
    public const long HealMicros = 120 * Second;

    /// <exception cref="SimulationFailure">A check failed; the message names seed, time and node.</exception>
    public static SimCluster Run(ulong seed, bool trace = false, bool rules = true)
    {
        SimCluster cluster = new(new SimWorld(seed) { ChecksRules = rules }, trace);
        Run(cluster);
        return cluster;
    }

    public static void Run(SimCluster cluster)
    {
        try
        {
            RunWhole(cluster);
        }
        catch (SimulationFailure) when (cluster.World.Unbearable)
        {
            // The faulty weigh more than F: whatever comes of it, the rules were not broken before.
        }
    }

    private static void RunWhole(SimCluster cluster)
    {
        cluster.World.Run(LeastFaultMicros, MostFaultMicros, () => IsCounted(cluster));
        RunUntil(cluster, HealMicros, "those who lost their votes do not sign again", () => cluster.World.AllRevived);
        // More than F weight gone for good: what is left owes safety only.
        if (cluster.World.WipedBeyondFaulty)
        {
            cluster.RunUntil(cluster.Now + (5 * Second));
            return;
        }

        if (cluster.World.Changes || cluster.World.VotesWereLost)
        {
            // Changes that are under way end, or the quorum that is drawn might not be one when it has to go on. And of a block
            // that some of those who lost their votes had prepared, one of the others alone may have the body (rule E9).
            WaitUntilAllIsFinal(cluster, HealMicros);
            cluster.RunUntil(cluster.Now + (3 * Second));
            WaitUntilAllIsFinal(cluster, HealMicros);
        }

        RequireProgressOfAQuorum(cluster);
        WaitUntilAllIsFinal(cluster, HealMicros);
        if (!IsCounted(cluster))
        {
            TopUp(cluster);
        }

        RequireStrongFinality(cluster);
        cluster.World.HandInProofs();
        RunUntil(cluster, HealMicros, "what a member did is proven, and does not count", () => cluster.World.AllProofsCount);
        WaitUntilAllIsFinal(cluster, HealMicros);
        cluster.Check.AtTheEnd();
    }

    /// <summary>Where all that are healed sign, what is final gets the level of a quorum with the blocks that follow.</summary>
    private static void RequireStrongFinality(SimCluster cluster)
    {
        ulong final = (ulong)cluster.Check.Chain.Count;
        cluster.World.StartLoad();
        RunUntil(cluster, HealMicros, "what is final does not become strong", () => cluster.Nodes.All(
            n => cluster.Check.IsByzantine(n.Index) || !cluster.IsMember(n) || n.Level(FinalityLevel.Strong67) >= final));
        cluster.World.StopLoad();
        WaitUntilAllIsFinal(cluster, HealMicros);
    }

    /// <summary>Enough was ordered for the run to mean something.</summary>
    public static bool IsCounted(SimCluster cluster) =>
        cluster.Check.Chain.Count >= LeastBlocks && cluster.Check.FinalTransactions.Count >= LeastTransactions;

    /// <summary>
    /// As in VOPR: a quorum alone is healed, the rest stands still; what it accepted becomes final. A change that was still on
    /// its way may make another committee, in which it is no quorum: then another is drawn.
    /// </summary>
    private static void RequireProgressOfAQuorum(SimCluster cluster)
    {
        while (cluster.World.DrawQuorum() is { } quorum && !GoesOn(cluster, quorum))
        {
            WaitUntilAllIsFinal(cluster, HealMicros);
        }
    }

    /// <returns>False: those that are left are no longer a quorum.</returns>
    private static bool GoesOn(SimCluster cluster, List<int> quorum)
    {
        cluster.Trace(quorum[0], $"only {string.Join(", ", quorum)} go on");
        cluster.World.Freeze(quorum);
        SimNode[] nodes = [.. quorum.Select(i => cluster.Nodes[i])];
        // What starts only now is connected first.
        cluster.RunUntil(cluster.Now + (Second / 10));
        foreach (SimNode node in nodes)
        {
            cluster.World.Submit(node);
        }

        long start = cluster.Now;
        RunUntil(
            cluster, HealMicros, "a healed quorum does not go on",
            () => !cluster.World.IsQuorum(quorum)
                || (cluster.Now >= start + (Second / 2) && nodes.All(n => n.AcceptedTransactions.IsSubsetOf(cluster.Check.FinalTransactions))));
        cluster.QuorumMicros = cluster.Now - start;
        cluster.World.Freeze(null);
        return cluster.World.IsQuorum(quorum);
    }

    /// <summary>After healing: every transaction that an honest validator had made durable becomes final, everywhere.</summary>
    public static void WaitUntilAllIsFinal(SimCluster cluster, long limitMicros)
    {
        long start = cluster.Now;
        RunUntil(cluster, limitMicros, "accepted transactions are not final after healing", () => Done(cluster));
        cluster.HealMicros = cluster.Now - start;
    }

    /// <summary>A world that was hindered most of the time gets the rest of its load in peace.</summary>
    private static void TopUp(SimCluster cluster)
    {
        cluster.World.StartLoad();
        RunUntil(cluster, HealMicros, "not enough is final without faults", () => IsCounted(cluster));
        cluster.World.StopLoad();
        RunUntil(cluster, HealMicros, "accepted transactions are not final without faults", () => Done(cluster));
    }

    private static void RunUntil(SimCluster cluster, long limitMicros, string what, Func<bool> done)
    {
        long start = cluster.Now;
        while (!done())
        {
            if (cluster.Now > start + limitMicros)
            {
                throw cluster.Check.Fail(cluster.Nodes[0], "liveness", $"{what}; {Stuck(cluster)}");
            }

            cluster.RunUntil(cluster.Now + (Second / 10));
        }
    }

    private static bool Done(SimCluster cluster) => Missing(cluster) == 0 && cluster.Nodes.All(
        n => cluster.Check.IsByzantine(n.Index) || !cluster.IsMember(n) || n.Disk.LastExecuted == (ulong)cluster.Check.Chain.Count);

    private static string Stuck(SimCluster cluster) =>
        $"{Missing(cluster)} missing; "
        + string.Join("; ", cluster.Nodes.Select(n =>
            $"{n.Index}{(cluster.Check.IsByzantine(n.Index) ? "b" : "")} epoch {n.Core.Epoch} view {n.Core.View}{(n.Core.ViewActive ? "" : "?")} final {n.Core.FinalSequence} signs {n.Core.Signs} missing {Missing(cluster, n)} unordered {n.Disk.Unordered.Count}"));

    private static int Missing(SimCluster cluster) =>
        cluster.Nodes.Where(n => !cluster.Check.IsByzantine(n.Index)).Sum(n => Missing(cluster, n));

    private static int Missing(SimCluster cluster, SimNode node)
    {
        // One that was removed knows what nobody ordered, and says so.
        bool told = !cluster.IsMember(node);
        return node.AcceptedTransactions.Count(
            t => !cluster.Check.FinalTransactions.Contains(t) && !(told && node.Disk.Unordered.Values.Any(u => u.Contains(t))));
    }
}
