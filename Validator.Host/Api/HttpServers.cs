using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Builder;
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
using Validator.Host.Metrics;
using Validator.Host.Node;

namespace Validator.Host.Api;

/// <summary>The API's and the metrics page's listeners, each with a Kestrel of its own.</summary>
public sealed class HttpServers : IAsyncDisposable
{
    private readonly WebApplication _api;
    private readonly WebApplication? _metrics;
    private readonly ApiPolicy _policy;
    private readonly ApiCertificate? _certificate;
    private readonly CancellationTokenSource _stopping = new();

    // Later than the streams' end: what is about to be final still is told so.
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
        ApiPolicy policy = new(options ?? ApiOptions.From(config.Api), config.Api.Tokens.Length > 0 ? ApiTokens.Read(config.Api.Tokens) : null);
        ApiCertificate? certificate = ApiCertificate.Read(config.Api);
        IPAddress host = IPAddress.Parse(config.Api.Host), metricsHost = IPAddress.Parse(config.Metrics.Host);
        int room = DescriptorBudget.Own.Connections;
        WebApplication api = Build(
            new IPEndPoint(host, config.Api.Port), logs, policy, metrics, open: false, () => Math.Min(policy.Options.MaxConnections, room),
            4 * node.MaxSubmissionBytes, certificate);

        // On loopback the page stays open, for a scraper beside the validator.
        bool pageIsOpen = IPAddress.IsLoopback(metricsHost);
        WebApplication? page = config.Metrics.Enabled
            ? Build(
                new IPEndPoint(metricsHost, config.Metrics.Port), logs, policy, metrics, pageIsOpen, () => DescriptorBudget.MetricsConnections, 0,
                pageIsOpen ? null : certificate)
            : null;
        HttpServers servers = new(api, page, policy, certificate);
        servers.MapApi(node, metrics);
        page?.MapGet(config.Metrics.Endpoint, new MetricsEndpoint(node, metrics).Serve);
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
    internal Func<Cli.ReloadResult>? OnReload { get; set; }

    /// <summary>Takes over limits, tokens and certificate for what comes from now on.</summary>
    /// <exception cref="ConfigException">Tokens or certificate cannot be read; nothing was changed.</exception>
    public void Reload(ApiSection api)
    {
        ApiTokens? tokens = api.Tokens.Length > 0 ? ApiTokens.Read(api.Tokens) : null;
        ApiCertificate? certificate = ApiCertificate.Read(api);
        _policy.Tokens = tokens;
        _policy.Options = ApiOptions.From(api);
        if (certificate is not null)
        {
            _certificate?.Replace(certificate);
        }
    }

    /// <summary>
    /// Ends streams, lets requests under way finish for a short while, and closes the listeners. Who waits for an outcome is told after half
    /// of that that there will be none.
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
        IPEndPoint address, ILoggerFactory logs, ApiPolicy policy, NodeMetrics metrics, bool open, Func<int> most, long maxBody,
        ApiCertificate? certificate)
    {
        Gate gate = new(policy, metrics, open);

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

            // A stalled stream is closed by its own page limit, with a count; Kestrel's would do it without. A body has a limit of ours.
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Listen(address, listen =>
            {

                // HTTP/2 is agreed on by ALPN alone, so without TLS there is none.
                listen.Protocols = certificate is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
                listen.Use(next => connection => gate.Connection(connection, next));
                if (certificate is not null)
                {
                    listen.UseHttps(certificate.Options());
                }
            });
        });
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
        _api.MapPost("/v1/transactions", submit.SubmitOne);
        _api.MapPost("/v1/transactions/batch", submit.SubmitBatch);
        _api.MapGet("/v1/transactions/{id}", read.Transaction);
        AccountEndpoints accounts = new(node, _policy);
        _api.MapPost("/v1/accounts", accounts.Add);
        _api.MapGet("/v1/accounts/{id}", accounts.Show);
        _api.MapGet("/v1/vertices/{hash}", read.Vertex);
        _api.MapGet("/v1/blocks/{sequence}", read.Block);
        _api.MapGet("/v1/status", read.Status);
        _api.MapGet("/v1/committee", read.Committee);
        _api.MapGet("/v1/finalized", context => stream.Serve(context, stopping));
        _api.MapGet("/v1/health", read.Health);
        _api.MapGet("/v1/ready", read.Ready);
        _api.MapPost("/v1/admin/reload", context => AdminEndpoints.Reload(context, OnReload));
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
                if (IsEnabled(logLevel))
                {
                    inner.Log(logLevel, eventId, state, exception, formatter);
                }
            }
        }
    }
}
