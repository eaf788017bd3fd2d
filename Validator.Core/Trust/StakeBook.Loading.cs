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
            Sum = unchecked(Sum + Units(key, value));
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
            string member = _members.First(known => known.Value == key.Member).Key;
            yield return key.Kind == StakeRecordKind.Deposit
                ? new StakePosition(member, Worth(value.First, pool), Earned(value, pool), null)
                : new StakePosition(member, Worth(value.First, pool), 0, key.Epoch);
        }
    }

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
