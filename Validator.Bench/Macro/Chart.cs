using System.Globalization;
using System.Text;

namespace Validator.Bench.Macro;

/// <summary>
/// Draws a ladder as SVG: latency over finalized throughput, both axes logarithmic, with other systems' points in grey.
/// </summary>
internal sealed class Chart
{
    private const double Width = 960, Height = 600;
    private const double Left = 84, Right = 930, Top = 92, Bottom = 500;
    private const string P50Colour = "#1d5fa8", P99Colour = "#b4430b", Ink = "#222222", Faint = "#6b6b6b", Grid = "#d4d4d4", FaintGrid = "#f0f0f0";

    private readonly StringBuilder _svg = new();
    private readonly List<(double X, double Y)> _labels = [];
    private readonly Rung[] _rungs;
    private readonly double _minX, _maxX, _minY, _maxY;

    private Chart(Rung[] rungs)
    {
        _rungs = rungs;
        double[] xs = [.. rungs.Select(r => Math.Max(1, r.Localnet.FinalizedTps)), .. Peers.Rows.Select(p => p.PerSecond)];
        double[] ys = [.. rungs.SelectMany(r => new[] { r.Localnet.FinalityMs.P50, r.Localnet.FinalityMs.P99 }), .. Peers.Rows.Select(p => p.P50Ms)];
        (_minX, _maxX) = Range(xs);
        (_minY, _maxY) = Range(ys);
    }

    public static string Draw(LadderResult result)
    {
        Rung[] rungs = [.. result.Rungs.Where(r => r.Localnet.Finalized > 0)];
        Chart chart = new(rungs);
        chart.Frame(result.Machine);
        foreach (PeerRow peer in Peers.Rows)
        {
            chart.Peer(peer);
        }

        chart.Series("p99", P99Colour, r => r.Localnet.FinalityMs.P99, above: true);
        chart.Series("p50", P50Colour, r => r.Localnet.FinalityMs.P50, above: false);
        chart._svg.Append("</svg>\n");
        return chart._svg.ToString();
    }

    private void Frame(Machine machine)
    {
        _svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {Height}" width="{Width}" height="{Height}" font-family="Helvetica, Arial, sans-serif">
            <rect width="{Width}" height="{Height}" fill="#ffffff"/>

            """);
        Text(Left, 34, "Finality against throughput: four validators and the load generator on one machine", 17, Ink, weight: "bold");
        Text(Left, 57, $"512-byte transactions, everything on. {machine.Cpu}, {machine.Cores} cores, {machine.FileSystem}; commit {machine.Commit}; {machine.Date} UTC", 13, Faint);
        Text(Left, 76, "Hollow: less than 98 % of what was offered, or p99 above 500 ms.  Grey: others' p50, from other machines (see the table).", 13, Faint);
        foreach ((double value, bool decade) in Marks(_minX, _maxX))
        {
            Line(X(value), Top, X(value), Bottom, decade ? Grid : FaintGrid);
            Text(X(value), Bottom + 22, Number(value), decade ? 14 : 11, decade ? Ink : Faint, "middle");
        }

        foreach ((double value, bool decade) in Marks(_minY, _maxY))
        {
            Line(Left, Y(value), Right, Y(value), decade ? Grid : FaintGrid);
            Text(Left - 10, Y(value) + 5, Number(value), decade ? 14 : 11, decade ? Ink : Faint, "end");
        }

        Line(Left, Bottom, Right, Bottom, Ink);
        Line(Left, Top, Left, Bottom, Ink);
        Text((Left + Right) / 2, Bottom + 50, "finalized transactions per second (logarithmic)", 15, Ink, "middle");
        _svg.Append(CultureInfo.InvariantCulture, $"<g transform=\"translate(26 {(Top + Bottom) / 2}) rotate(-90)\">");
        Text(0, 0, "finality, milliseconds (logarithmic)", 15, Ink, "middle");
        _svg.Append("</g>\n");
        double y = Bottom + 80;
        Line(Left, y - 5, Left + 34, y - 5, P50Colour, 2.5);
        Text(Left + 42, y, "p50", 14, P50Colour);
        Line(Left + 90, y - 5, Left + 124, y - 5, P99Colour, 2.5);
        Text(Left + 132, y, "p99, from the scheduled submission until the submitting side knows it final", 14, P99Colour);
    }

    private void Series(string name, string colour, Func<Rung, double> value, bool above)
    {
        string points = string.Join(' ', _rungs.Select(r => string.Create(CultureInfo.InvariantCulture, $"{X(r.Localnet.FinalizedTps):F1},{Y(value(r)):F1}")));
        _svg.Append(CultureInfo.InvariantCulture, $"<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\"/>\n");
        foreach (Rung rung in _rungs)
        {
            double x = X(rung.Localnet.FinalizedTps), y = Y(value(rung));
            _svg.Append(CultureInfo.InvariantCulture,
                $"<circle cx=\"{x:F1}\" cy=\"{y:F1}\" r=\"5\" fill=\"{(rung.Sustained ? colour : "#ffffff")}\" stroke=\"{colour}\" stroke-width=\"2\"><title>{rung.Rate} tx/s offered, {name} {value(rung):F1} ms</title></circle>\n");
            (double X, double Y) label = (x, above ? y - 11 : y + 21);

            // Overloaded rungs end up close together: a label that would cover another is left to the tooltip.
            if (!_labels.Exists(l => Math.Abs(l.X - label.X) < 40 && Math.Abs(l.Y - label.Y) < 15))
            {
                _labels.Add(label);
                Text(label.X, label.Y, Milliseconds(value(rung)), 12, colour, "middle");
            }
        }
    }

    private void Peer(PeerRow peer)
    {
        double x = X(peer.PerSecond), y = Y(peer.P50Ms);
        _svg.Append(CultureInfo.InvariantCulture,
            $"<path d=\"M{x - 5:F1} {y:F1}L{x:F1} {y - 5:F1}L{x + 5:F1} {y:F1}L{x:F1} {y + 5:F1}Z\" fill=\"#8f8f8f\"/>\n");
        bool leftwards = x > Right - 140;
        double label = leftwards ? x - 10 : x + 10;
        _labels.Add((leftwards ? x - 50 : x + 50, y + 5));
        Text(label, y + 5, peer.Name, 12, Faint, leftwards ? "end" : "start");
    }

    private double X(double value) => Left + ((Right - Left) * Math.Log10(Math.Max(value, _minX) / _minX) / Math.Log10(_maxX / _minX));

    private double Y(double value) => Bottom - ((Bottom - Top) * Math.Log10(Math.Max(value, _minY) / _minY) / Math.Log10(_maxY / _minY));

    // Ends at marks of 1, 2 or 5, with a quarter of an octave of space on both sides.
    private static (double Least, double Most) Range(double[] values)
    {
        double[] marks = [.. Marks(1e-2, 1e9).Select(m => m.Value)];
        double most = values.Max();
        return (marks.Last(m => m <= Math.Max(values.Min(), marks[0])) * 0.8, marks.First(m => m >= most) * 1.25);
    }

    private static IEnumerable<(double Value, bool Decade)> Marks(double from, double to)
    {
        for (int power = (int)Math.Floor(Math.Log10(from)); power <= Math.Log10(to); power++)
        {
            foreach (int digit in new[] { 1, 2, 5 })
            {
                double value = digit * Math.Pow(10, power);
                if (value >= from && value <= to)
                {
                    yield return (value, digit == 1);
                }
            }
        }
    }

    private static string Number(double value) => value.ToString(value < 1 ? "0.##" : "#,0", CultureInfo.InvariantCulture);

    private static string Milliseconds(double value) => value.ToString(value < 100 ? "0.0" : "#,0", CultureInfo.InvariantCulture);

    private void Line(double x1, double y1, double x2, double y2, string colour, double width = 1) =>
        _svg.Append(CultureInfo.InvariantCulture,
            $"<line x1=\"{x1:F1}\" y1=\"{y1:F1}\" x2=\"{x2:F1}\" y2=\"{y2:F1}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>\n");

    private void Text(double x, double y, string text, int size, string colour, string anchor = "start", string weight = "normal") =>
        _svg.Append(CultureInfo.InvariantCulture,
            $"<text x=\"{x:F1}\" y=\"{y:F1}\" font-size=\"{size}\" font-weight=\"{weight}\" fill=\"{colour}\" stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\" text-anchor=\"{anchor}\">{System.Security.SecurityElement.Escape(text)}</text>\n");
}
