namespace Validator.Core.Trust;

/// <summary>A member's pool as an event found and left it.</summary>
/// <param name="Epoch">As in <see cref="StakeKey"/>: 0 for what is deposited.</param>
public readonly record struct PoolChange(string Member, ulong Epoch, StakeValue Before, StakeValue After);

/// <summary>An account's part of a pool: a record of kind Deposit or Unbonding.</summary>
public readonly record struct AccountPart(string Member, ulong Epoch, StakeValue Value);

/// <summary>All that an account has. It changes by what the account does, and by transfers to it, alone.</summary>
public sealed record AccountParts(ulong Balance, AccountPart[] Parts)
{
    public static AccountParts Nothing { get; } = new(0, []);

    internal StakeValue In(in PoolChange pool)
    {
        foreach (ref readonly AccountPart part in Parts.AsSpan())
        {
            if (part.Epoch == pool.Epoch && part.Member == pool.Member)
            {
                return part.Value;
            }
        }

        return default;
    }
}

/// <summary>
/// What an event did to stake, so that what it was to each depositor can be reckoned when somebody asks: a slash or a reward
/// writes pools alone, however many depositors there are.
/// </summary>
/// <param name="Account">What the one who acted has afterwards; null where nobody acted.</param>
/// <param name="To">The same of who was given something.</param>
public sealed record StakeEffect(PoolChange[] Pools, AccountParts? Account = null, AccountParts? To = null)
{
    public static StakeEffect None { get; } = new([]);
}

/// <summary>What an event was to an account: units, below 0 for those that it lost.</summary>
/// <param name="Deposited">What its deposits are worth.</param>
/// <param name="Unbonding">What its withdrawals are worth.</param>
/// <param name="Rewards">Not claimed.</param>
public readonly record struct StakeMove(long Balance, long Deposited, long Unbonding, long Rewards)
{
    /// <param name="before">What the account had before.</param>
    /// <param name="pools">Those that changed, and those of parts that did.</param>
    public static StakeMove Between(AccountParts before, AccountParts after, ReadOnlySpan<PoolChange> pools)
    {
        StakeMove move = new((long)after.Balance - (long)before.Balance, 0, 0, 0);
        foreach (ref readonly PoolChange pool in pools)
        {
            StakeValue was = before.In(pool), now = after.In(pool);
            long worth = (long)StakeBook.Worth(now.First, pool.After) - (long)StakeBook.Worth(was.First, pool.Before);
            move = pool.Epoch > 0 ? move with { Unbonding = move.Unbonding + worth } : move with
            {
                Deposited = move.Deposited + worth,
                Rewards = move.Rewards + (long)StakeBook.Earned(now, pool.After) - (long)StakeBook.Earned(was, pool.Before),
            };
        }

        return move;
    }

    public static StakeMove operator +(StakeMove a, StakeMove b) =>
        new(a.Balance + b.Balance, a.Deposited + b.Deposited, a.Unbonding + b.Unbonding, a.Rewards + b.Rewards);
}
