using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Validator.Host.Config;
using Validator.Host.Metrics;

namespace Validator.Host.Api;

/// <summary>Local limits of the HTTP API.</summary>
public sealed record ApiOptions
{
    /// <summary>How long a submission may wait for durability or finality before the client gets an answer without it.</summary>
    public TimeSpan WaitTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A stream's subscriber must take each page (some 170 KB) in this time.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A silent stream gets a comment this often.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(10);

    public int MaxSubscribers { get; init; } = 256;
    public int MaxConnections { get; init; } = 4096;
}

/// <summary>The API's and the metrics page's listeners, each with a Kestrel of its own.</summary>
public sealed class HttpServers : IAsyncDisposable
{
    private readonly WebApplication _api;
    private readonly WebApplication? _metrics;
    private readonly CancellationTokenSource _stopping = new();

    private HttpServers(WebApplication api, WebApplication? metrics)
    {
        _api = api;
        _metrics = metrics;
    }

    /// <summary>Where the API listens; a port of 0 in the configuration is resolved here.</summary>
    public Uri ApiAddress => Address(_api);

    public Uri? MetricsAddress => _metrics is null ? null : Address(_metrics);

    /// <exception cref="IOException">An address cannot be bound; the message names it.</exception>
    public static async Task<HttpServers> StartAsync(
        INodeGateway node, NodeMetrics metrics, NodeConfig config, ILoggerFactory logs, ApiOptions? options = null)
    {
        options ??= new ApiOptions();
        WebApplication api = Build(IPAddress.Parse(config.Api.Host), config.Api.Port, logs, options, 4 * node.MaxSubmissionBytes);
        WebApplication? page = config.Metrics.Enabled
            ? Build(IPAddress.Parse(config.Metrics.Host), config.Metrics.Port, logs, options, 0)
            : null;
        HttpServers servers = new(api, page);
        servers.MapApi(node, metrics, options);
        page?.MapGet(config.Metrics.Endpoint, context =>
        {
            context.Response.ContentType = PrometheusText.ContentType;
            return context.Response.WriteAsync(MetricsPage.Render(metrics, node.GetStatus()), context.RequestAborted);
        });
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

    /// <summary>Ends streams, lets requests under way finish for a short while, and closes the listeners.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
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

        _stopping.Dispose();
    }

    private static WebApplication Build(IPAddress address, int port, ILoggerFactory logs, ApiOptions options, long maxBody)
    {
        // Empty: no files, environment variables or console logger of the framework's choosing.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = maxBody;
            kestrel.Limits.MaxConcurrentConnections = options.MaxConnections;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);

            // A stalled stream is closed by its own page limit, with a count; Kestrel's would do it without.
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(address, port, listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<ILoggerFactory>(new WarningsOnly(logs));
        WebApplication app = builder.Build();
        app.Use(Problem.Middleware);
        return app;
    }

    private void MapApi(INodeGateway node, NodeMetrics metrics, ApiOptions options)
    {
        SubmitEndpoints submit = new(node, metrics, options);
        ReadEndpoints read = new(node, metrics.MemberNames);
        FinalizedStreaming stream = new(node, metrics, options);
        CancellationToken stopping = _stopping.Token;
        _api.MapPost("/v1/transactions", submit.SubmitOne);
        _api.MapPost("/v1/transactions/batch", submit.SubmitBatch);
        _api.MapGet("/v1/transactions/{id}", read.Transaction);
        _api.MapGet("/v1/vertices/{hash}", read.Vertex);
        _api.MapGet("/v1/blocks/{sequence}", read.Block);
        _api.MapGet("/v1/status", read.Status);
        _api.MapGet("/v1/finalized", context => stream.Serve(context, stopping));
        _api.MapGet("/v1/health", ReadEndpoints.Health);
        _api.MapGet("/v1/ready", read.Ready);
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
