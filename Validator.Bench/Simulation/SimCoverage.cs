using Validator.Core.Effects;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>Which share of the seeds met what, and what was met at all.</summary>
public sealed class SimCoverage
{
    /// <summary>What honest members never report in a world with at most F faulty weight, or at all, and why.</summary>
    private static readonly Dictionary<Reason, string> Unreachable = new()
    {
        [Reason.UnknownSender] = "decoding refuses it first (MemberOutOfRange)",
        [Reason.NewViewUnjustified] = "the shell refuses it first (NoQuorum, CertificateMissing, ClaimsConflict)",
        [Reason.ViewChangeUnjustified] = "the shell refuses it first (CertificateMissing, CertificateContradictsClaim)",
        [Reason.ChainBroken] = "decoding refuses it first (ChainBroken)",
        [Reason.BufferFull] = "the real shell's own, where its payload budget is spent",
        [Reason.AbandonedBranch] = "needs a fork, and so more than F faulty weight; its runs are counted by themselves",
        [Reason.ConflictingCertificates] = "needs more than F faulty weight; the checker fails on it",
        [Reason.ExecutionDiverged] = "needs a broken executor of our own; the checker fails on it",
    };

    /// <summary>The same of the shell's checks.</summary>
    private static readonly Dictionary<DecodeError, string> Unmade = new()
    {
        [DecodeError.PayloadSize] = "a frame's length gives the payload's: Truncated or TrailingBytes comes first",
    };

    private readonly SortedDictionary<Reason, long> _reasons = [];
    private readonly SortedDictionary<DecodeError, long> _refused = [];
    private readonly long[] _faults = new long[Enum.GetValues<Fault>().Length];
    private readonly int[] _worlds = new int[Enum.GetValues<Fault>().Length];
    private int _counted;
    private int _large;
    private int _exactlyFaulty;
    private int _crashAtSend;
    private int _viewChange;
    private int _skewed;
    private int _wiped;
    private int _bytes;
    private int _trust;
    private int _unbearable;
    private int _fullest;
    private long _quorumMicros;
    private long _healMicros;
    private ulong _delivered;
    private ulong _blocks;
    private ulong _transactions;

    public int Runs { get; private set; }
    public int Failed { get; set; }

    /// <summary>Of the failed, those where Core stopped itself on an invariant of its own.</summary>
    public int Crashed { get; set; }

    public void Add(SimCluster cluster)
    {
        SimWorld world = cluster.World;
        Runs++;
        _delivered += cluster.Delivered;
        _blocks += (ulong)cluster.Check.Chain.Count;
        _transactions += (ulong)cluster.Check.FinalTransactions.Count;
        _bytes += world.ReadsBytes ? 1 : 0;
        _trust += world.Genesis.Parameters.Trust is null ? 0 : 1;
        _unbearable += world.Unbearable ? 1 : 0;
        _fullest = Math.Max(_fullest, cluster.Check.Fullest);
        _quorumMicros = Math.Max(_quorumMicros, cluster.QuorumMicros);
        _healMicros = Math.Max(_healMicros, cluster.HealMicros);
        for (int i = 0; i < _faults.Length; i++)
        {
            _faults[i] += world.Count((Fault)i);
            _worlds[i] += world.Count((Fault)i) > 0 ? 1 : 0;
        }

        foreach ((DecodeError error, int count) in cluster.Check.RefusedFrames)
        {
            _refused[error] = _refused.GetValueOrDefault(error) + count;
        }

        foreach (SimNode node in cluster.Machines)
        {
            // One restored or on two machines runs the core as it is, and so its refusals are the core's.
            if (node is not ByzantineNode)
            {
                foreach ((Reason reason, int count) in node.Rejections)
                {
                    _reasons[reason] = _reasons.GetValueOrDefault(reason) + count;
                }
            }
        }

        if (SimRun.IsCounted(cluster))
        {
            CountShares(cluster);
        }
    }

    private void CountShares(SimCluster cluster)
    {
        SimWorld world = cluster.World;
        _counted++;
        _large += cluster.Nodes.Length >= 4 ? 1 : 0;
        _exactlyFaulty += world.ByzantineWeight == world.Committee.Faulty && world.ByzantineWeight > 0 ? 1 : 0;
        _crashAtSend += world.Count(Fault.CrashBetweenSyncAndSend) > 0 ? 1 : 0;
        _viewChange += cluster.Nodes.Any(n => n.ViewChanges > 0) ? 1 : 0;
        _skewed += world.Skewed ? 1 : 0;
        _wiped += world.Wiped >= 0 || world.RolledBack >= 0 ? 1 : 0;
    }

    /// <returns>False when less was met than a thousand seeds must meet.</returns>
    public bool Print(TimeSpan elapsed)
    {
        Console.WriteLine($"{Runs} seeds, {Failed} failed, {elapsed.TotalSeconds:F1} s; "
            + $"{_delivered:N0} messages delivered, {_delivered / elapsed.TotalSeconds:N0} per second on one core; "
            + $"{_blocks:N0} blocks and {_transactions:N0} transactions final");
        Console.WriteLine($"a healed quorum went on within {_quorumMicros / 1e6:F1} s, a healed cluster was done within {_healMicros / 1e6:F1} s of virtual "
            + $"time (bound: {SimRun.HealMicros / 1e6:F0} s); the fullest table was at {_fullest / 10.0:F1} % of its limit");
        bool met = Row($"counted: {SimRun.LeastBlocks} blocks and {SimRun.LeastTransactions} transactions final", _counted, Runs, 90);
        met &= Row("four or more validators", _large, _counted, 80);
        met &= Row("Byzantine weight of exactly F", _exactlyFaulty, _counted, 50);
        met &= Row("a crash between sync and send", _crashAtSend, _counted, 50);
        met &= Row("a view change under load", _viewChange, _counted, 50);
        met &= Row("skewed weights", _skewed, _counted, 20);
        met &= Row("a disk lost, damaged or restored", _wiped, _counted, 10);
        met &= Row("trust reckoned", _trust, Runs, 50);
        met &= _unbearable * 50 <= Runs;
        Console.WriteLine($"  {_unbearable} worlds in which reckoned weights gave the faulty more than F (at most one in fifty)");
        met &= Row("messages as bytes through the shell's checks", _bytes, Runs, 10);
        return met & PrintFaults() & PrintReasons() & PrintRefused();
    }

    private static bool Row(string what, int count, int of, int wanted)
    {
        double share = 100.0 * count / Math.Max(of, 1);
        Console.WriteLine($"  {share,5:F1} % {what} (wanted: {wanted} %){(share < wanted ? "  MISSED" : "")}");
        return share >= wanted;
    }

    private bool PrintFaults()
    {
        Console.WriteLine("faults, times and worlds:");
        bool all = true;
        foreach (Fault fault in Enum.GetValues<Fault>())
        {
            all &= Line(fault.ToString(), _faults[(int)fault], $"{_worlds[(int)fault],7:N0}", null);
        }

        return all;
    }

    private bool PrintReasons()
    {
        Console.WriteLine("refused by Core:");
        bool all = true;
        foreach (Reason reason in Enum.GetValues<Reason>())
        {
            if (reason is not (Reason.None or Reason.Timeout or Reason.Joined or Reason.Entered))
            {
                all &= Line(reason.ToString(), _reasons.GetValueOrDefault(reason), "", Unreachable.GetValueOrDefault(reason));
            }
        }

        return all;
    }

    private bool PrintRefused()
    {
        Console.WriteLine("refused by the shell's checks:");
        bool all = true;
        foreach (DecodeError error in Enum.GetValues<DecodeError>())
        {
            if (error != DecodeError.None)
            {
                all &= Line(error.ToString(), _refused.GetValueOrDefault(error), "", Unmade.GetValueOrDefault(error));
            }
        }

        return all;
    }

    private static bool Line(string name, long count, string more, string? excuse)
    {
        bool met = count > 0 || excuse is not null;
        Console.WriteLine($"    {name,-28} {count,12:N0} {more}{(count == 0 && excuse is not null ? $"  never: {excuse}" : met ? "" : "  MISSED")}");
        return met;
    }
}
