using System.Net;
using Validator.Net.Discovery;

namespace Validator.Net.Quic;

/// <summary>What the network thread knows of one peer: its connection, queues, addresses and when to dial again.</summary>
internal sealed unsafe class PeerLink
{
    private const int MaxDoublings = 16;

    internal readonly int Index;
    internal readonly SendQueue[] Queues;
    internal readonly PeerStatistics Statistics;
    internal readonly PeerQuota Quota;
    internal PeerPenalty Penalty;

    private IReadOnlyList<PeerAddress> _addresses;
    private int _failures;

    internal PeerLink(int index, TransportPeer who, TransportOptions options, PeerStatistics statistics, bool leads)
    {
        Index = index;
        Statistics = statistics;
        Key = who.PublicKey;
        Leads = leads;
        Quota = new PeerQuota(options.PeerRates);
        _addresses = who.Addresses;
        Queues =
        [
            new SendQueue(options.ControlQueueBytes),
            new SendQueue(options.PayloadQueueBytes),
            new SendQueue(options.SyncQueueBytes),
        ];
    }

    internal byte[] Key { get; }

    /// <summary>Our key is the lower one: our dial stays where two cross, and we do not wait for the other's.</summary>
    internal bool Leads { get; }

    /// <summary>The membership has ended.</summary>
    internal bool Removed { get; set; }

    /// <summary>The present connection; 0 for none.</summary>
    internal ulong Handle { get; private set; }

    internal QuicView* View { get; private set; }

    internal bool IsUp => Handle != 0;

    /// <summary>Whether we dialled the present connection; it came up at UpAt, ns.</summary>
    internal bool Outgoing { get; private set; }
    internal ulong UpAt { get; private set; }

    /// <summary>A second connection that crossed the present one, until the other side decides; 0 for none.</summary>
    internal ulong Spare { get; set; }

    /// <summary>Since when, ns.</summary>
    internal ulong SpareAt { get; set; }

    /// <summary>What the consumer was last told of this connection.</summary>
    internal bool AnnouncedUp { get; set; }

    /// <summary>The consumer has yet to hear that the connection before this one is gone.</summary>
    internal bool OwesDown { get; set; }

    /// <summary>Since when there has been no connection, ns.</summary>
    internal ulong DownSince { get; set; }

    /// <summary>A dial is under way.</summary>
    internal bool Dialling => DialHandle != 0;

    /// <summary>Where; null when none is.</summary>
    internal IPEndPoint? DialledTo { get; private set; }

    /// <summary>An address where it answered when another peer was dialled.</summary>
    internal IPEndPoint? Met { get; set; }

    /// <summary>Index of the next of its known addresses.</summary>
    internal int NextPlace { get; set; }

    /// <summary>The connection that the last dial began; 0 once it has succeeded or failed.</summary>
    internal ulong DialHandle { get; private set; }

    /// <summary>When to dial next, ns; meaningful while not dialling, and down or stalled.</summary>
    internal ulong NextDial { get; set; }

    /// <summary>The connection is stalled: another is dialled beside it.</summary>
    internal bool Stalled { get; set; }

    /// <summary>Until when the next connection that stalls is left alone, ns.</summary>
    internal ulong NextRedial { get; set; }

    /// <summary>Log lines about failed dials.</summary>
    internal PathNotices.Notice FailedDials;

    internal bool HasDialled { get; set; }

    /// <summary>Failed dials since the last connection.</summary>
    internal int Failures => _failures;

    /// <summary>Counters of the connections before this one.</summary>
    internal QuicConnectionStats Before;

    /// <summary>Counters of this connection when last looked at.</summary>
    internal QuicConnectionStats Current;

    internal IReadOnlyList<PeerAddress> Addresses => _addresses;

    internal void SetAddresses(IReadOnlyList<PeerAddress> addresses)
    {
        _addresses = addresses;
        Met = null;
        NextPlace = 0;
        _failures = 0;
    }

    internal void DialBegan(ulong handle, IPEndPoint place)
    {
        DialHandle = handle;
        DialledTo = place;
    }

    internal void DialEnded()
    {
        DialHandle = 0;
        DialledTo = null;
    }

    internal void Attach(ulong handle, QuicView* view, bool outgoing, ulong now)
    {
        Handle = handle;
        View = view;
        Stalled = false;
        Outgoing = outgoing;
        UpAt = now;
        _failures = 0;
        Quota.Reset();
        Volatile.Write(ref Statistics.UpNow, 1);
    }

    /// <summary>Switches to the other of two connections that crossed; queues stay as they are.</summary>
    internal void MoveTo(ulong handle, QuicView* view)
    {
        Handle = handle;
        View = view;
        Outgoing = !Outgoing;
        Add(ref Before, Current);
        Current = default;
    }

    /// <summary>The connection is gone: gives the queued buffers back and owes the consumer a PeerDown.</summary>
    internal void Detach()
    {
        Handle = 0;
        View = null;
        Stalled = false;
        foreach (SendQueue queue in Queues) queue.Clear();
        Add(ref Before, Current);
        Current = default;
        if (AnnouncedUp) OwesDown = true;
        AnnouncedUp = false;
        Volatile.Write(ref Statistics.UpNow, 0);
        Volatile.Write(ref Statistics.QueuedBytesNow, 0);
    }

    /// <summary>Sets NextDial: pauses double, and their upper half is random so that peers do not dial in step.</summary>
    internal void BackOff(ulong now, TransportOptions options)
    {
        DialEnded();
        double full = options.ReconnectMin.TotalMilliseconds * Math.Pow(2, Math.Min(_failures, MaxDoublings));
        full = Math.Min(full, options.ReconnectMax.TotalMilliseconds);
        _failures++;
        double milliseconds = full * (0.5 + 0.5 * Random.Shared.NextDouble());
        NextDial = now + (ulong)(milliseconds * 1e6);
    }

    /// <summary>Publishes the connection's counters as sums over all connections.</summary>
    internal void PublishStatistics()
    {
        PeerStatistics to = Statistics;
        Volatile.Write(ref to.BytesInCount, Before.BytesIn + Current.BytesIn);
        Volatile.Write(ref to.BytesOutCount, Before.BytesOut + Current.BytesOut);
        Volatile.Write(ref to.PacketsInCount, Before.PacketsIn + Current.PacketsIn);
        Volatile.Write(ref to.PacketsOutCount, Before.PacketsOut + Current.PacketsOut);
        Volatile.Write(ref to.PacketsLostCount, Before.PacketsLost + Current.PacketsLost);
        if (!IsUp) return;
        Volatile.Write(ref to.RttMicrosecondsNow, Current.RttNanoseconds / 1000);
        Volatile.Write(ref to.DatagramBytesNow, Current.DatagramBytes);
    }

    private static void Add(ref QuicConnectionStats sum, in QuicConnectionStats value)
    {
        sum.BytesIn += value.BytesIn;
        sum.BytesOut += value.BytesOut;
        sum.PacketsIn += value.PacketsIn;
        sum.PacketsOut += value.PacketsOut;
        sum.PacketsLost += value.PacketsLost;
    }
}

/// <summary>An order from another thread to the network thread; rare, so it may allocate.</summary>
internal readonly record struct LinkCommand(
    LinkCommandKind Kind, int Peer, IReadOnlyList<PeerAddress>? Addresses, NameFound? Found = null, TransportPeer? Who = null);

internal enum LinkCommandKind
{
    SetAddresses,
    SetPeer,
    Remove,
    Punish,

    /// <summary>A name among the hints was looked up. Peer means nothing.</summary>
    Named,
}
