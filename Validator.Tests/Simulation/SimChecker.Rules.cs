using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Simulation;

/// <summary>Rules P2 and V4 seen from outside: what an honest acceptance rests on, reckoned apart from Core.</summary>
public sealed partial class SimChecker
{
    private readonly Dictionary<Hash256, Hash256> _parentOf = [];
    private readonly Dictionary<(ulong View, ulong Sequence, Hash256 Digest), HashSet<int>> _prepares = [];
    private readonly (ulong View, ulong Sequence, Hash256 Digest)[] _accepted = new (ulong, ulong, Hash256)[cluster.Genesis.Members.Length];
    private readonly (ulong View, ulong Sequence, Hash256 Digest)[] _acceptedBound = new (ulong, ulong, Hash256)[cluster.Genesis.Members.Length];
    private readonly (ulong View, Claim Base, bool IsFinal)[] _entered = new (ulong, Claim, bool)[cluster.Genesis.Members.Length];

    public void OnBlock(Block block) => _parentOf[block.Hash] = block.Parent;

    public void OnEntered(SimNode node, NewView newView)
    {
        Claim prepared = default;
        Claim committed = default;
        foreach (ViewChangeSummary change in newView.ViewChanges)
        {
            prepared = Higher(prepared, change.Claims.Prepared);
            committed = Higher(committed, change.Claims.Committed);
        }

        bool final = (committed.View, committed.Sequence).CompareTo((prepared.View, prepared.Sequence)) >= 0;
        _entered[node.Index] = (newView.Signed.Header.View, final ? committed : prepared, final);

        static Claim Higher(in Claim a, in Claim b) => (b.View, b.Sequence).CompareTo((a.View, a.Sequence)) > 0 ? b : a;
    }

    /// <summary>
    /// Each acceptance but the view's first rests on the one before it, or on a certificate of that view, for which there must have
    /// been votes enough; the first rests on the base that NewView proves.
    /// </summary>
    private void CheckAcceptance(SimNode node, in SignedHeader header)
    {
        int i = node.Index;
        Hash256 parent = _parentOf.GetValueOrDefault(header.Digest);
        (ulong View, ulong Sequence, Hash256 Digest) last = _accepted[i];
        bool first = last.Digest.IsZero || last.View != header.View;
        bool holds = (first ? RestsOnBase(i, header, parent) : last.Digest == parent && last.Sequence + 1 == header.Sequence)
            || MayBePrepared(header.View, header.Sequence - 1, parent);
        if (!holds)
        {
            throw Fail(node, "acceptance rests", $"signs {header} on {parent}, which is neither what it accepted nor certified nor the base");
        }

        _accepted[i] = (header.View, header.Sequence, header.Digest);
        var slot = (header.View, header.Sequence, header.Digest);
        if (!_prepares.TryGetValue(slot, out HashSet<int>? signers))
        {
            _prepares.Add(slot, signers = []);
        }

        signers.Add(i);
    }

    private bool RestsOnBase(int node, in SignedHeader header, in Hash256 parent)
    {
        if (header.View == 0)
        {
            return header.Sequence == 1 && parent == ValidatorCore.StartBlock(cluster.Genesis, cluster.ChainId).Hash;
        }

        (ulong view, Claim proven, bool final) = _entered[node];
        Hash256 hash = proven.IsAbsent ? ValidatorCore.StartBlock(cluster.Genesis, cluster.ChainId).Hash : proven.BlockHash;
        return view == header.View && (final
            ? parent == hash && header.Sequence == proven.Sequence + 1
            : header.Digest == hash && header.Sequence == proven.Sequence);
    }

    /// <summary>Votes of quorum weight, if all the faulty gave theirs.</summary>
    private bool MayBePrepared(ulong view, ulong sequence, in Hash256 digest)
    {
        ulong weight = 0;
        HashSet<int>? signers = _prepares.GetValueOrDefault((view, sequence, digest));
        for (int i = 0; i < cluster.Nodes.Length; i++)
        {
            weight += IsByzantine(i) || (signers is not null && signers.Contains(i)) ? cluster.Genesis.Members[i].Weight : 0;
        }

        return 3 * weight > 2 * (ulong)cluster.Genesis.Members.Sum(m => m.Weight);
    }
}
