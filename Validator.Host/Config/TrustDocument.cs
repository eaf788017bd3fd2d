using Validator.Core.Primitives;

namespace Validator.Host.Config;

/// <summary>
/// The part of genesis.json that turns trust on (docs/TRUST.md). What it leaves out is as <see cref="TrustParameters"/> says: the
/// properties can be set, since the serializer gives null and 0 to those that can only be initialized.
/// </summary>
internal sealed class TrustDocument
{
    private static readonly TrustParameters s_usual = new();

    /// <summary>fixed, trust or trust-multiplicative.</summary>
    public string Weights { get; set; } = "fixed";
    public ulong HalfLifeMicros { get; set; } = s_usual.HalfLifeMicros;
    public ThousandthsDocument Penalties { get; set; } = ThousandthsDocument.From(s_usual.Penalties);
    public ThousandthsDocument Slashes { get; set; } = ThousandthsDocument.From(s_usual.Slashes);
    public uint BanBelow { get; set; } = s_usual.BanBelow;
    public uint ReturnAt { get; set; } = s_usual.ReturnAt;
    public uint WindowBlocks { get; set; } = s_usual.WindowBlocks;
    public ulong WindowMicros { get; set; } = s_usual.WindowMicros;
    public uint UnbondingEpochs { get; set; } = s_usual.UnbondingEpochs;
    public ulong RewardPool { get; set; }
    public ulong EpochReward { get; set; }
    public BalanceDocument[] Balances { get; set; } = [];

    public static TrustDocument From(TrustParameters trust) => new()
    {
        Weights = NameOf(trust.Weights),
        HalfLifeMicros = trust.HalfLifeMicros,
        Penalties = ThousandthsDocument.From(trust.Penalties),
        Slashes = ThousandthsDocument.From(trust.Slashes),
        BanBelow = trust.BanBelow,
        ReturnAt = trust.ReturnAt,
        WindowBlocks = trust.WindowBlocks,
        WindowMicros = trust.WindowMicros,
        UnbondingEpochs = trust.UnbondingEpochs,
        RewardPool = trust.RewardPool,
        EpochReward = trust.EpochReward,
        Balances = [.. trust.Balances.Select(b => new BalanceDocument
        {
            Account = b.Account.ToString(),
            Amount = b.Amount,
            DepositTo = b.Member.Length == 0 ? null : b.Member,
        })],
    };

    /// <exception cref="ConfigException">A name or an account that is none.</exception>
    public TrustParameters ToParameters(string path) => new()
    {
        Weights = ModeOf(path),
        HalfLifeMicros = HalfLifeMicros,
        Penalties = Penalties.ToArray(),
        Slashes = Slashes.ToArray(),
        BanBelow = BanBelow,
        ReturnAt = ReturnAt,
        WindowBlocks = WindowBlocks,
        WindowMicros = WindowMicros,
        UnbondingEpochs = UnbondingEpochs,
        RewardPool = RewardPool,
        EpochReward = EpochReward,
        Balances = [.. Balances.Select(b => b.ToBalance(path))],
    };

    public static string NameOf(WeightMode mode) => mode switch
    {
        WeightMode.Additive => "trust",
        WeightMode.Multiplicative => "trust-multiplicative",
        _ => "fixed",
    };

    public static WeightMode? ModeOfName(string name) => name switch
    {
        "fixed" => WeightMode.Fixed,
        "trust" => WeightMode.Additive,
        "trust-multiplicative" => WeightMode.Multiplicative,
        _ => null,
    };

    private WeightMode ModeOf(string path) => ModeOfName(Weights)
        ?? throw new ConfigException($"{path}: trust.weights is '{Weights}'; expected fixed, trust or trust-multiplicative");
}

/// <summary>By kind of <see cref="Offence"/>, thousandths.</summary>
internal sealed class ThousandthsDocument
{
    public required uint LaneTwin { get; init; }
    public required uint DoublePrepare { get; init; }
    public required uint DoubleCommit { get; init; }
    public required uint DoubleProposal { get; init; }
    public required uint DoubleViewChange { get; init; }
    public required uint ConflictingCommit { get; init; }

    public static ThousandthsDocument From(uint[] values) => new()
    {
        LaneTwin = values[(int)Offence.LaneTwin],
        DoublePrepare = values[(int)Offence.DoublePrepare],
        DoubleCommit = values[(int)Offence.DoubleCommit],
        DoubleProposal = values[(int)Offence.DoubleProposal],
        DoubleViewChange = values[(int)Offence.DoubleViewChange],
        ConflictingCommit = values[(int)Offence.ConflictingCommit],
    };

    public uint[] ToArray() => [LaneTwin, DoublePrepare, DoubleCommit, DoubleProposal, DoubleViewChange, ConflictingCommit];
}

internal sealed class BalanceDocument
{
    /// <summary>64 hexadecimal digits: <c>validator account show</c>.</summary>
    public required string Account { get; init; }
    public required ulong Amount { get; init; }

    /// <summary>A member's name: the units are deposited to it. Else they are the account's balance.</summary>
    public string? DepositTo { get; init; }

    public GenesisBalance ToBalance(string path) => Hash256.TryParse(Account, out Hash256 account)
        ? new GenesisBalance(account, Amount, DepositTo ?? "")
        : throw new ConfigException($"{path}: trust.balances: '{Account}' is no account: 64 hexadecimal digits");
}
