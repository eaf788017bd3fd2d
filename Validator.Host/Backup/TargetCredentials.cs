using System.Security;
using System.Text;
using Validator.Host.Config;
using Validator.Host.Keys;

namespace Validator.Host.Backup;

/// <summary>
/// Credentials of a target: lines <c>name = value</c> of a file of its owner's alone, or environment variables. They are read for
/// each request, so that temporary keys can be replaced while a validator runs, and appear in no message.
/// </summary>
internal sealed class TargetCredentials(string file, Func<string, string?> environment)
{
    private const int MostBytes = 64 * 1024;

    /// <exception cref="BackupException">Something is missing, or the file is open to others.</exception>
    public S3Credentials S3()
    {
        Dictionary<string, string> given = Read();
        return new S3Credentials(
            Required(given, "access_key_id", "AWS_ACCESS_KEY_ID"), Required(given, "secret_access_key", "AWS_SECRET_ACCESS_KEY"),
            Optional(given, "session_token", "AWS_SESSION_TOKEN"));
    }

    /// <summary>An HMAC key.</summary>
    public S3Credentials Gcs()
    {
        Dictionary<string, string> given = Read();
        return new S3Credentials(
            Required(given, "access_key_id", "GCS_ACCESS_KEY_ID"), Required(given, "secret_access_key", "GCS_SECRET_ACCESS_KEY"),
            null);
    }

    public AzureCredentials Azure()
    {
        Dictionary<string, string> given = Read();
        string account = Required(given, "account", "AZURE_STORAGE_ACCOUNT");
        if (!account.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
        {
            throw new BackupException(
                "backup.credentials: account (AZURE_STORAGE_ACCOUNT) is no name of an account: letters, digits and '-' alone,"
                    + " without https:// and .blob.core.windows.net");
        }

        if (Optional(given, "sas_token", "AZURE_STORAGE_SAS_TOKEN") is { } sas)
        {
            return new AzureCredentials(account, null, sas.TrimStart('?'));
        }

        try
        {
            return new AzureCredentials(
                account, Convert.FromBase64String(Required(given, "account_key", "AZURE_STORAGE_KEY")), null);
        }
        catch (FormatException)
        {
            throw new BackupException("backup.credentials: account_key (AZURE_STORAGE_KEY) is no base64 text");
        }
    }

    private string Required(Dictionary<string, string> given, string name, string variable) => Optional(given, name, variable)
        ?? throw new BackupException(file.Length > 0
            ? $"backup.credentials: {file} has no '{name} = ...'"
            : $"backup.credentials: the target needs credentials: a file that backup.credentials names with '{name} = ...',"
                + $" or {variable}");

    private string? Optional(Dictionary<string, string> given, string name, string variable) =>
        file.Length > 0 ? given.GetValueOrDefault(name) : environment(variable) is { Length: > 0 } value ? value : null;

    private Dictionary<string, string> Read()
    {
        Dictionary<string, string> given = new(StringComparer.Ordinal);
        if (file.Length == 0)
        {
            return given;
        }

        string text;
        try
        {
            using FileStream stream = new(file, new FileStreamOptions { BufferSize = 0 });
            if (SecretFile.Fault(stream.SafeFileHandle, file) is { } fault)
            {
                throw new BackupException($"backup.credentials: {file}: {fault}");
            }

            text = Encoding.UTF8.GetString(Primitives.InputFile.Read(stream, MostBytes));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SecurityException)
        {
            throw new BackupException($"backup.credentials: {file}: {e.Message}");
        }

        // As the vendors' own files are written, too: their names begin with aws_, and sections mean nothing here.
        foreach (string line in text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (line[0] is not ('#' or '[') && equals > 0)
            {
                string name = line[..equals].Trim();
                name = name.StartsWith("aws_", StringComparison.Ordinal) ? name[4..] : name;
                given[name] = line[(equals + 1)..].Trim().Trim('"');
            }
        }

        return given;
    }
}
