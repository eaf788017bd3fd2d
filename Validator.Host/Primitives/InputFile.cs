using System.Globalization;
using System.Text;

namespace Validator.Host.Primitives;

/// <summary>
/// Whole files from outside, bounded: a device, a pipe without end or a disk image in a file's place costs no more than
/// the bound. All members throw <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>.
/// </summary>
internal static class InputFile
{
    /// <summary>Enough for whatever this binary writes and reads again; a genesis of 128 members takes 1 MiB.</summary>
    public const int MostBytes = 8 << 20;

    private const int PartBytes = 64 * 1024;

    /// <param name="most">A longer one is refused.</param>
    public static byte[] Read(string path, int most = MostBytes)
    {
        if (path.Length == 0 || path.Contains('\0'))
        {
            throw new IOException("is no path");
        }

        if (Directory.Exists(path))
        {
            throw new IOException("is a folder");
        }

        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        return Read(file, most);
    }

    /// <summary>From where it stands to its end.</summary>
    public static byte[] Read(Stream stream, int most = MostBytes)
    {
        // A length is no promise: devices and /proc have none.
        using MemoryStream all = new();
        byte[] part = new byte[Math.Min(most + 1, PartBytes)];
        for (int got; (got = stream.Read(part)) > 0;)
        {
            all.Write(part, 0, got);
            if (all.Length > most)
            {
                throw new IOException(string.Create(CultureInfo.InvariantCulture, $"is longer than {most} bytes"));
            }
        }

        return all.ToArray();
    }

    /// <summary>UTF-8; what is none becomes U+FFFD.</summary>
    public static string ReadText(string path, int most = MostBytes) => Text(Read(path, most));

    /// <summary>The same of an open file.</summary>
    public static string ReadText(Stream stream, int most = MostBytes) => Text(Read(stream, most));

    public static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes).TrimStart('\uFEFF');
}
