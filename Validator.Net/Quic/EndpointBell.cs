using Validator.Net.Rings;

namespace Validator.Net.Quic;

/// <summary>Ends the sleep in the shim's poll by an eventfd, until the endpoint is closed.</summary>
internal sealed class EndpointBell(nint endpoint) : IWaker
{
    private readonly Lock _closing = new();
    private nint _endpoint = endpoint;

    /// <inheritdoc/>
    public void Wake()
    {
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
