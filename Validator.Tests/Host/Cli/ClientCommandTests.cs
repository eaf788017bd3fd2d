using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host;
using Validator.Host.Api;
using Validator.Host.Cli;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
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

    // Protects readers who asked for "from now on": the index that a status named is waited for, also at a validator that came
    // back behind it, whereas one that was asked for and is not there is refused.
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

    // Protects who reads a long history: the command asks for the page that it is told, and refuses a place that is none before
    // it asks anybody.
    [Theory]
    [InlineData("", "?limit=1000")]
    [InlineData("--limit 3 --before 57", "?limit=3&before=57")]
    [InlineData("--before 57.2", "?limit=1000&before=57.2")]
    public async Task Stake_history_is_asked_for_by_the_page(string options, string expected)
    {
        using Answers answers = new();
        string account = new('7', 64);
        string[] words = ["stake", "history", account, "--api", answers.Api];
        Task<int> command = Task.Run(
            () => CommandLine.Run([.. words, .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]));
        Assert.Equal($"/v1/stake/{account}{expected}", await answers.GiveAsync("200 OK", "{}"));
        Assert.Equal(0, await command.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.NotEqual(0, CommandLine.Run([.. words, "--before", "later"]));
    }

    /// <summary>Every command that asks an API; CHANGE is a committee change, OUT a file to write.</summary>
    public static TheoryData<string> Asking => new(
        "submit x",
        "tail",
        "status",
        "health",
        "ready",
        "committee show",
        "committee propose join --member MEMBER --out OUT",
        "committee propose leave --name node-1 --out OUT",
        "committee propose weight --name node-1 --weight 2 --out OUT",
        "committee propose keys --member MEMBER --out OUT",
        "committee sign CHANGE",
        "committee submit CHANGE",
        "proof get ID --out OUT",
        "dag blocks",
        "dag vertices",
        "dag vertex ID",
        "dag parents ID",
        "dag children ID",
        "dag tips",
        "trust show",
        "stake show ACCOUNT",
        "stake history ACCOUNT",
        "stake transfer --to ACCOUNT --amount 1 --key KEY",
        "stake deposit --member node-1 --amount 1 --key KEY",
        "stake withdraw --member node-1 --amount 1 --key KEY",
        "stake claim --key KEY",
        "stake rewards",
        "evidence list",
        "fork list",
        "evidence submit EVIDENCE --member MEMBER",
        "load --duration 1s",
        "support-bundle --out OUT");

    // Protects operators' habits: which validator is asked, and with which token, is said in the same way to every command. A
    // configuration gives both, and options go before it.
    [Theory]
    [MemberData(nameof(Asking))]
    public async Task Every_command_is_told_the_same_way_whom_to_ask(string command)
    {
        using TemporaryFolder folder = new();
        using Answers answers = new();
        InitOptions options = new() { Validators = 1, Out = folder.File("c"), Ports = [new NodePorts(1, answers.Port, 0)] };
        string config = Initializer.Run(options)[0], file = folder.File("change.json"), member = folder.File("member.json");
        string tokens = folder.File("tokens"), other = folder.File("other"), output = folder.File("out");
        Assert.Equal(0, CommandLine.Run(["token", "--role", "submit,read", "--out", tokens]));
        File.WriteAllText(other, "another-token\n");
        File.WriteAllText(config, File.ReadAllText(config).Replace("[api]", $"[api]\ntokens = \"{tokens}\"", StringComparison.Ordinal));
        new ChangeFile(Hash256.Zero, CommitteeChange.Leave(0, "node-1"), []).Write(file);
        string key = folder.File("key"), evidence = folder.File("evidence");
        KeyFile.Create(key, KeyPurpose.Account).Dispose();
        SignedHeader vote = new(MessageKind.Commit, 0, 0, 0, 1, Hash256.Of([1]));
        byte[] both = new byte[EvidenceCodec.EncodedSize], signature = new byte[Limits.SignatureBytes];
        EvidenceCodec.Write(new Evidence(new Signed(vote, signature), new Signed(vote with { Digest = Hash256.Of([2]) }, signature)), both);
        File.WriteAllBytes(evidence, both);
        GenesisFile.WriteMember(member, new Member("eve", new byte[Limits.PublicKeyBytes], new byte[Limits.PublicKeyBytes], 1));
        string[] words = [.. command.Split(' ').Select(w => w switch
        {
            "CHANGE" => file,
            "MEMBER" => member,
            "OUT" => output,
            "KEY" => key,
            "ACCOUNT" or "ID" => new string('7', 64),
            "EVIDENCE" => evidence,
            _ => w,
        })];
        string own = File.ReadAllText(tokens).Split([' ', '\n'])[1];
        bool open = words[0] is "health" or "ready";
        bool always = command is "committee sign CHANGE" or "support-bundle --out OUT";
        Assert.Equal(open ? "" : own, await AskedAsync(["--config", config]));
        Assert.Equal("another-token", await AskedAsync(["--config", config, "--token-file", other]));
        string[] elsewhere = ["--api", $"http://127.0.0.1:{answers.Port}", .. always ? ["--config", config] : Array.Empty<string>()];
        Assert.Equal("", await AskedAsync(elsewhere));
        Assert.Equal("another-token", await AskedAsync([.. elsewhere, "--token-file", other]));

        async Task<string> AskedAsync(string[] given)
        {
            Task<int> running = Task.Run(() => CommandLine.Run([.. words, .. given]));
            string? first = null;
            while (await answers.NextAsync(running) is { } token)
            {
                first ??= token;
            }

            await running;
            File.Delete(output);
            return Assert.IsType<string>(first);
        }
    }

    // Protects the list above: a command that takes --api is on it.
    [Fact]
    public void Every_command_that_asks_an_API_is_listed()
    {
        List<string> found = [];
        Walk(CommandLine.Root(), "");
        IEnumerable<string> listed = ((IEnumerable<object[]>)Asking).Select(row => Name((string)row[0]));
        Assert.Equal(found.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));

        void Walk(Command command, string path)
        {
            string[] names = [.. command.Options.Select(o => o.Name)];
            if (names.Contains("--api"))
            {
                Assert.Superset(new HashSet<string> { "--api", "--config", "--token-file", "--ca" }, names.ToHashSet());
                found.Add(path);
            }

            foreach (Command below in command.Subcommands)
            {
                Walk(below, path.Length == 0 ? below.Name : $"{path} {below.Name}");
            }
        }

        static string Name(string command) => string.Join(' ', command.Split(' ').TakeWhile(w => w != "x" && w[0] is >= 'a' and <= 'z'));
    }

    /// <summary>An API that gives one answer after the other, and tells what was asked.</summary>
    private sealed class Answers : IDisposable
    {
        private readonly TcpListener _server = new(IPAddress.Loopback, 0);
        private Task<TcpClient>? _accepting;

        public Answers() => _server.Start();

        public int Port => ((IPEndPoint)_server.LocalEndpoint).Port;

        public string Api => $"http://127.0.0.1:{Port}";

        /// <summary>
        /// Refuses the next request; its token, "" for none, or null where the command ended without asking again.
        /// </summary>
        public async Task<string?> NextAsync(Task command)
        {
            Task<TcpClient> accepted = _accepting ??= _server.AcceptTcpClientAsync();
            if (await Task.WhenAny(accepted, command).WaitAsync(TimeSpan.FromSeconds(30)) != accepted)
            {
                return null;
            }

            _accepting = null;
            using TcpClient client = await accepted;
            using StreamReader reader = new(client.GetStream(), leaveOpen: true);
            string token = "";
            for (string line; (line = await reader.ReadLineAsync() ?? "").Length > 0;)
            {
                token = line.StartsWith("Authorization: Bearer ", StringComparison.Ordinal) ? line.Split(' ')[2] : token;
            }

            await client.GetStream().WriteAsync("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"u8.ToArray());
            return token;
        }

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
