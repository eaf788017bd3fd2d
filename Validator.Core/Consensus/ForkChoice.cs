using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Why no proposal can be made of these reports.</summary>
public enum ForkRefusal : byte
{
    None,

    /// <summary>All are of one branch: there is no fork.</summary>
    OneBranch,

    /// <summary>They are not of one branch, though only votes were said to be lost.</summary>
    SeveralBranches,

    /// <summary>Two branches have no block in common as far back as the reports go.</summary>
    NoCommonBlock,

    /// <summary>More branches, or ends of epochs since they part, than one proposal can name.</summary>
    TooMany,

    /// <summary>
    /// Another branch is in a later epoch than the one that is to go on: the epoch after the fork would have its number, and what
    /// was signed there would count.
    /// </summary>
    LaterEpoch,
}

/// <summary>Where a stopped validator's ledger stands to a proposal (rule R3).</summary>
public enum ForkSide : byte
{
    /// <summary>It ends at or below the last common block, or in the branch that goes on.</summary>
    Follows,

    /// <summary>It has blocks of an abandoned branch: they are taken back.</summary>
    Abandoned,

    /// <summary>It left all named branches before their last common block: it needs a proposal that names its own.</summary>
    Unknown,

    /// <summary>It has more blocks of the branch that goes on than whoever made the proposal had: it needs another.</summary>
    Ahead,

    /// <summary>Its branch, which is abandoned, is in a later epoch than the proposal ends: it needs another.</summary>
    LaterEpoch,
}

/// <summary>
/// A fork's branches, and the block that ends the epoch of the one that goes on (PROTOCOL.md, rules R1 to R3). Pure; signatures
/// are the caller's to check. Nothing here decides: it is what operators are asked to sign.
/// </summary>
public static class ForkChoice
{
    /// <summary>
    /// One report for each branch, the best first: the later epoch, the longer, the heavier certificate, the lower hash.
    /// </summary>
    public static ForkBranch[] Branches(IEnumerable<ForkBranch> reports)
    {
        List<ForkBranch> branches = [];
        foreach (ForkBranch report in reports.OrderByDescending(r => r.Epoch.Number).ThenByDescending(r => r.Head.Sequence)
            .ThenByDescending(r => r.Weight).ThenBy(r => r.Head.Hash.ToString(), StringComparer.Ordinal))
        {
            // One that is behind in a branch that another reports.
            if (!branches.Exists(longer => longer.HashAt(report.Head.Sequence) == report.Head.Hash))
            {
                branches.Add(report);
            }
        }

        return [.. branches];
    }

    /// <summary>What operators are asked to sign.</summary>
    /// <param name="branches">As <see cref="Branches"/> gives them.</param>
    /// <param name="chosen">Which goes on.</param>
    /// <param name="votesLost">
    /// There is one branch, and so few have their votes that no quorum can go on with it: its epoch ends, nothing is abandoned.
    /// </param>
    public static ForkRefusal Propose(ForkBranch[] branches, int chosen, out ForkProposal? proposal, bool votesLost = false)
    {
        proposal = null;
        ForkBranch goesOn = branches[chosen];
        ForkBranch[] others = [.. branches.Where(b => b != goesOn)];
        ForkRefusal refusal = votesLost && others.Length > 0 ? ForkRefusal.SeveralBranches
            : !votesLost && others.Length == 0 ? ForkRefusal.OneBranch
            : others.Length > ForkRecoveryCodec.MostAbandoned ? ForkRefusal.TooMany
            : Array.Exists(others, o => o.Epoch.Number > goesOn.Epoch.Number) ? ForkRefusal.LaterEpoch
            : ForkRefusal.None;
        if (refusal != ForkRefusal.None)
        {
            return refusal;
        }

        SortedDictionary<ulong, Hash256> points = [];
        foreach (ForkBranch other in others)
        {
            if (LastCommon(goesOn, other) is not { } common)
            {
                return ForkRefusal.NoCommonBlock;
            }

            points[common] = goesOn.HashAt(common);
            if (common < goesOn.Head.Sequence)
            {
                points[common + 1] = goesOn.HashAt(common + 1);
            }
        }

        ulong agreed = votesLost ? goesOn.Head.Sequence : points.First().Key;
        foreach ((_, ulong first) in goesOn.Epochs.Where(epoch => epoch.First > agreed + 1))
        {
            points[first - 1] = goesOn.HashAt(first - 1);
        }

        points[goesOn.Head.Sequence] = goesOn.Head.Hash;
        if (points.Count > ForkRecoveryCodec.MostPoints)
        {
            return ForkRefusal.TooMany;
        }

        Block last = LastBlock(goesOn);
        proposal = new ForkProposal
        {
            ChainId = goesOn.ChainId,
            AgreedEpoch = goesOn.EpochOf(agreed + 1),
            Points = [.. points.Select(point => new BranchHead(point.Key, point.Value))],
            HeadProof = goesOn.Certificate,
            CommitteeBefore = goesOn.Head.Cut.Length,
            Last = last,
            Abandoned = [.. others.Select(b => new BranchHead(b.Head.Sequence, b.Head.Hash))],
        };
        return ForkRefusal.None;
    }

    /// <summary>
    /// The block that ends a branch's epoch: its newest block's child, which orders nothing and states its execution, so that all
    /// that the branch has is kept and nothing is added (rule R2).
    /// </summary>
    public static Block LastBlock(ForkBranch branch) => LastBlock(branch.Head, branch.Root, branch.Epoch);

    /// <summary>The same from its parts: who has them can check a proposal.</summary>
    public static Block LastBlock(Block head, in Hash256 root, EpochConfiguration epoch) => BlockCodec.Seal(
        epoch.Number, head.Sequence + 1, head.Hash, head.TimestampMicros + 1, head.Sequence, root,
        GenesisCodec.CommitteeDigest(epoch.Number + 1, epoch.Pending?.Members ?? epoch.Members),
        epoch.Number == head.Epoch ? head.Cut : new LaneTip[epoch.Members.Length]);

    /// <summary>Where a ledger stands to a proposal.</summary>
    /// <param name="epoch">The epoch that it is in.</param>
    /// <param name="final">Its newest executed sequence.</param>
    /// <param name="certified">Its newest that is known to be final.</param>
    /// <param name="hashAt">Its block of a sequence up to <paramref name="final"/>; zero where it is not kept.</param>
    public static ForkSide SideOf(ForkProposal proposal, ulong epoch, ulong final, ulong certified, Func<ulong, Hash256> hashAt)
    {
        ulong head = proposal.Head.Sequence;
        bool goesOn = final > head && hashAt(head + 1) == proposal.Last.Hash;
        // Where nothing is abandoned, all that is known to be final is of the one branch, executed here or not.
        if (proposal.Abandoned.Length == 0 && Math.Max(final, certified) > head && !goesOn)
        {
            return ForkSide.Ahead;
        }

        if (final < proposal.AgreedSequence)
        {
            return ForkSide.Follows;
        }

        // What is no longer kept here says nothing.
        BranchHead[] reached = Array.FindAll(proposal.Points, point => point.Sequence <= final);
        (Hash256 Named, Hash256 Here)[] known = Array.FindAll(
            Array.ConvertAll(reached, point => (point.Hash, hashAt(point.Sequence))), pair => !pair.Item2.IsZero);
        bool abandoned = Array.Exists(known, pair => pair.Here != pair.Named);
        if (known.Length == 0 || (known[0].Named == proposal.AgreedHash && known[0].Here != proposal.AgreedHash))
        {
            return ForkSide.Unknown;
        }

        // What is known to be final above the common block alone may be of either branch.
        ulong reaches = final > proposal.AgreedSequence ? Math.Max(final, certified) : final;
        return abandoned ? epoch > proposal.Last.Epoch ? ForkSide.LaterEpoch : ForkSide.Abandoned
            : reaches > head && !goesOn ? ForkSide.Ahead
            : ForkSide.Follows;
    }

    /// <summary>Null: none that both reports have.</summary>
    private static ulong? LastCommon(ForkBranch a, ForkBranch b)
    {
        ulong low = Math.Max(a.First, b.First);
        ulong sequence = Math.Min(a.Head.Sequence, b.Head.Sequence);
        while (sequence >= low)
        {
            if (a.HashAt(sequence) == b.HashAt(sequence))
            {
                return sequence;
            }

            if (sequence-- == 0)
            {
                break;
            }
        }

        return null;
    }
}
