using Validator.Core.Primitives;
using Validator.Net.Buffers;

namespace Validator.Host.Storage;

/// <summary>
/// A vertex's payload and ids, in the buffers where they arrived or were put together: pooled and counted by reference, or
/// arrays. To keep a body beyond a call, hold a reference and release it once; the last release returns the buffers. Bytes read
/// without a reference could be another vertex's, so that stops the process.
/// </summary>
/// <param name="buffer">The frame at whose end the payload is; null: an array, which is not counted.</param>
/// <param name="ids">The ids' buffer, if it is pooled. Takes over the references to both.</param>
internal sealed class VertexBody(
    ReadOnlyMemory<byte> payload, ReadOnlyMemory<byte> idBytes, PooledBuffer? buffer = null, PooledBuffer? ids = null)
{
    /// <summary>The body of a vertex without transactions.</summary>
    public static VertexBody Empty { get; } = new(default, default);

    private int _references = 1;

    /// <summary>Framed transactions, see Wire's payload format.</summary>
    public ReadOnlyMemory<byte> Payload => IsHeld ? payload : throw Released();

    /// <summary>Transaction ids in order, 32 bytes each.</summary>
    public ReadOnlyMemory<byte> Ids => IsHeld ? idBytes : throw Released();

    /// <summary>Bytes of memory that it keeps.</summary>
    public int Weight => (buffer?.Capacity ?? payload.Length) + (ids?.Capacity ?? idBytes.Length);

    /// <summary>Bytes of those in pooled buffers.</summary>
    public int PooledBytes => (buffer?.Capacity ?? 0) + (ids?.Capacity ?? 0);

    private bool IsCounted => buffer is not null || ids is not null;

    private bool IsHeld => !IsCounted || Volatile.Read(ref _references) > 0;

    /// <summary>A payload at the end of a buffer, with a copy of its ids. Takes over the reference to the buffer.</summary>
    public static VertexBody Of(PooledBuffer buffer, int payloadOffset, ReadOnlySpan<byte> ids, PinnedBufferPool pool)
    {
        Memory<byte> idBytes = Room(ids.Length, pool, out PooledBuffer? idBuffer);
        ids.CopyTo(idBytes.Span);
        return new VertexBody(buffer.Memory[payloadOffset..], idBytes, buffer, idBuffer);
    }

    /// <summary>
    /// From the pool while half of it is free and a buffer is long enough; else an array. The ids of many small transactions are
    /// longer than any frame.
    /// </summary>
    public static Memory<byte> Room(int bytes, PinnedBufferPool? pool, out PooledBuffer? buffer)
    {
        buffer = null;
        return bytes <= pool?.MaxBufferBytes && pool.TryRent(bytes, out buffer, pool.MaxBytes / 2)
            ? buffer.Memory : GC.AllocateUninitializedArray<byte>(bytes);
    }

    /// <summary>Adds a reference. Only who holds one may call it.</summary>
    public VertexBody Retain()
    {
        Require.That(TryRetain());
        return this;
    }

    /// <summary>Adds a reference, if there still is one. Any thread.</summary>
    public bool TryRetain()
    {
        if (!IsCounted)
        {
            return true;
        }

        int now = Volatile.Read(ref _references);
        while (now > 0)
        {
            int seen = Interlocked.CompareExchange(ref _references, now + 1, now);
            if (seen == now)
            {
                return true;
            }

            now = seen;
        }

        return false;
    }

    /// <summary>Gives one reference back. Any thread.</summary>
    public void Release()
    {
        if (!IsCounted)
        {
            return;
        }

        int now = Interlocked.Decrement(ref _references);
        Require.That(now >= 0);
        if (now == 0)
        {
            buffer?.Release();
            ids?.Release();
        }
    }

    private static InvariantViolationException Released() => new("a vertex was read after its last reference was given back");
}
