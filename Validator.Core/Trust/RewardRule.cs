using Validator.Core.Primitives;

namespace Validator.Core.Trust;

/// <summary>
/// What an epoch's reward is to each member: 0.6 by reputation's share, 0.4 by stake's, and a tenth more to those that were
/// always up. Rounded down; what that leaves stays where rewards are paid from.
/// </summary>
public static class RewardRule
{
    private const uint BonusParts = 10;

    /// <summary>Up so much of an epoch counts as always.</summary>
    private static readonly uint s_always = Ratio.OfThousandths(999);

    /// <param name="budget">Of the epoch, bonuses included; below 2^62.</param>
    /// <param name="members">Those that are banned have no part in it: reputation and stake 0.</param>
    public static ulong[] Divide(ulong budget, ReadOnlySpan<MemberStanding> members)
    {
        // What is left for bonuses is enough where everybody gets one.
        ulong plain = (ulong)((UInt128)budget * BonusParts / (BonusParts + 1));
        UInt128 reputation = 0, stake = 0;
        foreach (MemberStanding member in members)
        {
            reputation += member.Reputation;
            stake += member.Stake;
        }

        ulong[] rewards = new ulong[members.Length];
        for (int i = 0; i < rewards.Length; i++)
        {
            ulong mine = Part(plain, 6, members[i].Reputation, reputation) + Part(plain, 4, members[i].Stake, stake);
            rewards[i] = mine + (members[i].Uptime >= s_always ? mine / BonusParts : 0);
        }

        return rewards;
    }

    /// <summary>Of the budget so many tenths, and of these the member's share. Nobody's share stays in the budget.</summary>
    private static ulong Part(ulong budget, uint tenths, ulong mine, UInt128 all) =>
        all == 0 ? 0 : (ulong)((UInt128)(budget / 10 * tenths) * mine / all);
}
