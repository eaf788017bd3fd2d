using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Cli;
using Validator.Host.Keys;
using Validator.Host.Primitives;

namespace Validator.Host.Tools.Localnet;

/// <summary>What a run found of trust, as the validators tell it.</summary>
/// <param name="ReputationBefore">Before it lied, as is <paramref name="WeightsBefore"/>.</param>
/// <param name="Slashed">Units of stake, by the offences in the cluster's history.</param>
/// <param name="WeightsBefore">Per cent of the total, by member; of a banned one 0.</param>
/// <param name="DetectedS">Seconds from the villain's first lie to the first proof that was executed; null: none was.</param>
public sealed record TrustFigures(
    string Villain, string Kind, double? DetectedS, double ReputationBefore, double ReputationAfter, ulong Slashed, bool Banned,
    SortedDictionary<string, double> WeightsBefore, SortedDictionary<string, double> Weights, long ViolationsSeen);

/// <summary>
/// The trust side of a local cluster: a genesis in which everybody has stake, and what a look at any honest validator says of it
/// from second to second.
/// </summary>
internal sealed class TrustDemo(LocalCluster cluster, string villain, string kind, Villain? liar)
{
    private const ulong Second = 1_000_000;
    private const ulong Deposit = 100_000;

    private double? _detected;
    private Look? _before;

    /// <summary>Short epochs and a half-life of minutes, so that a minute shows what otherwise takes weeks.</summary>
    public const ulong EpochBlocks = 200;

    /// <summary>One account, whose key is in the folder, has units of its own and the same stake with each member.</summary>
    /// <param name="key">The key file to make.</param>
    public static TrustParameters Parameters(string key, IEnumerable<string> members)
    {
        using SecretBuffer seed = KeyFile.Create(key, KeyPurpose.Account);
        using MlDsa87Signer signer = new(seed.Span);
        Hash256 account = EnvelopeCodec.AccountOf(signer.PublicKey);
        return new TrustParameters
        {
            Weights = WeightMode.Additive,
            HalfLifeMicros = 300 * Second,
            WindowBlocks = 16,
            WindowMicros = 5 * Second,
            RewardPool = 1_000_000,
            EpochReward = 1_000,
            Balances = [new GenesisBalance(account, Deposit), .. members.Select(name =>
                new GenesisBalance(account, Deposit, name))],
        };
    }

    /// <summary>Before the villain begins.</summary>
    /// <exception cref="LocalClusterException">Nobody tells of trust, and what is told later would say nothing.</exception>
    public async Task StartAsync() => _before = await LookAsync().ConfigureAwait(false)
        ?? throw new LocalClusterException(
            $"no validator says what {villain}'s reputation is (GET /v1/trust); their logs may say why");

    /// <summary>A line for the screen; null while nobody answers.</summary>
    public async Task<string?> LineAsync()
    {
        if (await LookAsync().ConfigureAwait(false) is not { } now)
        {
            return null;
        }

        if (now.Reputation < _before?.Reputation && _detected is null && liar?.LiedAtMillis is { } started)
        {
            _detected = (Environment.TickCount64 - started) / 1000.0;
        }

        string weights = string.Join(", ", now.Weights.Select(w => $"{w.Key} {w.Value:F1} %"));
        return $"trust: {villain} {(kind.Length > 0 ? $"({kind}) " : "")}reputation {now.Reputation:F2} stake {now.Stake}{(now.Banned ? " banned" : "")}; weights {weights}";
    }

    /// <summary>Null while nobody answers.</summary>
    public async Task<TrustFigures?> FiguresAsync()
    {
        await LineAsync().ConfigureAwait(false);
        if (_before is not { } before || await LookAsync().ConfigureAwait(false) is not { } now
            || await SlashedAsync().ConfigureAwait(false) is not { } slashed)
        {
            return null;
        }

        double seen = 0;
        foreach (NodeProcess node in cluster.Honest)
        {
            seen += await cluster.MetricAsync(node, "cretoai_byzantine_violations_total", villain).ConfigureAwait(false);
        }

        return new TrustFigures(
            villain, kind, _detected, before.Reputation, now.Reputation, slashed, now.Banned, before.Weights, now.Weights,
            (long)seen);
    }

    /// <summary>What execution has taken for the villain's offences; null: nobody tells.</summary>
    private async Task<ulong?> SlashedAsync()
    {
        foreach (NodeProcess node in cluster.Honest)
        {
            ulong slashed = 0;
            string? page = "";
            while (page is not null
                && await cluster.GetAsync(node, $"/v1/evidence?limit=1000{page}").ConfigureAwait(false) is { } body)
            {
                using JsonDocument document = AnswerJson.Parse(body);
                foreach (JsonElement happened in document.RootElement.GetProperty("events").EnumerateArray())
                {
                    bool its = happened.GetProperty("kind").GetString() == "offence"
                        && happened.GetProperty("member").GetString() == villain;
                    slashed += its ? happened.GetProperty("slashed").GetUInt64() : 0;
                }

                page = document.RootElement.TryGetProperty("next_before", out JsonElement next)
                    ? $"&before={next.GetString()}" : null;
            }

            if (page is null)
            {
                return slashed;
            }
        }

        return null;
    }

    private async Task<Look?> LookAsync()
    {
        foreach (NodeProcess node in cluster.Honest)
        {
            if (await cluster.GetAsync(node, "/v1/trust").ConfigureAwait(false) is not { } body)
            {
                continue;
            }

            using JsonDocument document = AnswerJson.Parse(body);
            SortedDictionary<string, double> weights = new(StringComparer.Ordinal);
            double total = document.RootElement.GetProperty("total_weight").GetDouble();
            (double Reputation, ulong Stake, bool Banned)? its = null;
            foreach (JsonElement member in document.RootElement.GetProperty("members").EnumerateArray())
            {
                string name = member.GetProperty("name").GetString()!;
                weights[name] = Math.Round(100 * member.GetProperty("weight").GetUInt32() / total, 2);
                if (name == villain)
                {
                    its = (member.GetProperty("reputation").GetDouble(), member.GetProperty("stake").GetUInt64(),
                        member.GetProperty("banned").GetBoolean());
                }
            }

            if (its is { } found)
            {
                return new Look(found.Reputation, found.Stake, found.Banned, weights);
            }
        }

        return null;
    }

    private sealed record Look(double Reputation, ulong Stake, bool Banned, SortedDictionary<string, double> Weights);
}
