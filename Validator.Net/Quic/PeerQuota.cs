namespace Validator.Net.Quic;

/// <summary>
/// How fast one peer's frames are taken. The rest waits in QUIC's window and then at the peer. So an honest peer that catches up
/// is slowed and loses nothing, and one that floods costs the others no more than these numbers. Network thread only.
/// </summary>
internal sealed class PeerQuota
{
    /// <summary>Seconds' worth that may be taken at once.</summary>
    private const double Burst = 1;

    private readonly PeerRates? _rates;
    private readonly double[] _frames = new double[PeerRates.Channels];
    private readonly double[] _bytes = new double[PeerRates.Channels];
    private readonly ulong[] _at = new ulong[PeerRates.Channels];

    /// <param name="rates">Null: no limit.</param>
    internal PeerQuota(PeerRates? rates)
    {
        _rates = rates;
        Reset();
    }

    /// <summary>Full again: a new connection.</summary>
    internal void Reset()
    {
        for (int i = 0; _rates is not null && i < PeerRates.Channels; i++)
        {
            _frames[i] = _rates.Frames[i] * Burst;
            _bytes[i] = _rates.Bytes[i] * Burst;
        }
    }

    /// <summary>True when a turn of the channel may be read; the turn may exceed the quota by its own size.</summary>
    internal bool MayRead(int channel, ulong now)
    {
        if (_rates is null) return true;
        double passed = now > _at[channel] ? (now - _at[channel]) / 1e9 : 0;
        _at[channel] = now;
        _frames[channel] = Math.Min(_frames[channel] + (passed * _rates.Frames[channel]), _rates.Frames[channel] * Burst);
        _bytes[channel] = Math.Min(_bytes[channel] + (passed * _rates.Bytes[channel]), _rates.Bytes[channel] * Burst);
        return _frames[channel] > 0 && _bytes[channel] > 0;
    }

    internal void Take(int channel, int frames, ulong bytes)
    {
        _frames[channel] -= frames;
        _bytes[channel] -= bytes;
    }
}

/// <summary>
/// How long a peer that broke the rules stays out: 1 s, doubled by each further fault up to a minute, forgotten after ten good
/// minutes.
/// </summary>
internal struct PeerPenalty
{
    private const ulong Second = 1_000_000_000;
    private const ulong Longest = 60 * Second;
    private const ulong Forgotten = 600 * Second;

    private int _faults;
    private ulong _last;

    /// <summary>Until when it is shut out, ns.</summary>
    internal ulong Until { get; private set; }

    /// <returns>Until when it is shut out, ns.</returns>
    internal ulong Add(ulong now)
    {
        if (now - _last > Forgotten) _faults = 0;
        _last = now;
        ulong pause = Math.Min(Second << Math.Min(_faults++, 6), Longest);
        Until = now + pause;
        return Until;
    }
}
