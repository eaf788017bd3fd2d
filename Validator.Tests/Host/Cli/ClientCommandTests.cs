using System.Net;
using System.Net.Sockets;
using System.Text;
using Validator.Core.Primitives;
using Validator.Host;
using Validator.Host.Api;
using Validator.Host.Contracts;
using Validator.Host.Storage;
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
        using Answers answers = new();
        string[] tail = ["tail", "--api", answers.Api, .. asked ? new[] { "--from", "9" } : []];
        Task<int> command = Task.Run(() => CommandLine.Run(tail));
        Assert.Equal("/v1/status", await answers.GiveAsync("200 OK", "{\"chain_id\":\"00\",\"next_final_index\":7}"));
        Assert.Equal(expected, await answers.GiveAsync("416 Range Not Satisfiable", "{}"));
        Assert.Equal(1, await command.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    // Protects readers from indices of two chains in one output: where the chain was made anew, tail ends.
    [Fact]
    public async Task Tail_ends_where_another_chain_answers()
    {
        using Answers answers = new();
        Task<int> command = Task.Run(() => CommandLine.Run(["tail", "--api", answers.Api]));
        await answers.GiveAsync("200 OK", "{\"chain_id\":\"00\",\"next_final_index\":7}");
        await answers.GiveAsync("200 OK", "");
        await answers.GiveAsync("200 OK", "{\"chain_id\":\"01\",\"next_final_index\":0}");
        Assert.Equal(1, await command.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    /// <summary>An API that gives one answer after the other, and tells what was asked.</summary>
    private sealed class Answers : IDisposable
    {
        private readonly TcpListener _server = new(IPAddress.Loopback, 0);

        public Answers() => _server.Start();

        public string Api => $"http://127.0.0.1:{((IPEndPoint)_server.LocalEndpoint).Port}";

        public async Task<string> GiveAsync(string status, string body)
        {
            using TcpClient client = await _server.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromSeconds(30));
            using StreamReader reader = new(client.GetStream(), leaveOpen: true);
            string path = (await reader.ReadLineAsync())!.Split(' ')[1];
            while ((await reader.ReadLineAsync())!.Length > 0)
            {
                // The rest of the head.
            }

            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
            return path;
        }

        public void Dispose() => _server.Dispose();
    }
}
