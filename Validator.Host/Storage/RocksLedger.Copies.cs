using Validator.Core.Primitives;
using Validator.Host.Primitives;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// Copies of a ledger for backups: made while it is written, looked into, and made a ledger again. A copy is RocksDB's files
/// without the log of our own, whose content is in its tables; a ledger that is made of one gets a new log.
/// </summary>
internal sealed partial class RocksLedger
{
    private static readonly string[] s_copied = ["CURRENT", "IDENTITY", "MANIFEST-*", "OPTIONS-*", "*.sst", "*.blob", "*.log"];

    /// <summary>Makes a copy as of the newest commit. Any thread; the ledger's own waits for some tens of milliseconds.</summary>
    /// <param name="folder">Does not exist yet; on the ledger's disk, so that nothing is written twice.</param>
    /// <exception cref="StoreException">The disk is full, or fails. The ledger goes on.</exception>
    public void CopyTo(string folder)
    {
        Require.That(_database.Log is not null, "a store in use has a log");
        if (_database.Log.Copy(folder) is { } error)
        {
            throw new StoreException(StoreErrors.Classify(error), $"{folder}: the ledger cannot be copied: {error}");
        }
    }

    /// <summary>The names of a copy's files, in order.</summary>
    public static string[] FilesOf(string copy)
    {
        string[] names = [.. s_copied.SelectMany(pattern => Directory.EnumerateFiles(copy, pattern))
            .Select(f => Path.GetFileName(f)!)];
        Array.Sort(names, StringComparer.Ordinal);
        return names;
    }

    /// <summary>Whether a copy may hold a file of this name.</summary>
    public static bool IsFileOfCopy(string name) =>
        !name.Contains('/', StringComparison.Ordinal)
        && Array.Exists(
            s_copied, pattern => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false));

    /// <summary>Opens a copy to read it; nothing in it is changed but RocksDB's own LOG.</summary>
    /// <exception cref="StoreException">It is foreign, of another format, or damaged.</exception>
    public static RocksLedger OpenCopy(string copy, StoreIdentity identity, int committeeSize, uint dedupWindow)
    {
        RocksDbOptions options = CopyOptions with { ReadOnly = true };
        RocksDb database = RocksDb.TryOpen(copy, Families, options, out string? error) ?? throw StoreErrors.Open(copy, error!);
        try
        {
            using PinnedValue record = database.Get(Metadata, IdentityKey);
            identity.Check(record.Span, StoreKind.Ledger, copy);
            return new RocksLedger(database, identity, committeeSize, dedupWindow, TransactionIndex.SegmentEntries);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>Makes a copy a ledger that can be opened: gives it a log.</summary>
    /// <exception cref="StoreException">It is damaged, or the disk is full.</exception>
    public static void Complete(string copy) => StoreDirectory.GiveLog(copy, Families, CopyOptions);

    private static RocksDbOptions CopyOptions => new()
    {
        CacheBytes = ProbeBytes,
        WriteBufferBytes = ProbeBytes,
        BlobFamilies = s_blobFamilies,
        OpenFiles = DescriptorBudget.Own.LedgerFiles,
    };
}
