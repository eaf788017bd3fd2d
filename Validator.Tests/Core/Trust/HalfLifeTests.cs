using System.Numerics;
using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Tests.Core.Trust;

public sealed class HalfLifeTests
{
    // Protects agreement: every build has this table, and each entry is the true power of two, rounded down.
    [Fact]
    public void The_table_is_the_powers_of_two_rounded_down()
    {
        const int steps = 1024, bits = 30;
        for (int i = 0; i <= steps; i++)
        {
            ulong entry = HalfLife.Decay(Ratio.One, (ulong)i, steps);
            // entry = floor(2^(30 - i / 1024)), said without a root.
            BigInteger exact = BigInteger.One << ((bits * steps) - i);
            Assert.True(BigInteger.Pow(entry, steps) <= exact && exact < BigInteger.Pow(entry + 1, steps), $"step {i}: {entry}");
        }

        Assert.Equal("e5fc58e421ba8b854a658a035dbf5ef9b214786a1f4801e664ea5f59b7ff19db", HalfLife.TableDigest.ToString());
    }

    // Protects the bound that is documented: between steps, over many halvings, for any amount, it is off by a millionth and a
    // unit or two at most, and what has decayed longer is never more.
    [Fact]
    public void Decay_is_off_by_a_millionth_at_most()
    {
        Random random = new(7);
        for (int i = 0; i < 20_000; i++)
        {
            ulong halfLife = 1 + (ulong)random.NextInt64(1L << random.Next(1, 50));
            ulong elapsed = (ulong)random.NextInt64((long)Math.Min(halfLife * 40, long.MaxValue));
            ulong amount = (ulong)random.NextInt64(1L << random.Next(1, 62));
            double exact = amount * Math.Pow(2, -(double)elapsed / halfLife);
            ulong left = HalfLife.Decay(amount, elapsed, halfLife);
            Assert.InRange(left, (exact * (1 - 1e-6)) - 2, (exact * (1 + 1e-6)) + 1);
            Assert.True(HalfLife.Decay(amount, elapsed + (halfLife / 3), halfLife) <= left);
        }

        Assert.Equal(0UL, HalfLife.Decay(ulong.MaxValue, ulong.MaxValue, 1));
        Assert.Equal(ulong.MaxValue, HalfLife.Decay(ulong.MaxValue, 0, 1));
    }

    // Protects everybody: one offence is half forgiven after a half-life, more of them add up, a score is never below 0, and
    // asking for it, often or seldom, changes nothing.
    [Fact]
    public void Penalties_add_up_and_are_forgiven_by_half()
    {
        TrustParameters rules = new();
        ulong week = rules.HalfLifeMicros;
        Reputation clean = default;
        Assert.Equal(Ratio.One, clean.Score(5 * week, week));
        Reputation once = clean.After(Ratio.OfThousandths(rules.Penalties[(int)Offence.DoubleCommit]), week, week);
        Assert.Equal(Ratio.One / 2, once.Score(week, week));
        Assert.Equal(Ratio.One * 3 / 4, once.Score(2 * week, week));
        Assert.InRange(once.Score(week + 1, week), Ratio.One / 2, (Ratio.One / 2) + 1);

        Reputation twice = once.After(Ratio.OfThousandths(rules.Penalties[(int)Offence.LaneTwin]), 2 * week, week);
        Assert.InRange(twice.Score(2 * week, week), Ratio.OfThousandths(550) - 2, Ratio.OfThousandths(550) + 2);
        Reputation all = Enumerable.Range(0, 1000).Aggregate(twice, (r, _) => r.After(Ratio.One, 2 * week, week));
        Assert.Equal(0u, all.Score(2 * week, week));
        Assert.InRange(all.Score(9 * week, week), Ratio.OfThousandths(700), Ratio.One);
    }
}
