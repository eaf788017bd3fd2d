using System.CommandLine;
using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Primitives;

namespace Validator.Host.Cli;

/// <summary>
/// <c>validator tail</c>: the stream of final transactions. After every interruption it resumes at the next index, so nothing is
/// missing and nothing comes twice.
/// </summary>
internal static class TailCommand
{
    /// <summary>A silent stream shows a sign of life every 10 s.</summary>
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(35);

    /// <summary>Long enough for a validator to restart with a large database.</summary>
    private static readonly TimeSpan s_reconnect = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(2);

    /// <summary>An event with the longest transaction, a committee change that fills a vertex, in base64.</summary>
    private const int MostLineBytes = ((int)Limits.MaxVertexPayloadBytes / 3 * 4) + 4096;

    public static Command Create()
    {
        Option<ulong?> from = new("--from") { Description = "Global index to begin with; default: what becomes final from now on" };
        Option<bool> text = new("--text") { Description = "Print the transactions (of envelopes the data) as text, control characters spelled out, instead of JSON" };
        Option<ulong> count = new("--count") { Description = "End after so many; 0: never", DefaultValueFactory = _ => 0 };
        Option<TimeSpan> reconnect = CommandAction.Duration(
            "--reconnect", "How long to try again while the validator does not answer; given, the first connection may take as long", s_reconnect);
        ApiTarget api = new();
        Command command = new("tail", "Print final transactions, one JSON object a line") { from, text, count, reconnect };
        api.AddTo(command);
        command.SetAction(parsed => ClientCommands.Call(() =>
        {
            using HttpClient client = api.Client(parsed, Timeout.InfiniteTimeSpan);
            Tail tail = new(client, api.Address(parsed), parsed.GetValue(text), parsed.GetValue(count))
            {
                Next = parsed.GetValue(from),
                Patience = parsed.GetValue(reconnect),
                Met = parsed.GetResult(reconnect) is { Implicit: false },
            };
            return tail.RunAsync().GetAwaiter().GetResult();
        }));
        return command;
    }

    private sealed class Tail(HttpClient client, string api, bool asText, ulong count)
    {
        private readonly bool _terminal = !Console.IsOutputRedirected;
        private ulong _printed;
        private string? _chain;

        /// <summary>The index that comes next; null: what a status says first.</summary>
        public ulong? Next { get; set; }

        public TimeSpan Patience { get; init; }

        /// <summary>It has answered once, so its silence is an interruption and no wrong address.</summary>
        public bool Met { get; set; }

        public async Task<int> RunAsync()
        {
            using CancellationTokenSource over = new();
            using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
            using PosixSignalRegistration onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
            await using Timer watch = new(
                _ =>
                {
                    if (StandardOutput.IsOver)
                    {
                        over.Cancel();
                    }
                }, null, TimeSpan.Zero, TimeSpan.FromMilliseconds(200));
            long heard = Stopwatch.GetTimestamp();
            TimeSpan pause = s_firstPause;
            bool told = false;
            while (true)
            {
                string trouble;
                ulong? before = Next;
                try
                {
                    (int? code, trouble) = await FollowAsync(over.Token).ConfigureAwait(false);
                    if (code is { } end)
                    {
                        return end;
                    }
                }
                catch (OperationCanceledException) when (over.IsCancellationRequested)
                {
                    return ExitCodes.Success;
                }
                catch (Exception e) when (Met && e is HttpRequestException or IOException or OperationCanceledException)
                {
                    trouble = e is OperationCanceledException ? "it is silent" : HttpHandlers.Reason(e);
                }

                if (Next != before || _connected)
                {
                    (heard, pause, told) = (Stopwatch.GetTimestamp(), s_firstPause, false);
                    _connected = false;
                }

                TimeSpan left = Patience - Stopwatch.GetElapsedTime(heard);
                if (left <= TimeSpan.Zero)
                {
                    Console.Error.WriteLine($"{api}: {TerminalText.Lines(trouble)}; given up after {Patience.TotalSeconds:0.#} s{At()}");
                    return ExitCodes.Failed;
                }

                if (!told)
                {
                    Console.Error.WriteLine($"{api}: {TerminalText.Lines(trouble)}; trying again for {left.TotalSeconds:0} s{At()}");
                    told = true;
                }

                try
                {
                    await Task.Delay(pause < left ? pause : left, over.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException)
                {
                    return ExitCodes.Success;
                }

                pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
            }

            void End(PosixSignalContext context)
            {
                // A second one ends it wherever it is: its reader may stand still.
                context.Cancel = !over.IsCancellationRequested;
                over.Cancel();
            }
        }

        private bool _connected;

        // The index comes from this chain, by a status or the stream, and not from the command line.
        private bool _given;

        private string At() => Next is { } next ? $", from index {next} on" : "";

        /// <returns>The exit code when there is nothing more to follow; else what interrupted it.</returns>
        private async Task<(int? Code, string Trouble)> FollowAsync(CancellationToken over)
        {
            if (await AskChainAsync(over).ConfigureAwait(false) is { } refused)
            {
                return refused;
            }

            // A validator that is behind lets it wait; one whose chain was made anew refuses.
            using CancellationTokenSource silent = CancellationTokenSource.CreateLinkedTokenSource(over);
            silent.CancelAfter(s_silence);
            using HttpResponseMessage response = await client.GetAsync(
                new Uri($"{api}/v1/finalized?from={Next}&chain={_chain}{(_given ? "&wait=true" : "")}"),
                HttpCompletionOption.ResponseHeadersRead, silent.Token).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                await response.Content.LoadIntoBufferAsync(MostLineBytes, silent.Token).ConfigureAwait(false);
                return Refused(response.StatusCode, await response.Content.ReadAsStringAsync(silent.Token).ConfigureAwait(false));
            }

            _connected = _given = Met = true;
            AnswerLines lines = new(await response.Content.ReadAsStreamAsync(silent.Token).ConfigureAwait(false), MostLineBytes);
            string? data = null;
            while (true)
            {
                silent.CancelAfter(s_silence);
                if (await lines.ReadAsync(silent.Token).ConfigureAwait(false) is not { } line)
                {
                    return (null, "the stream ended");
                }

                // While our output is read slowly, it is not the validator that is silent.
                silent.CancelAfter(Timeout.InfiniteTimeSpan);

                if (line.StartsWith("data: ", StringComparison.Ordinal))
                {
                    data = line["data: ".Length..];
                }

                // An event is whole with the empty line behind it: one that is cut off comes again.
                if (line.Length > 0 || data is null)
                {
                    continue;
                }

                if (Print(data) is { } code)
                {
                    return (code, "");
                }

                data = null;
            }
        }

        /// <summary>Asks which index "now" is, before anything is missed, and that the chain is still the same.</summary>
        private async Task<(int? Code, string Trouble)?> AskChainAsync(CancellationToken over)
        {
            using CancellationTokenSource late = CancellationTokenSource.CreateLinkedTokenSource(over);
            late.CancelAfter(TimeSpan.FromSeconds(5));
            using HttpResponseMessage response = await client.GetAsync(new Uri($"{api}/v1/status"), late.Token).ConfigureAwait(false);
            string body = await response.Content.ReadAsStringAsync(late.Token).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                return Refused(response.StatusCode, body);
            }

            using JsonDocument status = AnswerJson.Parse(body);
            string chain = status.RootElement.GetProperty("chain_id").GetString() ?? "";
            if ((_chain ??= chain) != chain)
            {
                Console.Error.WriteLine($"{api}: is on chain {TerminalText.Lines(chain)} now, and was on {_chain}: indices of one say nothing of the other");
                return (ExitCodes.Failed, "");
            }

            if (Next is null)
            {
                Next = status.RootElement.GetProperty("next_final_index").GetUInt64();
                _given = true;
            }

            return null;
        }

        /// <summary>Waits where the cause may pass; anything else ends the command.</summary>
        private (int? Code, string Trouble) Refused(HttpStatusCode status, string body)
        {
            if (Met && (status == HttpStatusCode.TooManyRequests || (int)status >= 500))
            {
                return (null, $"it answered {(int)status}");
            }

            Console.Error.WriteLine(ClientCommands.Indented(body));
            return (ExitCodes.Failed, "");
        }

        /// <summary>The bytes, or of a signed envelope the data.</summary>
        private string TextOf(JsonElement transaction)
        {
            byte[] bytes = transaction.GetProperty("bytes").GetBytesFromBase64();
            bool signed = transaction.GetProperty("kind").GetByte() == (byte)TransactionKind.Envelope;
            return TerminalText.Line(signed && EnvelopeCodec.TryRead(bytes, out Envelope envelope) ? envelope.Data : bytes, _terminal);
        }

        /// <returns>The exit code once enough is printed; null: more is wanted.</returns>
        private int? Print(string json)
        {
            using JsonDocument document = AnswerJson.Parse(json);
            ulong index = document.RootElement.GetProperty("index").GetUInt64();
            if (index < Next)
            {
                return null;
            }

            if (index > Next)
            {
                Console.Error.WriteLine($"{api}: index {index} came where {Next} is next");
                return ExitCodes.Failed;
            }

            Console.Out.WriteLine(asText ? TextOf(document.RootElement) : _terminal ? TerminalText.Lines(json) : json);
            Next = index + 1;
            return ++_printed == count || StandardOutput.IsOver ? ExitCodes.Success : null;
        }
    }
}
