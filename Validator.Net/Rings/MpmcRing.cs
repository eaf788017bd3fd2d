using System.Numerics;

namespace Validator.Net.Rings;

/// <summary>
/// A bounded lock-free queue for any number of producers and consumers (Vyukov's sequence-number ring): each slot
/// carries the ticket for which it is ready. The capacity is a power of two.
/// </summary>
public sealed class MpmcRing<T>
{
    private readonly Slot[] _slots;
    private readonly int _mask;
    private RingIndices _indices;

    private struct Slot
    {
        public long Sequence;
        public T Item;
    }

    /// <param name="capacity">Slots; rounded up to a power of two, at least 2.</param>
    public MpmcRing(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1 << 30);
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, 2));
        _slots = new Slot[size];
        _mask = size - 1;
        for (int i = 0; i < size; i++) _slots[i].Sequence = i;
    }

    /// <summary>Slots in the ring.</summary>
    public int Capacity => _slots.Length;

    /// <summary>Items in the ring, approximately.</summary>
    public int Count => (int)Math.Max(0, Volatile.Read(ref _indices.Tail) - Volatile.Read(ref _indices.Head));

    /// <summary>Appends an item, or returns false when the ring is full.</summary>
    public bool TryEnqueue(T item)
    {
        while (true)
        {
            long tail = Volatile.Read(ref _indices.Tail);
            ref Slot slot = ref _slots[(int)tail & _mask];
            long ready = Volatile.Read(ref slot.Sequence) - tail;
            if (ready < 0) return false;
            if (ready == 0 && Interlocked.CompareExchange(ref _indices.Tail, tail + 1, tail) == tail)
            {
                slot.Item = item;
                Volatile.Write(ref slot.Sequence, tail + 1);
                return true;
            }
        }
    }

    /// <summary>Takes the oldest item, or returns false when the ring is empty.</summary>
    public bool TryDequeue(out T item)
    {
        while (true)
        {
            long head = Volatile.Read(ref _indices.Head);
            ref Slot slot = ref _slots[(int)head & _mask];
            long ready = Volatile.Read(ref slot.Sequence) - (head + 1);
            if (ready < 0)
            {
                item = default!;
                return false;
            }
            if (ready == 0 && Interlocked.CompareExchange(ref _indices.Head, head + 1, head) == head)
            {
                item = slot.Item;
                slot.Item = default!;
                Volatile.Write(ref slot.Sequence, head + _slots.Length);
                return true;
            }
        }
    }
}
