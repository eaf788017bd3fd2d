using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Storage;

/// <summary>Queries that bisect, against a model that looks at everything: the same answers, whatever the pages.</summary>
public sealed class DagQueryTests
{
    // Protects who looks into the chain: any range of blocks, of times and of heights, parents and children, tips and what
    // became of a vertex are those of the chain, each once, over pages of any size; and so they are once the oldest blocks are
    // gone, and after reopening.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Queries_find_what_the_chain_has_over_pages_of_any_size(int seed)
    {
        using TemporaryFolder folder = new();
        Random random = new(seed);
        DagModel model;
        using (RocksLedger ledger = Open(folder))
        {
            model = DagModel.Make(300, random, ledger);
            Check(ledger, model, random);
            Retention retention = new((ulong)random.Next(100, 170), ulong.MaxValue);
            while (ledger.Prune(retention, out string? error) > 0)
            {
                Assert.Null(error);
            }

            Assert.True(ledger.FirstKept.Sequence > 100);
            model.Prune(ledger.FirstKept.Sequence);
            Check(ledger, model, random);
        }

        using RocksLedger again = Open(folder);
        Check(again, model, random);
    }

    private static RocksLedger Open(TemporaryFolder folder) => RocksLedger.Open(
        folder.File("ledger"), StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 1 << 20, 1 << 20);

    private static void Check(RocksLedger ledger, DagModel model, Random random)
    {
        DagQueries queries = new(ledger);
        ulong newest = (ulong)model.Finals.Count, end = model.Finals[^1].Block.TimestampMicros;
        for (int i = 0; i < 40; i++)
        {
            // Ranges may be empty, turned round, and reach beyond both ends.
            BlockSpan span = new(
                new EventPlace(random.Next(2) == 0 ? 0 : (ulong)random.NextInt64((long)newest + 9), 0),
                random.Next(2) == 0 ? ulong.MaxValue : (ulong)random.NextInt64((long)newest + 9),
                random.Next(2) == 0 ? 0 : (ulong)random.NextInt64(900_000, (long)end + 900),
                random.Next(2) == 0 ? ulong.MaxValue : (ulong)random.NextInt64(900_000, (long)end + 900));
            Assert.Equal(
                model.Within(span).Select(f => f.Block.Hash),
                Blocks(queries, span, random.Next(1, 60)).Select(b => b.Block.Hash));
            Assert.Equal(
                model.Within(span).SelectMany(f => f.Order).Select(h => model.Describe(model.FindVertexHeader(h)!)),
                Pages(
                    span.From, random.Next(1, 60), (from, most) => queries.Ordered(span with { From = from }, most), exact: true));
        }

        foreach (ulong epoch in (ulong[])[0, 1, 2])
        {
            Assert.Equal(
                Enumerable.Range(0, StoreSamples.Members)
                    .SelectMany(a => model.Lane(epoch, a, model.HighestOf(epoch, a))).Select(Described).OrderBy(Place),
                queries.Tips(epoch, StoreSamples.Members).OrderBy(Place));
            for (int author = 0; author < StoreSamples.Members; author++)
            {
                ulong low = (ulong)random.Next(200), high = (ulong)random.Next(400);
                Assert.Equal(
                    model.Lane(epoch, author, low).Where(t => t.Height <= high).Select(Described),
                    Pages(
                        new EventPlace(low, 0), random.Next(1, 60),
                        (from, most) => queries.Lane(epoch, author, from.Sequence, high, most), exact: false));
            }
        }

        foreach (VertexHeader vertex in model.Vertices)
        {
            Assert.Equal(model.Describe(vertex), queries.Describe(vertex));
        }

        foreach (VertexHeader vertex in random.GetItems(model.Vertices.ToArray(), 150))
        {
            Assert.Equal(
                model.ChildrenOf(vertex),
                Pages(default, random.Next(1, 9), (from, most) => queries.ChildrenOf(vertex, from, most), exact: false));
            foreach (ParentVertex parent in queries.ParentsOf(vertex))
            {
                LaneTip own = new(vertex.Height - 1, vertex.Predecessor);
                Assert.Equal(parent.Author == vertex.Author ? own : vertex.Parents[parent.Author], parent.Tip);
                Assert.Equal(
                    model.FindVertexHeader(parent.Tip.Hash) is { } held ? model.Describe(held) : null, parent.Held);
            }

            Assert.Equal(
                vertex.Parents.Count(p => p.Height > 0) + (vertex.Height > 1 ? 1 : 0), queries.ParentsOf(vertex).Count);
        }

        ListedVertex Described(LaneTip tip) => model.Describe(model.FindVertexHeader(tip.Hash)!);
    }

    private static (ulong, int, ulong, string) Place(ListedVertex vertex) =>
        (vertex.Epoch, vertex.Author, vertex.Height, vertex.Hash.ToString());

    private static List<ListedBlock> Blocks(DagQueries queries, BlockSpan span, int most)
    {
        List<ListedBlock> found = [];
        while (true)
        {
            BlockPage page = queries.Blocks(span, most);
            Assert.InRange(page.Blocks.Count, 0, most);
            found.AddRange(page.Blocks);
            if (page.Next is not { } next)
            {
                return found;
            }

            span = span with { From = new EventPlace(next, 0) };
        }
    }

    /// <param name="exact">Whether a page has no more than was asked for; else it goes on through twins.</param>
    private static List<ListedVertex> Pages(EventPlace from, int most, Func<EventPlace, int, VertexPage> read, bool exact)
    {
        List<ListedVertex> found = [];
        while (true)
        {
            VertexPage page = read(from, most);
            Assert.InRange(page.Vertices.Count, 0, exact ? most : most + 1);
            found.AddRange(page.Vertices);
            if (page.Next is not { } next)
            {
                return found;
            }

            from = next;
        }
    }
}
