using Microsoft.Extensions.Logging;
using Validator.Core.Effects;
using Validator.Host.Contracts;
using Validator.Host.Primitives;

namespace Validator.Host.Pipeline;

/// <summary>The newest forks of this start, for whoever asks. Core's thread tells, any thread reads.</summary>
internal sealed class ForkBoard(NodeMetrics metrics, ILogger log)
{
    /// <summary>Those that ended longest ago go first; Core bounds those that are open.</summary>
    public const int Most = 256;

    private readonly Lock _lock = new();
    private readonly List<ForkSummary> _forks = [];
    private int _active;

    /// <summary>One that failed before this start, and ended; its process counted it.</summary>
    public void Restore(ForkSummary recovered)
    {
        lock (_lock)
        {
            _forks.Add(recovered);
        }
    }

    /// <param name="member">The name of who made it.</param>
    public void Note(Fork fork, string? member)
    {
        lock (_lock)
        {
            if (fork.Outcome == ForkOutcome.Active)
            {
                _forks.Add(new ForkSummary(fork, member, Clock.WallMicros()));
                _active++;
                int oldest = _forks.Count > Most ? _forks.FindIndex(f => f.Fork.Outcome != ForkOutcome.Active) : -1;
                if (oldest >= 0)
                {
                    _forks.RemoveAt(oldest);
                }
            }
            else
            {
                int at = _forks.FindIndex(f => f.Fork.IsSameAs(fork));
                _forks[at] = _forks[at] with { Fork = fork };
                _active--;
            }

            metrics.ActiveForks.Value = _active;
        }

        Tell(fork, member);
    }

    /// <summary>The newest last.</summary>
    public ForkSummary[] List()
    {
        lock (_lock)
        {
            return [.. _forks];
        }
    }

    private void Tell(Fork fork, string? member)
    {
        string by = member is null ? "" : $" of {member}";
        string what = $"{Names.Snake(fork.Kind.ToString())}{by} at view {fork.View}, sequence {fork.Sequence}";
        double seconds = (fork.EndedMicros - fork.FoundMicros) / 1e6;
        switch (fork.Outcome)
        {
            case ForkOutcome.Active:
                metrics.ForksDetected[(int)fork.Kind].Add();
                log.LogWarning("fork: {What}: {First} and {Second}", what, fork.First, fork.Second);
                break;
            case ForkOutcome.Failed:
                metrics.ForksFailed.Add();
                log.LogCritical("fork: {What}: both are final", what);
                break;
            default:
                metrics.ForksResolved[(int)fork.Kind].Add();
                metrics.ForkResolutionSeconds.Observe(seconds);
                string outcome = Names.Snake(fork.Outcome.ToString());
                log.LogInformation("fork: {What}: {Outcome} after {Seconds:0.000} s", what, outcome, seconds);
                break;
        }
    }
}
