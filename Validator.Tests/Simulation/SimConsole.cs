using System.Diagnostics;
using Validator.Core.Effects;
using Validator.Core.Primitives;

namespace Validator.Tests.Simulation;

/// <summary>make sim: runs seeds and prints what they met. Exit code 1 when one failed.</summary>
public static class SimConsole
{
    private const string Usage =
        "sim [--seeds N] [--first S] [--minutes M] [--seed S [--verbose]] [--until-failure] [--harm-only]";

    public static int Run(string[] args)
    {
        ulong first = 1;
        ulong seeds = 1000;
        double minutes = double.PositiveInfinity;
        bool verbose = false, untilFailure = false, rules = true;
        for (int i = 0; i < args.Length; i++)
        {
            bool valid = args[i] switch
            {
                "--seeds" => ulong.TryParse(args.ElementAtOrDefault(++i), out seeds),
                "--first" => ulong.TryParse(args.ElementAtOrDefault(++i), out first),
                "--seed" => ulong.TryParse(args.ElementAtOrDefault(++i), out first) && (seeds = 1) == 1,
                "--minutes" => double.TryParse(args.ElementAtOrDefault(++i), out minutes) && (seeds = ulong.MaxValue) > 0,
                "--verbose" => verbose = true,
                "--until-failure" => untilFailure = true,
                "--harm-only" => !(rules = false),
                _ => false,
            };
            if (!valid)
            {
                Console.Error.WriteLine(Usage);
                return 2;
            }
        }

        SimCoverage coverage = new();
        Stopwatch watch = Stopwatch.StartNew();
        for (ulong n = 0; n < seeds && watch.Elapsed.TotalMinutes < minutes; n++)
        {
            if (!RunOne(first + n, verbose, rules, coverage) && untilFailure)
            {
                return 1;
            }
        }

        coverage.Print(watch.Elapsed);
        return coverage.Failed == 0 ? 0 : 1;
    }

    private static bool RunOne(ulong seed, bool verbose, bool rules, SimCoverage coverage)
    {
        SimCluster cluster = new(new SimWorld(seed) { ChecksRules = rules }, verbose);
        try
        {
            SimRun.Run(cluster);
            coverage.Add(cluster);
            if (verbose)
            {
                Console.Write(cluster.TraceText);
            }

            return true;
        }
        catch (Exception e) when (e is SimulationFailure or InvariantViolationException)
        {
            coverage.Failed++;
            coverage.Add(cluster);
            string check = e is SimulationFailure failure ? failure.Check : "invariant";
            Console.WriteLine($"FAIL seed {seed} [{check}] {(verbose ? e : e.Message.Split('\n')[0])}");
            return false;
        }
    }
}

/// <summary>Which share of the seeds met what.</summary>
public sealed class SimCoverage
{
    private readonly SortedDictionary<Reason, long> _reasons = [];
    private int _runs;
    private int _large;
    private int _exactlyFaulty;
    private int _crashAtSend;
    private int _viewChange;
    private int _skewed;
    private int _wiped;
    private int _full;
    private long _equivocations;
    private ulong _delivered;

    public int Failed { get; set; }

    public void Add(SimCluster cluster)
    {
        SimWorld world = cluster.World;
        _runs++;
        _large += cluster.Nodes.Length >= 4 ? 1 : 0;
        _exactlyFaulty += world.ByzantineWeight == world.Committee.Faulty && world.ByzantineWeight > 0 ? 1 : 0;
        _crashAtSend += world.Count(Fault.CrashBetweenSyncAndSend) > 0 ? 1 : 0;
        _viewChange += cluster.Nodes.Any(n => n.ViewChanges > 0) ? 1 : 0;
        _skewed += world.Skewed ? 1 : 0;
        _wiped += world.Wiped >= 0 ? 1 : 0;
        _full += cluster.Check.Chain.Count >= 50 && cluster.Check.FinalTransactions.Count >= 400 ? 1 : 0;
        _delivered += cluster.Delivered;
        foreach (SimNode node in cluster.Nodes)
        {
            _equivocations += node is ByzantineNode byzantine ? byzantine.Equivocations : 0;
            if (!cluster.Check.IsByzantine(node.Index))
            {
                foreach ((Reason reason, int count) in node.Rejections)
                {
                    _reasons[reason] = _reasons.GetValueOrDefault(reason) + count;
                }
            }
        }
    }

    public void Print(TimeSpan elapsed)
    {
        Console.WriteLine($"{_runs} seeds, {Failed} failed, {elapsed.TotalSeconds:F1} s, "
            + $"{_delivered / elapsed.TotalSeconds:N0} messages delivered per second on one core");
        Row("four or more validators", _large, 80);
        Row("Byzantine weight exactly F", _exactlyFaulty, 50);
        Row("a crash between sync and send", _crashAtSend, 50);
        Row("a view change under load", _viewChange, 50);
        Row("skewed weights", _skewed, 20);
        Row("a wiped validator", _wiped, 10);
        Row("50 blocks and 400 transactions", _full, 100);
        Console.WriteLine($"  {_equivocations} equivocations sent; rejections by honest validators:");
        foreach (Reason reason in Enum.GetValues<Reason>())
        {
            if (reason is not (Reason.None or Reason.Timeout or Reason.Joined or Reason.Entered))
            {
                Console.WriteLine($"    {reason,-26} {_reasons.GetValueOrDefault(reason),12:N0}");
            }
        }
    }

    private void Row(string what, int count, int wanted) =>
        Console.WriteLine($"  {100.0 * count / Math.Max(_runs, 1),5:F1} % {what} (wanted: {wanted} %)");
}
