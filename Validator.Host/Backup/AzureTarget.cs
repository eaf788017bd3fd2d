using System.Net;
using System.Net.Http;
using System.Security.Cryptography;
using Validator.Core.Primitives;
using Validator.Host.Config;

namespace Validator.Host.Backup;

/// <summary>
/// Azure Blob Storage: Put Blob, Get Blob, Delete Blob and List Blobs, with the account's key or a shared access signature. Each
/// object is one block blob, which the service checks against its MD5.
/// </summary>
internal sealed class AzureTarget(BackupTargetUrl url, Func<AzureCredentials> credentials) : HttpTarget
{
    private const int MostListBytes = 16 << 20;

    public override void Put(string name, ReadOnlyMemory<byte> content) => Send(HttpMethod.Put, name, "", content, MostListBytes);

    public override void Delete(string name) =>
        Send(HttpMethod.Delete, name, "", default, MostListBytes, HttpStatusCode.NotFound);

    public override IReadOnlyList<StoredObject> List(string prefix)
    {
        List<StoredObject> all = [];
        string? next = null;
        int listed = 0, pages = 0;
        do
        {
            string query = "comp=list" + (next is null ? "" : $"&marker={Uri.EscapeDataString(next)}")
                + $"&prefix={Uri.EscapeDataString(url.Prefix + prefix)}&restype=container";
            (_, byte[] xml) = Send(HttpMethod.Get, "", query, default, MostListBytes);
            List<Dictionary<string, string>> page = Elements(xml, "Blob", "Name", "Content-Length");
            RequireEnd(url.Prefix + prefix, listed += page.Count, ++pages);
            foreach (Dictionary<string, string> stored in page)
            {
                string key = stored.GetValueOrDefault("Name", "");
                if (key.StartsWith(url.Prefix + prefix, StringComparison.Ordinal)
                    && StrictNumber.TryRead(stored.GetValueOrDefault("Content-Length", ""), out long bytes))
                {
                    all.Add(new StoredObject(key[url.Prefix.Length..], bytes));
                }
            }

            string? marker = Elements(xml, "EnumerationResults", "NextMarker").FirstOrDefault()?.GetValueOrDefault("NextMarker");
            next = marker is { Length: > 0 } && marker != next ? marker : null;
        }
        while (next is not null);
        all.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return all;
    }

    protected override Uri AddressOf(string name, string query)
    {
        AzureCredentials known = credentials();
        Uri endpoint = url.Endpoint ?? new Uri($"https://{known.Account}.blob.core.windows.net");
        string path = $"{endpoint.AbsolutePath.TrimEnd('/')}/{url.Container}{(name.Length > 0 ? $"/{url.Prefix}{name}" : "")}";
        string signed = known.Sas is { } sas ? query.Length > 0 ? $"{query}&{sas}" : sas : query;
        return new UriBuilder(endpoint) { Path = path, Query = signed }.Uri;
    }

    protected override void Prepare(HttpRequestMessage request, ReadOnlyMemory<byte> content)
    {
        if (request.Content is { } body)
        {
            request.Headers.TryAddWithoutValidation("x-ms-blob-type", "BlockBlob");
            body.Headers.ContentLength = content.Length;
#pragma warning disable CA5351 // The service's checksum of what it got, not a defence.
            body.Headers.ContentMD5 = MD5.HashData(content.Span);
#pragma warning restore CA5351
        }

        AzureSharedKey.Sign(request, credentials(), DateTime.UtcNow);
    }
}
