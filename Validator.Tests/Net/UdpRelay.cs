using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Validator.Tests.Net;

/// <summary>
/// Stands between one dialler and one acceptor on loopback and forwards, loses, doubles or swaps their datagrams,
/// seeded. The acceptor behind it can be exchanged, and it can do what NATs and tunnels do: take another port, swallow what is
/// long.
/// </summary>
internal sealed class UdpRelay : IDisposable
{
    private readonly Socket _front = Bind();
    private volatile Socket _back = Bind();
    private volatile Socket? _mouth;
    private readonly ConcurrentQueue<Socket> _retired = new();
    private readonly Thread[] _threads;
    private volatile EndPoint? _dialler;
    private volatile EndPoint _acceptor;
    private volatile bool _silent;
    private volatile bool _closed;

    /// <param name="acceptor">Where the dialler's datagrams go.</param>
    /// <param name="faultsPerThousand">Datagrams lost, and as many doubled, and as many swapped with the next.</param>
    /// <param name="answers">How many of the acceptor's datagrams are let through.</param>
    internal UdpRelay(EndPoint acceptor, int faultsPerThousand = 0, int answers = int.MaxValue)
    {
        _acceptor = acceptor;
        _threads =
        [
            new Thread(() => Forward(() => _front, () => _back, () => MostToAcceptor, faultsPerThousand, new Random(1), from => { _dialler = from; return _acceptor; })),
            new Thread(() => Forward(() => _back, () => _mouth ?? _front, () => MostToDialler, faultsPerThousand, new Random(2), _ => answers-- > 0 ? _dialler : null)),
        ];
        foreach (Thread thread in _threads) thread.Start();
    }

    internal IPEndPoint Address => (IPEndPoint)_front.LocalEndPoint!;

    /// <summary>How long every datagram is on its way, in either direction.</summary>
    internal TimeSpan Delay { get; init; }

    /// <summary>Swallows everything while true.</summary>
    internal bool Silent { set => _silent = value; }

    internal EndPoint Acceptor { set => _acceptor = value; }

    /// <summary>Longest datagrams that get through, in either direction; longer ones vanish without a word.</summary>
    internal int MostToAcceptor { get; set; } = int.MaxValue;

    /// <inheritdoc cref="MostToAcceptor"/>
    internal int MostToDialler { get; set; } = int.MaxValue;

    /// <summary>From now on the acceptor sees the dialler at another port, and reaches it there alone.</summary>
    internal void MoveDialler()
    {
        Socket old = _back;
        _retired.Enqueue(old);
        _back = Bind();
        // Whoever waits there shall wait elsewhere.
        _front.SendTo([], old.LocalEndPoint!);
    }

    /// <summary>While true the dialler gets its answers from another port than the one it sends to.</summary>
    internal bool AnswersFromElsewhere
    {
        set
        {
            if (_mouth is { } old) _retired.Enqueue(old);
            _mouth = value ? Bind() : null;
        }
    }

    private static Socket Bind()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 50 };
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private void Forward(Func<Socket> from, Func<Socket> to, Func<int> most, int faults, Random random, Func<EndPoint, EndPoint?> target)
    {
        byte[] buffer = new byte[65536];
        byte[]? held = null;
        while (!_closed)
        {
            EndPoint source = new IPEndPoint(IPAddress.Any, 0);
            Socket inward = from();
            int length;
            try
            {
                length = inward.ReceiveFrom(buffer, ref source);
            }
            catch (SocketException)
            {
                continue;
            }
            if (inward != from()) continue;
            if (target(source) is not { } destination || _silent || length > most()) continue;
            int dice = random.Next(1000);
            if (dice < faults) continue;
            if (dice < 2 * faults && held is null)
            {
                held = buffer[..length];
                continue;
            }
            Socket outward = to();
            if (Delay > TimeSpan.Zero)
            {
                byte[] copy = buffer[..length];
                Task.Delay(Delay).ContinueWith(_ => _closed ? 0 : outward.SendTo(copy, destination), TaskScheduler.Default);
                continue;
            }
            outward.SendTo(buffer.AsSpan(0, length), destination);
            if (dice >= 2 * faults && dice < 3 * faults) outward.SendTo(buffer.AsSpan(0, length), destination);
            if (held is null) continue;
            outward.SendTo(held, destination);
            held = null;
        }
    }

    public void Dispose()
    {
        _closed = true;
        foreach (Thread thread in _threads) thread.Join();
        _front.Dispose();
        _back.Dispose();
        _mouth?.Dispose();
        foreach (Socket socket in _retired) socket.Dispose();
    }
}
