using Validator.Core.Consensus;
using Validator.Core.Dag;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>
/// What the parts of one core know, for a committee of four: a chain, bodies, lanes and the rules of the epoch's end.
/// </summary>
internal sealed class ChainSamples
{
    public const ulong Reach = 80;

    public ChainSamples(GenesisParameters? parameters = null)
    {
        Genesis = GenesisSamples.Four() with { Parameters = parameters ?? new GenesisParameters() };
        Epoch = EpochConfiguration.First(Genesis, GenesisCodec.ChainId(Genesis));
        Chain = new FinalChain(Epoch.Start, Reach);
        Blocks = new BlockTree(Chain);
        Close = new EpochClose(Epoch, 0, Genesis.Parameters.EpochLengthBlocks);
        Lanes = new LaneSet(4, 0, new LaneLimits(Vertices: 64, Bytes: 1 << 24, OwnVertices: 8));
        Judge = new BlockJudge(Genesis.Parameters, Epoch, Reach, Chain, Blocks, Close, Lanes);
    }

    public Genesis Genesis { get; }
    public EpochConfiguration Epoch { get; }
    public FinalChain Chain { get; }
    public BlockTree Blocks { get; }
    public EpochClose Close { get; }
    public LaneSet Lanes { get; }
    public BlockJudge Judge { get; }

    public Block Start => Epoch.Start;

    /// <summary>A child that is good, but for what is said otherwise; a microsecond after its parent.</summary>
    public static Block Child(
        Block parent, LaneTip[]? cut = null, ulong later = 1, (ulong Sequence, Hash256 Root)? executed = null, Hash256 next = default, ulong skip = 0) =>
        BlockCodec.Seal(
            parent.Epoch, parent.Sequence + 1 + skip, parent.Hash, parent.TimestampMicros + later, executed?.Sequence ?? parent.ExecutedSequence,
            executed?.Root ?? parent.ExecutedRoot, next, cut ?? parent.Cut);

    /// <summary>Known here, and children of one another.</summary>
    public Block[] Grow(Block parent, int count)
    {
        Block[] blocks = new Block[count];
        for (int i = 0; i < count; i++)
        {
            Blocks.Remember(blocks[i] = parent = Child(parent));
        }

        return blocks;
    }

    public void Finalize(params Block[] blocks)
    {
        foreach (Block block in blocks)
        {
            Chain.Append(block, Certificate(block), orders: block.Cut.Any(tip => tip.Height > 0));
            Blocks.ForgetDecided();
        }
    }

    /// <summary>Held vertices of one author on top of another.</summary>
    public LaneTip[] Hold(int author, int count, LaneTip below = default, byte variant = 1, bool durable = true)
    {
        LaneTip[] tips = new LaneTip[count];
        for (int i = 0; i < count; i++)
        {
            VertexEntry entry = new(VertexCodec.Seal(0, author, below.Height + 1, below.Hash, new LaneTip[4], Hash256.Of([variant]), 10, 1), []);
            Lanes[author].Add(entry);
            if (durable)
            {
                Lanes[author].MarkDurable(entry, 0);
            }

            tips[i] = below = entry.Tip;
        }

        return tips;
    }

    public static LaneTip[] Cut(LaneTip first = default, LaneTip second = default) => [first, second, default, default];

    public static Hash256 Root(byte fill) => Hash256.Of([fill]);

    /// <summary>Filler signatures of three of four.</summary>
    /// <param name="without">The fourth.</param>
    public static Certificate Certificate(Block block, Phase phase = Phase.Committed, ulong view = 0, int without = 3) => new()
    {
        Phase = phase,
        Epoch = block.Epoch,
        View = view,
        Sequence = block.Sequence,
        BlockHash = block.Hash,
        Votes = [.. Enumerable.Range(0, 4).Where(sender => sender != without)
            .Select(sender => new CertificateVote(sender, new byte[Limits.SignatureBytes]))],
    };

    /// <summary>With a filler signature.</summary>
    public static Signed Signed(MessageKind kind, int sender, ulong view, ulong sequence, Hash256 digest) =>
        new(new SignedHeader(kind, sender, 0, view, sequence, digest), new byte[Limits.SignatureBytes]);
}
