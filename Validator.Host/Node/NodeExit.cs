namespace Validator.Host.Node;

/// <summary>Exit codes of a node that stops by itself.</summary>
public static class NodeExit
{
    public const int Stopped = 0;

    /// <summary>A store failed: a disk error, a full disk.</summary>
    public const int Store = 3;

    /// <summary>Halted by safety: conflicting certificates, diverged execution.</summary>
    public const int Halted = 5;

    /// <summary>An invariant of our own is broken.</summary>
    public const int Internal = 70;
}
