using Microsoft.Extensions.Logging;
using Validator.Core.Trust;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;

namespace Validator.Host.Pipeline;

/// <summary>
/// What this validator holds against others, by link, and the threat level that follows from it: looked at once a second, from
/// the thread pool. Any thread may note a fault.
/// </summary>
/// <param name="look">The committee's members, and the delay of ordering of late, microseconds.</param>
internal sealed class ThreatWatch(
    AdaptiveMode mode, Func<(ThreatMember[] Members, long DelayMicros)> look, NodeMetrics metrics, ILogger log) : IDisposable
{
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(1);

    private readonly ThreatGauge _gauge = new(NodeMetrics.MaxLinks);
    private readonly Lock _lock = new();
    private Timer? _timer;
    private volatile ThreatLevel _level;

    /// <summary>Normal where it is not reckoned.</summary>
    public ThreatLevel Level => _level;

    public bool Enforces => mode == AdaptiveMode.Enforce;

    /// <summary>Begins to look, unless it is switched off.</summary>
    public void Start() => _timer = mode == AdaptiveMode.Off ? null : new Timer(_ => Look(), null, s_period, s_period);

    public void Dispose() => _timer?.Dispose();

    /// <summary>A fault that is seen here alone.</summary>
    public void Note(int link, LocalFault fault)
    {
        metrics.ByzantineViolations(link, fault switch
        {
            LocalFault.InvalidSignature => Violation.InvalidSignature,
            LocalFault.Malformed => Violation.Malformed,
            _ => Violation.Timeout,
        }).Add();
        lock (_lock)
        {
            _gauge.Note(link, fault, (ulong)Clock.MonotonicMicros());
        }
    }

    /// <summary>One that is proven.</summary>
    public void Convict(int link, Violation violation)
    {
        metrics.ByzantineViolations(link, violation).Add();
        lock (_lock)
        {
            _gauge.Convict(link, (ulong)Clock.MonotonicMicros());
        }
    }

    /// <summary>The link has another owner.</summary>
    public void Forget(int link)
    {
        lock (_lock)
        {
            _gauge.Forget(link);
        }
    }

    public AdaptiveStatus Status(ulong totalWeight, ulong askedWeight)
    {
        lock (_lock)
        {
            return new AdaptiveStatus(
                mode.ToString().ToLowerInvariant(), _gauge.Level.ToString().ToLowerInvariant(), (double)askedWeight / totalWeight,
                (double)_gauge.DetectionRate / Ratio.One, (double)_gauge.Stability / Ratio.One, _gauge.Changes);
        }
    }

    private void Look()
    {
        (ThreatMember[] members, long delay) = look();
        lock (_lock)
        {
            ThreatLevel before = _gauge.Level;
            _gauge.Look(members, (ulong)Math.Max(delay, 0), (ulong)Clock.MonotonicMicros());
            _level = _gauge.Level;
            if (_gauge.Level == before)
            {
                return;
            }

            log.LogWarning(
                "threat level {Level} after {Before}: {Rate:0.0} % of the weight detected as faulty, stability {Stability:0.0} %; wait=strong"
                + " asks for {Asked}",
                _gauge.Level, before, 100.0 * _gauge.DetectionRate / Ratio.One, 100.0 * _gauge.Stability / Ratio.One,
                FinalityLevels.AskedAt(_gauge.Level));
        }
    }
}
