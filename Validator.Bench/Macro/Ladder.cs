using System.Globalization;

namespace Validator.Bench.Macro;

/// <summary>
/// `make bench`: offers a cluster of four more and more load until it cannot follow, prints a row for each rung, then other
/// systems' figures and the targets, and leaves JSON and a chart.
/// </summary>
internal sealed class Ladder(LadderOptions options, TextWriter output)
{
    /// <returns>The exit code: 1 when something was lost, doubled or ordered differently, or a validator died.</returns>
    public static int Run(ReadOnlySpan<string> args)
    {
        try
        {
            LadderOptions options = LadderOptions.Parse(args);
            if (!File.Exists(options.Binary))
            {
                throw new LadderException($"{options.Binary} is missing: make publish");
            }

            Directory.CreateDirectory(options.Directory);
            Directory.CreateDirectory(options.Out);
            return options.Against is { } other
                ? new Comparison(options, other, Console.Out).Run()
                : new Ladder(options, Console.Out).Climb(string.Join(' ', args));
        }
        catch (Exception e) when (e is LadderException or FormatException or IOException)
        {
            Console.Error.WriteLine($"bench: {e.Message}");
            return e is FormatException ? 2 : 1;
        }
    }

    private int Climb(string arguments)
    {
        Machine machine = Machine.Of(options);
        output.WriteLine($"\n{machine}\n");
        output.WriteLine("tx/s of 512 bytes; ms; CPU in us per finalized transaction; written in bytes per payload byte, all four; others: cores\n");
        output.WriteLine("| offered | finalized | p50 | p99 | max | rejected | timed out | views | CPU validators | CPU generator | RSS MB | written | syncs | votes p99 | trips p99 | others | |");
        output.WriteLine("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|");
        List<Rung> rungs = [];
        RungRun runner = new(options);
        bool saturated = false;
        string? ended = null;
        foreach (int rate in options.Rates)
        {
            Rung rung;
            try
            {
                rung = runner.Run(rate);
            }
            catch (LadderException e) when (rungs.Count > 0)
            {
                ended = e.Message;
                break;
            }

            rungs.Add(rung);
            output.WriteLine(RowOf(rung));
            if (!rung.Correct || (saturated && !options.All))
            {
                break;
            }

            saturated |= !rung.Sustained;
        }

        InProcessRates? rates = null;
        if (options.Checks && ended is null)
        {
            rates = InProcessRates.Measure();
            output.WriteLine();
            output.WriteLine(rates.ToString());
        }

        string command = $"make bench{(arguments.Length > 0 ? $" ARGS=\"{arguments}\"" : "")}";
        LadderResult result = new(machine, command, [.. rungs], rates);
        PrintPeers(rungs);
        Targets.Print(result, output);
        Leave(result);
        if (ended is not null)
        {
            output.WriteLine($"ended before its time: {ended}");
        }

        return Judge(rungs) && ended is null ? 0 : 1;
    }

    private static string RowOf(Rung rung)
    {
        LocalnetFigures f = rung.Localnet;
        string verdict = !rung.Correct ? "WRONG" : rung.Sustained ? "" : "saturated";
        return string.Create(CultureInfo.InvariantCulture,
            $"| {rung.Rate:#,0} | {f.FinalizedTps:#,0} | {f.FinalityMs.P50:F1} | {f.FinalityMs.P99:F1} | {f.FinalityMs.Max:F1} | {f.Rejected} | {f.TimedOut} | {f.ViewChanges} | {rung.CpuMicros:F1} | {rung.GeneratorMicros:F1} | {f.RssMbMax:F0} | {rung.WrittenPerByte:F1} | {f.Syncs} | {f.VoteCommitP99Ms:F1} | {f.RoundTripP99Ms:F1} | {rung.OtherCores:F1} | {verdict} |");
    }

    private void PrintPeers(List<Rung> rungs)
    {
        output.WriteLine("\nOther systems, four replicas and clients on one machine. None of their rows was taken on this machine; ours were.\n");
        output.WriteLine("| system | what was on | per second | p50 ms | p99 ms | CPU per operation | where |");
        output.WriteLine("|---|---|---:|---:|---:|---:|---|");
        foreach (PeerRow peer in Peers.Rows)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {peer.Name} | {peer.On} | {peer.PerSecond:#,0} | {peer.P50Ms} | {peer.P99Ms} | {peer.Cpu} | {peer.Where} |"));
        }

        foreach (Rung rung in rungs)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| **Validator** at {rung.Rate:#,0} | 512 B, synced RocksDB, TLS 1.3 with X25519MLKEM768, ML-DSA-87, exactly-once check | {rung.Localnet.FinalizedTps:#,0} | {rung.Localnet.FinalityMs.P50:F0} | {rung.Localnet.FinalityMs.P99:F0} | {rung.CpuMicros:F0} us | this machine |"));
        }
    }

    private void Leave(LadderResult result)
    {
        string name = $"{result.Machine.Date[..10]}-ladder";
        string path = Path.Combine(options.Out, name);
        for (int i = 2; File.Exists(path + ".json"); i++)
        {
            path = Path.Combine(options.Out, $"{name}-{i}");
        }

        result.Write(path + ".json");
        File.WriteAllText(path + ".svg", Chart.Draw(result));
        output.WriteLine($"\nleft {path}.json and .svg");
    }

    private bool Judge(List<Rung> rungs)
    {
        Rung[] wrong = [.. rungs.Where(r => !r.Correct)];
        foreach (Rung rung in wrong)
        {
            LocalnetFigures f = rung.Localnet;
            output.WriteLine($"FAILED at {rung.Rate} tx/s: lost {f.Lost}, duplicated {f.Duplicated}, diverged {f.Diverged}; {string.Join("; ", rung.Failures)}");
        }

        if (wrong.Length == 0)
        {
            output.WriteLine("every accepted transaction was final everywhere, once, in one order");
        }

        return wrong.Length == 0;
    }
}
