using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// Rule V4 seen from outside: where a view begins by its NewView, reckoned apart from Core, from members' weights and from the
/// true parents of all blocks.
/// </summary>
public static class SimBase
{
    /// <param name="Block">View, sequence and hash; the epoch's start where nothing is claimed or listed.</param>
    /// <param name="IsFinal">A child of it comes first; else it is voted again.</param>
    /// <param name="IsListed">What was accepted went over the highest certificate.</param>
    public readonly record struct Result(Claim Block, bool IsFinal, bool IsListed);

    public static Result Of(NewView newView, Member[] members, Block start, IReadOnlyDictionary<Hash256, Hash256> parentOf)
    {
        Claim prepared = default;
        Claim committed = default;
        foreach (ViewChangeSummary change in newView.ViewChanges)
        {
            prepared = Higher(prepared, change.Claims.Prepared);
            committed = Higher(committed, change.Claims.Committed);
        }

        bool final = (committed.View, committed.Sequence).CompareTo((prepared.View, prepared.Sequence)) >= 0;
        Claim certified = final ? committed : prepared;
        certified = certified.IsAbsent ? new Claim(0, start.Sequence, start.Hash) : certified;
        Claim[] candidates = Candidates(newView, members);
        Claim? extends = Highest(candidates.Where(
            c => c.Sequence > certified.Sequence && c.View >= certified.View && Descends(c, certified, parentOf)));
        Claim? apart = Highest(candidates.Where(
            c => c.View > certified.View && !Descends(c, certified, parentOf) && !Descends(certified, c, parentOf)));
        return (extends ?? apart) is { } listed ? new Result(listed, false, true) : new Result(certified, final, false);

        static Claim Higher(in Claim a, in Claim b) => (b.View, b.Sequence).CompareTo((a.View, a.Sequence)) > 0 ? b : a;
    }

    private static Claim? Highest(IEnumerable<Claim> claims) => claims.Select(c => (Claim?)c).MaxBy(c => c!.Value.Sequence);

    private static Claim[] Candidates(NewView newView, Member[] members)
    {
        ulong total = Weigh(members);
        ulong faulty = (total - 1) / 3;
        Dictionary<(ulong Sequence, Hash256 Hash), List<(ulong View, ulong Weight)>> listed = [];
        ulong present = 0;
        foreach (ViewChangeSummary change in newView.ViewChanges)
        {
            ulong weight = members[change.Sender].Weight;
            present += weight;
            for (int i = 0; i < change.Claims.Accepted.Entries.Length; i++)
            {
                Acceptance entry = change.Claims.Accepted.Entries[i];
                if (!entry.BlockHash.IsZero)
                {
                    var block = (change.Claims.Accepted.First + (ulong)i, entry.BlockHash);
                    listed.TryAdd(block, []);
                    listed[block].Add((entry.View, weight));
                }
            }
        }

        List<Claim> found = [];
        foreach (((ulong sequence, Hash256 hash), List<(ulong View, ulong Weight)> by) in listed)
        {
            ulong[] views = [.. by.Select(b => b.View).Where(view => Weight(by, view) + faulty >= present)];
            if (views.Length > 0)
            {
                found.Add(new Claim(views.Max(), sequence, hash));
            }
        }

        return [.. found];

        static ulong Weight(List<(ulong View, ulong Weight)> by, ulong view)
        {
            ulong sum = 0;
            foreach ((ulong accepted, ulong weight) in by)
            {
                sum += accepted >= view ? weight : 0;
            }

            return sum;
        }
    }

    private static ulong Weigh(Member[] members)
    {
        ulong total = 0;
        foreach (Member member in members)
        {
            total += member.Weight;
        }

        return total;
    }

    /// <summary>The first is the second, or descends from it.</summary>
    private static bool Descends(in Claim block, in Claim from, IReadOnlyDictionary<Hash256, Hash256> parentOf)
    {
        Hash256 hash = block.BlockHash;
        for (ulong sequence = block.Sequence; sequence > from.Sequence; sequence--)
        {
            if (!parentOf.TryGetValue(hash, out hash))
            {
                return false;
            }
        }

        return block.Sequence >= from.Sequence && hash == from.BlockHash;
    }
}
