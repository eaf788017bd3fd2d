using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>What trust must hold to, reckoned by itself: from what members did, not from the state that is looked at.</summary>
public sealed partial class SimChecker
{
    // By the name that the offender bore, and what was done in which slot: once, for ever.
    private readonly HashSet<(ulong Epoch, string Name, MessageKind Slot, ulong View, ulong Sequence)> _offences = [];

    // The newest block that somebody honest has executed: each is looked at once, and roots are compared.
    private ulong _trustSeen;

    /// <summary>An honest member has executed a proof of it.</summary>
    public bool IsCounted(in SignedHeader header) => _offences.Contains(SlotOf(header));

    /// <summary>Deposited to a member, and leaving it while it is bound.</summary>
    public static UInt128 SlashableOf(TrustState trust, Member[] members, int sender)
    {
        if (sender >= members.Length || !trust.Known.Contains(members[sender].Name))
        {
            return 0;
        }

        int number = trust.Known.ToList().IndexOf(members[sender].Name) + 1;
        UInt128 sum = 0;
        foreach ((StakeKey key, StakeValue value) in trust.Stake.Records.Records())
        {
            sum += key.Kind == StakeRecordKind.Pool && key.Member == number && (key.Epoch == 0 || key.Epoch > trust.Epoch)
                ? value.First : 0;
        }

        return sum;
    }

    public void OnProof(
        SimNode node, Block block, OffenceProof proof, ProofRefusal refusal, UInt128 slashable, ulong slashed)
    {
        if (IsByzantine(node.Index) || block.Sequence <= _trustSeen)
        {
            return;
        }

        if (refusal != ProofRefusal.None)
        {
            cluster.World.Met(Fault.RefusedProof);
            return;
        }

        cluster.World.Met(Fault.OffenceProven);
        SignedHeader header = proof.First;
        if (!IsGuilty(cluster.PlaceOf(header.Epoch, header.Sender)))
        {
            throw Fail(node, "trust", $"the honest member {header.Sender} of epoch {header.Epoch} is found guilty");
        }

        uint part = cluster.Genesis.Parameters.Trust!.Slashes[
            (int)Offences.Of(proof.Evidence.First.Header, proof.Evidence.Second.Header)];
        UInt128 expected = slashable * part / 1000;
        // Each pool is rounded down by itself: one for each epoch in which a withdrawal may end.
        if (slashed > expected || slashed + 4 < expected)
        {
            throw Fail(node, "trust", $"{slashed} units are slashed of {slashable}, and it is {part} thousandths");
        }

        if (!_offences.Add(SlotOf(header)))
        {
            throw Fail(node, "trust", $"an offence of {header} counts twice");
        }
    }

    /// <summary>After a block is executed at a member, and its trust state written.</summary>
    public void AfterTrust(SimNode node, Block block, CommitteeState committee, TrustState trust)
    {
        if (IsByzantine(node.Index) || block.Sequence <= _trustSeen)
        {
            return;
        }

        _trustSeen = block.Sequence;
        CheckSums(node, trust);
        foreach (TrustEvent happened in trust.Events)
        {
            CheckEvent(node, block, trust, happened);
        }

        if (committee.Pending is { } pending && pending.Sequence == block.Sequence)
        {
            CheckWeights(node, committee.Members, pending.Members, trust);
            cluster.World.AfterWeights(pending.Members);
        }
    }

    /// <summary>All records, added up anew, are what genesis gave out.</summary>
    private void CheckSums(SimNode node, TrustState trust)
    {
        UInt128 sum = 0;
        foreach ((StakeKey key, StakeValue value) in trust.Stake.Records.Records())
        {
            sum += key.Kind is StakeRecordKind.Deposit or StakeRecordKind.Unbonding ? 0 : value.First;
        }

        if (sum != cluster.Genesis.Parameters.Trust!.Supply)
        {
            throw Fail(node, "trust", $"{sum} units, and genesis gave {cluster.Genesis.Parameters.Trust.Supply}");
        }
    }

    private void CheckEvent(SimNode node, Block block, TrustState trust, in TrustEvent happened)
    {
        cluster.World.Met(happened.Kind switch
        {
            TrustEventKind.Offence => happened.Amount > 0 ? Fault.Slashed : Fault.OffenceProven,
            TrustEventKind.Rewarded or TrustEventKind.RewardFailed => Fault.Rewarded,
            TrustEventKind.Banned => Fault.Banned,
            TrustEventKind.BanWaits => Fault.BanWaits,
            TrustEventKind.Returned => Fault.Returned,
            TrustEventKind.Weight => Fault.WeightMoved,
            _ => Fault.StakeMoved,
        });
        string name = happened.Member;
        if (happened.Kind is TrustEventKind.Banned or TrustEventKind.BanWaits && !_offences.Any(offence => offence.Name == name))
        {
            throw Fail(node, "trust", $"{name} is banned after block {block.Sequence}, and has done nothing");
        }

        // A change may close the epoch before a proof in the same block.
        bool guiltyNow = trust.Events.Any(e => e.Kind == TrustEventKind.Offence && e.Member == name);
        if (happened.Kind == TrustEventKind.Rewarded && !guiltyNow
            && trust.ReputationOf(name, block.TimestampMicros) < Ratio.OfThousandths(trust.Parameters.BanBelow))
        {
            throw Fail(node, "trust", $"{name} is rewarded, and its reputation says ban");
        }
    }

    private void CheckWeights(SimNode node, Member[] now, Member[] next, TrustState trust)
    {
        WeightMode mode = cluster.Genesis.Parameters.Trust!.Weights;
        ulong total = 0, staying = 0;
        foreach (Member member in next)
        {
            total += member.Weight;
            staying += Array.Exists(now, m => m.ConsensusKey.AsSpan().SequenceEqual(member.ConsensusKey)) ? member.Weight : 0;
            if (trust.IsBanned(member.Name))
            {
                throw Fail(node, "trust", $"{member.Name} is banned and a member");
            }
        }

        if (3 * staying <= 2 * total)
        {
            throw Fail(node, "trust", $"those who stay weigh {staying} of {total}");
        }

        if (now.Length >= 4 && next.Length < 4 && now.Length - next.Length > 1)
        {
            throw Fail(node, "trust", $"{now.Length} members become {next.Length}");
        }

        if (next.Length < 4 && next.Length < now.Length && trust.Events.Any(e => e.Kind == TrustEventKind.Banned))
        {
            throw Fail(node, "trust", $"a ban leaves {next.Length} members, who cannot bear the loss of one");
        }

        if (mode == WeightMode.Fixed)
        {
            return;
        }

        if (total != 10_000 * (ulong)next.Length)
        {
            throw Fail(node, "trust", $"{next.Length} members weigh {total} together");
        }

        CheckStep(node, now, next, total);
        ulong cap = Math.Max(((total * 15) + 99) / 100, 10_000);
        ulong before = 0;
        Array.ForEach(now, member => before += Array.Exists(next, m => m.Name == member.Name) ? member.Weight : 0u);
        foreach (Member member in next)
        {
            // Who was above it comes down in steps.
            Member? old = Array.Find(now, m => m.Name == member.Name);
            ulong was = old is null ? 0 : ((old.Weight * total) + before - 1) / before;
            if (member.Weight > Math.Max(cap, was) + 2)
            {
                throw Fail(
                    node, "trust", $"{member.Name} weighs {member.Weight} of {total}, above the cap of {cap}, and was {was}");
            }
        }
    }

    /// <summary>
    /// Each within a tenth of what it was, whatever unit that was in: genesis has its own. Those that stay share what newcomers
    /// leave, who begin with an equal part at most and a unit at least; and so does whoever weighs next to nothing.
    /// </summary>
    private void CheckStep(SimNode node, Member[] now, Member[] next, ulong total)
    {
        Dictionary<string, uint> old = now.ToDictionary(member => member.Name, member => member.Weight);
        UInt128 all = next.Aggregate(UInt128.Zero, (sum, member) => sum + old.GetValueOrDefault(member.Name));
        Member[] stayed = [.. next.Where(member =>
            old.TryGetValue(member.Name, out uint was) && (UInt128)was * (ulong)next.Length * 1_000 >= all)];
        UInt128 before = 0, newcomers = (UInt128)(next.Length - stayed.Length);
        foreach (Member member in stayed)
        {
            before += old[member.Name];
        }

        foreach (Member member in stayed)
        {
            // In tenths of 1 / before, with three units for roundings. Each that stays has a unit by itself.
            UInt128 was = old[member.Name], room = 30 * before, weight = 10 * before * member.Weight;
            UInt128 shared = total - newcomers - (UInt128)stayed.Length;
            UInt128 least = 9 * was * (shared - (9_999 * newcomers)), most = 11 * ((was * shared) + before);
            if (weight + room < least || weight > most + room)
            {
                throw Fail(
                    node, "trust", $"{member.Name} weighs {member.Weight} of {total}, and was {was} of {before}: too far");
            }
        }
    }

    private (ulong, string, MessageKind, ulong, ulong) SlotOf(in SignedHeader header) => (
        header.Epoch, cluster.EpochOf(header.Epoch).Members[header.Sender].Name,
        header.Kind == MessageKind.PrePrepare ? MessageKind.Prepare : header.Kind, header.View, header.Sequence);
}
