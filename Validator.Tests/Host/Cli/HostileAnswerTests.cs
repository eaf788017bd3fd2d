using System.Net;
using System.Net.Sockets;
using System.Text;
using Validator.Host;
using Validator.Host.Cli;

namespace Validator.Tests.Host.Cli;

/// <summary>Commands that ask something which answers without an end.</summary>
public sealed class HostileAnswerTests
{
    private const string Status = "{\"chain_id\":\"00\",\"next_final_index\":0}";

    // Protects whoever asks an address that is not a validator's, or a validator's that lies: no answer is kept beyond a bound,
    // and the command ends as with any that is no validator's.
    [Theory]
    [InlineData("tail", "/v1/status")]
    [InlineData("tail", "/v1/finalized")]
    [InlineData("tail", "/v1/finalized", "404 Not Found")]
    [InlineData("status", "/v1/status")]
    [InlineData("ready", "/v1/ready")]
    [InlineData("health --wait 1ms", "/v1/health", "503 Service Unavailable")]
    [InlineData("submit x --wait", "/v1/transactions")]
    [InlineData("committee show", "/v1/committee")]
    [InlineData("load --duration 1s", "/v1/status")]
    public async Task An_answer_without_an_end_ends_a_command(string command, string endless, string status = "200 OK")
    {
        const long enough = 256 << 20;
        using TcpListener server = new(IPAddress.Loopback, 0);
        server.Start();
        long sent = 0;
        Task serving = ServeAsync();
        string[] words = [.. command.Split(' '), "--api", $"http://127.0.0.1:{((IPEndPoint)server.LocalEndpoint).Port}"];
        int code = await Task.Run(() => CommandLine.Run(words)).WaitAsync(TimeSpan.FromSeconds(60));
        server.Stop();
        await serving;
        Assert.Equal(1, code);
        Assert.InRange(sent, 1, enough - 1);

        async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    using TcpClient client = await server.AcceptTcpClientAsync();
                    await AnswerAsync(client.GetStream());
                }
            }
            catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
            {
                // Stopped, or the client has had enough.
            }
        }

        async Task AnswerAsync(NetworkStream stream)
        {
            using StreamReader reader = new(stream, leaveOpen: true);
            string path = (await reader.ReadLineAsync())!.Split(' ')[1].Split('?')[0];
            while (!string.IsNullOrEmpty(await reader.ReadLineAsync()))
            {
                // The rest of the head.
            }

            if (path != endless)
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {Status.Length}\r\n\r\n{Status}"));
                return;
            }

            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nConnection: close\r\n\r\ndata: "));
            byte[] more = new byte[1 << 20];
            more.AsSpan().Fill((byte)'a');
            while (sent < enough)
            {
                await stream.WriteAsync(more);
                sent += more.Length;
            }
        }
    }

    // The reader that this takes is right about every line, however it arrives, up to the longest.
    [Fact]
    public async Task Lines_come_whole_up_to_the_longest()
    {
        const int most = 40_000;
        Random random = new(11);
        StringBuilder text = new();
        for (int i = 0; i < 200; i++)
        {
            string word = i % 3 == 0 ? "\u00e9" : "x";
            int count = i == 100 ? most - 1 : i % 10 == 0 ? 0 : random.Next(i % 50 == 7 ? 15_000 : 200);
            text.Append(i == 100 ? new string('y', count) : string.Concat(Enumerable.Repeat(word, count))).Append(i % 2 == 0 ? "\n" : "\r\n");
        }

        byte[] bytes = Encoding.UTF8.GetBytes(text.ToString());
        AnswerLines lines = new(new Pieces([.. bytes, .. "cut off"u8], random), most);
        using StringReader expected = new(text.ToString());
        while (expected.ReadLine() is { } line)
        {
            Assert.Equal(line, await lines.ReadAsync(CancellationToken.None));
        }

        Assert.Null(await lines.ReadAsync(CancellationToken.None));
        AnswerLines tooLong = new(new MemoryStream([.. new byte[most], (byte)'\n']), most);
        await Assert.ThrowsAsync<FormatException>(async () => await tooLong.ReadAsync(CancellationToken.None));
    }

    /// <summary>Gives some bytes at a time.</summary>
    private sealed class Pieces(byte[] bytes, Random random) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, random.Next(1, 9000))], cancellationToken);
    }
}
