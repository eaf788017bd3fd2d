using System.Numerics;

namespace Validator.Host.Tools.Load;

/// <summary>
/// Counts of latencies in microseconds in log-linear buckets, as in HdrHistogram: each power of two is cut into 128 equal
/// buckets, so a reported value is within 0.4 % of the true one. One writer; not synchronized.
/// </summary>
public sealed class LatencyHistogram
{
    private const int SubBucketBits = 7;
    private const int SubBuckets = 1 << SubBucketBits;

    // 2^40 us is 12 days; anything longer lands in the last bucket.
    private const int MaxBits = 40;
    private const long MaxTrackable = (1L << MaxBits) - 1;

    private readonly long[] _counts = new long[(MaxBits - SubBucketBits + 1) * SubBuckets];

    public long Count { get; private set; }

    /// <summary>The largest value recorded, exact.</summary>
    public long MaxMicros { get; private set; }

    public void Record(long micros)
    {
        micros = Math.Max(micros, 0);
        _counts[BucketOf(micros)]++;
        Count++;
        MaxMicros = Math.Max(MaxMicros, micros);
    }

    public void Add(LatencyHistogram other)
    {
        for (int i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }

        Count += other.Count;
        MaxMicros = Math.Max(MaxMicros, other.MaxMicros);
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
        MaxMicros = 0;
    }

    /// <summary>
    /// The smallest bucket at or below which <paramref name="percent"/> of the values lie, microseconds; 0 when empty.
    /// </summary>
    /// <param name="percent">In 0..100.</param>
    public long PercentileMicros(double percent)
    {
        if (Count == 0)
        {
            return 0;
        }

        long wanted = Math.Max(1, (long)Math.Ceiling(Count * percent / 100.0));
        long seen = 0;
        for (int i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= wanted)
            {
                return Math.Min(MiddleOf(i), MaxMicros);
            }
        }

        return MaxMicros;
    }

    private static int BucketOf(long micros)
    {
        ulong value = (ulong)Math.Min(micros, MaxTrackable);
        if (value < SubBuckets)
        {
            return (int)value;
        }

        int shift = BitOperations.Log2(value) - SubBucketBits;
        return ((shift + 1) * SubBuckets) + (int)((value >> shift) - SubBuckets);
    }

    private static long MiddleOf(int bucket)
    {
        if (bucket < SubBuckets)
        {
            return bucket;
        }

        int shift = (bucket / SubBuckets) - 1;
        long low = (long)(SubBuckets + (bucket % SubBuckets)) << shift;
        return low + ((1L << shift) >> 1);
    }
}
