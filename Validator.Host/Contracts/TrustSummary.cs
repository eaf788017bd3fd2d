using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Host.Contracts;

/// <summary>A member as trust sees it after the newest executed block.</summary>
/// <param name="Weight">In this epoch; 0 for one that is banned.</param>
/// <param name="Reputation">Units of 2^-30, as is uptime.</param>
public readonly record struct TrustedMember(string Name, uint Weight, uint Reputation, uint Uptime, PoolView Pool, bool Banned);

/// <summary>What trust comes to after the newest executed block.</summary>
public sealed record TrustSummary(
    TrustParameters Parameters, ulong Epoch, ulong Sequence, ulong NowMicros, TrustedMember[] Members, ulong Treasury,
        ulong Rewards, ulong Supply,
    int CountedOffences);

/// <summary>An account's stake.</summary>
public sealed record AccountStake(ulong Balance, ulong PendingRewards, StakePosition[] Positions);
