using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// Rule V3's lists seen from outside: whatever all may have accepted is in every honest ViewChange of a later view, or under its
/// claims, across crashes and lost votes too. Finality without Commits rests on that (section 13).
/// </summary>
public sealed partial class SimChecker
{
    private readonly Dictionary<(ulong Epoch, ulong View, ulong Sequence, Hash256 Digest), HashSet<int>> _acceptances = [];

    // Accepted by all honest members of the epoch, as each made its Prepare durable; in the order in which that came about.
    private readonly List<(ulong Epoch, ulong View, ulong Sequence, Hash256 Digest)> _acceptedByAll = [];

    private readonly Dictionary<(int Node, ulong Epoch), (ulong View, ulong Sequence, Hash256 Digest)> _newestAccepted = [];

    private void OnAccepted(SimNode node, in (ulong Epoch, ulong View, ulong Sequence, Hash256 Digest) slot)
    {
        var before = _newestAccepted.GetValueOrDefault((node.Index, slot.Epoch));
        if ((slot.View, slot.Sequence).CompareTo((before.View, before.Sequence)) > 0)
        {
            _newestAccepted[(node.Index, slot.Epoch)] = (slot.View, slot.Sequence, slot.Digest);
        }

        if (!_acceptances.TryGetValue(slot, out HashSet<int>? by))
        {
            _acceptances.Add(slot, by = []);
        }

        if (!IsByzantine(node.Index) && by.Add(node.Index)
            && cluster.EpochOf(slot.Epoch).Members.Select(SimKeys.PlaceOf).All(place => IsByzantine(place) || by.Contains(place)))
        {
            _acceptedByAll.Add(slot);
        }
    }

    private void CheckList(SimNode node, ViewChange change, (ulong View, ulong Sequence) claimed)
    {
        SignedHeader header = change.Signed.Header;
        if (IsByzantine(node.Index) || !cluster.World.ChecksRules)
        {
            return;
        }

        ulong above = Math.Max(node.Core.FinalSequence, node.Disk.ForgottenBelow);
        Acceptances listed = change.Claims.Accepted;
        // What is decided becomes durable before the ViewChange does.
        var newest = _newestAccepted.GetValueOrDefault((node.Index, header.Epoch));
        var decided = _accepted[node.Index];
        if (decided != _acceptedBound[node.Index] && decided.Epoch == header.Epoch
            && (decided.View, decided.Sequence).CompareTo((newest.View, newest.Sequence)) > 0)
        {
            newest = (decided.View, decided.Sequence, decided.Digest);
        }

        if (newest.Sequence > above && newest.View < header.View
            && EntryAt(listed, newest.Sequence) != new Acceptance(newest.View, newest.Digest))
        {
            throw Fail(node, "lists what it accepted", $"signs {header} without {newest}");
        }

        for (int i = _acceptedByAll.Count - 1; i >= Math.Max(0, _acceptedByAll.Count - 400); i--)
        {
            var all = _acceptedByAll[i];
            if (all.Epoch != header.Epoch || all.View >= header.View || all.Sequence <= above
                || claimed.CompareTo((all.View, all.Sequence)) >= 0 || Proves(change, all.Sequence, all.Digest))
            {
                continue;
            }

            Acceptance entry = EntryAt(listed, all.Sequence);
            if (entry.BlockHash != all.Digest || entry.View < all.View)
            {
                throw Fail(node, "lists what all accepted", $"signs {header} that neither lists {all} nor claims as much");
            }
        }
    }

    /// <summary>
    /// A claim proves that block final, or a descendant, in whatever view: it was final before, and voted again as a base.
    /// </summary>
    private bool Proves(ViewChange change, ulong sequence, in Hash256 digest)
    {
        int members = cluster.EpochOf(change.Signed.Header.Epoch).Members.Length;
        bool proven = Covers(change.Committed) || (change.Prepared?.Votes.Length == members && Covers(change.Prepared));
        return proven && _chain[(int)sequence - 1].Hash == digest;

        bool Covers(Certificate? certificate) => certificate is not null && certificate.Sequence >= sequence
            && certificate.Sequence <= (ulong)_chain.Count && _chain[(int)certificate.Sequence - 1].Hash == certificate.BlockHash;
    }

    private static Acceptance EntryAt(in Acceptances list, ulong sequence) =>
        sequence < list.First || sequence - list.First >= (ulong)list.Entries.Length
            ? default : list.Entries[(int)(sequence - list.First)];
}
