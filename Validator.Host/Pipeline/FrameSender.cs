using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Buffers;

namespace Validator.Host.Pipeline;

/// <summary>
/// One thread's way to the network: encodes frames into pinned buffers and queues them. What finds no buffer or no room is
/// dropped and counted; whoever needs it asks again.
/// </summary>
internal sealed class FrameSender(Outbox outbox, PinnedBufferPool pool)
{
    private const int Everyone = -1;

    private long _dropped;

    /// <summary>Bytes of a vertex's frame before its payload, in a committee of that size.</summary>
    public static int VertexHeadBytes(int members) => 1 + VertexCodec.HeaderSize(members) + Limits.SignatureBytes;

    /// <summary>Frames that found no buffer or no room.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Queues a message other than a vertex for a peer, or for all others with -1.</summary>
    public bool Send(int peer, Channel channel, IMessage message)
    {
        if (peer >= Everyone && pool.TryRent(FrameCodec.EncodedSize(message), out PooledBuffer? buffer))
        {
            Require.That(FrameCodec.Write(message, buffer.Span) == buffer.Length);
            return Queue(peer, channel, buffer);
        }

        return Drop();
    }

    private bool Queue(int peer, Channel channel, PooledBuffer buffer)
    {
        if (peer == Everyone ? outbox.TryBroadcast(channel, buffer) : outbox.TrySend(peer, channel, buffer))
        {
            return true;
        }

        buffer.Release();
        return Drop();
    }

    private bool Drop()
    {
        Volatile.Write(ref _dropped, _dropped + 1);
        return false;
    }

    /// <summary>Sends it in place where its buffer is a whole frame. The caller keeps its reference.</summary>
    public bool SendVertex(int peer, Channel channel, HeldVertex vertex)
    {
        if (peer >= Everyone && vertex.Frame is { } frame)
        {
            return Queue(peer, channel, frame.Retain());
        }

        if (peer >= Everyone && pool.TryRent(1 + VertexCodec.EncodedSize(vertex.Header), out PooledBuffer? buffer))
        {
            int written = FrameCodec.WriteVertexHead(vertex.Header, vertex.Signature, buffer.Span);
            Require.That(written + vertex.Payload.Length == buffer.Length);
            vertex.Payload.CopyTo(buffer.Span[written..]);
            return Queue(peer, channel, buffer);
        }

        return Drop();
    }

    /// <summary>A record that the vote store holds durably, for the first time.</summary>
    public void BroadcastSigned(in OwnRecord record)
    {
        if (record.Payload.Held is { } vertex)
        {
            SendVertex(Everyone, Channel.Payload, vertex);
            return;
        }

        Send(Everyone, Channel.Control, record.Message);
    }

    /// <summary>Makes the network thread look at what was queued.</summary>
    public void Flush() => outbox.Flush();
}
