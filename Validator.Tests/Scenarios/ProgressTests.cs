using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;
using Validator.Bench.Simulation;

namespace Validator.Tests.Scenarios;

/// <summary>
/// What the core says of whether the order goes on (<see cref="ValidatorCore.Progress"/>), by which a halt is told from an idle
/// chain.
/// </summary>
public sealed class ProgressTests
{
    private const long Second = 1_000_000;

    // Protects from false alarms: on a chain that goes on nothing is ever pending for long, under load, idle, or while a member
    // is down. And from halts that nobody notices: where two of four are gone, those that are left say that work is pending, and
    // how long who signs may be silent.
    [Fact]
    public void Work_is_pending_where_nothing_is_ordered_and_only_there()
    {
        foreach (ulong seed in Scenario.Seeds(2))
        {
            Scenario scenario = new Scenario(seed).StartAll();
            scenario.Schedule(200, 4 * Second);
            AssertNothingWaits(scenario, 40 * Second);
            scenario.Nodes[3].Crash();
            scenario.Schedule(100, 4 * Second);
            AssertNothingWaits(scenario, 30 * Second);

            scenario.Nodes[2].Crash();
            scenario.Load(4, Second);
            scenario.RunFor(10 * Second);
            foreach (SimNode node in scenario.Nodes[..2])
            {
                CoreProgress progress = node.Core.Progress();
                Assert.True(progress.WorkPending);
                Assert.False(progress.CatchesUp);
                Assert.Equal(0ul, progress.TimestampMicros);
                Assert.True(progress.SignsWithinMicros >= progress.TimeoutMicros + node.Core.Settings.ViewTimeoutMicros);
            }

            scenario.Nodes[2].Start();
            scenario.Nodes[3].Start();
            scenario.Settle();
            AssertNothingWaits(scenario, 20 * Second);
        }
    }

    // Protects the word of others: what waits at peers of more than F weight waits here too, what one says does not count.
    [Fact]
    public void Work_at_others_counts_above_F_weight()
    {
        Scenario scenario = new Scenario(Scenario.Seeds(1).First()).StartAll();
        scenario.Load(50, 2 * Second);
        scenario.Settle();
        SimNode node = scenario.Nodes[0];
        Assert.False(node.Core.Progress().WorkPendingAtPeers);
        ReportAbove(node, 1);
        Assert.False(node.Core.Progress().WorkPendingAtPeers);
        ReportAbove(node, 2);
        Assert.True(node.Core.Progress().WorkPendingAtPeers);
    }

    // Protects whoever waits for a clock: a proposal that is stamped an hour ahead waits for that time, and it is said until
    // when.
    [Fact]
    public void A_time_that_lies_ahead_is_named()
    {
        Genesis genesis = GenesisSamples.Four();
        EpochConfiguration epoch = EpochConfiguration.First(genesis, GenesisCodec.ChainId(genesis));
        Block start = epoch.Start;
        ulong stamp = start.TimestampMicros + (3600 * (ulong)Second), due = stamp - genesis.Parameters.TimestampBoundMicros;
        Block block = BlockCodec.Seal(0, 1, start.Hash, stamp, 0, start.ExecutedRoot, Hash256.Zero, start.Cut);
        ValidatorCore core = new(genesis, epoch, 1, new CoreSettings());
        EffectBuffer effects = new();
        PrePrepare proposal = new(new SignedHeader(MessageKind.PrePrepare, 0, 0, 0, 1, block.Hash), new byte[Limits.SignatureBytes], block);
        Handle(Input.Of(proposal, 0), start.TimestampMicros);
        Assert.Equal(due, core.Progress().TimestampMicros);
        Handle(Input.Tick, due - 1);
        Assert.Equal(due, core.Progress().TimestampMicros);
        Assert.False(core.Progress().WorkPending);
        Handle(Input.Tick, due);
        Assert.Equal(0ul, core.Progress().TimestampMicros);
        Assert.True(core.Progress().WorkPending);

        void Handle(Input input, ulong wall)
        {
            input.Stamp((long)(wall - start.TimestampMicros), wall);
            core.Handle(input, effects);
            effects.Clear();
        }
    }

    private static void ReportAbove(SimNode node, int peer)
    {
        LaneTip[] tips = [.. node.Disk.Finals[^1].Block.Cut];
        tips[peer] = tips[peer] with { Height = tips[peer].Height + 1, Hash = Hash256.Of([(byte)peer]) };
        EffectBuffer effects = new();
        Input report = Input.Of(new Status(node.Core.Epoch, node.Core.View, node.Core.FinalSequence, tips), peer);
        report.Stamp(0, ulong.MaxValue / 2);
        node.Core.Handle(report, effects);
    }

    /// <summary>Looks four times a second, as the watch does.</summary>
    private static void AssertNothingWaits(Scenario scenario, long micros)
    {
        int[] waits = new int[scenario.Nodes.Length];
        ulong[] final = new ulong[scenario.Nodes.Length];
        for (long passed = 0; passed < micros; passed += Second / 4)
        {
            scenario.RunFor(Second / 4);
            foreach (SimNode node in scenario.Nodes.Where(n => n.Running))
            {
                CoreProgress progress = node.Core.Progress();
                bool stands = (progress.WorkPending || progress.WorkPendingAtPeers) && node.Core.FinalSequence == final[node.Index];
                waits[node.Index] = stands ? waits[node.Index] + 1 : 0;
                final[node.Index] = node.Core.FinalSequence;
                Assert.True(waits[node.Index] < 12, $"member {node.Index} has waited for 3 s, {scenario.Cluster.Now / Second} s after the start: {progress}");
            }
        }
    }
}
