using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Validator.Core.Primitives;

namespace Validator.Net.Buffers;

/// <summary>
/// One frame's bytes in pinned memory, counted by reference: it goes back to its pool with the last Release. The four
/// bytes in front of the payload hold the frame's length on the wire, so header and payload are sent as one piece.
/// The holder of the only reference may write; from the first hand-over on the bytes are read only.
/// </summary>
public sealed unsafe class PooledBuffer
{
    /// <summary>Bytes in front of the payload: u32 little-endian length, aligned so that the payload starts on 8 bytes.</summary>
    internal const int Headroom = 8;

    /// <summary>Bytes of the length prefix on the wire.</summary>
    internal const int PrefixBytes = 4;

    private readonly PinnedBufferPool _pool;
    private readonly byte[] _storage;
    private readonly byte* _payload;
    private int _length;
    private int _references;

    internal PooledBuffer(PinnedBufferPool pool, int sizeClass, int capacity)
    {
        _pool = pool;
        SizeClass = sizeClass;
        Capacity = capacity;
        _storage = GC.AllocateUninitializedArray<byte>(capacity + Headroom, pinned: true);
        _payload = (byte*)Unsafe.AsPointer(ref _storage[0]) + Headroom;
    }

    internal int SizeClass { get; }

    /// <summary>Most payload bytes this buffer can hold.</summary>
    public int Capacity { get; }

    /// <summary>Payload bytes in use, 0 to Capacity. The writer sets it before handing the buffer over.</summary>
    public int Length
    {
        get => _length;
        set
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)value, (uint)Capacity);
            _length = value;
        }
    }

    /// <summary>The payload, Length bytes.</summary>
    public Span<byte> Span => new(_payload, _length);

    /// <summary>
    /// The payload, Length bytes, for code that outlives the stack frame. The reference must be held meanwhile.
    /// </summary>
    public Memory<byte> Memory => _storage.AsMemory(Headroom, _length);

    /// <summary>All of the payload's room, Capacity bytes.</summary>
    public Span<byte> Room => new(_payload, Capacity);

    /// <summary>Address of the payload; stays the same for the buffer's life.</summary>
    public byte* Pointer => _payload;

    /// <summary>Address of the wire form, PrefixBytes + Length bytes, valid after <see cref="Seal"/>.</summary>
    internal byte* WirePointer => _payload - PrefixBytes;

    /// <summary>Writes the length prefix. Done once, by the thread that hands the buffer to an outbox.</summary>
    internal void Seal() => BinaryPrimitives.WriteUInt32LittleEndian(new Span<byte>(WirePointer, PrefixBytes), (uint)_length);

    internal void Lease(int length)
    {
        _length = length;
        Volatile.Write(ref _references, 1);
    }

    /// <summary>Adds one reference. Only a holder of one may call it.</summary>
    public PooledBuffer Retain()
    {
        int now = Interlocked.Increment(ref _references);
        Require.That(now > 1, "a released buffer was retained");
        return this;
    }

    /// <summary>Adds several references at once.</summary>
    internal void Retain(int count)
    {
        int now = Interlocked.Add(ref _references, count);
        Require.That(now > count, "a released buffer was retained");
    }

    /// <summary>Gives one reference back; the last one returns the buffer to its pool. Any thread.</summary>
    public void Release()
    {
        int now = Interlocked.Decrement(ref _references);
        Require.That(now >= 0, "a buffer was released more often than retained");
        if (now == 0) _pool.Return(this);
    }
}
