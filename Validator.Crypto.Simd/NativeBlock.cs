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
    private byte* _pointer;

    internal NativeBlock(int bytes, bool secret = false)
    {
        Length = bytes;
        nuint page = (nuint)Environment.SystemPageSize;
        _mapped = secret ? ((nuint)bytes + page - 1) & ~(page - 1) : (nuint)bytes;
        _pointer = (byte*)NativeMemory.AlignedAlloc(_mapped, secret ? page : Line);
        if (secret)
        {
            Protect(out bool leftOut, out bool locked);
            LeftOutOfDumps = leftOut;
            Locked = locked;
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

    /// <summary>Either may be refused (another kernel, RLIMIT_MEMLOCK), or the native library may not lie beside an
    /// application that took this assembly alone; the secret is then as safe as the process.</summary>
    private void Protect(out bool leftOutOfDumps, out bool locked)
    {
        leftOutOfDumps = locked = false;
        try
        {
            leftOutOfDumps = Advise(_pointer, _mapped, DontDump) == 0;
            locked = Lock(_pointer, _mapped) == 0;
        }
        catch (DllNotFoundException)
        {
        }
    }

    private void Free()
    {
        if (_pointer is null)
        {
            return;
        }

        NativeMemory.Clear(_pointer, (nuint)Length);
        Freeing?.Invoke((nint)_pointer);
        // The pages go back to the allocator, for any use.
        if (LeftOutOfDumps)
        {
            _ = Advise(_pointer, _mapped, DoDump);
        }

        if (Locked)
        {
            _ = Unlock(_pointer, _mapped);
        }

        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }

    [LibraryImport("validator_native", EntryPoint = "madvise")]
    private static partial int Advise(byte* address, nuint length, int advice);

    [LibraryImport("validator_native", EntryPoint = "mlock")]
    private static partial int Lock(byte* address, nuint length);

    [LibraryImport("validator_native", EntryPoint = "munlock")]
    private static partial int Unlock(byte* address, nuint length);
}
