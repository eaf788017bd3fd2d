namespace Validator.Bench.Simulation;

/// <summary>Wall clocks that are wrong, at one validator or at all.</summary>
public sealed partial class SimWorld
{
    /// <summary>Somebody sets the wall clock; by more than the bound sometimes.</summary>
    private void JumpClock(SimNode node)
    {
        Met(Fault.ClockJump);
        long most = _random.Chance(0.2) ? 10_000_000 : 500_000;
        node.Clock.SkewMicros += _random.Between(-most, most);
    }

    /// <summary>All clocks are ahead, by up to an hour, or some are, and are set right again while the load goes on.</summary>
    private void ScheduleWrongClocks(long leastMicros)
    {
        if (!_clocks.Chance(0.25))
        {
            return;
        }

        long from = _clocks.Between(leastMicros / 10, leastMicros / 2);
        long ahead = _clocks.Between(5_000_000, 3_600_000_000);
        double share = _clocks.Chance(0.7) ? 1 : 0.5;
        SimNode[] wrong = [.. Cluster.Machines.Where(_ => _clocks.Chance(share))];

        Cluster.Schedule(from, () => Set(wrong, ahead, Fault.ClocksAhead));
        Cluster.Schedule(from + _clocks.Between(500_000, leastMicros / 3), () => Set(wrong, -ahead, Fault.ClocksCorrected));

        void Set(SimNode[] nodes, long micros, Fault fault)
        {
            foreach (SimNode node in nodes)
            {
                Met(fault);
                node.Clock.SkewMicros += _faultsOver ? 0 : micros;
            }
        }
    }
}
