namespace Validator.Core.Consensus;

/// <summary>A delay that grows with load: what it is now, smoothed as of RFC 6298, and what it is when nothing queues.</summary>
internal struct DelayTrack
{
    /// <summary>The shortest delay is taken to grow by a 64th this often, microseconds: what became slower for good is believed in some minutes.</summary>
    private const long GrowthMicros = 10_000_000;

    private long _growthStart;

    /// <summary>Microseconds; 0 before the first.</summary>
    public long SmoothedMicros { get; private set; }

    /// <summary>The shortest so far, microseconds; 0 before the first.</summary>
    public long UnloadedMicros { get; private set; }

    /// <summary>What waits on top of the shortest, microseconds.</summary>
    public readonly long QueuedMicros => Math.Max(SmoothedMicros - UnloadedMicros, 0);

    /// <param name="mostMicros">One delay counts for no more in the smoothed one.</param>
    public void Measure(long delayMicros, long now, long mostMicros)
    {
        if (now - _growthStart >= GrowthMicros)
        {
            _growthStart = now;
            UnloadedMicros += UnloadedMicros / 64;
        }

        bool first = SmoothedMicros == 0;
        delayMicros = Math.Max(delayMicros, 1);
        UnloadedMicros = first ? delayMicros : Math.Min(UnloadedMicros, delayMicros);
        delayMicros = Math.Min(delayMicros, mostMicros);
        SmoothedMicros = first ? delayMicros : SmoothedMicros + ((delayMicros - SmoothedMicros) / 8);
    }
}
