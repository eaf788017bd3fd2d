namespace Validator.Core.Consensus;

/// <summary>
/// A delay that grows with load: smoothed, with its mean deviation (RFC 6298); the shortest recent one; and the one without
/// queueing. All in microseconds, and 0 before the first measurement.
/// </summary>
internal struct DelayTrack
{
    /// <summary>The shortest recent delay is that of the last one to two windows of this length, microseconds.</summary>
    private const long WindowMicros = 10_000_000;

    private long _windowStart;

    // In this window and in the one before; 0 for none.
    private long _shortest;
    private long _shortestBefore;

    public long SmoothedMicros { get; private set; }

    public long DeviationMicros { get; private set; }

    /// <summary>
    /// The shortest so far, which grows by a 64th in each window, so that a path that became slower is believed within minutes.
    /// </summary>
    public long UnloadedMicros { get; private set; }

    public readonly long ShortestMicros => _shortest == 0 ? _shortestBefore
        : _shortestBefore == 0 ? _shortest
        : Math.Min(_shortest, _shortestBefore);

    /// <summary>What waits on top of the shortest so far.</summary>
    public readonly long QueuedMicros => Math.Max(SmoothedMicros - UnloadedMicros, 0);

    /// <param name="delay">Microseconds, as is <paramref name="most"/>: no delay counts for more in the smoothed one.</param>
    public void Measure(long delay, long now, long most)
    {
        if (now - _windowStart >= WindowMicros)
        {
            _windowStart = now;
            _shortestBefore = _shortest;
            _shortest = 0;
            UnloadedMicros += UnloadedMicros / 64;
        }

        delay = Math.Max(delay, 1);
        _shortest = _shortest == 0 ? delay : Math.Min(_shortest, delay);
        UnloadedMicros = UnloadedMicros == 0 ? delay : Math.Min(UnloadedMicros, delay);
        delay = Math.Min(delay, most);
        if (SmoothedMicros == 0)
        {
            SmoothedMicros = delay;
            DeviationMicros = delay / 2;
            return;
        }

        DeviationMicros += (Math.Abs(delay - SmoothedMicros) - DeviationMicros) / 4;
        SmoothedMicros += (delay - SmoothedMicros) / 8;
    }
}
