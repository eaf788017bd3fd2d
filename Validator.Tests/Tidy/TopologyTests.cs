using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Validator.Tests.Tidy;

/// <summary>The tables of threads and rings in docs/ARCHITECTURE.md, and docs/pipeline.svg, which is drawn from them.</summary>
public sealed partial class TopologyTests
{
    private const string Picture = "docs/pipeline.svg";

    private static readonly string[] Host = [.. SourceTree.Sources.Where(f => f.StartsWith("Validator.Host/", StringComparison.Ordinal))];

    private sealed record Stage(string Name, string Owns, string Source);

    private sealed record Ring(string Name, string From, string To, string Item, int Capacity);

    // Protects: the table names every pipeline thread, by the name that top shows, and where its code is.
    [Fact]
    public void Threads_are_those_of_the_code()
    {
        string[] started = [.. Host.SelectMany(SourceTree.Lines).Select(l => ThreadName().Match(l)).Where(m => m.Success).Select(m => m.Groups[1].Value.Replace("{number}", "N", StringComparison.Ordinal))];
        string[] named = [.. Rows("| thread |").SelectMany(r => Regex.Matches(r[0], "`([^`]+)`")).Select(m => m.Groups[1].Value)];
        Assert.Equal(started.Append("network").Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
        Assert.All(Stages(), s => Assert.True(File.Exists(Path.Combine(SourceTree.Root, s.Source)), s.Source));
    }

    // Protects: the table names every ring between threads with its items and its capacity, and no ring that is gone.
    [Fact]
    public void Rings_are_those_of_the_code()
    {
        List<string> made = [];
        foreach (string file in Host)
        {
            foreach (Match ring in SourceTree.Lines(file).Select(l => RingMade().Match(l)).Where(m => m.Success))
            {
                if (CapacityOf(ring.Groups["capacity"].Value, Path.GetDirectoryName(file)!) is { } capacity)
                {
                    made.Add($"{ring.Groups["name"].Value} of {ring.Groups["item"].Value}: {capacity}");
                }
            }
        }

        made.Add($"Events of TransportEvent: {Option("EventRingCapacity")}");
        int senders = Host.SelectMany(SourceTree.Lines).Sum(l => Regex.Count(l, @"(?<!FrameSender )\bSenderOf\(\)"));
        made.AddRange(Enumerable.Repeat($"outbox of OutboxItem: {Option("OutboxCapacity")}", senders));
        Assert.Equal(made.Order(StringComparer.Ordinal), Rings().Select(r => $"{r.Name} of {r.Item}: {r.Capacity}").Order(StringComparer.Ordinal));
        Assert.All(Rings(), r => Assert.All([r.From, r.To], end => Assert.Contains(end, Stages().Select(s => s.Name))));
    }

    // Protects: the table says who fills a ring and who empties it, as ValidatorNode connects them: To* is filled by its thread, From*, Input, Answers
    // and Outside are emptied by theirs.
    [Fact]
    public void Ends_of_rings_are_those_of_the_code()
    {
        Dictionary<string, string> threads = [];
        foreach (string file in Host)
        {
            string text = string.Join('\n', SourceTree.Lines(file));
            foreach (Match type in Regex.Matches(text, @"class (\w+)\b(?:(?!\bclass )[\s\S])*?(?:PipelineThread\(\$?|: base\()""(\w[\w-]*?)(?:-\{number\})?"""))
            {
                threads[type.Groups[1].Value] = type.Groups[2].Value;
            }
        }

        string? owner = null;
        int seen = 0;
        foreach (string line in SourceTree.Lines("Validator.Host/Node/ValidatorNode.Create.cs"))
        {
            Match made = Regex.Match(line, @"= new (\w+)\(");
            owner = made.Success && threads.TryGetValue(made.Groups[1].Value, out string? thread) ? thread : owner;
            Match end = Regex.Match(line, @"^\s+(?<way>To\w+|From\w+|Input|Answers|Outside) = (?<rings>.+),$");
            foreach (string name in Regex.Matches(end.Groups["rings"].Value, @"\b_?([a-z]\w+)").Select(m => m.Groups[1].Value))
            {
                foreach (Ring ring in Rings().Where(r => r.Name == name))
                {
                    seen++;
                    Assert.Equal((name, owner), (name, end.Groups["way"].Value.StartsWith("To", StringComparison.Ordinal) ? ring.From : ring.To));
                }
            }
        }

        Assert.InRange(seen, 16, int.MaxValue);
    }

    // Protects: the picture shows what the tables say. VALIDATOR_GOLDEN=write draws it anew.
    [Fact]
    public void Picture_is_drawn_from_the_tables()
    {
        string path = Path.Combine(SourceTree.Root, Picture), drawn = Draw();
        if (Environment.GetEnvironmentVariable("VALIDATOR_GOLDEN") == "write")
        {
            File.WriteAllText(path, drawn);
        }

        Assert.Equal(drawn, File.ReadAllText(path));
    }

    private static List<Stage> Stages() => [.. Rows("| thread |").Select(r => new Stage(Regex.Match(r[0], "`([^`]+)`").Groups[1].Value, r[1], r[2].Trim('`')))];

    private static List<Ring> Rings() => [.. Rows("| ring |").Select(r => new Ring(r[0].Trim('`'), r[1], r[2], r[3], int.Parse(r[4], CultureInfo.InvariantCulture)))];

    private static IEnumerable<string[]> Rows(string head) => SourceTree.Lines("docs/ARCHITECTURE.md")
        .SkipWhile(l => !l.StartsWith(head, StringComparison.Ordinal)).Skip(2).TakeWhile(l => l.StartsWith('|')).Select(l => l.Trim('|').Split('|', StringSplitOptions.TrimEntries));

    /// <summary>Null for a ring that is no link between threads: pools and tables get their size from outside.</summary>
    private static int? CapacityOf(string text, string folder)
    {
        if (int.TryParse(text, CultureInfo.InvariantCulture, out int number))
        {
            return number;
        }

        Regex constant = new($@"const int {text} = (\d+);");
        Match found = Host.Where(f => Path.GetDirectoryName(f) == folder).SelectMany(SourceTree.Lines).Select(l => constant.Match(l)).FirstOrDefault(m => m.Success) ?? Match.Empty;
        return found.Success ? int.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture) : null;
    }

    private static string Option(string name) => SourceTree.Lines("Validator.Net/TransportOptions.cs")
        .Select(l => Regex.Match(l, $@"int {name} {{ get; init; }} = (\d+);")).Single(m => m.Success).Groups[1].Value;

    private static string Draw()
    {
        const int width = 190, height = 58;
        Dictionary<string, (int X, int Y)> places = new()
        {
            ["batcher"] = (120, 70),
            ["signer"] = (640, 70),
            ["vote-store"] = (900, 70),
            ["validation"] = (120, 200),
            ["core"] = (380, 200),
            ["ledger"] = (900, 200),
            ["fetch"] = (330, 330),
            ["execution"] = (640, 330),
            ["prune"] = (900, 330),
        };
        StringBuilder svg = new("""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1080 470" font-family="sans-serif" font-size="13" text-anchor="middle">
            <!-- Drawn by TopologyTests from the tables in ARCHITECTURE.md: VALIDATOR_GOLDEN=write draws it anew. -->
            <defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0,0L8,4L0,8z"/></marker></defs>
            <style>path.link{fill:none;stroke:#000;marker-end:url(#tip)}text.number{paint-order:stroke;stroke:#fff;stroke-width:5px;font-size:12px}rect.box{fill:#eef3f8;stroke:#345}text.owns{font-size:11px;fill:#345}</style>
            <rect width="1080" height="470" fill="#fff"/>

            """);
        void Line(int x1, int y1, int x2, int y2, string label) => svg.Append(CultureInfo.InvariantCulture,
            $"<path class=\"link\" d=\"M{x1},{y1}L{x2},{y2}\"/>\n<text class=\"number\" x=\"{(x1 + x2) / 2}\" y=\"{((y1 + y2) / 2) + 4}\">{label}</text>\n");
        foreach (IGrouping<(string From, string To), Ring> link in Rings().Where(r => r.From != r.To).GroupBy(r => (r.From, r.To)))
        {
            string label = link.First().Capacity.ToString(CultureInfo.InvariantCulture);
            if (link.Key.From == "network")
            {
                (int x, int y) = places[link.Key.To];
                Line(x, 410, x, y + (height / 2), label);
            }
            else if (link.Key.To == "network")
            {
                // Beside what is in the way: the vote store's goes round the ledger, Core's past fetch.
                (int x, int y) = places[link.Key.From];
                int at = link.Key.From switch { "core" => x + 75, "vote-store" => 1040, _ => x };
                svg.Append(CultureInfo.InvariantCulture, $"<path class=\"link\" d=\"M{(at > 1000 ? x + (width / 2) : at)},{(at > 1000 ? y : y + (height / 2))}H{at}V410\"/>\n<text class=\"number\" x=\"{at}\" y=\"{(y == 330 ? 389 : 364)}\">{label}</text>\n");
            }
            else
            {
                ((int fx, int fy), (int tx, int ty)) = (places[link.Key.From], places[link.Key.To]);
                bool answer = link.Key.To == "core" && fx > tx;
                int shift = answer && fy == ty ? 14 : link.Key is ("core", "ledger") ? -14 : 0;
                (int x1, int y1) = Edge(fx, fy, tx, ty, width, height);
                (int x2, int y2) = Edge(tx, ty, fx, fy, width, height);
                Line(x1, y1 + shift, x2, y2 + shift, label);
            }
        }

        svg.Append("<path class=\"link\" d=\"M120,8V41\"/>\n<text class=\"owns\" x=\"205\" y=\"24\">clients: HTTP, submit stream</text>\n");
        svg.Append("<rect class=\"box\" x=\"25\" y=\"410\" width=\"1035\" height=\"46\" rx=\"6\"/>\n");
        foreach (Stage stage in Stages())
        {
            (int x, int y) = stage.Name == "network" ? (542, 433) : places[stage.Name];
            if (stage.Name != "network")
            {
                svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"box\" x=\"{x - (width / 2)}\" y=\"{y - (height / 2)}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n");
            }

            string owns = stage.Owns.Length <= 30 ? stage.Owns : stage.Owns[..stage.Owns.LastIndexOfAny([',', ';'], 30)];
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x}\" y=\"{y - 3}\" font-weight=\"bold\">{stage.Name}</text>\n<text class=\"owns\" x=\"{x}\" y=\"{y + 15}\">{owns}</text>\n");
        }

        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>Where the line between two boxes' centres leaves the first.</summary>
    private static (int X, int Y) Edge(int x, int y, int towardsX, int towardsY, int width, int height)
    {
        double dx = towardsX - x, dy = towardsY - y;
        double scale = Math.Min(dx == 0 ? double.MaxValue : width / 2.0 / Math.Abs(dx), dy == 0 ? double.MaxValue : height / 2.0 / Math.Abs(dy));
        return ((int)Math.Round(x + (dx * scale)), (int)Math.Round(y + (dy * scale)));
    }

    [GeneratedRegex(@"(?:PipelineThread\(\$?|: base\()""([\w{}-]+)""")]
    private static partial Regex ThreadName();

    [GeneratedRegex(@"(?:(?:SpscRing|MpmcRing|Outlet)<(?<item>[^=;]+)>(?:\[\])? _?(?<name>\w+)(?: { get; })? = new\(|\b_?(?<name>\w+)(?:\[\w+\])? = new (?:SpscRing|MpmcRing|Outlet)<(?<item>[^=;]+)>\()(?<capacity>\w+)\)")]
    private static partial Regex RingMade();
}
