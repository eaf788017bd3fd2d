using System.Diagnostics;

namespace Validator.Host.Node;

/// <summary>The two clocks that every Core input carries, both in microseconds.</summary>
public static class Clock
{
    /// <summary>Monotonic, from an arbitrary start.</summary>
    public static long MonotonicMicros() =>
        (long)((Int128)Stopwatch.GetTimestamp() * 1_000_000 / Stopwatch.Frequency);

    /// <summary>Unix time.</summary>
    public static ulong WallMicros() =>
        (ulong)((DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / (TimeSpan.TicksPerMillisecond / 1000));
}
