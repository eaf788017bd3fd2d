using Validator.Core.Primitives;

namespace Validator.Core.Trust;

/// <summary>What a member's weight is reckoned from.</summary>
/// <param name="Stake">Deposited to it, its own and others'.</param>
/// <param name="Reputation">In units of <see cref="Ratio"/>, as is uptime.</param>
/// <param name="Old">Its weight before; 0 for a newcomer.</param>
public readonly record struct MemberStanding(ulong Stake, uint Reputation, uint Uptime, uint Old);

/// <summary>
/// The weights of the next epoch (docs/TRUST.md): from stake, reputation and uptime, with a cap on each member, and with a
/// bounded step from the weights before. The total is 10,000 a member.
/// </summary>
public static class WeightRule
{
    /// <summary>Of the total, for each member of the committee.</summary>
    public const ulong UnitsPerMember = 10_000;

    /// <summary>The most of a total that one member weighs, where there are enough members: 15 %.</summary>
    private const ulong CapHundredths = 15;

    /// <summary>A member's share moves by at most this part of itself in an epoch.</summary>
    private const ulong StepParts = 10;

    /// <summary>Who weighs less than this part of an equal one begins anew, as a newcomer.</summary>
    private const ulong LeastParts = 1_000;

    /// <summary>Halvings of the step before the weights stay as they are.</summary>
    private const int MostHalvings = 4;

    /// <summary>Shares have so many bits behind the point: finer than a unit of any committee.</summary>
    private const int ShareBits = 60;

    /// <summary>No member weighs more than the cap: 15 % of the total, or an equal part where that is more, rounded up.</summary>
    public static ulong Cap(int members)
    {
        ulong total = UnitsPerMember * (ulong)members;
        return Math.Max(((total * CapHundredths) + 99) / 100, UnitsPerMember);
    }

    /// <summary>What the weights tend to, however they were before.</summary>
    public static ulong[] Target(WeightMode mode, ReadOnlySpan<MemberStanding> members)
    {
        Require.That(members.Length > 0 && mode != WeightMode.Fixed);
        UInt128[] claims = new UInt128[members.Length];
        if (mode == WeightMode.Multiplicative)
        {
            for (int i = 0; i < claims.Length; i++)
            {
                claims[i] = (UInt128)members[i].Stake * ((8UL * Ratio.One) + members[i].Reputation + members[i].Uptime);
            }
        }
        else
        {
            UInt128[] stake = Shares(members, static m => m.Stake);
            UInt128[] reputation = Shares(members, static m => m.Reputation);
            UInt128[] uptime = Shares(members, static m => m.Uptime);
            for (int i = 0; i < claims.Length; i++)
            {
                claims[i] = (4 * stake[i]) + (4 * reputation[i]) + (2 * uptime[i]);
            }
        }

        return Apportion.Capped(claims, UnitsPerMember * (ulong)members.Length, Cap(members.Length));
    }

    /// <summary>
    /// The weights of the next epoch: the targets, as far as a step goes. Where those would be no committee, or those who stay
    /// could not go on by themselves, a smaller step is tried, and in the end none. Whoever weighs next to nothing begins anew if
    /// the others can go on without it: a member that came without stake would else need hundreds of epochs.
    /// </summary>
    /// <param name="stays">By member: it is one before and after, with the same key.</param>
    /// <returns>Null where even the weights as they are, newcomers added, would be no committee that can go on.</returns>
    public static uint[]? Next(WeightMode mode, ReadOnlySpan<MemberStanding> members, ReadOnlySpan<bool> stays)
    {
        Require.That(stays.Length == members.Length);
        UInt128 sum = 0;
        foreach (MemberStanding member in members)
        {
            sum += member.Old;
        }

        MemberStanding[] anew = members.ToArray();
        bool[] others = stays.ToArray();
        bool any = false;
        for (int i = 0; i < anew.Length; i++)
        {
            if (anew[i].Old > 0 && (UInt128)anew[i].Old * (ulong)anew.Length * LeastParts < sum)
            {
                anew[i] = anew[i] with { Old = 0 };
                others[i] = false;
                any = true;
            }
        }

        return (any ? Step(mode, anew, others) : null) ?? Step(mode, members, stays);
    }

    private static uint[]? Step(WeightMode mode, ReadOnlySpan<MemberStanding> members, ReadOnlySpan<bool> stays)
    {
        ulong total = UnitsPerMember * (ulong)members.Length;
        ulong[] target = Target(mode, members);
        ulong[] from = Begin(members, target, total);
        ulong[] bounded = Bounded(from, target, total);
        for (int halvings = 0; halvings <= MostHalvings; halvings++)
        {
            uint[] weights = new uint[from.Length];
            ulong sum = 0;
            for (int i = 0; i < weights.Length; i++)
            {
                weights[i] = (uint)(bounded[i] >= from[i]
                    ? from[i] + ((bounded[i] - from[i]) >> halvings) : from[i] - ((from[i] - bounded[i]) >> halvings));
                sum += weights[i];
            }

            Settle(weights, total, sum);
            if (CanGoOn(weights, stays))
            {
                return weights;
            }
        }

        uint[] unmoved = Array.ConvertAll(from, static weight => (uint)weight);
        return CanGoOn(unmoved, stays) ? unmoved : null;
    }

    /// <summary>They are a committee whose members that stay can go on.</summary>
    public static bool CanGoOn(ReadOnlySpan<uint> weights, ReadOnlySpan<bool> stays) =>
        Committee.Refusal(weights) is null && new Committee(weights).CanGoOn(stays);

    /// <summary>Shares of a sum, 2^-60 each; equal ones where nobody has any.</summary>
    private static UInt128[] Shares(ReadOnlySpan<MemberStanding> members, Func<MemberStanding, ulong> of)
    {
        UInt128 sum = 0;
        foreach (MemberStanding member in members)
        {
            sum += of(member);
        }

        UInt128[] shares = new UInt128[members.Length];
        for (int i = 0; i < shares.Length; i++)
        {
            shares[i] = sum == 0
                ? (UInt128.One << ShareBits) / (UInt128)members.Length : ((UInt128)of(members[i]) << ShareBits) / sum;
        }

        return shares;
    }

    /// <summary>
    /// Weights before, brought to the total, at least 1 each. A newcomer begins with what it tends to, at most an equal part.
    /// </summary>
    private static ulong[] Begin(ReadOnlySpan<MemberStanding> members, ulong[] target, ulong total)
    {
        UInt128[] claims = new UInt128[members.Length];
        ulong left = total;
        for (int i = 0; i < claims.Length; i++)
        {
            claims[i] = members[i].Old;
            left -= members[i].Old == 0 ? Newcomer(target[i]) : 1;
        }

        if (left == 0 || claims.All(claim => claim == 0))
        {
            return target;
        }

        ulong[] old = Apportion.ByLargestRemainder(claims, left);
        for (int i = 0; i < old.Length; i++)
        {
            old[i] = members[i].Old == 0 ? Newcomer(target[i]) : old[i] + 1;
        }

        return old;

        static ulong Newcomer(ulong target) => Math.Clamp(target, 1, UnitsPerMember);
    }

    /// <summary>
    /// Within a tenth of what it was, each; then what is missing from the total, or too much, is divided by the room that each
    /// has left. Where the steps of those below the cap are too short for what those above it lose, these lose less.
    /// </summary>
    private static ulong[] Bounded(ulong[] from, ulong[] target, ulong total)
    {
        ulong[] weights = new ulong[from.Length];
        UInt128[] up = new UInt128[from.Length], down = new UInt128[from.Length];
        ulong cap = Cap(from.Length);
        ulong sum = 0, rise = 0, fall = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            ulong low = from[i] - (from[i] / StepParts), high = Math.Max(Math.Min(from[i] + (from[i] / StepParts), cap), low);
            weights[i] = Math.Clamp(target[i], Math.Max(low, 1), Math.Max(high, 1));
            sum += weights[i];
            // Back to where it was is always allowed.
            up[i] = Math.Max(high, from[i]) - Math.Min(weights[i], Math.Max(high, from[i]));
            down[i] = weights[i] - Math.Min(weights[i], low);
            rise += (ulong)up[i];
            fall += (ulong)down[i];
        }

        if (sum < total)
        {
            Add(weights, up, Math.Min(total - sum, rise), grows: true);
        }
        else if (sum > total)
        {
            Add(weights, down, Math.Min(sum - total, fall), grows: false);
        }

        return weights;
    }

    private static void Add(ulong[] weights, UInt128[] room, ulong amount, bool grows)
    {
        if (amount == 0)
        {
            return;
        }

        ulong[] moves = Apportion.ByLargestRemainder(room, amount);
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] = grows ? weights[i] + moves[i] : weights[i] - moves[i];
        }
    }

    /// <summary>
    /// Rounding of a smaller step is off by less than a unit each: the lightest get what is missing, the heaviest give what is
    /// too much, so that no cap is passed.
    /// </summary>
    private static void Settle(uint[] weights, ulong total, ulong sum)
    {
        Require.That(sum + (ulong)weights.Length >= total && sum <= total + (ulong)weights.Length);
        int[] order = [.. Enumerable.Range(0, weights.Length).OrderBy(i => weights[i]).ThenBy(i => i)];
        for (int i = 0; sum < total; i++, sum++)
        {
            weights[order[i]]++;
        }

        for (int i = order.Length - 1; sum > total; i--, sum--)
        {
            Require.That(--weights[order[i]] > 0);
        }
    }
}
