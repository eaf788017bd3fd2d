using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Tests.Core.Trust;

/// <summary>The threat level of twenty equal members, of which member 0 is oneself: each weighs 5 %.</summary>
public sealed class ThreatGaugeTests
{
    private const ulong Second = 1_000_000;
    private const ulong Minute = 60 * Second;

    private readonly ThreatGauge _gauge = new(20);
    private ulong _now = Second;
    private int _down;

    // Protects the level's two thresholds, and that it rises at the next look: one proven violation of 5 % is elevated, three are
    // high, and neither falls while the hour lasts in which they count.
    [Fact]
    public void Proven_violations_raise_it_at_once_for_an_hour()
    {
        Assert.Equal(ThreatLevel.Normal, Look());
        _gauge.Convict(3, _now);
        Assert.Equal(ThreatLevel.Elevated, Look());
        Assert.Equal(Ratio.OfThousandths(50), _gauge.DetectionRate);
        _gauge.Convict(4, _now);
        Assert.Equal(ThreatLevel.Elevated, Look());
        _gauge.Convict(5, _now);
        Assert.Equal(ThreatLevel.High, Look());
        Assert.Equal(ThreatLevel.High, Look(59 * Minute));
        Assert.Equal(ThreatLevel.High, Look(Minute));
        Assert.Equal(0u, _gauge.DetectionRate);
        Assert.Equal(2UL, _gauge.Changes);
    }

    // Protects clients from a level that flickers: it falls a step after ten minutes without cause, another after ten more, and
    // a cause in between begins them anew.
    [Fact]
    public void It_falls_a_step_in_ten_minutes_without_cause()
    {
        foreach (int member in (int[])[3, 4, 5])
        {
            _gauge.Convict(member, _now);
        }

        Assert.Equal(ThreatLevel.High, Look());
        foreach (int member in (int[])[3, 4, 5])
        {
            _gauge.Forget(member);
        }

        Assert.Equal(ThreatLevel.High, Look(9 * Minute));
        Assert.Equal(ThreatLevel.Elevated, Look(Minute));
        Assert.Equal(ThreatLevel.Elevated, Look(9 * Minute));
        _down = 7;
        Assert.Equal(ThreatLevel.Elevated, Look(Second));
        _down = 0;
        Assert.Equal(ThreatLevel.Elevated, Look(9 * Minute));
        Assert.Equal(ThreatLevel.Normal, Look(Minute));
        Assert.Equal(ThreatLevel.Normal, Look(Minute));
        Assert.Equal(3UL, _gauge.Changes);
    }

    // Protects honest members from a bad moment: a few faults of one are forgiven, many in a short time count as detected, and
    // are forgiven by half in ten minutes. Oneself never counts.
    [Fact]
    public void Local_faults_count_once_they_are_many()
    {
        for (int i = 0; i < 2; i++)
        {
            _gauge.Note(7, LocalFault.InvalidSignature, _now);
            Assert.Equal(ThreatLevel.Normal, Look());
        }

        _gauge.Note(7, LocalFault.Malformed, _now);
        Assert.Equal(ThreatLevel.Elevated, Look());
        Assert.Equal(Ratio.OfThousandths(50), _gauge.DetectionRate);
        Look(10 * Minute);
        Assert.InRange(_gauge.Score(7, _now), Ratio.OfThousandths(690), Ratio.OfThousandths(710));
        Assert.Equal(0u, _gauge.DetectionRate);
        for (int i = 0; i < 5; i++)
        {
            _gauge.Note(8, LocalFault.Timeout, _now);
        }

        Look(0);
        Assert.Equal(0u, _gauge.DetectionRate);
        _gauge.Note(8, LocalFault.Timeout, _now);
        Look(0);
        Assert.Equal(Ratio.OfThousandths(50), _gauge.DetectionRate);
        _gauge.Convict(0, _now);
        Look(0);
        Assert.Equal(Ratio.OfThousandths(50), _gauge.DetectionRate);
    }

    // Protects the other sign of danger: members that are away, or delays far above the usual ones, raise the level by one step
    // and no more; they never lower it.
    [Fact]
    public void Instability_raises_it_by_one_step()
    {
        _down = 6;
        Assert.Equal(ThreatLevel.Normal, Look());
        _down = 7;
        Assert.Equal(ThreatLevel.Elevated, Look());
        _down = 15;
        Assert.Equal(ThreatLevel.Elevated, Look());
        _gauge.Convict(3, _now);
        Assert.Equal(ThreatLevel.High, Look());

        ThreatGauge slow = new(20);
        for (ulong second = 1; second < 300; second++)
        {
            slow.Look(Members(0), 80_000, second * Second);
        }

        slow.Look(Members(0), 150_000, 300 * Second);
        Assert.Equal((ThreatLevel.Normal, Ratio.One), (slow.Level, slow.Stability));
        slow.Look(Members(0), 400_000, 301 * Second);
        Assert.Equal(ThreatLevel.Elevated, slow.Level);
        Assert.InRange(slow.Stability, Ratio.OfThousandths(390), Ratio.OfThousandths(420));
        for (ulong second = 302; second < 3000; second++)
        {
            slow.Look(Members(0), 400_000, second * Second);
        }

        // What lasts is usual.
        Assert.Equal((ThreatLevel.Normal, Ratio.One), (slow.Level, slow.Stability));
    }

    private static ThreatMember[] Members(int down) =>
        [.. Enumerable.Range(0, 20).Select(i => new ThreatMember(i == 0 ? -1 : i, 10_000, i < 20 - down))];

    private ThreatLevel Look(ulong later = Second)
    {
        _now += later;
        _gauge.Look(Members(_down), 0, _now);
        return _gauge.Level;
    }
}
