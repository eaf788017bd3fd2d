using System.Net;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Host.Cli;
using Validator.Host.Primitives;

namespace Validator.Host.Tools.Load;

/// <summary>
/// Asks for the outcome of each accepted transaction that some stream lacks. Execution rejects repeats and used nonces after they
/// are ordered: those are in no stream, and not lost.
/// </summary>
internal sealed class MissingLookup(LoadOptions options, LoadContent content, TargetTally[] tallies, HttpClient http)
{
    private const int AtOnce = 16;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    /// <summary>Transactions without an answer in time count as lost.</summary>
    public async Task RunAsync()
    {
        (int Target, ulong Number)[] missing = [.. tallies.SelectMany((t, i) => t.Lost(tallies).Select(n => (i, n)))];
        using CancellationTokenSource late = new(s_patience);
        try
        {
            await Parallel.ForEachAsync(
                missing, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = late.Token },
                async (one, cancellation) => await AskAsync(one.Target, one.Number, cancellation).ConfigureAwait(false)).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The rest was not asked for.
        }
    }

    private async Task AskAsync(int target, ulong number, CancellationToken cancellation)
    {
        byte[] transaction = new byte[1 + content.Size];
        transaction[0] = (byte)content.Kind;
        content.Fill(number, transaction.AsSpan(1));
        try
        {
            Uri address = new(options.Targets[target], $"/v1/transactions/{Hash256.Of(transaction)}");
            using HttpResponseMessage answer = await http.GetAsync(address, cancellation).ConfigureAwait(false);
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                return;
            }

            using JsonDocument read = AnswerJson.Parse(await answer.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false));
            if (read.RootElement.GetProperty("status").GetString() == "rejected")
            {
                tallies[target].AddRejectedLate(
                    number, 1, 1, $"{options.Targets[target].Authority}: execution rejected: {read.RootElement.GetProperty("reason").GetString()}");
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            tallies[target].AddNote($"{options.Targets[target].Authority}: {HttpHandlers.Reason(e)}");
        }
    }
}
