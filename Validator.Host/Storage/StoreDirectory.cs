using System.Globalization;
using Validator.Host.Storage.Log;
using Validator.Host.Storage.Native;

namespace Validator.Host.Storage;

/// <summary>
/// How both stores are created and opened. A store is made beside its place and moved there when it is whole, so that a crash
/// leaves none or all of it. One that was begun in place, by an earlier release or on a mount point, is recognised by holding
/// nothing.
/// </summary>
internal static class StoreDirectory
{
    private const long KiB = 1024;

    /// <summary>
    /// Debian's RocksDB is built with assertions, and a disk that fills while it creates or opens a database ends the process
    /// there. Both stores take 232 KiB to make; one of some megabytes takes 100 KiB to open, when its logs are written to tables.
    /// </summary>
    private const long RoomToCreate = 4096 * KiB;
    private const long RoomToOpen = 1024 * KiB;

    /// <summary>The most log bytes of a store that got its identity record and nothing else.</summary>
    private const long NewLogBytes = 4096;

    /// <summary>The first format whose stores have a log of our own.</summary>
    private const ushort FirstWithLog = 3;

    private const string Aside = "new";
    private const string CurrentFile = "CURRENT";
    private const string MountsFolder = "lost+found";

    private static readonly string[] s_incomplete = ["*.log", "MANIFEST-*", "*.sst", "*.blob"];

    public static bool Exists(string path) => File.Exists(Path.Combine(path, CurrentFile));

    /// <summary>Whether the folder holds only what a file system, or an unfinished creation, puts into a mount point.</summary>
    public static bool IsFree(string path) =>
        !Directory.Exists(path)
        || Directory.EnumerateFileSystemEntries(path).All(e => Path.GetFileName(e) is MountsFolder or Aside or MakerLock.Within);

    /// <summary>Creates an empty database with its identity record: synced, closed, and moved to its place.</summary>
    /// <param name="more">Written with the identity.</param>
    /// <param name="replaces">Whether what is in its place is deleted; else its place must be missing or an empty folder.</param>
    /// <param name="notice">Called with what an earlier try left.</param>
    public static void Create(
        string path, ReadOnlySpan<string> families, RocksDbOptions options, int identityFamily, ReadOnlySpan<byte> identityKey,
        ReadOnlySpan<byte> identity, Action<RocksDbBatch>? more = null, bool replaces = false, Action<string>? notice = null)
    {
        try
        {
            string place = Place(path);
            string parent = Path.GetDirectoryName(place)!;
            DurableFile.MakeFolder(parent);
            RequireRoom(Directory.Exists(place) ? place : parent, RoomToCreate + LogRoom(options), "to create a store");
            using MakerLock only = new(place);
            if (Exists(place) && !replaces)
            {
                throw Open(path, "Invalid argument: it exists (error_if_exists is true)");
            }

            if (!replaces && !IsFree(place))
            {
                throw Open(path, "Invalid argument: the folder is not empty (error_if_exists is true)");
            }

            // A mount point cannot be replaced, and has a folder of its own.
            bool mounted = !only.HasParent || (Directory.Exists(place) && (replaces ? IsMountPoint(place) : !only.TryRemoveEmptyPlace()));
            string aside = mounted ? Path.Combine(place, Aside) : $"{place}.{Aside}";
            if (Directory.Exists(aside))
            {
                notice?.Invoke($"{aside}: what was left of a store whose creation was cut short is removed");
                Directory.Delete(aside, recursive: true);
            }

            Directory.CreateDirectory(aside, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Write(path, aside, families, options, identityFamily, identityKey, identity, more);
            if (mounted)
            {
                Clear(place);
                MoveFiles(aside, place);
                return;
            }

            if (Directory.Exists(place))
            {
                Directory.Delete(place, recursive: true);
            }

            Directory.Move(aside, place);
            DurableFile.SyncFolder(parent);
        }
        catch (IOException e) when (MakerLock.IsTaken(e))
        {
            throw new StoreException(StoreFault.Locked, $"{path}: another process is creating it; stop one of the two");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(
                StoreErrors.Classify(e.Message) == StoreFault.DiskFull ? StoreFault.DiskFull : StoreFault.Unwritable,
                $"{path}: the store cannot be created. Check its parent, and the disk. ({e.Message})");
        }
    }

    /// <summary>Opens an existing database and checks whose it is. Creates nothing.</summary>
    /// <param name="takeOver">Asked when it is of this chain and another key: whether it gets our identity instead of being
    /// refused.</param>
    public static RocksDb Open(
        string path, ReadOnlySpan<string> families, RocksDbOptions options, int identityFamily, ReadOnlySpan<byte> identityKey,
        StoreIdentity identity, StoreKind kind, string whenMissing, Func<bool>? takeOver = null)
    {
        if (!Exists(path))
        {
            throw !IsNew(path) && Damaged(path) ? Open(path, "Corruption: no CURRENT file beside tables or logs")
                : new StoreException(StoreFault.Missing, $"{path}: there is no store. {whenMissing}");
        }

        RequireRoom(path, RoomToOpen + LogBytes(path), "to open the store");
        RocksDb database = RocksDb.TryOpen(path, families, options, out string? error) ?? throw Open(path, error!);
        try
        {
            using PinnedValue record = database.Get(identityFamily, identityKey);
            if (!record.Found)
            {
                throw IsEmpty(database, families.Length)
                    ? new StoreException(StoreFault.Missing, $"{path}: its creation was cut short, and it holds nothing. {whenMissing}")
                    : new StoreException(StoreFault.ForeignKind, $"{path} has no identity record: it is another program's. Move it away.");
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

            database.Log = StoreLog.Open(path, database, options.FamilyShare);
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Whether what is there is the beginning of a store that never got its identity, so that nothing is lost with it: only files
    /// of RocksDB, no table, next to no log; and it is empty, or (unless <paramref name="strict"/>) does not open because parts
    /// are missing.
    /// </summary>
    public static bool IsUnfinished(
        string path, ReadOnlySpan<string> families, RocksDbOptions options, int identityFamily, ReadOnlySpan<byte> identityKey, bool strict = false)
    {
        if (!IsNew(path))
        {
            return false;
        }

        if (!Exists(path))
        {
            return !strict || LogBytes(path) == 0;
        }

        using RocksDb? database = RocksDb.TryOpen(path, families, options, out string? error);
        if (database is null)
        {
            return !strict && (error!.Contains("Column family not found", StringComparison.Ordinal) || StoreErrors.Classify(error) == StoreFault.Corrupt);
        }

        using PinnedValue record = database.Get(identityFamily, identityKey);
        return !record.Found && IsEmpty(database, families.Length);
    }

    /// <summary>Refuses where the disk is so full that RocksDB would abort.</summary>
    /// <param name="folder">An existing one.</param>
    public static void RequireRoom(string folder, long bytes, string purpose)
    {
        long free;
        try
        {
            free = new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // Any fault of it shows when it is used.
            return;
        }

        if (free < bytes)
        {
            throw new StoreException(StoreFault.DiskFull, string.Create(
                CultureInfo.InvariantCulture,
                $"{folder}: the disk is full: it has {free / KiB:N0} KiB free, and {bytes / KiB:N0} are needed {purpose}. Free some space and start again; nothing was changed"));
        }
    }

    /// <summary>Checks what opening would, but takes no lock, writes nothing and creates no store.</summary>
    /// <param name="takesOver">A store of this chain and another key is accepted.</param>
    /// <exception cref="StoreException">Opening would fail.</exception>
    public static void Probe(
        string path, ReadOnlySpan<string> families, RocksDbOptions options, int identityFamily, ReadOnlySpan<byte> identityKey,
        StoreIdentity identity, StoreKind kind, bool takesOver)
    {
        if (!Exists(path))
        {
            if (!IsNew(path) && Damaged(path))
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

        StoreLog.Probe(path, database);
    }

    /// <summary>Tries the lock that RocksDB takes, and releases it.</summary>
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
    /// <param name="dryRun">Only report.</param>
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
            if (from < FirstWithLog)
            {
                AddLog(path, options, batch);
            }

            batch.Put(identityFamily, identityKey, identity.Encode(kind));
            if (database.Write(batch, sync: true) is { } failure)
            {
                throw Open(path, failure);
            }
        }

        return done;
    }

    /// <summary>
    /// Gives a database that came without its log a new one, empty: all that the database has, it has in tables.
    /// </summary>
    /// <exception cref="StoreException">It is damaged, or the disk is full.</exception>
    public static void GiveLog(string path, ReadOnlySpan<string> families, RocksDbOptions options)
    {
        using RocksDb database = RocksDb.TryOpen(path, families, options, out string? error) ?? throw Open(path, error!);
        using RocksDbBatch batch = new(database);
        AddLog(path, options, batch);
        if (database.Write(batch, sync: true) is { } failure)
        {
            throw Open(path, failure);
        }
    }

    /// <summary>The log counts once its key is written; another migration makes it again.</summary>
    private static void AddLog(string path, RocksDbOptions options, RocksDbBatch batch)
    {
        RequireRoom(path, LogRoom(options), "for its log");
        try
        {
            StoreLog.Create(path, options.LogBlocks, options.LogWritten, batch);
            DurableFile.SyncFolder(path);
        }
        catch (IOException e)
        {
            throw Open(path, e.Message);
        }
    }

    private static long LogRoom(RocksDbOptions options) => (long)options.LogBlocks * LogBlock.Size;

    private static StoreException Open(string path, string text) => StoreErrors.Open(path, text);

    private static void Write(
        string path, string aside, ReadOnlySpan<string> families, RocksDbOptions options, int identityFamily, ReadOnlySpan<byte> identityKey,
        ReadOnlySpan<byte> identity, Action<RocksDbBatch>? more)
    {
        using (RocksDb database = RocksDb.TryOpen(aside, families, options with { Create = true }, out string? error) ?? throw Open(path, error!))
        {
            using RocksDbBatch batch = new(database);
            StoreLog.Create(aside, options.LogBlocks, options.LogWritten, batch);
            batch.Put(identityFamily, identityKey, identity);
            more?.Invoke(batch);
            if (database.Write(batch, sync: true) is { } failure)
            {
                throw Open(path, failure);
            }
        }

        DurableFile.SyncFolder(aside);
    }

    /// <summary>Where a link leads, or the path itself.</summary>
    private static string Place(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return new DirectoryInfo(full) is { LinkTarget: not null } link ? link.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? full : full;
    }

    private static bool IsMountPoint(string place) => DriveInfo.GetDrives().Any(d => d.RootDirectory.FullName == place);

    /// <summary>
    /// Makes room in a folder that stays, once the new store is whole. The old one's CURRENT goes first, lest a part pass for a
    /// store.
    /// </summary>
    private static void Clear(string place)
    {
        if (IsFree(place))
        {
            return;
        }

        File.Delete(Path.Combine(place, CurrentFile));
        DurableFile.SyncFolder(place);
        foreach (string file in Directory.EnumerateFiles(place).Where(f => Path.GetFileName(f) != MakerLock.Within))
        {
            File.Delete(file);
        }
    }

    /// <summary>CURRENT last: without it there is no store.</summary>
    private static void MoveFiles(string aside, string folder)
    {
        foreach (string file in Directory.GetFiles(aside).OrderBy(f => Path.GetFileName(f) == CurrentFile))
        {
            if (Path.GetFileName(file) == CurrentFile)
            {
                DurableFile.SyncFolder(folder);
            }

            File.Move(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        }

        Directory.Delete(aside);
        DurableFile.SyncFolder(folder);
    }

    private static bool IsEmpty(RocksDb database, int families)
    {
        for (int family = 0; family < families; family++)
        {
            using RocksDbIterator keys = database.Iterate(family);
            keys.Seek([]);
            if (keys.Valid)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Only RocksDB's files, no table among them, and next to nothing in the log.</summary>
    private static bool IsNew(string path)
    {
        if (!Directory.Exists(path) || Directory.EnumerateDirectories(path).Any(d => Path.GetFileName(d) is not (Aside or MountsFolder)))
        {
            return false;
        }

        string[] names = [.. Directory.EnumerateFiles(path).Select(f => Path.GetFileName(f))];
        return names.Length > 0 && Array.TrueForAll(names, IsOfANewStore) && LogBytes(path) <= NewLogBytes;
    }

    private static bool IsOfANewStore(string name) =>
        name is CurrentFile or StoreLog.FileName or "IDENTITY" or "LOCK" or MakerLock.Within
        || name.StartsWith("LOG", StringComparison.Ordinal)
        || name.StartsWith("MANIFEST-", StringComparison.Ordinal) || name.StartsWith("OPTIONS-", StringComparison.Ordinal)
        || (name.EndsWith(".log", StringComparison.Ordinal) && name[..^4].All(char.IsAsciiDigit)) || name.EndsWith(".dbtmp", StringComparison.Ordinal);

    private static long LogBytes(string path) => Directory.EnumerateFiles(path, "*.log").Sum(f => new FileInfo(f).Length);

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
