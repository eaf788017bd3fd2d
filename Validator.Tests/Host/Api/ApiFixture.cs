using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Contracts;

namespace Validator.Tests.Host.Api;

/// <summary>The real listeners on free loopback ports, over a fake node.</summary>
internal sealed class ApiFixture : IAsyncDisposable
{
    private ApiFixture(FakeNode node, NodeMetrics metrics, HttpServers servers)
    {
        Node = node;
        Metrics = metrics;
        Servers = servers;
        Client = new HttpClient { BaseAddress = servers.ApiAddress, Timeout = TimeSpan.FromSeconds(20) };
    }

    public FakeNode Node { get; }

    public NodeMetrics Metrics { get; }

    public HttpServers Servers { get; }

    public HttpClient Client { get; }

    public static async Task<ApiFixture> StartAsync(ApiOptions? options = null, ApiSection? section = null)
    {
        FakeNode node = new();
        NodeMetrics metrics = new();
        metrics.NameLink(0, "node-1");
        metrics.NameLink(1, "node-2");
        NodeConfig config = new() { Api = section ?? new ApiSection(Port: 0), Metrics = new MetricsSection(Port: 0, Host: "127.0.0.1") };
        return new ApiFixture(node, metrics, await HttpServers.StartAsync(node, metrics, config, NullLoggerFactory.Instance, options));
    }

    public async Task<(int Status, JsonElement Body, HttpResponseMessage Response)> PostAsync(string path, byte[] body, string type = "application/octet-stream")
    {
        ByteArrayContent content = new(body);
        content.Headers.ContentType = new(type);
        HttpResponseMessage response = await Client.PostAsync(new Uri(path, UriKind.Relative), content);
        return ((int)response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>(), response);
    }

    public Task<(int Status, JsonElement Body, HttpResponseMessage Response)> PostJsonAsync(string path, string json) =>
        PostAsync(path, Encoding.UTF8.GetBytes(json), "application/json");

    public async Task<(int Status, JsonElement Body)> GetAsync(string path)
    {
        using HttpResponseMessage response = await Client.GetAsync(new Uri(path, UriKind.Relative));
        return ((int)response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>());
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Servers.DisposeAsync();
    }
}
