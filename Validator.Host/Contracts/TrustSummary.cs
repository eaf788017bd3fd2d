using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Host.Contracts;

/// <summary>A member as trust sees it after the newest executed block.</summary>
/// <param name="Weight">In this epoch; 0 for one that is banned.</param>
/// <param name="Reputation">Units of 2^-30, as is uptime.</param>
public readonly record struct TrustedMember(string Name, uint Weight, uint Reputation, uint Uptime, PoolView Pool, bool Banned);

/// <summary>What trust comes to after the newest executed block.</summary>
/// <param name="Members">Of this epoch, and the banned.</param>
/// <param name="Left">What is still deposited to others that were members once, in all.</param>
public sealed record TrustSummary(
    TrustParameters Parameters, ulong Epoch, ulong Sequence, ulong NowMicros, TrustedMember[] Members, PoolView Left,
    ulong Treasury, ulong Rewards, ulong Supply, int CountedOffences, int StakeRecords, TrustCounts Counts);

/// <summary>What execution did since this process began; of a snapshot that went in place only what came after it.</summary>
public sealed record TrustCounts
{
    /// <summary>By <see cref="Offence"/>.</summary>
    public long[] Offences { get; init; } = new long[TrustParameters.Offences];

    /// <summary>By <see cref="TrustEventKind"/>, from 0 on.</summary>
    public long[] Events { get; init; } = new long[(int)TrustEventKind.Claim + 1];

    /// <summary>The amounts of these: units.</summary>
    public ulong[] Units { get; init; } = new ulong[(int)TrustEventKind.Claim + 1];

    public long RefusedProofs { get; init; }

    public long RefusedStake { get; init; }

    /// <summary>Epochs whose members were reckoned with.</summary>
    public long Closes { get; init; }

    /// <summary>Of the newest of these: its epoch, and what was paid and could not be.</summary>
    public ulong ClosedEpoch { get; init; }

    public ulong ClosePaid { get; init; }

    public ulong CloseFailed { get; init; }

    public int CloseMembers { get; init; }

    /// <summary>Seconds that execution of the block took with which the epoch was closed.</summary>
    public double CloseSeconds { get; init; }
}

/// <summary>An account's stake.</summary>
public sealed record AccountStake(ulong Balance, ulong PendingRewards, StakePosition[] Positions);
