using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Net.Buffers;
using Validator.Tests.Host.Node;

namespace Validator.Tests.Host.Storage;

public class HeldVertexTests
{
    private const int PayloadBytes = 600;
    private readonly PinnedBufferPool _pool = new(1 << 20, 64 * 1024);

    /// <summary>
    /// Protects what is executed and stored: who has found a vertex reads its bytes, however quickly the cache forgets it and its
    /// buffer is used again.
    /// </summary>
    [Fact]
    public async Task A_found_vertex_keeps_its_bytes_while_the_cache_forgets()
    {
        const int vertices = 20_000;
        VertexCache cache = new(16 * 1024);
        VertexHeader[] headers = [.. Enumerable.Range(1, 64).Select(height => HeaderOf((ulong)height))];
        using CancellationTokenSource over = new();
        int found = 0;
        Task[] readers = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            for (int i = 0; !over.IsCancellationRequested; i++)
            {
                VertexHeader header = headers[i % headers.Length];
                if (cache.Find(header.Hash) is { } vertex)
                {
                    byte expected = (byte)header.Height;
                    Assert.Equal(-1, vertex.Payload.IndexOfAnyExcept(expected));
                    Assert.Equal(-1, vertex.Ids.IndexOfAnyExcept(expected));
                    vertex.Release();
                    Interlocked.Increment(ref found);
                }
            }
        }))];
        for (int i = 0; i < vertices || Volatile.Read(ref found) == 0; i++)
        {
            VertexHeader header = headers[i % headers.Length];
            cache.Add(new HeldVertex(header, [], Body((byte)header.Height)));
        }

        await over.CancelAsync();
        await Task.WhenAll(readers);

        // Nothing but what the cache still has is rented.
        int kept = headers.Count(header => cache.Find(header.Hash) is not null);
        Assert.Equal(kept * 2048, _pool.RentedBytes);
    }

    /// <summary>Protects against another vertex's bytes: a reference too many or too few stops the process instead.</summary>
    [Fact]
    public void A_body_is_read_only_while_it_is_held()
    {
        VertexBody body = Body(7);
        body.Retain();
        body.Release();
        Assert.Equal(PayloadBytes, body.Payload.Length);
        body.Release();
        Assert.Equal(0, _pool.RentedBytes);
        Assert.False(body.TryRetain());
        Assert.Throws<InvariantViolationException>(() => body.Payload);
        Assert.Throws<InvariantViolationException>(() => body.Ids);
        Assert.Throws<InvariantViolationException>(body.Release);
    }

    /// <summary>
    /// Protects peers: what is sent from where it lies is the frame that would be copied together, and a payload that goes into
    /// another vertex, of another epoch, leaves the first one's bytes alone, which may still be on their way.
    /// </summary>
    [Fact]
    public void An_own_vertex_is_framed_in_place_once()
    {
        ClientBatch batch = Sealed(FrameSender.VertexHeadBytes(4));
        (byte[] payload, byte[] ids) = (batch.Payload.ToArray(), batch.Ids.ToArray());
        HeldVertex first = batch.Hold(HeaderOf(3, batch), Signature(1));
        byte[] frame = first.Frame!.Span.ToArray();
        Assert.Equal(Encode(first), frame);
        Assert.True(FrameCodec.TryRead(frame, 4, out _, out _));

        HeldVertex again = batch.Hold(HeaderOf(4, batch), Signature(2));
        Assert.Null(again.Frame);
        Assert.Equal(frame, first.Frame.Span.ToArray());
        Assert.True(again.Payload.SequenceEqual(payload) && again.Ids.SequenceEqual(ids));

        first.Release();
        again.Release();
        Assert.True(_pool.RentedBytes > 0);
        batch.Abandon(SubmissionFailure.Stopping);
        Assert.Equal(0, _pool.RentedBytes);
    }

    /// <summary>
    /// Protects a new epoch with another committee, and a pool without room: the frame is copied together then.
    /// </summary>
    [Fact]
    public void Where_the_frame_does_not_fit_it_is_copied()
    {
        ClientBatch otherCommittee = Sealed(FrameSender.VertexHeadBytes(7));
        HeldVertex vertex = otherCommittee.Hold(HeaderOf(3, otherCommittee), Signature(1));
        Assert.Null(vertex.Frame);
        byte[] payload = vertex.Payload.ToArray();

        PinnedBufferPool full = new(128 * 1024, 64 * 1024);
        Assert.True(full.TryRent(60 * 1024, out _));
        ClientBatch noRoom = Sealed(FrameSender.VertexHeadBytes(4), full);
        HeldVertex copied = noRoom.Hold(HeaderOf(3, noRoom), Signature(1));
        Assert.Null(copied.Frame);
        Assert.True(copied.Payload.SequenceEqual(payload));
    }

    /// <summary>
    /// Protects the process: a member may fill a vertex with the smallest transactions, whose ids are longer than any frame.
    /// </summary>
    [Fact]
    public void Ids_may_be_longer_than_any_buffer()
    {
        Assert.True(Limits.MaxVertexTransactions * Hash256.Size > FrameLimits.MaxFrameBytes(4));
        byte[] ids = new byte[_pool.MaxBufferBytes + Hash256.Size];
        ids[^1] = 7;
        Assert.True(_pool.TryRent(PayloadBytes, out PooledBuffer? buffer));
        VertexBody body = VertexBody.Of(buffer, 0, ids, _pool);
        Assert.True(body.Ids.Span.SequenceEqual(ids));
        body.Release();
        Assert.Equal(0, _pool.RentedBytes);
        Assert.Throws<InvariantViolationException>(() => body.Ids);
    }

    private ClientBatch Sealed(int headBytes, PinnedBufferPool? pool = null)
    {
        ClientBatch batch = new();
        for (int i = 0; i < 3; i++)
        {
            Submission submission = TestCluster.Submission(0, i, 1, wantsFinal: false);
            batch.Add(submission);
            submission.Release();
        }

        batch.Seal(pool ?? _pool, headBytes);
        return batch;
    }

    private VertexBody Body(byte value)
    {
        // A reader that is interrupted while it gives a buffer back hides those behind it for that long.
        PooledBuffer? buffer = null;
        Assert.True(SpinWait.SpinUntil(() => _pool.TryRent(100 + PayloadBytes, out buffer), TimeSpan.FromSeconds(30)));
        buffer!.Span.Fill(value);
        byte[] ids = new byte[4 * Hash256.Size];
        ids.AsSpan().Fill(value);
        return VertexBody.Of(buffer, 100, ids, _pool);
    }

    private static VertexHeader HeaderOf(ulong height, ClientBatch? batch = null) => VertexCodec.Seal(
        0, 0, height, height == 1 ? Hash256.Zero : Hash256.Of([2]), new LaneTip[4], batch?.Root ?? Hash256.Zero,
        (uint)(batch?.PayloadBytes ?? PayloadBytes), (uint)(batch?.TransactionCount ?? 4));

    private static byte[] Signature(byte value)
    {
        byte[] signature = new byte[Limits.SignatureBytes];
        signature.AsSpan().Fill(value);
        return signature;
    }

    private static byte[] Encode(HeldVertex vertex)
    {
        SignedVertex frame = SignedVertex.Of(vertex.Header, vertex.Signature);
        byte[] bytes = new byte[FrameCodec.EncodedSize(frame)];
        vertex.Payload.CopyTo(bytes.AsSpan(FrameCodec.Write(frame, bytes)));
        return bytes;
    }
}
