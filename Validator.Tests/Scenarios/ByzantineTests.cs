using Validator.Core.Wire;

namespace Validator.Tests.Scenarios;

/// <summary>One member that signs two messages in one slot; the checker throws on any divergence or double signature.</summary>
public sealed class ByzantineTests
{
    // Protects: a leader that shows two halves different blocks splits nothing, is convicted, and loses the view.
    [Fact]
    public void An_equivocating_leader_splits_nothing_and_is_replaced()
    {
        foreach (ulong seed in Scenario.Seeds(10))
        {
            EquivocatingLeader leader = null!;
            Scenario scenario = new Scenario(
                seed, (world, cluster, index) => index == 0 ? leader = new EquivocatingLeader(cluster, 0, world.Settings) : null, 0).StartAll();
            scenario.Load(200, 4_000_000);
            scenario.RunUntil(() => scenario.AllHoldEvidence(0, MessageKind.PrePrepare), "evidence at every honest node");
            scenario.Settle();

            Assert.True(leader.Splits > 0);
            Assert.All(scenario.Honest, n => Assert.True(n.Core.View > 0));
            Assert.True(scenario.Cluster.Check.FinalTransactions.Count >= 150);
        }
    }

    // Protects: two vertices in a slot are evidence and end that lane alone; the others' transactions become final.
    [Fact]
    public void An_equivocating_author_ends_its_own_lane_only()
    {
        foreach (ulong seed in Scenario.Seeds(10))
        {
            EquivocatingAuthor author = null!;
            Scenario scenario = new Scenario(
                seed, (world, cluster, index) => index == 3 ? author = new EquivocatingAuthor(cluster, 3, world.Settings) : null, 3).StartAll();
            scenario.Load(200, 4_000_000);
            scenario.RunUntil(() => scenario.AllHoldEvidence(3, MessageKind.Vertex), "evidence at every honest node");
            scenario.Settle();
            ulong height = scenario.Cluster.Check.Chain[^1].Cut[3].Height;
            scenario.Load(100, 2_000_000);
            scenario.Settle();

            Assert.True(author.Splits > 0);
            Assert.Equal(height, scenario.Cluster.Check.Chain[^1].Cut[3].Height);
            Assert.All(scenario.Honest, n => Assert.True(n.AcceptedTransactions.Count >= 70));
        }
    }
}
