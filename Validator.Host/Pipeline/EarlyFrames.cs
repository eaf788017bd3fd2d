using Validator.Net.Buffers;

namespace Validator.Host.Pipeline;

/// <summary>
/// Frames of the next epoch that came before it began here: peers are never in quite the same step. Bounded over all and per peer;
/// what is too much is dropped, and comes again by Status. One thread.
/// </summary>
internal sealed class EarlyFrames
{
    private const int MaxFrames = 1024;
    private const int MaxFramesPerPeer = 128;
    private const long MaxBytes = 16L * 1024 * 1024;
    private const long MaxBytesPerPeer = 4L * 1024 * 1024;

    private readonly Queue<ReceivedFrame> _frames = new();
    private readonly Dictionary<int, (int Frames, long Bytes)> _perPeer = [];
    private long _bytes;

    public int Count => _frames.Count;

    /// <summary>Keeps a reference of its own to the buffer; false when there is no room.</summary>
    public bool TryKeep(int peer, PooledBuffer buffer)
    {
        (int frames, long bytes) = _perPeer.GetValueOrDefault(peer);
        bool room = _frames.Count < MaxFrames && frames < MaxFramesPerPeer
            && _bytes + buffer.Length <= MaxBytes && bytes + buffer.Length <= MaxBytesPerPeer;
        if (room)
        {
            _frames.Enqueue(new ReceivedFrame(peer, buffer.Retain()));
            _perPeer[peer] = (frames + 1, bytes + buffer.Length);
            _bytes += buffer.Length;
        }

        return room;
    }

    /// <summary>All of them in the order in which they came; the caller releases each buffer.</summary>
    public ReceivedFrame[] TakeAll()
    {
        ReceivedFrame[] all = [.. _frames];
        _frames.Clear();
        _perPeer.Clear();
        _bytes = 0;
        return all;
    }
}
