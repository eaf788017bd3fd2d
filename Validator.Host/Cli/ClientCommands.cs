using System.CommandLine;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Validator.Host.Cli;

/// <summary>submit, tail, status, health and ready: a validator's API from the command line.</summary>
internal static class ClientCommands
{
    private const string DefaultApi = "http://127.0.0.1:8080";

    public static Command Submit()
    {
        Argument<string?> text = new("text") { Description = "The transaction as text", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> file = new("--file") { Description = "A file with its bytes; - for standard input" };
        Option<bool> wait = new("--wait") { Description = "Wait until it is final" };
        Option<string> api = Api();
        Command command = new("submit", "Submit one transaction and print the answer") { text, file, wait, api };
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
            using HttpRequestMessage request = new(
                HttpMethod.Post, $"{AddressOf(parsed, api)}/v1/transactions{(parsed.GetValue(wait) ? "?wait=finalized" : "")}")
            {
                Content = new ByteArrayContent(bytes),
            };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            return Print(request, TimeSpan.FromSeconds(40));
        }));
        return command;
    }

    public static Command Tail()
    {
        Option<ulong?> from = new("--from") { Description = "Global index to begin with; default: what becomes final from now on" };
        Option<bool> text = new("--text") { Description = "Print the transactions as text instead of JSON" };
        Option<ulong> count = new("--count") { Description = "End after so many; 0: never", DefaultValueFactory = _ => 0 };
        Option<string> api = Api();
        Command command = new("tail", "Print final transactions, one JSON object a line") { from, text, count, api };
        command.SetAction(parsed => Call(() => Follow(
            AddressOf(parsed, api), parsed.GetValue(from), parsed.GetValue(text), parsed.GetValue(count)).GetAwaiter().GetResult()));
        return command;
    }

    public static Command Status() => Get("status", "Print a validator's status", "/v1/status");

    public static Command Health() => Get("health", "Exit 0 when the validator's process answers", "/v1/health");

    public static Command Ready() => Get("ready", "Exit 0 when the validator takes part and a quorum is connected", "/v1/ready");

    private static Command Get(string name, string description, string path)
    {
        Option<string> api = Api();
        Command command = new(name, description) { api };
        command.SetAction(parsed => Call(() =>
        {
            using HttpRequestMessage request = new(HttpMethod.Get, AddressOf(parsed, api) + path);
            return Print(request, TimeSpan.FromSeconds(5));
        }));
        return command;
    }

    private static Option<string> Api()
    {
        Option<string> api = new("--api") { Description = "The validator's API", DefaultValueFactory = _ => DefaultApi };
        api.Validators.Add(result =>
        {
            if (!Uri.TryCreate(result.GetValueOrDefault<string>(), UriKind.Absolute, out Uri? uri) || uri.Scheme != Uri.UriSchemeHttp)
            {
                result.AddError($"--api: expected an address as {DefaultApi}");
            }
        });
        return api;
    }

    private static string AddressOf(ParseResult parsed, Option<string> api) => parsed.GetValue(api)!.TrimEnd('/');

    private static int Call(Func<int> action)
    {
        try
        {
            return action();
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

    private static HttpClient Client(TimeSpan timeout) =>
        new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { Timeout = timeout };

    private static int Print(HttpRequestMessage request, TimeSpan timeout)
    {
        using HttpClient client = Client(timeout);
        using HttpResponseMessage response = client.Send(request);
        using StreamReader reader = new(response.Content.ReadAsStream());
        string body = reader.ReadToEnd();
        bool good = response.StatusCode is HttpStatusCode.OK or HttpStatusCode.Accepted;
        (good ? Console.Out : Console.Error).WriteLine(Indented(body));
        return good ? ExitCodes.Success : ExitCodes.Failed;
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

    private static byte[] ReadAll(string path)
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
    private static async Task<int> Follow(string api, ulong? from, bool asText, ulong count)
    {
        using HttpClient client = Client(Timeout.InfiniteTimeSpan);
        ulong? next = from;
        ulong printed = 0;
        for (int failures = 0; ;)
        {
            try
            {
                using HttpResponseMessage response = await client.GetAsync(
                    new Uri($"{api}/v1/finalized{(next is null ? "" : $"?from={next}")}"), HttpCompletionOption.ResponseHeadersRead).ConfigureAwait(false);
                using StreamReader reader = new(await response.Content.ReadAsStreamAsync().ConfigureAwait(false));
                if (response.StatusCode != HttpStatusCode.OK)
                {
                    Console.Error.WriteLine(Indented(await reader.ReadToEndAsync().ConfigureAwait(false)));
                    return ExitCodes.Failed;
                }

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
