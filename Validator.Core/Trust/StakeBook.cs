using Validator.Core.Primitives;

namespace Validator.Core.Trust;

/// <summary>A member's pool, as it is now.</summary>
/// <param name="Stake">Deposited to it.</param>
/// <param name="Unbonding">Leaving it, and slashed with it meanwhile.</param>
/// <param name="Owed">Rewards that its depositors have not claimed.</param>
public readonly record struct PoolView(ulong Stake, ulong Unbonding, ulong Owed);

/// <summary>
/// Who has what: balances, deposits to members, what is leaving them, rewards, treasury. No operation makes or loses a unit,
/// which is looked at after each block (<see cref="AssertConserved"/>). A deposit is a part of its member's pool, in shares, so
/// that a slash or a reward costs the same however many depositors there are; rounding is always in favour of those who stay.
/// Deterministic; not thread-safe.
/// </summary>
public sealed partial class StakeBook
{
    /// <summary>
    /// Deposits and withdrawals of one account: what a claim looks through. As many as there are deposits are left for what it
    /// withdraws.
    /// </summary>
    public const int MostPositions = 2 * TrustParameters.MostDeposits;

    /// <summary>Records from which on no operation may add any but those that give units back.</summary>
    private const int ManyRecords = StakeTable.MostRecords - (StakeTable.MostRecords / 16);

    private const int RewardBits = 64;

    private readonly int _mostAccounts;
    private readonly ulong _unbondingEpochs;
    private readonly StakeTable _table = new();
    // Their numbers, from 1 on, and their names, from 0 on.
    private readonly Dictionary<string, ushort> _members = [];
    private readonly List<string> _names = [];

    // Pools of the newest operation, as it found them.
    private readonly OrderedDictionary<StakeKey, StakeValue> _touched = [];

    // What a claim looks through: the keys of each account's deposits and withdrawals, by member and epoch.
    private readonly Dictionary<Hash256, List<StakeKey>> _positions = [];

    // Epochs from which on something is paid, by member: those that a slash still reaches.
    private readonly SortedSet<(ushort Member, ulong Epoch)> _leaving = [];
    private int _accounts;

    /// <param name="supply">All units there ever are.</param>
    /// <param name="rewards">Of these, what rewards are paid from; the rest is to be given out before the first block.</param>
    /// <param name="unbondingEpochs">How long a withdrawal stays bound: longer than evidence may be old.</param>
    public StakeBook(ulong supply, ulong rewards, ulong unbondingEpochs, int mostAccounts = Limits.MaxAccounts)
    {
        Require.That(supply < TrustParameters.MostUnits && rewards <= supply);
        Supply = supply;
        _unbondingEpochs = unbondingEpochs;
        _mostAccounts = mostAccounts;
        Set(StakeRecordKind.Rewards, rewards);
    }

    public ulong Supply { get; }

    /// <summary>What all records hold, brought up to date by each write of one.</summary>
    public ulong Sum { get; private set; }

    public ulong Treasury => _table[Of(StakeRecordKind.Treasury)].First;

    public ulong Rewards => _table[Of(StakeRecordKind.Rewards)].First;

    public Hash256 Digest() => _table.Digest();

    /// <summary>The records, for whoever stores and sends them.</summary>
    public StakeTable Records => _table;

    public ulong Balance(in Hash256 account) => _table[Of(StakeRecordKind.Balance, account: account)].First;

    /// <summary>What an account's part of a member's pool is worth.</summary>
    public ulong Deposited(in Hash256 account, string member)
    {
        ushort number = NumberOf(member);
        return number == 0
            ? 0 : Worth(_table[Of(StakeRecordKind.Deposit, number, 0, account)].First, _table[Of(StakeRecordKind.Pool, number)]);
    }

    /// <summary>Deposited to a member.</summary>
    public ulong Deposited(string member) => _table[Of(StakeRecordKind.Pool, NumberOf(member))].First;

    public PoolView Pool(string member)
    {
        ushort number = NumberOf(member);
        ulong unbonding = 0;
        foreach ((ushort of, ulong epoch) in _leaving.GetViewBetween((number, 0), (number, ulong.MaxValue)))
        {
            unbonding += _table[Of(StakeRecordKind.Pool, of, epoch)].First;
        }

        return new PoolView(
            _table[Of(StakeRecordKind.Pool, number)].First, unbonding, _table[Of(StakeRecordKind.Owed, number)].First);
    }

    /// <summary>Genesis alone: units that exist from the beginning.</summary>
    public void Endow(in Hash256 account, ulong amount)
    {
        Credit(account, amount);
        Require.That(Sum <= Supply);
    }

    /// <summary>Deposits to it are taken from now on, for ever: a member that left can still be withdrawn from.</summary>
    public void Know(string member)
    {
        if (NumberOf(member) == 0)
        {
            Require.That(member.Length > 0 && _members.Count < ushort.MaxValue);
            _members.Add(member, (ushort)(_members.Count + 1));
            _names.Add(member);
        }
    }

    /// <summary>Executes an operation of an account; its signature and nonce hold.</summary>
    public StakeRefusal Apply(in Hash256 account, in StakeOperation operation, ulong epoch)
    {
        _touched.Clear();
        return operation switch
        {
            { Kind: StakeOperationKind.Claim } => Claim(account, epoch),
            { Amount: 0 } => StakeRefusal.ZeroAmount,
            { Kind: StakeOperationKind.Transfer } => Transfer(account, operation.To, operation.Amount),
            _ when NumberOf(operation.Member) == 0 => StakeRefusal.UnknownMember,
            { Kind: StakeOperationKind.Deposit } => Deposit(account, NumberOf(operation.Member), operation.Amount),
            _ => Withdraw(account, NumberOf(operation.Member), operation.Amount, epoch),
        };
    }

    /// <summary>An offence is proven: part of what is deposited, and of what is still bound, goes to the treasury.</summary>
    /// <returns>How much.</returns>
    public ulong Slash(string member, uint thousandths, ulong epoch)
    {
        _touched.Clear();
        ushort number = NumberOf(member);
        if (number == 0)
        {
            return 0;
        }

        ulong taken = Cut(Of(StakeRecordKind.Pool, number), thousandths);
        foreach ((ushort of, ulong until) in _leaving.GetViewBetween((number, epoch + 1), (number, ulong.MaxValue)))
        {
            taken += Cut(Of(StakeRecordKind.Pool, of, until), thousandths);
        }

        Set(StakeRecordKind.Treasury, Treasury + taken);
        return taken;
    }

    /// <summary>Rewards for a member, from what there is for them, to its depositors by their parts.</summary>
    /// <returns>False where nobody has deposited: the reward stays where it was.</returns>
    public bool Reward(string member, ulong amount)
    {
        _touched.Clear();
        ushort number = NumberOf(member);
        StakeKey key = Of(StakeRecordKind.Pool, number);
        StakeValue pool = _table[key];
        Require.That(amount <= Rewards);
        if (number == 0 || pool.Second == 0)
        {
            return false;
        }

        Write(key, pool with { Wide = pool.Wide + (((UInt128)amount << RewardBits) / pool.Second) });
        Add(Of(StakeRecordKind.Owed, number), amount);
        Set(StakeRecordKind.Rewards, Rewards - amount);
        return true;
    }

    /// <summary>Rewards of an account that are not claimed.</summary>
    public ulong Pending(in Hash256 account)
    {
        ulong pending = 0;
        foreach (StakeKey key in PositionsOf(account))
        {
            pending += key.Kind == StakeRecordKind.Deposit
                ? Earned(_table[key], _table[Of(StakeRecordKind.Pool, key.Member)]) : 0;
        }

        return pending;
    }

    /// <summary>After each block: nothing was made or lost.</summary>
    public void AssertConserved() => Require.That(Sum == Supply);

    /// <summary>The same, counted anew from all records.</summary>
    public void AssertRecordsConserved()
    {
        UInt128 sum = 0;
        foreach ((StakeKey key, StakeValue value) in _table.Records())
        {
            sum += Units(key, value);
        }

        Require.That(sum == Sum);
    }

    private StakeRefusal Transfer(in Hash256 from, in Hash256 to, ulong amount)
    {
        ulong balance = Balance(from);
        if (balance < amount)
        {
            return StakeRefusal.TooLittleBalance;
        }

        if (Balance(to) == 0 && balance > amount && (_accounts >= _mostAccounts || _table.Count >= ManyRecords))
        {
            return StakeRefusal.AccountsFull;
        }

        Debit(from, amount);
        Credit(to, amount);
        return StakeRefusal.None;
    }

    private StakeRefusal Deposit(in Hash256 account, ushort member, ulong amount)
    {
        if (Balance(account) < amount)
        {
            return StakeRefusal.TooLittleBalance;
        }

        StakeKey key = Of(StakeRecordKind.Deposit, member, 0, account), poolKey = Of(StakeRecordKind.Pool, member);
        StakeValue deposit = _table[key], pool = _table[poolKey];
        UInt128 shares = pool.Second == 0 ? amount : pool.First == 0 ? 0 : (UInt128)amount * pool.Second / pool.First;
        if (shares == 0 || shares + pool.Second >= TrustParameters.MostUnits)
        {
            return StakeRefusal.PoolSpent;
        }

        if (deposit == default
            && PositionsOf(account).Count(position => position.Kind == StakeRecordKind.Deposit) >= TrustParameters.MostDeposits)
        {
            return StakeRefusal.TooManyPositions;
        }

        if (deposit == default && _table.Count >= ManyRecords)
        {
            return StakeRefusal.AccountsFull;
        }

        Debit(account, amount);
        Place(key, new StakeValue(deposit.First + (ulong)shares, Earned(deposit, pool), pool.Wide));
        Write(poolKey, pool with { First = pool.First + amount, Second = pool.Second + (ulong)shares });
        return StakeRefusal.None;
    }

    private StakeRefusal Withdraw(in Hash256 account, ushort member, ulong amount, ulong epoch)
    {
        StakeKey key = Of(StakeRecordKind.Deposit, member, 0, account), poolKey = Of(StakeRecordKind.Pool, member);
        StakeValue deposit = _table[key], pool = _table[poolKey];
        ulong worth = Worth(deposit.First, pool);
        if (worth < amount)
        {
            return StakeRefusal.TooLittleDeposit;
        }

        ulong until = epoch + _unbondingEpochs;
        StakeKey leaving = Of(StakeRecordKind.Unbonding, member, until, account);
        StakeKey leavingPool = Of(StakeRecordKind.Pool, member, until);
        if (_table[leaving] == default && PositionsOf(account).Count >= MostPositions)
        {
            return StakeRefusal.TooManyPositions;
        }

        if (_table[leaving] == default && _table.Count >= StakeTable.MostRecords - 2)
        {
            return StakeRefusal.AccountsFull;
        }

        // As many shares as are worth the amount, rounded up; for all of it all of them, so that none are left that are worth
        // nothing.
        ulong shares = worth == amount ? deposit.First : (ulong)((((UInt128)amount * pool.Second) + pool.First - 1) / pool.First);
        StakeValue bound = _table[leavingPool];
        UInt128 there = bound.Second == 0 ? amount : bound.First == 0 ? 0 : (UInt128)amount * bound.Second / bound.First;
        if (there == 0 || there + bound.Second >= TrustParameters.MostUnits)
        {
            return StakeRefusal.PoolSpent;
        }

        Place(key, new StakeValue(deposit.First - shares, Earned(deposit, pool), deposit.First == shares ? 0 : pool.Wide));
        StakeValue left = pool with { First = pool.First - amount, Second = pool.Second - shares };
        if (left.Second == 0)
        {
            // What rounding left is nobody's, and the pool begins anew.
            Set(StakeRecordKind.Treasury, Treasury + left.First);
            left = left with { First = 0 };
        }

        Write(poolKey, left);
        Place(leaving, new StakeValue(_table[leaving].First + (ulong)there));
        Write(leavingPool, new StakeValue(bound.First + amount, bound.Second + (ulong)there));
        _leaving.Add((member, until));
        return StakeRefusal.None;
    }

    private StakeRefusal Claim(in Hash256 account, ulong epoch)
    {
        if (Balance(account) == 0 && _table.Count >= StakeTable.MostRecords)
        {
            return StakeRefusal.AccountsFull;
        }

        ulong claimed = 0;
        int positions = PositionsOf(account).Count;
        foreach (StakeKey key in PositionsOf(account).ToArray())
        {
            claimed += key.Kind == StakeRecordKind.Deposit ? TakeRewards(key) : key.Epoch <= epoch ? TakeReleased(key) : 0;
        }

        // One that was slashed to nothing is gone, too.
        Credit(account, claimed);
        return claimed > 0 || PositionsOf(account).Count < positions ? StakeRefusal.None : StakeRefusal.NothingToClaim;
    }

    private ulong TakeRewards(in StakeKey key)
    {
        StakeKey poolKey = Of(StakeRecordKind.Pool, key.Member);
        StakeValue deposit = _table[key], pool = _table[poolKey];
        ulong earned = Earned(deposit, pool);
        _touched.TryAdd(poolKey, pool);
        Place(key, new StakeValue(deposit.First, 0, deposit.First == 0 ? 0 : pool.Wide));
        StakeKey owed = Of(StakeRecordKind.Owed, key.Member);
        Require.That(_table[owed].First >= earned);
        Write(owed, new StakeValue(_table[owed].First - earned));
        return earned;
    }

    private ulong TakeReleased(in StakeKey key)
    {
        StakeKey poolKey = Of(StakeRecordKind.Pool, key.Member, key.Epoch);
        StakeValue mine = _table[key], pool = _table[poolKey];
        ulong worth = Worth(mine.First, pool);
        Place(key, default);
        StakeValue left = new(pool.First - worth, pool.Second - mine.First);
        if (left.Second == 0)
        {
            // Rounding left it, and nobody has a part in it.
            Set(StakeRecordKind.Treasury, Treasury + left.First);
            _leaving.Remove((key.Member, key.Epoch));
            left = default;
        }

        Write(poolKey, left);
        return worth;
    }

    private ulong Cut(in StakeKey key, uint thousandths)
    {
        StakeValue pool = _table[key];
        Require.That(thousandths <= 1000);
        ulong cut = (ulong)((UInt128)pool.First * thousandths / 1000);
        Write(key, pool with { First = pool.First - cut });
        return cut;
    }

    /// <summary>Kept from before, and what the pool has earned a share since.</summary>
    internal static ulong Earned(in StakeValue deposit, in StakeValue pool) =>
        deposit.First == 0
            ? deposit.Second : deposit.Second + (ulong)((deposit.First * (pool.Wide - deposit.Wide)) >> RewardBits);

    internal static ulong Worth(ulong shares, in StakeValue pool) =>
        shares == 0 ? 0 : (ulong)((UInt128)shares * pool.First / pool.Second);

    private void Debit(in Hash256 account, ulong amount)
    {
        StakeKey key = Of(StakeRecordKind.Balance, account: account);
        ulong balance = _table[key].First;
        Require.That(balance >= amount && amount > 0);
        Write(key, new StakeValue(balance - amount));
        _accounts -= balance == amount ? 1 : 0;
    }

    private void Credit(in Hash256 account, ulong amount)
    {
        if (amount > 0)
        {
            StakeKey key = Of(StakeRecordKind.Balance, account: account);
            ulong balance = _table[key].First;
            _accounts += balance == 0 ? 1 : 0;
            Write(key, new StakeValue(checked(balance + amount)));
        }
    }

    private void Place(in StakeKey key, in StakeValue value)
    {
        bool known = _table[key] != default;
        Write(key, value);
        if (known == (value != default))
        {
            return;
        }

        List<StakeKey> positions = PositionsFor(key.Account);
        if (known)
        {
            positions.Remove(key);
        }
        else
        {
            positions.Add(key);
            positions.Sort(ByMemberAndEpoch);
        }

        if (positions.Count == 0)
        {
            _positions.Remove(key.Account);
        }
    }

    private List<StakeKey> PositionsOf(in Hash256 account) =>
        _positions.TryGetValue(account, out List<StakeKey>? positions) ? positions : [];

    /// <summary>0 for one that nobody knows.</summary>
    private ushort NumberOf(string member) => _members.GetValueOrDefault(member);

    private void Add(in StakeKey key, ulong amount) => Write(key, new StakeValue(checked(_table[key].First + amount)));

    private void Write(in StakeKey key, in StakeValue value)
    {
        StakeValue before = _table[key];
        if (key.Kind == StakeRecordKind.Pool)
        {
            _touched.TryAdd(key, before);
        }

        // More than there is would be a difference that wrapped, which the sum of all would not show.
        Require.That(Units(key, value) <= Supply);
        Sum = checked(Sum - Units(key, before) + Units(key, value));
        _table[key] = value;
    }

    /// <summary>What a record holds itself: a part of a pool is held by the pool.</summary>
    private static ulong Units(in StakeKey key, in StakeValue value) =>
        key.Kind is StakeRecordKind.Deposit or StakeRecordKind.Unbonding ? 0 : value.First;

    private void Set(StakeRecordKind kind, ulong units) => Write(Of(kind), new StakeValue(units));

    private static StakeKey Of(StakeRecordKind kind, ushort member = 0, ulong epoch = 0, Hash256 account = default) =>
        new(kind, member, epoch, account);
}
