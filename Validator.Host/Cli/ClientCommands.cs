using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Api;

namespace Validator.Host.Cli;

/// <summary>submit, tail, status, health and ready: a validator's API from the command line.</summary>
internal static class ClientCommands
{
    public static Command Submit()
    {
        Argument<string?> text = new("text") { Description = "The transaction as text", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> file = new("--file") { Description = "A file with its bytes; - for standard input" };
        Option<bool> wait = new("--wait") { Description = "Wait until it is final" };
        Option<string?> key = new("--key") { Description = "Sign it with this key, from validator account new" };
        Option<ulong?> nonce = new("--nonce") { Description = "With --key; default: one above the highest accepted" };
        Option<byte> kind = new("--kind") { Description = "1: the bytes are an envelope, from validator account sign", DefaultValueFactory = _ => 0 };
        Option<int?> passphrase = SetupCommands.PassphraseOption("Open the key with the passphrase");
        ApiTarget api = new();
        Command command = new("submit", "Submit one transaction and print the answer") { text, file, wait, key, nonce, kind, passphrase };
        api.AddTo(command);
        command.Validators.Add(result =>
        {
            if ((result.GetValue(text) is null) == (result.GetValue(file) is null))
            {
                result.AddError("submit: give either the text or --file");
            }
        });
        command.SetAction(parsed => Call(() =>
        {
            byte[] bytes = parsed.GetValue(text) is { } given ? Encoding.UTF8.GetBytes(given) : ReadAll(parsed.GetValue(file)!);
            byte sent = parsed.GetValue(kind);
            if (parsed.GetValue(key) is { } path)
            {
                using HttpClient client = api.Client(parsed, TimeSpan.FromSeconds(5));
                using MlDsa87Signer signer = AccountCommands.Open(path, parsed.GetValue(passphrase));
                (Hash256 chainId, ulong next) = AccountCommands.Introduce(client, api.Address(parsed), signer, parsed.GetValue(nonce));
                bytes = AccountCommands.Sign(signer, chainId, next, bytes);
                sent = (byte)TransactionKind.Envelope;
            }

            string wish = parsed.GetValue(wait) ? "&wait=finalized" : "";
            using HttpRequestMessage request = new(
                HttpMethod.Post, string.Create(CultureInfo.InvariantCulture, $"{api.Address(parsed)}/v1/transactions?kind={sent}{wish}"))
            {
                Content = new ByteArrayContent(bytes),
            };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            return Print(api, parsed, request, TimeSpan.FromSeconds(40));
        }));
        return command;
    }

    public static Command Tail()
    {
        Option<ulong?> from = new("--from") { Description = "Global index to begin with; default: what becomes final from now on" };
        Option<bool> text = new("--text") { Description = "Print the transactions as text instead of JSON" };
        Option<ulong> count = new("--count") { Description = "End after so many; 0: never", DefaultValueFactory = _ => 0 };
        ApiTarget api = new();
        Command command = new("tail", "Print final transactions, one JSON object a line") { from, text, count };
        api.AddTo(command);
        command.SetAction(parsed => Call(() => Follow(
            api, parsed, parsed.GetValue(from), parsed.GetValue(text), parsed.GetValue(count)).GetAwaiter().GetResult()));
        return command;
    }

    public static Command Status() => Get("status", "Print a validator's status", "/v1/status");

    public static Command Health() => Get("health", "Exit 0 when the validator's process answers", "/v1/health");

    public static Command Ready() => Get("ready", "Exit 0 when the validator takes part, a quorum is connected and what is pending becomes final", "/v1/ready");

    internal static Command Get(string name, string description, string path)
    {
        ApiTarget api = new();
        Command command = new(name, description);
        api.AddTo(command);
        command.SetAction(parsed => Call(() =>
        {
            using HttpRequestMessage request = new(HttpMethod.Get, api.Address(parsed) + path);
            return Print(api, parsed, request, TimeSpan.FromSeconds(5));
        }));
        return command;
    }

    internal static int Call(Func<int> action)
    {
        try
        {
            return CommandLine.Guard(action);
        }
        catch (HttpRequestException e)
        {
            Console.Error.WriteLine($"no answer: {e.Message}");
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("no answer in time");
        }
        catch (IOException e)
        {
            Console.Error.WriteLine(e.Message);
        }

        return ExitCodes.Failed;
    }

    /// <param name="unless">Text in a good answer that makes it a failure all the same.</param>
    internal static int Print(ApiTarget api, ParseResult parsed, HttpRequestMessage request, TimeSpan timeout, string? unless = null)
    {
        using HttpClient client = api.Client(parsed, timeout);
        using HttpResponseMessage response = client.Send(request);
        using StreamReader reader = new(response.Content.ReadAsStream());
        string body = reader.ReadToEnd();
        bool good = response.StatusCode is HttpStatusCode.OK or HttpStatusCode.Accepted;
        (good ? Console.Out : Console.Error).WriteLine(Indented(body));
        return good && (unless is null || !body.Contains(unless, StringComparison.Ordinal)) ? ExitCodes.Success : ExitCodes.Failed;
    }

    private static string Indented(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            using MemoryStream buffer = new();
            using (Utf8JsonWriter writer = new(buffer, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            {
                document.RootElement.WriteTo(writer);
            }

            return Encoding.UTF8.GetString(buffer.ToArray());
        }
        catch (JsonException)
        {
            return json;
        }
    }

    internal static byte[] ReadAll(string path)
    {
        if (path != "-")
        {
            return File.ReadAllBytes(path);
        }

        using Stream input = Console.OpenStandardInput();
        using MemoryStream all = new();
        input.CopyTo(all);
        return all.ToArray();
    }

    /// <summary>Follows the stream, and takes it up again by index when the connection ends.</summary>
    private static async Task<int> Follow(ApiTarget api, ParseResult parsed, ulong? from, bool asText, ulong count)
    {
        using HttpClient client = api.Client(parsed, Timeout.InfiniteTimeSpan);
        ulong? next = from;
        string chain = "";
        ulong printed = 0;
        for (int failures = 0; ;)
        {
            try
            {
                using HttpResponseMessage response = await client.GetAsync(
                    new Uri($"{api.Address(parsed)}/v1/finalized{(next is null ? "" : $"?from={next}{chain}")}"), HttpCompletionOption.ResponseHeadersRead).ConfigureAwait(false);
                using StreamReader reader = new(await response.Content.ReadAsStreamAsync().ConfigureAwait(false));
                if (response.StatusCode != HttpStatusCode.OK)
                {
                    Console.Error.WriteLine(Indented(await reader.ReadToEndAsync().ConfigureAwait(false)));
                    return ExitCodes.Failed;
                }

                // Taken up again at a validator that is behind, it waits; where the chain was made anew, it ends.
                chain = $"&wait=true{FinalizedStreaming.ChainQuery(response)}";
                while (await reader.ReadLineAsync().ConfigureAwait(false) is { } line)
                {
                    failures = 0;
                    if (line.StartsWith("data: ", StringComparison.Ordinal))
                    {
                        next = PrintEvent(line["data: ".Length..], asText) + 1;
                        if (++printed == count)
                        {
                            return ExitCodes.Success;
                        }
                    }
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException && next is not null && failures < 5)
            {
                Console.Error.WriteLine($"{e.Message}; taking the stream up again at {next}");
            }

            failures++;
            await Task.Delay(TimeSpan.FromMilliseconds(500)).ConfigureAwait(false);
        }
    }

    private static ulong PrintEvent(string json, bool asText)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        Console.Out.WriteLine(asText
            ? Encoding.UTF8.GetString(document.RootElement.GetProperty("bytes").GetBytesFromBase64())
            : json);
        return document.RootElement.GetProperty("index").GetUInt64();
    }
}
