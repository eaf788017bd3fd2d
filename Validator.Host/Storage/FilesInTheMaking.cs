using System.Text;
using Validator.Core.Primitives;
using Validator.Host.Primitives;

namespace Validator.Host.Storage;

/// <summary>
/// Files and folders that are useful only together. A mark beside them names them until all are there, so that a crash in between
/// is recognised, and its leftovers are removed when they are made again. The last file is made last: once it exists all do, and
/// may be in use, whether or not the mark was removed. Nothing that was there before is touched.
/// </summary>
internal sealed class FilesInTheMaking : IDisposable
{
    public const string Mark = ".validator-unfinished";

    private readonly string _folder;
    private readonly string[] _names;
    private bool _done;

    private FilesInTheMaking(string folder, string[] names)
    {
        _folder = folder;
        _names = names;
    }

    /// <summary>Removes what an earlier process left unfinished in a folder.</summary>
    /// <exception cref="IOException">Or <see cref="UnauthorizedAccessException"/>: it cannot be.</exception>
    public static void Clear(string folder)
    {
        string mark = Path.Combine(folder, Mark);
        if (File.Exists(mark + DurableFile.Aside))
        {
            // Nothing was begun before the mark was there.
            File.Delete(mark + DurableFile.Aside);
        }

        if (File.Exists(mark))
        {
            string[] names = InputFile.ReadText(mark).TrimEnd('\n').Split('\n');
            if (names.Length > 0 && IsName(names[^1]) && File.Exists(Path.Combine(folder, names[^1])))
            {
                File.Delete(mark);
                return;
            }

            Console.Error.WriteLine($"{folder}: what was left of files whose making was cut short is removed");
            Remove(folder, names);
        }
    }

    /// <summary>Begins files with names that do not exist yet, in a folder without leftovers.</summary>
    /// <param name="names">The last is a file, and is made when all others are durable.</param>
    /// <exception cref="IOException">Or <see cref="UnauthorizedAccessException"/>: the mark cannot be written.</exception>
    public static FilesInTheMaking Begin(string folder, params string[] names)
    {
        Require.That(Array.TrueForAll(names, IsName));
        DurableFile.Write(Path.Combine(folder, Mark), Encoding.UTF8.GetBytes(string.Join('\n', names) + "\n"));
        return new FilesInTheMaking(folder, names);
    }

    /// <summary>All are there.</summary>
    public void Done()
    {
        DurableFile.SyncFolder(_folder);
        File.Delete(Path.Combine(_folder, Mark));
        DurableFile.SyncFolder(_folder);
        _done = true;
    }

    /// <summary>Removes them again unless all were made.</summary>
    public void Dispose()
    {
        if (_done)
        {
            return;
        }

        try
        {
            Remove(_folder, _names);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The mark stays, and the next try removes them.
        }
    }

    private static void Remove(string folder, string[] names)
    {
        foreach (string name in names.Where(IsName))
        {
            string path = Path.Combine(folder, name);
            File.Delete(path + DurableFile.Aside);
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }
            else
            {
                File.Delete(path);
            }
        }

        File.Delete(Path.Combine(folder, Mark));
    }

    private static bool IsName(string name) => name is not ("" or "." or "..") && !name.Contains('/', StringComparison.Ordinal);
}
