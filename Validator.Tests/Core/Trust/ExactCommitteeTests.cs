using System.Numerics;
using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Tests.Core.Trust;

/// <summary>
/// A committee's numbers from their definitions, in whole numbers of any size; those of small ones from every set of members.
/// </summary>
public sealed class ExactCommitteeTests
{
    // Protects all that rests on W, F and q, and what operators and clients are told: over random committees of 1 to 128, F is
    // the most that is less than a third, q the least that is more than two thirds, each level the least that is its share and a
    // quorum, and no fewer members than published weigh enough to halt, or more than F.
    [Fact]
    public void The_numbers_are_what_their_definitions_say()
    {
        Random random = new(31);
        for (int round = 0; round < 1024; round++)
        {
            uint[] weights = Weights(random, 1 + (round % 128));
            Committee committee = new(weights);
            BigInteger total = Sum(weights), faulty = committee.Faulty, quorum = committee.Quorum;
            Assert.Equal(total, committee.Total);
            Assert.True(3 * faulty < total && 3 * (faulty + 1) >= total);
            Assert.True(3 * quorum > 2 * total && 3 * (quorum - 1) <= 2 * total);
            Assert.Equal(quorum, FinalityLevels.WeightOf(FinalityLevel.Strong67, committee));
            foreach ((FinalityLevel level, int percent) in new[] { (FinalityLevel.Strong75, 75), (FinalityLevel.Strong82, 82) })
            {
                BigInteger least = FinalityLevels.WeightOf(level, committee);
                Assert.True(IsEnough(least, percent) && !IsEnough(least - 1, percent), $"{level} of {total}: {least}");
            }

            BigInteger[] heaviest = Heaviest(weights);
            Assert.Equal(Array.FindIndex(heaviest, weight => 3 * (total - weight) <= 2 * total), committee.FewestThatHalt);
            Assert.Equal(Array.FindIndex(heaviest, weight => 3 * weight >= total), committee.FewestThatFork);

            bool IsEnough(BigInteger weight, int percent) => 3 * weight > 2 * total && 100 * weight >= percent * total;
        }
    }

    // Protects the same from a wrong definition: of up to nine members every set is tried. Two quorums share more than F; without
    // so few as published no quorum is left, and without fewer one always is; and nobody fewer than published can be in two
    // quorums whose others are distinct.
    [Fact]
    public void Every_set_of_members_bears_the_numbers_out()
    {
        Random random = new(7);
        for (int round = 0; round < 270; round++)
        {
            uint[] weights = Weights(random, 1 + (round % 9));
            Committee committee = new(weights);
            int sets = 1 << weights.Length;
            ulong[] weightOf = [.. Enumerable.Range(0, sets)
                .Select(set => (ulong)Sum(weights.Where((_, i) => (set >> i & 1) == 1)))];
            int[] quorums = [.. Enumerable.Range(0, sets).Where(set => weightOf[set] >= committee.Quorum)];
            int halt = weights.Length, fork = weights.Length;
            foreach (int first in quorums)
            {
                foreach (int second in quorums)
                {
                    Assert.True(weightOf[first & second] > committee.Faulty);
                    fork = Math.Min(fork, BitOperations.PopCount((uint)(first & second)));
                }
            }

            for (int silent = 0; silent < sets; silent++)
            {
                int others = sets - 1 - silent;
                halt = weightOf[others] < committee.Quorum ? Math.Min(halt, BitOperations.PopCount((uint)silent)) : halt;
            }

            Assert.Equal(halt, committee.FewestThatHalt);
            Assert.InRange(committee.FewestThatFork, 1, fork);
        }
    }

    private static uint[] Weights(Random random, int count)
    {
        while (true)
        {
            int shape = random.Next(4), size = random.Next(1, 31);
            uint[] weights = [.. Enumerable.Range(0, count).Select(_ => shape switch
            {
                0 => 1u,
                1 => 10_000u,
                2 => (uint)random.NextInt64(8_000, 12_001),
                _ => (uint)random.NextInt64(1, 1L << size),
            })];
            if (Committee.Refusal(weights) is null)
            {
                return weights;
            }
        }
    }

    /// <summary>By how many members: the most that so many weigh. Member by member, with or without it.</summary>
    private static BigInteger[] Heaviest(uint[] weights)
    {
        BigInteger[] most = new BigInteger[weights.Length + 1];
        foreach (uint weight in weights)
        {
            for (int count = weights.Length; count > 0; count--)
            {
                most[count] = BigInteger.Max(most[count], most[count - 1] + weight);
            }
        }

        return most;
    }

    private static BigInteger Sum(IEnumerable<uint> weights) => weights.Aggregate(BigInteger.Zero, (sum, weight) => sum + weight);
}
