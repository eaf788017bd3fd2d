namespace Validator.Host.Pipeline;

/// <summary>Tells stream subscribers that more is final. One thread advances; any number wait.</summary>
internal sealed class FinalSignal
{
    private static readonly TaskCompletionSource<bool> Idle = new();

    private TaskCompletionSource<bool> _next = Idle;
    private ulong _nextIndex;
    private volatile bool _closed;

    /// <summary>The global index that the next final transaction will get; everything below can be read.</summary>
    public ulong NextIndex => Volatile.Read(ref _nextIndex);

    /// <summary>Everything below is durable. Wakes whoever waits; costs nothing when nobody does.</summary>
    public void Advance(ulong nextIndex)
    {
        Volatile.Write(ref _nextIndex, nextIndex);
        Interlocked.Exchange(ref _next, Idle).TrySetResult(true);
    }

    /// <summary>Nothing more will come.</summary>
    public void Close()
    {
        _closed = true;
        Interlocked.Exchange(ref _next, Idle).TrySetResult(false);
    }

    /// <summary>Completes when the index is final, true, or when nothing more will come, false.</summary>
    public async ValueTask<bool> WaitAsync(ulong index, CancellationToken cancellation)
    {
        while (NextIndex <= index)
        {
            if (_closed)
            {
                return false;
            }

            TaskCompletionSource<bool> wait = Volatile.Read(ref _next);
            if (ReferenceEquals(wait, Idle))
            {
                TaskCompletionSource<bool> fresh = new(TaskCreationOptions.RunContinuationsAsynchronously);
                TaskCompletionSource<bool> seen = Interlocked.CompareExchange(ref _next, fresh, wait);
                wait = ReferenceEquals(seen, wait) ? fresh : seen;
            }

            // The wait is registered; an advance or a close from before it has to be seen here.
            if (NextIndex <= index && !_closed)
            {
                await wait.Task.WaitAsync(cancellation);
            }
        }

        return true;
    }
}
