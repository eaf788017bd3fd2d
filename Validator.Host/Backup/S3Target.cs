using System.Net;
using System.Net.Http;
using Validator.Core.Primitives;
using Validator.Host.Config;

namespace Validator.Host.Backup;

/// <summary>
/// S3 and what speaks its protocol, Google Cloud Storage's XML API with HMAC keys too: PUT, GET, DELETE and ListObjectsV2. An
/// object is a part of at most some tens of MiB, so none is uploaded in pieces; the server checks each against its SHA-256,
/// which is signed.
/// </summary>
internal sealed class S3Target(BackupTargetUrl url, Func<S3Credentials> credentials) : HttpTarget
{
    private const int MostListBytes = 16 << 20;

    private readonly Uri _endpoint = url.Endpoint ?? new Uri(url.Kind == BackupTargetKind.Gcs
        ? "https://storage.googleapis.com" : $"https://s3.{url.Region}.amazonaws.com");

    /// <summary>A name with dots fits no certificate for *.HOST.</summary>
    private readonly bool _pathStyle = url.PathStyle || url.Kind == BackupTargetKind.Gcs
        || url.Container.Contains('.', StringComparison.Ordinal);

    private readonly string _region = url.Kind == BackupTargetKind.Gcs ? "auto" : url.Region;

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
            string query = (next is null ? "" : $"continuation-token={SigV4.Encode(next)}&")
                + $"list-type=2&prefix={SigV4.Encode(url.Prefix + prefix)}";
            (_, byte[] xml) = Send(HttpMethod.Get, "", query, default, MostListBytes);
            List<Dictionary<string, string>> page = Elements(xml, "Contents", "Key", "Size");
            RequireEnd(url.Prefix + prefix, listed += page.Count, ++pages);
            foreach (Dictionary<string, string> stored in page)
            {
                string key = stored.GetValueOrDefault("Key", "");
                if (key.StartsWith(url.Prefix + prefix, StringComparison.Ordinal)
                    && StrictNumber.TryRead(stored.GetValueOrDefault("Size", ""), out long bytes))
                {
                    all.Add(new StoredObject(key[url.Prefix.Length..], bytes));
                }
            }

            string? token = Elements(xml, "ListBucketResult", "NextContinuationToken")
                .FirstOrDefault()?.GetValueOrDefault("NextContinuationToken");
            next = token is { Length: > 0 } && token != next ? token : null;
        }
        while (next is not null);
        all.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return all;
    }

    protected override Uri AddressOf(string name, string query)
    {
        string key = name.Length > 0 ? url.Prefix + name : "";
        string path = _endpoint.AbsolutePath.TrimEnd('/') + (_pathStyle ? $"/{url.Container}" : "")
            + (key.Length > 0 || !_pathStyle ? $"/{key}" : "");
        UriBuilder address = new(_endpoint) { Path = path, Query = query };
        if (!_pathStyle)
        {
            address.Host = $"{url.Container}.{_endpoint.Host}";
        }

        return address.Uri;
    }

    protected override void Prepare(HttpRequestMessage request, ReadOnlyMemory<byte> content) =>
        SigV4.Sign(request, content.Span, credentials(), _region, DateTime.UtcNow);
}
