using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Trust;

/// <summary>What an epoch comes to: rewards, bans, and the weights of the next committee (rules T4 to T6).</summary>
public sealed partial class TrustState
{
    /// <summary>A member of the next committee as it is being put together.</summary>
    /// <param name="Old">Its weight in this epoch; 0 for one that comes or comes back.</param>
    /// <param name="Stays">It is a member now, with the same key.</param>
    private readonly record struct Candidate(Member Member, uint Old, bool Stays);

    /// <summary>
    /// Reckons the next committee, and pays and bans as the epoch came to. Once in an epoch: when a committee change is accepted,
    /// or when the epoch is as long as genesis says.
    /// </summary>
    /// <param name="now">This epoch's members.</param>
    /// <param name="wanted">The same, or as an accepted change makes them.</param>
    /// <param name="nowMicros">The block's timestamp.</param>
    /// <returns>Null: those could not go on, and nothing has happened.</returns>
    public Member[]? Close(Member[] now, Member[] wanted, ulong nowMicros)
    {
        long start = Ticks();
        Member[]? next = Reckon(now, wanted, nowMicros);
        CloseTicks = Ticks() - start;
        return next;
    }

    /// <summary>Of a clock, for measurements: nothing that is executed depends on it.</summary>
    public Func<long> Ticks { get; set; } = static () => 0;

    /// <summary>What the last <see cref="Close"/> took.</summary>
    public long CloseTicks { get; private set; }

    private Member[]? Reckon(Member[] now, Member[] wanted, ulong nowMicros)
    {
        Require.That(now.Length == _rosters[^1].Members.Length);
        uint?[] measured = new uint?[now.Length];
        Dictionary<string, uint> uptimes = [];
        for (int i = 0; i < now.Length; i++)
        {
            measured[i] = _uptime.Of(i, nowMicros, _parameters);
            uint before = UptimeOf(now[i].Name);
            uptimes[now[i].Name] = measured[i] is { } newest ? UptimeTrack.Average(before, newest) : before;
        }

        List<Candidate> next = [.. wanted.Select(member => CandidateOf(member, now))];
        uint[]? weights = Weigh(next, uptimes, nowMicros);
        if (weights is null || wanted.Any(member => IsBanned(member.Name))
            || _known.Count + wanted.Count(m => !_byName.ContainsKey(m.Name)) > MostKnown)
        {
            return null;
        }

        foreach ((string name, uint uptime) in uptimes)
        {
            _byName[name].Uptime = uptime;
        }

        Reward(now, measured, nowMicros);
        weights = Ban(next, weights, uptimes, nowMicros);
        weights = TakeBack(next, weights, uptimes, nowMicros);
        Touch();
        return [.. next.Select((candidate, i) => Weighed(candidate, weights[i]))];
    }

    private static Candidate CandidateOf(Member member, Member[] now)
    {
        Member? before = Array.Find(now, m => m.Name == member.Name);
        bool stays = before is not null && before.ConsensusKey.AsSpan().SequenceEqual(member.ConsensusKey);
        return new Candidate(member, before?.Weight ?? 0, stays);
    }

    private Member Weighed(in Candidate candidate, uint weight)
    {
        if (candidate.Old != weight && candidate.Old != 0)
        {
            Tell(
                new TrustEvent(TrustEventKind.Weight, candidate.Member.Name, Before: candidate.Old, After: weight),
                StakeEffect.None);
        }

        return candidate.Member with { Weight = weight };
    }

    /// <summary>Null: they are no committee, or those who stay could not go on.</summary>
    private uint[]? Weigh(List<Candidate> next, Dictionary<string, uint> uptimes, ulong nowMicros)
    {
        bool[] stays = [.. next.Select(candidate => candidate.Stays)];
        if (next.Count == 0)
        {
            return null;
        }

        if (_parameters.Weights == WeightMode.Fixed)
        {
            uint[] weights = [.. next.Select(candidate => candidate.Member.Weight)];
            return WeightRule.CanGoOn(weights, stays) ? weights : null;
        }

        MemberStanding[] standings = [.. next.Select(candidate => new MemberStanding(
            Stake.Deposited(candidate.Member.Name), ReputationOf(candidate.Member.Name, nowMicros),
            uptimes.TryGetValue(candidate.Member.Name, out uint uptime) ? uptime : UptimeOf(candidate.Member.Name),
            candidate.Old))];
        return WeightRule.Next(_parameters.Weights, standings, stays);
    }

    private void Reward(Member[] now, uint?[] measured, ulong nowMicros)
    {
        MemberStanding[] standings = new MemberStanding[now.Length];
        for (int i = 0; i < now.Length; i++)
        {
            uint score = ReputationOf(now[i].Name, nowMicros);
            standings[i] = IsBad(score)
                ? new MemberStanding(0, 0, 0, 0)
                : new MemberStanding(Stake.Deposited(now[i].Name), score, measured[i] ?? UptimeOf(now[i].Name), 0);
        }

        ulong[] rewards = RewardRule.Divide(Math.Min(_parameters.EpochReward, Stake.Rewards), standings);
        for (int i = 0; i < now.Length; i++)
        {
            if (rewards[i] > 0)
            {
                bool paid = Stake.Reward(now[i].Name, rewards[i]);
                TrustEventKind kind = paid ? TrustEventKind.Rewarded : TrustEventKind.RewardFailed;
                Tell(new TrustEvent(kind, now[i].Name, Amount: rewards[i]),
                    paid ? new StakeEffect(Stake.Touched()) : StakeEffect.None);
            }
        }
    }

    /// <summary>The worst first, as long as those who stay are a committee that can lose a member, and can go on.</summary>
    private uint[] Ban(List<Candidate> next, uint[] weights, Dictionary<string, uint> uptimes, ulong nowMicros)
    {
        Candidate[] bad = [.. next.Where(candidate => IsBad(ReputationOf(candidate.Member.Name, nowMicros)))
            .OrderBy(candidate => ReputationOf(candidate.Member.Name, nowMicros))
            .ThenBy(candidate => candidate.Member.Name, StringComparer.Ordinal)];
        foreach (Candidate candidate in bad)
        {
            string name = candidate.Member.Name;
            uint score = ReputationOf(name, nowMicros);
            List<Candidate> rest = [.. next.Where(other => other.Member.Name != name)];
            bool may = rest.Count >= LeastCommittee && Banned.Count() < MostBanned;
            if (!may || Weigh(rest, uptimes, nowMicros) is not { } without)
            {
                Tell(new TrustEvent(TrustEventKind.BanWaits, name, After: score), StakeEffect.None);
                continue;
            }

            next.Clear();
            next.AddRange(rest);
            weights = without;
            Know(name).Banned = candidate.Member with { Weight = candidate.Old == 0 ? candidate.Member.Weight : candidate.Old };
            Tell(new TrustEvent(TrustEventKind.Banned, name, Before: candidate.Old, After: score), StakeEffect.None);
        }

        return weights;
    }

    /// <summary>Whoever was banned and is trusted again, where its name and keys are still free.</summary>
    private uint[] TakeBack(List<Candidate> next, uint[] weights, Dictionary<string, uint> uptimes, ulong nowMicros)
    {
        foreach (Standing standing in _known)
        {
            if (standing.Banned is not { } member || Score(standing, nowMicros) < Ratio.OfThousandths(_parameters.ReturnAt))
            {
                continue;
            }

            List<Candidate> more = [.. next, new Candidate(member, 0, false)];
            if (GenesisCodec.MembersRefusal([.. more.Select(candidate => candidate.Member with { Weight = 1 })]) is not null
                || Weigh(more, uptimes, nowMicros) is not { } with)
            {
                continue;
            }

            next.Add(more[^1]);
            weights = with;
            standing.Banned = null;
            Tell(new TrustEvent(TrustEventKind.Returned, standing.Name, After: with[^1]), StakeEffect.None);
        }

        return weights;
    }

    private bool IsBad(uint score) => score < Ratio.OfThousandths(_parameters.BanBelow);
}
