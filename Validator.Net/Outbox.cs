using Validator.Net.Buffers;
using Validator.Net.Rings;

namespace Validator.Net;

/// <summary>An order to the network thread: Peer is an index, or Outbox.Everyone.</summary>
internal readonly record struct OutboxItem(int Peer, Channel Channel, PooledBuffer Frame);

/// <summary>
/// One producer thread's way out. TrySend and TryBroadcast take over one of the caller's references if they return
/// true; on false (the ring is full: the network thread is behind) the caller still holds it. Nothing leaves before
/// Flush, so that a batch costs one wake-up.
/// </summary>
public sealed class Outbox
{
    internal const int Everyone = -1;

    private readonly SpscRing<OutboxItem> _ring;
    private readonly IWaker _network;
    private readonly int _peers;
    private readonly int _maxFrameBytes;

    internal Outbox(int capacity, int peers, int maxFrameBytes, IWaker network)
    {
        _ring = new SpscRing<OutboxItem>(capacity);
        _network = network;
        _peers = peers;
        _maxFrameBytes = maxFrameBytes;
    }

    internal SpscRing<OutboxItem> Ring => _ring;

    /// <summary>Queues a frame for one peer. The frame is at most MaxFrameBytes long and no longer written to.</summary>
    public bool TrySend(int peer, Channel channel, PooledBuffer frame)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)peer, (uint)_peers, nameof(peer));
        return TryEnqueue(new OutboxItem(peer, channel, frame));
    }

    /// <summary>Queues one frame for every other peer; all of them share the buffer.</summary>
    public bool TryBroadcast(Channel channel, PooledBuffer frame) => TryEnqueue(new OutboxItem(Everyone, channel, frame));

    /// <summary>Makes the network thread look at what was queued.</summary>
    public void Flush() => _network.Wake();

    private bool TryEnqueue(in OutboxItem item)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(item.Frame.Length, _maxFrameBytes);
        // The prefix depends on the length alone, so sealing a shared buffer twice writes the same bytes.
        item.Frame.Seal();
        return _ring.TryEnqueue(item);
    }
}
