using System.Diagnostics;

namespace Validator.Host.Contracts;

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

/// <summary>A histogram with fixed bounds. Any thread may observe.</summary>
public sealed class Histogram
{
    private readonly double[] _bounds;
    private readonly long[] _counts;
    private readonly long[] _sumMicros;

    /// <param name="bounds">Upper bounds, ascending, without infinity; in the metric's unit (seconds, items).</param>
    public Histogram(params double[] bounds)
    {
        _bounds = bounds;
        _counts = new long[bounds.Length + 1];
        _sumMicros = new long[bounds.Length + 1];
    }

    public ReadOnlySpan<double> Bounds => _bounds;

    /// <summary>Count and sum of each bucket alone, the sum to a millionth; the last bucket is above all bounds.</summary>
    public (long Count, double Sum) Read(int bucket) => (Volatile.Read(ref _counts[bucket]), Volatile.Read(ref _sumMicros[bucket]) / 1e6);

    /// <param name="times">How often the value occurred.</param>
    public void Observe(double value, long times = 1)
    {
        int bucket = 0;
        while (bucket < _bounds.Length && value > _bounds[bucket])
        {
            bucket++;
        }

        Interlocked.Add(ref _counts[bucket], times);
        Interlocked.Add(ref _sumMicros[bucket], (long)Math.Round(value * 1e6) * times);
    }

    /// <summary>Observes the seconds since a Stopwatch timestamp.</summary>
    public void ObserveSince(long timestamp, long times = 1) =>
        Observe(Stopwatch.GetElapsedTime(timestamp).TotalSeconds, times);
}
