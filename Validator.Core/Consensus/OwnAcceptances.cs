using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// What the next ViewChange lists (rule V3): the newest block accepted here, by (view, sequence), and its ancestors above the
/// final block. Whoever accepted a block accepted them too: it knows them, and their vertices (rule P3).
/// </summary>
internal sealed class OwnAcceptances(FinalChain chain, BlockTree blocks)
{
    private ulong _view;
    private Block? _newest;

    // Of lost votes, as others stated them; older than any acceptance of ours since (rule E9).
    private Acceptances _stated;

    /// <summary>Our Prepare, or PrePrepare, of that view is decided.</summary>
    public void Note(ulong view, Block block)
    {
        Require.That(_newest is null || (view, block.Sequence).CompareTo((_view, _newest.Sequence)) > 0);
        (_view, _newest) = (view, block);
    }

    public Acceptances List() => ListOf(_view, _newest, _stated, chain.Sequence, hash => blocks.Find(hash));

    /// <summary>Back to what was accepted before a restart, or to what others stated of it.</summary>
    /// <param name="newest">Null where nothing is known to have been accepted.</param>
    public void Recover(ulong view, Block? newest, in Acceptances stated)
    {
        Require.That(_newest is null);
        (_view, _newest, _stated) = (view, newest, stated);
    }

    /// <summary>The list, down to a final block, or as far as bodies are here.</summary>
    /// <param name="view">The newest in which anything was accepted, and <paramref name="newest"/> the highest in it.</param>
    public static Acceptances ListOf(ulong view, Block? newest, in Acceptances stated, ulong final, Func<Hash256, Block?> find)
    {
        if (newest is null)
        {
            return Above(stated, final);
        }

        // No more lie above what was executed when it was accepted (rule P3).
        List<Acceptance> entries = [];
        Block? block = newest;
        while (block is not null && block.Sequence > final && entries.Count < Limits.MaxListed)
        {
            entries.Add(new Acceptance(view, block.Hash));
            block = find(block.Parent);
        }

        entries.Reverse();
        return new Acceptances(newest.Sequence + 1 - (ulong)entries.Count, [.. entries]);
    }

    private static Acceptances Above(in Acceptances stated, ulong final)
    {
        int behind = 0;
        while (behind < stated.Entries.Length && (stated.First + (ulong)behind <= final || stated.Entries[behind].IsAbsent))
        {
            behind++;
        }

        return new Acceptances(stated.First + (ulong)behind, stated.Entries[behind..].ToArray());
    }
}
