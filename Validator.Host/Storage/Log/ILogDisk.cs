namespace Validator.Host.Storage.Log;

/// <summary>Where a log lies: a fixed number of blocks that are overwritten in place.</summary>
internal interface ILogDisk : IDisposable
{
    long Blocks { get; }

    /// <summary>Told once what was read: no block from here on was ever written. Before the first write.</summary>
    void Begin(long unwritten);

    /// <summary>Reads whole blocks.</summary>
    /// <exception cref="IOException">The disk fails.</exception>
    void Read(long block, Span<byte> bytes);

    /// <summary>Writes whole blocks; they are durable when it returns null. On failure any part of them may be.</summary>
    /// <returns>What failed, in words.</returns>
    string? Write(long block, ReadOnlySpan<byte> bytes);

    /// <summary>Makes durable all that can be read.</summary>
    /// <returns>What failed, in words.</returns>
    string? Sync();
}
