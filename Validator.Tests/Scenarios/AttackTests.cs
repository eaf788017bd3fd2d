using Validator.Core.Consensus;
using Validator.Bench.Simulation;

namespace Validator.Tests.Scenarios;

/// <summary>One member that spends the others' bounded tables.</summary>
public sealed class AttackTests
{
    // Protects: a lane full of vertices that cannot be ordered takes no room from the others, neither places nor bytes.
    [Theory]
    [InlineData(0, 2499)]
    [InlineData(600, 269)]
    public void A_flood_above_a_gap_stops_nobody(int transactions, int taken)
    {
        FloodingAuthor author = null!;
        Scenario scenario = new Scenario(
            1,
            (world, cluster, index) => index == 3
                ? author = new FloodingAuthor(cluster, 3, world.Settings with { IdleVertexMicros = 0 })
                : new SimNode(cluster, index, world.Settings with { MaxPendingBytes = 0 }),
            3).StartAll();
        scenario.RunFor(200_000);
        author.Flood(transactions == 0 ? 10_500 : 1000, transactions);
        scenario.RunFor(1_000_000);
        Assert.All(scenario.Honest, n =>
        {
            // A lane has four of the largest payloads at least: 2 MiB.
            CoreSizes sizes = n.Core.Sizes;
            Assert.Equal(taken, sizes.Vertices);
            Assert.Equal((long)taken * transactions * SimVertex.TransactionBytes, sizes.PendingBytes);
        });
        scenario.Load(200, 4_000_000);
        scenario.Settle();
        Assert.All(scenario.Honest, n => Assert.True(n.AcceptedTransactions.Count >= 40, $"{n.Index} {n.AcceptedTransactions.Count}"));
    }
}
