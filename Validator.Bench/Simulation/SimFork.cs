using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// More than F sign two branches from genesis on, with some who hear of one alone and some of the other, until both have final
/// blocks. Whoever learns of both halts. Operators of quorum weight name one (rules R1 to R4); then all goes on in it, while
/// those who signed both still show the other to whoever asks, and what was final or promised in that one is final again,
/// once.
/// </summary>
public static class SimFork
{
    /// <summary>One seed in so many is also run with a fork.</summary>
    public const ulong Every = 10;

    private const long Second = 1_000_000;

    /// <summary>Beyond what the other branch's clients number.</summary>
    private const ulong OtherTransactions = 1UL << 24;

    /// <exception cref="SimulationFailure">A check failed.</exception>
    public static SimCluster Run(ulong seed, bool trace = false)
    {
        SimRandom random = new(seed ^ 0x466F726B);
        int count = (int)random.Between(4, 7);
        ulong epochLength = random.Chance(0.5) ? 0 : (ulong)random.Between(5, 40);
        bool trust = random.Chance(0.5);
        SimWorld World(ulong first, Func<SimCluster, int, SimNode?>? cast = null) =>
            new(seed, faults: false, count, epochLength, trust) { FirstTransaction = first, Cast = cast };

        // Apart, so that forks are what they were.
        SimRandom kept = new(seed ^ 0x4B657074);
        SimWorld world = World(OtherTransactions);
        KeepSnapshots(world, kept);
        Parts parts = Draw(world.Committee, random);
        SimCluster other = new(world);
        RunBranch(other, parts.Right.Concat(parts.Both), random.Between(1, 6) * Second);
        world = World(0, (cluster, place) => parts.Both.Contains(place)
            ? new TwoFaced(cluster, place, cluster.World.Settings, random, kept) : null);
        KeepSnapshots(world, kept);
        SimCluster one = new(world, trace);
        RunBranch(one, parts.Left.Concat(parts.Both), random.Between(2, 9) * Second, other.Newest.Number);
        world.Forkers.UnionWith(parts.Both);
        RequireHalt(one, other, parts);
        Stop(one);
        ForkRecovery recovery = Decide(one, other, parts, random);
        world.Recovery = recovery.Proposal;
        if (random.Chance(0.5))
        {
            // Who begins again has to come by a snapshot.
            world.Retain = (ulong)random.Between(6, 20);
            world.SnapshotEvery = (ulong)random.Between(2, 5);
        }

        bool shown = random.Chance(0.8);
        Apply(one, other, parts, recovery, shown, random);
        GoOn(one, other, parts, shown, random, kept);
        return one;
    }

    /// <summary>In most worlds. Nothing is pruned: reports have to reach back to where the branches part.</summary>
    private static void KeepSnapshots(SimWorld world, SimRandom random)
    {
        if (random.Chance(0.7))
        {
            world.Retain = ulong.MaxValue / 2;
            world.SnapshotEvery = (ulong)random.Between(2, 5);
        }
    }

    /// <summary>Members of neither side's ear alone, so that with those who sign both each side is a quorum.</summary>
    private sealed record Parts(int[] Left, int[] Right, int[] Both);

    private static Parts Draw(Committee committee, SimRandom random)
    {
        int[] places = [.. Enumerable.Range(0, committee.Count).OrderBy(_ => random.Next())];
        ulong spare = committee.Total - committee.Quorum;
        List<int>[] sides = [[], []];
        List<int> both = [];
        ulong[] weights = new ulong[2];
        foreach (int place in places)
        {
            int side = weights[0] <= weights[1] ? 0 : 1;
            side = weights[side] + committee.Weight(place) <= spare ? side : 1 - side;
            if (weights[side] + committee.Weight(place) <= spare)
            {
                weights[side] += committee.Weight(place);
                sides[side].Add(place);
            }
            else
            {
                both.Add(place);
            }
        }

        Require.That(sides[0].Count > 0 && sides[1].Count > 0 && both.Count > 0);
        return new Parts([.. sides[0]], [.. sides[1]], [.. both]);
    }

    /// <summary>Until all that any of them made final is on disk, and the last of it proven by itself.</summary>
    /// <param name="epoch">And until it is in that epoch at least.</param>
    private static void RunBranch(SimCluster cluster, IEnumerable<int> members, long micros, ulong epoch = 0)
    {
        SimNode[] nodes = [.. members.Select(i => cluster.Nodes[i])];
        Array.ForEach(nodes, node => node.Start());
        cluster.World.StartLoad();
        cluster.RunUntil(cluster.Now + micros);
        for (long until = cluster.Now + SimRun.HealMicros; cluster.Newest.Number < epoch && cluster.Now < until;)
        {
            cluster.RunUntil(cluster.Now + (Second / 10));
        }

        cluster.World.StopLoad();
        long limit = cluster.Now + SimRun.HealMicros;
        while (cluster.Check.Chain.Count == 0 || HeadOf(nodes) is var head
            && (head.Disk.LastExecuted < (ulong)cluster.Check.Chain.Count || !IsProven(head.Disk.Finals[^1])))
        {
            if (cluster.Now > limit)
            {
                throw cluster.Check.Fail(nodes[0], "liveness", "a branch of a fork has no head");
            }

            cluster.RunUntil(cluster.Now + 1_000);
        }
    }

    /// <summary>By a certificate of its own, which is kept.</summary>
    private static bool IsProven(SimFinal final) => final.Certificate?.Sequence == final.Block.Sequence;

    private static SimNode HeadOf(IEnumerable<SimNode> nodes) => nodes.MaxBy(n => n.Disk.LastExecuted)!;

    private static void RequireHalt(SimCluster one, SimCluster other, Parts parts)
    {
        one.World.HaltsAreDue = true;
        SimNode told = one.Nodes[parts.Left[0]];
        // Alone, Prepares of all say no more than that they prepared it: only with its blocks are they a proof.
        if (HeadOf(other.Nodes)
            .Disk.Finals.LastOrDefault(f => IsProven(f) && f.Certificate!.Phase == Phase.Committed) is not { } conflicting)
        {
            return;
        }

        bool due = conflicting.Block.Epoch == told.Core.Epoch && conflicting.Block.Sequence <= told.Core.FinalSequence
            && conflicting.Block.Sequence + 500 > told.Core.FinalSequence;
        one.DeliverLate(parts.Both[0], told, new SimMessage(conflicting.Certificate!));
        if (due && told.Halted != Reason.ConflictingCertificates)
        {
            throw one.Check.Fail(told, "halt", "goes on beside a conflicting certificate");
        }
    }

    private static void Stop(SimCluster cluster)
    {
        foreach (SimNode node in cluster.Nodes.Where(n => n.Running))
        {
            node.Crash();
        }

        cluster.World.HaltsAreDue = false;
    }

    private static ForkRecovery Decide(SimCluster one, SimCluster other, Parts parts, SimRandom random)
    {
        ForkBranch goesOn = BranchOf(one, HeadOf(one.Nodes));
        List<ForkBranch> reports = [BranchOf(other, HeadOf(other.Nodes)), goesOn];
        // What is behind in a branch is none of its own.
        reports.AddRange(parts.Left.Where(i => one.Nodes[i].Disk.Finals.Exists(IsProven))
            .Select(i => BranchOf(one, one.Nodes[i])));
        ForkBranch[] branches = ForkChoice.Branches(reports);
        ForkRefusal refusal = ForkChoice.Propose(branches, Array.FindIndex(branches, b => b.Head.Hash == goesOn.Head.Hash),
            out ForkProposal? proposal);
        if (proposal is null || branches.Length != 2)
        {
            throw one.Check.Fail(one.Nodes[0], "fork", $"{branches.Length} branches are found, and no proposal made: {refusal}");
        }

        int[] signers = Quorum(one.EpochOf(proposal.Last.Epoch).Committee, one, proposal.Last.Epoch, parts, random);
        return new ForkRecovery(
            proposal,
            [.. signers.Select(i => Vote(one, ForkRecoveryCodec.HeaderToApprove(proposal, one.MemberOf(proposal.AgreedEpoch, i)),
                i)).OrderBy(v => v.Sender)],
            [.. signers.Select(i => Vote(one, ForkRecoveryCodec.HeaderToVote(proposal, one.MemberOf(proposal.Last.Epoch, i)), i))
                .OrderBy(v => v.Sender)]);
    }

    private static CertificateVote Vote(SimCluster cluster, SignedHeader header, int place) =>
        new(header.Sender, cluster.Keys.Sign(place, header, cluster.ChainId));

    /// <summary>All who signed both, and of the others as many as are needed.</summary>
    private static int[] Quorum(Committee committee, SimCluster cluster, ulong epoch, Parts parts, SimRandom random)
    {
        List<int> signers = [.. parts.Both];
        MemberSet members = default;
        signers.ForEach(i => members.Add(committee, cluster.MemberOf(epoch, i)));
        foreach (int place in parts.Left.Concat(parts.Right).OrderBy(_ => random.Next()))
        {
            if (members.Weight < committee.Quorum)
            {
                members.Add(committee, cluster.MemberOf(epoch, place));
                signers.Add(place);
            }
        }

        return [.. signers];
    }

    private static ForkBranch BranchOf(SimCluster cluster, SimNode node)
    {
        SimFinal last = node.Disk.Finals.Last(IsProven);
        Certificate proof = last.Certificate!;
        EpochConfiguration Epoch(ulong number) => cluster.EpochOf(number);
        ulong next = last.Block.Epoch + (last.Block.EndsEpoch ? 1UL : 0);
        EpochConfiguration epoch = Epoch(next);
        bool newest = last.Block.Sequence == node.Disk.LastExecuted;
        return new ForkBranch
        {
            ChainId = cluster.ChainId,
            Name = SimKeys.NameOf(node.Index),
            Epoch = epoch with { Pending = newest ? node.Disk.Committee?.Pending : null },
            Head = last.Block,
            Root = last.Root,
            Certificate = WithLongSignatures(proof),
            Weight = proof.Votes.Aggregate(0UL, (weight, vote) => weight + Epoch(last.Block.Epoch).Committee.Weight(vote.Sender)),
            Hashes = [Epoch(0).Start.Hash,
                .. node.Disk.Finals.Where(f => f.Block.Sequence <= last.Block.Sequence).Select(f => f.Block.Hash)],
            Epochs = [(0, 0),
                .. node.Disk.Ends.Where(e => e.Key < last.Block.Epoch).Select(e => (e.Key + 1, e.Value.Last.Sequence + 1))],
        };
    }

    /// <summary>Files of operators have whole signatures.</summary>
    private static Certificate WithLongSignatures(Certificate value) => new()
    {
        Phase = value.Phase,
        Epoch = value.Epoch,
        View = value.View,
        Sequence = value.Sequence,
        BlockHash = value.BlockHash,
        Votes = Array.ConvertAll(value.Votes, v => new CertificateVote(v.Sender, SimKeys.Padded(v.Signature))),
    };

    private static void Apply(SimCluster one, SimCluster other, Parts parts, ForkRecovery recovery, bool shown, SimRandom random)
    {
        bool[] signed =
            [.. one.Nodes.Select(n => Array.Exists(recovery.Votes, v => one.PlaceOf(recovery.Epoch, v.Sender) == n.Index))];
        foreach (SimNode node in one.Nodes)
        {
            bool right = parts.Right.Contains(node.Index);
            if (signed[node.Index] || right)
            {
                node.LeaveFor(recovery.Proposal);
            }

            // Who follows the branch, and sees no other, may just be started again: it learns of it from those who know.
            if (right || signed[node.Index] || shown || random.Chance(0.5))
            {
                node.Apply(recovery);
            }

            if (shown && node is TwoFaced liar)
            {
                liar.Show(other.Nodes[node.Index].Disk);
            }

            node.Release();
        }

        HashSet<Hash256> taken = [];
        foreach (int place in parts.Right)
        {
            SimNode before = other.Nodes[place];
            List<SimVertex> carried = [];
            foreach (VertexHeader vertex in before.Disk.Finals.SelectMany(f => f.Order))
            {
                // In the executor equal transactions are one; here each is authored by one of them.
                int author = other.PlaceOf(vertex.Epoch, vertex.Author);
                bool mine = author == place || (!parts.Right.Contains(author) && place == parts.Right[0]);
                if (mine && before.Disk.Vertices.TryGetValue(vertex.Hash, out SimVertex? held) && taken.Add(vertex.Hash))
                {
                    carried.Add(held);
                }
            }

            carried.AddRange(before.Disk.Vertices.Values.Where(v => other.PlaceOf(v.Header.Epoch, v.Header.Author) == place
                && v.Header.Height <= before.Disk.OwnTip.Height
                && v.Header.Epoch == before.Disk.OwnTipEpoch && taken.Add(v.Header.Hash)));
            ulong[] promised = [.. carried.SelectMany(v => v.Transactions), .. before.AcceptedTransactions];
            one.World.Know(promised);
            one.Nodes[place].Return(carried.Select(v => (v.Header.Hash, v.Transactions))
                .Concat(before.Disk.Unordered.Select(u => (u.Key, u.Value))), promised);
        }
    }

    private static void GoOn(SimCluster one, SimCluster other, Parts parts, bool shown, SimRandom random, SimRandom kept)
    {
        foreach (SimNode node in one.Nodes)
        {
            one.Schedule(one.Now + random.Between(1, 2 * Second), node.Start);
        }

        Certificate[] abandoned = [.. HeadOf(other.Nodes).Disk.Finals.Select(f => f.Certificate).OfType<Certificate>()];
        for (long at = one.Now; shown && at < one.Now + (8 * Second); at += random.Between(10_000, 400_000))
        {
            one.Schedule(at, () => one.DeliverLate(
                parts.Both[random.Below(parts.Both.Length)], one.Nodes[random.Below(one.Nodes.Length)],
                new SimMessage(abandoned[random.Below(abandoned.Length)])));
        }

        EpochEnd[] ends = [.. HeadOf(other.Nodes).Disk.Ends.Values];
        for (long at = one.Now; shown && ends.Length > 0 && at < one.Now + (8 * Second); at += kept.Between(10_000, 400_000))
        {
            one.Schedule(at, () => one.DeliverLate(
                parts.Both[kept.Below(parts.Both.Length)], one.Nodes[kept.Below(one.Nodes.Length)],
                new SimMessage(ends[kept.Below(ends.Length)])));
        }

        for (int crash = random.Below(4); crash > 0; crash--)
        {
            SimNode node = one.Nodes[random.Below(one.Nodes.Length)];
            one.Schedule(one.Now + random.Between(2 * Second, 8 * Second), () =>
            {
                if (node.Running)
                {
                    one.CrashAndRestart(node);
                }
            });
        }

        one.World.StartLoad();
        one.RunUntil(one.Now + (9 * Second));
        one.World.StopLoad();
        // A branch of many short epochs is fetched again from its beginning.
        SimRun.WaitUntilAllIsFinal(one, 3 * SimRun.HealMicros);
        one.Check.AtTheEnd();
        SimNode behind = one.Nodes.MinBy(n => n.Core.Epoch)!;
        if (behind.Core.Epoch <= one.World.Recovery!.Last.Epoch
            || one.Check.Chain[(int)one.World.Recovery.Last.Sequence - 1].Hash != one.World.Recovery.Last.Hash)
        {
            throw one.Check.Fail(behind, "fork", "the chain goes on without the block that the operators signed");
        }
    }

    /// <summary>
    /// Signed two branches, and shows the abandoned one to half of those who ask, with its snapshots and ends of epochs; of final
    /// blocks often later ones than were asked for.
    /// </summary>
    private sealed class TwoFaced(SimCluster cluster, int index, CoreSettings settings, SimRandom random, SimRandom kept)
        : SimNode(cluster, index, settings)
    {
        private SimDisk? _other;

        public void Show(SimDisk other) => _other = other;

        public override void Serve(int peer, FetchRequest request)
        {
            if (_other is not null && request.Kind == FetchKind.FinalBlocks && kept.Chance(0.2))
            {
                request = request with { Sequence = request.Sequence + (ulong)kept.Between(1, 6) };
            }

            if (_other is not { } other || !random.Chance(0.5))
            {
                base.Serve(peer, request);
                return;
            }

            SimDisk own = Disk;
            Disk = other;
            base.Serve(peer, request);
            Disk = own;
        }
    }
}
