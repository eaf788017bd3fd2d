using System.Net;
using System.Net.Sockets;

namespace Validator.Bench.Macro;

/// <summary>
/// Relays between any two validators: the dialling one sends to a port of ours, and we send on to the accepting one, and back.
/// Delays, loses, doubles and reorders datagrams, and blocks directions. One thread; a few thousand datagrams a second.
/// </summary>
internal sealed class UdpRelay : IDisposable
{
    // Under load a late datagram is as good as a lost one; this bounds memory.
    private const int MostQueued = 20_000;

    private readonly Link[] _links;
    private readonly Dictionary<Socket, (Link Link, bool Forward)> _ends = [];
    private readonly PriorityQueue<Datagram, long> _queue = new();
    private readonly byte[] _buffer = new byte[65536];
    private readonly Random _random;
    private readonly Thread _thread;
    private volatile object _weather = default(Weather);
    private volatile bool _closed;
    private volatile bool[,] _blocked;

    /// <param name="address">Of this machine, which both sides can reach.</param>
    /// <param name="validators">Where each of them listens; of two, the one with the lower index dials.</param>
    public UdpRelay(IPAddress address, IPEndPoint[] validators, int seed)
    {
        _random = new Random(seed);
        _blocked = new bool[validators.Length, validators.Length];
        List<Link> links = [];
        for (int low = 0; low < validators.Length; low++)
        {
            for (int high = low + 1; high < validators.Length; high++)
            {
                Link link = new(low, high, Bind(address), Bind(address), validators[high]);
                _ends.Add(link.Front, (link, true));
                _ends.Add(link.Back, (link, false));
                links.Add(link);
            }
        }

        _links = [.. links];
        _thread = new Thread(Run) { Name = "relay", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Datagrams sent on so far.</summary>
    public long Forwarded { get; private set; }

    /// <summary>Datagrams lost on purpose, or blocked.</summary>
    public long Dropped { get; private set; }

    public Weather Weather { set => _weather = value; }

    /// <summary>[from, to]: true drops what goes that way. Not changed afterwards.</summary>
    public bool[,] Blocked { set => _blocked = value; }

    /// <summary>The address to which <paramref name="from"/> sends datagrams for <paramref name="to"/>.</summary>
    public IPEndPoint AddressFor(int from, int to)
    {
        Link link = Array.Find(_links, l => l.Low == Math.Min(from, to) && l.High == Math.Max(from, to))!;
        return (IPEndPoint)(from == link.Low ? link.Front : link.Back).LocalEndPoint!;
    }

    public void Dispose()
    {
        _closed = true;
        _thread.Join();
        foreach (Socket socket in _ends.Keys)
        {
            socket.Dispose();
        }
    }

    private static Socket Bind(IPAddress address)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)
        {
            Blocking = false,
            ReceiveBufferSize = 4 << 20,
            SendBufferSize = 4 << 20,
        };
        socket.Bind(new IPEndPoint(address, 0));
        return socket;
    }

    private void Run()
    {
        List<Socket> readable = [];
        while (!_closed)
        {
            long now = NowMicros();
            while (_queue.TryPeek(out _, out long due) && due <= now)
            {
                Send(_queue.Dequeue());
            }

            long wait = _queue.TryPeek(out _, out long next) ? Math.Clamp(next - now, 0, 20_000) : 20_000;
            readable.Clear();
            readable.AddRange(_ends.Keys);
            Socket.Select(readable, null, null, (int)wait);
            foreach (Socket socket in readable)
            {
                Drain(socket);
            }
        }
    }

    private static long NowMicros() => System.Diagnostics.Stopwatch.GetTimestamp() / (System.Diagnostics.Stopwatch.Frequency / 1_000_000);

    private void Drain(Socket socket)
    {
        (Link link, bool forward) = _ends[socket];
        for (int i = 0; i < 64 && socket.Available > 0; i++)
        {
            EndPoint source = new IPEndPoint(IPAddress.Any, 0);
            int length;
            try
            {
                length = socket.ReceiveFrom(_buffer, ref source);
            }
            catch (SocketException)
            {
                // A port that was closed meanwhile: the kernel's answer, not a datagram.
                return;
            }

            if (forward)
            {
                link.Dialler = source;
            }

            Take(link, forward, _buffer.AsSpan(0, length));
        }
    }

    private void Take(Link link, bool forward, ReadOnlySpan<byte> bytes)
    {
        Weather weather = (Weather)_weather;
        bool[,] blocked = _blocked;
        bool swallowed = forward ? blocked[link.Low, link.High] : blocked[link.High, link.Low];
        if (swallowed || link.Dialler is null || _queue.Count >= MostQueued || Chance(weather.LossPerMille))
        {
            Dropped++;
            return;
        }

        long due = NowMicros() + (1000L * weather.DelayMs) + _random.Next((1000 * weather.JitterMs) + 1);
        if (Chance(weather.ReorderPerMille))
        {
            due += _random.Next(30_000);
        }
        else
        {
            ref long last = ref link.LastDue[forward ? 0 : 1];
            due = last = Math.Max(due, last);
        }

        Datagram datagram = new(link, forward, bytes.ToArray());
        _queue.Enqueue(datagram, due);
        if (Chance(weather.DuplicatePerMille))
        {
            _queue.Enqueue(datagram, due + _random.Next(5_000));
        }
    }

    private bool Chance(int perMille) => perMille > 0 && _random.Next(1000) < perMille;

    private void Send(Datagram datagram)
    {
        Link link = datagram.Link;
        try
        {
            (datagram.Forward ? link.Back : link.Front).SendTo(datagram.Bytes, datagram.Forward ? link.Acceptor : link.Dialler!);
            Forwarded++;
        }
        catch (SocketException)
        {
            // Nobody listens, or a full buffer: lost, as in a network.
            Dropped++;
        }
    }

    private sealed class Link(int low, int high, Socket front, Socket back, IPEndPoint acceptor)
    {
        public int Low { get; } = low;

        public int High { get; } = high;

        public Socket Front { get; } = front;

        public Socket Back { get; } = back;

        public IPEndPoint Acceptor { get; } = acceptor;

        public EndPoint? Dialler { get; set; }

        public long[] LastDue { get; } = new long[2];
    }

    private sealed record Datagram(Link Link, bool Forward, byte[] Bytes);
}
