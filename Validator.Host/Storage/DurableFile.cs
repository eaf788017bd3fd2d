using System.Runtime.InteropServices;

namespace Validator.Host.Storage;

/// <summary>
/// Small files that must survive a power cut: on return both bytes and name are on disk (fsync of the file, then of its folder).
/// A whole file is written beside its place and moved there, so that a crash leaves the old one, or none, and never a part. All
/// members throw <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>.
/// </summary>
internal static partial class DurableFile
{
    /// <summary>Suffix of the name while the file is written.</summary>
    public const string Aside = ".new";

    private const UnixFileMode AnyMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Adds to the file's end, making it and its folder where they are missing.</summary>
    public static void Append(string path, ReadOnlySpan<byte> bytes)
    {
        string folder = FolderOf(path);
        MakeFolder(folder);
        using (FileStream file = new(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0))
        {
            file.Write(bytes);
            file.Flush(flushToDisk: true);
        }

        SyncFolder(folder);
    }

    /// <summary>Writes a whole file, over any earlier one.</summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes) => Write(path, bytes, AnyMode, replaces: true);

    /// <summary>Writes a whole file that is not there yet, else throws and leaves it.</summary>
    public static void Create(string path, ReadOnlySpan<byte> bytes, UnixFileMode mode = AnyMode) => Write(path, bytes, mode, replaces: false);

    /// <summary>Makes the names in a folder durable.</summary>
    public static void SyncFolder(string path)
    {
        int error = SyncNative(path);
        if (error != 0)
        {
            throw new IOException($"{path}: the folder cannot be synced: {Marshal.GetPInvokeErrorMessage(error)}");
        }
    }

    /// <summary>Makes a folder and those above it where they are missing, and their names durable.</summary>
    /// <param name="folder">A whole path.</param>
    public static void MakeFolder(string folder)
    {
        if (!Directory.Exists(folder) && Path.GetDirectoryName(folder) is { } parent)
        {
            MakeFolder(parent);
            Directory.CreateDirectory(folder);
            SyncFolder(parent);
        }
    }

    private static void Write(string path, ReadOnlySpan<byte> bytes, UnixFileMode mode, bool replaces)
    {
        if (IsDevice(path))
        {
            using FileStream device = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            device.Write(bytes);
            return;
        }

        // The target of a link is replaced, not the link.
        path = new FileInfo(path) is { LinkTarget: not null } link ? link.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path : path;
        if (!replaces && File.Exists(path))
        {
            throw new IOException($"{path} exists already");
        }

        string folder = FolderOf(path);
        string aside = path + Aside;
        MakeFolder(folder);
        File.Delete(aside);
        try
        {
            using (FileStream file = new(aside, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = mode,
                BufferSize = 0,
            }))
            {
                file.Write(bytes);
                file.Flush(flushToDisk: true);
            }

            File.Move(aside, path, replaces);
        }
        catch
        {
            File.Delete(aside);
            throw;
        }

        SyncFolder(folder);
    }

    /// <summary>Standard output and the like cannot be replaced by a move. /dev/shm has ordinary files.</summary>
    private static bool IsDevice(string path) => Path.GetFullPath(path) is var full
        && (full.StartsWith("/dev/", StringComparison.Ordinal) || full.StartsWith("/proc/", StringComparison.Ordinal))
        && !full.StartsWith("/dev/shm/", StringComparison.Ordinal) && File.Exists(full);

    private static string FolderOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path))!;

    [LibraryImport("validator_native", EntryPoint = "validator_sync_folder", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SyncNative(string path);
}
