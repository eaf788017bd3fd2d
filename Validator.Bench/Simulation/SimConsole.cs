using System.Diagnostics;
using Validator.Core.Effects;
using Validator.Core.Primitives;

namespace Validator.Bench.Simulation;

/// <summary>
/// make sim: runs seeds and prints what they met. Exit code 1 when one failed, or when a thousand of them met less than they
/// must.
/// </summary>
public static class SimConsole
{
    /// <summary>From so many seeds on, shares and coverage are required.</summary>
    private const int FullCoverage = 1000;

    /// <summary>Each of these is run again: the same seed gives the same run.</summary>
    private const ulong RepeatEvery = 50;
    private const string Usage =
        "sim [--seeds N] [--first S] [--minutes M] [--seed S [--verbose]] [--until-failure] [--harm-only] [--hashes] [--forks]";

    public static int Run(string[] args)
    {
        ulong first = 1;
        ulong seeds = 1000;
        double minutes = double.PositiveInfinity;
        bool verbose = false, untilFailure = false, rules = true, hashes = false, forks = false;
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
                "--hashes" => hashes = true,
                "--forks" => forks = true,
                _ => false,
            };
            if (!valid)
            {
                Console.Error.WriteLine(Usage);
                return 2;
            }
        }

        return forks ? RunForks(first, seeds, verbose) : Run(first, seeds, minutes, verbose, untilFailure, rules, hashes);
    }

    /// <summary>
    /// More than F faulty, and nothing else: what the usual seeds meet one time in <see cref="SimFork.Every"/>.
    /// </summary>
    private static int RunForks(ulong first, ulong seeds, bool verbose)
    {
        int failed = 0;
        ulong blocks = 0;
        for (ulong seed = first; seed < first + seeds; seed++)
        {
            try
            {
                SimCluster cluster = SimFork.Run(seed, verbose);
                blocks += (ulong)cluster.Check.Chain.Count;
                Console.Write(verbose ? cluster.TraceText : "");
            }
            catch (Exception e) when (e is SimulationFailure or InvariantViolationException)
            {
                failed++;
                Tell(seed, e, verbose);
            }
        }

        Console.WriteLine($"{seeds} forks, {failed} failed, {blocks} blocks in the branches that went on");
        return failed == 0 ? 0 : 1;
    }

    private static int Run(ulong first, ulong seeds, double minutes, bool verbose, bool untilFailure, bool rules, bool hashes)
    {
        SimCoverage coverage = new();
        Stopwatch watch = Stopwatch.StartNew();
        for (ulong n = 0; n < seeds && watch.Elapsed.TotalMinutes < minutes; n++)
        {
            ulong seed = first + n;
            // A core that stops itself was not caught by a check.
            RunOne(seed, verbose, rules, coverage, out ulong hash);
            if (hashes)
            {
                // Of a change that must not change what a cluster does: compare with those of before it.
                Console.WriteLine($"seed {seed} {hash:x16}");
            }

            if (untilFailure && coverage.Failed > coverage.Crashed)
            {
                return 1;
            }

            if (seed % RepeatEvery == 0 && !verbose && hash != 0 && RunOne(seed, false, rules, null, out ulong again) && again != hash)
            {
                coverage.Failed++;
                Console.WriteLine($"FAIL seed {seed} [repeats] the second run went another way");
            }

            if (double.IsFinite(minutes) && n % 1000 == 999)
            {
                Console.WriteLine($"{n + 1} seeds, {coverage.Failed} failed, {watch.Elapsed.TotalSeconds:F0} s");
            }
        }

        bool covered = coverage.Print(watch.Elapsed);
        return coverage.Failed == 0 && (covered || !rules || coverage.Runs < FullCoverage) ? 0 : 1;
    }

    private static bool RunOne(ulong seed, bool verbose, bool rules, SimCoverage? coverage, out ulong hash)
    {
        SimCluster cluster = new(new SimWorld(seed) { ChecksRules = rules }, verbose);
        try
        {
            SimRun.Run(cluster);
            if (seed % SimFork.Every == 0)
            {
                SimCluster forked = SimFork.Run(seed, verbose);
                cluster.Mix(forked.TraceHash);
                cluster.World.Met(Fault.ForkRecovered);
            }

            coverage?.Add(cluster);
            if (verbose)
            {
                Console.Write(cluster.TraceText);
            }

            hash = cluster.TraceHash;
            return true;
        }
        catch (Exception e) when (e is SimulationFailure or InvariantViolationException)
        {
            hash = 0;
            if (coverage is not null)
            {
                coverage.Failed++;
                coverage.Crashed += e is InvariantViolationException ? 1 : 0;
                coverage.Add(cluster);
            }

            Tell(seed, e, verbose);
            return false;
        }
    }

    private static void Tell(ulong seed, Exception e, bool verbose)
    {
        string check = e is SimulationFailure failure ? failure.Check : "invariant";
        Console.WriteLine($"FAIL seed {seed} [{check}] {(verbose ? e : e.Message.Split('\n')[0])}");
    }
}
