namespace Validator.Host.Api;

/// <summary>
/// The time that one step of a stream may take, with one timer and one source for all steps until one has taken too long. One
/// step at a time.
/// </summary>
internal sealed class StepLimit(CancellationToken ended) : IDisposable
{
    private CancellationTokenSource? _source;

    /// <summary>The stream as a whole is over.</summary>
    public bool StreamEnded => ended.IsCancellationRequested;

    /// <summary>Cancelled when the step has taken too long, or the stream is over.</summary>
    public CancellationToken Begin(TimeSpan limit)
    {
        _source ??= CancellationTokenSource.CreateLinkedTokenSource(ended);
        _source.CancelAfter(limit);
        return _source.Token;
    }

    /// <summary>The step is over, in time or not.</summary>
    public void End()
    {
        _source?.CancelAfter(Timeout.InfiniteTimeSpan);
        if (_source is { IsCancellationRequested: true } spent)
        {
            _source = null;
            spent.Dispose();
        }
    }

    public void Dispose() => _source?.Dispose();
}
