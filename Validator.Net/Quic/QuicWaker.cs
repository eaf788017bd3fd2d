using Validator.Net.Rings;

namespace Validator.Net.Quic;

/// <summary>The network thread's parker: it sleeps in the shim's poll, and an eventfd ends the sleep.</summary>
internal sealed class QuicWaker : IWaker
{
    private const int Awake = 0;
    private const int Parked = 1;

    private readonly Lock _closing = new();
    private nint _endpoint;
    private int _state;

    internal QuicWaker(nint endpoint) => _endpoint = endpoint;

    /// <summary>Announces the sleep, before the last look for work.</summary>
    internal void Prepare() => Interlocked.Exchange(ref _state, Parked);

    /// <summary>Awake again.</summary>
    internal void Cancel() => Interlocked.Exchange(ref _state, Awake);

    /// <inheritdoc/>
    public void Wake()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _state) != Parked || Interlocked.Exchange(ref _state, Awake) != Parked) return;
        // Only the thread that ends the sleep gets here, and it makes a system call anyway; the lock keeps the endpoint from
        // being freed meanwhile.
        lock (_closing)
        {
            if (_endpoint != 0) QuicNative.Wake(_endpoint);
        }
    }

    /// <summary>From here on nothing touches the endpoint.</summary>
    internal void Close()
    {
        lock (_closing) _endpoint = 0;
    }
}
