using System.Numerics;
using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Tests.Core.Trust;

/// <summary>
/// The threat level against a slow version that keeps all that ever happened and reckons each look anew from it, in exact
/// fractions; scores in 256 bits behind the point.
/// </summary>
public sealed class ExactThreatTests
{
    private const ulong Second = 1_000_000;
    private const ulong Calm = 600 * Second;

    // Protects what clients wait for: over random committees of 1 to 128 and random hours, detection rate, stability and level
    // are what the definitions say: 5 and 15 %, an hour, a score below one half, one step for instability, up at once, down a
    // step after ten minutes without cause.
    [Fact]
    public void Every_look_is_what_exact_fractions_say()
    {
        int[] seen = new int[3];
        int falls = 0, skipped = 0, looks = 0;
        for (int seed = 1; seed <= 256; seed++)
        {
            Random random = new(seed);
            int count = 1 + (seed % 128);
            ulong[] weights = [.. Enumerable.Range(0, count).Select(_ => 1 + (ulong)random.NextInt64(1L << random.Next(1, 40)))];
            ThreatGauge gauge = new(count);
            Model model = new(weights);
            ulong now = 1_000 * Second;
            for (int look = 0; look < 120; look++)
            {
                for (int events = random.Next(4) == 0 ? random.Next(6) : 0; events > 0; events--)
                {
                    int place = random.Next(count);
                    LocalFault fault = (LocalFault)random.Next(3);
                    switch (random.Next(12))
                    {
                        case 0:
                            gauge.Convict(place, now);
                            model.Convict(place, now);
                            break;
                        case 1:
                            gauge.Forget(place);
                            model.Forget(place);
                            break;
                        default:
                            gauge.Note(place, fault, now);
                            model.Note(place, fault == LocalFault.Timeout ? 100u : 200u, now);
                            break;
                    }
                }

                now += random.Next(10) == 0 ? (ulong)random.NextInt64(2_000) * Second : (ulong)random.NextInt64(1, 60) * Second;
                int outage = random.Next(6) == 0 ? random.Next(100) : 0;
                ThreatMember[] members = [.. weights.Select(
                    (w, i) => new ThreatMember(i == 0 && count > 1 ? -1 : i, w, random.Next(100) >= outage))];
                ulong delay = random.Next(3) == 0 ? 0 : (ulong)random.NextInt64(1, random.Next(20) == 0 ? 2_000_000 : 200_000);
                gauge.Look(members, delay, now);
                if (!model.Look(members, delay, now))
                {
                    // So near to a bound that roundings decide: both go on from here.
                    skipped++;
                    break;
                }

                looks++;
                falls += model.Fell ? 1 : 0;
                seen[(int)model.Level]++;
                Assert.Equal((seed, look, model.Level), (seed, look, gauge.Level));
                Assert.Equal((uint)(model.Faulty * Ratio.One / model.Total), gauge.DetectionRate);
                BigInteger off = BigInteger.Abs((model.StabilityAbove * Ratio.One / model.StabilityBelow) - gauge.Stability);
                Assert.True(off <= Ratio.One / 150, $"seed {seed}, look {look}: stability is off by {(double)off / Ratio.One}");
            }
        }

        Assert.True(seen.All(count => count > 500) && falls > 100, $"{string.Join(' ', seen)}, {falls} falls");
        Assert.True(skipped * 100 < looks, $"{skipped} of {looks} were too near to a bound");
    }

    private sealed class Model(ulong[] weights)
    {
        private static readonly BigInteger s_one = BigInteger.One << ExactScoreTests.Bits;

        private readonly List<(int Place, uint Thousandths, ulong At)> _faults = [];
        private readonly List<(int Place, ulong At)> _proven = [];

        // When there was cause for the level, or it last fell.
        private ulong _since;

        // Of delays, as a fraction over 2^64.
        private BigInteger _usual;

        public ThreatLevel Level { get; private set; }

        public bool Fell { get; private set; }

        public BigInteger Faulty { get; private set; }

        public BigInteger Total { get; } = weights.Aggregate(BigInteger.Zero, (sum, w) => sum + w);

        public BigInteger StabilityAbove { get; private set; }

        public BigInteger StabilityBelow { get; private set; }

        public void Note(int place, uint thousandths, ulong now) => _faults.Add((place, thousandths, now));

        public void Convict(int place, ulong now) => _proven.Add((place, now));

        public void Forget(int place)
        {
            _faults.RemoveAll(f => f.Place == place);
            _proven.RemoveAll(p => p.Place == place);
        }

        /// <returns>False where a bound is nearer than what the gauge may be off by.</returns>
        public bool Look(ThreatMember[] members, ulong delay, ulong now)
        {
            bool clear = true;
            Faulty = 0;
            BigInteger up = 0;
            foreach (ThreatMember member in members)
            {
                up += member.Up ? member.Weight : 0;
                bool proven = _proven.Any(p => p.Place == member.Place && now - p.At < 6 * Calm);
                BigInteger penalty = 0;
                foreach ((_, uint thousandths, ulong at) in _faults.Where(f => f.Place == member.Place))
                {
                    penalty += thousandths * ExactScoreTests.Forgiven(now - at, Calm);
                }

                // Above 500 thousandths the score is below one half.
                BigInteger over = penalty - (500 * s_one);
                clear &= proven || BigInteger.Abs(over) * 100_000 > 1000 * s_one;
                Faulty += proven || over > 0 ? member.Weight : 0;
            }

            (BigInteger steadyAbove, BigInteger steadyBelow) = Steadiness(delay);
            (StabilityAbove, StabilityBelow) = (up * steadyAbove, Total * steadyBelow);
            BigInteger fromBound = (StabilityAbove * 1000 / StabilityBelow) - 700;
            clear &= BigInteger.Abs(fromBound) > 8;
            int cause = 100 * Faulty >= 15 * Total ? 2 : 100 * Faulty >= 5 * Total ? 1 : 0;
            // Rounding down a share moves it below a bound that it just reaches.
            clear &= IsClear(5) && IsClear(15);
            cause = Math.Min(2, cause + (fromBound < 0 ? 1 : 0));
            Fell = cause < (int)Level && now - _since >= Calm;
            _since = cause >= (int)Level || Fell ? now : _since;
            Level = Fell ? Level - 1 : (ThreatLevel)Math.Max((int)Level, cause);
            return clear;

            bool IsClear(int hundredths) =>
                BigInteger.Abs((100 * Faulty) - (hundredths * Total)) * 1_000_000 > 100 * Total;
        }

        /// <summary>1, or twice the usual delay, at least 0.1 s, over this one.</summary>
        private (BigInteger Above, BigInteger Below) Steadiness(ulong delay)
        {
            if (delay == 0)
            {
                return (1, 1);
            }

            BigInteger exact = (BigInteger)delay << 64;
            _usual = _usual == 0 ? exact : _usual;
            BigInteger most = BigInteger.Max(2 * _usual, (BigInteger)100_000 << 64);
            _usual += (exact - _usual) / 256;
            return exact <= most ? (1, 1) : (most, exact);
        }
    }
}
