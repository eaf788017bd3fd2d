using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>A TCP connection to a validator's API on which a test says exactly what it wants.</summary>
internal sealed class RawHttp : IDisposable
{
    private readonly TcpClient _client = new() { NoDelay = true };
    private Stream _stream = Stream.Null;
    private readonly byte[] _buffer = new byte[64 * 1024];

    public static Task<RawHttp> OpenAsync(NodeProcess node) => OpenAsync(node.Host, node.Ports.Api);

    /// <summary>One request and its answer, on a connection of its own.</summary>
    public static async Task<(int Status, string Text)> AskAsync(string host, int port, byte[] request)
    {
        using RawHttp raw = await OpenAsync(host, port);
        await raw.SendAsync(request);
        return await raw.ReadAsync(TimeSpan.FromSeconds(30));
    }

    public static async Task<RawHttp> OpenAsync(string host, int port)
    {
        RawHttp raw = new();
        try
        {
            await raw._client.ConnectAsync(IPAddress.Parse(host), port);
            raw._stream = raw._client.GetStream();
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Turned away as soon as it stood: like one that is closed without an answer.
        }

        return raw;
    }

    public async Task SendAsync(string text) => await SendAsync(Encoding.UTF8.GetBytes(text));

    /// <returns>False when the other side has closed.</returns>
    public async Task<bool> SendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await _stream.WriteAsync(bytes);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>One answer with its body; status 0 when the connection ends without one.</summary>
    public async Task<(int Status, string Text)> ReadAsync(TimeSpan patience)
    {
        using CancellationTokenSource late = new(patience);
        StringBuilder text = new();
        while (true)
        {
            int read;
            try
            {
                read = await _stream.ReadAsync(_buffer, late.Token);
            }
            catch (IOException)
            {
                read = 0;
            }

            text.Append(Encoding.Latin1.GetString(_buffer, 0, read));
            string all = text.ToString();
            if (read == 0 || IsWhole(all))
            {
                return (all.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) ? int.Parse(all.AsSpan(9, 3)) : 0, all);
            }
        }
    }

    /// <summary>The problem document of an answer, whose fields are as RFC 9457 wants them.</summary>
    public static JsonElement Problem((int Status, string Text) answer)
    {
        int head = answer.Text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        Assert.True(head > 0, answer.Text);
        Assert.Contains("application/problem+json", answer.Text[..head]);
        int start = answer.Text.IndexOf('{', head), end = answer.Text.LastIndexOf('}');
        JsonElement problem = JsonDocument.Parse(answer.Text[start..(end + 1)]).RootElement;
        Assert.Equal(answer.Status, problem.GetProperty("status").GetInt32());
        Assert.StartsWith("urn:validator:problem:", problem.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(problem.GetProperty("title").GetString()!);
        Assert.NotEmpty(problem.GetProperty("detail").GetString()!);
        return problem;
    }

    public void Dispose() => _client.Dispose();

    private static bool IsWhole(string text)
    {
        int head = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        return head > 0 && (text.StartsWith("HTTP/1.1 204", StringComparison.Ordinal) || text.EndsWith("0\r\n\r\n", StringComparison.Ordinal)
            || (text[..head].Contains("Content-Length: 0", StringComparison.Ordinal)));
    }
}
