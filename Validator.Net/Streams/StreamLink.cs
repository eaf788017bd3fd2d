using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Validator.Net.Quic;

namespace Validator.Net.Streams;

/// <summary>
/// One connection between a client and a validator: frames of u32 LE length and bytes, one stream each way. Belongs to the
/// thread of its <see cref="StreamLoop"/>.
/// </summary>
public sealed unsafe class StreamLink
{
    internal const int PrefixBytes = sizeof(uint);

    private readonly nint _endpoint;
    private readonly QuicView* _view;
    private readonly Queue<(nint Memory, int Length)> _unacknowledged = new();
    private byte[] _assembled = [];
    private ulong _released;

    internal StreamLink(nint endpoint, ulong handle, int target, QuicView* view)
    {
        _endpoint = endpoint;
        Handle = handle;
        Target = target;
        _view = view;
    }

    internal ulong Handle { get; }

    /// <summary>Index among the dialled ones; -1 where the other side dialled.</summary>
    public int Target { get; }

    /// <summary>The owner's data for it.</summary>
    public object? Tag { get; set; }

    /// <summary>Bytes sent, or to be sent, that the other side has not acknowledged.</summary>
    public long UnacknowledgedBytes { get; private set; }

    /// <summary>Set by <see cref="Fail"/>.</summary>
    internal bool Failed { get; private set; }

    /// <summary>The other side breaks the rules: the connection ends.</summary>
    public void Fail() => Failed = true;

    /// <summary>Sends a frame; copied, and kept until it is acknowledged.</summary>
    /// <returns>False without memory, or when the connection is gone.</returns>
    public bool TrySend(ReadOnlySpan<byte> frame)
    {
        int length = PrefixBytes + frame.Length;
        byte* memory = (byte*)NativeMemory.Alloc((nuint)length);
        BinaryPrimitives.WriteInt32LittleEndian(new Span<byte>(memory, length), frame.Length);
        frame.CopyTo(new Span<byte>(memory + PrefixBytes, frame.Length));
        if (QuicNative.Push(_endpoint, Handle, 0, memory, (ulong)length) == 0)
        {
            NativeMemory.Free(memory);
            return false;
        }

        _unacknowledged.Enqueue(((nint)memory, length));
        UnacknowledgedBytes += length;
        return true;
    }

    /// <summary>Looks at the next frame, if all of it has arrived. It stays until <see cref="Consume"/>.</summary>
    /// <returns>False when more must come; <paramref name="fault"/>: it never will, since the sender broke the rules.</returns>
    internal bool TryPeek(int maxFrameBytes, out ReadOnlySpan<byte> frame, out bool fault)
    {
        frame = default;
        fault = QuicView.Rx(_view, 1)->Tail != 0 || QuicView.Rx(_view, 2)->Tail != 0;
        QuicRx* rx = QuicView.Rx(_view, 0);
        ulong held = rx->Tail - rx->Head;
        if (fault || held < PrefixBytes)
        {
            return false;
        }

        Span<byte> prefix = stackalloc byte[PrefixBytes];
        Copy(rx, 0, prefix);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(prefix);
        fault = length == 0 || length > (uint)maxFrameBytes;
        if (fault || held < PrefixBytes + length)
        {
            return false;
        }

        ulong at = (rx->Head + PrefixBytes) & rx->Mask;
        if (at + length <= rx->Mask + 1)
        {
            frame = new ReadOnlySpan<byte>(rx->Base + at, (int)length);
            return true;
        }

        // It wraps around the ring's end.
        if (_assembled.Length < length)
        {
            _assembled = new byte[Math.Max(length, 2 * _assembled.Length)];
        }

        Copy(rx, PrefixBytes, _assembled.AsSpan(0, (int)length));
        frame = _assembled.AsSpan(0, (int)length);
        return true;
    }

    internal void Consume(int frameBytes) => QuicNative.Consume(_endpoint, Handle, 0, (ulong)(PrefixBytes + frameBytes));

    internal void ReleaseAcknowledged()
    {
        for (ulong acked = QuicView.Tx(_view, 0)->Acked; _released < acked; _released++)
        {
            Release();
        }
    }

    /// <summary>The connection is gone, and nobody reads its memory any more.</summary>
    internal void Detach()
    {
        while (_unacknowledged.Count > 0)
        {
            Release();
        }
    }

    private void Release()
    {
        (nint memory, int length) = _unacknowledged.Dequeue();
        UnacknowledgedBytes -= length;
        NativeMemory.Free((void*)memory);
    }

    private static void Copy(QuicRx* rx, ulong skip, Span<byte> destination)
    {
        ulong size = rx->Mask + 1;
        ulong at = (rx->Head + skip) & rx->Mask;
        int first = (int)Math.Min((ulong)destination.Length, size - at);
        new ReadOnlySpan<byte>(rx->Base + at, first).CopyTo(destination);
        new ReadOnlySpan<byte>(rx->Base, destination.Length - first).CopyTo(destination[first..]);
    }
}
