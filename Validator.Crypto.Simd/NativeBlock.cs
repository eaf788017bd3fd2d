using System.Runtime.InteropServices;

namespace Validator.Crypto.Simd;

/// <summary>
/// Aligned native memory, which the collector neither moves nor copies; zeroed before it is freed. For secrets it is whole
/// pages of its own, kept out of core dumps and, where the limit on locked memory allows, out of swap.
/// </summary>
internal sealed unsafe partial class NativeBlock : IDisposable
{
    private const int Line = 64;
    private const int DontDump = 16, DoDump = 17;

    private readonly nuint _mapped;
    private readonly bool _secret;
    private byte* _pointer;

    internal NativeBlock(int bytes, bool secret = false)
    {
        Length = bytes;
        _secret = secret;
        nuint page = (nuint)Environment.SystemPageSize;
        _mapped = secret ? ((nuint)bytes + page - 1) & ~(page - 1) : (nuint)bytes;
        _pointer = (byte*)NativeMemory.AlignedAlloc(_mapped, secret ? page : Line);
        if (secret)
        {
            // Either may be refused (another kernel, RLIMIT_MEMLOCK); the secret is then as safe as the process.
            LeftOutOfDumps = Advise(_pointer, _mapped, DontDump) == 0;
            Locked = Lock(_pointer, _mapped) == 0;
        }
    }

    ~NativeBlock() => Free();

    internal int Length { get; }

    internal bool LeftOutOfDumps { get; }

    internal bool Locked { get; }

    /// <summary>For tests: called with the zeroed memory just before it is freed.</summary>
    internal Action<nint>? Freeing { get; set; }

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
        if (_pointer is null)
        {
            return;
        }

        NativeMemory.Clear(_pointer, (nuint)Length);
        Freeing?.Invoke((nint)_pointer);
        if (_secret)
        {
            // The pages go back to the allocator, for any use.
            _ = Advise(_pointer, _mapped, DoDump);
            _ = Unlock(_pointer, _mapped);
        }

        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(byte* address, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "mlock")]
    private static partial int Lock(byte* address, nuint length);

    [LibraryImport("libc", EntryPoint = "munlock")]
    private static partial int Unlock(byte* address, nuint length);
}
