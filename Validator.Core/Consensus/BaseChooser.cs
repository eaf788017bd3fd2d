using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Rule V4: whether a view begins at its highest certificate's block, or at one that all members may have accepted. Who descends
/// from whom is seen from bodies alone, never from what a list says, so the choice waits for those between the two.
/// </summary>
internal sealed class BaseChooser(
    EpochConfiguration epoch, int self, ViewState view, BlockTree blocks, FinalChain chain, Fetcher fetcher, PeerTable peers)
{
    private NewView? _of;
    private List<Candidate> _candidates = [];

    private enum Kin : byte
    {
        /// <summary>The candidate is the certified block, or an ancestor of it.</summary>
        Within,

        /// <summary>It descends from the certified block.</summary>
        Extends,

        /// <summary>Neither of the two descends from the other.</summary>
        Apart,

        /// <summary>
        /// A body is missing, and asked for. Or what is final here contradicts the candidate: then it is of this very view, whose
        /// certificates are what the next vote rests on (rule P2c), and no longer the base.
        /// </summary>
        Unknown,
    }

    /// <summary>Does nothing where the choice is made, or does not matter any more.</summary>
    public void TryChoose()
    {
        if (view.NewView is not { } newView || view.BaseIsChosen || view.Accepted is not null)
        {
            return;
        }

        if (_of != newView)
        {
            _of = newView;
            _candidates = Candidates.Of(newView.ViewChanges, epoch.Committee);
        }

        Claim certified = view.Base;
        Candidate? apart = null;
        foreach (Candidate candidate in _candidates)
        {
            if (candidate.View < certified.View || (apart is not null && candidate.Sequence <= certified.Sequence))
            {
                continue;
            }

            Kin kin = KinOf(candidate, certified);
            if (kin == Kin.Unknown)
            {
                return;
            }

            if (kin == Kin.Extends)
            {
                view.Choose(candidate);
                return;
            }

            if (kin == Kin.Apart && candidate.View > certified.View)
            {
                apart ??= candidate;
            }
        }

        view.Choose(apart);
    }

    private Kin KinOf(in Candidate candidate, in Claim certified)
    {
        if (candidate.Sequence > certified.Sequence)
        {
            Hash256? from = AncestorOf(candidate.BlockHash, candidate.Sequence, certified.Sequence);
            return from is not { IsZero: false } ? Kin.Unknown
                : from == certified.BlockHash ? Kin.Extends : Kin.Apart;
        }

        if (AncestorOf(certified.BlockHash, certified.Sequence, candidate.Sequence) is not { } ancestor)
        {
            return Kin.Unknown;
        }

        // A certificate beside the final chain is an old one, and the candidate on it goes on from what is final.
        return ancestor.IsZero && chain.HashAt(candidate.Sequence) != candidate.BlockHash ? Kin.Unknown
            : ancestor == candidate.BlockHash ? Kin.Within : Kin.Apart;
    }

    /// <summary>
    /// The block at that height from which this one descends. Zero where that is below the final block, and this chain does not
    /// lead there. Null where a body is missing, and asked for.
    /// </summary>
    private Hash256? AncestorOf(Hash256 hash, ulong sequence, ulong height)
    {
        for (; sequence > height; sequence--)
        {
            if (sequence <= chain.Sequence)
            {
                return chain.HashAt(sequence) == hash ? chain.HashAt(height) : Hash256.Zero;
            }

            if (blocks.Find(hash) is not { } block)
            {
                int leader = epoch.Leader(view.Number);
                fetcher.Block(hash, leader == self ? peers.Next(self) : leader);
                return null;
            }

            if (block.Sequence != sequence)
            {
                return Hash256.Zero;
            }

            hash = block.Parent;
        }

        return hash;
    }
}
