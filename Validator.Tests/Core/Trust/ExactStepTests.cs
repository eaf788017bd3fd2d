using System.Numerics;
using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Tests.Core.Trust;

/// <summary>The step from an epoch's weights to the next against a slow version in exact fractions, from rule T6.</summary>
public sealed class ExactStepTests
{
    // Protects agreement and the bound of a step: over random committees of 1 to 128, with newcomers, changed keys, weights of
    // other units and of many shapes, the next weights are what exact fractions give, to the unit; and there is none where there
    // is none. A step that needs to be halved is among them, and one that comes to nothing.
    [Theory]
    [InlineData(WeightMode.Additive)]
    [InlineData(WeightMode.Multiplicative)]
    public void A_step_is_what_exact_fractions_say(WeightMode mode)
    {
        Random random = new(29);
        int[] halved = new int[6];
        int refused = 0, begun = 0;
        for (int round = 0; round < 1500; round++)
        {
            (MemberStanding[] members, bool[] stays) = Committee(random, 1 + (round % 128));
            BigInteger[] target = [.. WeightRule.Target(mode, members).Select(w => (BigInteger)w)];
            uint[]? weights = WeightRule.Next(mode, members, stays);
            (MemberStanding[] anew, bool[] others) = BeginAnew(members, stays);
            BigInteger[]? expected = Slow(anew, target, others, out int halvings) ?? Slow(members, target, stays, out halvings);
            begun += expected is not null && !anew.SequenceEqual(members) ? 1 : 0;
            Assert.Equal(expected is null, weights is null);
            if (expected is null)
            {
                refused++;
                continue;
            }

            halved[halvings]++;
            Assert.Equal(expected, weights!.Select(w => (BigInteger)w));
        }

        Assert.True(halved[0] > 100 && halved[1] > 0 && refused > 10 && begun > 10,
            $"{string.Join(' ', halved)}, {refused} refused, in {begun} somebody began anew");
    }

    // Protects members that came before anybody could deposit to them: in a few epochs after the first deposit they weigh what
    // their stake says, whatever it is, and it takes no more than a step of the others.
    [Fact]
    public void A_member_that_came_without_stake_catches_up()
    {
        MemberStanding[] members = [.. Enumerable.Repeat(new MemberStanding(1_000_000, Ratio.One, Ratio.One, 10_000), 10),
            new MemberStanding(0, Ratio.One, 0, 0)];
        bool[] stays = [.. Enumerable.Repeat(true, 10), false];
        Epoch();
        Assert.InRange(members[10].Old, 1u, 10u);
        members[10] = members[10] with { Stake = 1_000_000, Uptime = Ratio.One };
        stays[10] = true;
        Epoch();
        Assert.InRange(members[10].Old, 9_000u, 11_000u);
        Assert.All(members[..10], member => Assert.InRange(member.Old, 9_000u, 11_000u));

        void Epoch()
        {
            uint[]? next = WeightRule.Next(WeightMode.Multiplicative, members, stays);
            Assert.NotNull(next);
            members = [.. members.Select((member, i) => member with { Old = next[i] })];
        }
    }

    /// <summary>Below a thousandth of an equal part.</summary>
    private static (MemberStanding[] Members, bool[] Stays) BeginAnew(MemberStanding[] members, bool[] stays)
    {
        BigInteger all = Sum(members.Select(m => (BigInteger)m.Old));
        bool[] small = [.. members.Select(m => (BigInteger)m.Old * members.Length * 1_000 < all)];
        return ([.. members.Select((m, i) => small[i] ? m with { Old = 0 } : m)], [.. stays.Select((s, i) => s && !small[i])]);
    }

    private static (MemberStanding[] Members, bool[] Stays) Committee(Random random, int count)
    {
        int shape = random.Next(4), newcomers = random.Next(3), size = random.Next(1, 31);
        MemberStanding[] members = new MemberStanding[count];
        bool[] stays = new bool[count];
        for (int i = 0; i < count; i++)
        {
            uint old = newcomers > 0 && random.Next(8) < newcomers ? 0
                : shape switch
                {
                    0 => 1,
                    1 => 10_000,
                    2 => (uint)random.NextInt64(1, 20_000),
                    _ => (uint)random.NextInt64(1, 1L << size),
                };
            members[i] = new MemberStanding(
                random.Next(6) == 0 ? 0 : (ulong)random.NextInt64(1L << random.Next(1, 50)),
                (uint)random.NextInt64(Ratio.One + 1L), (uint)random.NextInt64(Ratio.One + 1L), old);
            stays[i] = old > 0 && (shape != 2 || random.Next(5) > 0);
        }

        return (members, stays);
    }

    private static BigInteger[]? Slow(MemberStanding[] members, BigInteger[] target, bool[] stays, out int halvings)
    {
        int n = members.Length;
        BigInteger total = 10_000 * (BigInteger)n, cap = BigInteger.Max(Up(15 * total, 100), 10_000);
        BigInteger[] from = Begin(members, target, total);
        BigInteger[] low = [.. from.Select(f => BigInteger.Max(1, f - (f / 10)))];
        BigInteger[] high = [.. from.Select((f, i) => BigInteger.Max(BigInteger.Min(f + (f / 10), cap), low[i]))];
        BigInteger[] to = [.. target.Select((t, i) => t < low[i] ? low[i] : t > high[i] ? high[i] : t)];
        BigInteger missing = total - Sum(to);
        // What is missing is divided by the room upwards, back to where it was at least; what is too much by the room downwards.
        BigInteger[] room = [.. to.Select((t, i) => missing > 0
            ? BigInteger.Max(0, BigInteger.Max(high[i], from[i]) - t) : BigInteger.Max(0, t - (from[i] - (from[i] / 10))))];
        BigInteger share = BigInteger.Min(BigInteger.Abs(missing), Sum(room));
        BigInteger[] moves = share == 0 ? new BigInteger[n] : Divide(room, share);
        to = [.. to.Select((t, i) => missing > 0 ? t + moves[i] : t - moves[i])];
        for (halvings = 0; halvings <= 4; halvings++)
        {
            BigInteger parts = BigInteger.Pow(2, halvings);
            // Towards where it was, in whole units.
            BigInteger[] weights = [.. from.Select((f, i) => f + ((to[i] - f) / parts))];
            int[] byWeight = [.. Enumerable.Range(0, n).OrderBy(i => weights[i]).ThenBy(i => i)];
            BigInteger off = total - Sum(weights);
            for (int i = 0; i < n; i++)
            {
                weights[byWeight[i]] += off > i ? 1 : 0;
                weights[byWeight[n - 1 - i]] -= -off > i ? 1 : 0;
            }

            if (IsGood(weights, stays))
            {
                return weights;
            }
        }

        return IsGood(from, stays) ? from : null;
    }

    private static BigInteger[] Begin(MemberStanding[] members, BigInteger[] target, BigInteger total)
    {
        BigInteger[] first = [.. target.Select(t => BigInteger.Min(BigInteger.Max(t, 1), 10_000))];
        // One unit for each that was there, what it begins with for each that comes; the rest as it was divided.
        BigInteger rest = total - Sum(members.Select((m, i) => m.Old == 0 ? first[i] : 1));
        if (rest == 0 || members.All(m => m.Old == 0))
        {
            return target;
        }

        BigInteger[] old = Divide([.. members.Select(m => (BigInteger)m.Old)], rest);
        return [.. members.Select((m, i) => m.Old == 0 ? first[i] : old[i] + 1)];
    }

    /// <summary>Whole parts, and what is left to the largest fractions.</summary>
    private static BigInteger[] Divide(BigInteger[] claims, BigInteger units)
    {
        BigInteger all = Sum(claims);
        BigInteger[] parts = [.. claims.Select(c => c * units / all)];
        int left = (int)(units - Sum(parts));
        IEnumerable<int> order = Enumerable.Range(0, parts.Length).OrderByDescending(i => claims[i] * units % all).ThenBy(i => i);
        foreach (int i in order.Take(left))
        {
            parts[i]++;
        }

        return parts;
    }

    /// <summary>No weight above F, and those who stay weigh more than two thirds.</summary>
    private static bool IsGood(BigInteger[] weights, bool[] stays)
    {
        BigInteger all = Sum(weights), staying = Sum(weights.Where((_, i) => stays[i]));
        return weights.All(w => w >= 1 && (weights.Length < 4 || 3 * w < all)) && 3 * staying > 2 * all;
    }

    private static BigInteger Sum(IEnumerable<BigInteger> values) =>
        values.Aggregate(BigInteger.Zero, (sum, value) => sum + value);

    private static BigInteger Up(BigInteger above, BigInteger below) => (above + below - 1) / below;
}
