using Validator.Core.Primitives;

namespace Validator.Core.Trust;

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

/// <summary>The part of genesis that trust is reckoned by: the same at all, for the chain's life.</summary>
public sealed record TrustParameters
{
    private const ulong Second = 1_000_000;

    public WeightMode Weights { get; init; }

    /// <summary>In which a penalty is half forgiven, microseconds of block time.</summary>
    public ulong HalfLifeMicros { get; init; } = 7 * 24 * 3600 * Second;

    /// <summary>What an offence takes of reputation, by <see cref="Offence"/>; <see cref="Ratio"/>.</summary>
    public uint[] Penalties { get; init; } = [.. new uint[] { 200, 500, 500, 500, 500, 1000 }.Select(Ratio.OfThousandths)];

    /// <summary>What it takes of deposited and unbonding stake, thousandths: of money exactly what is written.</summary>
    public uint[] Slashes { get; init; } = [50, 150, 150, 200, 150, 300];

    /// <summary>A member whose reputation is below this at an epoch's end is banned.</summary>
    public uint BanBelow { get; init; } = Ratio.OfThousandths(300);

    /// <summary>A ban ends when reputation is no longer below this.</summary>
    public uint ReturnAt { get; init; } = Ratio.OfThousandths(500);

    /// <summary>An uptime window holds at least so many blocks,</summary>
    public uint WindowBlocks { get; init; } = 64;

    /// <summary>
    /// and lasts at least so long: an honest validator that nobody uses authors a vertex every ten seconds, and must show in
    /// each.
    /// </summary>
    public ulong WindowMicros { get; init; } = 30 * Second;
}
