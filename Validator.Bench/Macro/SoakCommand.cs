using System.Globalization;
using System.Text;
using Validator.Host.Tools.Load;
using Validator.Host.Tools.Localnet;

namespace Validator.Bench.Macro;

/// <summary><c>soak</c>: <c>make soak MINUTES=N</c>. Prints what was done and writes a report with plots.</summary>
internal static class SoakCommand
{
    private const int Width = 900, Height = 220, Left = 70, Right = 20, Top = 30, Bottom = 30;
    private static readonly string[] s_colours = ["#1d5fa8", "#b4430b", "#2e7d32", "#6a1b9a"];

    public static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments is not ["--binary", { } binary, "--minutes", { } text, "--rate", { } rateText, "--out", { } report]
            || !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double minutes) || minutes is < 1 or > 10_000
            || !int.TryParse(rateText, NumberStyles.None, CultureInfo.InvariantCulture, out int rate) || rate is < 1 or > 100_000)
        {
            await Console.Error.WriteLineAsync("usage: soak --binary FILE --minutes N --rate TX_PER_SECOND --out FOLDER").ConfigureAwait(false);
            return 2;
        }

        Directory.CreateDirectory(report);
        string folder = Directory.CreateTempSubdirectory("validator-soak-").FullName;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"soak: {minutes} minutes, {rate} tx/s over four validators, one restarted or killed every 12 s"));
        using SoakRun run = new(Executable.At(Path.GetFullPath(binary)), folder, TimeSpan.FromMinutes(minutes), rate, Console.Out);
        List<string> failures = await run.RunAsync().ConfigureAwait(false);
        Write(run, minutes, rate, failures, report);
        foreach (string failure in failures)
        {
            Console.WriteLine($"FAILED: {failure}");
        }

        LoadResult result = run.Result!;
        Console.WriteLine($"soak: {run.Events.Count} restarts and kills; {result.Accepted} accepted, {result.Finalized} final, lost {result.Lost}, twice {result.Duplicated}, "
            + $"diverged {result.Diverged}; {(failures.Count == 0 ? "flat" : $"FAILED, logs in {folder}")}; report: {report}/report.md");
        if (failures.Count == 0)
        {
            Directory.Delete(folder, recursive: true);
        }

        return failures.Count == 0 ? 0 : 1;
    }

    private static void Write(SoakRun run, double minutes, int rate, List<string> failures, string folder)
    {
        (string File, string Title, Func<SoakSample, double> Value)[] plots =
        [
            ("memory", "Resident memory, MB", s => s.ResidentMb),
            ("heap", "Managed heap of it, MB", s => s.HeapMb),
            ("threads", "Threads", s => s.Threads),
            ("files", "Open files", s => s.Files),
            ("sockets", "Sockets", s => s.Sockets),
            ("database", "Databases, MB", s => s.DatabaseMb),
            ("final", "Final transactions", s => s.Finalized),
        ];
        StringBuilder text = new();
        LoadResult result = run.Result!;
        text.Append(CultureInfo.InvariantCulture, $"# Soak: {minutes} minutes at {rate} tx/s, four validators\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} processors; {DateTime.UtcNow:yyyy-MM-dd}. {run.Events.Count} restarts and kills of three; {run.Nodes[SoakRun.Witness].Name} was left alone. ");
        text.Append(CultureInfo.InvariantCulture, $"Accepted {result.Accepted}, final {result.Finalized}, lost {result.Lost}, twice {result.Duplicated}, diverged {result.Diverged}; p50 {result.Finality.PercentileMicros(50) / 1000.0:0.0} ms, p99 {result.Finality.PercentileMicros(99) / 1000.0:0.0} ms.\n\n");
        text.Append(failures.Count == 0 ? "Passed.\n" : "**Failed:**\n\n" + string.Concat(failures.Select(f => $"- {f}\n")));
        foreach ((string file, string title, Func<SoakSample, double> value) in plots)
        {
            File.WriteAllText(Path.Combine(folder, file + ".svg"), Plot(run, title, value));
            text.Append(CultureInfo.InvariantCulture, $"\n![{title}]({file}.svg)\n");
        }

        File.WriteAllText(Path.Combine(folder, "report.md"), text.ToString());
    }

    private static string Plot(SoakRun run, string title, Func<SoakSample, double> value)
    {
        SoakSample[] all = [.. run.Samples.SelectMany(s => s).Where(s => double.IsFinite(value(s)))];
        double seconds = Math.Max(1, all.Length == 0 ? 1 : all.Max(s => s.Seconds)), most = Math.Max(1, all.Length == 0 ? 1 : all.Max(value)) * 1.1;
        double X(double at) => Left + (at / seconds * (Width - Left - Right));
        double Y(double v) => Height - Bottom - (v / most * (Height - Top - Bottom));
        StringBuilder svg = new();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" width=\"{Width}\" height=\"{Height}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n<rect width=\"{Width}\" height=\"{Height}\" fill=\"#ffffff\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left}\" y=\"18\" font-size=\"14\" font-weight=\"bold\">{title}</text>\n");
        for (int i = 0; i <= 4; i++)
        {
            double v = most * i / 4;
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left}\" y1=\"{Y(v):0.0}\" x2=\"{Width - Right}\" y2=\"{Y(v):0.0}\" stroke=\"#d4d4d4\"/><text x=\"{Left - 6}\" y=\"{Y(v) + 4:0.0}\" text-anchor=\"end\">{v:0}</text>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(seconds * i / 4):0.0}\" y=\"{Height - 10}\" text-anchor=\"middle\">{seconds * i / 4 / 60:0.0} min</text>\n");
        }

        foreach ((double at, string what) in run.Events)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{X(at):0.0}\" y1=\"{Top}\" x2=\"{X(at):0.0}\" y2=\"{Height - Bottom}\" stroke=\"#eeeeee\"><title>{what}</title></line>\n");
        }

        for (int i = 0; i < run.Samples.Length; i++)
        {
            IEnumerable<string> points = run.Samples[i].Where(s => double.IsFinite(value(s)))
                .Select(s => string.Create(CultureInfo.InvariantCulture, $"{X(s.Seconds):0.0},{Y(value(s)):0.0}"));
            svg.Append(CultureInfo.InvariantCulture, $"<polyline fill=\"none\" stroke=\"{s_colours[i % s_colours.Length]}\" points=\"{string.Join(' ', points)}\"><title>{run.Nodes[i].Name}</title></polyline>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Width - Right - (90 * (run.Samples.Length - i))}\" y=\"18\" fill=\"{s_colours[i % s_colours.Length]}\">{run.Nodes[i].Name}</text>\n");
        }

        return svg.Append("</svg>\n").ToString();
    }
}
