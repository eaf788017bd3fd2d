using System.Numerics;
using Validator.Core.Primitives;
using Validator.Core.Trust;

namespace Validator.Tests.Core.Trust;

/// <summary>Stake against a slow model in exact fractions, and the rules of its operations one by one.</summary>
public sealed class StakeTests
{
    private const ulong Supply = 1_000_000_000_000;
    private const ulong Bound = 3;

    private static readonly string[] s_members = ["a", "b", "c"];
    private static readonly Hash256[] s_accounts = [.. Enumerable.Range(0, 6).Select(i => Hash256.Of([(byte)i]))];

    // Protects everybody's money: whatever is done in whatever order, no unit is made or lost, nobody has more than an exact
    // reckoning gives, and nobody is short of it by more than the roundings that there were. Two that do the same have one
    // digest.
    [Fact]
    public void Random_operations_agree_with_exact_fractions()
    {
        for (int seed = 1; seed <= 40; seed++)
        {
            Random random = new(seed);
            StakeBook book = NewBook(), twin = NewBook();
            Model model = new();
            int roundings = 0;
            for (int step = 0; step < 400; step++)
            {
                ulong epoch = (ulong)(step / 40);
                int account = random.Next(s_accounts.Length);
                string member = s_members[random.Next(s_members.Length)];
                ulong amount = (ulong)random.NextInt64(1L << random.Next(1, 40));
                switch (random.Next(10))
                {
                    case 0:
                        uint ratio = new TrustParameters().Slashes[random.Next(TrustParameters.Offences)];
                        Assert.Equal(book.Slash(member, ratio, epoch), twin.Slash(member, ratio, epoch));
                        model.Slash(member, ratio);
                        roundings++;
                        break;
                    case 1:
                        ulong reward = Math.Min(amount >> 8, book.Rewards);
                        Assert.Equal(book.Reward(member, reward), twin.Reward(member, reward));
                        roundings++;
                        break;
                    default:
                        StakeOperation operation = Next(random, member, amount);
                        ulong before = book.Balance(s_accounts[account]);
                        StakeRefusal refusal = book.Apply(s_accounts[account], operation, epoch);
                        Assert.Equal(refusal, twin.Apply(s_accounts[account], operation, epoch));
                        if (refusal == StakeRefusal.None)
                        {
                            model.Apply(account, operation, (BigInteger)book.Balance(s_accounts[account]) - before);
                            roundings++;
                        }

                        break;
                }

                book.AssertConserved();
                foreach (string m in s_members)
                {
                    for (int i = 0; i < s_accounts.Length; i++)
                    {
                        Fraction exact = model.Deposited(i, m);
                        Fraction mine = new(book.Deposited(s_accounts[i], m), 1);
                        Fraction room = new(roundings, 1);
                        Assert.True(mine.CompareTo(exact + room) <= 0, $"seed {seed}, step {step}: too much");
                        Assert.True(exact.CompareTo(mine + room) <= 0, $"seed {seed}, step {step}: too little");
                    }
                }
            }

            book.AssertRecordsConserved();
            Assert.Equal(book.Digest(), twin.Digest());
            twin.Apply(s_accounts[0], new StakeOperation(StakeOperationKind.Transfer, 1, s_accounts[1]), 0);
            Assert.True(twin.Balance(s_accounts[0]) == 0 || book.Digest() != twin.Digest());
        }
    }

    // Protects who reads a refusal: each has its one cause, and changes nothing.
    [Fact]
    public void Refusals_say_why_and_change_nothing()
    {
        StakeBook book = NewBook();
        Hash256 digest = book.Digest();
        Hash256 rich = s_accounts[0], stranger = Hash256.Of("stranger"u8);
        Assert.Equal(StakeRefusal.ZeroAmount, book.Apply(rich, new(StakeOperationKind.Transfer, 0, stranger), 0));
        Assert.Equal(StakeRefusal.UnknownMember, book.Apply(rich, new(StakeOperationKind.Deposit, 1, Member: "nobody"), 0));
        Assert.Equal(StakeRefusal.TooLittleBalance, book.Apply(stranger, new(StakeOperationKind.Transfer, 1, rich), 0));
        Assert.Equal(StakeRefusal.TooLittleBalance, book.Apply(stranger, new(StakeOperationKind.Deposit, 1, Member: "a"), 0));
        Assert.Equal(StakeRefusal.TooLittleDeposit, book.Apply(rich, new(StakeOperationKind.Withdraw, 1, Member: "a"), 0));
        Assert.Equal(StakeRefusal.NothingToClaim, book.Apply(rich, new(StakeOperationKind.Claim), 0));
        Assert.Equal(digest, book.Digest());

        for (ulong epoch = 0; epoch < StakeBook.MostPositions; epoch++)
        {
            Assert.Equal(StakeRefusal.None, book.Apply(rich, new(StakeOperationKind.Deposit, 10, Member: "a"), epoch));
            StakeRefusal expected = epoch + 2 <= StakeBook.MostPositions ? StakeRefusal.None : StakeRefusal.TooManyPositions;
            Assert.Equal(expected, book.Apply(rich, new(StakeOperationKind.Withdraw, 1, Member: "a"), epoch));
        }

        StakeBook full = new(Supply, 0, Bound, mostAccounts: 1);
        full.Endow(rich, Supply);
        Assert.Equal(StakeRefusal.AccountsFull, full.Apply(rich, new(StakeOperationKind.Transfer, 1, stranger), 0));
        Assert.Equal(StakeRefusal.None, full.Apply(rich, new(StakeOperationKind.Transfer, Supply, stranger), 0));
    }

    // Protects against flight: what is being withdrawn is slashed with its pool until its epoch has come, and not afterwards; nor
    // is it paid before.
    [Fact]
    public void What_leaves_is_slashed_until_it_is_paid()
    {
        StakeBook book = NewBook();
        Hash256 owner = s_accounts[0];
        ulong all = book.Balance(owner);
        Assert.Equal(StakeRefusal.None, book.Apply(owner, new(StakeOperationKind.Deposit, 1000, Member: "a"), 5));
        Assert.Equal(StakeRefusal.None, book.Apply(owner, new(StakeOperationKind.Withdraw, 400, Member: "a"), 5));
        Assert.Equal(new PoolView(600, 400, 0), book.Pool("a"));
        Assert.Equal(0UL, book.Slash("b", 1000, 6));
        Assert.Equal(300UL, book.Slash("a", 300, 5 + Bound - 1));
        Assert.Equal(StakeRefusal.NothingToClaim, book.Apply(owner, new(StakeOperationKind.Claim), 5 + Bound - 1));
        Assert.Equal(new PoolView(420, 280, 0), book.Pool("a"));
        Assert.Equal(42UL, book.Slash("a", 100, 5 + Bound));
        Assert.Equal(StakeRefusal.None, book.Apply(owner, new(StakeOperationKind.Claim), 5 + Bound));
        Assert.Equal(all - 1000 + 280, book.Balance(owner));
        Assert.Equal(342UL, book.Treasury);
    }

    // Protects depositors: a reward goes to those who were there when it came, by their parts, once; it waits until it is
    // claimed, also by who has left; and where nobody has deposited it stays.
    [Fact]
    public void Rewards_go_to_those_who_were_there()
    {
        StakeBook book = NewBook();
        Hash256 first = s_accounts[0], second = s_accounts[1], late = s_accounts[2];
        Assert.False(book.Reward("a", 100));
        book.Apply(first, new(StakeOperationKind.Deposit, 3072, Member: "a"), 0);
        book.Apply(second, new(StakeOperationKind.Deposit, 1024, Member: "a"), 0);
        Assert.True(book.Reward("a", 400));
        book.Apply(late, new(StakeOperationKind.Deposit, 1024, Member: "a"), 0);
        Assert.Equal((300UL, 100UL, 0UL), (book.Pending(first), book.Pending(second), book.Pending(late)));
        book.Apply(second, new(StakeOperationKind.Withdraw, 1024, Member: "a"), 0);
        Assert.True(book.Reward("a", 800));
        Assert.Equal((900UL, 100UL, 200UL), (book.Pending(first), book.Pending(second), book.Pending(late)));

        ulong before = book.Balance(second);
        Assert.Equal(StakeRefusal.None, book.Apply(second, new(StakeOperationKind.Claim), 0));
        Assert.Equal(before + 100, book.Balance(second));
        Assert.Equal(StakeRefusal.NothingToClaim, book.Apply(second, new(StakeOperationKind.Claim), 0));
        Assert.Equal(1100UL, book.Pool("a").Owed);
        book.AssertRecordsConserved();
    }

    // Protects the format: an operation is read back as it was written, and nothing else is one.
    [Fact]
    public void Operations_are_read_back_and_nothing_else_is()
    {
        foreach (StakeOperation operation in (StakeOperation[])[
            new(StakeOperationKind.Claim), new(StakeOperationKind.Transfer, ulong.MaxValue, s_accounts[0]),
            new(StakeOperationKind.Deposit, 1, Member: "validator-1"),
            new(StakeOperationKind.Withdraw, 7, Member: new string('m', 64))])
        {
            byte[] bytes = operation.Encode();
            Assert.True(StakeOperation.TryRead(bytes, out StakeOperation again));
            Assert.Equal(operation, again);
            for (int length = 0; length < bytes.Length; length++)
            {
                Assert.False(StakeOperation.TryRead(bytes.AsSpan(0, length), out again) && again.Encode().Length != length);
            }

            Assert.False(StakeOperation.TryRead([.. bytes, 0], out _));
            Assert.False(StakeOperation.TryRead([0, .. bytes[1..]], out _));
            Assert.False(StakeOperation.TryRead([5, .. bytes[1..]], out _));
        }
    }

    // Protects the pool of rewards: the formula against exact fractions, never more than the budget, nothing for who has neither
    // reputation nor stake, and a tenth more for who was always up.
    [Fact]
    public void Rewards_are_what_exact_fractions_say()
    {
        Random random = new(5);
        for (int round = 0; round < 500; round++)
        {
            MemberStanding[] members = [.. Enumerable.Range(0, 1 + random.Next(128)).Select(_ => new MemberStanding(
                random.Next(5) == 0 ? 0 : (ulong)random.NextInt64(1L << 50), (uint)random.NextInt64(Ratio.One + 1L),
                random.Next(2) == 0 ? Ratio.One : (uint)random.NextInt64(Ratio.One), 0))];
            members[0] = members[0] with { Stake = 0, Reputation = 0 };
            ulong budget = (ulong)random.NextInt64(1L << random.Next(4, 60));
            ulong[] rewards = RewardRule.Divide(budget, members);
            BigInteger reputation = members.Aggregate(BigInteger.Zero, (sum, m) => sum + m.Reputation);
            BigInteger stake = members.Aggregate(BigInteger.Zero, (sum, m) => sum + m.Stake);
            Assert.True(rewards.Aggregate(BigInteger.Zero, (sum, r) => sum + r) <= budget);
            Assert.Equal(0UL, rewards[0]);
            for (int i = 0; i < members.Length; i++)
            {
                MemberStanding m = members[i];
                Fraction exact = Part(6, m.Reputation, reputation) + Part(4, m.Stake, stake);
                exact *= m.Uptime >= Ratio.OfThousandths(999) ? new Fraction(11, 10) : new Fraction(1, 1);
                exact *= new Fraction(budget, 11);
                Assert.True(new Fraction(rewards[i], 1).CompareTo(exact) <= 0);
                Assert.True(exact.CompareTo(new Fraction(rewards[i] + 20, 1)) <= 0, $"{rewards[i]} of {budget}");
            }
        }

        static Fraction Part(int tenths, BigInteger mine, BigInteger all) =>
            all == 0 ? new Fraction(0, 1) : new Fraction(tenths * mine, all);
    }

    private static StakeBook NewBook()
    {
        StakeBook book = new(Supply, rewards: Supply / 10, Bound);
        foreach (string member in s_members)
        {
            book.Know(member);
        }

        for (int i = 0; i < s_accounts.Length; i++)
        {
            book.Endow(s_accounts[i], Supply * 9 / 10 / (ulong)s_accounts.Length);
        }

        book.AssertConserved();
        return book;
    }

    private static StakeOperation Next(Random random, string member, ulong amount) => random.Next(7) switch
    {
        0 => new StakeOperation(StakeOperationKind.Transfer, amount, s_accounts[random.Next(s_accounts.Length)]),
        1 => new StakeOperation(StakeOperationKind.Claim),
        2 or 3 => new StakeOperation(StakeOperationKind.Withdraw, amount, Member: member),
        _ => new StakeOperation(StakeOperationKind.Deposit, amount, Member: member),
    };

    private readonly record struct Fraction : IComparable<Fraction>
    {
        private readonly BigInteger _above;
        private readonly BigInteger _below;

        public Fraction(BigInteger above, BigInteger below)
        {
            BigInteger common = BigInteger.GreatestCommonDivisor(above, below);
            (_above, _below) = (above / common, below / common);
        }

        public int CompareTo(Fraction other) => (_above * other._below).CompareTo(other._above * _below);

        public static Fraction operator +(Fraction a, Fraction b) =>
            new((a._above * b._below) + (b._above * a._below), a._below * b._below);

        public static Fraction operator -(Fraction a, Fraction b) =>
            new((a._above * b._below) - (b._above * a._below), a._below * b._below);

        public static Fraction operator *(Fraction a, Fraction b) => new(a._above * b._above, a._below * b._below);
    }

    /// <summary>What each account has deposited to each member, in fractions; rewards and what leaves do not change it.</summary>
    private sealed class Model
    {
        private readonly Dictionary<(int Account, string Member), Fraction> _deposits = [];

        public Fraction Deposited(int account, string member) =>
            _deposits.GetValueOrDefault((account, member), new Fraction(0, 1));

        public void Apply(int account, in StakeOperation operation, BigInteger gained)
        {
            Fraction amount = new(operation.Amount, 1);
            (int, string) key = (account, operation.Member);
            switch (operation.Kind)
            {
                case StakeOperationKind.Deposit:
                    Assert.Equal(-(BigInteger)operation.Amount, gained);
                    _deposits[key] = Deposited(account, operation.Member) + amount;
                    break;
                case StakeOperationKind.Withdraw:
                    Assert.Equal(BigInteger.Zero, gained);
                    _deposits[key] = Deposited(account, operation.Member) - amount;
                    break;
                case StakeOperationKind.Claim:
                    Assert.True(gained >= 0);
                    break;
                default:
                    Assert.True(gained == -(BigInteger)operation.Amount || gained == 0);
                    break;
            }
        }

        public void Slash(string member, uint thousandths)
        {
            foreach ((int Account, string Member) key in _deposits.Keys.Where(k => k.Member == member).ToArray())
            {
                _deposits[key] *= new Fraction(1000 - thousandths, 1000);
            }
        }
    }
}
