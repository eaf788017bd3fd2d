using System.Net;
using System.Net.Sockets;
using System.Text;
using Validator.Core.Primitives;
using Validator.Host.Api;
using Validator.Host.Cli;
using Validator.Tests.Host.Api;

namespace Validator.Tests.Host.Cli;

/// <summary>Commands that ask an API, against one that answers what a test wants.</summary>
public sealed class ClientCommandTests
{
    // Protects scripts: with --wait 0 means final and nothing else; what may still become final is not called refused.
    [Theory]
    [InlineData("final", 0)]
    [InlineData("rejected", 1)]
    [InlineData("durable", 75)]
    [InlineData("taken", 75)]
    [InlineData("stopping", 75)]
    [InlineData("stalled", 1)]
    public async Task Submit_says_what_became_of_it(string outcome, int code)
    {
        await using ApiFixture api = await ApiFixture.StartAsync(new ApiOptions { WaitTimeout = TimeSpan.FromSeconds(outcome == "stopping" ? 20 : 0.2) });
        TaskCompletionSource taken = new();
        api.Node.Refusal = outcome == "stalled" ? SubmitRefusal.Stalled : SubmitRefusal.None;
        api.Node.Complete = submission =>
        {
            if (outcome is "final" or "rejected" or "durable")
            {
                submission.CompleteDurable(Hash256.Of("vertex"u8));
            }

            if (outcome is "final" or "rejected")
            {
                submission.SetState(0, outcome == "final"
                    ? new TransactionState(TransactionStage.Finalized, 5, 7, TransactionRejection.None)
                    : new TransactionState(TransactionStage.Rejected, 0, 7, TransactionRejection.NonceUsed));
                submission.CompleteFinal();
            }

            taken.SetResult();
        };
        Task<int> command = Task.Run(() => CommandLine.Run(["submit", "x", "--wait", "--api", api.Servers.ApiAddress.ToString()]));
        if (outcome == "stopping")
        {
            await taken.Task.WaitAsync(TimeSpan.FromSeconds(30));
            await api.Servers.StopAsync(TimeSpan.FromSeconds(4));
        }

        Assert.Equal(code, await command.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    // Protects readers who asked for "from now on": the index that a status named is waited for, also at a validator that came back behind it,
    // whereas one that was asked for and is not there is refused.
    [Theory]
    [InlineData(false, "/v1/finalized?from=7&chain=00&wait=true")]
    [InlineData(true, "/v1/finalized?from=9&chain=00")]
    public async Task Tail_waits_for_the_index_that_it_was_given(bool asked, string expected)
    {
        using TcpListener server = new(IPAddress.Loopback, 0);
        server.Start();
        string[] tail = ["tail", "--api", $"http://127.0.0.1:{((IPEndPoint)server.LocalEndpoint).Port}", .. asked ? new[] { "--from", "9" } : []];
        Task<int> command = Task.Run(() => CommandLine.Run(tail));
        Assert.Equal("/v1/status", await AnswerAsync("200 OK", "{\"chain_id\":\"00\",\"next_final_index\":7}"));
        Assert.Equal(expected, await AnswerAsync("416 Range Not Satisfiable", "{}"));
        Assert.Equal(1, await command.WaitAsync(TimeSpan.FromSeconds(60)));

        async Task<string> AnswerAsync(string status, string body)
        {
            using TcpClient client = await server.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromSeconds(30));
            using StreamReader reader = new(client.GetStream(), leaveOpen: true);
            string path = (await reader.ReadLineAsync())!.Split(' ')[1];
            while ((await reader.ReadLineAsync())!.Length > 0)
            {
            }

            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
            return path;
        }
    }
}
