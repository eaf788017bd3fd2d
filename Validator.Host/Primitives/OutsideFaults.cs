using System.ComponentModel;
using System.Net.Sockets;
using System.Security;

namespace Validator.Host.Primitives;

/// <summary>
/// A fault of the environment, with what to do about it and the exit code that tells a supervisor whether to try again.
/// </summary>
internal sealed class OutsideException(int code, string message) : Exception(message)
{
    public int Code { get; } = code;
}

/// <summary>
/// Tells faults from outside, which get a message and an exit code, from our own, which get a stack trace. The table is in
/// docs/OPERATIONS.md, "Exit codes".
/// </summary>
internal static class OutsideFaults
{
    // errno of Linux, the same on both architectures.
    private const int TryAgain = 11;
    private const int NoMemory = 12;
    private const int IoError = 5;
    private const int TooManyInSystem = 23;
    private const int TooManyOpen = 24;
    private const int NoSpace = 28;
    private const int ReadOnly = 30;
    private const int AddressInUse = 98;
    private const int AddressNotAvailable = 99;
    private const int Quota = 122;

    /// <returns>Null for a fault of our own.</returns>
    public static (int Code, string Message)? Tell(Exception e)
    {
        e = e is AggregateException { InnerExceptions.Count: 1 } one ? one.InnerException! : e;
        if (e is OutsideException outside)
        {
            return (outside.Code, outside.Message);
        }

        if (e is OutOfMemoryException)
        {
            return (ExitCodes.NotNow, $"too little memory: {e.Message}");
        }

        if (e is not (IOException or UnauthorizedAccessException or SocketException or Win32Exception or SecurityException))
        {
            return null;
        }

        int code = CodeOf(e);
        string advice = Number(e) is TooManyOpen or TooManyInSystem || Says(e, "Too many open files")
            ? ". Raise the limit of open files (ulimit -n, LimitNOFILE)" : "";
        return (code, e.Message + advice);
    }

    private static int CodeOf(Exception e) => Number(e) switch
    {
        TryAgain or NoMemory or TooManyInSystem or TooManyOpen or AddressInUse or AddressNotAvailable => ExitCodes.NotNow,
        NoSpace or Quota or IoError or ReadOnly => ExitCodes.Store,
        _ => Says(e, "Address already in use") || Says(e, "Cannot assign requested address") || Says(e, "Too many open files")
            ? ExitCodes.NotNow
            : Says(e, "No space left") ? ExitCodes.Store
            : ExitCodes.Usage,
    };

    /// <summary>The errno of the cause; 0 where there is none.</summary>
    private static int Number(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
        {
            // Win32Exception's is SocketException's too. .NET leaves errno itself in HResult where it has no HRESULT for it.
            int number = e is Win32Exception native ? native.NativeErrorCode : e is IOException && e.HResult is > 0 and < 4096 ? e.HResult : 0;
            if (number != 0)
            {
                return number;
            }
        }

        return 0;
    }

    /// <summary>Native parts give text alone.</summary>
    private static bool Says(Exception e, string words) => e.Message.Contains(words, StringComparison.OrdinalIgnoreCase);
}
