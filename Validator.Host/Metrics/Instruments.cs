using System.Diagnostics;

namespace Validator.Host.Metrics;

/// <summary>A count that only grows. Any thread may add.</summary>
public sealed class Counter
{
    private long _value;

    public long Value => Volatile.Read(ref _value);

    public void Add(long amount = 1) => Interlocked.Add(ref _value, amount);
}

/// <summary>A value that moves. Any thread may set it.</summary>
public sealed class Gauge
{
    private double _value;

    public double Value
    {
        get => Volatile.Read(ref _value);
        set => Volatile.Write(ref _value, value);
    }
}

/// <summary>
/// A cumulative histogram with fixed bounds. Any thread may observe; a scrape may see an observation's bucket before its
/// sum, never a bucket count above the total.
/// </summary>
public sealed class Histogram
{
    private readonly double[] _bounds;
    private readonly long[] _buckets;
    private long _sumMicros;

    /// <param name="bounds">Upper bounds, ascending, without infinity; in the metric's unit (seconds, items).</param>
    public Histogram(params double[] bounds)
    {
        _bounds = bounds;
        _buckets = new long[bounds.Length + 1];
    }

    public ReadOnlySpan<double> Bounds => _bounds;

    /// <summary>The sum of all values, to a millionth.</summary>
    public double Sum => Volatile.Read(ref _sumMicros) / 1e6;

    /// <summary>Counts per bucket, not cumulative; the last is above all bounds.</summary>
    public void Read(Span<long> counts)
    {
        for (int i = 0; i < _buckets.Length; i++)
        {
            counts[i] = Volatile.Read(ref _buckets[i]);
        }
    }

    /// <param name="times">How often the value occurred.</param>
    public void Observe(double value, long times = 1)
    {
        int bucket = 0;
        while (bucket < _bounds.Length && value > _bounds[bucket])
        {
            bucket++;
        }

        Interlocked.Add(ref _buckets[bucket], times);
        Interlocked.Add(ref _sumMicros, (long)(value * 1e6) * times);
    }

    /// <summary>Observes the seconds since a Stopwatch timestamp.</summary>
    public void ObserveSince(long timestamp, long times = 1) =>
        Observe(Stopwatch.GetElapsedTime(timestamp).TotalSeconds, times);
}
