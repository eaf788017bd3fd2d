using System.Net;
using System.Net.Http;
using System.Xml;
using Validator.Host.Primitives;

namespace Validator.Host.Backup;

/// <summary>
/// What REST targets have in common: each request is signed, sent, and sent again with growing pauses where the server or the
/// network says that another try may do. Requests are for whole objects, so a repeat does no harm.
/// </summary>
internal abstract class HttpTarget : IBackupTarget
{
    /// <summary>Pages may hold fewer objects than they could; ten times as many as full ones would be.</summary>
    private const int MostPages = 10_000;

    private const int Tries = 6;
    private const int MostErrorBytes = 1 << 20;

    private static readonly TimeSpan s_first = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(20);

    /// <summary>Of one try: a part over a slow line.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    private readonly HttpClient _client = new(HttpHandlers.Create()) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Multiplies pauses; for tests.</summary>
    internal double PauseFactor { get; init; } = 1;

    /// <summary>Of one list, which is held in memory.</summary>
    internal int MostObjects { get; init; } = 1_000_000;

    public abstract void Put(string name, ReadOnlyMemory<byte> content);

    public abstract IReadOnlyList<StoredObject> List(string prefix);

    public abstract void Delete(string name);

    public byte[]? Get(string name, int most)
    {
        (HttpStatusCode status, byte[] content) = Send(HttpMethod.Get, name, "", default, most, HttpStatusCode.NotFound);
        return status == HttpStatusCode.NotFound ? null : content;
    }

    public void Dispose() => _client.Dispose();

    /// <summary>Where an object is; where all are, for an empty name.</summary>
    protected abstract Uri AddressOf(string name, string query);

    /// <summary>Adds headers to a request: the signature's, and what the method wants.</summary>
    protected abstract void Prepare(HttpRequestMessage request, ReadOnlyMemory<byte> content);

    /// <summary>Sends a request until it is answered for good.</summary>
    /// <param name="accepted">A status besides 2xx that is an answer.</param>
    /// <exception cref="BackupException">It is not, after some tries.</exception>
    internal (HttpStatusCode Status, byte[] Content) Send(
        HttpMethod method, string name, string query, ReadOnlyMemory<byte> content, int most, HttpStatusCode? accepted = null)
    {
        string what = $"{method} {(name.Length > 0 ? name : "list")}";
        TimeSpan pause = s_first;
        for (int tries = 1; ; tries++)
        {
            string fault;
            TimeSpan? asked = null;
            try
            {
                (HttpStatusCode status, byte[] answer, string reason, asked) = TryAsync(method, name, query, content, what, most)
                    .GetAwaiter().GetResult();
                if ((int)status is >= 200 and < 300 || (status == accepted && !SaysNoContainer(answer)))
                {
                    return (status, answer);
                }

                fault = $"{(int)status} {Explain(answer, reason)}";
                if (!IsPassing(status))
                {
                    throw new BackupException($"{what}: the target refuses: {fault}");
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                fault = e is OperationCanceledException ? "no answer in time" : HttpHandlers.Reason(e);
            }

            if (tries == Tries)
            {
                throw new BackupException($"{what}: the target does not answer, after {Tries} tries: {fault}");
            }

            // Between a half and the whole of it, so that many validators do not come back at once.
            TimeSpan wait = asked is { } told && told > pause ? told : pause * (0.5 + (Random.Shared.NextDouble() / 2));
            Thread.Sleep((wait < s_longest ? wait : s_longest) * PauseFactor);
            pause *= 2;
        }
    }

    /// <summary>Refuses a list that is too long, or never ends.</summary>
    /// <param name="objects">Listed so far, of whatever name.</param>
    /// <param name="pages">Answers so far.</param>
    protected void RequireEnd(string prefix, int objects, int pages)
    {
        if (objects > MostObjects || pages > MostPages)
        {
            throw new BackupException(
                $"GET list: below {prefix} are more than {MostObjects} objects, or answers without end ({objects} in {pages}):"
                    + " delete what is not needed, or use another prefix");
        }
    }

    /// <summary>The text of an XML answer's elements of that name within elements of another, in order.</summary>
    protected static List<Dictionary<string, string>> Elements(byte[] xml, string within, params string[] names)
    {
        List<Dictionary<string, string>> found = [];
        try
        {
            XmlReaderSettings settings = new() { DtdProcessing = DtdProcessing.Prohibit };
            using XmlReader reader = XmlReader.Create(new MemoryStream(xml, writable: false), settings);
            int depth = -1;
            while (!reader.EOF)
            {
                if (reader.NodeType == XmlNodeType.Element && reader.LocalName == within)
                {
                    found.Add([]);
                    depth = reader.Depth;
                }
                else if (reader.NodeType == XmlNodeType.Element && found.Count > 0 && reader.Depth > depth
                    && names.Contains(reader.LocalName))
                {
                    string name = reader.LocalName;
                    found[^1][name] = reader.ReadElementContentAsString();
                    continue;
                }

                reader.Read();
            }
        }
        catch (XmlException e)
        {
            throw new BackupException($"the target's answer is no XML: {e.Message}");
        }

        return found;
    }

    /// <summary>One try, with its answer's body: one that is longer than may be will not be shorter at another.</summary>
    private async Task<(HttpStatusCode Status, byte[] Answer, string Reason, TimeSpan? Asked)> TryAsync(
        HttpMethod method, string name, string query, ReadOnlyMemory<byte> content, string what, int most)
    {
        using CancellationTokenSource patience = new(s_patience);
        using HttpRequestMessage request = new(method, AddressOf(name, query));
        if (method == HttpMethod.Put)
        {
            request.Content = new ReadOnlyMemoryContent(content);
        }

        Prepare(request, content);
        using HttpResponseMessage response =
            await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token).ConfigureAwait(false);
        using Stream body = await response.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
        using MemoryStream all = new((int)Math.Min(response.Content.Headers.ContentLength ?? 0, most));
        byte[] part = new byte[64 * 1024];
        most = response.IsSuccessStatusCode ? most : Math.Max(most, MostErrorBytes);
        for (int got; (got = await body.ReadAsync(part, patience.Token).ConfigureAwait(false)) > 0;)
        {
            if (all.Length + got > most)
            {
                throw new BackupException($"{what}: the answer is longer than the {most} bytes that are read at most");
            }

            all.Write(part, 0, got);
        }

        return (response.StatusCode, all.ToArray(), response.ReasonPhrase ?? "", response.Headers.RetryAfter?.Delta);
    }

    private static bool IsPassing(HttpStatusCode status) =>
        status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or HttpStatusCode.InternalServerError
            or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    /// <summary>An object that is not there is an answer; a bucket that is not there is a fault.</summary>
    private static bool SaysNoContainer(byte[] answer) =>
        answer.AsSpan().IndexOf("NoSuchBucket"u8) >= 0 || answer.AsSpan().IndexOf("ContainerNotFound"u8) >= 0;

    /// <summary>The server's code and message, and nothing else of it: what it got may be in the rest.</summary>
    private static string Explain(byte[] answer, string reason)
    {
        try
        {
            Dictionary<string, string>? error = answer.Length > 0 ? Elements(answer, "Error", "Code", "Message").FirstOrDefault()
                : null;
            if (error is not null)
            {
                string message = error.GetValueOrDefault("Message", "").Split('\n')[0];
                return $"{error.GetValueOrDefault("Code", "")}: {message}";
            }
        }
        catch (BackupException)
        {
            // No XML: the reason phrase says what there is to say.
        }

        return reason;
    }
}
