using System.Collections.Concurrent;
using System.Net;
using Validator.Net.Buffers;
using Validator.Net.Discovery;
using Validator.Net.Rings;

namespace Validator.Net.Quic;

/// <summary>
/// The network thread's rounds. Each: read datagrams; tell the consumer; take the producers' frames; dial who is due; write
/// packets; then sleep until there is something. Policy is here, QUIC itself in the shim.
/// </summary>
internal sealed unsafe partial class QuicLoop : ITransportRounds
{
    private const int Channels = 3;
    private const int ReceiveRounds = 4;
    private const int EventBatch = 64;
    private const int OutboxItemsPerTurn = 512;
    private const ulong NanosecondsPerMillisecond = 1_000_000;
    private const ulong StatisticsInterval = 1000 * NanosecondsPerMillisecond;
    private const ulong RoundTripInterval = 50 * NanosecondsPerMillisecond;

    /// <summary>How soon reading is tried again when the consumer or the pool was full: neither announces new room.</summary>
    private const ulong BackpressureInterval = NanosecondsPerMillisecond;

    /// <summary>Failed dials in a row after which a refused one is followed by a longer pause.</summary>
    private const int RefusalsBeforePause = 20;
    private const ulong RefusedPause = 3000 * NanosecondsPerMillisecond;

    /// <summary>Log lines per second that strangers can cause.</summary>
    private const int LogsPerSecond = 20;

    private readonly nint _endpoint;
    private readonly TransportOptions _options;
    private readonly SpscRing<TransportEvent> _events;
    private readonly TransportStatistics _statistics;
    private readonly byte[] _ownKey;
    private readonly ManualResetEventSlim _closed;
    private readonly FrameReader _reader;
    private readonly EndpointBell _bell;
    private readonly Parker _parker;
    private readonly PathNotices _notices;
    private readonly PeerLink?[] _links;

    // Used entries of _links, removed peers included.
    private PeerLink[] _active = [];
    private readonly ConcurrentQueue<LinkCommand> _commands = new();
    private readonly Lock _outboxLock = new();
    private readonly QuicEvent[] _polled = new QuicEvent[EventBatch];
    private Outbox[] _outboxes = [];
    private volatile bool _stopping;
    private bool _told;
    private ulong _nextStatistics;
    private ulong _nextRoundTrips;
    private int _logsLeft = LogsPerSecond;
    private int _firstRead;
    private bool _readable = true;
    private bool _blocked;
    private ulong _now;

    /// <param name="closed">Set once nothing is left open.</param>
    internal QuicLoop(
        nint endpoint, TransportOptions options, SpscRing<TransportEvent> events, TransportStatistics statistics, byte[] ownKey,
        ManualResetEventSlim closed)
    {
        _endpoint = endpoint;
        _options = options;
        _events = events;
        _statistics = statistics;
        _ownKey = ownKey;
        _closed = closed;
        _reader = new FrameReader(events, options.ReceivePool, options.MaxFrameBytes);
        _bell = new EndpointBell(endpoint);
        _parker = options.Loop ?? new Parker();
        _parker.SleepWithin(_bell);
        _notices = new PathNotices(options.Log is null ? null : e => Log(e.Level, e.Peer, e.Message, e.Reason));
        _names = new NameTable(options.Listen.Address, (host, family) => NameResolver.FindAsync(host, family), found => Post(new LinkCommand(LinkCommandKind.Named, -1, null, found)), (level, line) => Log(level, -1, line, CloseReason.None));
        _links = new PeerLink?[options.Places];
        for (int i = 0; i < options.Peers.Count; i++)
        {
            if (i != options.SelfIndex) _links[i] = new PeerLink(i, options.Peers[i], options, statistics.Peers[i], Leads(options.Peers[i].PublicKey));
        }
        _active = [.. _links.OfType<PeerLink>()];
    }

    /// <summary>Whether our key is the lower one of the pair: the lower key's dial stays where two cross.</summary>
    private bool Leads(byte[] other) => _ownKey.AsSpan().SequenceCompareTo(other) < 0;

    internal Outbox CreateOutbox()
    {
        var outbox = new Outbox(_options.OutboxCapacity, _links.Length, _options.MaxFrameBytes, _parker);
        lock (_outboxLock) Volatile.Write(ref _outboxes, [.. _outboxes, outbox]);
        return outbox;
    }

    internal void Post(LinkCommand command)
    {
        _commands.Enqueue(command);
        _parker.Wake();
    }

    internal void RequestStop()
    {
        _stopping = true;
        _parker.Wake();
    }

    /// <summary>On a thread of its own.</summary>
    internal void Run()
    {
        Begin();
        Finish();
    }

    public void Finish()
    {
        while (!IsOver)
        {
            if (Turn()) continue;
            _parker.Prepare();
            Sleep(HasWork ? 0 : -1);
        }
        Close();
    }

    public bool IsOver => _stopping;

    public void Begin()
    {
        foreach (PeerLink link in _active) BeginDialling(link, QuicNative.Now());
    }

    public bool Turn()
    {
        // After a sleep it is known; between two rounds without one, reading in vain costs no more than asking.
        if (_readable) QuicNative.Receive(_endpoint, ReceiveRounds);
        _readable = true;
        PollEvents();
        bool more = ReadFrames(out _blocked);
        more |= DrainOutboxes();
        RunCommands();
        _now = QuicNative.Now();
        DialDue(_now);
        more |= QuicNative.Flush(_endpoint) != 0;
        PollEvents();
        ReleaseAcknowledged();
        if (_now >= _nextStatistics) PublishStatistics(_now);
        if (_options.RoundTrip is { } roundTrip && _now >= _nextRoundTrips) SampleRoundTrips(_now, roundTrip);
        if (_told)
        {
            _told = false;
            _options.Consumer.Wake();
        }
        Volatile.Write(ref _statistics.LoopedAt, System.Diagnostics.Stopwatch.GetTimestamp());
        Volatile.Write(ref _statistics.AllocatedBytesNow, GC.GetAllocatedBytesForCurrentThread());
        return more;
    }

    public bool HasWork
    {
        get
        {
            bool work = _stopping || !_commands.IsEmpty;
            foreach (Outbox outbox in Volatile.Read(ref _outboxes)) work |= !outbox.Ring.IsEmpty;
            return work;
        }
    }

    public void Sleep(int milliseconds)
    {
        ulong until = Math.Min(QuicNative.NextTimer(_endpoint), _nextStatistics);
        foreach (PeerLink link in _active)
        {
            if (MayDial(link)) until = Math.Min(until, link.NextDial);
        }
        if (_blocked) until = Math.Min(until, _now + BackpressureInterval);
        if (milliseconds == 0) until = 0;
        else if (milliseconds > 0) until = Math.Min(until, QuicNative.Now() + ((ulong)milliseconds * NanosecondsPerMillisecond));
        _readable = QuicNative.Wait(_endpoint, until) != 0;
        _parker.Cancel();
    }

    /// <summary>Says goodbye and frees everything. On the network thread, or instead of it.</summary>
    internal void Close()
    {
        _bell.Close();
        PublishStatistics(QuicNative.Now());
        QuicNative.Free(_endpoint);
        foreach (PeerLink link in _active)
        {
            if (link.IsUp) link.Statistics.Closed[(int)CloseReason.LocalStop]++;
            link.Detach();
        }
        foreach (Outbox outbox in Volatile.Read(ref _outboxes))
        {
            while (outbox.Ring.TryDequeue(out OutboxItem item)) item.Frame.Release();
        }
        _closed.Set();
        _options.Consumer.Wake();
    }

    // ---------------------------------------------------------------- in

    private void PollEvents()
    {
        while (true)
        {
            int count;
            fixed (QuicEvent* events = _polled) count = QuicNative.Poll(_endpoint, events, EventBatch);
            for (int i = 0; i < count; i++) Handle(in _polled[i]);
            if (count < EventBatch) return;
        }
    }

    private void Handle(in QuicEvent e)
    {
        PeerLink? link = (uint)e.Peer < (uint)_links.Length ? _links[e.Peer] : null;
        switch (e.Kind)
        {
            case QuicEventKind.Up when link is not null:
                ComeUp(link, in e);
                break;
            case QuicEventKind.Closed when link is not null:
                // A connection that we have replaced ourselves reports this too.
                if (e is { Reason: CloseReason.PeerClosed, Detail: (ulong)CloseReason.Replaced } && !link.Stalled && link.Spare == 0) NoteReplaced(link);
                if (link.Handle == e.Handle) Ended(link, e.Reason);
                else if (link.Spare == e.Handle) link.Spare = 0;
                else if (e.Handle == link.DialHandle) link.BackOff(QuicNative.Now(), _options);
                break;
            case QuicEventKind.Failed:
                HandshakeFailed(link, in e);
                break;
            default:
                if (link is not null && link.Handle == e.Handle) PathChanged(link, in e);
                break;
        }
    }

    private void NoteReplaced(PeerLink link)
    {
        Volatile.Write(ref link.Statistics.ReplacedCount, link.Statistics.ReplacedCount + 1);
        Log(TransportLogLevel.Warning, link.Index, "the peer has a newer connection with our key: if this comes again, another process runs with it", CloseReason.Replaced);
    }

    /// <summary>All peers' Control first, then their Payload, then Sync. True if a turn ended with more to read.</summary>
    private bool ReadFrames(out bool blocked)
    {
        blocked = false;
        bool more = false;
        foreach (PeerLink link in _active)
        {
            if (link.Spare != 0) FollowSpare(link);
            if (!Announce(link)) blocked = true;
        }
        // Each round begins with another peer, so that all get their turn of the room, however fast one of them is.
        _firstRead = (_firstRead + 1) % Math.Max(1, _active.Length);
        bool throttled = false;
        ulong now = QuicNative.Now();
        for (int channel = 0; channel < Channels; channel++)
        {
            for (int i = 0; i < _active.Length; i++)
            {
                PeerLink link = _active[(_firstRead + i) % _active.Length];
                if (!link.AnnouncedUp || !link.IsUp) continue;
                QuicRx* rx = QuicView.Rx(link.View, channel);
                if (rx->Head == rx->Tail) continue;
                if (link.Quota.MayRead(channel, now)) more |= ReadChannel(link, link.Handle, channel, rx, ref blocked);
                else throttled = true;
            }
        }
        if (throttled)
        {
            blocked = true;
            Volatile.Write(ref _statistics.ThrottledCount, _statistics.ThrottledCount + 1);
            return more;
        }
        if (blocked) Volatile.Write(ref _statistics.BackpressureCount, _statistics.BackpressureCount + 1);
        return more;
    }

    /// <returns>True if the turn ended with more to read.</returns>
    private bool ReadChannel(PeerLink link, ulong handle, int channel, QuicRx* rx, ref bool blocked)
    {
        FrameReader.Outcome outcome = _reader.Read(link.Index, channel, rx, out ulong consumed, out int frames);
        if (frames > 0)
        {
            _told = true;
            link.Quota.Take(channel, frames, consumed);
            QuicNative.Consume(_endpoint, handle, (uint)channel, consumed);
        }
        if (outcome == FrameReader.Outcome.Blocked) blocked = true;
        if (outcome == FrameReader.Outcome.Oversize)
        {
            Volatile.Write(ref _statistics.OversizeCount, _statistics.OversizeCount + 1);
            CloseLink(link, CloseReason.OversizeFrame);
        }
        return outcome == FrameReader.Outcome.More;
    }

    /// <summary>Brings the consumer's view of the peer up to date; false while the ring has no room for it.</summary>
    private bool Announce(PeerLink link)
    {
        if (link.OwesDown)
        {
            if (!_events.TryEnqueue(new TransportEvent(TransportEventKind.PeerDown, default, link.Index, null))) return false;
            link.OwesDown = false;
            _told = true;
        }
        if (link.IsUp && !link.AnnouncedUp)
        {
            if (!_events.TryEnqueue(new TransportEvent(TransportEventKind.PeerUp, default, link.Index, null))) return false;
            link.AnnouncedUp = true;
            _told = true;
        }
        return true;
    }

    // ---------------------------------------------------------------- out

    /// <summary>Takes one turn of each producer's frames. True if there is more.</summary>
    private bool DrainOutboxes()
    {
        bool more = false;
        foreach (Outbox outbox in Volatile.Read(ref _outboxes))
        {
            int taken = 0;
            while (taken < OutboxItemsPerTurn && outbox.Ring.TryDequeue(out OutboxItem item))
            {
                Dispatch(in item);
                taken++;
            }
            more |= taken == OutboxItemsPerTurn;
        }
        return more;
    }

    private void Dispatch(in OutboxItem item)
    {
        if (item.Peer != Outbox.Everyone)
        {
            PeerLink? link = _links[item.Peer];
            if (link is not null) Send(link, item.Channel, item.Frame);
        }
        else
        {
            foreach (PeerLink link in _active) Send(link, item.Channel, item.Frame);
        }
        item.Frame.Release();
    }

    private void Send(PeerLink link, Channel channel, PooledBuffer frame)
    {
        if (link.Removed) return;
        SendQueue queue = link.Queues[(int)channel];
        long wireBytes = frame.Length + PooledBuffer.PrefixBytes;
        if (!link.IsUp || !queue.HasRoom(wireBytes) ||
            QuicNative.Push(_endpoint, link.Handle, (uint)channel, frame.WirePointer, (ulong)wireBytes) == 0)
        {
            ref long dropped = ref link.Statistics.Dropped[(int)channel];
            Volatile.Write(ref dropped, dropped + 1);
            return;
        }
        queue.Add(frame.Retain());
        Volatile.Write(ref link.Statistics.FramesOutCount, link.Statistics.FramesOutCount + 1);
    }

    private void ReleaseAcknowledged()
    {
        foreach (PeerLink link in _active)
        {
            if (!link.IsUp) continue;
            long queued = 0;
            for (int channel = 0; channel < Channels; channel++)
            {
                SendQueue queue = link.Queues[channel];
                queue.ReleaseUntil(QuicView.Tx(link.View, channel)->Acked);
                queued += queue.Bytes;
            }
            Volatile.Write(ref link.Statistics.QueuedBytesNow, queued);
        }
    }

    // ---------------------------------------------------------------- orders

    private void RunCommands()
    {
        while (_commands.TryDequeue(out LinkCommand command))
        {
            if (command.Kind == LinkCommandKind.SetPeer)
            {
                SetPeer(command.Peer, command.Who!);
                continue;
            }
            if (command.Kind == LinkCommandKind.Named)
            {
                TakeName(command.Found!, QuicNative.Now());
                continue;
            }
            PeerLink? link = _links[command.Peer];
            if (link is null) continue;
            switch (command.Kind)
            {
                case LinkCommandKind.SetAddresses:
                    SetAddresses(link, command.Addresses!, QuicNative.Now());
                    break;
                case LinkCommandKind.Punish:
                    CloseLink(link, CloseReason.Misbehaved);
                    break;
                case LinkCommandKind.Remove:
                    link.Removed = true;
                    QuicNative.Forbid(_endpoint, link.Index);
                    CloseLink(link, CloseReason.Removed);
                    break;
            }
        }
    }

    private void SetPeer(int index, TransportPeer who)
    {
        PeerLink? before = _links[index];
        if (before is { Removed: false } && before.Key.AsSpan().SequenceEqual(who.PublicKey)) return;
        var link = new PeerLink(index, who, _options, _statistics.Peers[index], Leads(who.PublicKey));
        if (before is not null)
        {
            CloseLink(before, CloseReason.Removed);
            StopDial(before);
            link.OwesDown = before.OwesDown;
            link.Before = before.Before;
        }
        _links[index] = link;
        _active = [.. _links.OfType<PeerLink>()];
        fixed (byte* key = who.PublicKey) QuicNative.SetPeer(_endpoint, index, key);
        BeginDialling(link, QuicNative.Now());
    }

    // ---------------------------------------------------------------- telling

    private void PublishStatistics(ulong now)
    {
        _nextStatistics = now + StatisticsInterval;
        _logsLeft = LogsPerSecond;
        QuicCounters counters;
        QuicNative.GetCounters(_endpoint, &counters);
        RenewNames(now);
        Volatile.Write(ref _statistics.DatagramsInCount, counters.DatagramsIn);
        Volatile.Write(ref _statistics.DatagramsOutCount, counters.DatagramsOut);
        Volatile.Write(ref _statistics.MalformedCount, counters.Malformed);
        Volatile.Write(ref _statistics.UnknownCount, counters.Unknown);
        Volatile.Write(ref _statistics.RetriesCount, counters.Retries);
        Volatile.Write(ref _statistics.BadTokenCount, counters.BadTokens);
        Volatile.Write(ref _statistics.RefusedCount, counters.Refused);
        Volatile.Write(ref _statistics.WrongKeysCount, counters.WrongKeys);
        Volatile.Write(ref _statistics.LimitedCount, counters.Limited);
        _statistics.Paths.Publish(in counters);
        _notices.Tell(in counters, now);
        foreach (PeerLink link in _active)
        {
            TryRefresh(link);
            link.PublishStatistics();
        }
    }

    private void SampleRoundTrips(ulong now, Action<double> roundTrip)
    {
        _nextRoundTrips = now + RoundTripInterval;
        foreach (PeerLink link in _active)
        {
            if (TryRefresh(link)) roundTrip(link.Current.LatestRttNanoseconds / 1e9);
        }
    }

    private bool TryRefresh(PeerLink link)
    {
        QuicConnectionStats stats;
        if (!link.IsUp || QuicNative.GetStats(_endpoint, link.Handle, &stats) == 0) return false;
        link.Current = stats;
        return true;
    }

    private void Log(TransportLogLevel level, int peer, string message, CloseReason reason)
    {
        if (_options.Log is null || _logsLeft <= 0) return;
        _logsLeft--;
        _options.Log(new TransportLogEvent(level, peer, message, reason));
    }
}
