using System.Runtime.InteropServices;
using System.Text;
using Validator.Host.Primitives;

namespace Validator.Host.Cli;

/// <summary>
/// The streams that a command prints to. .NET's own stream ignores a reader that has gone, so that <c>tail | head -1</c> never
/// ends, and throws for a full disk from any write. Here the first failure is kept, the rest of the output is dropped, and
/// commands that print without end look at <see cref="IsOver"/>.
/// </summary>
internal sealed unsafe partial class StandardOutput : Stream
{
    private const int TryAgain = 11;
    private const int Interrupted = 4;
    private const int BrokenPipe = 32;
    private const short PollOut = 4;
    private const short PollError = 8;
    private const short PollHangUp = 16;

    private static StandardOutput? s_output;

    private readonly int _descriptor;
    private int _error;

    private StandardOutput(int descriptor) => _descriptor = descriptor;

    /// <summary>Puts them in the place of .NET's, for the whole process.</summary>
    public static void Install()
    {
        s_output = new StandardOutput(1);
        Console.SetOut(Writer(s_output));
        Console.SetError(Writer(new StandardOutput(2)));
    }

    /// <summary>True when nothing printed from now on reaches anybody; at once where a pipe's reader has closed it.</summary>
    public static bool IsOver => s_output?.IsClosed() == true;

    /// <summary>The process's exit code: output that was lost fails a command that otherwise succeeded.</summary>
    public static int Finish(int code)
    {
        // Whoever closes the pipe has had enough: that is no failure.
        if (s_output is not { } output || output._error is 0 or BrokenPipe)
        {
            return code;
        }

        Console.Error.WriteLine($"standard output: cannot be written: {Marshal.GetPInvokeErrorMessage(output._error)}");
        return code == ExitCodes.Success ? ExitCodes.Output : code;
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            for (int at = 0; at < buffer.Length && Volatile.Read(ref _error) == 0;)
            {
                nint written = WriteNative(_descriptor, bytes + at, (nuint)(buffer.Length - at));
                int error = written < 0 ? Marshal.GetLastPInvokeError() : 0;
                at += (int)Math.Max(written, 0);
                if (error == TryAgain)
                {
                    Poll(PollOut, milliseconds: 100);
                }
                else if (error != 0 && error != Interrupted)
                {
                    Volatile.Write(ref _error, error);
                }
            }
        }
    }

    public override void Flush()
    {
        // Nothing is held back.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private static StreamWriter Writer(StandardOutput stream) =>
        new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true };

    /// <summary>It failed, or is a pipe without a reader, or a socket or terminal whose other end is gone.</summary>
    private bool IsClosed() => Volatile.Read(ref _error) != 0 || (Poll(0, milliseconds: 0) & (PollError | PollHangUp)) != 0;

    private short Poll(short events, int milliseconds)
    {
        PollEntry entry = new() { Descriptor = _descriptor, Events = events };
        return PollNative(&entry, 1, milliseconds) > 0 ? entry.Returned : (short)0;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [LibraryImport("validator_native", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteNative(int descriptor, byte* bytes, nuint count);

    [LibraryImport("validator_native", EntryPoint = "poll")]
    private static partial int PollNative(PollEntry* entries, ulong count, int milliseconds);
}
