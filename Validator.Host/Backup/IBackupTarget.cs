namespace Validator.Host.Backup;

/// <summary>An object that a target keeps.</summary>
/// <param name="Name">Below the target's prefix, with slashes.</param>
internal readonly record struct StoredObject(string Name, long Bytes);

/// <summary>
/// Where backups are kept: whole objects by name, each at most some tens of MiB, so that none has to be sent in pieces. Any
/// thread. All members throw <see cref="BackupException"/> where the target does not do it, after some tries.
/// </summary>
internal interface IBackupTarget : IDisposable
{
    /// <summary>Writes a whole object, over any earlier one of that name. It is durable, or there is none.</summary>
    void Put(string name, ReadOnlyMemory<byte> content);

    /// <summary>A whole object; null where there is none.</summary>
    /// <param name="most">Bytes; a longer one is refused.</param>
    byte[]? Get(string name, int most);

    /// <summary>All objects whose name begins so, by name in ordinal order.</summary>
    IReadOnlyList<StoredObject> List(string prefix);

    /// <summary>Does nothing where there is none.</summary>
    void Delete(string name);
}
