using Validator.Core.Primitives;

namespace Validator.Core.Trust;

/// <summary>How much of the committee seems to be faulty, as one validator sees it; in ascending order.</summary>
public enum ThreatLevel : byte
{
    Normal,

    /// <summary>From 5 % of the weight on.</summary>
    Elevated,

    /// <summary>From 15 % on.</summary>
    High,
}

/// <summary>What a validator holds against a member though it proves nothing to others.</summary>
public enum LocalFault : byte
{
    /// <summary>A message whose signature does not hold came from it; whoever passes one on verifies first.</summary>
    InvalidSignature,

    /// <summary>A frame that no honest validator makes.</summary>
    Malformed,

    /// <summary>It led a view in which work waited too long.</summary>
    Timeout,
}

/// <summary>What is held against one member, without a clock, so that it can be kept over a restart.</summary>
/// <param name="Penalty">What is not forgiven yet; units of <see cref="Ratio"/>.</param>
/// <param name="ProvenAgoMicros">Since its newest proven violation; null without one that still counts.</param>
public readonly record struct LocalStanding(ulong Penalty, ulong? ProvenAgoMicros);

/// <summary>One committee member at a look.</summary>
/// <param name="Place">Where its faults are counted; below 0 for oneself, and where there is no such place.</param>
/// <param name="Up">Connected.</param>
public readonly record struct ThreatMember(int Place, ulong Weight, bool Up);

/// <summary>
/// The threat level (docs/TRUST.md): by the weight of members with a proven violation in the last hour or a low local score, and
/// a step higher while the cluster is unstable. It rises at once, and falls a step after ten minutes without cause. It moves what
/// clients wait for, and nothing that validators agree on. One thread at a time; monotonic microseconds.
/// </summary>
public sealed class ThreatGauge(int places)
{
    /// <summary>A violation that is proven counts for so long.</summary>
    public const ulong ProvenMicros = 3_600_000_000;

    /// <summary>A local score is half forgiven in so long, and a level without cause falls a step.</summary>
    public const ulong CalmMicros = 600_000_000;

    /// <summary>Below it delays are no sign of anything.</summary>
    private const ulong LeastDelayMicros = 100_000;

    // Of 256 looks the usual delay follows the present one.
    private const int UsualShift = 8;

    private static readonly uint s_low = Ratio.OfThousandths(500);
    private static readonly uint s_elevated = Ratio.OfThousandths(50);
    private static readonly uint s_high = Ratio.OfThousandths(150);
    private static readonly uint s_unstable = Ratio.OfThousandths(700);

    private readonly Reputation[] _scores = new Reputation[places];
    private readonly ulong?[] _proven = new ulong?[places];
    private ulong _usual;
    private ulong _causeAt;

    public ThreatLevel Level { get; private set; }

    /// <summary>The share of the weight that is detected as faulty; units of <see cref="Ratio"/>.</summary>
    public uint DetectionRate { get; private set; }

    /// <summary>
    /// The weight that is connected, less what delays are above twice the usual ones; units of <see cref="Ratio"/>.
    /// </summary>
    public uint Stability { get; private set; } = Ratio.One;

    public ulong Changes { get; private set; }

    public void Note(int place, LocalFault fault, ulong now) =>
        _scores[place] = _scores[place].After(Ratio.OfThousandths(fault == LocalFault.Timeout ? 100u : 200u), now, CalmMicros);

    /// <summary>Two signed messages in one slot.</summary>
    /// <param name="at">When that was proven; one that is newer already stays.</param>
    public void Convict(int place, ulong at) => _proven[place] = Math.Max(_proven[place] ?? 0, at);

    /// <summary>The place has another owner.</summary>
    public void Forget(int place)
    {
        _scores[place] = default;
        _proven[place] = null;
    }

    public LocalStanding StandingOf(int place, ulong now) => new(
        _scores[place].PenaltyAt(now, CalmMicros), IsProven(place, now) ? now - _proven[place] : null);

    /// <summary>What was kept, so long ago. On top of nothing: before the first fault of this start.</summary>
    public void Restore(int place, LocalStanding standing, ulong agoMicros, ulong now)
    {
        _scores[place] = new Reputation(HalfLife.Decay(standing.Penalty, agoMicros, CalmMicros), now);
        _proven[place] = standing.ProvenAgoMicros is { } proven && Math.Min(proven, ProvenMicros) + Math.Min(agoMicros, ProvenMicros) is var since
            && since < ProvenMicros ? now - Math.Min(since, now) : null;
    }

    /// <summary>The local score; units of <see cref="Ratio"/>.</summary>
    public uint Score(int place, ulong now) => _scores[place].Score(now, CalmMicros);

    /// <summary>Once a second.</summary>
    /// <param name="delayMicros">Of late, from when a vertex is shown to the leader until it is ordered; 0 for none.</param>
    public void Look(ReadOnlySpan<ThreatMember> members, ulong delayMicros, ulong now)
    {
        ulong total = 0, up = 0, faulty = 0;
        foreach (ThreatMember member in members)
        {
            total += member.Weight;
            up += member.Up ? member.Weight : 0;
            faulty += member.Place >= 0 && IsFaulty(member.Place, now) ? member.Weight : 0;
        }

        DetectionRate = Ratio.Of(faulty, total);
        Stability = (uint)(((ulong)Ratio.Of(up, total) * Steadiness(delayMicros)) >> Ratio.Bits);
        ThreatLevel cause = DetectionRate >= s_high ? ThreatLevel.High
            : DetectionRate >= s_elevated ? ThreatLevel.Elevated
            : ThreatLevel.Normal;
        if (Stability < s_unstable && cause < ThreatLevel.High)
        {
            cause++;
        }

        if (cause >= Level)
        {
            _causeAt = now;
            Move(cause);
        }
        else if (now - _causeAt >= CalmMicros)
        {
            _causeAt = now;
            Move(Level - 1);
        }
    }

    private bool IsFaulty(int place, ulong now) => IsProven(place, now) || Score(place, now) < s_low;

    private bool IsProven(int place, ulong now) => _proven[place] is { } at && now - at < ProvenMicros;

    private void Move(ThreatLevel level)
    {
        Changes += level == Level ? 0u : 1u;
        Level = level;
    }

    private uint Steadiness(ulong delay)
    {
        if (delay == 0)
        {
            return Ratio.One;
        }

        if (_usual == 0)
        {
            _usual = delay;
        }

        ulong most = Math.Max(2 * _usual, LeastDelayMicros);
        _usual = delay > _usual ? _usual + ((delay - _usual) >> UsualShift) : _usual - ((_usual - delay) >> UsualShift);
        return delay <= most ? Ratio.One : Ratio.Of(most, delay);
    }
}
