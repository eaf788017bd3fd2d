using System.Runtime.InteropServices;

namespace Validator.Host.Storage;

/// <summary>
/// Small files that must outlive a power cut: on return both the bytes and the name are on disk (fsync of the file, then of
/// its folder). All members throw <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>.
/// </summary>
internal static partial class DurableFile
{
    /// <summary>Adds to the file's end, making it and its folder where they are missing.</summary>
    public static void Append(string path, ReadOnlySpan<byte> bytes) => Write(path, FileMode.Append, bytes);

    /// <summary>Writes a whole file, over any earlier one.</summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes) => Write(path, FileMode.Create, bytes);

    /// <summary>Makes the names in a folder durable.</summary>
    public static void SyncFolder(string path)
    {
        int error = SyncNative(path);
        if (error != 0)
        {
            throw new IOException($"{path}: the folder cannot be synced: {Marshal.GetPInvokeErrorMessage(error)}");
        }
    }

    private static void Write(string path, FileMode mode, ReadOnlySpan<byte> bytes)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
            SyncFolder(Path.GetDirectoryName(folder)!);
        }

        using (FileStream file = new(path, mode, FileAccess.Write, FileShare.Read, bufferSize: 0))
        {
            file.Write(bytes);
            file.Flush(flushToDisk: true);
        }

        SyncFolder(folder);
    }

    [LibraryImport("validator_native", EntryPoint = "validator_sync_folder", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SyncNative(string path);
}
