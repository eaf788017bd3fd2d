using System.Net;
using System.Text;
using Validator.Net.Native;
using Validator.Net.Quic;
using Validator.Net.Rings;

namespace Validator.Net.Streams;

/// <summary>
/// The thread of client connections, on either side: QUIC on a socket of its own, TLS 1.3 with X25519MLKEM768, the validator's
/// key pinned by the client, clients without certificates. What the owner has no room for stays in the flow-control window.
/// </summary>
public sealed unsafe class StreamLoop : IWaker, IDisposable
{
    private const int EventBatch = 64;
    private const int ReceiveRounds = 4;
    private const int FramesPerTurn = 64;
    private const ulong Millisecond = 1_000_000;
    private const ulong RetryAfter = 2 * Millisecond;
    private const ulong StatisticsInterval = 1000 * Millisecond;
    private const ulong RedialAfter = 500 * Millisecond;

    /// <summary>Application error codes of the close: the peer breaks the rules, or this side stops.</summary>
    private const ulong FaultCode = 1;

    private static readonly TimeSpan StopLimit = TimeSpan.FromMilliseconds(500);

    private readonly nint _endpoint;
    private readonly StreamOptions _options;
    private readonly IStreamOwner _owner;
    private readonly EndpointBell _bell;
    private readonly Parker _parker = new();
    private readonly Thread _thread;
    private readonly Dictionary<ulong, StreamLink> _links = [];
    private readonly List<StreamLink> _order = [];
    private readonly ulong[] _dialAt;
    private readonly QuicEvent[] _polled = new QuicEvent[EventBatch];
    private readonly PathNotices _notices;
    private ulong _nextStatistics;
    private volatile bool _stopping;
    private volatile bool _woken;
    private bool _started;
    private int _first;

    /// <exception cref="IOException">The socket cannot be bound, or TLS not set up.</exception>
    public StreamLoop(StreamOptions options, IStreamOwner owner)
    {
        _options = options;
        _owner = owner;
        _endpoint = Open(options, out IPEndPoint bound);
        LocalEndPoint = bound;
        _bell = new EndpointBell(_endpoint);
        _parker.SleepWithin(_bell);
        _notices = new PathNotices(options.Log);
        _dialAt = new ulong[options.Targets.Length];
        _thread = new Thread(Run) { Name = options.Name, IsBackground = true };
    }

    public IPEndPoint LocalEndPoint { get; }

    /// <summary>Bytes that this thread has allocated so far.</summary>
    public long AllocatedBytes { get; private set; }

    /// <summary>What was not sent, and what became of connections whose path changed.</summary>
    public PathStatistics Paths { get; } = new();

    public void Start()
    {
        _started = true;
        _thread.Start();
    }

    /// <summary>Makes the loop call <see cref="IStreamOwner.Turn"/> soon. Any thread.</summary>
    public void Wake()
    {
        _woken = true;
        _parker.Wake();
    }

    /// <summary>Says goodbye to all and frees everything; tells the owner.</summary>
    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        _parker.Wake();
        if (!_started)
        {
            Close();
        }
        else if (!_thread.Join(StopLimit))
        {
            throw new TimeoutException($"the thread {_options.Name} did not stop in time");
        }
    }

    private void Run()
    {
        Kernel.NameThread(_options.Name);
        bool readable = false;
        while (!_stopping)
        {
            if (readable)
            {
                QuicNative.Receive(_endpoint, ReceiveRounds);
            }

            Poll();
            bool more = ReadFrames(out bool blocked);
            _woken = false;
            _owner.Turn();
            ulong next = DialDue(QuicNative.Now());
            more |= QuicNative.Flush(_endpoint) != 0;
            Poll();
            foreach (StreamLink link in _order)
            {
                link.ReleaseAcknowledged();
            }

            PublishStatistics(QuicNative.Now());
            AllocatedBytes = GC.GetAllocatedBytesForCurrentThread();
            readable = Sleep(more, blocked, next);
        }

        Close();
    }

    private void PublishStatistics(ulong now)
    {
        if (now < _nextStatistics)
        {
            return;
        }

        _nextStatistics = now + StatisticsInterval;
        QuicCounters counters;
        QuicNative.GetCounters(_endpoint, &counters);
        Paths.Publish(in counters);
        _notices.Tell(in counters, now);
    }

    private void Close()
    {
        _bell.Close();
        QuicNative.Free(_endpoint);
        foreach (StreamLink link in _order)
        {
            link.Detach();
            _owner.Closed(link, CloseReason.LocalStop);
        }

        _order.Clear();
        _links.Clear();
    }

    private bool Sleep(bool more, bool blocked, ulong next)
    {
        if (more)
        {
            return QuicNative.Wait(_endpoint, 0) != 0;
        }

        ulong until = Math.Min(Math.Min(QuicNative.NextTimer(_endpoint), next), _nextStatistics);
        until = blocked ? Math.Min(until, QuicNative.Now() + RetryAfter) : until;
        _parker.Prepare();
        bool readable = QuicNative.Wait(_endpoint, _stopping || _woken ? 0 : until) != 0;
        _parker.Cancel();
        return readable;
    }

    private void Poll()
    {
        int count;
        do
        {
            fixed (QuicEvent* events = _polled)
            {
                count = QuicNative.Poll(_endpoint, events, EventBatch);
            }

            for (int i = 0; i < count; i++)
            {
                Handle(_polled[i]);
            }
        }
        while (count == EventBatch);
    }

    private void Handle(in QuicEvent happened)
    {
        switch (happened.Kind)
        {
            case QuicEventKind.Up:
                QuicView* view = QuicNative.GetView(_endpoint, happened.Handle);
                if (view != null)
                {
                    // Our own key is the first in the shim's list.
                    StreamLink link = new(_endpoint, happened.Handle, happened.Dialled != 0 ? happened.Peer - 1 : -1, view);
                    _links.Add(happened.Handle, link);
                    _order.Add(link);
                    _owner.Opened(link);
                }

                break;
            case QuicEventKind.Closed:
                if (_links.TryGetValue(happened.Handle, out StreamLink? gone))
                {
                    Forget(gone, happened.Reason);
                }

                break;
            case QuicEventKind.Failed when happened.Dialled != 0 && happened.Peer > 0:
                _dialAt[happened.Peer - 1] = QuicNative.Now() + RedialAfter;
                break;
            case QuicEventKind.Failed:
                _notices.HandshakeFailed(happened.Reason, happened.Remote.ToEndPoint());
                break;
        }
    }

    private void Forget(StreamLink link, CloseReason reason)
    {
        _links.Remove(link.Handle);
        _order.Remove(link);
        link.Detach();
        if (link.Target >= 0)
        {
            _dialAt[link.Target] = QuicNative.Now() + RedialAfter;
        }

        _owner.Closed(link, reason);
    }

    /// <summary>
    /// Takes some frames of each connection, beginning with another one each time. True when there may be more.
    /// </summary>
    private bool ReadFrames(out bool blocked)
    {
        blocked = false;
        bool more = false;
        int count = _order.Count;
        _first = count == 0 ? 0 : (_first + 1) % count;
        for (int i = 0; i < count && i < _order.Count; i++)
        {
            StreamLink link = _order[(_first + i) % _order.Count];
            int taken = 0;
            bool fault = false;
            while (taken < FramesPerTurn && !link.Failed && link.TryPeek(_options.MaxFrameBytes, out ReadOnlySpan<byte> frame, out fault))
            {
                if (!_owner.TryTake(link, frame))
                {
                    blocked = true;
                    break;
                }

                link.Consume(frame.Length);
                taken++;
            }

            more |= taken == FramesPerTurn;
            if (fault || link.Failed)
            {
                QuicNative.Close(_endpoint, link.Handle, FaultCode);
                Forget(link, CloseReason.Protocol);
            }
        }

        return more;
    }

    /// <summary>Dials those that are due.</summary>
    /// <returns>When to look again.</returns>
    private ulong DialDue(ulong now)
    {
        ulong next = ulong.MaxValue;
        for (int i = 0; i < _dialAt.Length; i++)
        {
            if (_dialAt[i] <= now)
            {
                QuicAddress address = QuicAddress.From(_options.Targets[i].Address);
                bool begun = QuicNative.Dial(_endpoint, i + 1, &address) != 0;
                // Its end, or its failure, sets the time of the next dial.
                _dialAt[i] = begun ? ulong.MaxValue : now + RedialAfter;
            }

            next = Math.Min(next, _dialAt[i]);
        }

        return next;
    }

    private static nint Open(StreamOptions options, out IPEndPoint bound)
    {
        const ulong nanosecondsPerTick = 100;
        if (QuicNative.GetAbi() != QuicNative.Abi)
        {
            throw new IOException("validator_native is of another build than this program");
        }

        byte[] keys = new byte[(1 + options.Targets.Length) * OpenSslMlDsa87.PublicKeyBytes];
        OpenSslMlDsa87.PublicKeyFromSeed(options.PrivateKeySeed, keys.AsSpan(0, OpenSslMlDsa87.PublicKeyBytes));
        for (int i = 0; i < options.Targets.Length; i++)
        {
            options.Targets[i].PublicKey.CopyTo(keys, (1 + i) * OpenSslMlDsa87.PublicKeyBytes);
        }

        byte[] alpn = Encoding.ASCII.GetBytes(options.ApplicationProtocol);
        byte* error = stackalloc byte[256];
        QuicAddress address = default;
        fixed (byte* seed = options.PrivateKeySeed, peerKeys = keys, protocol = alpn)
        {
            QuicConfig config = new()
            {
                Seed = seed,
                PeerKeys = peerKeys,
                Alpn = protocol,
                AlpnLength = (uint)alpn.Length,
                Peers = 1 + (uint)options.Targets.Length,
                Self = 0,
                MaxPending = 32,
                MaxDatagram = 1452,
                Clients = (uint)options.MaxClients,
                Window = 2 * (ulong)(options.MaxFrameBytes + StreamLink.PrefixBytes),
                IdleNanoseconds = (ulong)options.IdleTimeout.Ticks * nanosecondsPerTick,
                KeepAliveNanoseconds = (ulong)(options.KeepAlive ?? TimeSpan.FromSeconds(options.Targets.Length > 0 ? 1 : 10)).Ticks * nanosecondsPerTick,
                HandshakeNanoseconds = 5_000 * Millisecond,
                RaiseNanoseconds = 60_000 * Millisecond,
                Listen = QuicAddress.From(options.Listen),
            };
            nint endpoint = QuicNative.Open(&config, &address, error, 256);
            if (endpoint == 0)
            {
                int length = new ReadOnlySpan<byte>(error, 256).IndexOf((byte)0);
                throw new IOException($"cannot open QUIC on {options.Listen}: {Encoding.UTF8.GetString(error, Math.Max(length, 0))}");
            }

            bound = new IPEndPoint(options.Listen.Address, address.Port);
            return endpoint;
        }
    }
}
