using System.Diagnostics.CodeAnalysis;
using Validator.Net.Rings;

namespace Validator.Net.Buffers;

/// <summary>
/// Pinned frame buffers in a few size classes, within one bound on the bytes of all of them, free ones included. When the bound
/// is reached a free buffer of another class is dropped to make room; without any TryRent returns false, which is backpressure
/// and no fault. Any thread may rent and return; a warm pool allocates nothing.
/// </summary>
public sealed class PinnedBufferPool
{
    private const int SmallestBytes = 1024;

    /// <summary>Free buffers remembered per class; beyond that they are left to the garbage collector.</summary>
    private const int MaxFreePerClass = 4 * 1024;

    /// <summary>Three times the length at most, as classes go by half powers of two.</summary>
    private const int MostClassesAbove = 3;

    private readonly int[] _capacities;
    private readonly MpmcRing<PooledBuffer>[] _free;
    private long _bytes;
    private long _rented;

    /// <param name="maxBytes">Bound on the sum of all capacities, bytes.</param>
    /// <param name="maxBufferBytes">Largest payload one buffer must hold, bytes.</param>
    /// <param name="usualBytes">A frequent length below it, which gets a size class of its own; 0: none.</param>
    public PinnedBufferPool(long maxBytes, int maxBufferBytes, int usualBytes = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBufferBytes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, maxBufferBytes);
        MaxBytes = maxBytes;
        MaxBufferBytes = maxBufferBytes;
        _capacities = [.. Classes(maxBufferBytes, usualBytes)];
        _free = new MpmcRing<PooledBuffer>[_capacities.Length];
        for (int i = 0; i < _free.Length; i++)
        {
            long most = Math.Min(MaxFreePerClass, Math.Max(2, maxBytes / _capacities[i]));
            _free[i] = new MpmcRing<PooledBuffer>((int)most);
        }
    }

    /// <summary>Bound on the bytes of all buffers.</summary>
    public long MaxBytes { get; }

    /// <summary>Largest payload one buffer holds.</summary>
    public int MaxBufferBytes { get; }

    /// <summary>Bytes of all buffers, free and rented.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Capacity bytes that are rented now.</summary>
    public long RentedBytes => Volatile.Read(ref _rented);

    /// <summary>Rents a buffer with one reference and the given Length; its bytes are not cleared.</summary>
    /// <param name="length">0 to MaxBufferBytes.</param>
    /// <param name="buffer">The buffer, when true is returned.</param>
    /// <param name="reserve">Bytes of the bound that this caller must leave for others.</param>
    public bool TryRent(int length, [NotNullWhen(true)] out PooledBuffer? buffer, long reserve = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)MaxBufferBytes, nameof(length));
        int sizeClass = 0;
        while (_capacities[sizeClass] < length) sizeClass++;
        int capacity = _capacities[sizeClass];

        buffer = null;
        if (Interlocked.Add(ref _rented, capacity) <= MaxBytes - reserve) buffer = Take(sizeClass);
        int excess = (buffer?.Capacity ?? 0) - capacity;
        if (excess != 0) Interlocked.Add(ref _rented, excess);
        buffer?.Lease(length);
        return buffer is not null;
    }

    private PooledBuffer? Take(int sizeClass)
    {
        // A buffer that is somewhat too large is better than a new one: lengths change with the load, and what is free stays.
        int largest = Math.Min(sizeClass + MostClassesAbove, _free.Length - 1);
        for (int i = sizeClass; i <= largest; i++)
        {
            if (_free[i].TryDequeue(out PooledBuffer? buffer)) return buffer;
        }
        return Allocate(sizeClass, _capacities[sizeClass]);
    }

    internal void Return(PooledBuffer buffer)
    {
        int capacity = buffer.Capacity;
        if (!_free[buffer.SizeClass].TryEnqueue(buffer)) Interlocked.Add(ref _bytes, -capacity);
        Interlocked.Add(ref _rented, -capacity);
    }

    private PooledBuffer? Allocate(int sizeClass, int capacity)
    {
        while (Interlocked.Add(ref _bytes, capacity) > MaxBytes)
        {
            Interlocked.Add(ref _bytes, -capacity);
            if (!GiveUpOne(sizeClass)) return null;
        }
        return new PooledBuffer(this, sizeClass, capacity);
    }

    private bool GiveUpOne(int except)
    {
        for (int i = _free.Length - 1; i >= 0; i--)
        {
            if (i == except || !_free[i].TryDequeue(out PooledBuffer? victim)) continue;
            Interlocked.Add(ref _bytes, -victim.Capacity);
            return true;
        }
        return false;
    }

    private static SortedSet<int> Classes(int max, int usual)
    {
        // Steps of half a power of two: payloads stay in these buffers for long, so at most a third of one is unused.
        SortedSet<int> classes = [max];
        for (long size = SmallestBytes; size < max; size *= 2)
        {
            classes.Add((int)size);
            if (size * 3 / 2 < max) classes.Add((int)(size * 3 / 2));
        }
        if (usual > 0 && usual < max) classes.Add(usual);
        return classes;
    }
}
