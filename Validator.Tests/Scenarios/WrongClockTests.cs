using Validator.Bench.Simulation;

namespace Validator.Tests.Scenarios;

/// <summary>Wall clocks that are wrong at many validators at once (rule P3).</summary>
public sealed class WrongClockTests
{
    private const long Second = 1_000_000;
    private const long Hour = 3_600 * Second;

    // Protects: where all clocks were ahead and are set right, or where genesis is of a time to come (all clocks behind it),
    // blocks go on at once, each a microsecond after the one before; what was on its way when they were set may cost one view.
    [Theory]
    [InlineData(Hour, 0)]
    [InlineData(0, -Hour)]
    [InlineData(-Hour, -Hour)]
    public void Block_time_ahead_of_all_clocks_holds_nothing_up(long first, long then)
    {
        foreach (ulong seed in Scenario.Seeds(10))
        {
            Scenario scenario = new(seed);
            Set(scenario, first);
            scenario.StartAll().Load(50, Second);
            scenario.Settle();
            Set(scenario, then);
            scenario.Load(50, Second);
            scenario.RunUntil(
                () => scenario.Nodes.All(n => n.AcceptedTransactions.IsSubsetOf(scenario.Cluster.Check.FinalTransactions)), "all is final", 5 * Second);

            Assert.All(scenario.Nodes, n => Assert.InRange(n.ViewChanges, 0ul, 1ul));
        }
    }

    // Protects: with two of four clocks behind, those who are right and those who are not go on together.
    [Fact]
    public void Half_of_the_clocks_behind_hold_nothing_up_for_long()
    {
        foreach (ulong seed in Scenario.Seeds(10))
        {
            Scenario scenario = new Scenario(seed).StartAll();
            scenario.Load(50, Second);
            scenario.Nodes[0].Clock.SkewMicros = scenario.Nodes[1].Clock.SkewMicros = -Hour;
            scenario.Load(50, Second);
            scenario.Settle();
        }
    }

    private static void Set(Scenario scenario, long skew)
    {
        foreach (SimNode node in scenario.Nodes)
        {
            node.Clock.SkewMicros = skew;
        }
    }
}
