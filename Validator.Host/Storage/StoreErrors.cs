namespace Validator.Host.Storage;

/// <summary>Turns RocksDB's error texts into faults with advice.</summary>
internal static class StoreErrors
{
    /// <summary>The vote store's folder, under storage.path.</summary>
    public const string VotesFolder = "votes";

    /// <summary>What to do about a damaged ledger whose folder is not known here.</summary>
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

        if (Has("No space left") || Has("Disk quota exceeded") || Has("the disk was full"))
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

        // A missing file that the manifest names is damage too.
        bool corrupt = text.StartsWith("Corruption", StringComparison.Ordinal) || Has("No such file") || Has("Invalid argument");
        return corrupt ? StoreFault.Corrupt : StoreFault.InputOutput;

        bool Has(string part) => text.Contains(part, StringComparison.Ordinal);
    }
}
