namespace Validator.Host.Api;

/// <summary>
/// The time that one step of a stream may take, with one timer and one source for all steps until one has taken too long. One
/// step at a time.
/// </summary>
internal sealed class StepLimit(CancellationToken ended) : IDisposable
{
    private CancellationTokenSource? _source;
    private long _expires;

    /// <summary>The stream as a whole is over.</summary>
    public bool StreamEnded => ended.IsCancellationRequested;

    /// <summary>The step that was begun last has taken, or took, too long.</summary>
    public bool Expired => Environment.TickCount64 >= _expires;

    /// <summary>Cancelled when the step has taken too long, or the stream is over.</summary>
    public CancellationToken Begin(TimeSpan limit)
    {
        _source ??= CancellationTokenSource.CreateLinkedTokenSource(ended);
        _expires = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        _source.CancelAfter(limit);
        return _source.Token;
    }

    /// <summary>The step is over, in time or not.</summary>
    public void End()
    {
        // False also where the timer has run, but cancels only later: that must not be the next step's.
        if (_source is { } source && !source.TryReset())
        {
            _source = null;
            source.Dispose();
        }
    }

    public void Dispose() => _source?.Dispose();
}
