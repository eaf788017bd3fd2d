using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// What the Byzantine members of a world know together: every certificate, block and ViewChange that one of them saw, which
/// proposals they forked, and whom they show which side.
/// </summary>
public sealed class Coalition(SimCluster cluster, SimRandom random, ulong epoch = 0)
{
    private readonly Dictionary<ulong, Coalition> _others = [];

    private readonly Dictionary<(MessageKind Kind, ulong View, ulong Sequence, Hash256 Digest), byte[]?[]> _votes = [];
    private readonly Dictionary<(Phase Phase, ulong View, ulong Sequence), Certificate> _certificates = [];
    private readonly Dictionary<(ulong View, int Sender), List<ViewChange>> _changes = [];
    private readonly Dictionary<ulong, bool[]> _sides = [];

    /// <summary>Views and sides begin anew in each epoch.</summary>
    public Coalition In(ulong other)
    {
        if (other == epoch)
        {
            return this;
        }

        if (!_others.TryGetValue(other, out Coalition? found))
        {
            _others.Add(other, found = new Coalition(cluster, random, other));
        }

        return found;
    }

    /// <summary>Of a forked proposal: the block of the other side.</summary>
    public Dictionary<Hash256, Block> Forks { get; } = [];

    /// <summary>Views whose leader gave the other side a NewView of its own: real cores speak to the first side only.</summary>
    public HashSet<ulong> SplitViews { get; } = [];
    public Dictionary<Hash256, Block> Blocks { get; } = [];
    public IReadOnlyCollection<Certificate> Certificates => _certificates.Values;

    /// <summary>The newest messages that reached a member, to be changed and sent again.</summary>
    public Queue<SimMessage> Seen { get; } = [];

    /// <summary>True: this peer belongs to the first side in that view. Both sides hear of the coalition.</summary>
    public bool OnFirstSide(ulong view, int peer)
    {
        if (!_sides.TryGetValue(view, out bool[]? first))
        {
            double share = random.Below(4) * 0.25;
            first = new bool[cluster.Nodes.Length];
            for (int i = 0; i < first.Length; i++)
            {
                first[i] = random.Chance(share == 0 ? 0.5 : share);
            }

            _sides.Add(view, first);
        }

        return first[peer];
    }

    public void SawVote(Signed vote)
    {
        SignedHeader h = vote.Header;
        MessageKind kind = h.Kind == MessageKind.PrePrepare ? MessageKind.Prepare : h.Kind;
        Phase phase = kind == MessageKind.Prepare ? Phase.Prepared : Phase.Committed;
        if (_certificates.ContainsKey((phase, h.View, h.Sequence)))
        {
            return;
        }

        Committee committee = cluster.EpochOf(epoch).Committee;
        var key = (kind, h.View, h.Sequence, h.Digest);
        if (!_votes.TryGetValue(key, out byte[]?[]? votes))
        {
            _votes.Add(key, votes = new byte[]?[committee.Count]);
        }

        if (kind == MessageKind.Prepare && (h.Sender == committee.Leader(h.Epoch, h.View)) != (h.Kind == MessageKind.PrePrepare))
        {
            return;
        }

        votes[h.Sender] = vote.Signature;
        ulong weight = 0;
        for (int sender = 0; sender < votes.Length; sender++)
        {
            weight += votes[sender] is null ? 0 : committee.Weight(sender);
        }

        if (weight >= committee.Quorum)
        {
            SawCertificate(new Certificate
            {
                Phase = phase,
                Epoch = h.Epoch,
                View = h.View,
                Sequence = h.Sequence,
                BlockHash = h.Digest,
                Votes = [.. votes.Index().Where(v => v.Item is not null).Select(v => new CertificateVote(v.Index, v.Item!))],
            });
        }
    }

    public void SawCertificate(Certificate? certificate)
    {
        if (certificate is not null)
        {
            _certificates.TryAdd((certificate.Phase, certificate.View, certificate.Sequence), certificate);
        }
    }

    public void SawChange(ViewChange change)
    {
        SawCertificate(change.Prepared);
        SawCertificate(change.Committed);
        var key = (change.Signed.Header.View, change.Signed.Header.Sender);
        if (!_changes.TryGetValue(key, out List<ViewChange>? known))
        {
            _changes.Add(key, known = []);
        }

        if (!known.Exists(k => k.Signed.Header.Digest == change.Signed.Header.Digest))
        {
            known.Add(change);
        }
    }

    /// <summary>A random certificate of a view below; null when there is none, or sometimes.</summary>
    public Certificate? Pick(Phase phase, ulong belowView)
    {
        Certificate[] known = [.. _certificates.Values.Where(c => c.Phase == phase && c.View < belowView).TakeLast(12)];
        return known.Length == 0 || random.Chance(0.3) ? null : known[random.Below(known.Length)];
    }

    public ViewChange MakeChange(
        int place, ulong view, Certificate? prepared, Certificate? committed, Acceptances accepted = default)
    {
        Claims claims = new(ClaimOf(prepared), ClaimOf(committed), accepted);
        return new ViewChange
        {
            Signed = cluster.Sign(place, MessageKind.ViewChange, epoch, view, 0, ClaimsCodec.Digest(claims)),
            Claims = claims,
            Prepared = prepared,
            Committed = committed,
        };
    }

    /// <summary>
    /// What some honest member lists in that view, whole or without its newest, as of a view that a liar may name: so the old
    /// list of one that was away has supporters enough, or an ancestor a later view than its descendant.
    /// </summary>
    public Acceptances BorrowedList(ulong view)
    {
        Acceptances[] known = [.. _changes
            .Where(c => c.Key.View == view && !cluster.Check.IsByzantine(cluster.PlaceOf(epoch, c.Key.Sender)))
            .Select(c => c.Value[0].Claims.Accepted).Where(list => !list.Entries.IsEmpty)];
        if (known.Length == 0)
        {
            return default;
        }

        Acceptances list = known[random.Below(known.Length)];
        int kept = list.Entries.Length - (list.Entries.Length > 1 && random.Chance(0.5) ? 1 : 0);
        return new Acceptances(list.First, [.. list.Entries[..kept].ToArray().Select(entry => entry with { View = view - 1 })]);
    }

    /// <summary>
    /// A valid NewView with as low a base as the ViewChanges known allow, or with that list of ours in it; null below a quorum.
    /// </summary>
    public NewView? LowestNewView(int place, ulong view, Acceptances accepted)
    {
        foreach (int member in cluster.World.Byzantine)
        {
            if (cluster.MemberOf(epoch, member) >= 0)
            {
                SawChange(MakeChange(member, view, null, null, accepted));
            }
        }

        List<ViewChange> lowest = [.. _changes.Where(c => c.Key.View == view)
            .Select(c => c.Value.OrderBy(change => change.Claims.Accepted.Equals(accepted) ? 0 : 1))
            .Select(known => known.MinBy(change => Height(change.Claims))!)
            .OrderBy(change => Height(change.Claims)).ThenBy(change => change.Signed.Header.Sender)];
        if (!accepted.Entries.IsEmpty)
        {
            // Ours, whoever lists the same, and any others.
            lowest = [.. lowest.OrderBy(change => Lists(change.Claims.Accepted, accepted) ? 0 : 1).ThenBy(_ => random.Next())];
        }

        Committee committee = cluster.EpochOf(epoch).Committee;
        ulong weight = 0;
        int count = 0;
        while (count < lowest.Count && weight < committee.Quorum)
        {
            weight += committee.Weight(lowest[count++].Signed.Header.Sender);
        }

        if (weight < committee.Quorum)
        {
            return null;
        }

        // With all of them the same F is less of a share.
        count = random.Chance(0.3) ? lowest.Count : count;
        ViewChange[] chosen = [.. lowest.Take(count).OrderBy(c => c.Signed.Header.Sender)];
        ViewChangeSummary[] summaries = Array.ConvertAll(
            chosen, c => new ViewChangeSummary(c.Signed.Header.Sender, c.Claims, c.Signed.Signature));
        return new NewView
        {
            Signed = cluster.Sign(place, MessageKind.NewView, epoch, view, 0, NewViewCodec.Digest(summaries)),
            ViewChanges = summaries,
            Prepared = chosen.Select(c => c.Prepared).MaxBy(Rank),
            Committed = chosen.Select(c => c.Committed).MaxBy(Rank),
        };
    }

    private static bool Lists(in Acceptances list, in Acceptances wanted)
    {
        Hash256 first = wanted.Entries[0].BlockHash;
        return list.Entries.ToArray().Any(entry => entry.BlockHash == first);
    }

    public static (ulong View, ulong Sequence) Rank(Certificate? c) => c is null ? default : (c.View, c.Sequence);

    /// <summary>
    /// The same content with another parent and a time of its own; the parent's cut where <paramref name="like"/> is null.
    /// </summary>
    public static Block Child(Block parent, Block? like, ulong later) => BlockCodec.Seal(
        parent.Epoch, parent.Sequence + 1, parent.Hash, Math.Max(parent.TimestampMicros, like?.TimestampMicros ?? 0) + later,
        like?.ExecutedSequence ?? parent.ExecutedSequence, like?.ExecutedRoot ?? parent.ExecutedRoot,
        like?.NextCommittee ?? Hash256.Zero, like?.Cut ?? parent.Cut);

    public Block? FindBlock(in Hash256 hash) =>
        Blocks.TryGetValue(hash, out Block? block) ? block
        : cluster.EpochOf(epoch).Start is var start && start.Hash == hash ? start : null;

    private static Claim ClaimOf(Certificate? c) => c is null ? default : new Claim(c.View, c.Sequence, c.BlockHash);

    private static (ulong, ulong) Height(in Claims claims)
    {
        var prepared = (claims.Prepared.View, claims.Prepared.Sequence);
        var committed = (claims.Committed.View, claims.Committed.Sequence);
        return prepared.CompareTo(committed) > 0 ? prepared : committed;
    }
}
