using System.Numerics;
using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Tests.Core.Trust;

/// <summary>An epoch's weights against a slow version in exact fractions, over random committees; what attackers gain.</summary>
public sealed class WeightRuleTests
{
    // Protects agreement and the formulas: integers give what exact fractions give, to a unit, and exactly where nothing is
    // rounded before the end. The total is fixed, and nobody is above the cap.
    [Theory]
    [InlineData(WeightMode.Additive, 1)]
    [InlineData(WeightMode.Multiplicative, 0)]
    public void Targets_are_what_exact_fractions_say(WeightMode mode, int tolerance)
    {
        Random random = new(11);
        for (int round = 0; round < 600; round++)
        {
            MemberStanding[] members = Committee(random, 1 + (round % 128));
            ulong[] weights = WeightRule.Target(mode, members);
            BigInteger[] expected = Slow(mode, members);
            Assert.Equal(WeightRule.UnitsPerMember * (ulong)members.Length, weights.Aggregate(0UL, (sum, w) => sum + w));
            for (int i = 0; i < members.Length; i++)
            {
                Assert.InRange(weights[i], 0UL, WeightRule.Cap(members.Length));
                BigInteger off = BigInteger.Abs(weights[i] - expected[i]);
                Assert.True(off <= tolerance, $"round {round}, member {i}: {weights[i]}, not {expected[i]}");
            }
        }
    }

    // Protects liveness and F: from one epoch to the next a share moves by a tenth of itself at most, weights are always a
    // committee in which no member weighs more than F, and those who stay weigh its quorum. Again and again, they come to the
    // targets where a committee allows those.
    [Theory]
    [InlineData(WeightMode.Additive)]
    [InlineData(WeightMode.Multiplicative)]
    public void Weights_move_in_bounded_steps_between_committees(WeightMode mode)
    {
        Random random = new(13);
        for (int round = 0; round < 200; round++)
        {
            int count = 4 + random.Next(60);
            MemberStanding[] members = Committee(random, count);
            members = Array.ConvertAll(members, m => m with { Old = 1 });
            bool[] stays = new bool[count];
            Array.Fill(stays, true);
            for (int epoch = 0; epoch < 60; epoch++)
            {
                uint[]? next = WeightRule.Next(mode, members, stays);
                Assert.NotNull(next);
                Assert.Equal(WeightRule.UnitsPerMember * (ulong)count, next.Aggregate(0UL, (sum, w) => sum + w));
                Assert.True(WeightRule.CanGoOn(next, stays));
                ulong before = members.Aggregate(0UL, (sum, m) => sum + m.Old);
                for (int i = 0; i < count; i++)
                {
                    // In the new total, to a few units of rounding.
                    double old = (double)members[i].Old * WeightRule.UnitsPerMember * count / before;
                    Assert.InRange(next[i], (old * 0.9) - 3, (old * 1.1) + 3);
                }

                members = [.. members.Select((m, i) => m with { Old = next[i] })];
            }

            ulong[] target = WeightRule.Target(mode, members);
            if (target.All(w => w is > 20 and <= 2 * WeightRule.UnitsPerMember)
                && WeightRule.CanGoOn([.. target.Select(w => (uint)w)], stays))
            {
                Assert.All(Enumerable.Range(0, count), i => Assert.InRange(members[i].Old, target[i] - 3, target[i] + 3));
            }
        }
    }

    // Protects the rules of a committee's own end: a newcomer begins within an equal part, and where those who stay could not go
    // on there is no answer, so that a ban waits.
    [Fact]
    public void Newcomers_begin_small_and_those_who_stay_must_be_a_quorum()
    {
        MemberStanding old = new(100, Ratio.One, Ratio.One, 10_000);
        MemberStanding rich = new(1_000_000, Ratio.One, Ratio.One, 0);
        uint[]? next = WeightRule.Next(WeightMode.Additive, [old, old, old, old, rich], [true, true, true, true, false]);
        Assert.NotNull(next);
        Assert.InRange(next[4], 1u, 11_000u);
        Assert.Null(WeightRule.Next(WeightMode.Additive, [old, old, rich, rich], [true, true, false, false]));
    }

    // Protects docs/TRUST.md: what an attacker gains is what its table says.
    [Fact]
    public void Attackers_gain_what_the_table_says()
    {
        const uint half = (uint)(Ratio.One * 0.52);
        MemberStanding[] denial = [.. Enumerable.Range(0, 100).Select(i => i < 25
            ? new MemberStanding(1_000, Ratio.One, Ratio.One, 0) : new MemberStanding(1_000, half, half, 0))];
        Assert.Equal(0.334, ShareOf(WeightMode.Additive, denial, 25), 3);
        Assert.Equal(0.269, ShareOf(WeightMode.Multiplicative, denial, 25), 3);

        // Identities without stake: 54 of 99 stay below a third, 56 do not.
        Assert.True(ShareOf(WeightMode.Additive, Poor(54), 54) < 1 / 3.0);
        Assert.True(ShareOf(WeightMode.Additive, Poor(56), 56) > 1 / 3.0);
        Assert.Equal(0, ShareOf(WeightMode.Multiplicative, Poor(90), 90), 3);

        // The largest stake that stays below a third when all honest members are at the lowest score.
        Assert.True(ShareOf(WeightMode.Multiplicative, Lowest(285), 1000) < 1 / 3.0);
        Assert.True(ShareOf(WeightMode.Multiplicative, Lowest(287), 1000) > 1 / 3.0);

        static MemberStanding[] Poor(int poor) =>
            [.. Enumerable.Range(0, 99).Select(i => new MemberStanding(i < poor ? 0UL : 1_000_000, Ratio.One, Ratio.One, 0))];

        // Of a thousand units of stake, spread over ten members each, so that no cap binds.
        static MemberStanding[] Lowest(ulong stake) =>
        [
            .. Enumerable.Range(0, 10).Select(_ => new MemberStanding(stake * 100, Ratio.One, Ratio.One, 1)),
            .. Enumerable.Range(0, 10).Select(_ => new MemberStanding((1000 - stake) * 100, 0, 0, 0)),
        ];

        static double ShareOf(WeightMode mode, MemberStanding[] members, int attackers)
        {
            ulong[] weights = WeightRule.Target(mode, members);
            ulong theirs = 0, all = 0;
            for (int i = 0; i < members.Length; i++)
            {
                theirs += (attackers == 1000 ? members[i].Old == 1 : i < attackers) ? weights[i] : 0;
                all += weights[i];
            }

            return (double)theirs / all;
        }
    }

    private static MemberStanding[] Committee(Random random, int count)
    {
        int shape = random.Next(4);
        return [.. Enumerable.Range(0, count).Select(_ => new MemberStanding(
            shape switch
            {
                0 => 1_000,
                1 => (ulong)random.NextInt64(1_000_000),
                // A few have nearly all, or nobody has any.
                2 => (ulong)random.NextInt64(1L << random.Next(1, 55)),
                _ => 0,
            },
            (uint)random.NextInt64(Ratio.One + 1L), (uint)random.NextInt64(Ratio.One + 1L), 0))];
    }

    /// <summary>
    /// By sorting: the largest claims are capped one after the other, as long as the first that is left would be above the cap.
    /// </summary>
    private static BigInteger[] Slow(WeightMode mode, MemberStanding[] members)
    {
        BigInteger n = members.Length;
        (BigInteger Above, BigInteger Below)[] claims = new (BigInteger, BigInteger)[members.Length];
        BigInteger stake = Sum(m => m.Stake), reputation = Sum(m => m.Reputation), uptime = Sum(m => m.Uptime);
        for (int i = 0; i < members.Length; i++)
        {
            MemberStanding m = members[i];
            claims[i] = mode == WeightMode.Multiplicative
                ? (m.Stake * ((8 * (BigInteger)Ratio.One) + m.Reputation + m.Uptime), 1)
                : Add(
                    Add(Times(4, Share(m.Stake, stake)), Times(4, Share(m.Reputation, reputation))),
                    Times(2, Share(m.Uptime, uptime)));
        }

        BigInteger common = claims.Aggregate(
            BigInteger.One, (all, c) => all * c.Below / BigInteger.GreatestCommonDivisor(all, c.Below));
        BigInteger[] whole = Array.ConvertAll(claims, c => c.Above * common / c.Below);
        int[] order = [.. Enumerable.Range(0, members.Length).OrderByDescending(i => whole[i]).ThenBy(i => i)];
        BigInteger cap = WeightRule.Cap(members.Length), free = 10_000 * n;
        BigInteger rest = whole.Aggregate(BigInteger.Zero, (a, b) => a + b);
        BigInteger[] weights = new BigInteger[members.Length];
        int capped = 0;
        while (capped < order.Length && rest > 0 && whole[order[capped]] * free > cap * rest)
        {
            weights[order[capped]] = cap;
            free -= cap;
            rest -= whole[order[capped]];
            capped++;
        }

        int[] left = [.. order[capped..].Order()];
        BigInteger[] parts = [.. left.Select(i => rest == 0 ? BigInteger.One : whole[i])];
        BigInteger sum = rest == 0 ? left.Length : rest;
        BigInteger[] floors = [.. parts.Select(p => p * free / sum)];
        BigInteger over = left.Length == 0 ? 0 : free - floors.Aggregate(BigInteger.Zero, (a, b) => a + b);
        int[] byFraction = [.. Enumerable.Range(0, left.Length).OrderByDescending(i => parts[i] * free % sum).ThenBy(i => i)];
        for (int i = 0; i < left.Length; i++)
        {
            weights[left[byFraction[i]]] = floors[byFraction[i]] + (i < over ? 1 : 0);
        }

        return weights;

        BigInteger Sum(Func<MemberStanding, ulong> of) => members.Aggregate(BigInteger.Zero, (total, m) => total + of(m));
        (BigInteger, BigInteger) Share(BigInteger part, BigInteger all) => all == 0 ? (1, n) : (part, all);
        static (BigInteger, BigInteger) Times(BigInteger factor, (BigInteger Above, BigInteger Below) f) =>
            (factor * f.Above, f.Below);
        static (BigInteger, BigInteger) Add((BigInteger Above, BigInteger Below) a, (BigInteger Above, BigInteger Below) b) =>
            ((a.Above * b.Below) + (b.Above * a.Below), a.Below * b.Below);
    }
}
