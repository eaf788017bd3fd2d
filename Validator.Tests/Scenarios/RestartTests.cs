using Validator.Core.Effects;
using Validator.Core.Wire;
using Validator.Bench.Simulation;

namespace Validator.Tests.Scenarios;

/// <summary>Crashes, lost disks and old ones (PROTOCOL.md, section 6).</summary>
public sealed class RestartTests
{
    // Protects: a validator that lost its votes catches up from an empty disk, stays at the tip, and signs nothing.
    [Fact]
    public void A_wiped_validator_follows_and_signs_nothing()
    {
        foreach (ulong seed in Scenario.Seeds(10))
        {
            Scenario scenario = new Scenario(seed).StartAll();
            scenario.Load(200, 4_000_000);
            SimNode wiped = scenario.Nodes[2];
            wiped.Crash();
            wiped.Wipe();
            wiped.HasVotes = false;
            scenario.Load(100, 2_000_000);
            wiped.Start();
            wiped.AcceptedTransactions.Clear();
            scenario.Load(200, 4_000_000);
            scenario.Settle();

            Assert.False(wiped.Core.Signs);
            Assert.Empty(wiped.Disk.Signed);
            Assert.Equal(0ul, wiped.Disk.OwnTip.Height);
            Assert.Equal(scenario.Cluster.Check.Chain.Count, wiped.Disk.Finals.Count);
            Assert.Empty(wiped.AcceptedTransactions);
        }
    }

    // Protects: a validator whose disk was rolled back meets its own later signatures and signs nothing from then on.
    [Fact]
    public void A_rolled_back_disk_is_noticed()
    {
        foreach (ulong seed in Scenario.Seeds(10))
        {
            // Until it notices it may contradict itself, so the checker may not count it among the honest.
            Scenario scenario = new Scenario(
                seed, (world, cluster, index) => index == 1 ? new SimNode(cluster, 1, world.Settings) : null, 1).StartAll();
            scenario.Load(100, 2_000_000);
            SimNode twin = scenario.Nodes[1];
            SimDisk backup = twin.Disk.Copy();
            scenario.Load(100, 2_000_000);
            twin.Crash();
            twin.RollBack(backup);
            twin.Start();
            scenario.Load(100, 2_000_000);
            scenario.RunUntil(() => !twin.Core.Signs, "the validator stops signing");
            int signed = twin.Disk.Signed.Count;
            scenario.Load(100, 2_000_000);
            scenario.Settle();

            Assert.True(twin.Rejections.GetValueOrDefault(Reason.VoteStoreContradicted) > 0);
            Assert.InRange(twin.Disk.Signed.Count, signed, signed + 4);
        }
    }

    // Protects: a leader that dies under load is replaced, and all that the others accepted becomes final without it.
    [Fact]
    public void A_leader_that_dies_is_replaced()
    {
        foreach (ulong seed in Scenario.Seeds(10))
        {
            Scenario scenario = new Scenario(seed).StartAll();
            scenario.Load(100, 2_000_000);
            scenario.Nodes[scenario.Nodes[0].Core.Leader].Crash();
            scenario.Load(100, 2_000_000);
            scenario.Settle();

            Assert.All(scenario.Nodes.Where(n => n.Running), n => Assert.True(n.Core.View > 0));
        }
    }

    // Protects: dead leaders in a row cost a fraction of a timeout each, since nobody is connected to them.
    [Fact]
    public void Dead_leaders_in_a_row_are_passed_quickly()
    {
        foreach (ulong seed in Scenario.Seeds(10, validators: 7))
        {
            Scenario scenario = new Scenario(seed, 7).StartAll();
            scenario.Load(100, 2_000_000);
            scenario.Settle();
            int leader = scenario.Nodes[0].Core.Leader;
            scenario.Nodes[leader].Crash();
            scenario.Nodes[(leader + 1) % 7].Crash();
            scenario.RunFor(1_000_000);

            long start = scenario.Cluster.Now;
            scenario.Load(1, 1);
            scenario.Settle();
            long timeout = scenario.World.Settings.ViewTimeoutMicros;
            Assert.InRange(scenario.Cluster.Now - start, 0, timeout);
        }
    }

    // Protects: new work starts the timer against a leader that was already gone when the work came.
    [Fact]
    public void A_leader_that_died_while_idle_is_replaced()
    {
        foreach (ulong seed in Scenario.Seeds(10))
        {
            Scenario scenario = new Scenario(seed).StartAll();
            scenario.Load(20, 1_000_000);
            scenario.Settle();
            scenario.RunFor(1_000_000);
            scenario.Nodes[scenario.Nodes[0].Core.Leader].Crash();
            scenario.RunFor(1_000_000);
            scenario.Load(20, 1_000_000);
            scenario.Settle();
        }
    }

    // Protects: after a power failure of the whole cluster every slot keeps its vote, and nothing accepted is lost.
    [Fact]
    public void After_all_crash_the_same_votes_stand()
    {
        foreach (ulong seed in Scenario.Seeds(20))
        {
            Scenario scenario = new Scenario(seed).StartAll();
            scenario.Load(150, 1_000_000);
            foreach (SimNode node in scenario.Nodes)
            {
                node.Crash();
            }

            List<(SimNode Node, Signed[] Votes)> before = [.. scenario.Nodes.Select(n => (n, n.Disk.Signed.Select(r => r.Message).ToArray()))];
            scenario.RunFor(500_000);
            scenario.StartAll();
            scenario.Load(50, 1_000_000);
            scenario.Settle();

            foreach ((SimNode node, Signed[] votes) in before)
            {
                Assert.Equal(votes, node.Disk.Signed.Take(votes.Length).Select(r => r.Message));
                Assert.All(SlotsOf(node), slot => Assert.Single(slot.Select(h => h.Digest).Distinct()));
                Assert.True(node.Core.Signs);
            }
        }
    }

    private static IEnumerable<IGrouping<(MessageKind, ulong, ulong), SignedHeader>> SlotsOf(SimNode node) =>
        node.Disk.Signed.Select(r => r.Message.Header).GroupBy(
            h => (h.Kind == MessageKind.PrePrepare ? MessageKind.Prepare : h.Kind, h.View, h.Sequence));

    // Protects: one transaction on an idle cluster is final without waiting for a view to change.
    [Fact]
    public void A_lone_transaction_needs_no_view_change()
    {
        foreach (ulong seed in Scenario.Seeds(10))
        {
            Scenario scenario = new Scenario(seed).StartAll();
            scenario.RunFor(500_000);
            for (int i = 0; i < 20; i++)
            {
                scenario.Load(3, scenario.World.Settings.BlockIntervalMicros);
                scenario.Settle();
                scenario.RunFor(700_000);
            }

            Assert.All(scenario.Nodes, n => Assert.Equal(0ul, n.ViewChanges));
        }
    }
}
