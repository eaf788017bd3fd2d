using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Validator.Core.Primitives;
using Validator.Host.Config;
using Validator.Host.Storage;

namespace Validator.Host.Cli;

/// <summary>dag blocks, vertices, vertex, parents, children and tips: the chain by range, a page at a time.</summary>
internal static class DagCommands
{
    private const string Example = "2026-03-01T12:00:00Z";

    private static readonly string[] s_times = ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFK"];

    public static Command Dag()
    {
        return new Command("dag", "Final blocks and vertices by range, and how vertices hang together")
        {
            Blocks(),
            Vertices(),
            Of("vertex", "Print a vertex's header, and which block has it", ""),
            Of("parents", "Print the vertices that a vertex names", "/parents"),
            Children(),
            ClientCommands.Get("tips", "Print the highest vertex of each lane that is held", "/v1/tips"),
        };
    }

    private static Command Blocks()
    {
        (Option[] options, Func<ParseResult, IEnumerable<string?>> query) = Span();
        Option<int> limit = Limit();
        return ClientCommands.Get(
            "blocks", "Print final blocks, the oldest first, by pages", null,
            parsed => Path("/v1/blocks", [.. query(parsed), Asked(parsed, limit)]),
            [.. options, limit]);
    }

    private static Command Vertices()
    {
        (Option[] options, Func<ParseResult, IEnumerable<string?>> query) = Span();
        Option<string?> author = new("--author")
        {
            Description = "Instead of blocks: this member's vertices, by height, final or not",
        };
        Option<ulong?> epoch = new("--epoch") { Description = "With --author; default: this one" };
        Option<ulong?> low = new("--from-height") { Description = "With --author: the first height" };
        Option<ulong?> high = new("--to-height") { Description = "With --author: the last height" };
        Option<int> limit = Limit();
        return ClientCommands.Get(
            "vertices", "Print vertices in the order in which final blocks execute them, or a member's by height, by pages", null,
            parsed => Path(
                "/v1/vertices",
                [
                    .. query(parsed), Asked(parsed, author), Asked(parsed, epoch), Asked(parsed, low), Asked(parsed, high),
                    Asked(parsed, limit),
                ]),
            [.. options, author, epoch, low, high, limit]);
    }

    private static Command Children()
    {
        Argument<string> hash = Hash();
        Option<string?> from = new("--from") { Description = "next_from of the page before" };
        Option<int> limit = Limit();
        return ClientCommands.Get(
            "children", "Print the vertices that name a vertex, by pages", hash,
            parsed => Path(Of(parsed, hash) + "/children", [Place(parsed, from), Asked(parsed, limit)]), from, limit);
    }

    private static Command Of(string name, string description, string path)
    {
        Argument<string> hash = Hash();
        return ClientCommands.Get(name, description, hash, parsed => Of(parsed, hash) + path);
    }

    private static string Of(ParseResult parsed, Argument<string> hash) =>
        Hash256.TryParse(parsed.GetValue(hash)!, out Hash256 value)
        ? $"/v1/vertices/{value}" : throw new ConfigException("hash: expected a vertex's hash, 64 hexadecimal digits");

    private static Argument<string> Hash() => new("hash") { Description = "The vertex's hash: 64 hexadecimal digits" };

    private static Option<int> Limit() => new("--limit")
    {
        Description = $"Entries, at most {DagQueries.MostListed}",
        DefaultValueFactory = _ => DagQueries.MostListed,
    };

    /// <summary>Options that say which blocks, and what the query is for them.</summary>
    private static (Option[] Options, Func<ParseResult, IEnumerable<string?>> Query) Span()
    {
        Option<string?> from = new("--from")
        {
            Description = "The first block, or next_from of the page before; default: the oldest that is kept",
        };
        Option<ulong?> to = new("--to") { Description = "The last block; default: the newest" };
        Option<string?> start = new("--from-time") { Description = "Only blocks of this time or later", HelpName = Example };
        Option<string?> end = new("--to-time") { Description = "Only blocks of this time or earlier", HelpName = Example };
        return ([from, to, start, end], parsed =>
            [Place(parsed, from), Asked(parsed, to), Time(parsed, start, "from_micros"), Time(parsed, end, "to_micros")]);
    }

    private static string Path(string path, params string?[] query) =>
        string.Join('&', query.Where(q => q is not null)) is { Length: > 0 } asked ? $"{path}?{asked}" : path;

    private static string? Place(ParseResult parsed, Option<string?> option) => parsed.GetValue(option) is not { } text ? null
        : EventPlace.TryParse(text, out _) ? $"from={text}"
        : throw new ConfigException($"{option.Name}: expected a number, or next_from of the page before, not '{text}'");

    private static string? Asked<T>(ParseResult parsed, Option<T> option) =>
        parsed.GetValue(option) is not { } value || string.Create(CultureInfo.InvariantCulture, $"{value}") is not { } text ? null
        : $"{option.Name[2..].Replace('-', '_')}={Uri.EscapeDataString(text)}";

    private static string? Time(ParseResult parsed, Option<string?> option, string name)
    {
        if (parsed.GetValue(option) is not { } text)
        {
            return null;
        }

        return DateTimeOffset.TryParseExact(
            text, s_times, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time) && time >= DateTimeOffset.UnixEpoch
            ? string.Create(CultureInfo.InvariantCulture, $"{name}={(time - DateTimeOffset.UnixEpoch).Ticks / 10}")
            : throw new ConfigException($"{option.Name}: expected a time as {Example}, not '{text}'");
    }
}
