using System.Runtime.InteropServices;
using Validator.Core.Primitives;

namespace Validator.Host.Storage.Log;

/// <summary>
/// A log in a file whose room is taken at its creation. Written with O_DIRECT and O_DSYNC where the file system has it: one
/// write, and no copy in the page cache; else with fdatasync after it. The first write to room that was only taken changes
/// metadata. So all of it is written at its creation, where there is time for that; its last block says so, with bytes that
/// are no block of a log. Else blocks get zeros some way ahead before the first lap reaches them.
/// </summary>
internal sealed unsafe partial class LogFile : ILogDisk
{
    private const int ReadWrite = 2;
    private const int CloseOnExec = 0x80000;
    private const int DataSync = 0x1000;
    private const int ZeroBytes = 1 << 16;
    private const int CreateBytes = 1 << 20;
    private const byte Mark = 0xff;

    private static readonly int Direct = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;

    private readonly string _path;
    private readonly int _file;
    private readonly bool _direct;
    private readonly byte* _zeros = (byte*)NativeMemory.AlignedAlloc(ZeroBytes, LogBlock.Size);
    private long _zeroed = long.MaxValue;

    private LogFile(string path, int file, bool direct)
    {
        _path = path;
        _file = file;
        _direct = direct;
        Blocks = new FileInfo(path).Length / LogBlock.Size;
        NativeMemory.Clear(_zeros, ZeroBytes);
    }

    public long Blocks { get; }

    /// <summary>Makes a file with room for so many blocks, and its bytes durable; its name is the caller's to sync.</summary>
    /// <param name="written">Writes all of it: it takes longer, and then the first lap is like any other.</param>
    /// <exception cref="IOException">The disk is full, or fails.</exception>
    public static void Create(string path, long blocks, bool written)
    {
        using FileStream file = new(path, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            PreallocationSize = blocks * LogBlock.Size,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            BufferSize = 0,
        });
        file.SetLength(blocks * LogBlock.Size);
        if (written)
        {
            byte[] some = new byte[CreateBytes];
            for (long left = file.Length - LogBlock.Size; left > 0; left -= some.Length)
            {
                file.Write(some.AsSpan(0, (int)Math.Min(left, some.Length)));
            }

            some.AsSpan().Fill(Mark);
            file.Write(some.AsSpan(0, LogBlock.Size));
        }

        file.Flush(flushToDisk: true);
    }

    /// <exception cref="IOException">It is not there, or may not be opened.</exception>
    public static LogFile Open(string path, bool direct = true)
    {
        int file = direct ? OpenNative(path, ReadWrite | CloseOnExec | DataSync | Direct) : -1;
        direct = file >= 0;
        file = direct ? file : OpenNative(path, ReadWrite | CloseOnExec);
        return file >= 0 ? new LogFile(path, file, direct) : throw Failed(path, "cannot be opened");
    }

    public void Begin(long unwritten)
    {
        // Once a lap was done, or where the mark is still there, nothing is unwritten.
        byte* last = (byte*)NativeMemory.AlignedAlloc(LogBlock.Size, LogBlock.Size);
        try
        {
            Span<byte> bytes = new(last, LogBlock.Size);
            Read(Blocks - 1, bytes);
            _zeroed = (bytes.ContainsAnyExcept((byte)0) ? Blocks : unwritten) * LogBlock.Size;
        }
        finally
        {
            NativeMemory.AlignedFree(last);
        }
    }

    public void Read(long block, Span<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (int at = 0; at < bytes.Length;)
            {
                nint done = ReadNative(_file, start + at, (nuint)(bytes.Length - at), (block * LogBlock.Size) + at);
                at += done > 0 ? (int)done : throw Failed(_path, "cannot be read");
            }
        }
    }

    public string? Write(long block, ReadOnlySpan<byte> bytes)
    {
        long start = block * LogBlock.Size;
        Require.That(_zeroed != long.MaxValue);
        while (_zeroed < start + bytes.Length)
        {
            int some = (int)Math.Min(ZeroBytes, (Blocks * LogBlock.Size) - _zeroed);
            if (WriteAt(_zeroed, new ReadOnlySpan<byte>(_zeros, some)) is { } failure)
            {
                return failure;
            }

            _zeroed += some;
        }

        return WriteAt(start, bytes);
    }

    public string? Sync() => SyncNative(_file) == 0 ? null : Failed(_path, "cannot be synced").Message;

    public void Dispose()
    {
        _ = CloseNative(_file);
        NativeMemory.AlignedFree(_zeros);
    }

    private string? WriteAt(long start, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* from = bytes)
        {
            for (int at = 0; at < bytes.Length;)
            {
                nint done = WriteNative(_file, from + at, (nuint)(bytes.Length - at), start + at);
                if (done <= 0)
                {
                    return Failed(_path, "cannot be written").Message;
                }

                at += (int)done;
            }
        }

        return _direct ? null : Sync();
    }

    private static IOException Failed(string path, string what) => new($"{path} {what}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("validator_native", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenNative(string path, int flags);

    [LibraryImport("validator_native", EntryPoint = "close")]
    private static partial int CloseNative(int file);

    [LibraryImport("validator_native", EntryPoint = "pread", SetLastError = true)]
    private static partial nint ReadNative(int file, byte* bytes, nuint count, long offset);

    [LibraryImport("validator_native", EntryPoint = "pwrite", SetLastError = true)]
    private static partial nint WriteNative(int file, byte* bytes, nuint count, long offset);

    [LibraryImport("validator_native", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int SyncNative(int file);
}
