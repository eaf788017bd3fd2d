using System.Globalization;
using System.Net.Http;
using System.Security.Cryptography;
using System.Text;

namespace Validator.Host.Backup;

/// <summary>An account's key, or a shared access signature for the container.</summary>
/// <param name="Key">Null where <paramref name="Sas"/> is given.</param>
/// <param name="Sas">A query, without its question mark.</param>
internal sealed record AzureCredentials(string Account, byte[]? Key, string? Sas);

/// <summary>
/// Azure's Shared Key, of Blob Storage since version 2015-02-21 ("Authorize with Shared Key", Azure Storage REST API).
/// </summary>
internal static class AzureSharedKey
{
    public const string Version = "2021-12-02";

    /// <summary>Adds the headers of a signature. All other headers, the content's too, are final.</summary>
    public static void Sign(HttpRequestMessage request, AzureCredentials credentials, DateTime now)
    {
        request.Headers.TryAddWithoutValidation("x-ms-date", now.ToString("R", CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation("x-ms-version", Version);
        if (credentials.Key is { } key)
        {
            byte[] signature = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(StringToSign(request, credentials.Account)));
            request.Headers.TryAddWithoutValidation("Authorization",
                $"SharedKey {credentials.Account}:{Convert.ToBase64String(signature)}");
        }
    }

    internal static string StringToSign(HttpRequestMessage request, string account)
    {
        string Content(string name) =>
            request.Content?.Headers.TryGetValues(name, out IEnumerable<string>? values) == true ? string.Join(',', values) : "";
        string length = request.Content?.Headers.ContentLength is long bytes and > 0
            ? bytes.ToString(CultureInfo.InvariantCulture) : "";

        // Date, conditions and range are not used; x-ms-date stands for the first.
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture,
            $"{request.Method}\n{Content("Content-Encoding")}\n{Content("Content-Language")}\n{length}\n");
        text.Append(CultureInfo.InvariantCulture, $"{Content("Content-MD5")}\n{Content("Content-Type")}\n\n\n\n\n\n\n");
        foreach ((string name, IEnumerable<string> values) in request.Headers
            .Where(h => h.Key.StartsWith("x-ms-", StringComparison.OrdinalIgnoreCase))
                .OrderBy(h => h.Key.ToLowerInvariant(), StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"{name.ToLowerInvariant()}:{string.Join(',', values).Trim()}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"/{account}{request.RequestUri!.AbsolutePath}");
        foreach (string pair in request.RequestUri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)
            .Select(Uri.UnescapeDataString).Order(StringComparer.Ordinal))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            text.Append(CultureInfo.InvariantCulture, $"\n{pair[..equals].ToLowerInvariant()}:{pair[(equals + 1)..]}");
        }

        return text.ToString();
    }
}
