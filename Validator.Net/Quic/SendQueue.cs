using Validator.Net.Buffers;

namespace Validator.Net.Quic;

/// <summary>
/// The buffers of one channel that the shim still points at, oldest first: bounded in bytes by the caller, released as
/// the peer acknowledges. Grows by doubling and keeps its size.
/// </summary>
internal sealed class SendQueue(long maxBytes)
{
    private PooledBuffer?[] _ring = new PooledBuffer?[64];
    private ulong _head;
    private ulong _tail;

    /// <summary>Wire bytes queued or unacknowledged.</summary>
    internal long Bytes { get; private set; }

    /// <summary>True if a frame of that many wire bytes still fits. An empty queue takes any frame.</summary>
    internal bool HasRoom(long wireBytes) => Bytes == 0 || Bytes + wireBytes <= maxBytes;

    internal void Add(PooledBuffer frame)
    {
        if (_tail - _head == (ulong)_ring.Length) Grow();
        _ring[_tail++ & (ulong)(_ring.Length - 1)] = frame;
        Bytes += frame.Length + PooledBuffer.PrefixBytes;
    }

    /// <summary>Releases all up to the given count of frames since the connection came up.</summary>
    internal void ReleaseUntil(ulong acknowledged)
    {
        while (_head < acknowledged) ReleaseOldest();
    }

    internal int Count => (int)(_tail - _head);

    /// <summary>Frame i of those that are not acknowledged, oldest first.</summary>
    internal PooledBuffer this[int i] => _ring[(_head + (ulong)i) & (ulong)(_ring.Length - 1)]!;

    /// <summary>The next connection begins with the frames that were not acknowledged on this one.</summary>
    internal void Restart()
    {
        var kept = new PooledBuffer?[_ring.Length];
        int count = Count;
        for (int i = 0; i < count; i++) kept[i] = this[i];
        _ring = kept;
        _head = 0;
        _tail = (ulong)count;
    }

    /// <summary>The connection is gone, and with it every pointer into the buffers.</summary>
    internal void Clear()
    {
        while (_head < _tail) ReleaseOldest();
        _head = _tail = 0;
    }

    private void ReleaseOldest()
    {
        ref PooledBuffer? slot = ref _ring[_head++ & (ulong)(_ring.Length - 1)];
        PooledBuffer frame = slot!;
        slot = null;
        Bytes -= frame.Length + PooledBuffer.PrefixBytes;
        frame.Release();
    }

    private void Grow()
    {
        var larger = new PooledBuffer?[_ring.Length * 2];
        for (ulong i = _head; i < _tail; i++) larger[i & (ulong)(larger.Length - 1)] = _ring[i & (ulong)(_ring.Length - 1)];
        _ring = larger;
    }
}
