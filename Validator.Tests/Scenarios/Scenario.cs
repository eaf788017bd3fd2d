using Validator.Core.Wire;
using Validator.Bench.Simulation;

namespace Validator.Tests.Scenarios;

/// <summary>
/// A scripted world of equal validators, four unless told, on a sound network: the script decides what goes wrong.
/// </summary>
internal sealed class Scenario
{
    private const long Second = 1_000_000;

    /// <param name="seed">Latencies and settings come from it.</param>
    /// <param name="cast">A script's own node for a place, or null.</param>
    /// <param name="byzantine">Members that the checker does not take for honest.</param>
    public Scenario(ulong seed, Func<SimWorld, SimCluster, int, SimNode?>? cast = null, params int[] byzantine)
        : this(seed, 4, cast, byzantine)
    {
    }

    public Scenario(ulong seed, int validators, Func<SimWorld, SimCluster, int, SimNode?>? cast = null, params int[] byzantine)
    {
        World = new SimWorld(seed, faults: false, validators: validators)
        {
            Cast = (cluster, index) => cast?.Invoke(cluster.World, cluster, index),
        };
        World.Byzantine.UnionWith(byzantine);
        Cluster = new SimCluster(World);
    }

    public SimWorld World { get; }
    public SimCluster Cluster { get; }
    public SimNode[] Nodes => Cluster.Nodes;
    public IEnumerable<SimNode> Honest => Nodes.Where(n => !World.Byzantine.Contains(n.Index));

    /// <summary>Seeds whose members weigh the same, so that any F of them may fail.</summary>
    public static IEnumerable<ulong> Seeds(int count, int validators = 4)
    {
        for (ulong seed = 1; count > 0; seed++)
        {
            if (new SimWorld(seed, faults: false, validators: validators).Committee.Total == (ulong)validators)
            {
                count--;
                yield return seed;
            }
        }
    }

    public Scenario StartAll()
    {
        foreach (SimNode node in Nodes)
        {
            node.Start();
        }

        return this;
    }

    /// <summary>Transactions to the running nodes in turn, spread over the time, which passes.</summary>
    public void Load(int transactions, long micros)
    {
        Schedule(transactions, micros);
        RunFor(micros);
    }

    /// <summary>The same from now on, while the script does something else.</summary>
    public void Schedule(int transactions, long micros)
    {
        long start = Cluster.Now;
        for (int i = 0; i < transactions; i++)
        {
            int turn = i;
            Cluster.Schedule(start + (i * micros / transactions), () =>
            {
                SimNode[] running = Nodes.Where(n => n.Running).ToArray();
                World.Submit(running[turn % running.Length]);
            });
        }
    }

    public void RunFor(long micros) => Cluster.RunUntil(Cluster.Now + micros);

    /// <summary>
    /// Until the condition holds; fails with the cluster's state when it does not within the limit of virtual time.
    /// </summary>
    public void RunUntil(Func<bool> done, string what, long limitMicros = 120 * Second)
    {
        long limit = Cluster.Now + limitMicros;
        while (!done())
        {
            if (Cluster.Now >= limit)
            {
                string nodes = string.Join("; ", Nodes.Select(n => !n.Running
                    ? $"{n.Index} down"
                    : $"{n.Index} view {n.Core.View}{(n.Core.ViewActive ? "" : "?")} final {n.Core.FinalSequence} signs {n.Core.Signs}"));
                throw Cluster.Check.Fail(Nodes[0], "liveness", $"never: {what}; {nodes}");
            }

            Cluster.RunUntil(Cluster.Now + (Second / 20));
        }
    }

    /// <summary>Until all that running honest nodes accepted is final, and final at each of them.</summary>
    public void Settle() => RunUntil(
        () => Honest.Where(n => n.Running).All(n => n.Disk.Finals.Count == Cluster.Check.Chain.Count
            && n.AcceptedTransactions.IsSubsetOf(Cluster.Check.FinalTransactions)),
        "everything accepted is final everywhere");

    /// <summary>Every honest node that runs holds evidence against the member, for a message of that kind.</summary>
    public bool AllHoldEvidence(int offender, MessageKind kind) => Honest.Where(n => n.Running).All(
        n => n.Convictions.Exists(e => e.First.Header.Sender == offender && e.First.Header.Kind == kind));
}
