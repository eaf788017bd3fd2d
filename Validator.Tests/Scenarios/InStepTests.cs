using Validator.Core.Wire;
using Validator.Bench.Simulation;

namespace Validator.Tests.Scenarios;

/// <summary>Own vertices are sealed so that they reach the leader just before its next proposal.</summary>
public class InStepTests
{
    private const int Intervals = 400;
    private const int PerInterval = 4;

    // Protects latency under steady load: from its seal until it is final, a vertex waits for less than half a block interval on
    // top of what network and disks take. Where each keeps a time of its own, it is 0.6 to 1.0 of one in these worlds; in step
    // 0.2 to 0.3.
    [Fact]
    public void Vertices_do_not_wait_for_the_next_block()
    {
        int counted = 0;
        for (ulong seed = 1; counted < 5; seed++)
        {
            Scenario scenario = new(seed, validators: 4);
            long pace = scenario.World.Settings.BlockIntervalMicros;
            long hop = (scenario.World.PromptMicros - (3 * pace)) / 40;
            if (scenario.World.Committee.Total != 4 || hop > pace / 20)
            {
                continue;
            }

            counted++;
            scenario.StartAll().RunFor(500_000);
            scenario.Schedule(Intervals * PerInterval * scenario.Nodes.Length, Intervals * pace);

            // The first half finds the phase.
            scenario.RunFor(Intervals * pace / 2);
            double wait = MeanWait(scenario, Intervals * pace / 2);
            Assert.InRange((wait - (4 * hop)) / pace, 0, 0.5);
            scenario.Settle();
        }
    }

    /// <summary>
    /// Microseconds from seal to order, by Little's law: those that wait on average over those that come per microsecond.
    /// </summary>
    private static double MeanWait(Scenario scenario, long micros)
    {
        const long sample = 500;
        ulong before = Sealed();
        double waiting = 0;
        for (long time = 0; time < micros; time += sample)
        {
            scenario.RunFor(sample);
            LaneTip[] cut = scenario.Cluster.Check.Chain[^1].Cut;
            waiting += scenario.Nodes.Sum(n => (double)(n.Disk.OwnTip.Height - cut[n.Index].Height));
        }

        return waiting * sample / (Sealed() - before);

        ulong Sealed() => scenario.Nodes.Aggregate(0ul, (sum, n) => sum + n.Disk.OwnTip.Height);
    }
}
