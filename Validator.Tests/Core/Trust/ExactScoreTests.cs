using System.Numerics;
using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Tests.Core.Trust;

/// <summary>Scores against a slow version in 256 bits behind the point.</summary>
public sealed class ExactScoreTests
{
    internal const int Bits = 256;
    private const ulong HalfLife = 604_800_000_000;
    private static readonly BigInteger s_one = BigInteger.One << Bits;

    // 2^-(1/2^k) at k.
    private static readonly BigInteger[] s_roots = Roots();

    // Protects reputation: one running sum, brought up to date by offences alone, is what each offence adds by itself, forgiven
    // by half in a half-life, whenever it is asked for; within three millionths, for up to sixteen offences.
    [Fact]
    public void A_score_is_what_each_offence_adds_by_itself()
    {
        Random random = new(18);
        for (int run = 0; run < 400; run++)
        {
            Reputation reputation = default;
            List<(uint Penalty, ulong At)> offences = [];
            ulong now = 1_700_000_000_000_000;
            for (int i = random.Next(1, 17); i > 0; i--)
            {
                now += (ulong)random.NextInt64(0, (long)HalfLife / 2);
                uint penalty = Ratio.OfThousandths((uint)random.Next(1, 1001));
                reputation = reputation.After(penalty, now, HalfLife);
                offences.Add((penalty, now));
            }

            for (int asked = 0; asked < 8; asked++)
            {
                now += (ulong)random.NextInt64(0, 2 * (long)HalfLife);
                BigInteger sum = BigInteger.Zero;
                foreach ((uint penalty, ulong at) in offences)
                {
                    sum += penalty * Forgiven(now - at, HalfLife);
                }

                BigInteger exact = BigInteger.Max(0, (Ratio.One * s_one) - sum) >> Bits;
                BigInteger off = BigInteger.Abs(exact - reputation.Score(now, HalfLife));
                Assert.True(off * 1_000_000 <= 3 * (BigInteger)Ratio.One,
                    $"run {run}: {exact} exactly, {reputation.Score(now, HalfLife)} here");
            }
        }
    }

    // Protects uptime's average over epochs: a quarter for the newest, off by less than two units an epoch.
    [Fact]
    public void An_average_is_what_exact_fractions_say()
    {
        Random random = new(4);
        uint average = Ratio.One;
        BigInteger exact = Ratio.One * s_one;
        for (int epoch = 0; epoch < 1000; epoch++)
        {
            uint newest = (uint)random.NextInt64(0, Ratio.One + 1L);
            average = UptimeTrack.Average(average, newest);
            exact = ((3 * exact) + (newest * s_one)) / 4;
            Assert.InRange((double)((average * s_one) - exact) / (double)s_one, -8, 8);
        }
    }

    /// <summary>What is left of 1.</summary>
    internal static BigInteger Forgiven(ulong elapsed, ulong halfLife)
    {
        BigInteger exponent = ((BigInteger)elapsed << 64) / halfLife;
        BigInteger result = s_one >> (int)(exponent >> 64);
        for (int k = 1; k <= 64; k++)
        {
            if (((exponent >> (64 - k)) & 1) == 1)
            {
                result = (result * s_roots[k]) >> Bits;
            }
        }

        return result;
    }

    private static BigInteger[] Roots()
    {
        BigInteger[] roots = new BigInteger[65];
        roots[0] = s_one >> 1;
        for (int k = 1; k < roots.Length; k++)
        {
            roots[k] = Root(roots[k - 1] << Bits);
        }

        return roots;
    }

    private static BigInteger Root(BigInteger value)
    {
        BigInteger guess = BigInteger.One << (int)((value.GetBitLength() + 1) / 2);
        while ((guess + (value / guess)) / 2 is var next && next < guess)
        {
            guess = next;
        }

        return guess;
    }
}
