using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Primitives;

namespace Validator.Host.Cli;

/// <summary>submit, status, health and ready: a validator's API from the command line.</summary>
internal static class ClientCommands
{
    private const string Finalized = "finalized";
    private const string Strong = "strong";

    public static Command Submit()
    {
        Argument<string?> text = new("text") { Description = "The transaction as text, literally; -- before it where it begins with -", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> file = new("--file") { Description = "A file with its bytes; - for standard input" };
        Option<string?> wait = new("--wait")
        {
            Description = "Wait until it is final, with strong until others have executed it too: exit code 0 for that alone",
            HelpName = "finalized|strong",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> key = new("--key") { Description = "Sign it with this key, from validator account new" };
        Option<ulong?> nonce = new("--nonce") { Description = "With --key; default: one above the highest accepted" };
        Option<byte> kind = new("--kind") { Description = "1: the bytes are an envelope, from validator account sign", DefaultValueFactory = _ => 0 };
        Option<int?> passphrase = SetupCommands.PassphraseOption("Open the key with the passphrase");
        ApiTarget api = new(ApiRoles.Submit);
        Command command = new("submit", "Submit one transaction and print the answer") { text, file, wait, key, nonce, kind, passphrase };
        api.AddTo(command);
        command.Validators.Add(result =>
        {
            bool waits = result.GetResult(wait) is not null;
            (string? given, string asked) = Wish(result.GetValue(text), waits, result.GetValue(wait));
            if ((given is null) == (result.GetValue(file) is null))
            {
                result.AddError("submit: give either the text or --file");
            }
            else if (asked is not ("" or Finalized or Strong))
            {
                result.AddError($"submit: --wait takes {Finalized} or {Strong}, not '{asked}'");
            }
        });
        command.SetAction(parsed => Call(() =>
        {
            bool waits = parsed.GetResult(wait) is not null;
            (string? given, string asked) = Wish(parsed.GetValue(text), waits, parsed.GetValue(wait));
            byte[] bytes = given is not null ? Encoding.UTF8.GetBytes(given) : ReadAll(parsed.GetValue(file)!, parsed.GetValue(kind));
            byte sent = parsed.GetValue(kind);
            if (parsed.GetValue(key) is { } path)
            {
                using HttpClient client = api.Client(parsed, TimeSpan.FromSeconds(5), ApiRoles.Submit | ApiRoles.Read);
                using MlDsa87Signer signer = AccountCommands.Open(path, parsed.GetValue(passphrase));
                (Hash256 chainId, ulong next) = AccountCommands.Introduce(client, api.Address(parsed), signer, parsed.GetValue(nonce));
                bytes = AccountCommands.Sign(signer, chainId, next, bytes);
                sent = (byte)TransactionKind.Envelope;
            }

            string wish = asked.Length > 0 ? $"&wait={asked}" : "";
            using HttpRequestMessage request = new(
                HttpMethod.Post, string.Create(CultureInfo.InvariantCulture, $"{api.Address(parsed)}/v1/transactions?kind={sent}{wish}"))
            {
                Content = new ByteArrayContent(bytes),
            };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            return Print(api, parsed, request, TimeSpan.FromSeconds(40), asked.Length > 0);
        }));
        return command;
    }

    /// <summary>What follows a bare --wait is the text, where there is no other.</summary>
    private static (string? Text, string Wait) Wish(string? text, bool waits, string? value) =>
        !waits ? (text, "")
        : value is null ? (text, Finalized)
        : text is null && value is not (Finalized or Strong) ? (value, Finalized)
        : (text, value);

    public static Command Status() => Get("status", "Print a validator's status", "/v1/status");

    public static Command Health() => Probe("health", "Exit 0 when the validator's process answers", "/v1/health");

    public static Command Ready() => Probe(
        "ready", "Exit 0 when the validator takes part, a quorum is connected and what is pending becomes final", "/v1/ready");

    private static Command Probe(string name, string description, string path)
    {
        Option<TimeSpan> wait = CommandAction.Duration("--wait", "Ask again until it is so, for at most so long", TimeSpan.Zero);
        ApiTarget api = new(ApiRoles.None);
        Command command = new(name, description) { wait };
        api.AddTo(command);
        command.SetAction(parsed => Call(() =>
        {
            using HttpClient client = api.Client(parsed, TimeSpan.FromSeconds(5));
            Uri address = new(api.Address(parsed) + path);
            for (long start = Stopwatch.GetTimestamp(); ;)
            {
                bool last = Stopwatch.GetElapsedTime(start) >= parsed.GetValue(wait);
                try
                {
                    using HttpResponseMessage response = client.Send(new HttpRequestMessage(HttpMethod.Get, address));
                    bool good = response.StatusCode == HttpStatusCode.OK;
                    if (good || last)
                    {
                        using StreamReader reader = new(response.Content.ReadAsStream());
                        (good ? Console.Out : Console.Error).WriteLine(Indented(reader.ReadToEnd()));
                        return good ? ExitCodes.Success : ExitCodes.Failed;
                    }
                }
                catch (Exception e) when (!last && e is HttpRequestException or IOException or OperationCanceledException)
                {
                    // Not there yet.
                }

                Thread.Sleep(100);
            }
        }));
        return command;
    }

    internal static Command Get(string name, string description, string path) => Get(name, description, null, _ => path);

    /// <param name="argument">What the path takes; null: nothing.</param>
    /// <param name="options">Of the command's own.</param>
    internal static Command Get(
        string name, string description, Argument? argument, Func<ParseResult, string> path, params Option[] options)
    {
        ApiTarget api = new();
        Command command = new(name, description);
        if (argument is not null)
        {
            command.Add(argument);
        }

        Array.ForEach(options, command.Add);
        api.AddTo(command);
        command.SetAction(parsed => Call(() =>
        {
            using HttpRequestMessage request = new(HttpMethod.Get, api.Address(parsed) + path(parsed));
            return Print(api, parsed, request, TimeSpan.FromSeconds(5));
        }));
        return command;
    }

    internal static int Call(Func<int> action) => CommandAction.Guard(() =>
    {
        try
        {
            return action();
        }
        catch (HttpRequestException e)
        {
            Console.Error.WriteLine($"no answer: {TerminalText.Lines(HttpHandlers.Reason(e))}");
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("no answer in time");
        }
        catch (IOException e) when (e is HttpIOException || e.InnerException is SocketException)
        {
            Console.Error.WriteLine($"no whole answer: {TerminalText.Lines(e.Message)}");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            // JSON from something that is no validator ends in one of these.
            Console.Error.WriteLine($"that is no validator's answer: {TerminalText.Lines(e.Message)}");
        }

        return ExitCodes.Failed;
    });

    /// <summary>Submits one transaction and waits until it is final.</summary>
    internal static int SubmitFinal(ApiTarget api, ParseResult parsed, TransactionKind kind, byte[] bytes)
    {
        using HttpRequestMessage request = new(
            HttpMethod.Post, $"{api.Address(parsed)}/v1/transactions?kind={(int)kind}&wait=finalized")
        {
            Content = new ByteArrayContent(bytes),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return Print(api, parsed, request, TimeSpan.FromSeconds(40), final: true);
    }

    /// <param name="final">Success means final; otherwise standard error says what became of it.</param>
    internal static int Print(ApiTarget api, ParseResult parsed, HttpRequestMessage request, TimeSpan timeout, bool final = false)
    {
        using HttpClient client = api.Client(parsed, timeout);
        using HttpResponseMessage response = client.Send(request);
        using StreamReader reader = new(response.Content.ReadAsStream());
        string body = reader.ReadToEnd();
        bool good = response.StatusCode is HttpStatusCode.OK or HttpStatusCode.Accepted;
        (good ? Console.Out : Console.Error).WriteLine(Indented(body));
        return !final ? (good ? ExitCodes.Success : ExitCodes.Failed)
            : response.StatusCode == HttpStatusCode.GatewayTimeout || (!good && IsStopping(body)) ? ExitCodes.NotNow
            : good ? Outcome(body, response.StatusCode == HttpStatusCode.OK) : ExitCodes.Failed;
    }

    /// <summary>
    /// It was taken, and the validator stops before it knows more. Sending the same again, which counts once, will tell.
    /// </summary>
    private static bool IsStopping(string body)
    {
        try
        {
            using JsonDocument problem = AnswerJson.Parse(body);
            return problem.RootElement is { ValueKind: JsonValueKind.Object } members
                && members.TryGetProperty("type", out JsonElement type) && type.ValueEquals(Problem.TypePrefix + Problem.StoppingType);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <param name="complete">All that was waited for has come.</param>
    private static int Outcome(string body, bool complete)
    {
        using JsonDocument answer = AnswerJson.Parse(body);
        string status = answer.RootElement.GetProperty("status").GetString() ?? "";
        if (status == Finalized)
        {
            if (complete)
            {
                return ExitCodes.Success;
            }

            Console.Error.WriteLine("final, and not strong yet: ask GET /v1/transactions/{id}");
            return ExitCodes.NotNow;
        }

        bool rejected = status == "rejected";
        Console.Error.WriteLine(rejected
            ? $"rejected: {answer.RootElement.GetProperty("reason").GetString()}{First(answer.RootElement)}"
            : "taken, and not final yet: ask GET /v1/transactions/{id}, or submit the same again, which counts once");
        return rejected ? ExitCodes.Failed : ExitCodes.NotNow;
    }

    /// <summary>A repeat counts as success: the same bytes are final already.</summary>
    private static string First(JsonElement answer) =>
        answer.TryGetProperty("first_index", out JsonElement index) ? $" of index {index.GetUInt64()}, which is final" : "";

    internal static string Indented(string json)
    {
        try
        {
            using JsonDocument document = AnswerJson.Parse(json);
            using MemoryStream buffer = new();
            using (Utf8JsonWriter writer = new(buffer, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            {
                document.RootElement.WriteTo(writer);
            }

            return TerminalText.Lines(Encoding.UTF8.GetString(buffer.ToArray()));
        }
        catch (JsonException)
        {
            return TerminalText.Lines(json);
        }
    }

    /// <summary>A transaction's bytes: no validator takes more than are read.</summary>
    internal static byte[] ReadAll(string path, byte kind = 0)
    {
        // A committee change has a vertex to itself.
        int most = kind == (byte)TransactionKind.System ? (int)Limits.MaxVertexPayloadBytes : Limits.MaxTransactionBytes;
        return path == "-" ? OperatorFile.ReadInput("--file", most) : OperatorFile.Read(path, "--file", most);
    }
}
