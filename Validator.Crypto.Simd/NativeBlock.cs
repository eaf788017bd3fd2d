using System.Runtime.InteropServices;

namespace Validator.Crypto.Simd;

/// <summary>64-byte aligned native memory, which the collector neither moves nor copies; zeroed before it is freed.</summary>
internal sealed unsafe class NativeBlock : IDisposable
{
    private byte* _pointer;

    internal NativeBlock(int bytes)
    {
        Length = bytes;
        _pointer = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
    }

    ~NativeBlock() => Free();

    internal int Length { get; }

    /// <summary>The start of the block.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    internal byte* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_pointer is null, this);
            return _pointer;
        }
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_pointer is not null)
        {
            NativeMemory.Clear(_pointer, (nuint)Length);
            NativeMemory.AlignedFree(_pointer);
            _pointer = null;
        }
    }
}
