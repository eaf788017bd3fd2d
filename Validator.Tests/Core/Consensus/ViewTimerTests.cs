using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>Rule V1, for a committee of four and a base of a second.</summary>
public sealed class ViewTimerTests
{
    private const long Second = 1_000_000;
    private const long Never = long.MaxValue;

    private readonly ViewTimer _timer = new(4, Second);

    // Protects a leader from the fault of others: it has its time from when there is work, a quorum, and the view, whichever
    // comes last.
    [Theory]
    [InlineData(10, 0, 0, 11)]
    [InlineData(10, 20, 0, 21)]
    [InlineData(10, 20, 30, 31)]
    public void Time_runs_from_the_last_of_what_it_takes(long oldest, long entered, long quorum, long due) =>
        Assert.Equal(due * Second, _timer.DeadlineMicros(oldest * Second, entered * Second, quorum * Second, 0, null));

    // Protects the same: without work, and without a quorum, no time runs.
    [Fact]
    public void Without_work_or_quorum_no_time_runs()
    {
        Assert.Equal(Never, _timer.DeadlineMicros(Never, 0, 0, 0, null));
        Assert.Equal(Never, _timer.DeadlineMicros(0, 0, Never, 0, 0));
    }

    // Protects liveness: a leader that cannot be reached has a fifth of the base from when it was lost, and never longer than
    // another.
    [Fact]
    public void An_unreachable_leader_is_passed_over()
    {
        Assert.Equal(Second / 5, _timer.DeadlineMicros(0, 0, 0, 4, 0));
        Assert.Equal(Second / 2 + Second / 5, _timer.DeadlineMicros(0, 0, 0, 0, Second / 2));
        Assert.Equal(Second, _timer.DeadlineMicros(0, 0, 0, 0, Second));
    }

    // Protects liveness (section 14): timeouts grow over fruitless views without bound, and never shrink.
    [Fact]
    public void Timeouts_grow_without_bound()
    {
        Assert.Equal([1, 2, 4, 8, 9, 10], Enumerable.Range(0, 6).Select(views => _timer.TimeoutMicros((ulong)views) / Second));
        Assert.True(_timer.TimeoutMicros(100_000) > 10_000 * Second);
    }

    // Protects against a leader that leaves out one author: progress in other lanes does not reset the time of the oldest vertex,
    // its order does.
    [Fact]
    public void Progress_elsewhere_resets_nothing()
    {
        _timer.Shown(1, 1, 10);
        _timer.Shown(2, 1, 20);
        _timer.Ordered([default, default, new LaneTip(1, Hash256.Of([1])), default], 30);
        _timer.Shown(2, 2, 100_000);
        Assert.Equal(10, _timer.OldestMicros());
        _timer.Ordered([default, new LaneTip(1, Hash256.Of([1])), default, default], 200_000);
        Assert.Equal(100_000, _timer.OldestMicros());

        // Rule L4: a convicted lane is not waited for.
        _timer.Drop(2);
        Assert.Equal(Never, _timer.OldestMicros());
    }
}
