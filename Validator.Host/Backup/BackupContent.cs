using System.Formats.Tar;
using Validator.Host.Storage;

namespace Validator.Host.Backup;

/// <summary>
/// What is in a backup, as a tar archive (POSIX ustar): <c>genesis.json</c>, <c>node.toml</c>, <c>evidence/NAME</c>,
/// <c>ledger/NAME</c>. No key, no vote, no token. The same folder gives the same bytes each time.
/// </summary>
internal static class BackupContent
{
    public const string Genesis = "genesis.json";
    public const string Configuration = "node.toml";
    public const string EvidenceFolder = "evidence";
    public const string LedgerFolder = "ledger";

    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const long MostSmallBytes = 64 << 20;

    /// <summary>Evidence is bounded by the node; more files than that are somebody else's.</summary>
    private const int MostEvidence = 4096;

    /// <summary>Copies all but the ledger, which changes while a backup is made.</summary>
    public static void Gather(string folder, string configuration, string genesis, string evidence)
    {
        File.Copy(configuration, Path.Combine(folder, Configuration));
        File.Copy(genesis, Path.Combine(folder, Genesis));
        Directory.CreateDirectory(Path.Combine(folder, EvidenceFolder));
        if (Directory.Exists(evidence))
        {
            foreach (string file in Directory.EnumerateFiles(evidence).Take(MostEvidence))
            {
                File.Copy(file, Path.Combine(folder, EvidenceFolder, Path.GetFileName(file)));
            }
        }
    }

    /// <summary>Names in the archive, in order.</summary>
    public static string[] FilesIn(string folder) =>
    [
        Genesis,
        Configuration,
        .. Directory.EnumerateFiles(Path.Combine(folder, EvidenceFolder)).Select(f => $"{EvidenceFolder}/{Path.GetFileName(f)}")
            .Order(StringComparer.Ordinal),
        .. RocksLedger.FilesOf(Path.Combine(folder, LedgerFolder)).Select(name => $"{LedgerFolder}/{name}"),
    ];

    /// <param name="folder">As <see cref="Gather"/> and the copy of the ledger left it.</param>
    public static void Write(string folder, string[] files, DateTime time, Stream output)
    {
        using TarWriter tar = new(output, TarEntryFormat.Ustar, leaveOpen: true);
        foreach (string name in files)
        {
            using FileStream file = new(Path.Combine(folder, name), FileMode.Open, FileAccess.Read, FileShare.Read);
            tar.WriteEntry(
                new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = file, Mode = Mode, ModificationTime = time });
        }
    }

    /// <summary>Writes an archive's files below a folder; what has no place in a backup is refused.</summary>
    /// <param name="takes">Which are written; all are read.</param>
    /// <exception cref="BackupException">It is no archive of a backup.</exception>
    public static void Extract(Stream input, string folder, Func<string, bool> takes)
    {
        foreach (string within in (string[])[folder, Path.Combine(folder, EvidenceFolder), Path.Combine(folder, LedgerFolder)])
        {
            Directory.CreateDirectory(within, Mode | UnixFileMode.UserExecute);
        }

        try
        {
            using TarReader tar = new(input, leaveOpen: true);
            HashSet<string> seen = new(StringComparer.Ordinal);
            while (tar.GetNextEntry() is { } entry)
            {
                if (entry.EntryType != TarEntryType.RegularFile || !IsKnown(entry.Name) || !seen.Add(entry.Name)
                    || (!entry.Name.StartsWith(LedgerFolder + "/", StringComparison.Ordinal) && entry.Length > MostSmallBytes))
                {
                    throw new BackupException($"the backup has '{entry.Name}', which is no file of one");
                }

                if (takes(entry.Name))
                {
                    using FileStream file = new(
                        Path.Combine(folder, entry.Name),
                        new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Mode });
                    entry.DataStream?.CopyTo(file);
                    file.Flush(flushToDisk: true);
                }
            }

            // To its end: sums are of the whole.
            input.CopyTo(Stream.Null);
        }
        catch (Exception e) when (e is InvalidDataException or FormatException or EndOfStreamException)
        {
            throw new BackupException($"the backup's content is no tar archive: {e.Message}");
        }
    }

    private static bool IsKnown(string name)
    {
        if (name is Genesis or Configuration)
        {
            return true;
        }

        string[] parts = name.Split('/');
        return parts.Length == 2 && parts[1] is not ("" or "." or "..")
            && (parts[0] == EvidenceFolder || (parts[0] == LedgerFolder && RocksLedger.IsFileOfCopy(parts[1])));
    }
}
