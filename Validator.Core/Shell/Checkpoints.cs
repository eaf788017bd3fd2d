using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

/// <summary>Final blocks as a ledger keeps them. Any thread.</summary>
public interface IFinalBlocks
{
    /// <summary>
    /// An executed block with a certificate of itself or of a descendant; with none where that was dropped, and then a descendant
    /// in the same epoch has its own.
    /// </summary>
    (Block Block, Certificate? Certificate)? FindFinal(ulong sequence);
}

/// <summary>
/// Which certificates of final blocks are kept for good, and what proves the others (PROTOCOL.md, section 10): a certificate
/// makes all ancestors of its block final, so between two blocks that have their own, none is needed.
/// </summary>
public static class Checkpoints
{
    /// <summary>
    /// Blocks from one checkpoint to the next, most: as many as one FinalBlocks answer and one manifest have room for, so that
    /// whatever block is asked for, the answer reaches a proof.
    /// </summary>
    public const int Span = FrameLimits.MaxFinalBlocks;

    /// <summary>
    /// Newest blocks that keep all certificates: as many as the core remembers hashes and roots of, so that what may still be
    /// argued about has its proof beside it, and a peer that is slightly behind gets short answers.
    /// </summary>
    public const ulong Newest = 512;

    /// <summary>
    /// The next block above a checkpoint whose certificate stays: an epoch's last; the first that proves what a kept snapshot's
    /// manifest needs; else the last one within the span. No way to a proof gets longer than the span by what is dropped.
    /// </summary>
    /// <param name="last">The checkpoint below; all before it are found.</param>
    /// <param name="end">The newest block that may become one.</param>
    /// <param name="span">Most blocks from one to the next.</param>
    /// <param name="snapshots">Sequences of the kept ones.</param>
    /// <returns>Null while there are too few above.</returns>
    public static ulong? After(IFinalBlocks ledger, ulong last, ulong end, int span, ulong[] snapshots)
    {
        Require.That(span is > 0 and <= Span);
        if (end <= last + (ulong)span)
        {
            return null;
        }

        ulong executed = ledger.FindFinal(last)?.Block.ExecutedSequence ?? 0;
        ulong within = 0;
        for (ulong next = last + 1; next <= end && ledger.FindFinal(next) is { } final; next++)
        {
            bool far = next - last > (ulong)span;
            if (far && within > 0)
            {
                return within;
            }

            if (Own(final) is null)
            {
                continue;
            }

            bool states = Array.Exists(snapshots, s => s > executed && s <= final.Block.ExecutedSequence);
            if (far || states || final.Block.EndsEpoch)
            {
                return next;
            }

            within = next;
        }

        return null;
    }

    /// <summary>
    /// What a peer is answered that asks for final blocks: from there to one with its own certificate, more than it asks for only
    /// where it takes them to reach the first. None goes beyond an epoch's last block: another committee certifies what follows.
    /// </summary>
    /// <returns>Null where no proof is within reach.</returns>
    public static FinalBlocks? Answer(IFinalBlocks ledger, in FetchRequest request)
    {
        const int Room = FrameLimits.MaxFinalBlocks;
        List<Block> blocks = [];
        int proven = 0;
        Certificate? proof = null;
        for (ulong next = request.Sequence; blocks.Count < Room && ledger.FindFinal(next) is { } final; next++)
        {
            blocks.Add(final.Block);
            if (Own(final) is { } own)
            {
                (proven, proof) = (blocks.Count, own);
            }

            if (final.Block.EndsEpoch || (proven > 0 && blocks.Count >= request.Count))
            {
                break;
            }
        }

        return proof is null ? null : new FinalBlocks([.. blocks[..proven]], proof);
    }

    /// <summary>A block and those above it, to the first at or above another that has its own certificate.</summary>
    /// <param name="covered">At least up to here.</param>
    /// <param name="most">Blocks, with the first.</param>
    /// <returns>Null where it takes more, or they are not here.</returns>
    public static (Block[] Blocks, Certificate Certificate)? Prove(IFinalBlocks ledger, ulong from, ulong covered, int most)
    {
        List<Block> blocks = [];
        for (ulong next = from; blocks.Count < most && ledger.FindFinal(next) is { } final; next++)
        {
            blocks.Add(final.Block);
            if (next >= covered && Own(final) is { } own)
            {
                return ([.. blocks], own);
            }
        }

        return null;
    }

    /// <summary>The block's own certificate; null where it has a descendant's, or none.</summary>
    private static Certificate? Own((Block Block, Certificate? Certificate) final) =>
        final.Certificate?.Sequence == final.Block.Sequence ? final.Certificate : null;
}
