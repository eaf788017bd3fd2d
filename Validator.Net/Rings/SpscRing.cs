using System.Numerics;
using System.Runtime.CompilerServices;

namespace Validator.Net.Rings;

/// <summary>
/// A bounded lock-free queue for exactly one producer thread and one consumer thread (Lamport's ring, with each side
/// caching the other's index so that the shared cache lines move only when the cached view runs out).
/// The capacity is a power of two. Nothing is allocated after construction.
/// </summary>
public sealed class SpscRing<T>
{
    private readonly T[] _slots;
    private readonly int _mask;
    private RingIndices _indices;

    /// <param name="capacity">Slots; rounded up to a power of two, at least 2.</param>
    public SpscRing(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1 << 30);
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, 2));
        _slots = new T[size];
        _mask = size - 1;
    }

    /// <summary>Slots in the ring.</summary>
    public int Capacity => _slots.Length;

    /// <summary>Items in the ring; exact only when both sides rest.</summary>
    public int Count => (int)(Volatile.Read(ref _indices.Tail) - Volatile.Read(ref _indices.Head));

    /// <summary>True when the consumer would find nothing now.</summary>
    public bool IsEmpty => Volatile.Read(ref _indices.Tail) == Volatile.Read(ref _indices.Head);

    /// <summary>Slots the producer can certainly fill now. Producer only.</summary>
    public int FreeSlots()
    {
        _indices.CachedHead = Volatile.Read(ref _indices.Head);
        return _slots.Length - (int)(_indices.Tail - _indices.CachedHead);
    }

    /// <summary>Appends an item, or returns false when the ring is full. Producer only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryEnqueue(in T item)
    {
        long tail = _indices.Tail;
        if (tail - _indices.CachedHead == _slots.Length)
        {
            _indices.CachedHead = Volatile.Read(ref _indices.Head);
            if (tail - _indices.CachedHead == _slots.Length) return false;
        }
        _slots[(int)tail & _mask] = item;
        Volatile.Write(ref _indices.Tail, tail + 1);
        return true;
    }

    /// <summary>Takes the oldest item, or returns false when the ring is empty. Consumer only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryDequeue(out T item)
    {
        long head = _indices.Head;
        if (head == _indices.CachedTail)
        {
            _indices.CachedTail = Volatile.Read(ref _indices.Tail);
            if (head == _indices.CachedTail)
            {
                item = default!;
                return false;
            }
        }
        ref T slot = ref _slots[(int)head & _mask];
        item = slot;
        if (RuntimeHelpers.IsReferenceOrContainsReferences<T>()) slot = default!;
        Volatile.Write(ref _indices.Head, head + 1);
        return true;
    }

    /// <summary>Looks at the oldest item without taking it. Consumer only.</summary>
    public bool TryPeek(out T item)
    {
        long head = _indices.Head;
        if (head == Volatile.Read(ref _indices.Tail))
        {
            item = default!;
            return false;
        }
        item = _slots[(int)head & _mask];
        return true;
    }
}
