using Validator.Tests.Simulation;

namespace Validator.Tests.Scenarios;

/// <summary>One member that spends the others' bounded tables.</summary>
public sealed class AttackTests
{
    // Protects: a lane full of vertices that cannot be ordered takes no room from the others.
    [Fact]
    public void A_flood_above_a_gap_stops_nobody()
    {
        FloodingAuthor author = null!;
        Scenario scenario = new Scenario(
            1, (world, cluster, index) => index == 3 ? author = new FloodingAuthor(cluster, 3, world.Settings with { IdleVertexMicros = 0 }) : null, 3).StartAll();
        scenario.RunFor(200_000);
        author.Flood(10_500);
        scenario.RunFor(1_000_000);
        scenario.Load(200, 4_000_000);
        scenario.Settle();
        Assert.All(scenario.Honest, n => Assert.True(n.AcceptedTransactions.Count >= 40, $"{n.Index} {n.AcceptedTransactions.Count}"));
    }
}
