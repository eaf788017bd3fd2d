using Validator.Core.Primitives;

namespace Validator.Host.Backup;

/// <summary>Cuts what is written into pieces of equal size, the last one shorter. Nothing comes of nothing.</summary>
/// <param name="emit">Gets the number and content of each, valid until it returns.</param>
internal sealed class PieceWriter(int bytes, Action<int, ReadOnlyMemory<byte>> emit) : Stream
{
    private readonly byte[] _piece = new byte[bytes];
    private int _filled;
    private int _number;
    private bool _failed;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        // Whoever writes may still say that it ends, when what it wrote before was not taken.
        while (!buffer.IsEmpty && !_failed)
        {
            int length = Math.Min(buffer.Length, _piece.Length - _filled);
            buffer[..length].CopyTo(_piece.AsSpan(_filled));
            buffer = buffer[length..];
            _filled += length;
            if (_filled == _piece.Length)
            {
                Complete();
            }
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>Emits what is left.</summary>
    public void Complete()
    {
        if (_filled > 0 && !_failed)
        {
            _failed = true;
            emit(_number++, _piece.AsMemory(0, _filled));
            _failed = false;
            _filled = 0;
        }
    }

    public override void Flush()
    {
        // A piece goes when it is full.
        Require.That(_filled < _piece.Length || _failed);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
