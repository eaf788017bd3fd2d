using System.Net.Http;
using System.Text;
using Validator.Host.Backup;

namespace Validator.Tests.Host.Backup;

/// <summary>Signatures of requests, against what the vendors publish.</summary>
public class SignatureTests
{
    private static readonly S3Credentials s_example =
        new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", null);
    private static readonly DateTime s_then = new(2013, 5, 24, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>
    /// Protects access to S3 and to GCS, which takes the same: the four examples of "Authenticating Requests: Using the
    /// Authorization Header" in Amazon's reference of the S3 API.
    /// </summary>
    [Theory]
    [InlineData("GET", "/test.txt", "", "range=bytes=0-9", "",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")]
    [InlineData("PUT", "/test%24file.text", "", "date=Fri, 24 May 2013 00:00:00"
        + " GMT;x-amz-storage-class=REDUCED_REDUNDANCY", "Welcome to Amazon S3.",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")]
    [InlineData("GET", "/", "?lifecycle", "", "", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")]
    [InlineData("GET", "/", "?max-keys=2&prefix=J", "", "", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")]
    public void Requests_to_S3_are_signed_as_published(
        string method, string path, string query, string headers, string body, string signature)
    {
        using HttpRequestMessage request = new(new HttpMethod(method), $"https://examplebucket.s3.amazonaws.com{path}{query}");
        foreach (string header in headers.Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = header.IndexOf('=', StringComparison.Ordinal);
            Assert.True(request.Headers.TryAddWithoutValidation(header[..equals], header[(equals + 1)..]));
        }

        SigV4.Sign(request, Encoding.UTF8.GetBytes(body), s_example, "us-east-1", s_then);
        string authorization = string.Join("", request.Headers.GetValues("Authorization"));
        Assert.StartsWith("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=",
            authorization);
        Assert.EndsWith($", Signature={signature}", authorization);
    }

    /// <summary>Protects temporary keys: their token is sent, and signed.</summary>
    [Fact]
    public void A_session_token_is_signed()
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "https://b.s3.amazonaws.com/k");
        SigV4.Sign(request, [], s_example with { Token = "token/+=" }, "eu-central-1", s_then);
        Assert.Equal(["token/+="], request.Headers.GetValues("x-amz-security-token"));
        Assert.Contains("x-amz-security-token", string.Join("", request.Headers.GetValues("Authorization")));
    }

    /// <summary>
    /// Protects access to Azure: the text that is signed is that of "Authorize with Shared Key" (Azure Storage REST API), line by
    /// line: verb, twelve standard headers, x-ms headers by name, then account, path and parameters by name.
    /// </summary>
    [Fact]
    public void Requests_to_Azure_are_signed_as_published()
    {
        using HttpRequestMessage list =
            new(HttpMethod.Get, "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=list&prefix=a%2Fb");
        list.Headers.TryAddWithoutValidation("x-ms-version", "2015-02-21");
        list.Headers.TryAddWithoutValidation("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT");
        Assert.Equal(
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12"
                + " GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:list\nprefix:a/b\nrestype:container",
            AzureSharedKey.StringToSign(list, "myaccount"));
        using HttpRequestMessage put = new(HttpMethod.Put, "https://myaccount.blob.core.windows.net/mycontainer/a/b")
        {
            Content = new ByteArrayContent([1, 2, 3]),
        };
        put.Content.Headers.ContentMD5 = [.. Enumerable.Repeat((byte)0, 16)];
        put.Headers.TryAddWithoutValidation("x-ms-blob-type", "BlockBlob");
        Assert.Equal(
            "PUT\n\n\n3\nAAAAAAAAAAAAAAAAAAAAAA==\n\n\n\n\n\n\n\nx-ms-blob-type:BlockBlob\n/myaccount/mycontainer/a/b",
            AzureSharedKey.StringToSign(put, "myaccount"));
    }
}
