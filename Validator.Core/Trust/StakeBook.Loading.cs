using Validator.Core.Primitives;

namespace Validator.Core.Trust;

/// <summary>What the records imply, found anew when they are read back.</summary>
public sealed partial class StakeBook
{
    /// <param name="members">All known, in the order of their numbers.</param>
    /// <param name="records">All records, in the order of places.</param>
    /// <returns>False where they are not what <see cref="Supply"/> units can have become.</returns>
    internal bool Load(IEnumerable<string> members, ReadOnlySpan<byte> records)
    {
        _members.Clear();
        _names.Clear();
        _positions.Clear();
        _leaving.Clear();
        _accounts = 0;
        Sum = 0;
        foreach (string member in members)
        {
            Know(member);
        }

        if (!_table.Load(records))
        {
            return false;
        }

        foreach ((StakeKey key, StakeValue value) in _table.Records())
        {
            if (Units(key, value) > Supply - Sum)
            {
                return false;
            }

            Sum += Units(key, value);
            _accounts += key.Kind == StakeRecordKind.Balance ? 1 : 0;
            if (key.Kind is StakeRecordKind.Deposit or StakeRecordKind.Unbonding)
            {
                PositionsFor(key.Account).Add(key);
            }
            else if (key.Kind == StakeRecordKind.Pool && key.Epoch > 0)
            {
                _leaving.Add((key.Member, key.Epoch));
            }
        }

        foreach (List<StakeKey> positions in _positions.Values)
        {
            positions.Sort(ByMemberAndEpoch);
        }

        _table.BeginBlock();
        return Sum == Supply;
    }

    /// <summary>An account's deposits and withdrawals, and what each is worth now.</summary>
    public IEnumerable<StakePosition> Positions(Hash256 account)
    {
        foreach (StakeKey key in PositionsOf(account))
        {
            StakeValue value = _table[key];
            StakeValue pool = _table[Of(StakeRecordKind.Pool, key.Member, key.Epoch)];
            yield return key.Kind == StakeRecordKind.Deposit
                ? new StakePosition(NameOf(key), Worth(value.First, pool), Earned(value, pool), null)
                : new StakePosition(NameOf(key), Worth(value.First, pool), 0, key.Epoch);
        }
    }

    /// <summary>All that an account has, as its history keeps it.</summary>
    public AccountParts PartsOf(Hash256 account) =>
        new(Balance(account), [.. PositionsOf(account).Select(key => new AccountPart(NameOf(key), key.Epoch, _table[key]))]);

    /// <summary>
    /// Pools that the newest operation, slash or reward changed, and those of parts whose rewards it took, with what they were.
    /// </summary>
    public PoolChange[] Touched() =>
    [
        .. _touched.Select(pool => new PoolChange(NameOf(pool.Key), pool.Key.Epoch, pool.Value, _table[pool.Key]))
            .Where(pool => pool.Before != default || pool.After != default),
    ];

    /// <summary>What each account has, with the pools of its parts: where a history begins.</summary>
    public IEnumerable<(Hash256 Account, StakeEffect Effect)> Accounts()
    {
        foreach ((StakeKey key, _) in _table.Records())
        {
            // Whoever has only parts is found by the first of them.
            bool first = key.Kind == StakeRecordKind.Balance
                || (key.Kind is StakeRecordKind.Deposit or StakeRecordKind.Unbonding && Balance(key.Account) == 0
                    && PositionsOf(key.Account)[0] == key);
            if (first)
            {
                PoolChange[] pools = [.. PositionsOf(key.Account).Select(part => PoolOf(part))];
                yield return (key.Account, new StakeEffect(pools, PartsOf(key.Account)));
            }
        }
    }

    private PoolChange PoolOf(in StakeKey part)
    {
        StakeValue pool = _table[Of(StakeRecordKind.Pool, part.Member, part.Epoch)];
        return new PoolChange(NameOf(part), part.Epoch, pool, pool);
    }

    private string NameOf(in StakeKey key) => _names[key.Member - 1];

    private List<StakeKey> PositionsFor(in Hash256 account)
    {
        if (!_positions.TryGetValue(account, out List<StakeKey>? positions))
        {
            _positions[account] = positions = [];
        }

        return positions;
    }

    // In the same order everywhere, however a validator came to this state.
    private static int ByMemberAndEpoch(StakeKey a, StakeKey b) =>
        (a.Kind, a.Member, a.Epoch).CompareTo((b.Kind, b.Member, b.Epoch));
}

/// <param name="Rewards">Not claimed; of a deposit.</param>
/// <param name="PaidFrom">The epoch from which on a withdrawal can be claimed; null for a deposit.</param>
public readonly record struct StakePosition(string Member, ulong Worth, ulong Rewards, ulong? PaidFrom);
