using Microsoft.Extensions.Logging;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;

namespace Validator.Host.Pipeline;

/// <summary>
/// What this validator holds against others, by link, and the threat level that follows from it: looked at once a second, from
/// the thread pool, and kept over restarts. Any thread may note a fault.
/// </summary>
/// <param name="look">The committee's members, and the delay of ordering of late, microseconds.</param>
/// <param name="ownerOf">Whose a link is: name, and BLAKE3 of the transport key; null where it is nobody's.</param>
internal sealed class ThreatWatch(
    AdaptiveMode mode, Func<(ThreatMember[] Members, long DelayMicros)> look, Func<int, (string Name, Hash256 Key)?> ownerOf,
    LocalScoreFile kept, NodeMetrics metrics, ILogger log) : IDisposable
{
    /// <summary>So long after a write the next one comes at the earliest, whatever others do.</summary>
    private const long KeepEvery = 10_000_000;

    /// <summary>So many are remembered; of one that is forgotten the hour may begin anew.</summary>
    private const int MostConvictions = 4096;

    // Less than a thousandth of a score is not worth a line.
    private static readonly ulong s_least = Ratio.OfThousandths(1);
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(1);

    private readonly ThreatGauge _gauge = new(NodeMetrics.MaxLinks);
    private readonly Lock _lock = new();
    private readonly Lock _keeping = new();
    private readonly HashSet<(string Member, ulong Epoch, MessageKind Slot, ulong View, ulong Sequence)> _convicted = [];
    private readonly Queue<(string Member, ulong Epoch, MessageKind Slot, ulong View, ulong Sequence)> _convictions = [];
    private Timer? _timer;
    private bool _changed;
    private long _keepAt;
    private volatile ThreatLevel _level;

    /// <summary>Normal where it is not reckoned.</summary>
    public ThreatLevel Level => _level;

    public bool Enforces => mode == AdaptiveMode.Enforce;

    /// <summary>The local score of a link's owner, 1 to 0.</summary>
    public double ScoreOf(int link)
    {
        lock (_lock)
        {
            return (double)_gauge.Score(link, (ulong)Clock.MonotonicMicros()) / Ratio.One;
        }
    }

    /// <summary>Takes up what was kept; the links of this start's committee are known.</summary>
    public void Restore()
    {
        (ulong written, List<LocalScore> scores) = kept.Read();
        ulong wall = Clock.WallMicros(), ago = wall > written ? wall - written : 0;
        lock (_lock)
        {
            for (int link = 0; link < NodeMetrics.MaxLinks; link++)
            {
                if (ownerOf(link) is { } owner && scores.FindIndex(s => s.Key == owner.Key) is >= 0 and int at)
                {
                    _gauge.Restore(link, scores[at].Standing, ago, (ulong)Clock.MonotonicMicros());
                }
            }

            // Nothing of it is news.
            _changed = false;
        }
    }

    /// <summary>Begins to look, and to keep.</summary>
    public void Start() => _timer = new Timer(_ => Tick(), null, s_period, s_period);

    public void Dispose()
    {
        _timer?.Dispose();
        lock (_keeping)
        {
            Keep();
        }
    }

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
            _changed = true;
        }
    }

    /// <summary>One that is proven, here or by an executed block: what was done in a slot counts once.</summary>
    /// <param name="member">Its name.</param>
    /// <param name="signed">One of the two messages.</param>
    /// <param name="agoMicros">Since that was proven: a restart executes old blocks too.</param>
    public void Convict(string member, in SignedHeader signed, ulong agoMicros = 0)
    {
        int link = LinkOf(member);
        MessageKind kind = signed.Kind == MessageKind.PrePrepare ? MessageKind.Prepare : signed.Kind;
        if (link < 0 || agoMicros >= ThreatGauge.ProvenMicros)
        {
            return;
        }

        lock (_lock)
        {
            (string, ulong, MessageKind, ulong, ulong) slot = (member, signed.Epoch, kind, signed.View, signed.Sequence);
            if (!_convicted.Add(slot))
            {
                return;
            }

            _convictions.Enqueue(slot);
            if (_convictions.Count > MostConvictions)
            {
                _convicted.Remove(_convictions.Dequeue());
            }

            ulong now = (ulong)Clock.MonotonicMicros();
            _gauge.Convict(link, now - Math.Min(agoMicros, now));
            _changed = true;
        }

        metrics.ByzantineViolations(link, kind switch
        {
            MessageKind.Vertex => Violation.EquivocatingVertex,
            MessageKind.Prepare or MessageKind.Commit => Violation.EquivocatingVote,
            _ => Violation.EquivocatingViewChange,
        }).Add();
    }

    /// <summary>The link has another owner.</summary>
    public void Forget(int link)
    {
        lock (_lock)
        {
            _gauge.Forget(link);
            _changed = true;
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

    private int LinkOf(string member)
    {
        for (int link = 0; link < NodeMetrics.MaxLinks; link++)
        {
            if (ownerOf(link) is { } owner && owner.Name == member)
            {
                return link;
            }
        }

        return -1;
    }

    private void Tick()
    {
        if (mode != AdaptiveMode.Off)
        {
            Look();
        }

        // A slow disk holds up one tick; the others look alone.
        if (_keeping.TryEnter())
        {
            try
            {
                if (Clock.MonotonicMicros() >= _keepAt)
                {
                    Keep();
                }
            }
            finally
            {
                _keeping.Exit();
            }
        }
    }

    /// <summary>Inside of <see cref="_keeping"/>.</summary>
    private void Keep()
    {
        List<LocalScore> scores = [];
        lock (_lock)
        {
            if (!_changed)
            {
                return;
            }

            _changed = false;
            ulong now = (ulong)Clock.MonotonicMicros();
            for (int link = 0; link < NodeMetrics.MaxLinks; link++)
            {
                LocalStanding standing = _gauge.StandingOf(link, now);
                if ((standing.Penalty >= s_least || standing.ProvenAgoMicros is not null) && ownerOf(link) is { } owner)
                {
                    scores.Add(new LocalScore(owner.Name, owner.Key, standing));
                }
            }
        }

        kept.Write(Clock.WallMicros(), scores);
        _keepAt = Clock.MonotonicMicros() + KeepEvery;
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
