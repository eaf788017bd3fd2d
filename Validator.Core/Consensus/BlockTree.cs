using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Block bodies above the final one, found by hash, and the final one itself. What was voted for here is kept until it is final
/// (rule P5); others can be fetched again.
/// </summary>
internal sealed class BlockTree(FinalChain chain)
{
    private readonly Dictionary<Hash256, Entry> _entries = [];

    private sealed class Entry(Block block)
    {
        public Block Block { get; } = block;

        public bool Accepted { get; set; }
    }

    public int Count => _entries.Count;

    public Block? Find(in Hash256 hash) =>
        hash == chain.Tip.Hash ? chain.Tip : _entries.TryGetValue(hash, out Entry? entry) ? entry.Block : null;

    /// <summary>Keeps a body that is above the final block.</summary>
    public void Remember(Block block)
    {
        if (block.Sequence > chain.Sequence)
        {
            _entries.TryAdd(block.Hash, new Entry(block));
        }
    }

    /// <summary>Keeps a body until it is final: it is voted for here, or an ancestor of such a block (rules P5, V3).</summary>
    /// <returns>False where it was kept so already, or is final.</returns>
    public bool Accept(Block block)
    {
        Remember(block);
        if (!_entries.TryGetValue(block.Hash, out Entry? entry) || entry.Accepted)
        {
            return false;
        }

        entry.Accepted = true;
        return true;
    }

    /// <summary>
    /// The ancestor of a certified block that is to be final next: just above the final block, or at its height.
    /// </summary>
    /// <param name="missing">Where null is returned: the body that is not here.</param>
    public Block? NextAbove(Hash256 hash, out Hash256 missing)
    {
        missing = hash;
        while (Find(missing) is { } block)
        {
            if (block.Sequence <= chain.Sequence + 1)
            {
                return block;
            }

            missing = block.Parent;
        }

        return null;
    }

    /// <summary>
    /// The newest block up to <paramref name="tip"/> that orders something (rule V5); where a body is missing, the lowest known.
    /// </summary>
    public ulong LastOrdering(Block tip)
    {
        for (Block block = tip; block.Sequence > chain.Sequence;)
        {
            if (Find(block.Parent) is not { } parent || !block.Cut.AsSpan().SequenceEqual(parent.Cut))
            {
                return block.Sequence;
            }

            block = parent;
        }

        return chain.LastOrdering;
    }

    /// <summary>What the bodies at hand name in a lane.</summary>
    public IEnumerable<LaneTip> NamedTips(int author) => _entries.Values.Select(entry => entry.Block.Cut[author]);

    /// <summary>After the final block moved: what is at its height or below is decided.</summary>
    public void ForgetDecided()
    {
        foreach ((Hash256 hash, Entry entry) in _entries)
        {
            if (entry.Block.Sequence <= chain.Sequence)
            {
                _entries.Remove(hash);
            }
        }
    }

    /// <summary>Bodies that nobody here voted for are kept only as far as memory is bounded.</summary>
    public void ForgetUnaccepted()
    {
        foreach ((Hash256 hash, Entry entry) in _entries)
        {
            if (!entry.Accepted)
            {
                _entries.Remove(hash);
            }
        }
    }
}
