using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;

namespace Validator.Host.Api;

/// <summary>The API's and the metrics page's listeners, each with a Kestrel of its own.</summary>
public sealed class HttpServers : IAsyncDisposable
{
    private static readonly string[] s_read = [HttpMethods.Get, HttpMethods.Head];
    private static readonly string[] s_submit = [HttpMethods.Post];

    private readonly WebApplication _api;
    private readonly WebApplication? _metrics;
    private readonly ApiPolicy _policy;
    private readonly ApiCertificate? _certificate;
    private readonly CancellationTokenSource _stopping = new();

    // After the streams have ended, so that what is about to be final is still reported.
    private readonly CancellationTokenSource _answering = new();

    private HttpServers(WebApplication api, WebApplication? metrics, ApiPolicy policy, ApiCertificate? certificate)
    {
        _api = api;
        _metrics = metrics;
        _policy = policy;
        _certificate = certificate;
    }

    /// <summary>Where the API listens; a port of 0 in the configuration is resolved here.</summary>
    public Uri ApiAddress => Address(_api);

    public Uri? MetricsAddress => _metrics is null ? null : Address(_metrics);

    /// <exception cref="IOException">An address cannot be bound; the message names it.</exception>
    /// <exception cref="ConfigException">Tokens or certificate cannot be read.</exception>
    public static async Task<HttpServers> StartAsync(
        INodeGateway node, NodeMetrics metrics, NodeConfig config, ILoggerFactory logs, ApiOptions? options = null)
    {
        ApiPolicy policy = new(options ?? ApiOptions.From(config.Api), config.Api.Tokens.Length > 0 ? ApiTokens.Read(config.Api.Tokens) : null)
        {
            Sites = SitePolicy.From(config.Api),
        };
        ApiCertificate? certificate = ApiCertificate.Read(config.Api);
        IPAddress host = IPAddress.Parse(config.Api.Host), metricsHost = IPAddress.Parse(config.Metrics.Host);
        int room = DescriptorBudget.Own.Connections;
        WebApplication api = Build(
            new IPEndPoint(host, config.Api.Port), logs, policy, new Gate(policy, metrics, open: false), metrics,
            () => Math.Min(policy.Options.MaxConnections, room), 4 * node.MaxSubmissionBytes, certificate);

        // On loopback the page stays open, for a scraper beside the validator.
        bool pageIsOpen = IPAddress.IsLoopback(metricsHost);
        WebApplication? page = config.Metrics.Enabled
            ? Build(
                new IPEndPoint(metricsHost, config.Metrics.Port), logs, policy, new Gate(policy, metrics, pageIsOpen, page: true), metrics,
                () => DescriptorBudget.MetricsConnections, 0, pageIsOpen ? null : certificate)
            : null;
        HttpServers servers = new(api, page, policy, certificate);
        servers.MapApi(node, metrics);
        page?.MapMethods(config.Metrics.Endpoint, s_read, new MetricsEndpoint(node, metrics).Serve);
        try
        {
            await api.StartAsync().ConfigureAwait(false);
            if (page is not null)
            {
                await page.StartAsync().ConfigureAwait(false);
            }
        }
        catch
        {
            await servers.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        return servers;
    }

    /// <summary>What POST /v1/admin/reload does; none before it is set.</summary>
    internal Func<ReloadResult>? OnReload { get; set; }

    /// <summary>What /v1/admin/backup asks; null where no backups are configured.</summary>
    internal IBackups? Backups { get; set; }

    /// <summary>Applies limits, tokens and certificate to all that comes from now on.</summary>
    /// <exception cref="ConfigException">Tokens or certificate cannot be read; nothing was changed.</exception>
    public void Reload(ApiSection api)
    {
        ApiTokens? tokens = api.Tokens.Length > 0 ? ApiTokens.Read(api.Tokens) : null;
        ApiCertificate? certificate = ApiCertificate.Read(api);
        _policy.Tokens = tokens;
        _policy.Options = ApiOptions.From(api);
        _policy.Sites = SitePolicy.From(api);
        if (certificate is not null)
        {
            _certificate?.Replace(certificate);
        }
    }

    /// <summary>
    /// Ends streams, lets requests under way finish for a short while, and closes the listeners. Clients that wait for an outcome
    /// are told after half of that time that there will be none.
    /// </summary>
    public async Task StopAsync(TimeSpan patience)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        _answering.CancelAfter(patience / 2);
        using CancellationTokenSource limit = new(patience);
        Task api = _api.StopAsync(limit.Token);
        Task page = _metrics?.StopAsync(limit.Token) ?? Task.CompletedTask;
        try
        {
            await Task.WhenAll(api, page).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Requests that outlasted the patience were cut off.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _api.DisposeAsync().ConfigureAwait(false);
        if (_metrics is not null)
        {
            await _metrics.DisposeAsync().ConfigureAwait(false);
        }

        _certificate?.Dispose();
        _stopping.Dispose();
        _answering.Dispose();
    }

    private static WebApplication Build(
        IPEndPoint address, ILoggerFactory logs, ApiPolicy policy, Gate gate, NodeMetrics metrics, Func<int> most, long maxBody,
        ApiCertificate? certificate)
    {
        // Empty: no files, environment variables or console logger of the framework's choosing.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            ApiOptions options = policy.Options;
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = maxBody;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.MaxRequestBufferSize = 256 * 1024;
            kestrel.Limits.RequestHeadersTimeout = options.HeaderTimeout;
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(120);

            // A stalled stream is closed by its own page limit, and counted; Kestrel's limit would not count it. Bodies have a
            // limit of our own.
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Listen(address, listen =>
            {
                // HTTP/2 is negotiated by ALPN alone, so there is none without TLS.
                listen.Protocols = certificate is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
                listen.Use(next => connection => gate.Connection(connection, next));
                if (certificate is not null)
                {
                    listen.UseHttps(certificate.Options());
                }
            });
        });

        // What is flushed is sent by the thread that flushed it: a block's page for a subscriber wakes no second thread.
        builder.Services.Configure<SocketTransportOptions>(sockets => sockets.UnsafePreferInlineScheduling = true);
        builder.Services.AddSingleton<IConnectionListenerFactory>(services => new BoundedListeners(
            services.GetRequiredService<IOptions<SocketTransportOptions>>().Value, most, () => metrics.HttpRefused[(int)HttpRefusal.Connections].Add(), logs.CreateLogger("api")));
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<ILoggerFactory>(new WarningsOnly(logs));
        WebApplication app = builder.Build();
        app.Use(new StoreFaults(logs.CreateLogger("api")).Guard);
        app.Use(Problem.Middleware);
        app.Use(gate.Request);
        return app;
    }

    private void MapApi(INodeGateway node, NodeMetrics metrics)
    {
        SubmitEndpoints submit = new(node, metrics, _policy, _answering.Token);
        ReadEndpoints read = new(node);
        FinalizedStreaming stream = new(node, metrics, _policy);
        CancellationToken stopping = _stopping.Token;
        AccountEndpoints accounts = new(node, metrics, _policy);
        Map("/v1/transactions", s_submit, submit.SubmitOne, "wait", "kind");
        Map("/v1/transactions/batch", s_submit, submit.SubmitBatch, "wait", "kind", "ids");
        Map("/v1/transactions/{id}", s_read, read.Transaction);
        Map("/v1/transactions/{id}/proof", s_read, new ProofEndpoints(node).Transaction, "from_epoch", "format");
        Map("/v1/accounts", s_submit, accounts.Add);
        Map("/v1/accounts/{id}", s_read, accounts.Show);
        DagEndpoints dag = new(node);
        Map("/v1/vertices", s_read, dag.Vertices, DagEndpoints.VertexQuery);
        Map("/v1/vertices/{hash}", s_read, read.Vertex, "payload");
        Map("/v1/vertices/{hash}/parents", s_read, dag.Parents);
        Map("/v1/vertices/{hash}/children", s_read, dag.Children, DagEndpoints.ChildQuery);
        Map("/v1/tips", s_read, dag.Tips);
        Map("/v1/blocks", s_read, dag.Blocks, DagEndpoints.BlockQuery);
        Map("/v1/blocks/{sequence}", s_read, read.Block);
        Map("/v1/status", s_read, read.Status);
        Map("/v1/committee", s_read, read.Committee, "keys");
        Map("/v1/forks", s_read, new ForkEndpoints(node).List);
        TrustEndpoints trust = new(node);
        Map("/v1/trust", s_read, trust.Show);
        Map("/v1/trust/{member}", s_read, trust.ShowMember, "before", "limit");
        Map("/v1/stake/{account}", s_read, trust.ShowStake, "before", "limit");
        Map("/v1/rewards", s_read, trust.Rewards, "before", "limit");
        Map("/v1/evidence", s_read, trust.Evidence, "before", "limit");
        Map("/v1/finalized", s_read, context => stream.Serve(context, stopping), "from", "format", "chain", "wait");
        Map("/v1/admin/reload", s_submit, context => AdminEndpoints.Reload(context, OnReload));
        Map("/v1/admin/backup", [.. s_submit, .. s_read], context => AdminEndpoints.Backup(context, Backups));

        // Probes add parameters of their own (?verbose), and none of them could change the answer.
        MapWith("/v1/health", s_read, read.Health, null);
        MapWith("/v1/ready", s_read, read.Ready, null);

        void Map(string path, string[] methods, RequestDelegate handler, params string[] query) => MapWith(path, methods, handler, query);

        void MapWith(string path, string[] methods, RequestDelegate handler, string[]? query)
        {
            _api.MapMethods(path, methods, Checked(handler, query, stream: path == "/v1/finalized"));
            _api.MapMethods(path, [HttpMethods.Options], Checked(
                context =>
                {
                    context.Response.Headers.Allow = string.Join(", ", [.. methods, HttpMethods.Options]);
                    context.Response.StatusCode = StatusCodes.Status204NoContent;
                    return Task.CompletedTask;
                },
                null, stream: false));
        }

        RequestDelegate Checked(RequestDelegate handler, string[]? query, bool stream) => context =>
        {
            if (RequestForm.Check(context.Request, query, stream) is not { } fault)
            {
                return handler(context);
            }

            metrics.HttpRefused[(int)HttpRefusal.Form].Add();
            return Problem.WriteAsync(context, fault);
        };
    }

    private static Uri Address(WebApplication app) =>
        new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>The framework's own notices are below what an operator needs.</summary>
    private sealed class WarningsOnly(ILoggerFactory logs) : ILoggerFactory
    {
        public void AddProvider(ILoggerProvider provider) => logs.AddProvider(provider);

        public ILogger CreateLogger(string categoryName) => new Filter(logs.CreateLogger(categoryName));

        public void Dispose()
        {
            // The node's logs outlive both listeners.
        }

        private sealed class Filter(ILogger inner) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => NullLogger.Instance.BeginScope(state);

            public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning && inner.IsEnabled(logLevel);

            public void Log<TState>(
                LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            {
                if (!IsEnabled(logLevel))
                {
                    return;
                }

                // Faults from outside are logged in words; a stack trace would help nobody.
                string? outside = exception is null ? null : OutsideFaults.Tell(exception)?.Message;
                if (outside is null)
                {
                    inner.Log(logLevel, eventId, state, exception, formatter);
                }
                else
                {
                    inner.Log(logLevel, eventId, state, null, (s, _) => $"{formatter(s, exception)}: {outside}");
                }
            }
        }
    }
}
