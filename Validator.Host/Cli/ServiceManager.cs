using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Validator.Core.Primitives;
using Validator.Host.Contracts;
using Validator.Host.Primitives;

namespace Validator.Host.Cli;

/// <summary>
/// Reports the state of the service (sd_notify(3)) to systemd, or whoever set NOTIFY_SOCKET: READY once the stores are open and
/// the API answers, a status line, WATCHDOG while every loop advances, STOPPING. Does nothing where nobody listens.
/// </summary>
internal sealed class ServiceManager : IDisposable
{
    private static readonly TimeSpan s_statusEvery = TimeSpan.FromSeconds(5);

    private readonly Socket? _socket;
    private readonly INodeGateway _node;
    private readonly bool _watched;
    private readonly Timer? _timer;

    public ServiceManager(INodeGateway node)
    {
        _node = node;
        string? path = Environment.GetEnvironmentVariable("NOTIFY_SOCKET");
        if (string.IsNullOrEmpty(path))
        {
            return;
        }

        try
        {
            _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
            _socket.Connect(new UnixDomainSocketEndPoint(path[0] == '@' ? "\0" + path[1..] : path));
        }
        catch (SocketException)
        {
            _socket?.Dispose();
            _socket = null;
            return;
        }

        TimeSpan period = s_statusEvery;
        if (StrictNumber.TryRead(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), out long micros) && micros > 0)
        {
            _watched = true;
            period = TimeSpan.FromMicroseconds(Math.Min(micros / 3, s_statusEvery.TotalMicroseconds));
        }

        Send("READY=1\n" + StatusLine());
        _timer = new Timer(_ => Beat(), null, period, period);
    }

    public void Reloading() => Send(string.Create(CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={Clock.MonotonicMicros()}"));

    public void Reloaded() => Send("READY=1\n" + StatusLine());

    public void Stopping() => Send("STOPPING=1");

    public void Dispose()
    {
        _timer?.Dispose();
        _socket?.Dispose();
    }

    private void Beat()
    {
        // Without the beat systemd restarts the process, which is right for one that hangs for good.
        bool healthy = _node.IsHealthy(out string reason);
        Send((_watched && healthy ? "WATCHDOG=1\n" : "") + (healthy ? StatusLine() : $"STATUS=not healthy: {reason}"));
    }

    private string StatusLine() => _node.IsReady(out string reason) ? "STATUS=ready" : $"STATUS=not ready: {reason}";

    private void Send(string text)
    {
        try
        {
            _socket?.Send(Encoding.UTF8.GetBytes(text));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Its queue is full, or it has gone: the next beat repeats this.
        }
    }
}
