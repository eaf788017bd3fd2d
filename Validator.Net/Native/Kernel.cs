using System.Runtime.InteropServices;
using System.Text;

namespace Validator.Net.Native;

/// <summary>The file system under a path.</summary>
/// <param name="FreeBytes">Free for this process.</param>
/// <param name="FreeFiles">Files that this process may still make.</param>
/// <param name="TotalFiles">0: it does not count them.</param>
public readonly record struct DiskRoom(long FreeBytes, long TotalBytes, long FreeFiles, long TotalFiles);

/// <summary>The same, as the file system counts. One without a limit on files may report all bits set, as Ceph does.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct DiskCounts(ulong BlockBytes, ulong FreeBlocks, ulong Blocks, ulong FreeFiles, ulong Files)
{
    public DiskRoom Room => new(Bounded((UInt128)FreeBlocks * BlockBytes), Bounded((UInt128)Blocks * BlockBytes), Bounded(FreeFiles), Bounded(Files));

    private static long Bounded(UInt128 count) => (long)UInt128.Min(count, long.MaxValue);
}

/// <summary>What the kernel is told of this process (prctl(2)), what it grants, and how its threads wait (futex(2)).</summary>
public static unsafe partial class Kernel
{
    /// <summary>The kernel keeps 16 bytes of a thread's name, including a final zero.</summary>
    public const int MaxNameBytes = 15;

    private const int SetDumpable = 4;
    private const int SetName = 15;

    /// <summary>Forbids core dumps, and reads of the memory by other processes of this user.</summary>
    public static void RefuseDumps() => _ = SetProcess(SetDumpable, 0, 0, 0, 0);

    /// <summary>
    /// Names the calling thread for <c>top -H</c>, perf and /proc: under Native AOT the name of a managed thread stays inside
    /// the process. Bytes beyond <see cref="MaxNameBytes"/> are cut off.
    /// </summary>
    public static void NameThread(string name)
    {
        Span<byte> text = stackalloc byte[MaxNameBytes + 1];
        text.Clear();
        Encoding.UTF8.TryGetBytes(name.AsSpan(0, Math.Min(name.Length, MaxNameBytes)), text[..MaxNameBytes], out _);
        fixed (byte* bytes = text)
        {
            _ = SetProcess(SetName, (nuint)bytes, 0, 0, 0);
        }
    }

    /// <summary>
    /// How many file descriptors this process may have: the hard limit, to which the soft one was raised at its start.
    /// </summary>
    public static long DescriptorLimit => DescriptorLimitNative();

    /// <summary>How many of that many additional threads this process can have at the same time.</summary>
    public static int SpareThreads(int wanted) => SpareThreadsNative(wanted);

    /// <summary>How much room the file system under a path has; false when it cannot be asked.</summary>
    public static bool TryDiskRoom(string path, out DiskRoom room)
    {
        DiskCounts counts = default;
        bool asked = DiskCountsNative(path, &counts) == 0;
        room = counts.Room;
        return asked;
    }

    /// <summary>Ends the process at once: no other thread is waited for, and nothing runs at exit.</summary>
    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    public static void Exit(int code)
    {
        ExitNative(code);
        throw new System.Diagnostics.UnreachableException();
    }

    /// <summary>Sleeps while <paramref name="word"/>, which must not move, has the value; returns early now and then.</summary>
    /// <param name="milliseconds">Below 0: without limit.</param>
    /// <returns>False when the time was up.</returns>
    internal static bool Wait(ref int word, int value, int milliseconds)
    {
        fixed (int* at = &word)
        {
            return WaitNative(at, value, milliseconds) == 0;
        }
    }

    /// <summary>Wakes the thread that sleeps on <paramref name="word"/>, if there is one.</summary>
    internal static void Wake(ref int word)
    {
        fixed (int* at = &word)
        {
            WakeNative(at);
        }
    }

    [LibraryImport("validator_native", EntryPoint = "validator_futex_wait")]
    private static partial int WaitNative(int* word, int expected, int milliseconds);

    [LibraryImport("validator_native", EntryPoint = "validator_futex_wake")]
    private static partial void WakeNative(int* word);

    [LibraryImport("validator_native", EntryPoint = "validator_descriptor_limit")]
    private static partial long DescriptorLimitNative();

    [LibraryImport("validator_native", EntryPoint = "validator_spare_threads")]
    private static partial int SpareThreadsNative(int wanted);

    [LibraryImport("validator_native", EntryPoint = "validator_disk_counts", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int DiskCountsNative(string path, DiskCounts* counts);

    [LibraryImport("validator_native", EntryPoint = "_exit")]
    private static partial void ExitNative(int code);

    [LibraryImport("validator_native", EntryPoint = "prctl")]
    private static partial int SetProcess(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);
}
