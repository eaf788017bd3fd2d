using Validator.Net.Native;

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

    /// <summary>A cache line of padding on each side: producers on other cores read the word for every item.</summary>
    private const int Line = 16;

    // Pinned, since the kernel knows the word by its address; in managed memory, so that a late Wake does not touch freed memory.
    private readonly int[] _words = GC.AllocateArray<int>(2 * Line, pinned: true);

    private IWaker? _bell;

    private ref int State => ref _words[Line];

    /// <summary>
    /// The consumer sleeps in a place of its own between <see cref="Prepare"/> and <see cref="Cancel"/>, not in
    /// <see cref="Park"/>; the bell ends that sleep, or the next one. Before the consumer's thread starts.
    /// </summary>
    internal void SleepWithin(IWaker bell) => _bell = bell;

    /// <summary>Announces that the consumer is about to sleep. Consumer only.</summary>
    public void Prepare() => Interlocked.Exchange(ref State, Parked);

    /// <summary>Takes the announcement back: there is work after all. Consumer only.</summary>
    public void Cancel() => Interlocked.Exchange(ref State, Awake);

    /// <summary>Sleeps after Prepare until woken or until the time is up. Consumer only.</summary>
    /// <param name="timeoutMilliseconds">At least 0; -1 waits without limit.</param>
    /// <returns>True when woken, false when the time was up.</returns>
    public bool Park(int timeoutMilliseconds)
    {
        bool woken = Kernel.Wait(ref State, Parked, timeoutMilliseconds);
        return Interlocked.Exchange(ref State, Awake) == Awake || woken;
    }

    /// <inheritdoc/>
    public void Wake()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref State) != Parked || Interlocked.Exchange(ref State, Awake) != Parked)
        {
            return;
        }

        if (_bell is { } bell)
        {
            bell.Wake();
        }
        else
        {
            Kernel.Wake(ref State);
        }
    }

    /// <summary>Wakes a consumer that still sleeps.</summary>
    public void Dispose() => Wake();
}
