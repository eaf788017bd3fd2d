using Microsoft.Extensions.Logging;
using Validator.Host.Contracts;
using Validator.Host.Primitives;

namespace Validator.Host.Serving;

/// <summary>
/// Checks four times a second whether the chain goes on; from the thread pool, since a hanging pipeline thread cannot report
/// itself.
/// </summary>
internal sealed class ProgressWatch(TimeSpan patience, Func<ProgressSample> look, NodeMetrics metrics, ILogger log) : IDisposable
{
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(250);

    private readonly StallDetector _detector = new(patience);
    private readonly Lock _lock = new();
    private Timer? _timer;
    private volatile Stall? _stall;
    private double _nothingFinal;

    /// <summary>The present stall; null for none. Any thread.</summary>
    public Stall? Stall => _stall;

    /// <summary>How long work has been pending with nothing becoming final.</summary>
    public double NothingFinalSeconds => Volatile.Read(ref _nothingFinal);

    public void Start() => _timer = new Timer(_ => Look(), null, s_period, s_period);

    public void Dispose() => _timer?.Dispose();

    private void Look()
    {
        lock (_lock)
        {
            StallNews news = _detector.Look(Clock.MonotonicMicros(), look());
            Stall? stall = _detector.Current;
            _stall = stall;
            Volatile.Write(ref _nothingFinal, _detector.NothingFinalSeconds);
            if (stall is not null)
            {
                metrics.StalledMicros[(int)stall.Cause].Add(_detector.Added);
            }

            Tell(news, stall ?? _detector.Last);
        }
    }

    private void Tell(StallNews news, Stall? stall)
    {
        switch (news)
        {
            case StallNews.Began:
                metrics.Stalls[(int)stall!.Cause].Add();
                log.LogError("stalled, {Reason}. Submissions are refused until something is final again", stall.Reason);
                break;
            case StallNews.Changed or StallNews.GoesOn:
                log.LogError("still stalled, {Reason}", stall!.Reason);
                break;
            case StallNews.Ended:
                log.LogInformation("goes on after {Seconds:0.0} s without anything final; last cause: {Cause}", stall!.Seconds, stall.CauseName);
                break;
        }
    }
}
