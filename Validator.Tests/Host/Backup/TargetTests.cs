using System.Net;
using System.Text;
using Validator.Host.Backup;
using Validator.Host.Config;

namespace Validator.Tests.Host.Backup;

/// <summary>Targets of backups: what they are called, how they are asked, what they do when a server is not well.</summary>
public class TargetTests
{
    /// <summary>Protects operators: a target's text is read as it is meant, or refused with what is expected.</summary>
    [Theory]
    [InlineData("backups", BackupTargetKind.Folder, "/etc/validator/backups", "")]
    [InlineData("/mnt/backups", BackupTargetKind.Folder, "/mnt/backups", "")]
    [InlineData("s3://bucket-1", BackupTargetKind.S3, "bucket-1", "")]
    [InlineData("s3://bucket/a/b/", BackupTargetKind.S3, "bucket", "a/b/")]
    [InlineData("gs://bucket/a", BackupTargetKind.Gcs, "bucket", "a/")]
    [InlineData("azure://container/a", BackupTargetKind.AzureBlob, "container", "a/")]
    public void A_target_is_read_as_it_is_meant(string text, BackupTargetKind kind, string container, string prefix)
    {
        BackupTargetUrl? read = BackupTargetUrl.Read(text, "/etc/validator", out _);
        Assert.Equal((kind, container, prefix), (read!.Kind, read.Container, read.Prefix));
    }

    /// <summary>Protects against names that a server or a shell would read in another way.</summary>
    [Theory]
    [InlineData("ftp://host/a")]
    [InlineData("s3://")]
    [InlineData("s3://UPPER/a")]
    [InlineData("s3://bucket/../other")]
    [InlineData("s3://user:key@bucket/a")]
    [InlineData("s3://bucket/a b")]
    [InlineData("https://bucket.s3.amazonaws.com/")]
    public void Another_target_is_refused(string text)
    {
        Assert.Null(BackupTargetUrl.Read(text, "/", out string fault));
        Assert.Contains("s3://BUCKET/PREFIX", fault);
    }

    /// <summary>
    /// Protects long backups from a server that is busy, slow, or breaks off: what may pass is tried again, what does not is told
    /// with the server's own words, and no credential is in any message.
    /// </summary>
    [Fact]
    public async Task What_may_pass_is_tried_again()
    {
        await using ScriptedServer server = await ScriptedServer.StartAsync();
        using S3Target target = server.Target();
        server.Answers.Enqueue((503, "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"));
        server.Answers.Enqueue((500, ""));
        server.Answers.Enqueue((200, ""));
        target.Put("a", "content"u8.ToArray());
        Assert.Equal(["PUT /bucket/p/a content", "PUT /bucket/p/a content", "PUT /bucket/p/a content"], server.Seen);

        server.Seen.Clear();
        server.Answers.Enqueue((
            403, "<Error><Code>SignatureDoesNotMatch</Code><Message>No"
            + " match.</Message><AWSAccessKeyId>ACCESS</AWSAccessKeyId></Error>"));
        BackupException refused = Assert.Throws<BackupException>(() => target.Put("b", default));
        Assert.Equal("PUT b: the target refuses: 403 SignatureDoesNotMatch: No match.", refused.Message);
        Assert.Single(server.Seen);

        server.Answers.Enqueue((404, "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"));
        Assert.Null(target.Get("c", 100));
        server.Answers.Enqueue((404, "<Error><Code>NoSuchBucket</Code><Message>no bucket</Message></Error>"));
        Assert.Contains("NoSuchBucket", Assert.Throws<BackupException>(() => target.Get("c", 100)).Message);
        server.Answers.Enqueue((200, new string('x', 200)));
        Assert.Contains("longer than the 100 bytes", Assert.Throws<BackupException>(() => target.Get("c", 100)).Message);

        for (int i = 0; i < 6; i++)
        {
            server.Answers.Enqueue((503, "<Error><Code>SlowDown</Code><Message>later</Message></Error>"));
        }

        Assert.Contains("after 6 tries: 503 SlowDown: later", Assert.Throws<BackupException>(() => target.Get("d", 100)).Message);
    }

    /// <summary>Protects lists of more objects than one answer has: pages follow each other to the last.</summary>
    [Fact]
    public async Task Lists_are_read_page_by_page()
    {
        await using ScriptedServer server = await ScriptedServer.StartAsync();
        using S3Target target = server.Target();
        server.Answers.Enqueue((200, """
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <IsTruncated>true</IsTruncated><NextContinuationToken>a/+=b</NextContinuationToken>
            <Contents><Key>p/x/2</Key><Size>20</Size></Contents>
            <Contents><Key>elsewhere/1</Key><Size>1</Size></Contents></ListBucketResult>
            """));
        server.Answers.Enqueue((
            200, "<ListBucketResult><Contents><Key>p/x/1</Key><Size>10</Size></Contents></ListBucketResult>"));
        Assert.Equal([new StoredObject("x/1", 10), new StoredObject("x/2", 20)], target.List("x/"));
        Assert.Equal(
            ["GET /bucket?list-type=2&prefix=p%2Fx%2F"
                + " ", "GET /bucket?continuation-token=a%2F%2B%3Db&list-type=2&prefix=p%2Fx%2F "], server.Seen);
        server.Answers.Enqueue((200, "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"));
        Assert.Contains("is no XML", Assert.Throws<BackupException>(() => target.List("x/")).Message);
    }

    /// <summary>Protects memory from a bucket that holds too much, or a server whose list never ends.</summary>
    [Fact]
    public async Task A_list_without_end_is_refused()
    {
        await using ScriptedServer server = await ScriptedServer.StartAsync();
        using S3Target target = server.Target(most: 3);
        for (int page = 0; page < 3; page++)
        {
            server.Answers.Enqueue((
                200, $"<ListBucketResult><NextContinuationToken>{page}</NextContinuationToken><Contents><Key>p/x/{page}</Key>"
                + "<Size>1</Size></Contents><Contents><Key>elsewhere</Key><Size>1</Size></Contents></ListBucketResult>"));
        }

        BackupException endless = Assert.Throws<BackupException>(() => target.List("x/"));
        Assert.Contains("below p/x/ are more than 3 objects", endless.Message);
        Assert.Equal(2, server.Seen.Count);
    }

    /// <summary>
    /// Protects credentials: a file that others may read is refused, and what is missing is named, never shown.
    /// </summary>
    [Fact]
    public void Credentials_come_from_a_file_of_ones_own_or_the_environment()
    {
        using TemporaryFolder folder = new();
        string file = folder.File("credentials");
        File.WriteAllText(
            file, "# rotated daily\n[default]\naws_access_key_id = A\nsecret_access_key=\"S=/+\"\n session_token = T\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        TargetCredentials given = new(file, static _ => throw new InvalidOperationException("the file counts alone"));
        Assert.Contains("chmod 0600", Assert.Throws<BackupException>(() => given.S3()).Message);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Equal(new S3Credentials("A", "S=/+", "T"), given.S3());
        BackupException lacking = Assert.Throws<BackupException>(() => given.Azure());
        Assert.Contains("has no 'account = ...'", lacking.Message);
        TargetCredentials environment = new("", name => name is "AWS_ACCESS_KEY_ID" ? "A" : null);
        Assert.Contains("AWS_SECRET_ACCESS_KEY", Assert.Throws<BackupException>(() => environment.S3()).Message);
        TargetCredentials azure =
            new("", name => name == "AZURE_STORAGE_ACCOUNT" ? "a" : name == "AZURE_STORAGE_KEY" ? "not base64!" : null);
        Assert.DoesNotContain("not base64!", Assert.Throws<BackupException>(() => azure.Azure()).Message);
        foreach (string account in (string[])["https://a", "a b", "a.blob.core.windows.net", "a/b", "[a"])
        {
            TargetCredentials wrong = new("", name => name == "AZURE_STORAGE_ACCOUNT" ? account : "YQ==");
            Assert.Contains("is no name of an account", Assert.Throws<BackupException>(() => wrong.Azure()).Message);
        }
    }

    /// <summary>Answers each request with what it was told, in order.</summary>
    private sealed class ScriptedServer : IAsyncDisposable
    {
        private readonly HttpListener _listener = new();
        private Task _serving = Task.CompletedTask;
        private int _port;

        public Queue<(int Status, string Body)> Answers { get; } = new();

        public List<string> Seen { get; } = [];

        public static Task<ScriptedServer> StartAsync()
        {
            ScriptedServer server = new() { _port = Validator.Host.Cli.FreePorts.Find(1)[0] };
            server._listener.Prefixes.Add($"http://127.0.0.1:{server._port}/");
            server._listener.Start();
            server._serving = Task.Run(server.ServeAsync);
            return Task.FromResult(server);
        }

        public S3Target Target(int most = 1_000_000) => new(
            new BackupTargetUrl(BackupTargetKind.S3, "bucket", "p/", new Uri($"http://127.0.0.1:{_port}"), PathStyle: true),
            static () => new S3Credentials("ACCESS", "SECRET", null))
        { PauseFactor = 0.01, MostObjects = most };

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _serving;
            _listener.Close();
        }

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    HttpListenerContext context = await _listener.GetContextAsync();
                    using StreamReader reader = new(context.Request.InputStream);
                    Seen.Add($"{context.Request.HttpMethod} {context.Request.RawUrl} {await reader.ReadToEndAsync()}");
                    (int status, string body) = Answers.TryDequeue(out (int, string) next) ? next : (418, "");
                    context.Response.StatusCode = status;
                    context.Response.OutputStream.Write(Encoding.UTF8.GetBytes(body));
                    context.Response.Close();
                }
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                // Stopped.
            }
        }
    }
}
