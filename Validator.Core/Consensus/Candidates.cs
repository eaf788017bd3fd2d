using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>A block that enough ViewChanges list for one of their senders to be honest (rule V4).</summary>
/// <param name="View">The highest such that those who accepted it in this view, or in a later one, still weigh enough.</param>
internal readonly record struct Candidate(ulong View, ulong Sequence, Hash256 BlockHash);

/// <summary>
/// What lists of acceptances say together: which blocks may have been accepted by all members, if any. In ViewChanges of weight T
/// all but F are honest, so such a block is listed by T - F at least; no two of one sequence are.
/// </summary>
internal static class Candidates
{
    private readonly record struct Listed(ulong Sequence, Hash256 BlockHash, ulong View, ulong Weight);

    public static List<Candidate> Of(ReadOnlySpan<ViewChangeSummary> changes, Committee committee)
    {
        List<Listed> all = [];
        ulong weight = 0;
        foreach (ref readonly ViewChangeSummary change in changes)
        {
            weight += committee.Weight(change.Sender);
            Add(all, change.Claims.Accepted, committee.Weight(change.Sender));
        }

        return weight <= committee.Faulty ? [] : Of(all, weight - committee.Faulty);
    }

    /// <summary>Of lists whose honest authors weigh at least that much; highest sequence first, then highest view.</summary>
    public static List<Candidate> Of(IEnumerable<(Acceptances Accepted, ulong Weight)> lists, ulong least)
    {
        List<Listed> all = [];
        foreach ((Acceptances accepted, ulong weight) in lists)
        {
            Add(all, accepted, weight);
        }

        return Of(all, least);
    }

    private static void Add(List<Listed> all, in Acceptances accepted, ulong weight)
    {
        for (int i = 0; i < accepted.Entries.Length; i++)
        {
            if (!accepted.Entries[i].IsAbsent)
            {
                all.Add(new Listed(accepted.First + (ulong)i, accepted.Entries[i].BlockHash, accepted.Entries[i].View, weight));
            }
        }
    }

    private static List<Candidate> Of(List<Listed> all, ulong least)
    {
        Require.That(least > 0);
        List<Candidate> found = [];
        foreach (var block in all.GroupBy(listed => (listed.Sequence, listed.BlockHash)))
        {
            ulong sum = 0;
            foreach (Listed listed in block.OrderByDescending(listed => listed.View))
            {
                sum += listed.Weight;
                if (sum >= least)
                {
                    found.Add(new Candidate(listed.View, listed.Sequence, listed.BlockHash));
                    break;
                }
            }
        }

        found.Sort((a, b) => (b.Sequence, b.View, b.BlockHash).CompareTo((a.Sequence, a.View, a.BlockHash)));
        return found;
    }
}
