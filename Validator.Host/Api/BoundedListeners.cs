using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Validator.Host.Logging;

namespace Validator.Host.Api;

/// <summary>
/// Kestrel's sockets with a bound on the connections that are open at once. Surplus ones are closed before the next is accepted,
/// so that a flood takes at most one descriptor more; Kestrel's own limit counts only after accepting, on the thread pool. Where
/// accepting fails for lack of descriptors or memory it waits, instead of retrying at full speed.
/// </summary>
/// <param name="options">The transport's, as Kestrel has set them up.</param>
/// <param name="most">Connections open at once; asked at each.</param>
/// <param name="refused">Called for each one that is turned away.</param>
internal sealed class BoundedListeners(SocketTransportOptions options, Func<int> most, Action refused, ILogger log)
    : IConnectionListenerFactory
{
    private const int Backlog = 512;

    /// <exception cref="AddressInUseException">Another socket has it.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        Socket socket;
        try
        {
            socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.Listen(Backlog);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(e.Message, e);
        }

        return ValueTask.FromResult<IConnectionListener>(new Listener(socket, OptionsOf(options), most, refused, log));
    }

    /// <summary>
    /// Made by the transport from its own options: with those made elsewhere, buffers do not come from Kestrel's pool.
    /// </summary>
    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern SocketConnectionFactoryOptions OptionsOf(SocketTransportOptions options);

    private sealed class Listener(
        Socket socket, SocketConnectionFactoryOptions options, Func<int> most, Action refused, ILogger log) : IConnectionListener
    {
        private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);
        private static readonly TimeSpan s_silence = TimeSpan.FromMinutes(1);

        private readonly SocketConnectionContextFactory _contexts = new(options, log);
        private readonly CancellationTokenSource _closing = new();
        private int _open;
        private long _told;

        public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                Socket? accepted = null;
                try
                {
                    accepted = await socket.AcceptAsync(cancellationToken).ConfigureAwait(false);
                    if (Interlocked.Increment(ref _open) > most())
                    {
                        refused();

                        // A reset: nothing of it lingers here.
                        accepted.Close(0);
                        Interlocked.Decrement(ref _open);
                        continue;
                    }

                    accepted.NoDelay = true;
                    return new Counted(_contexts.Create(accepted), () => Interlocked.Decrement(ref _open));
                }
                catch (ObjectDisposedException) when (accepted is null)
                {
                    return null;
                }
                catch (SocketException e) when (accepted is null && e.SocketErrorCode == SocketError.OperationAborted)
                {
                    return null;
                }
                catch (SocketException e) when (accepted is null)
                {
                    if (!await PauseAsync(e).ConfigureAwait(false))
                    {
                        return null;
                    }
                }
                catch (SocketException)
                {
                    // It was gone before it was looked at.
                    accepted!.Dispose();
                    Interlocked.Decrement(ref _open);
                }
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _closing.Cancel();
            socket.Dispose();
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            _closing.Cancel();
            socket.Dispose();
            _contexts.Dispose();
            return ValueTask.CompletedTask;
        }

        /// <returns>False when it is to close.</returns>
        private async Task<bool> PauseAsync(SocketException cause)
        {
            if (cause.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
            {
                return true;
            }

            long now = Environment.TickCount64;
            if (_told == 0 || now - _told > s_silence.TotalMilliseconds)
            {
                _told = now;
                HostLog.LogPause(log, EndPoint.ToString() ?? "", cause.Message);
            }

            try
            {
                await Task.Delay(s_pause, _closing.Token).ConfigureAwait(false);
                return true;
            }
            catch (OperationCanceledException)
            {
                return false;
            }
        }
    }

    /// <summary>A connection that is given back once, when its socket is closed.</summary>
    private sealed class Counted(ConnectionContext inner, Action closed) : ConnectionContext
    {
        private int _closed;

        public override string ConnectionId
        {
            get => inner.ConnectionId;
            set => inner.ConnectionId = value;
        }

        public override IFeatureCollection Features => inner.Features;

        public override IDictionary<object, object?> Items
        {
            get => inner.Items;
            set => inner.Items = value;
        }

        public override System.IO.Pipelines.IDuplexPipe Transport
        {
            get => inner.Transport;
            set => inner.Transport = value;
        }

        public override CancellationToken ConnectionClosed
        {
            get => inner.ConnectionClosed;
            set => inner.ConnectionClosed = value;
        }

        public override EndPoint? LocalEndPoint
        {
            get => inner.LocalEndPoint;
            set => inner.LocalEndPoint = value;
        }

        public override EndPoint? RemoteEndPoint
        {
            get => inner.RemoteEndPoint;
            set => inner.RemoteEndPoint = value;
        }

        public override void Abort() => inner.Abort();

        public override void Abort(ConnectionAbortedException abortReason) => inner.Abort(abortReason);

        public override async ValueTask DisposeAsync()
        {
            await inner.DisposeAsync().ConfigureAwait(false);
            if (Interlocked.Exchange(ref _closed, 1) == 0)
            {
                closed();
            }
        }
    }
}
