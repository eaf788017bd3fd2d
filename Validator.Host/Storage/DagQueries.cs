using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Host.Storage;

/// <summary>What became of a vertex that is held here.</summary>
public enum VertexStatus : byte
{
    /// <summary>No final block has a vertex of this lane and height.</summary>
    Durable,

    /// <summary>In a final block.</summary>
    Finalized,

    /// <summary>Final blocks have gone past its height without it: a twin of it was ordered, or its epoch ended first; or it was
    /// ordered before the oldest block that is kept.</summary>
    PassedOver,
}

/// <summary>A vertex as lists have it.</summary>
/// <param name="Author">Index in its epoch's committee.</param>
/// <param name="Block">The final block that ordered it; 0 where none did.</param>
/// <param name="TimeMicros">That block's time, microseconds of the Unix epoch; a vertex has none of its own.</param>
public readonly record struct ListedVertex(
    Hash256 Hash, ulong Epoch, int Author, ulong Height, VertexStatus Status, ulong Block, ulong TimeMicros);

/// <summary>A final block as lists have it.</summary>
/// <param name="Transactions">That got an index in it.</param>
public sealed record ListedBlock(Block Block, ulong FirstIndex, uint Transactions, int Vertices);

/// <summary>Final blocks by sequence and by time; both ends count as inside.</summary>
/// <param name="From">And where in the first block.</param>
public readonly record struct BlockSpan(EventPlace From, ulong To, ulong FromMicros, ulong ToMicros);

/// <param name="Next">Where the next page begins; null after the last.</param>
public sealed record BlockPage(IReadOnlyList<ListedBlock> Blocks, ulong? Next);

/// <param name="Next">Where the next page begins; null after the last.</param>
public sealed record VertexPage(IReadOnlyList<ListedVertex> Vertices, EventPlace? Next);

/// <summary>A parent: the newest vertex of a lane that an author named.</summary>
/// <param name="Held">Null where it is not here: pruned, or not come yet.</param>
public readonly record struct ParentVertex(int Author, LaneTip Tip, ListedVertex? Held);

/// <summary>What queries read. Any thread.</summary>
internal interface IDagSource
{
    /// <summary>The oldest block and transaction that are still readable.</summary>
    ChainPosition FirstKept { get; }

    /// <summary>The newest executed block, and the index that the next transaction gets.</summary>
    ChainPosition Newest { get; }

    /// <summary>An executed block; null where there is none yet, or no longer.</summary>
    FinalRecord? Final(ulong sequence);

    /// <summary>A lane's vertices from a height on, by height; twins lie side by side.</summary>
    IEnumerable<LaneTip> Lane(ulong epoch, int author, ulong from);

    /// <summary>The height of a lane's highest vertex; 0 where none is held.</summary>
    ulong HighestOf(ulong epoch, int author);

    VertexHeader? FindVertexHeader(in Hash256 hash);
}

/// <summary>
/// Final blocks and vertices by range. No index is kept for these: blocks are in the order of their times, epochs and cuts, so
/// that each place among them is found by bisection; and the children of a vertex are neighbours in each lane, since an author
/// names ever newer parents. (Who goes back breaks no rule of the protocol, and may have children that are not found.)
/// Any thread; each call reads some blocks for each bisection, and what it lists.
/// </summary>
public sealed class DagQueries
{
    /// <summary>Entries of a page, at most: what is listed may have to be read with its payload.</summary>
    public const int MostListed = 200;

    /// <summary>Blocks that are looked at for a page of vertices: an idle chain has many empty ones.</summary>
    private const int MostLooked = 1000;

    private readonly IDagSource _source;

    internal DagQueries(IDagSource source) => _source = source;

    /// <summary>Final blocks, the oldest first.</summary>
    /// <param name="most">Blocks of the page.</param>
    public BlockPage Blocks(in BlockSpan span, int most)
    {
        List<ListedBlock> blocks = [];
        for (ulong sequence = Start(span).Sequence; Within(span, sequence) is { } final; sequence++)
        {
            if (blocks.Count == most)
            {
                return new BlockPage(blocks, sequence);
            }

            blocks.Add(new ListedBlock(final.Block, final.Result.FirstIndex, final.Result.Accepted, final.Order.Length));
        }

        return new BlockPage(blocks, null);
    }

    /// <summary>Vertices in the order in which final blocks execute them. A page may have fewer than are left, or none.</summary>
    /// <param name="most">Vertices of the page.</param>
    public VertexPage Ordered(in BlockSpan span, int most)
    {
        List<ListedVertex> vertices = [];
        EventPlace start = Start(span);
        ulong sequence = start.Sequence;
        uint place = start.Place;
        for (int looked = 0; Within(span, sequence) is { } final; looked++, sequence++, place = 0)
        {
            if (looked == MostLooked)
            {
                return new VertexPage(vertices, new EventPlace(sequence, 0));
            }

            Dictionary<Hash256, (int Author, ulong Height)> places = place < final.Order.Length ? PlacesIn(final.Block) : [];
            for (; place < final.Order.Length; place++)
            {
                if (vertices.Count == most)
                {
                    return new VertexPage(vertices, new EventPlace(sequence, place));
                }

                Hash256 hash = final.Order[place];
                if (!places.TryGetValue(hash, out (int Author, ulong Height) at))
                {
                    if (_source.FindVertexHeader(hash) is not { } header)
                    {
                        // Deleted while it was read.
                        continue;
                    }

                    at = (header.Author, header.Height);
                }

                vertices.Add(new ListedVertex(
                    hash, final.Block.Epoch, at.Author, at.Height, VertexStatus.Finalized, sequence,
                    final.Block.TimestampMicros));
            }
        }

        return new VertexPage(vertices, null);
    }

    /// <summary>A lane's vertices by height, both ends inside, final or not. A page never ends between twins.</summary>
    /// <param name="most">Vertices of the page, beside twins of the last.</param>
    /// <returns>Next has the height.</returns>
    public VertexPage Lane(ulong epoch, int author, ulong from, ulong to, int most)
    {
        List<ListedVertex> vertices = [];
        foreach (LaneTip tip in _source.Lane(epoch, author, from))
        {
            if (tip.Height > to)
            {
                break;
            }

            if (vertices.Count >= most && vertices[^1].Height != tip.Height)
            {
                return new VertexPage(vertices, new EventPlace(tip.Height, 0));
            }

            vertices.Add(Describe(epoch, author, tip, vertices.Count > 0 ? vertices[^1].Block : 0));
        }

        return new VertexPage(vertices, null);
    }

    /// <summary>The highest vertex of each lane that is held here, with its twins.</summary>
    /// <param name="members">Of that epoch.</param>
    public List<ListedVertex> Tips(ulong epoch, int members)
    {
        List<ListedVertex> tips = [];
        for (int author = 0; author < members; author++)
        {
            if (_source.HighestOf(epoch, author) is > 0 and ulong height)
            {
                tips.AddRange(Lane(epoch, author, height, height, MostListed).Vertices);
            }
        }

        return tips;
    }

    /// <summary>What became of a vertex.</summary>
    public ListedVertex Describe(VertexHeader header) =>
        Describe(header.Epoch, header.Author, new LaneTip(header.Height, header.Hash), hint: 0);

    /// <summary>The vertices that a vertex names: its predecessor, and the newest ones of other lanes, by author.</summary>
    public List<ParentVertex> ParentsOf(VertexHeader header)
    {
        List<ParentVertex> parents = [];
        for (int author = 0; author < header.Parents.Length; author++)
        {
            LaneTip tip = author == header.Author ? new LaneTip(header.Height - 1, header.Predecessor) : header.Parents[author];
            if (tip.Height > 0)
            {
                bool held = _source.Lane(header.Epoch, author, tip.Height).TakeWhile(t => t.Height == tip.Height).Contains(tip);
                parents.Add(new ParentVertex(author, tip, held ? Describe(header.Epoch, author, tip, hint: 0) : null));
            }
        }

        return parents;
    }

    /// <summary>The vertices that name a vertex as a parent, by author and height.</summary>
    /// <param name="from">A height, in the lane of the author with that place in the committee.</param>
    /// <param name="most">Vertices of the page, beside twins of the last.</param>
    public VertexPage ChildrenOf(VertexHeader parent, EventPlace from, int most)
    {
        List<ListedVertex> children = [];
        for (int author = (int)Math.Min(from.Place, (uint)parent.Parents.Length); author < parent.Parents.Length; author++)
        {
            ulong start = author == parent.Author ? parent.Height + 1 : FirstNaming(parent, author);
            if (author == (int)from.Place)
            {
                start = Math.Max(start, from.Sequence);
            }

            foreach (LaneTip tip in _source.Lane(parent.Epoch, author, start))
            {
                if (_source.FindVertexHeader(tip.Hash) is not { } header || Named(header, parent).Height > parent.Height)
                {
                    break;
                }

                if (children.Count >= most && (children[^1].Author, children[^1].Height) != (author, tip.Height))
                {
                    return new VertexPage(children, new EventPlace(tip.Height, (uint)author));
                }

                if (Named(header, parent).Hash == parent.Hash)
                {
                    children.Add(Describe(header));
                }
            }
        }

        return new VertexPage(children, null);
    }

    /// <summary>The vertex that a vertex names in the lane of another.</summary>
    private static LaneTip Named(VertexHeader header, VertexHeader parent) => header.Author == parent.Author
        ? new LaneTip(header.Height - 1, header.Predecessor) : header.Parents[parent.Author];

    /// <summary>The first height of a lane whose vertex names the parent's height or a higher one.</summary>
    private ulong FirstNaming(VertexHeader parent, int author)
    {
        ulong low = 0, high = _source.HighestOf(parent.Epoch, author) + 1;

        // A header is read with its payload. From where the parent was ordered, or from the tip, it is a few steps.
        ulong at = Describe(parent) is { Status: VertexStatus.Finalized } known && _source.Final(known.Block) is { } final
            ? Math.Clamp(final.Block.Cut[author].Height, 1, Math.Max(1, high - 1)) : high - 1;
        for (ulong step = 1; at > low && at < high; step *= 2)
        {
            bool named = Names(at);
            (low, high) = named ? (low, at) : (at, high);
            at = named ? at - Math.Min(step, at) : at + step;
        }

        while (high - low > 1)
        {
            ulong middle = low + ((high - low) / 2);
            (low, high) = Names(middle) ? (low, middle) : (middle, high);
        }

        return high;

        // For heights that are gone the first one answers that is not.
        bool Names(ulong height) =>
            _source.Lane(parent.Epoch, author, height).FirstOrDefault() is { Height: > 0 } tip
            && _source.FindVertexHeader(tip.Hash) is { } header && header.Parents[parent.Author].Height >= parent.Height;
    }

    /// <param name="hint">The block of a vertex below it in its lane, or 0.</param>
    private ListedVertex Describe(ulong epoch, int author, LaneTip tip, ulong hint)
    {
        ulong sequence = FirstFinal(
            hint, block => block.Epoch > epoch || (block.Epoch == epoch && block.Cut[author].Height >= tip.Height));
        if (_source.Final(sequence) is not { } final)
        {
            return new ListedVertex(tip.Hash, epoch, author, tip.Height, VertexStatus.Durable, 0, 0);
        }

        bool ordered = final.Block.Epoch == epoch && Array.IndexOf(final.Order, tip.Hash) >= 0;
        return new ListedVertex(
            tip.Hash, epoch, author, tip.Height, ordered ? VertexStatus.Finalized : VertexStatus.PassedOver,
            ordered ? sequence : 0, ordered ? final.Block.TimestampMicros : 0);
    }

    /// <summary>Author and height of what a block orders, as the lanes' index has them.</summary>
    private Dictionary<Hash256, (int Author, ulong Height)> PlacesIn(Block block)
    {
        Dictionary<Hash256, (int Author, ulong Height)> places = [];
        Block? before = _source.Final(block.Sequence - 1)?.Block;
        if (before is null && block.Sequence > 1)
        {
            // Where the block before is gone nobody knows where this one's vertices begin: their headers say who they are.
            return places;
        }

        for (int author = 0; author < block.Cut.Length; author++)
        {
            ulong done = before?.Epoch == block.Epoch ? before.Cut[author].Height : 0;
            if (block.Cut[author].Height == done)
            {
                continue;
            }

            ulong end = block.Cut[author].Height;
            foreach (LaneTip tip in _source.Lane(block.Epoch, author, done + 1).TakeWhile(t => t.Height <= end))
            {
                places[tip.Hash] = (author, tip.Height);
            }
        }

        return places;
    }

    private EventPlace Start(in BlockSpan span)
    {
        ulong from = span.FromMicros;
        ulong kept = Math.Max(span.From.Sequence, _source.FirstKept.Sequence);
        ulong first = Math.Max(kept, from == 0 ? 0 : FirstFinal(0, b => b.TimestampMicros >= from));
        return new EventPlace(first, first == span.From.Sequence ? span.From.Place : 0);
    }

    private FinalRecord? Within(in BlockSpan span, ulong sequence) =>
        sequence <= span.To && _source.Final(sequence) is { } final && final.Block.TimestampMicros <= span.ToMicros
            ? final : null;

    /// <summary>The first kept block for which something holds that holds for all after it; the newest one's successor where it
    /// holds for none.</summary>
    /// <param name="above">A block from which on to look, or 0.</param>
    private ulong FirstFinal(ulong above, Func<Block, bool> holds)
    {
        ulong low = Math.Max(above, _source.FirstKept.Sequence), high = _source.Newest.Sequence + 1;
        while (low < high)
        {
            ulong middle = low + ((high - low) / 2);

            // One that is gone meanwhile lies before what is kept.
            (low, high) = _source.Final(middle) is { } final && holds(final.Block) ? (low, middle) : (middle + 1, high);
        }

        return low;
    }
}
