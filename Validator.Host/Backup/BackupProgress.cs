using System.Text.Json;
using Validator.Host.Config;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Backup;

/// <summary>
/// How far a backup is, beside the copy that it is made of, so that one that was cut short goes on where it stopped. Pieces of
/// content are the same each time: what is stored already is read again and compared, and not sent again.
/// </summary>
/// <param name="Parts">Those that the target has.</param>
internal sealed record BackupProgress(
    string Id, DateTime Created, string Target, string? Recipient, string Compression, int PartBytes, BackupPart[] Parts)
{
    private const int MostBytes = BackupManifest.MostBytes;

    public static string PathIn(string folder) => Path.Combine(folder, "progress.json");

    /// <summary>Null where there is none that is whole.</summary>
    public static BackupProgress? Read(string folder)
    {
        string path = PathIn(folder);
        try
        {
            return File.Exists(path)
                ? JsonSerializer.Deserialize(InputFile.Read(path, MostBytes), BackupJson.Default.BackupProgress) : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public void Write(string folder) =>
        DurableFile.Write(PathIn(folder), JsonSerializer.SerializeToUtf8Bytes(this, BackupJson.Default.BackupProgress));

    /// <summary>Whether it is of a backup that would be made now.</summary>
    public bool Fits(BackupSection settings, string? recipient) =>
        Target == settings.Target!.ToString() && Recipient == recipient && Compression == NameOf(settings.Compression)
            && PartBytes == settings.PartMb << 20;

    public static string NameOf(BackupCompression kind) => kind switch
    {
        BackupCompression.Gzip => "gzip",
        BackupCompression.Zstd => "zstd",
        _ => "none",
    };
}
