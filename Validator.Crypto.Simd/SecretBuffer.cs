namespace Validator.Crypto.Simd;

/// <summary>
/// A few secret bytes in native memory: never copied by the collector, out of core dumps and swap where the system allows,
/// zeroed on disposal. Zero when made.
/// </summary>
public sealed unsafe class SecretBuffer : IDisposable
{
    private readonly NativeBlock _block;

    /// <summary>Memory for <paramref name="length"/> bytes, at least one.</summary>
    public SecretBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        _block = new NativeBlock(length, secret: true);
        Span.Clear();
    }

    /// <summary>Bytes held.</summary>
    public int Length => _block.Length;

    /// <summary>The bytes; not to be used after disposal, nor when this object is no longer referenced.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public Span<byte> Span => new(_block.Pointer, _block.Length);

    internal NativeBlock Block => _block;

    /// <summary>Zeroes and frees the memory.</summary>
    public void Dispose() => _block.Dispose();
}
