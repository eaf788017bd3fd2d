namespace Validator.Host.Storage;

/// <summary>Why a store cannot be used.</summary>
public enum StoreFault : byte
{
    /// <summary>Nothing is there, and only <c>init</c> creates it.</summary>
    Missing,

    /// <summary>Something is there already, where a new store was to be created.</summary>
    Exists,
    ForeignChain,
    ForeignKey,

    /// <summary>A vote store where a ledger was expected, or the reverse, or another program's database.</summary>
    ForeignKind,
    NewerFormat,
    OlderFormat,
    Locked,
    Corrupt,
    Unwritable,
    DiskFull,
    InputOutput,
}

/// <summary>A store cannot be opened or read. The message names the path and says what to do.</summary>
public sealed class StoreException(StoreFault fault, string message) : Exception(message)
{
    public StoreFault Fault { get; } = fault;

    /// <summary>The process's exit code for every fault of a store.</summary>
    public const int ExitCode = 3;
}
