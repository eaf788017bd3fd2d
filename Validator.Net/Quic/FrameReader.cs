using System.Runtime.InteropServices;
using Validator.Net.Buffers;
using Validator.Net.Rings;

namespace Validator.Net.Quic;

/// <summary>
/// Cuts what a channel has received into frames (u32 little-endian length, payload) and hands them to the consumer.
/// A frame is taken only when whole, so that no peer can hold a buffer with a promise; flow control bounds the rest.
/// Control may use the whole ring and pool; the other channels leave it an eighth.
/// </summary>
internal sealed unsafe class FrameReader
{
    internal enum Outcome
    {
        /// <summary>All complete frames were taken.</summary>
        Drained,

        /// <summary>The turn is over; there is more.</summary>
        More,

        /// <summary>The ring or the pool is full.</summary>
        Blocked,

        /// <summary>The peer announced a frame longer than allowed.</summary>
        Oversize,
    }

    // One turn, so that a fast peer does not keep the others waiting.
    private const int FramesPerTurn = 256;
    private const ulong BytesPerTurn = 1 << 20;
    private const int ReservedShare = 8;

    private readonly SpscRing<TransportEvent> _events;
    private readonly PinnedBufferPool _pool;
    private readonly uint _maxFrameBytes;
    private readonly int _ringReserve;
    private readonly long _poolReserve;

    internal FrameReader(SpscRing<TransportEvent> events, PinnedBufferPool pool, int maxFrameBytes)
    {
        _events = events;
        _pool = pool;
        _maxFrameBytes = (uint)maxFrameBytes;
        _ringReserve = events.Capacity / ReservedShare;
        _poolReserve = pool.MaxBytes / ReservedShare;
    }

    /// <summary>Takes one turn's frames of a channel: consumed is the wire bytes taken, frames their number.</summary>
    internal Outcome Read(int peer, int channel, QuicRx* rx, out ulong consumed, out int frames)
    {
        consumed = 0;
        frames = 0;
        ulong available = rx->Tail - rx->Head;
        int ringReserve = channel == (int)Channel.Control ? 0 : _ringReserve;
        long poolReserve = channel == (int)Channel.Control ? 0 : _poolReserve;
        while (available - consumed >= PooledBuffer.PrefixBytes)
        {
            uint length = ReadLength(rx, rx->Head + consumed);
            if (length > _maxFrameBytes) return Outcome.Oversize;
            if (available - consumed - PooledBuffer.PrefixBytes < length) return Outcome.Drained;
            if (frames == FramesPerTurn || consumed > BytesPerTurn) return Outcome.More;
            if (_events.FreeSlots() <= ringReserve) return Outcome.Blocked;
            if (!_pool.TryRent((int)length, out PooledBuffer? buffer, poolReserve)) return Outcome.Blocked;
            Copy(rx, rx->Head + consumed + PooledBuffer.PrefixBytes, buffer.Span);
            _events.TryEnqueue(new TransportEvent(TransportEventKind.Frame, (Channel)channel, peer, buffer));
            consumed += PooledBuffer.PrefixBytes + length;
            frames++;
        }
        return Outcome.Drained;
    }

    private static uint ReadLength(QuicRx* rx, ulong position)
    {
        // Byte by byte: the prefix may lie across the ring's end.
        uint length = 0;
        for (int i = 0; i < PooledBuffer.PrefixBytes; i++) length |= (uint)rx->Base[(position + (ulong)i) & rx->Mask] << (8 * i);
        return length;
    }

    private static void Copy(QuicRx* rx, ulong position, Span<byte> destination)
    {
        ulong start = position & rx->Mask;
        int first = (int)Math.Min((ulong)destination.Length, rx->Mask + 1 - start);
        MemoryMarshal.CreateReadOnlySpan(ref rx->Base[start], first).CopyTo(destination);
        MemoryMarshal.CreateReadOnlySpan(ref rx->Base[0], destination.Length - first).CopyTo(destination[first..]);
    }
}
