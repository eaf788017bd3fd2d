using System.Globalization;
using Validator.Host.Tools.Localnet;

namespace Validator.Bench.Macro;

/// <summary>
/// `make bench ARGS="--against FILE"`: two binaries by turns at each rate, each run a new cluster of four. Which comes first
/// alternates, so that neither has the machine's better half; medians are compared, and the spread says what they are worth.
/// </summary>
internal sealed class Comparison(LadderOptions options, string other, TextWriter output)
{
    /// <summary>One line of the table.</summary>
    private sealed record Figure(string Name, Func<Rung, double> Of);

    private sealed record Turn(Rung Rung, double UnitMillis);

    private static readonly Figure[] s_figures =
    [
        new("finalized, tx/s", r => r.Localnet.FinalizedTps),
        new("p50, ms", r => r.Localnet.FinalityMs.P50),
        new("p99, ms", r => r.Localnet.FinalityMs.P99),
        new("longest, ms", r => r.Localnet.FinalityMs.Max),
        new("view changes", r => r.Localnet.ViewChanges),
        new("processor ms a block, all four", r => r.BlockMillis),
        new("processor us a transaction, all four", r => r.CpuMicros),
        new("processor s, all four", r => r.Localnet.CpuS),
        new("context switches a block, all four", r => r.SwitchesPerBlock),
        new("synced writes a block and validator", r => r.SyncsPerBlock),
        new("datagrams a block, all four", r => r.DatagramsPerBlock),
        new("written bytes a payload byte, all four", r => r.WrittenPerByte),
        new("blocks a second", r => (double)r.Localnet.Blocks / r.Seconds),
        new("resident MB of the largest validator", r => r.Localnet.RssMbMax),
        new("cores used by others", r => r.OtherCores),
    ];

    /// <returns>The exit code: 1 when a run of ours lost, doubled or reordered something, or a validator died.</returns>
    public int Run()
    {
        if (!File.Exists(other))
        {
            throw new LadderException($"{other} is missing");
        }

        Machine machine = Machine.Of(options);
        output.WriteLine($"\n{machine}");
        output.WriteLine($"against {Machine.Of(options with { Binary = other }).Commit}: {options.Pairs} turns of {options.Seconds} s each; medians (least to most)\n");
        PrintIdle();
        bool correct = true;
        foreach (int rate in options.Rates)
        {
            (List<Turn> ours, List<Turn> theirs) = ByTurns(isOurs => Take(rate, isOurs));
            Print(rate, ours, theirs);
            correct &= ours.TrueForAll(turn => turn.Rung.Correct);
        }

        output.WriteLine(correct
            ? "every transaction that ours accepted was final everywhere, once, in one order"
            : "FAILED: a run of ours lost, doubled or reordered something, or a validator died");
        return correct ? 0 : 1;
    }

    private (List<T> Ours, List<T> Theirs) ByTurns<T>(Func<bool, T> take)
    {
        List<T> ours = [], theirs = [];
        for (int pair = 0; pair < options.Pairs; pair++)
        {
            bool first = pair % 2 == 0;
            (first ? ours : theirs).Add(take(first));
            (first ? theirs : ours).Add(take(!first));
        }

        return (ours, theirs);
    }

    private LadderOptions Side(bool isOurs) => isOurs ? options : options with { Binary = other };

    private Turn Take(int rate, bool isOurs)
    {
        using ReferenceWork reference = new();
        Rung rung = new RungRun(Side(isOurs)).Run(rate);
        return new Turn(rung, 1e3 * reference.Stop());
    }

    private void PrintIdle()
    {
        List<Idle> ours, theirs;
        try
        {
            (ours, theirs) = ByTurns(isOurs => Idle.Of(Side(isOurs)));
        }
        catch (LocalClusterException e)
        {
            throw new LadderException(e.Message);
        }


        Head("no load");
        Row("processor ms a second, all four", theirs.ConvertAll(idle => idle.CpuMillis), ours.ConvertAll(idle => idle.CpuMillis));
        Row("context switches a second, all four", theirs.ConvertAll(idle => idle.Switches), ours.ConvertAll(idle => idle.Switches));
        output.WriteLine();
    }

    private void Head(string what)
    {
        output.WriteLine($"| {what} | against | ours | ratio |");
        output.WriteLine("|---|---:|---:|---:|");
    }

    private void Print(int rate, List<Turn> ours, List<Turn> theirs)
    {
        Head(string.Create(CultureInfo.InvariantCulture, $"{rate:#,0} tx/s offered"));
        foreach (Figure figure in s_figures)
        {
            Row(figure.Name, theirs.ConvertAll(turn => figure.Of(turn.Rung)), ours.ConvertAll(turn => figure.Of(turn.Rung)));
        }

        // A part of the machine's own speed: when it differs between the two sides, so does what the other rows are worth.
        Row("this machine: ms for one unit of reference work", theirs.ConvertAll(turn => turn.UnitMillis), ours.ConvertAll(turn => turn.UnitMillis));
        int wrong = theirs.Count(turn => !turn.Rung.Correct);
        output.WriteLine(wrong == 0 ? "" : $"\n{wrong} runs of the other side lost, doubled or reordered something, or one of its validators died\n");
    }

    private void Row(string name, List<double> theirs, List<double> ours)
    {
        double before = Statistics.Median(theirs), now = Statistics.Median(ours);
        string ratio = before > 0 ? (now / before).ToString("0.00", CultureInfo.InvariantCulture) : "";
        output.WriteLine($"| {name} | {Text(theirs)} | {Text(ours)} | {ratio} |");
    }

    private static string Text(List<double> values) => string.Create(CultureInfo.InvariantCulture,
        $"{Statistics.Median(values):#,0.##} ({values.Min():#,0.##} to {values.Max():#,0.##})");
}
