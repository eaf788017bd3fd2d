using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using Validator.Net.Discovery;

namespace Validator.Host.Primitives;

/// <summary>
/// Every HTTP client in the binary connects through this: without a proxy, and with names resolved by <see cref="NameResolver"/>.
/// </summary>
internal static class HttpHandlers
{
    /// <summary>How long an address is tried alone before the next is tried beside it (RFC 8305, section 8).</summary>
    private static readonly TimeSpan s_stagger = TimeSpan.FromMilliseconds(250);

    /// <summary>Of an answer that is read whole; the metrics page is the longest.</summary>
    public const int MostAnswerBytes = 64 << 20;

    /// <summary>A client whose answers are bounded.</summary>
    public static HttpClient Client(TimeSpan timeout, SocketsHttpHandler? handler = null) =>
        new(handler ?? Create()) { Timeout = timeout, MaxResponseContentBufferSize = MostAnswerBytes };

    /// <summary>
    /// Why there is no answer, in words for people: what is wrong with a certificate, say, and not that something is.
    /// </summary>
    public static string Reason(Exception e)
    {
        if (e is HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded })
        {
            return "what came is longer than any answer of a validator's";
        }

        HttpRequestError kind = (e as HttpRequestException)?.HttpRequestError ?? HttpRequestError.ConnectionError;
        bool told = kind is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError;
        while (!told && e.InnerException is { } inner)
        {
            e = inner;
        }

        return e.Message;
    }

    public static SocketsHttpHandler Create() => new()
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
        ActivityHeadersPropagator = null,
        ConnectCallback = async (context, cancellation) =>
            new NetworkStream(await ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, cancellation), ownsSocket: true),
    };

    /// <summary>Connects to the first address of a host that answers.</summary>
    /// <exception cref="IOException">The name has no address.</exception>
    /// <exception cref="SocketException">None of its addresses answers.</exception>
    internal static async Task<Socket> ConnectAsync(string host, int port, CancellationToken cancellation)
    {
        IPAddress[] addresses = await ResolveAsync(host, cancellation);
        using CancellationTokenSource others = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        List<Task<Socket>> tries = [];
        int next = 0;
        while (true)
        {
            if (next < addresses.Length)
            {
                tries.Add(TryAsync(new IPEndPoint(addresses[next++], port), others.Token));
            }

            Task patience = next < addresses.Length ? Task.Delay(s_stagger, others.Token) : Task.Delay(Timeout.Infinite, others.Token);
            Task first = await Task.WhenAny([.. tries, patience]);
            cancellation.ThrowIfCancellationRequested();
            if (first is not Task<Socket> ended)
            {
                continue;
            }

            tries.Remove(ended);
            if (ended.IsCompletedSuccessfully || (next == addresses.Length && tries.Count == 0))
            {
                await others.CancelAsync();
                tries.ForEach(t => t.ContinueWith(static late => late.Result.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default));
                return await ended;
            }
        }
    }

    /// <exception cref="IOException">The name has no address.</exception>
    private static async Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellation)
    {
        NameAnswer answer = await NameResolver.FindAsync(host.Trim('[', ']'), AddressFamily.Unspecified, cancellation);
        return answer.Addresses.Length > 0 ? answer.Addresses : throw new IOException($"'{host}' cannot be resolved: {answer.Error}");
    }

    private static async Task<Socket> TryAsync(IPEndPoint endPoint, CancellationToken cancellation)
    {
        Socket socket = new(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endPoint, cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
