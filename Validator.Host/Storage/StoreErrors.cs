using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>Turns RocksDB's error texts into faults with advice.</summary>
internal static class StoreErrors
{
    /// <summary>Of the vote store, under storage.path.</summary>
    public const string VotesFolder = "votes";

    /// <summary>What to do about a damaged ledger, where its folder is not at hand.</summary>
    public const string LedgerAdvice =
        "keep a copy, move it away and start again ('validator db verify' prints the command): it is fetched from the others, by a snapshot where"
        + " they no longer keep the old blocks. Leave the vote store where it is; with it the validator signs on once it has caught up.";

    /// <summary>What to do about a damaged ledger in this folder.</summary>
    public static string LedgerSteps(string path) =>
        $"Stop the validator, run\n    mv {path} {path}.damaged\nand start it again: the ledger is fetched from the others, by a snapshot where they no"
        + " longer keep the old blocks. Leave the vote store where it is; with it the validator signs on once it has caught up.";

    /// <summary>What to do about a damaged vote store in this folder.</summary>
    public static string VotesSteps(string path) =>
        $"Without its votes the validator must not sign. Stop it, run\n    mv {path} {path}.damaged\nand start it again: it follows without signing, and"
        + " signs again two epochs later. Never put an older copy in its place.";

    public static StoreException Open(string path, string text)
    {
        StoreFault fault = Classify(text);
        string advice = fault switch
        {
            StoreFault.Locked => "another process (or this one, twice) has it open. One data directory serves one validator; stop the other.",
            StoreFault.DiskFull => "the disk, or a quota on it, is full. Free some space and start again; nothing acknowledged was lost.",
            StoreFault.Unwritable => "the directory cannot be written. Check its owner, its mode and the mount.",
            StoreFault.Exists => "there is a store already. It is never overwritten: a second vote store with one key could sign twice.",
            StoreFault.NewerFormat => "it has parts that this binary does not know. Run the newer binary that wrote it.",
            StoreFault.Corrupt => "its files are damaged. " + (Path.GetFileName(path) == VotesFolder ? VotesSteps(path) : LedgerSteps(path)),
            _ when text.Contains("Too many open files", StringComparison.Ordinal) =>
                "no file can be opened: the process or the system has used up its descriptors. Raise the limit (LimitNOFILE= of the unit, fs.file-max).",
            _ => "the disk or the directory failed. Check the kernel's log and the mount.",
        };
        return new StoreException(fault, $"{path}: {advice} ({text})");
    }

    public static StoreException Read(string text) => 
        new(Classify(text), $"reading a store failed: {text}{(Classify(text) == StoreFault.Corrupt ? $". If it is the ledger, {LedgerAdvice}" : "")}");

    public static StoreFault Classify(string text)
    {
        if (Has("lock hold by current process") || (Has("LOCK") && Has("temporarily unavailable")))
        {
            return StoreFault.Locked;
        }

        if (Has("No space left") || Has("Disk quota exceeded"))
        {
            return StoreFault.DiskFull;
        }

        if (Has("Permission denied") || Has("Read-only file system") || Has("Not a directory") || Has("Operation not permitted"))
        {
            return StoreFault.Unwritable;
        }

        if (Has("error_if_exists"))
        {
            return StoreFault.Exists;
        }

        if (Has("Column families not opened") || Has("Column family not found") || Has("Unsupported") || Has("Not implemented"))
        {
            return StoreFault.NewerFormat;
        }

        // A file that a table of contents names and that is gone is damage too.
        bool corrupt = text.StartsWith("Corruption", StringComparison.Ordinal) || Has("No such file") || Has("Invalid argument");
        return corrupt ? StoreFault.Corrupt : StoreFault.InputOutput;

        bool Has(string part) => text.Contains(part, StringComparison.Ordinal);
    }
}

/// <summary>What both stores do to come into being and to open.</summary>
internal static class StoreDirectory
{
    private static readonly string[] s_incomplete = ["*.log", "MANIFEST-*", "*.sst", "*.blob"];

    public static bool Exists(string path) => File.Exists(Path.Combine(path, "CURRENT"));

    /// <summary>Creates an empty database with its identity record, synced.</summary>
    public static RocksDb Create(
        string path, ReadOnlySpan<string> families, RocksDbOptions options, int identityFamily, ReadOnlySpan<byte> identityKey,
        ReadOnlySpan<byte> identity)
    {
        try
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFault.Unwritable, $"{path}: the directory cannot be created. Check its parent. ({e.Message})");
        }

        RocksDb database = RocksDb.TryOpen(path, families, options with { Create = true }, out string? error)
            ?? throw Open(path, error!);
        using RocksDbBatch batch = new(database);
        batch.Put(identityFamily, identityKey, identity);
        if (database.Write(batch, sync: true) is { } failure)
        {
            database.Dispose();
            throw Open(path, failure);
        }

        return database;
    }

    /// <summary>Opens an existing database and checks whose it is. Creates nothing.</summary>
    /// <param name="takeOver">Asked where it is of this chain and of another key: whether it gets our identity instead of a refusal.</param>
    public static RocksDb Open(
        string path, ReadOnlySpan<string> families, RocksDbOptions options, int identityFamily, ReadOnlySpan<byte> identityKey,
        StoreIdentity identity, StoreKind kind, string whenMissing, Func<bool>? takeOver = null)
    {
        if (!Exists(path))
        {
            throw Damaged(path)
                ? Open(path, "Corruption: no CURRENT file beside tables or logs")
                : new StoreException(StoreFault.Missing, $"{path}: there is no store. {whenMissing}");
        }

        RocksDb database = RocksDb.TryOpen(path, families, options, out string? error) ?? throw Open(path, error!);
        try
        {
            using PinnedValue record = database.Get(identityFamily, identityKey);
            if (!record.Found)
            {
                throw new StoreException(
                    StoreFault.ForeignKind,
                    $"{path} has no identity record: its creation was cut short, or it is another program's. Move it away.");
            }

            try
            {
                identity.Check(record.Span, kind, path);
            }
            catch (StoreException e) when (takeOver is not null && e.Fault == StoreFault.ForeignKey)
            {
                if (!takeOver())
                {
                    throw;
                }

                using RocksDbBatch batch = new(database);
                batch.Put(identityFamily, identityKey, identity.Encode(kind));
                if (database.Write(batch, sync: true) is { } failure)
                {
                    throw Open(path, failure);
                }
            }

            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>What opening would find, without a lock, a write, or a store where there is none.</summary>
    /// <param name="takesOver">A store of this chain and of another key will do.</param>
    /// <exception cref="StoreException">It would not open.</exception>
    public static void Probe(
        string path, ReadOnlySpan<string> families, RocksDbOptions options, int identityFamily, ReadOnlySpan<byte> identityKey,
        StoreIdentity identity, StoreKind kind, bool takesOver)
    {
        if (!Exists(path))
        {
            if (Damaged(path))
            {
                throw Open(path, "Corruption: no CURRENT file beside tables or logs");
            }

            return;
        }

        if (IsLocked(Path.Combine(path, "LOCK")))
        {
            throw Open(path, "LOCK: Resource temporarily unavailable");
        }

        using RocksDb database = RocksDb.TryOpen(path, families, options with { ReadOnly = true }, out string? error) ?? throw Open(path, error!);
        using PinnedValue record = database.Get(identityFamily, identityKey);
        StoreException? refusal = identity.Refusal(record.Found ? record.Span : [], kind, path);
        if (refusal is not null && !(takesOver && refusal.Fault == StoreFault.ForeignKey))
        {
            throw refusal;
        }
    }

    /// <summary>Tries the lock that RocksDB takes, and lets go of it.</summary>
    private static bool IsLocked(string file)
    {
        try
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            stream.Lock(0, 0);
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (UnauthorizedAccessException e)
        {
            throw Open(Path.GetDirectoryName(file)!, $"Permission denied: {e.Message}");
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Brings a store to this binary's format, in one synced write.</summary>
    /// <param name="dryRun">Says so alone.</param>
    /// <returns>What was or would be done, a line for each step; empty where it has the format already.</returns>
    public static List<string> Migrate(
        string path, ReadOnlySpan<string> families, RocksDbOptions options, int identityFamily, ReadOnlySpan<byte> identityKey,
        StoreIdentity identity, StoreKind kind, bool dryRun)
    {
        using RocksDb database = RocksDb.TryOpen(path, families, options, out string? error) ?? throw Open(path, error!);
        ushort from;
        using (PinnedValue record = database.Get(identityFamily, identityKey))
        {
            from = StoreIdentity.FormatOf(record.Span);
            if (identity.Refusal(record.Span, kind, path, migrating: true) is { } refusal)
            {
                throw refusal;
            }
        }

        List<string> done = [];
        using RocksDbBatch batch = new(database);
        foreach (StoreMigration step in StoreMigration.Steps(from))
        {
            done.Add($"{path}: format {step.From} to {step.From + 1}: {step.What}");
            step.Apply(kind, batch, identityFamily);
        }

        if (done.Count > 0 && !dryRun)
        {
            batch.Put(identityFamily, identityKey, identity.Encode(kind));
            if (database.Write(batch, sync: true) is { } failure)
            {
                throw Open(path, failure);
            }
        }

        return done;
    }

    private static StoreException Open(string path, string text) => StoreErrors.Open(path, text);

    private static bool Damaged(string path)
    {
        if (!Directory.Exists(path))
        {
            return false;
        }

        foreach (string pattern in s_incomplete)
        {
            if (Directory.EnumerateFiles(path, pattern).Any())
            {
                return true;
            }
        }

        return false;
    }
}
