namespace Validator.Net.Rings;

/// <summary>Wakes the one thread that waits for work. Called by producers after they have published.</summary>
public interface IWaker
{
    /// <summary>
    /// Makes sure that the consumer sees what was published before this call. While the consumer is awake this is one
    /// memory fence and one load. Once per batch is enough. Any thread.
    /// </summary>
    void Wake();
}

/// <summary>
/// Lets one consumer thread sleep until a producer wakes it. The consumer's loop, over as many rings as it likes:
/// <code>
/// parker.Prepare();
/// if (anyRingHasItems) parker.Cancel(); else parker.Park(timeoutMilliseconds);
/// </code>
/// Prepare announces the sleep before the last look at the rings, and Wake publishes before it looks at the
/// announcement (Dekker's handshake, both with full fences), so no wake-up is lost. Spurious wake-ups happen.
/// </summary>
public sealed class Parker : IWaker, IDisposable
{
    private const int Awake = 0;
    private const int Parked = 1;

    private readonly AutoResetEvent _signal = new(false);
    private int _state;

    /// <summary>Announces that the consumer is about to sleep. Consumer only.</summary>
    public void Prepare() => Interlocked.Exchange(ref _state, Parked);

    /// <summary>Takes the announcement back: there is work after all. Consumer only.</summary>
    public void Cancel() => Interlocked.Exchange(ref _state, Awake);

    /// <summary>Sleeps after Prepare until woken or until the time is up. Consumer only.</summary>
    /// <param name="timeoutMilliseconds">At least 0; -1 waits without limit.</param>
    /// <returns>True when woken, false when the time was up.</returns>
    public bool Park(int timeoutMilliseconds)
    {
        bool woken = _signal.WaitOne(timeoutMilliseconds);
        Interlocked.Exchange(ref _state, Awake);
        return woken;
    }

    /// <inheritdoc/>
    public void Wake()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _state) == Parked && Interlocked.Exchange(ref _state, Awake) == Parked) _signal.Set();
    }

    /// <inheritdoc/>
    public void Dispose() => _signal.Dispose();
}
