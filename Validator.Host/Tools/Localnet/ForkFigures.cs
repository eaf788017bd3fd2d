using System.Text.Json;
using Validator.Host.Cli;

namespace Validator.Host.Tools.Localnet;

/// <summary>The forks of a run, as each validator saw them (PROTOCOL.md, rules D1 to D4), over all validators.</summary>
/// <param name="Kinds">How many of each kind.</param>
/// <param name="Outcomes">How many ended so, or are active.</param>
/// <param name="ResolvedS">From when each was found until a rule had resolved it, ascending.</param>
public sealed record ForkFigures(
    int Found, int Active, int Failed, SortedDictionary<string, int> Kinds, SortedDictionary<string, int> Outcomes,
    double[] ResolvedS)
{
    private const string ActiveOutcome = "active";
    private const string FailedOutcome = "failed";

    /// <summary>Null where none was resolved.</summary>
    public double? MedianS => ResolvedS.Length == 0 ? null : ResolvedS[ResolvedS.Length / 2];

    internal static async Task<ForkFigures> OfAsync(LocalCluster cluster)
    {
        SortedDictionary<string, int> kinds = new(StringComparer.Ordinal), outcomes = new(StringComparer.Ordinal);
        List<double> seconds = [];
        foreach (NodeProcess node in cluster.Honest)
        {
            if (await cluster.GetAsync(node, "/v1/forks").ConfigureAwait(false) is not { } body)
            {
                continue;
            }

            using JsonDocument document = AnswerJson.Parse(body);
            foreach (JsonElement fork in document.RootElement.GetProperty("forks").EnumerateArray())
            {
                string kind = fork.GetProperty("kind").GetString()!, outcome = fork.GetProperty("outcome").GetString()!;
                kinds[kind] = kinds.GetValueOrDefault(kind) + 1;
                outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
                if (outcome is not (ActiveOutcome or FailedOutcome))
                {
                    seconds.Add(fork.GetProperty("seconds").GetDouble());
                }
            }
        }

        seconds.Sort();
        return new ForkFigures(
            outcomes.Values.Sum(), outcomes.GetValueOrDefault(ActiveOutcome), outcomes.GetValueOrDefault(FailedOutcome),
            kinds, outcomes, [.. seconds]);
    }
}
