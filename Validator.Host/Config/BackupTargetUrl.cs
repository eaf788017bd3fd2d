namespace Validator.Host.Config;

/// <summary>What keeps backups.</summary>
public enum BackupTargetKind : byte
{
    Folder,

    /// <summary>Amazon S3 and what speaks its protocol.</summary>
    S3,

    /// <summary>Google Cloud Storage, by its XML API with HMAC keys.</summary>
    Gcs,

    AzureBlob,
}

/// <summary>
/// A place for backups: <c>/folder</c>, <c>s3://BUCKET/PREFIX</c>, <c>gs://BUCKET/PREFIX</c> or
/// <c>azure://CONTAINER/PREFIX</c>, and where its server is.
/// </summary>
/// <param name="Container">A whole path, or the bucket's or container's name.</param>
/// <param name="Prefix">Of object names; empty, or ends with a slash.</param>
/// <param name="Endpoint">The server, where it is not the vendor's.</param>
/// <param name="Region">Of S3.</param>
/// <param name="PathStyle">The bucket is named in the path, not in the host.</param>
public sealed record BackupTargetUrl(
    BackupTargetKind Kind, string Container, string Prefix, Uri? Endpoint = null, string Region = "us-east-1", bool PathStyle =
        false)
{
    /// <summary>As a person writes it, without anything secret.</summary>
    public override string ToString() => Kind switch
    {
        BackupTargetKind.Folder => Container,
        BackupTargetKind.S3 => $"s3://{Container}/{Prefix}",
        BackupTargetKind.Gcs => $"gs://{Container}/{Prefix}",
        _ => $"azure://{Container}/{Prefix}",
    };

    /// <param name="folder">Where relative paths count from.</param>
    /// <param name="fault">What is wrong, in words.</param>
    public static BackupTargetUrl? Read(string text, string folder, out string fault)
    {
        fault = "";
        int colon = text.IndexOf("://", StringComparison.Ordinal);
        if (colon < 0)
        {
            return new BackupTargetUrl(BackupTargetKind.Folder, Path.GetFullPath(text, folder), "");
        }

        BackupTargetKind? kind = text[..colon] switch
        {
            "s3" => BackupTargetKind.S3,
            "gs" => BackupTargetKind.Gcs,
            "azure" => BackupTargetKind.AzureBlob,
            _ => null,
        };
        string[] parts = text[(colon + 3)..].Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (kind is null || parts.Length == 0 || !IsContainer(parts[0]) || !Array.TrueForAll(parts[1..], IsName))
        {
            fault = $"'{text}': expected a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or azure://CONTAINER/PREFIX, with names"
                + " of a-z A-Z 0-9 . - _";
            return null;
        }

        string prefix = string.Concat(parts[1..].Select(part => part + "/"));
        return new BackupTargetUrl(kind.Value, parts[0], prefix);
    }

    private static bool IsContainer(string name) =>
        name.Length is >= 3 and <= 63
            && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.' or '_');

    private static bool IsName(string name) =>
        name is not ("." or "..") && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_');
}
