using Validator.Host.Storage;

namespace Validator.Host.Backup;

/// <summary>A folder, which may be another disk or a mounted share. Objects are files, made whole or not at all.</summary>
internal sealed class FolderTarget(string root) : IBackupTarget
{
    public void Put(string name, ReadOnlyMemory<byte> content) => Guard(name, () =>
    {
        DurableFile.Write(PathOf(name), content.Span);
        return true;
    });

    public byte[]? Get(string name, int most) => Guard(name, () =>
    {
        string path = PathOf(name);
        if (!File.Exists(path))
        {
            return null;
        }

        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        if (file.Length > most)
        {
            throw new BackupException($"{path}: has {file.Length} bytes, and {most} at most are read");
        }

        byte[] content = new byte[file.Length];
        file.ReadExactly(content);
        return content;
    });

    public IReadOnlyList<StoredObject> List(string prefix) => Guard(prefix, () =>
    {
        // The folder that holds all of them.
        string folder = PathOf(prefix[..(prefix.LastIndexOf('/') + 1)]);
        if (!Directory.Exists(folder))
        {
            return [];
        }

        List<StoredObject> found = [];
        foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(root, file.FullName).Replace(Path.DirectorySeparatorChar, '/');
            if (name.StartsWith(prefix, StringComparison.Ordinal) && !name.EndsWith(DurableFile.Aside, StringComparison.Ordinal))
            {
                found.Add(new StoredObject(name, file.Length));
            }
        }

        found.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return found;
    });

    public void Delete(string name) => Guard(name, () =>
    {
        string path = PathOf(name);
        if (File.Exists(path))
        {
            File.Delete(path);
        }

        // Folders that hold nothing more go too, up to the target's own.
        for (string? folder = Path.GetDirectoryName(path);
            folder is not null && folder.Length > root.Length && Directory.Exists(folder)
                && !Directory.EnumerateFileSystemEntries(folder).Any();
            folder = Path.GetDirectoryName(folder))
        {
            Directory.Delete(folder);
        }

        return true;
    });

    public void Dispose()
    {
    }

    private string PathOf(string name) => Path.Combine(root, name);

    private T Guard<T>(string name, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BackupException($"{PathOf(name)}: {e.Message}");
        }
    }
}
