using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Why statements do not let a validator sign again; the first that holds, in this order.</summary>
public enum RevivalRefusal : byte
{
    None,

    /// <summary>Of those that count, some member's statement is of a later epoch than ours.</summary>
    LaterEpoch,

    /// <summary>Those who state may be outvoted by a quorum without them.</summary>
    TooLittleWeight,

    /// <summary>The same, as some of them bind themselves only to views below one that others have signed for.</summary>
    NotBound,

    /// <summary>The epoch may be over, and with it this committee.</summary>
    MayBeOver,
}

/// <summary>What a validator that lost its votes begins anew with.</summary>
/// <param name="Next">For the epoch after, where it may have begun before the votes were lost.</param>
/// <param name="Certificate">The highest that was stated, of either phase.</param>
/// <param name="Accepted">What so many state to have accepted that all may have, and so we: it is listed as if we had.</param>
/// <param name="Spare">Of those who stated, this much weight may have lied without harm.</param>
public sealed record RevivalPlan(
    RevivalRefusal Refusal, VoteLimit Limit, VoteLimit? Next, Certificate? Certificate, Acceptances Accepted, ulong Weight,
    ulong Spare);

/// <summary>
/// Signing again in the epoch in which the votes were lost, by the word of those who kept theirs (PROTOCOL.md, rule E9). Pure;
/// signatures are the caller's to check, and that a binding is durable before its statement leaves.
/// </summary>
public static class Revival
{
    /// <summary>Views between what was signed and what is bound, so that statements made one after the other still fit.</summary>
    private const ulong Margin = 2;

    /// <summary>What a validator states of its votes. With an empty signature.</summary>
    /// <param name="votes">Of the epoch, as read from its store.</param>
    /// <param name="requests">Of those who lost theirs.</param>
    /// <param name="final">The newest executed block, or the epoch's start.</param>
    /// <param name="proof">What proves that block; null for the epoch's start.</param>
    /// <param name="least">Binds itself to at least that view: above what others have signed for.</param>
    public static VoteStatement State(
        RecoveredState votes, EpochConfiguration epoch, int self, in Hash256 chainId, Hash256[] requests, Block final,
        Certificate? proof, ulong least = 0)
    {
        Require.That(votes.Limit is not { } known || known.Epoch == epoch.Number);
        proof = proof?.Epoch == epoch.Number ? proof : null;
        ulong signed = Math.Max(votes.Limit?.LostView ?? 0, proof?.View ?? 0);

        // Those whose statements were used knew what the lost votes may have committed to.
        EpochOutlook outlook = votes.NextLimit is null ? EpochOutlook.GoesOn : EpochOutlook.MayBeOver;
        foreach ((Signed message, _, _, _) in votes.Signed)
        {
            signed = Math.Max(signed, message.Header.View);
            if (message.Header.Kind == MessageKind.Commit && OutlookOf(message.Header.Digest) is var found && found > outlook)
            {
                outlook = found;
            }
        }

        (SignedHeader Vote, Block? Body)? newest = votes.NewestAcceptance();
        Acceptances accepted = OwnAcceptances.ListOf(
            newest?.Vote.View ?? 0, newest?.Body, newest is null ? votes.Stated : default, final.Sequence,
            hash => votes.Blocks.Find(b => b.Hash == hash));
        return new VoteStatement
        {
            ChainId = chainId,
            Epoch = epoch.Number,
            CommitteeSize = epoch.Members.Length,
            Author = self,
            SignedView = signed,
            FirstView = Math.Max(Math.Max(votes.Limit?.FirstView ?? 0, least), signed + Margin),
            Outlook = outlook,
            FinalSequence = final.Sequence,
            FinalHash = final.Hash,
            Requests = requests,
            Certificate = Highest(proof is null ? votes.PreparedCertificates : votes.PreparedCertificates.Append(proof)),
            Accepted = accepted,
            Signature = [],
        };

        EpochOutlook OutlookOf(Hash256 hash) =>
            votes.Blocks.Find(b => b.Hash == hash) is not { EndsEpoch: true } last ? EpochOutlook.GoesOn
            : last.NextCommittee == GenesisCodec.CommitteeDigest(epoch.Number + 1, epoch.Members) ? EpochOutlook.MayBeOver
            : EpochOutlook.MayBeOverWithChange;
    }

    /// <summary>What the author of that statement must have made durable before it leaves.</summary>
    public static VoteLimit BindingOf(VoteStatement statement, VoteLimit? before) =>
        new(statement.Epoch, statement.FirstView, before?.LostView ?? 0, before?.LaneKnown ?? false);

    /// <summary>
    /// Weighs the statements that answer this request. Each that is handed in has a good signature, and its certificate good
    /// votes.
    /// </summary>
    /// <param name="epoch">The one that this validator's executed state is in.</param>
    /// <param name="laneKnown">
    /// The ledger is the one of before, so that it holds all that this key authored, and was in no later epoch.
    /// </param>
    public static RevivalPlan Weigh(EpochConfiguration epoch, int self, in Hash256 request, IEnumerable<VoteStatement> statements, bool laneKnown)
    {
        Hash256 own = request;
        VoteStatement[] counted = [.. statements.Where(s => s.Author != self && Array.IndexOf(s.Requests, own) >= 0)];
        if (Array.Exists(counted, s => s.Epoch > epoch.Number))
        {
            return Refused(RevivalRefusal.LaterEpoch, 0);
        }

        counted = Array.FindAll(counted, s => s.Epoch == epoch.Number);

        // Whatever view this validator was in, a quorum had left the one before it, and one of these was among them.
        ulong highest = counted.Select(s => s.SignedView).DefaultIfEmpty().Max();
        ulong first = counted.Select(s => s.FirstView).DefaultIfEmpty().Max();
        MemberSet stated = default;
        MemberSet bound = default;
        foreach (VoteStatement statement in counted)
        {
            stated.Add(epoch.Committee, statement.Author);
            if (statement.FirstView > highest)
            {
                bound.Add(epoch.Committee, statement.Author);
            }
        }

        // A quorum without any of them must be impossible.
        ulong others = epoch.Committee.Total - epoch.Committee.Quorum;
        RevivalRefusal refusal = bound.Weight > others ? RevivalRefusal.None
            : stated.Weight > others ? RevivalRefusal.NotBound
            : RevivalRefusal.TooLittleWeight;
        if (refusal == RevivalRefusal.None && Array.Exists(counted, s => s.Outlook == EpochOutlook.MayBeOverWithChange))
        {
            refusal = RevivalRefusal.MayBeOver;
        }

        if (refusal != RevivalRefusal.None)
        {
            return Refused(refusal, stated.Weight);
        }

        // Who committed to the last block may have seen others go on; none of these did, so nobody left the next epoch's first
        // view.
        VoteLimit? next = Array.Exists(counted, s => s.Outlook != EpochOutlook.GoesOn) ? new VoteLimit(epoch.Number + 1, 1, 1, laneKnown) : null;
        Certificate? certificate = Highest(counted.Select(s => s.Certificate).OfType<Certificate>());
        IEnumerable<VoteStatement> binding = counted.Where(s => s.FirstView > highest).DistinctBy(s => s.Author);
        Acceptances accepted = Accepted(binding.Select(s => (s.Accepted, (ulong)epoch.Committee.Weight(s.Author))), others + 1);
        VoteLimit limit = new(epoch.Number, first, first, laneKnown);
        return new RevivalPlan(refusal, limit, next, certificate, accepted, bound.Weight, bound.Weight - others - 1);
    }

    /// <summary>
    /// What honest ones of that weight may all have accepted. Each with the view in which so many did; what lies further below
    /// than a list reaches was executed by an honest one.
    /// </summary>
    private static Acceptances Accepted(IEnumerable<(Acceptances Accepted, ulong Weight)> stated, ulong least)
    {
        List<Candidate> candidates = Candidates.Of(stated, least);
        if (candidates.Count == 0)
        {
            return default;
        }

        ulong top = candidates[0].Sequence;
        candidates.RemoveAll(c => top - c.Sequence >= Limits.MaxListed);
        ulong first = candidates[^1].Sequence;
        Acceptance[] entries = new Acceptance[top - first + 1];
        foreach (Candidate candidate in candidates)
        {
            // Of two at one sequence neither was accepted by all; the later view stays.
            ref Acceptance entry = ref entries[candidate.Sequence - first];
            entry = entry.IsAbsent ? new Acceptance(candidate.View, candidate.BlockHash) : entry;
        }

        return new Acceptances(first, entries);
    }

    private static RevivalPlan Refused(RevivalRefusal refusal, ulong weight) =>
        new(refusal, default, null, null, default, weight, 0);

    private static Certificate? Highest(IEnumerable<Certificate> certificates) => certificates.MaxBy(c => (c.View, c.Sequence));
}
