using System.Net;
using Validator.Net.Discovery;

namespace Validator.Net.Quic;

/// <summary>
/// Whom to dial, when and where. Both of a pair may dial wherever they know an address. The one with the lower key does so at
/// once, the other only after <see cref="TransportOptions.YieldTime"/>, so that two dials seldom cross; where they do, see
/// QuicLoop.Connections.cs.
/// </summary>
internal sealed unsafe partial class QuicLoop
{
    /// <summary>How long a peer is down before a line says that there is nowhere to dial.</summary>
    private const ulong PatienceWithoutPlace = 5_000 * NanosecondsPerMillisecond;

    /// <summary>
    /// How long an address where we or another member answered is not tried for others; less once that member is lost.
    /// </summary>
    private const ulong OccupiedFor = 300_000 * NanosecondsPerMillisecond;
    private const ulong OccupiedAfterLoss = 5_000 * NanosecondsPerMillisecond;

    /// <summary>All addresses of a peer are being dialled for others; the answers will show whose they are.</summary>
    private const ulong PlacesBusyPause = 50 * NanosecondsPerMillisecond;
    private const int Ourselves = -1;

    private readonly NameTable _names;

    /// <summary>Who answered where another peer was dialled.</summary>
    private readonly Dictionary<IPEndPoint, (int Who, ulong Until)> _occupied = [];
    private readonly List<IPEndPoint> _places = [];

    private static bool MayDial(PeerLink link) => link is { Dialling: false, Removed: false } && (!link.IsUp || link.Stalled);

    /// <summary>Up to half more at random, so that those who wait do not dial in step.</summary>
    private ulong Yield() => (ulong)(_options.YieldTime.TotalMilliseconds * (1 + (0.5 * Random.Shared.NextDouble())) * NanosecondsPerMillisecond);

    private void BeginDialling(PeerLink link, ulong now)
    {
        link.DownSince = now;
        link.NextDial = link.Leads ? now : now + Yield();
        Know(link, now);
    }

    private void DialDue(ulong now)
    {
        foreach (PeerLink link in _active)
        {
            if (MayDial(link) && link.NextDial <= now) Dial(link, now);
        }
    }

    private void Dial(PeerLink link, ulong now)
    {
        if (NextPlace(link, now, out bool busy) is not { } place)
        {
            link.NextDial = now + (busy ? PlacesBusyPause : (ulong)(_options.ReconnectMax.TotalMilliseconds * NanosecondsPerMillisecond));
            if (!busy) TellNowhere(link, now);
            return;
        }
        if (link.HasDialled) Volatile.Write(ref link.Statistics.ReconnectsCount, link.Statistics.ReconnectsCount + 1);
        if (link.IsUp) Volatile.Write(ref link.Statistics.RedialsCount, link.Statistics.RedialsCount + 1);
        link.HasDialled = true;
        QuicAddress address = QuicAddress.From(place);
        ulong handle = QuicNative.Dial(_endpoint, link.Index, &address);
        if (handle != 0)
        {
            link.DialBegan(handle, place);
            return;
        }
        link.Statistics.Failed[(int)CloseReason.Internal]++;
        link.BackOff(now, _options);
        TellFailedDial(link, now, place, CloseReason.Internal);
    }

    /// <summary>The peer's addresses in turn, without those where another peer is, or is being dialled.</summary>
    /// <param name="busy">There is an address, but it is being dialled.</param>
    private IPEndPoint? NextPlace(PeerLink link, ulong now, out bool busy)
    {
        busy = false;
        _places.Clear();
        if (link.Met is { } met) _places.Add(met);
        foreach (PeerAddress hint in link.Addresses) AddPlaces(hint, now);
        for (int i = 0; i < _places.Count; i++)
        {
            int at = (link.NextPlace + i) % _places.Count;
            IPEndPoint place = _places[at];
            if (_occupied.TryGetValue(place, out (int Who, ulong Until) other) && other.Who != link.Index && now < other.Until) continue;
            if (Array.Exists(_active, l => l != link && l.DialledTo is { } dialled && dialled.Equals(place)))
            {
                busy = true;
                continue;
            }
            link.NextPlace = at + 1;
            return place;
        }
        return null;
    }

    private void AddPlaces(PeerAddress hint, ulong now)
    {
        if (HintReach.Explain(hint, _options.Listen.Address) is not null) return;
        if (hint.TryGetEndPoint(out IPEndPoint literal))
        {
            _places.Add(literal);
            return;
        }
        foreach (IPAddress address in _names.Of(hint, now, dialling: true)) _places.Add(new IPEndPoint(address, hint.Port));
    }

    /// <summary>No failure is silent, not even that of a peer without an address.</summary>
    private void TellNowhere(PeerLink link, ulong now)
    {
        if (link.IsUp || now < link.DownSince + PatienceWithoutPlace) return;
        link.FailedDials.Count++;
        if (!link.FailedDials.IsDue(now, out _)) return;
        string why = link.Addresses.Count == 0 ? "no address of it is in network.bootstrap_peers, and it does not dial us"
            : _places.Count == 0 ? "none of its addresses in network.bootstrap_peers can be used, and it does not dial us"
            : "where it should be others answer, or this validator itself, and it does not dial us";
        Log(TransportLogLevel.Warning, link.Index, $"not connected: {why}", CloseReason.None);
    }

    /// <summary>
    /// Another peer answered: the other addresses of the one we wanted are tried at once, and the one that answered need not be
    /// searched for.
    /// </summary>
    private void MetAnother(PeerLink link, int who, IPEndPoint place, ulong now)
    {
        link.DialEnded();
        link.NextDial = now;
        _occupied[place] = (who, now + OccupiedFor);
        if (who == Ourselves)
        {
            Log(TransportLogLevel.Info, -1, $"{place} (network.bootstrap_peers) is this validator's own address: not dialled", CloseReason.Self);
            return;
        }
        if ((uint)who >= (uint)_links.Length || _links[who] is not { } met || met.IsUp) return;
        met.Met = place;
        met.NextPlace = 0;
        if (!met.Dialling) Hasten(met, now);
    }

    /// <summary>Dials by then, but not a peer that is shut out.</summary>
    private static void Hasten(PeerLink link, ulong at) => link.NextDial = Math.Min(link.NextDial, Math.Max(at, link.Penalty.Until));

    private void Lost(PeerLink link, ulong now)
    {
        link.DownSince = now;
        if (!link.Leads) link.NextDial = Math.Max(link.NextDial, now + Yield());
        foreach ((IPEndPoint place, (int who, ulong until)) in _occupied.ToArray())
        {
            if (who == link.Index) _occupied[place] = (who, Math.Min(until, now + OccupiedAfterLoss));
        }
    }

    // ---------------------------------------------------------------- where peers are

    private void SetAddresses(PeerLink link, IReadOnlyList<PeerAddress> addresses, ulong now)
    {
        link.SetAddresses(addresses);
        _occupied.Clear();
        _names.Renew(_active.SelectMany(l => l.Addresses).Where(IsName));
        if (!link.IsUp && !link.Dialling) link.NextDial = Math.Max(link.Leads ? now : now + Yield(), link.Penalty.Until);
        Know(link, now);
    }

    private void TakeName(NameFound found, ulong now)
    {
        if (!_names.Take(found, now)) return;
        foreach (PeerLink link in _active)
        {
            if (!link.Addresses.Any(a => a.Kind == found.Kind && a.Host == found.Host)) continue;
            Know(link, now);
            if (MayDial(link)) Hasten(link, link.Leads || link.IsUp ? now : Math.Max(now, link.DownSince + Yield()));
        }
    }

    /// <summary>Asks again for the names that are due, once a second.</summary>
    private void RenewNames(ulong now)
    {
        foreach (PeerLink link in _active)
        {
            // By index: this runs while nothing may be allocated.
            for (int i = 0; i < link.Addresses.Count && !link.Removed; i++)
            {
                if (IsName(link.Addresses[i])) _names.Of(link.Addresses[i], now, dialling: false);
            }
        }
        Volatile.Write(ref _statistics.LookupsCount, _names.Lookups);
        Volatile.Write(ref _statistics.LookupsFailedCount, _names.Failed);
    }

    private static bool IsName(PeerAddress hint) => hint.Kind is HostKind.Dns or HostKind.Dns4 or HostKind.Dns6;

    /// <summary>Tells the shim where the peer may come from, so that strangers' handshakes do not use up its share.</summary>
    private void Know(PeerLink link, ulong now)
    {
        _places.Clear();
        foreach (PeerAddress hint in link.Addresses) AddPlaces(hint, now);
        for (int place = 0; place < QuicNative.Hints; place++)
        {
            if (place >= _places.Count)
            {
                QuicNative.Know(_endpoint, link.Index, (uint)place, null);
                continue;
            }
            QuicAddress address = QuicAddress.From(_places[place]);
            QuicNative.Know(_endpoint, link.Index, (uint)place, &address);
        }
    }
}
