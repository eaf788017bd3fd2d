using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Validator.Host.Api;

/// <summary>
/// What each client address uses now: its connections, its rate, its waiting requests. An IPv6 client counts by its /64, which is
/// what one subscriber of a network gets. An entry lives while it has a connection and until its bucket is full again, so a
/// client cannot clear its debt by reconnecting and the table has no more entries than connections plus those of the last
/// seconds.
/// </summary>
internal sealed class AddressTable
{
    private static readonly long s_sweepEvery = Stopwatch.Frequency;

    private readonly ConcurrentDictionary<(ulong High, ulong Low), AddressUse> _uses = new();
    private long _nextSweep = Stopwatch.GetTimestamp() + s_sweepEvery;

    public int Count => _uses.Count;

    /// <summary>Counts a new connection. Each call is paired with one of <see cref="Leave"/>, whatever it returned.</summary>
    /// <param name="limit">Connections at most; 0: any number.</param>
    public bool TryEnter(IPAddress address, int limit, out AddressUse use)
    {
        (ulong, ulong) key = KeyOf(address);
        while (true)
        {
            use = _uses.GetOrAdd(key, static _ => new AddressUse());
            if (use.TryEnter(out int connections))
            {
                return limit == 0 || connections <= limit;
            }

            // It was being swept: the next try makes a new one.
            _uses.TryRemove(KeyValuePair.Create(key, use));
        }
    }

    public void Leave(AddressUse use)
    {
        use.Leave();
        long now = Stopwatch.GetTimestamp();
        long due = Volatile.Read(ref _nextSweep);
        if (now >= due && Interlocked.CompareExchange(ref _nextSweep, now + s_sweepEvery, due) == due)
        {
            Sweep(now);
        }
    }

    internal static (ulong High, ulong Low) KeyOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        return address.AddressFamily == AddressFamily.InterNetworkV6
            ? (BinaryPrimitives.ReadUInt64BigEndian(bytes), 1UL)
            : (0UL, ((ulong)BinaryPrimitives.ReadUInt32BigEndian(bytes) << 32) | 2);
    }

    private void Sweep(long now)
    {
        foreach (KeyValuePair<(ulong, ulong), AddressUse> entry in _uses)
        {
            if (entry.Value.TryRetire(now))
            {
                _uses.TryRemove(entry);
            }
        }
    }
}

/// <summary>One address's use. Any thread.</summary>
internal sealed class AddressUse
{
    private const int Retired = int.MinValue / 2;

    /// <summary>A burst may have this many seconds' worth at once.</summary>
    private const double BurstSeconds = 2;

    private readonly Lock _lock = new();
    private int _connections;
    private int _waiting;
    private int _subscribers;
    private double _debt;
    private double _rate = 1;
    private long _at = Stopwatch.GetTimestamp();

    public bool TryEnter(out int connections)
    {
        connections = Interlocked.Increment(ref _connections);
        return connections > 0;
    }

    public void Leave() => Interlocked.Decrement(ref _connections);

    /// <summary>Takes requests out of the bucket (a leaky one: debt drains at the rate).</summary>
    /// <param name="rate">Requests a second; 0: no limit.</param>
    /// <param name="cost">1 for a request; more for attempts that must stay rare.</param>
    /// <returns>0, or the seconds until it would be allowed.</returns>
    public double TryTake(int rate, double cost = 1)
    {
        if (rate == 0)
        {
            return 0;
        }

        lock (_lock)
        {
            long now = Stopwatch.GetTimestamp();
            _debt = Math.Max(0, _debt - (Stopwatch.GetElapsedTime(_at, now).TotalSeconds * rate));
            _at = now;
            _rate = rate;
            double most = BurstSeconds * rate;
            if (_debt + 1 > most)
            {
                return Math.Max((_debt + 1 - most) / rate, 0.001);
            }

            _debt = Math.Min(_debt + cost, most);
            return 0;
        }
    }

    public bool TryWait(int limit) => TryCount(ref _waiting, limit);

    public void EndWait() => Interlocked.Decrement(ref _waiting);

    public bool TrySubscribe(int limit) => TryCount(ref _subscribers, limit);

    public void EndSubscription() => Interlocked.Decrement(ref _subscribers);

    /// <summary>True when nothing of it is left to remember; it is not used any more then.</summary>
    public bool TryRetire(long now)
    {
        lock (_lock)
        {
            bool clear = _debt - (Stopwatch.GetElapsedTime(_at, now).TotalSeconds * _rate) <= 0;
            return clear && Interlocked.CompareExchange(ref _connections, Retired, 0) == 0;
        }
    }

    private static bool TryCount(ref int count, int limit)
    {
        if (Interlocked.Increment(ref count) <= limit || limit == 0)
        {
            return true;
        }

        Interlocked.Decrement(ref count);
        return false;
    }
}
