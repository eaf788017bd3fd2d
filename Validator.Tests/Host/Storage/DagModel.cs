using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Storage;

/// <summary>
/// A chain in lists, two epochs of four members, which answers each query by looking at everything. Vertices name parents as
/// honest authors do, some of them late; author 3 makes twins; own vertices of the first epoch (author 1) stay without a block.
/// </summary>
internal sealed class DagModel : IDagSource
{
    private const int Own = 1;

    private readonly LaneTip[] _cut = new LaneTip[StoreSamples.Members];
    private readonly LaneTip[][] _known = new LaneTip[StoreSamples.Members][];
    private readonly List<VertexHeader>[] _lanes = new List<VertexHeader>[StoreSamples.Members];
    private ulong _kept = 1;

    public List<VertexHeader> Vertices { get; } = [];

    public List<FinalRecord> Finals { get; } = [];

    public ChainPosition FirstKept => new(_kept, 0);

    public ChainPosition Newest => new((ulong)Finals.Count, 0);

    public FinalRecord? Final(ulong sequence) => Finals.Find(f => f.Block.Sequence == sequence && sequence >= _kept);

    public IEnumerable<LaneTip> Lane(ulong epoch, int author, ulong from) => Vertices
        .Where(v => v.Epoch == epoch && v.Author == author && v.Height >= from)
        .OrderBy(v => v.Height).ThenBy(v => v.Hash.ToString(), StringComparer.Ordinal).Select(Tip);

    public ulong HighestOf(ulong epoch, int author) => Lane(epoch, author, 0).LastOrDefault().Height;

    public VertexHeader? FindVertexHeader(in Hash256 hash)
    {
        Hash256 wanted = hash;
        return Vertices.Find(v => v.Hash == wanted);
    }

    /// <summary>Makes the chain; the second half of the blocks is another epoch.</summary>
    /// <param name="ledger">Gets it too, with snapshots; null: none does.</param>
    public static DagModel Make(int blocks, Random random, RocksLedger? ledger = null)
    {
        DagModel model = new();
        Executor executor = StoreSamples.NewExecutor();
        Hash256 parent = Hash256.Of("genesis"u8);
        ulong time = 1_000_000;
        for (int i = 1; i <= blocks; i++)
        {
            ulong epoch = i <= blocks / 2 ? 0u : 1;
            if (i == 1 || i == (blocks / 2) + 1)
            {
                model.Begin();
            }

            for (int more = random.Next(9); more > 0; more--)
            {
                model.Author(epoch, random, ledger);
            }

            Assert.True(ledger is null || ledger.Commit(out _));
            VertexHeader[] order = model.Order(random);
            time += 1 + (ulong)random.Next(1000);
            bool ends = i == blocks / 2;
            Hash256 next = ends ? GenesisCodec.CommitteeDigest(1, StoreSamples.First.Members) : Hash256.Zero;
            Block block = BlockCodec.Seal(
                epoch, (ulong)i, parent, time, (ulong)i - 1, executor.Root, next, [.. model._cut]);
            parent = block.Hash;
            ExecutionResult result = new();
            executor.Execute(block, Array.ConvertAll(order, v => new OrderedVertex(v, default, default)), result);
            Certificate certificate = StoreSamples.Certificate(Phase.Committed, 0, block);
            model.Finals.Add(new FinalRecord(block, certificate, result, Array.ConvertAll(order, v => v.Hash)));
            SnapshotState? snapshot = i % 40 == 0 ? executor.Capture() : null;
            ledger?.AddFinal(new ExecutedBlock(block, certificate, Array.ConvertAll(order, Held), result, snapshot));
            if (ends)
            {
                ledger?.EndEpoch(block, Own);
                model.Vertices.RemoveAll(v => v.Author != Own && v.Height > block.Cut[v.Author].Height);
            }

            Assert.True(ledger is null || ledger.Commit(out _));
        }

        return model;
    }

    /// <summary>Forgets what a ledger has forgotten.</summary>
    public void Prune(ulong kept)
    {
        _kept = kept;
        Vertices.RemoveAll(v => Finals.Exists(
            f => f.Block.Sequence < kept && f.Block.Epoch == v.Epoch && f.Block.Cut[v.Author].Height >= v.Height));
    }

    public ListedVertex Describe(VertexHeader vertex)
    {
        FinalRecord? ordered = Finals.Find(f => f.Block.Sequence >= _kept && f.Order.Contains(vertex.Hash));
        bool passed = Finals.Exists(f => f.Block.Epoch > vertex.Epoch
            || (f.Block.Epoch == vertex.Epoch && f.Block.Cut[vertex.Author].Height >= vertex.Height));
        return new ListedVertex(
            vertex.Hash, vertex.Epoch, vertex.Author, vertex.Height,
            ordered is not null ? VertexStatus.Finalized : passed ? VertexStatus.PassedOver : VertexStatus.Durable,
            ordered?.Block.Sequence ?? 0, ordered?.Block.TimestampMicros ?? 0);
    }

    public IEnumerable<FinalRecord> Within(BlockSpan span) => Finals.Where(f => f.Block.Sequence >= _kept
        && f.Block.Sequence >= span.From.Sequence && f.Block.Sequence <= span.To
        && f.Block.TimestampMicros >= span.FromMicros && f.Block.TimestampMicros <= span.ToMicros);

    public IEnumerable<ListedVertex> ChildrenOf(VertexHeader parent) => Vertices
        .Where(v => v.Epoch == parent.Epoch
            && (v.Author == parent.Author ? v.Predecessor == parent.Hash : v.Parents[parent.Author].Hash == parent.Hash))
        .OrderBy(v => v.Author).ThenBy(v => v.Height).ThenBy(v => v.Hash.ToString(), StringComparer.Ordinal).Select(Describe);

    private static LaneTip Tip(VertexHeader vertex) => new(vertex.Height, vertex.Hash);

    private static HeldVertex Held(VertexHeader vertex) => new(vertex, new byte[Limits.SignatureBytes], [], []);

    private void Begin()
    {
        Array.Clear(_cut);
        for (int author = 0; author < _lanes.Length; author++)
        {
            _lanes[author] = [];
            _known[author] = new LaneTip[StoreSamples.Members];
        }
    }

    /// <summary>Some author's next vertex, now and then with a twin.</summary>
    private void Author(ulong epoch, Random random, RocksLedger? ledger)
    {
        int author = random.Next(_lanes.Length);
        LaneTip before = _lanes[author] is [.., var last] ? Tip(last) : default;
        for (int lane = 0; lane < _lanes.Length; lane++)
        {
            // What it has seen of others: nothing new, or up to any of theirs.
            if (lane != author && random.Next(3) > 0 && _lanes[lane].Count > (int)_known[author][lane].Height)
            {
                VertexHeader seen = _lanes[lane][random.Next((int)_known[author][lane].Height, _lanes[lane].Count)];
                LaneTip[] variants = [.. Lane(epoch, lane, seen.Height).TakeWhile(t => t.Height == seen.Height)];
                _known[author][lane] = variants[random.Next(variants.Length)];
            }
        }

        int twins = author == 3 && random.Next(4) == 0 ? 2 : 1;
        for (int twin = 0; twin < twins; twin++)
        {
            Hash256 root = twin == 0 ? s_empty : Hash256.Of("twin"u8);
            VertexHeader vertex = VertexCodec.Seal(
                epoch, author, before.Height + 1, before.Hash, [.. _known[author]], root, 0, 0);
            Vertices.Add(vertex);
            ledger?.AddVertex(vertex, new byte[Limits.SignatureBytes], []);
            if (twin == 0)
            {
                _lanes[author].Add(vertex);
            }
        }
    }

    private static readonly Hash256 s_empty = EmptyRoot();

    private static Hash256 EmptyRoot()
    {
        Assert.True(new TransactionScratch().TryCompute([], 0, out Hash256 root, out _));
        return root;
    }

    /// <summary>Raises the cut by some of what lies above it, and shuffles that.</summary>
    private VertexHeader[] Order(Random random)
    {
        List<VertexHeader> order = [];
        for (int author = 0; author < _lanes.Length; author++)
        {
            int from = (int)_cut[author].Height, to = random.Next(from, _lanes[author].Count + 1);
            order.AddRange(_lanes[author][from..to]);
            _cut[author] = to > 0 ? Tip(_lanes[author][to - 1]) : default;
        }

        VertexHeader[] shuffled = [.. order];
        random.Shuffle(shuffled);
        return shuffled;
    }
}
