using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>Rules P2 and V4 seen from outside: what an honest acceptance rests on, reckoned apart from Core.</summary>
public sealed partial class SimChecker
{
    private readonly Dictionary<Hash256, Hash256> _parentOf = [];
    private readonly Dictionary<(ulong Epoch, ulong View, ulong Sequence, Hash256 Digest), HashSet<int>> _prepares = [];
    private readonly (ulong Epoch, ulong View, ulong Sequence, Hash256 Digest)[] _accepted = new (ulong, ulong, ulong, Hash256)[cluster.World.Places];
    private readonly (ulong Epoch, ulong View, ulong Sequence, Hash256 Digest)[] _acceptedBound = new (ulong, ulong, ulong, Hash256)[cluster.World.Places];
    private readonly Entry[] _entered = new Entry[cluster.World.Places];

    private readonly Dictionary<(int Node, ulong Epoch), (ulong View, ulong Sequence)> _committedTo = [];

    // Commits by slot, and those of members that lost them: what these have to state follows from what a quorum may have
    // committed.
    private readonly Dictionary<(ulong Epoch, ulong View, ulong Sequence, Hash256 Digest), HashSet<int>> _commits = [];
    private readonly Dictionary<int, HashSet<(ulong Epoch, ulong View, ulong Sequence, Hash256 Digest)>> _lostCommits = [];

    /// <summary>
    /// How a validator entered its view: by which NewView, in which of its lives, and what that proves the base to be.
    /// </summary>
    private readonly record struct Entry(ulong Epoch, ulong View, Claim Base, bool IsFinal, Hash256 NewView, int Life);

    private readonly Dictionary<Hash256, (ulong Epoch, LaneTip[] Cut)> _cutOf = [];
    private readonly Dictionary<Hash256, ulong> _timeOf = [];

    public void OnBlock(Block block)
    {
        _parentOf[block.Hash] = block.Parent;
        _cutOf[block.Hash] = (block.Epoch, block.Cut);
        _timeOf[block.Hash] = block.TimestampMicros;
    }

    /// <summary>
    /// No later than the own clock allows, or a microsecond after the parent (rule P3); a base, or what is final, is voted again
    /// as it is.
    /// </summary>
    private void CheckTime(SimNode node, in SignedHeader header, in Hash256 parent)
    {
        if (header.Sequence <= node.Core.FinalSequence || header.Digest == _entered[node.Index].Base.BlockHash)
        {
            return;
        }

        ulong time = _timeOf[header.Digest];
        ulong before = _timeOf.TryGetValue(parent, out ulong known) ? known : cluster.EpochOf(header.Epoch).Start.TimestampMicros;
        long latest = (long)cluster.Genesis.TimestampMicros + node.Clock.Wall(cluster.Now) + (long)cluster.Genesis.Parameters.TimestampBoundMicros;
        if (time <= before || ((long)time > latest && time != before + 1))
        {
            throw Fail(node, "timestamp", $"signs {header} of {time}, after {before}, by its clock at most {latest}");
        }
    }

    /// <summary>Each lane's cut descends from the parent block's (rule P3), as far as this validator's disk shows.</summary>
    private void CheckLineage(SimNode node, in SignedHeader header, in Hash256 parent)
    {
        if (!_cutOf.TryGetValue(parent, out var known) || known.Epoch != header.Epoch)
        {
            // The epoch's first block: its lanes begin there.
            return;
        }

        LaneTip[] below = known.Cut;
        LaneTip[] cut = _cutOf[header.Digest].Cut;
        for (int lane = 0; lane < cut.Length; lane++)
        {
            Hash256 hash = cut[lane].Hash;
            for (ulong height = cut[lane].Height; height > below[lane].Height; height--)
            {
                hash = node.Disk.Vertices.TryGetValue(hash, out SimVertex? vertex) ? vertex.Header.Predecessor : below[lane].Hash;
            }

            if (cut[lane].Height < below[lane].Height || hash != below[lane].Hash)
            {
                throw Fail(node, "cut descends", $"signs {header} whose cut of lane {lane} does not descend from its parent's");
            }
        }
    }

    public void OnEntered(SimNode node, NewView newView)
    {
        Entry entry = EntryOf(newView, node.Incarnation);
        CheckEntry(node, entry);
        _entered[node.Index] = entry;
    }

    /// <summary>
    /// After a crash only what was on disk binds: the validator is back in the view whose NewView it stored, or signed as its
    /// leader.
    /// </summary>
    private void OnEnteredAgain(SimNode node)
    {
        NewView? durable = node.Disk.Signed.Select(r => r.NewView).Append(node.Disk.Entered).OfType<NewView>()
            .Where(n => n.Signed.Header.Epoch == node.Core.Epoch).MaxBy(n => n.Signed.Header.View);
        if (durable is not null && !HoldsAcceptance(node, _entered[node.Index]))
        {
            _entered[node.Index] = EntryOf(durable, node.Incarnation);
        }
    }

    /// <summary>The newest acceptance that is durable here was given in this view.</summary>
    private bool HoldsAcceptance(SimNode node, in Entry entry)
    {
        var bound = _acceptedBound[node.Index];
        return bound.Epoch == entry.Epoch && bound.View == entry.View && !bound.Digest.IsZero;
    }

    private Entry EntryOf(NewView newView, int life)
    {
        SignedHeader header = newView.Signed.Header;
        SimBase.Result begins = BaseOf(newView);
        if (begins.IsListed)
        {
            cluster.World.Met(Fault.ListedBase);
        }

        return new Entry(header.Epoch, header.View, begins.Block, begins.IsFinal, header.Digest, life);
    }

    /// <summary>Where a view begins by that NewView.</summary>
    public SimBase.Result BaseOf(NewView newView)
    {
        EpochConfiguration epoch = cluster.EpochOf(newView.Signed.Header.Epoch);
        return SimBase.Of(newView, epoch.Members, epoch.Start, _parentOf);
    }

    /// <summary>
    /// One NewView for each view (rule V4). A crash may lose it together with all that rests on it, and another one may come
    /// then; not once an acceptance that rests on it is durable.
    /// </summary>
    private void CheckEntry(SimNode node, in Entry entry)
    {
        Entry before = _entered[node.Index];
        // In a view that rule E9 keeps it silent in, nothing rests on either.
        bool silent = entry.View < node.Disk.Limits.GetValueOrDefault(entry.Epoch).FirstView;
        bool binds = !silent && (before.Life == entry.Life || HoldsAcceptance(node, entry));
        if (binds && before.Epoch == entry.Epoch && before.View == entry.View && before.NewView != entry.NewView
            && node.Core.Signs && !IsByzantine(node.Index) && cluster.World.ChecksRules)
        {
            throw Fail(node, "one NewView per view", $"enters view {entry.View} of epoch {entry.Epoch} by {entry.NewView} after {before.NewView}");
        }
    }

    /// <summary>
    /// What a Commit rested on is stated in every later view, across crashes too (rule V3): agreement rests on that (section 13).
    /// </summary>
    public void OnViewChange(SimNode node, ViewChange change)
    {
        SignedHeader header = change.Signed.Header;
        Claim prepared = change.Claims.Prepared;
        Claim committed = change.Claims.Committed;
        var highest = (prepared.View, prepared.Sequence).CompareTo((committed.View, committed.Sequence)) > 0
            ? (prepared.View, prepared.Sequence) : (committed.View, committed.Sequence);
        if (_committedTo.TryGetValue((node.Index, header.Epoch), out var least) && least.View < header.View && highest.CompareTo(least) < 0
            && !IsByzantine(node.Index) && cluster.World.ChecksRules)
        {
            throw Fail(node, "states its Commits", $"signs {header} that states {highest}, after a Commit in {least}");
        }

        CheckList(node, change, highest);
        foreach (var slot in _lostCommits.GetValueOrDefault(node.Index) ?? [])
        {
            if (slot.Epoch == header.Epoch && slot.View < header.View && highest.CompareTo((slot.View, slot.Sequence)) < 0
                && MayBeQuorum(slot.Epoch, _commits[slot]) && cluster.World.ChecksRules)
            {
                throw Fail(node, "states lost Commits", $"signs {header} that states {highest}, after {slot} may have been committed with a lost Commit");
            }
        }
    }

    /// <summary>
    /// From here on its own store tells of no Commit of before; what was committed has to be stated all the same (rule E9).
    /// </summary>
    public void OnVotesLost(SimNode node)
    {
        if (!_lostCommits.TryGetValue(node.Index, out var lost))
        {
            _lostCommits.Add(node.Index, lost = []);
        }

        lost.UnionWith(_commits.Where(c => c.Value.Contains(node.Index)).Select(c => c.Key));
        foreach (var key in _committedTo.Keys.Where(k => k.Node == node.Index).ToArray())
        {
            _committedTo.Remove(key);
        }

        foreach (var key in _newestAccepted.Keys.Where(k => k.Node == node.Index).ToArray())
        {
            _newestAccepted.Remove(key);
        }
    }

    /// <summary>
    /// Each acceptance but the view's first rests on the one before it, or on a certificate of that view, for which there must
    /// have been votes enough; the first rests on the base that NewView proves.
    /// </summary>
    private void CheckAcceptance(SimNode node, in SignedHeader header)
    {
        int i = node.Index;
        Hash256 parent = _parentOf.GetValueOrDefault(header.Digest);
        (ulong Epoch, ulong View, ulong Sequence, Hash256 Digest) last = _accepted[i];
        bool first = last.Digest.IsZero || last.View != header.View || last.Epoch != header.Epoch;
        bool holds = (first ? RestsOnBase(i, header, parent) : last.Digest == parent && last.Sequence + 1 == header.Sequence)
            || MayBePrepared(header.Epoch, header.View, header.Sequence - 1, parent);
        if (!holds)
        {
            throw Fail(node, "acceptance rests", $"signs {header} on {parent}, which is neither what it accepted nor certified nor the base");
        }

        CheckLineage(node, header, parent);
        CheckTime(node, header, parent);
        _accepted[i] = (header.Epoch, header.View, header.Sequence, header.Digest);
        var slot = (header.Epoch, header.View, header.Sequence, header.Digest);
        if (!_prepares.TryGetValue(slot, out HashSet<int>? signers))
        {
            _prepares.Add(slot, signers = []);
        }

        signers.Add(i);
    }

    private bool RestsOnBase(int node, in SignedHeader header, in Hash256 parent)
    {
        Block start = cluster.EpochOf(header.Epoch).Start;
        if (header.View == 0)
        {
            return header.Sequence == start.Sequence + 1 && parent == start.Hash;
        }

        Entry entered = _entered[node];
        Claim proven = entered.Base;
        return entered.Epoch == header.Epoch && entered.View == header.View && (entered.IsFinal
            ? parent == proven.BlockHash && header.Sequence == proven.Sequence + 1
            : header.Digest == proven.BlockHash && header.Sequence == proven.Sequence);
    }

    /// <summary>Votes of quorum weight, if all the faulty gave theirs.</summary>
    private bool MayBePrepared(ulong epoch, ulong view, ulong sequence, in Hash256 digest) =>
        MayBeQuorum(epoch, _prepares.GetValueOrDefault((epoch, view, sequence, digest)));

    private bool MayBeQuorum(ulong epoch, HashSet<int>? signers)
    {
        ulong weight = 0;
        Member[] members = cluster.EpochOf(epoch).Members;
        foreach (Member member in members)
        {
            int place = SimKeys.PlaceOf(member);
            weight += IsByzantine(place) || (signers is not null && signers.Contains(place)) ? member.Weight : 0;
        }

        return 3 * weight > 2 * TotalOf(members);
    }
}
