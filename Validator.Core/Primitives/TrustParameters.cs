namespace Validator.Core.Primitives;

/// <summary>How the weights of an epoch come about.</summary>
public enum WeightMode : byte
{
    /// <summary>As genesis and committee changes say.</summary>
    Fixed,

    /// <summary>0.4 of stake's share, 0.4 of reputation's, 0.2 of uptime's.</summary>
    Additive,

    /// <summary>Stake, times 0.8 to 1 by reputation and uptime.</summary>
    Multiplicative,
}

/// <summary>What two messages of one signer prove, to everybody.</summary>
public enum Offence : byte
{
    /// <summary>Two vertices in one slot of its lane.</summary>
    LaneTwin,

    /// <summary>Two Prepares, or a Prepare beside the own proposal, in one slot.</summary>
    DoublePrepare,

    /// <summary>Two Commits in one slot.</summary>
    DoubleCommit,

    /// <summary>Two proposals in one slot.</summary>
    DoubleProposal,

    /// <summary>Two Stops, ViewChanges or NewViews of one view.</summary>
    DoubleViewChange,

    /// <summary>
    /// A Commit in each of two commit certificates that contradict one another. Reserved: in two views an honest member may have
    /// sent both, so nothing proves it (docs/TRUST.md).
    /// </summary>
    ConflictingCommit,
}

/// <summary>Units that exist from the beginning.</summary>
/// <param name="Account">Whose (<c>validator account</c> shows it).</param>
/// <param name="Amount">At least 1.</param>
/// <param name="Member">To whom they are deposited; empty: to nobody, they are the account's balance.</param>
public sealed record GenesisBalance(Hash256 Account, ulong Amount, string Member = "");

/// <summary>The part of genesis that trust is reckoned by: the same at all, for the chain's life.</summary>
public sealed record TrustParameters
{
    /// <summary>Kinds of <see cref="Offence"/>.</summary>
    public const int Offences = 6;

    /// <summary>Evidence is taken of the epoch and of so many before it.</summary>
    public const ulong EvidenceEpochs = 2;

    /// <summary>Of one member and epoch that count.</summary>
    public const int MostOffences = 16;

    /// <summary>Deposits of one account.</summary>
    public const int MostDeposits = 16;

    /// <summary>Sums of all units, and of shares, stay below it, so that no product of two leaves 128 bits.</summary>
    public const ulong MostUnits = 1UL << 62;

    private const ulong Second = 1_000_000;

    public WeightMode Weights { get; init; }

    /// <summary>In which a penalty is half forgiven, microseconds of block time.</summary>
    public ulong HalfLifeMicros { get; init; } = 7 * 24 * 3600 * Second;

    /// <summary>What an offence takes of reputation, by <see cref="Offence"/>, thousandths.</summary>
    public uint[] Penalties { get; init; } = [200, 500, 500, 500, 500, 1000];

    /// <summary>What it takes of deposited and unbonding stake, thousandths: of money exactly what is written.</summary>
    public uint[] Slashes { get; init; } = [50, 150, 150, 200, 150, 300];

    /// <summary>A member whose reputation is below this at an epoch's end is banned; thousandths.</summary>
    public uint BanBelow { get; init; } = 300;

    /// <summary>A ban ends when reputation is no longer below this; thousandths.</summary>
    public uint ReturnAt { get; init; } = 500;

    /// <summary>An uptime window holds at least so many blocks,</summary>
    public uint WindowBlocks { get; init; } = 64;

    /// <summary>
    /// and lasts at least so long: an honest validator that nobody uses authors a vertex every ten seconds, and must show in
    /// each.
    /// </summary>
    public ulong WindowMicros { get; init; } = 30 * Second;

    /// <summary>Epochs that a withdrawal stays bound: longer than evidence may be old.</summary>
    public uint UnbondingEpochs { get; init; } = 4;

    /// <summary>Units that rewards are paid from, in all.</summary>
    public ulong RewardPool { get; init; }

    /// <summary>Of the pool, what an epoch's members share at most.</summary>
    public ulong EpochReward { get; init; }

    public GenesisBalance[] Balances { get; init; } = [];

    /// <summary>All units that there ever are.</summary>
    public UInt128 Supply
    {
        get
        {
            UInt128 supply = RewardPool;
            foreach (GenesisBalance balance in Balances)
            {
                supply += balance.Amount;
            }

            return supply;
        }
    }
}
