using Validator.Host.Config;

namespace Validator.Host.Api;

/// <summary>Local limits of the HTTP API. Those per address are off at 0.</summary>
public sealed record ApiOptions
{
    /// <summary>How long a submission may wait for durability or finality before the client gets an answer without it.</summary>
    public TimeSpan WaitTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A stream's subscriber must take each page (some 170 KB) in this time.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A silent stream gets a comment this often.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For a request's line and headers, and for its body: from its first byte to its last.</summary>
    public TimeSpan HeaderTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <inheritdoc cref="HeaderTimeout"/>
    public TimeSpan BodyTimeout { get; init; } = TimeSpan.FromSeconds(20);

    public int MaxSubscribers { get; init; } = 256;
    public int MaxConnections { get; init; } = 4096;

    /// <summary>Submissions that wait for durability or finality.</summary>
    public int MaxWaiting { get; init; } = 8192;

    /// <summary>Transactions of one batch.</summary>
    public int MaxBatchItems { get; init; } = 65_536;

    /// <summary>Bytes of all bodies being read or parsed at the same time.</summary>
    public long MaxBodyMemory { get; init; } = 256L * 1024 * 1024;

    public int ConnectionsPerAddress { get; init; }

    /// <summary>Requests a second of one address; a burst may have twice as many at once.</summary>
    public int RequestsPerSecond { get; init; }

    public int WaitingPerAddress { get; init; }
    public int SubscribersPerAddress { get; init; }

    public static ApiOptions From(ApiSection api) => new()
    {
        MaxConnections = api.MaxConnections,
        MaxSubscribers = api.MaxSubscribers,
        MaxWaiting = api.MaxWaiting,
        MaxBatchItems = api.MaxBatchItems,
        HeaderTimeout = TimeSpan.FromMilliseconds(api.HeaderTimeoutMs),
        BodyTimeout = TimeSpan.FromMilliseconds(api.BodyTimeoutMs),
        ConnectionsPerAddress = api.ConnectionsPerAddress,
        RequestsPerSecond = api.RequestsPerSecond,
        WaitingPerAddress = api.WaitingPerAddress,
        SubscribersPerAddress = api.SubscribersPerAddress,
    };
}

/// <summary>Limits and tokens in force; a reload replaces them, and requests under way keep those they began with.</summary>
public sealed class ApiPolicy(ApiOptions options, ApiTokens? tokens)
{
    private ApiOptions _options = options;
    private ApiTokens? _tokens = tokens;
    private SitePolicy _sites = SitePolicy.From(new ApiSection());
    private int _waiting;
    private long _bodyBytes;

    public ApiOptions Options
    {
        get => Volatile.Read(ref _options);
        set => Volatile.Write(ref _options, value);
    }

    /// <summary>Null: everybody may do everything that is not admin.</summary>
    public ApiTokens? Tokens
    {
        get => Volatile.Read(ref _tokens);
        set => Volatile.Write(ref _tokens, value);
    }

    /// <summary>Which names may be asked for, and by pages of which origins.</summary>
    public SitePolicy Sites
    {
        get => Volatile.Read(ref _sites);
        set => Volatile.Write(ref _sites, value);
    }

    internal AddressTable Addresses { get; } = new();

    internal bool TryWait()
    {
        if (Interlocked.Increment(ref _waiting) <= Options.MaxWaiting)
        {
            return true;
        }

        EndWait();
        return false;
    }

    internal void EndWait() => Interlocked.Decrement(ref _waiting);

    internal bool TryTakeBodyBytes(int bytes)
    {
        if (Interlocked.Add(ref _bodyBytes, bytes) <= Options.MaxBodyMemory)
        {
            return true;
        }

        GiveBodyBytes(bytes);
        return false;
    }

    internal void GiveBodyBytes(int bytes) => Interlocked.Add(ref _bodyBytes, -bytes);
}
