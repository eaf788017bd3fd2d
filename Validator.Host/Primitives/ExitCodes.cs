namespace Validator.Host.Primitives;

/// <summary>What the process's exit code means; printed by <c>validator --help</c>.</summary>
public static class ExitCodes
{
    public const int Success = 0;

    /// <summary>What was asked about is not so: not healthy, not ready, refused, lost.</summary>
    public const int Failed = 1;

    /// <summary>The command line, configuration or genesis is at fault, or a file that the command line names.</summary>
    public const int Usage = 2;

    /// <summary>A database is foreign, locked, corrupt or cannot be written.</summary>
    public const int Store = 3;

    /// <summary>A key is missing, readable by others, or not the one genesis names.</summary>
    public const int Keys = 4;

    /// <summary>Stopped by safety: more than F was proven faulty, or execution differs.</summary>
    public const int Halted = 5;

    /// <summary>A broken invariant of our own.</summary>
    public const int Internal = 70;

    /// <summary>Standard output cannot be written. As EX_IOERR of sysexits.h.</summary>
    public const int Output = 74;

    /// <summary>
    /// Not now, and another try may do: a port that is in use, too few descriptors. As EX_TEMPFAIL of sysexits.h.
    /// </summary>
    public const int NotNow = 75;

    /// <summary>Ended by a signal while it was starting or for the second time.</summary>
    public const int Interrupted = 130;
}
