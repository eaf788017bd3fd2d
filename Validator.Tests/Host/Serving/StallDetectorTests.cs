using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;
using Validator.Host.Serving;

namespace Validator.Tests.Host.Serving;

/// <summary>
/// When a chain counts as standing still, why, and what is said of it; by looks at made-up nodes, four a second.
/// </summary>
public class StallDetectorTests
{
    private const long Step = 250_000;

    private static readonly ProgressSample Idle = new(
        7, false, [Member(1, self: true), Member(2), Member(3), Member(4)], 3, "", "", 0, false, 0, 1_000_000_000, 0, 0, "node-1", 500_000);

    private static ProgressSample Pending => Idle with { WorkPending = true };

    private readonly StallDetector _detector = new(TimeSpan.FromSeconds(5));
    private long _now = 1;

    // Protects from false alarms: nothing to do, a leader that is changed, blocks that come slowly, and a process that was
    // stopped itself.
    [Fact]
    public void Nothing_to_do_and_short_waits_are_no_stall()
    {
        Assert.Equal(StallNews.None, Run(Idle, 3600));
        Assert.Equal(StallNews.None, Run(Pending, 4.75));
        Assert.InRange(_detector.NothingFinalSeconds, 4, 5);
        Assert.Equal(StallNews.None, Run(Idle, 0.25));
        Assert.Equal(0, _detector.NothingFinalSeconds);
        for (ulong block = 8; block < 30; block++)
        {
            Assert.Equal(StallNews.None, Run(Pending with { Executed = block }, 4.5));
        }

        Run(Pending with { Executed = 30 }, 3);
        _now += 3_600_000_000;
        Assert.Equal(StallNews.None, Run(Pending with { Executed = 30 }, 0.25));
        Assert.Null(_detector.Current);
    }

    // Protects the alarm and its end: from N seconds on, with the time since the last final block, until one is final again.
    [Fact]
    public void Work_without_a_block_is_a_stall_until_there_is_one()
    {
        Run(Pending, 5);
        Assert.Equal(StallNews.Began, Run(Pending, 0.25));
        Assert.Equal(StallCause.Leader, _detector.Current!.Cause);
        Assert.StartsWith("nothing final for 5 s while work is pending: the leader node-1", _detector.Current.Reason, StringComparison.Ordinal);
        Assert.Equal(StallNews.None, Run(Pending, 20));
        Assert.InRange(_detector.Current.Seconds, 24, 26);
        Assert.Equal(StallNews.Ended, Run(Pending with { Executed = 8 }, 0.25));
        Assert.Null(_detector.Current);
        Assert.InRange(_detector.Last!.Seconds, 24, 26);
        Assert.Equal(StallNews.None, Run(Pending with { Executed = 8 }, 4));
    }

    // Protects whoever waits for an isolated validator: it needs no work to be told, and ends with the connection.
    [Fact]
    public void No_quorum_connected_is_a_stall_without_work()
    {
        ProgressSample alone = Idle with { Members = [Member(1, self: true), Member(2), Member(3, connected: false), Member(4, connected: false)] };
        Assert.Equal(StallNews.None, Run(alone, 4.5));
        Assert.Equal(StallNews.Began, Run(alone, 1));
        Assert.Equal(StallCause.NoQuorumConnected, _detector.Current!.Cause);
        Assert.Equal(
            "for 5 s no quorum connected: weight 2 of the 3 that a quorum needs, this validator included; not connected: node-3, node-4", _detector.Current.Reason);
        Assert.Equal(StallNews.Ended, Run(Idle, 0.25));
    }

    // Protects the log and the reader: a cause that comes and goes with every view is not told each time; one that stays is, at
    // once in the reason and soon in the log; a long stall is recalled once a minute.
    [Fact]
    public void Causes_are_told_when_they_hold()
    {
        ProgressSample views = Pending with { FruitlessViews = 9, View = 9 };
        Run(views, 5.25);
        Assert.Equal(StallCause.ViewChanges, _detector.Current!.Cause);
        int told = 0;
        for (int i = 0; i < 50; i++)
        {
            told += Run(Pending with { AwaitedMicros = 1_000_000_000 + 50_000_000UL }, 0.5) is StallNews.Changed ? 1 : 0;
            told += Run(views, 0.5) is StallNews.Changed ? 1 : 0;
            Assert.Equal(StallCause.ViewChanges, _detector.Current.Cause);
        }

        Assert.Equal(0, told);
        ProgressSample silent = Pending with { Members = [Member(1, self: true), Member(2), Member(3, signs: false), Member(4, signs: false, reports: false)] };
        List<StallNews> news = [];
        for (int i = 0; i < 4 * 130; i++)
        {
            news.Add(Look(silent));
        }

        Assert.Equal(StallCause.NoQuorumSigning, _detector.Current.Cause);
        Assert.Equal(1, news.Count(n => n == StallNews.Changed));
        Assert.Equal(2, news.Count(n => n == StallNews.GoesOn));
    }

    // Protects the operator's time: of several things that are wrong the one is named that has to be put right first, with names
    // and numbers.
    [Fact]
    public void The_nearest_cause_is_named()
    {
        ProgressSample silent = Pending with
        {
            Members = [Member(1, self: true, signs: false), Member(2), Member(3, signs: false), Member(4, signs: false, reports: false), Member(5, connected: false)],
            Quorum = 4,
        };
        AssertJudged(silent with { Fault = "the core thread has not advanced for 9 s" }, StallCause.Halted, "the core thread has not advanced for 9 s");
        AssertJudged(silent with { Disk = "hard mark" }, StallCause.Disk, "hard mark");
        AssertJudged(silent with { Quorum = 5 }, StallCause.NoQuorumConnected, "not connected: node-5");
        AssertJudged(silent with { Behind = 12 }, StallCause.CatchingUp, "12 blocks behind");
        AssertJudged(silent with { CatchesUp = true }, StallCause.CatchingUp, "snapshot");
        AssertJudged(
            silent, StallCause.NoQuorumSigning,
            "no quorum signing: weight 1 of the 4 that a quorum needs; this validator follows and signs nothing (node-1); "
            + "connected and reporting, but signing nothing: node-3; connected and silent: node-4; not connected: node-5");
        AssertJudged(Pending with { AwaitedMicros = 1_000_000_000 + 3540_000_000UL }, StallCause.WaitingForTime, "says 1970-01-01T01:15:40Z, in 3540 s");
        AssertJudged(Pending with { FruitlessViews = 12, View = 14, Leader = "node-3" }, StallCause.ViewChanges, "12 views since the one of the newest final block, now view 14 led by node-3");
        AssertJudged(Pending with { TimeoutMicros = 60_000_000 }, StallCause.Leader, "replaced after 60 s");
    }

    // Protects the process from a leader that stamps its proposal with any number: the watch looks from the thread pool, where
    // nobody catches.
    [Theory]
    [InlineData(253_402_300_799_000_000, "says 9999-12-31T23:59:59Z, in ")]
    [InlineData(253_402_300_800_000_000, "says a time after the year 9999, in ")]
    [InlineData(ulong.MaxValue, "says a time after the year 9999, in ")]
    public void Any_time_can_be_named(ulong micros, string words)
    {
        AssertJudged(Pending with { AwaitedMicros = micros }, StallCause.WaitingForTime, words);
        Run(Pending with { AwaitedMicros = micros }, 6);
        Assert.Equal(60, _detector.Current!.RetryAfterSeconds);
    }

    // Protects clients from asking in vain, and from not asking: the time when a wait is over is known, all else is a matter of
    // seconds.
    [Fact]
    public void Retry_after_follows_the_cause()
    {
        Run(Pending with { AwaitedMicros = 1_000_000_000 + 23_000_000UL }, 6);
        Assert.Equal(23, _detector.Current!.RetryAfterSeconds);
        Run(Pending with { AwaitedMicros = 1_000_000_000 + 3600_000_000UL }, 2);
        Assert.Equal(60, _detector.Current.RetryAfterSeconds);
        Run(Pending, 2);
        Assert.Equal(5, _detector.Current.RetryAfterSeconds);
    }

    // Protects the counters: what was counted as stalled by cause is the time of the stalls.
    [Fact]
    public void Time_is_counted_once()
    {
        long counted = 0;
        for (int i = 0; i < 4 * 25; i++)
        {
            Look(Pending);
            counted += _detector.Added;
        }

        Assert.InRange(counted, 19_000_000, 20_000_000);
    }

    // Protects clients of a validator whose leader is replaced, or whose chain stands still: only where blocks become final, and
    // more comes than they hold, is the queue full by its age.
    [Fact]
    public void Only_load_makes_a_queue_too_old()
    {
        const long Second = 1_000_000;
        FinalClock clock = new();
        long now = Clock.MonotonicMicros();
        clock.Advance(now);
        Assert.True(clock.IsOverloaded(now + (Second / 2), now - Second, Second));
        Assert.False(clock.IsOverloaded(now + (Second / 2), now, Second));
        Assert.False(clock.IsOverloaded(now + (3 * Second), now - Second, Second));
        now += 3 * Second;
        clock.Advance(now);
        Assert.False(clock.IsOverloaded(now + (Second / 2), now - (3 * Second), Second));
        for (int i = 0; i < 20; i++)
        {
            now += Second / 10;
            clock.Advance(now);
        }

        Assert.True(clock.IsOverloaded(now, now - (5 * Second), Second));
    }

    private static void AssertJudged(in ProgressSample sample, StallCause cause, string detail)
    {
        (StallCause judged, string said) = StallDetector.Judge(sample);
        Assert.Equal(cause, judged);
        Assert.Contains(detail, said, StringComparison.Ordinal);
    }

    private static MemberView Member(int number, bool self = false, bool connected = true, bool reports = true, bool signs = true) =>
        new($"node-{number}", 1, self, connected, connected && reports, connected && signs);

    private StallNews Look(in ProgressSample sample)
    {
        _now += Step;
        return _detector.Look(_now, sample);
    }

    /// <returns>The last news that was any.</returns>
    private StallNews Run(in ProgressSample sample, double seconds)
    {
        StallNews news = StallNews.None;
        for (long passed = 0; passed < seconds * 1e6; passed += Step)
        {
            news = Look(sample) is var now && now != StallNews.None ? now : news;
        }

        return news;
    }
}
