using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Api;

/// <summary>
/// GET /v1/blocks, /v1/vertices, /v1/tips, /v1/vertices/{hash}/parents and /children: final blocks and vertices by range
/// (docs/API.md), a page at a time.
/// </summary>
internal sealed class DagEndpoints(INodeGateway node)
{
    private const int UsualEntries = 100;

    public static readonly string[] BlockQuery = ["from", "to", "from_micros", "to_micros", "limit"];
    public static readonly string[] VertexQuery = [.. BlockQuery, "author", "epoch", "from_height", "to_height"];
    public static readonly string[] ChildQuery = ["from", "limit"];

    private static readonly string[] s_spanQuery = BlockQuery[..^1];
    private static readonly string[] s_laneQuery = ["epoch", "from_height", "to_height"];

    /// <summary>Final blocks, the oldest first.</summary>
    public Task Blocks(HttpContext context)
    {
        if (!TrySpan(context, out BlockSpan span, out int most) || span.From.Place != 0)
        {
            return BadSpan(context, "BLOCK");
        }

        if (IsGone(context, span.From))
        {
            return Gone(context);
        }

        BlockPage page = node.Dag.Blocks(span, most);
        return ReadEndpoints.WriteAsync(context, json =>
        {
            json.WriteNumber("first_block", node.FirstBlock);
            json.WriteStartArray("blocks");
            foreach (ListedBlock listed in page.Blocks)
            {
                Block block = listed.Block;
                json.WriteStartObject();
                json.WriteNumber("sequence", block.Sequence);
                SubmitEndpoints.WriteHash(json, "hash", block.Hash);
                json.WriteNumber("epoch", block.Epoch);
                json.WriteNumber("time_micros", block.TimestampMicros);
                json.WriteNumber("first_index", listed.FirstIndex);
                json.WriteNumber("transaction_count", listed.Transactions);
                json.WriteNumber("vertices", listed.Vertices);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            if (page.Next is { } next)
            {
                json.WriteString("next_from", next.ToString(CultureInfo.InvariantCulture));
            }
        });
    }

    /// <summary>Vertices as final blocks execute them; with ?author= a lane's, by height, final or not.</summary>
    public Task Vertices(HttpContext context)
    {
        IQueryCollection query = context.Request.Query;
        if (query.ContainsKey("author"))
        {
            return Lane(context);
        }

        if (Array.Exists(s_laneQuery, query.ContainsKey))
        {
            return Problem.BadRequest(context, "?epoch=, ?from_height= and ?to_height= belong to ?author=NAME");
        }

        if (!TrySpan(context, out BlockSpan span, out int most))
        {
            return BadSpan(context, "BLOCK, or next_from of the page before");
        }

        return IsGone(context, span.From) ? Gone(context)
            : WritePage(context, "vertices", node.Dag.Ordered(span, most), "next_from", p => p.ToString());
    }

    private Task Lane(HttpContext context)
    {
        IQueryCollection query = context.Request.Query;
        ulong epoch = node.Epoch.Number, from = 0, to = ulong.MaxValue;
        if (Array.Exists(s_spanQuery, query.ContainsKey)
            || !TryNumber(context, "epoch", ref epoch) || !TryNumber(context, "from_height", ref from)
            || !TryNumber(context, "to_height", ref to) || !TryLimit(context, out int most))
        {
            return Problem.BadRequest(
                context,
                $"with ?author=NAME expected ?epoch=, ?from_height=, ?to_height= and ?limit=1 to {DagQueries.MostListed} alone");
        }

        int author = Array.IndexOf(node.MemberNames(epoch, 0), (string?)query["author"]);
        return author < 0 ? Problem.NotFound(context, $"no member of epoch {epoch} that is known here has this name")
            : WritePage(
                context, "vertices", node.Dag.Lane(epoch, author, from, to, most), "next_from_height",
                p => p.Sequence.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The highest vertex of each lane of this epoch.</summary>
    public Task Tips(HttpContext context)
    {
        EpochConfiguration epoch = node.Epoch;
        List<ListedVertex> tips = node.Dag.Tips(epoch.Number, epoch.Members.Length);
        return ReadEndpoints.WriteAsync(context, json =>
        {
            json.WriteNumber("epoch", epoch.Number);
            Write(json, "tips", tips);
        });
    }

    /// <summary>What a vertex names.</summary>
    public Task Parents(HttpContext context)
    {
        if (Find(context) is not { } header)
        {
            return Unknown(context);
        }

        List<ParentVertex> parents = node.Dag.ParentsOf(header);
        string[] names = node.MemberNames(header.Epoch, header.Parents.Length);
        return ReadEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartArray("parents");
            foreach (ParentVertex parent in parents)
            {
                json.WriteStartObject();
                json.WriteBoolean("held", parent.Held is not null);
                if (parent.Held is { } held)
                {
                    WriteVertex(json, held, names);
                }
                else
                {
                    WriteName(json, parent.Tip.Hash, header.Epoch, names[parent.Author], parent.Tip.Height);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    /// <summary>What names a vertex.</summary>
    public Task Children(HttpContext context)
    {
        if (Find(context) is not { } header)
        {
            return Unknown(context);
        }

        EventPlace from = default;
        string? text = context.Request.Query["from"];
        return (text is null || EventPlace.TryParse(text, out from)) && TryLimit(context, out int most)
            ? WritePage(context, "children", node.Dag.ChildrenOf(header, from, most), "next_from", p => p.ToString())
            : Problem.BadRequest(
                context, $"expected ?from= with next_from of the page before, ?limit=1 to {DagQueries.MostListed}");
    }

    /// <summary>What became of a vertex, beside its header.</summary>
    public static void WriteOutcome(Utf8JsonWriter json, in ListedVertex vertex)
    {
        json.WriteString("status", Names.Snake($"{vertex.Status}"));
        if (vertex.Status == VertexStatus.Finalized)
        {
            json.WriteNumber("block", vertex.Block);
            json.WriteNumber("time_micros", vertex.TimeMicros);
        }
    }

    private Task WritePage(HttpContext context, string list, VertexPage page, string next, Func<EventPlace, string> place) =>
        ReadEndpoints.WriteAsync(context, json =>
        {
            json.WriteNumber("first_block", node.FirstBlock);
            Write(json, list, page.Vertices);
            if (page.Next is { } on)
            {
                json.WriteString(next, place(on));
            }
        });

    private void Write(Utf8JsonWriter json, string list, IReadOnlyList<ListedVertex> vertices)
    {
        Dictionary<ulong, string[]> names = [];
        json.WriteStartArray(list);
        foreach (ListedVertex vertex in vertices)
        {
            if (!names.TryGetValue(vertex.Epoch, out string[]? members))
            {
                names[vertex.Epoch] = members = node.MemberNames(vertex.Epoch, Limits.MaxCommittee);
            }

            json.WriteStartObject();
            WriteVertex(json, vertex, members);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteVertex(Utf8JsonWriter json, in ListedVertex vertex, string[] names)
    {
        WriteName(json, vertex.Hash, vertex.Epoch, names[vertex.Author], vertex.Height);
        WriteOutcome(json, vertex);
    }

    private static void WriteName(Utf8JsonWriter json, in Hash256 hash, ulong epoch, string author, ulong height)
    {
        SubmitEndpoints.WriteHash(json, "hash", hash);
        json.WriteNumber("epoch", epoch);
        json.WriteString("author", author);
        json.WriteNumber("height", height);
    }

    private VertexHeader? Find(HttpContext context) =>
        Hash256.TryParse((string)context.Request.RouteValues["hash"]!, out Hash256 hash) ? node.FindVertex(hash)?.Header : null;

    private static Task Unknown(HttpContext context) =>
        Hash256.TryParse((string)context.Request.RouteValues["hash"]!, out _)
            ? Problem.NotFound(context, "this validator holds no such vertex")
            : Problem.BadRequest(context, "expected the vertex's hash, 64 hexadecimal digits");

    /// <summary>Only who named a block is told that it is gone: a time is answered from what is kept.</summary>
    private bool IsGone(HttpContext context, EventPlace from) =>
        context.Request.Query.ContainsKey("from") && from.Sequence < node.FirstBlock;

    private Task Gone(HttpContext context) =>
        Problem.Gone(context, "block-gone", "The block is no longer kept", "first_block", node.FirstBlock);

    private static bool TrySpan(HttpContext context, out BlockSpan span, out int most)
    {
        EventPlace from = default;
        ulong to = ulong.MaxValue, after = 0, before = ulong.MaxValue;
        string? text = context.Request.Query["from"];
        bool good = (text is null || (EventPlace.TryParse(text, out from) && from.Sequence > 0)) & TryLimit(context, out most)
            & TryNumber(context, "to", ref to) & TryNumber(context, "from_micros", ref after)
            & TryNumber(context, "to_micros", ref before);
        span = new BlockSpan(from, to, after, before);
        return good;
    }

    private static Task BadSpan(HttpContext context, string from) => Problem.BadRequest(
        context,
        $"expected ?from={from}, ?to=BLOCK, ?from_micros= and ?to_micros=, microseconds of the Unix epoch,"
            + $" ?limit=1 to {DagQueries.MostListed}");

    private static bool TryNumber(HttpContext context, string name, ref ulong value)
    {
        string? text = context.Request.Query[name];
        return text is null || StrictNumber.TryRead(text, out value);
    }

    private static bool TryLimit(HttpContext context, out int most)
    {
        most = UsualEntries;
        string? text = context.Request.Query["limit"];
        return text is null || (StrictNumber.TryRead(text, out most) && most is >= 1 and <= DagQueries.MostListed);
    }
}
