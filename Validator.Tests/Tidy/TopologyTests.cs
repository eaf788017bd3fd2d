using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using Validator.Core.Wire;
using Validator.Host.Pipeline;

namespace Validator.Tests.Tidy;

/// <summary>
/// The pipeline's table in Topology.cs, the same in docs/ARCHITECTURE.md, and docs/pipeline.svg, which is drawn from it.
/// </summary>
public sealed partial class TopologyTests
{
    private const string Picture = "docs/pipeline.svg";

    private sealed record Stage(string Name, string Owns, string Source);

    private sealed record Ring(string Name, string From, string To, string Item, int Capacity, string Reason, string Full);

    // Protects: the document's table names every stage, by the name that top shows, what it owns and where its code is.
    [Fact]
    public void Stages_are_those_of_the_code()
    {
        Topology topology = new(cores: 5);
        IEnumerable<(string, string)> made = topology.Stages.Select(s => (s.Name.Replace("-1", "-N", StringComparison.Ordinal), s.Owns));
        string[] rows = [.. Rows("| stage |").Select(r => r[0])];
        IEnumerable<(string, string)> named = rows.Zip(Stages()).SelectMany(r => Regex.Matches(r.First, "`([^`]+)`").Select(m => (m.Groups[1].Value, r.Second.Owns)));
        Assert.Equal(made, named);
        Assert.All(Stages(), s => Assert.True(File.Exists(Path.Combine(SourceTree.Root, s.Source)), s.Source));
    }

    // Protects: which thread runs what, with few cores and with many, is what the document says, and no stage is left out or run
    // twice.
    [Fact]
    public void Threads_are_those_of_the_code()
    {
        string[][] rows = [.. Rows("| thread |")];
        foreach ((int cores, int column) in (IEnumerable<(int, int)>)[(1, 1), (2, 1), (3, 2), (5, 2)])
        {
            Topology topology = new(cores);
            HashSet<string> documented = [.. rows.Where(r => r[column].Length > 0).SelectMany(r => Regex.Matches(r[0], "`([^`]+)`")
                .Select(m => m.Groups[1].Value).Where(name => name != "validation-N" || cores > 4)
                .Select(name => r[column].StartsWith("the s", StringComparison.Ordinal) ? $"{name}: {name}" : $"{name}: {r[column]}"))];
            Assert.Equal(documented, topology.Loops.Select(l => $"{l.Name}: {string.Join(", ", l.Stages.Select(s => s.Name))}".Replace("-1", "-N", StringComparison.Ordinal)).ToHashSet());
            Assert.Equal(topology.Stages.Select(s => s.Name).Order(), topology.Loops.SelectMany(l => l.Stages).Select(s => s.Name).Order());
            Assert.All(topology.Links.Where(l => l.To != topology.Network), l => Assert.Same(l.To.Loop.Parker, l.Consumer));
        }
    }

    // Protects: the document's table is the one in the code, which makes all rings between threads: who fills one, who empties
    // it, what it holds, how much, and what happens when it is full.
    [Fact]
    public void Links_are_those_of_the_code()
    {
        Topology topology = new(cores: 5);
        Dictionary<StageLink, string> names = [];
        foreach (object owner in (object[])[topology, topology.Workers[0]])
        {
            foreach (PropertyInfo property in owner.GetType().GetProperties().Where(p => p.PropertyType.IsAssignableTo(typeof(StageLink))))
            {
                names.Add((StageLink)property.GetValue(owner)!, property.Name);
            }
        }

        Assert.Equal(names.Count, topology.Links.Count());
        Assert.Equal(Rings(), topology.Links.Select(l => new Ring(names[l], NameOf(l.From), NameOf(l.To), ItemOf(l.Item), l.Capacity, l.Reason, l.Full)));
        AssertNone(SourceTree.Sources.Where(f => f.StartsWith("Validator.Host/", StringComparison.Ordinal) && !f.EndsWith("/Topology.cs", StringComparison.Ordinal)
            && SourceTree.Lines(f).Any(l => RingMade().IsMatch(l))));
    }

    private static void AssertNone(IEnumerable<string> files) => Assert.Empty(files);

    private static string NameOf(Validator.Host.Pipeline.Stage stage) => stage.Name.Replace("-1", "-N", StringComparison.Ordinal);

    private static string ItemOf(Type type) => type == typeof((int, FetchRequest)) ? "(int Peer, FetchRequest Request)" : type.Name.Split('`')[0];

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

    private static List<Stage> Stages() => [.. Rows("| stage |").Select(r => new Stage(Regex.Match(r[0], "`([^`]+)`").Groups[1].Value, r[1], r[2].Trim('`')))];

    private static List<Ring> Rings() =>
        [.. Rows("| link |").Select(r => new Ring(r[0].Trim('`'), r[1], r[2], r[3], int.Parse(r[4], CultureInfo.InvariantCulture), r[5], r[6]))];

    private static IEnumerable<string[]> Rows(string head) => SourceTree.Lines("docs/ARCHITECTURE.md")
        .SkipWhile(l => !l.StartsWith(head, StringComparison.Ordinal)).Skip(2).TakeWhile(l => l.StartsWith('|')).Select(l => l.Trim('|').Split('|', StringSplitOptions.TrimEntries));

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
        foreach (IGrouping<(string From, string To), Ring> link in Rings().Where(r => r.From != "validation-N" && r.To != "validation-N").GroupBy(r => (r.From, r.To)))
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

    [GeneratedRegex(@"\bnew SpscRing<|\bSpscRing<[^=;]+> \w+ = new\(|\bPipelineStage\(\$?""")]
    private static partial Regex RingMade();
}
