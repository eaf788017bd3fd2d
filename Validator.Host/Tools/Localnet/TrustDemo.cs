using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Cli;
using Validator.Host.Keys;
using Validator.Host.Primitives;

namespace Validator.Host.Tools.Localnet;

/// <summary>What a run found of trust, as the validators tell it.</summary>
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
    private SortedDictionary<string, double> _before = [];

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
    public async Task StartAsync() => _before = (await LookAsync().ConfigureAwait(false))?.Weights ?? [];

    /// <summary>A line for the screen; null while nobody answers.</summary>
    public async Task<string?> LineAsync()
    {
        if (await LookAsync().ConfigureAwait(false) is not { } now)
        {
            return null;
        }

        if (now.Reputation < 1 && _detected is null && liar?.LiedAtMillis is { } started)
        {
            _detected = (Environment.TickCount64 - started) / 1000.0;
        }

        string weights = string.Join(", ", now.Weights.Select(w => $"{w.Key} {w.Value:F1} %"));
        return $"trust: {villain} {(kind.Length > 0 ? $"({kind}) " : "")}reputation {now.Reputation:F2} stake {now.Stake}{(now.Banned ? " banned" : "")}; weights {weights}";
    }

    public async Task<TrustFigures?> FiguresAsync()
    {
        await LineAsync().ConfigureAwait(false);
        if (await LookAsync().ConfigureAwait(false) is not { } now)
        {
            return null;
        }

        double seen = 0;
        foreach (NodeProcess node in cluster.Honest)
        {
            seen += await cluster.MetricAsync(node, "cretoai_byzantine_violations_total", villain).ConfigureAwait(false);
        }

        return new TrustFigures(
            villain, kind, _detected, 1, now.Reputation, Deposit - now.Stake, now.Banned, _before, now.Weights, (long)seen);
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
            (double reputation, ulong stake, bool banned) = (1, 0, false);
            foreach (JsonElement member in document.RootElement.GetProperty("members").EnumerateArray())
            {
                string name = member.GetProperty("name").GetString()!;
                weights[name] = Math.Round(100 * member.GetProperty("weight").GetUInt32() / total, 2);
                if (name == villain)
                {
                    reputation = member.GetProperty("reputation").GetDouble();
                    stake = member.GetProperty("stake").GetUInt64();
                    banned = member.GetProperty("banned").GetBoolean();
                }
            }

            return new Look(reputation, stake, banned, weights);
        }

        return null;
    }

    private sealed record Look(double Reputation, ulong Stake, bool Banned, SortedDictionary<string, double> Weights);
}
