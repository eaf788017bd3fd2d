using System.Diagnostics;
using Validator.Core.Primitives;

namespace Validator.Host.Primitives;

/// <summary>The two clocks that every Core input carries, both in microseconds.</summary>
public static class Clock
{
    private static long s_offset;
    private static Timer? s_reader;

    /// <summary>Monotonic, from an arbitrary start.</summary>
    public static long MonotonicMicros() =>
        (long)((Int128)Stopwatch.GetTimestamp() * 1_000_000 / Stopwatch.Frequency);

    /// <summary>Unix time.</summary>
    public static ulong WallMicros() =>
        (ulong)((DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / (TimeSpan.TicksPerMillisecond / 1000) + Volatile.Read(ref s_offset));

    /// <summary>
    /// For tests of wrong clocks: adds the seconds that a file holds, read again ten times a second. A static binary cannot be
    /// given another clock from outside, and the machine's own clock serves other programs too.
    /// </summary>
    public static void FollowOffset(string file)
    {
        Read(null);
        s_reader = new Timer(Read, null, 100, 100);

        void Read(object? state)
        {
            try
            {
                if (StrictNumber.TryReadReal(InputFile.ReadText(file).AsSpan().TrimEnd('\n'), out double seconds))
                {
                    Volatile.Write(ref s_offset, (long)(seconds * 1e6));
                }
            }
            catch (IOException)
            {
                // Just being written.
            }
        }
    }
}
