using System.Globalization;
using System.Net.Http;
using System.Security.Cryptography;
using System.Text;

namespace Validator.Host.Backup;

/// <summary>An access key of S3, or an HMAC key of Google Cloud Storage.</summary>
/// <param name="Token">Of a temporary key; null: none.</param>
internal sealed record S3Credentials(string AccessKey, string Secret, string? Token);

/// <summary>
/// AWS Signature Version 4 in the Authorization header, as S3 has it: the path is encoded once, and the payload's SHA-256 is a
/// header, so that the server checks what arrives against it ("Authenticating Requests: Using the Authorization Header", Amazon
/// S3 API Reference).
/// </summary>
internal static class SigV4
{
    public const string Algorithm = "AWS4-HMAC-SHA256";
    private const string Service = "s3";

    /// <summary>Adds the headers of a signature. The request's host, path, query and other headers are final.</summary>
    /// <param name="payload">The body; empty for none.</param>
    public static void Sign(
        HttpRequestMessage request, ReadOnlySpan<byte> payload, S3Credentials credentials, string region, DateTime now)
    {
        string time = now.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        string digest = Convert.ToHexStringLower(SHA256.HashData(payload));
        request.Headers.TryAddWithoutValidation("x-amz-date", time);
        request.Headers.TryAddWithoutValidation("x-amz-content-sha256", digest);
        if (credentials.Token is { } token)
        {
            request.Headers.TryAddWithoutValidation("x-amz-security-token", token);
        }

        SortedDictionary<string, string> headers = new(StringComparer.Ordinal) { ["host"] = request.RequestUri!.Authority };
        foreach ((string name, IEnumerable<string> values) in request.Headers)
        {
            headers[name.ToLowerInvariant()] = string.Join(',', values).Trim();
        }

        string signed = string.Join(';', headers.Keys);
        string canonical = $"{request.Method}\n{request.RequestUri.AbsolutePath}\n{CanonicalQuery(request.RequestUri.Query)}\n"
            + string.Concat(headers.Select(h => $"{h.Key}:{h.Value}\n")) + $"\n{signed}\n{digest}";
        string scope = $"{time[..8]}/{region}/{Service}/aws4_request";
        string text =
            $"{Algorithm}\n{time}\n{scope}\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}";
        byte[] key = Encoding.UTF8.GetBytes("AWS4" + credentials.Secret);
        foreach (string part in (string[])[time[..8], region, Service, "aws4_request"])
        {
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        }

        string signature = Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)));
        request.Headers.TryAddWithoutValidation(
            "Authorization",
                $"{Algorithm} Credential={credentials.AccessKey}/{scope}, SignedHeaders={signed}, Signature={signature}");
    }

    /// <summary>Every byte but unreserved ones (RFC 3986) as %XX.</summary>
    public static string Encode(string text) => Uri.EscapeDataString(text);

    /// <summary>By name; a parameter without a value has an empty one.</summary>
    private static string CanonicalQuery(string query) => string.Join('&', query.TrimStart('?')
        .Split('&', StringSplitOptions.RemoveEmptyEntries)
        .Select(pair => pair.Contains('=', StringComparison.Ordinal) ? pair : pair + "=")
        .Order(StringComparer.Ordinal));
}
