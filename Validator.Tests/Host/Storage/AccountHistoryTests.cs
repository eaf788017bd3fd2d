using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Host.Storage;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Host.Storage;

/// <summary>Histories of accounts over random lives of a chain, as they are kept and read back.</summary>
public sealed class AccountHistoryTests
{
    private const ulong Second = 1_000_000;
    private static readonly Hash256[] s_accounts = [.. Enumerable.Range(0, 6).Select(i => Hash256.Of([(byte)i]))];

    // Protects accounts' books: the sum of an account's history, up to any block, is what it had after that block, to the unit:
    // balance, deposits, withdrawals and rewards. So no slash, reward or rounding is missing from it, and none is told twice,
    // whatever happened and however long pages are; after a snapshot, from what was had then.
    [Fact]
    public void A_history_adds_up_to_what_the_account_has() => CodecPropertyTests.ForSeeds(60, seed =>
    {
        Random random = new(seed);
        Life life = new(random);
        life.Go(random.Next(1, 120));
        if (random.Next(2) == 0)
        {
            life.Snapshot(afterGap: random.Next(2) == 0);
            life.Go(random.Next(1, 60));
        }

        foreach (Hash256 account in s_accounts)
        {
            List<AccountEntry> entries = life.Read(account, random);
            Assert.Equal(entries.OrderByDescending(e => e.Stored.At).ToArray(), entries);
            Assert.Equal(entries.Count, entries.Select(e => e.Stored.At).Distinct().Count());
            foreach (ulong block in life.Had.Keys.Where(block => block >= life.Begun))
            {
                StakeMove sum = default;
                foreach (AccountEntry entry in entries.Where(e => e.Stored.Sequence <= block && e.Stored.Sequence >= life.Begun))
                {
                    sum += entry.Move;
                }

                Assert.Equal((block, life.Had[block][account]), (block, sum));
            }
        }
    });

    // Protects who asks what was proven or paid on a busy chain: both are found without a look through all transfers, and nothing
    // else is among them.
    [Fact]
    public void Offences_and_rewards_are_found_by_themselves()
    {
        TrustEventKind[] offences = Of(RocksLedger.OffenceSubject), rewards = Of(RocksLedger.RewardSubject);
        Assert.Equal(
            [TrustEventKind.Offence, TrustEventKind.Banned, TrustEventKind.BanWaits, TrustEventKind.Returned], offences);
        Assert.Equal([TrustEventKind.Rewarded, TrustEventKind.RewardFailed], rewards);

        static TrustEventKind[] Of(Hash256 subject) => [.. Enum.GetValues<TrustEventKind>().Where(kind =>
            RocksLedger.Traces(new TrustEvent(kind, "node-1"), StakeEffect.None, 1).Any(trace => trace.Subject == subject))];
    }

    // Protects depositors from a loss without a reason: each slash of a member is in the history of all who had a deposit or a
    // withdrawal there that it reached, and what it took from them together is what it took from the member, to a unit each.
    [Fact]
    public void A_slash_is_told_to_all_whom_it_costs()
    {
        int slashes = 0, rewards = 0;
        for (int seed = 1; seed <= 40; seed++)
        {
            Random random = new(seed);
            Life life = new(random);
            life.Go(80);
            Dictionary<EventPlace, long> lost = [], gained = [];
            foreach (AccountEntry entry in s_accounts.SelectMany(account => life.Read(account, random)).Where(e => !e.Own))
            {
                Dictionary<EventPlace, long> sums = entry.Stored.Event.Kind == TrustEventKind.Offence ? lost : gained;
                sums[entry.Stored.At] = sums.GetValueOrDefault(entry.Stored.At)
                    + entry.Move.Deposited + entry.Move.Unbonding + entry.Move.Rewards;
            }

            foreach (StoredTrustEvent told in life.Find(Hash256.Zero, EventPlace.End))
            {
                // A part of each account and epoch in which its withdrawal ends is rounded by itself.
                long room = s_accounts.Length * 8, amount = (long)told.Event.Amount;
                if (told.Event.Kind == TrustEventKind.Offence && amount > 0)
                {
                    Assert.InRange(-lost.GetValueOrDefault(told.At), amount - room, amount + room);
                    slashes++;
                }
                else if (told.Event.Kind == TrustEventKind.Rewarded)
                {
                    Assert.InRange(gained.GetValueOrDefault(told.At), amount - room, amount + room);
                    rewards++;
                }
            }
        }

        Assert.True(slashes > 100 && rewards > 100, $"{slashes} slashes, {rewards} rewards");
    }

    /// <summary>A chain's blocks, and the history as bytes by subject and place.</summary>
    private sealed class Life
    {
        private readonly Random _random;
        private readonly Dictionary<Hash256, SortedDictionary<EventPlace, byte[]>> _kept = [];
        private readonly Genesis _genesis;
        private TrustState _state;
        private Member[] _members;
        private ulong _block;
        private ulong _now = Second;

        public Life(Random random)
        {
            _random = random;
            int count = 5 + random.Next(3);
            _members = [.. Enumerable.Range(0, count).Select(i => GenesisSamples.Member($"m{i}", (byte)(1 + (2 * i)), 1))];
            TrustParameters trust = new()
            {
                Weights = WeightMode.Additive,
                RewardPool = 1_000_000,
                EpochReward = 50_000,
                Balances =
                [
                    .. s_accounts.Select(account => new GenesisBalance(account, 10_000)),
                    .. _members.Select(m => new GenesisBalance(s_accounts[random.Next(3)], 5_000, m.Name)),
                ],
            };
            _genesis = new Genesis("trust", 1, new GenesisParameters { EpochLengthBlocks = 10, Trust = trust }, _members);
            _state = TrustState.ForGenesis(_genesis)!;
            Open();
        }

        /// <summary>What each account had after each block.</summary>
        public Dictionary<ulong, Dictionary<Hash256, StakeMove>> Had { get; } = [];

        /// <summary>The block after which the history begins.</summary>
        public ulong Begun { get; private set; }

        public void Go(int blocks)
        {
            for (int i = 0; i < blocks; i++)
            {
                (_block, _now) = (_block + 1, _now + Second);
                _state.BeginBlock();
                for (int step = _random.Next(5); step > 0; step--)
                {
                    Step();
                }

                if (_random.Next(6) == 0)
                {
                    _members = _state.Close(_members, _members, _now)!;
                    _state.EndEpoch(
                        BlockCodec.Seal(
                            _state.Epoch, _block, Hash256.Of([1]), _block, 0, Hash256.Of([2]), Hash256.Of([3]),
                            new LaneTip[_members.Length]), _members);
                }

                for (int place = 0; place < _state.Events.Count; place++)
                {
                    TrustEvent happened = _state.Events[place];
                    foreach ((Hash256 subject, StakeTrace trace) in RocksLedger.Traces(happened, _state.Effects[place], _now))
                    {
                        Keep(subject, new EventPlace(_block, (uint)place), happened, trace);
                    }
                }

                Look();
            }
        }

        /// <summary>The validator goes on from a snapshot: what it had stored stays, and it may have missed blocks.</summary>
        public void Snapshot(bool afterGap)
        {
            if (afterGap)
            {
                Dictionary<Hash256, SortedDictionary<EventPlace, byte[]>> kept = _kept.ToDictionary(
                    k => k.Key, k => new SortedDictionary<EventPlace, byte[]>(k.Value));
                Go(20);
                _kept.Clear();
                foreach ((Hash256 subject, SortedDictionary<EventPlace, byte[]> events) in kept)
                {
                    _kept.Add(subject, events);
                }
            }

            TrustState read = TrustState.ForGenesis(_genesis)!;
            Assert.True(read.Load([.. _state.Chunks()]));
            _state = read;
            // Its own block's events were not executed here.
            _block++;
            Open();
        }

        public IEnumerable<StoredTrustEvent> Find(Hash256 subject, EventPlace before)
        {
            if (!_kept.TryGetValue(subject, out SortedDictionary<EventPlace, byte[]>? events))
            {
                yield break;
            }

            foreach ((EventPlace at, byte[] bytes) in events.Reverse().Where(e => e.Key.CompareTo(before) < 0))
            {
                Assert.True(TrustEvent.TryRead(bytes, out TrustEvent happened, out ReadOnlySpan<byte> rest));
                Assert.True(StakeTrace.TryRead(rest, out StakeTrace? trace));
                Assert.False(StakeTrace.TryRead(bytes.AsSpan(bytes.Length - rest.Length, rest.Length - 1), out _));
                yield return new StoredTrustEvent(at.Sequence, at.Place, happened, trace);
            }
        }

        public List<AccountEntry> Read(Hash256 account, Random random)
        {
            List<AccountEntry> entries = [];
            EventPlace? before = EventPlace.End;
            while (before is { } from)
            {
                int most = random.Next(1, 20);
                AccountPage page = AccountHistory.Read(Find, account, from, most);
                Assert.True(page.Entries.Count <= most);
                entries.AddRange(page.Entries);
                before = page.Next;
                Assert.True(before is null || (EventPlace.TryParse($"{before}", out EventPlace read) && read == before));
            }

            return entries;
        }

        private void Open()
        {
            Begun = _block;
            if (_block > 0)
            {
                TrustEvent beginning = new(TrustEventKind.Opened);
                Keep(RocksLedger.BeginningSubject, new EventPlace(_block, 0), beginning, StakeTrace.None);
            }

            foreach ((Hash256 account, StakeEffect effect) in _state.Stake.Accounts())
            {
                Keep(
                    account, new EventPlace(_block, 0), new TrustEvent(TrustEventKind.Opened, Account: account),
                    new StakeTrace(0, effect.Pools, effect.Account));
            }

            Look();
        }

        private void Step()
        {
            int member = _random.Next(_members.Length);
            if (_random.Next(6) == 0)
            {
                SignedHeader first = new(
                    MessageKind.Commit, member, _state.Epoch, 0, 1 + (ulong)_random.Next(4), Hash256.Of([1]));
                byte[] signature = new byte[Limits.SignatureBytes];
                Evidence evidence = new(
                    new Signed(first, signature), new Signed(first with { Digest = Hash256.Of([2]) }, signature));
                _state.Apply(new OffenceProof(evidence, _members[member].ConsensusKey), _now);
                return;
            }

            StakeOperationKind kind = (StakeOperationKind)_random.Next(1, 5);
            ulong amount = (ulong)_random.Next(1, 1 << _random.Next(1, 14));
            string name = kind is StakeOperationKind.Deposit or StakeOperationKind.Withdraw ? $"m{_random.Next(5)}" : "";
            Hash256 to = kind == StakeOperationKind.Transfer ? s_accounts[_random.Next(s_accounts.Length)] : default;
            _state.Apply(
                s_accounts[_random.Next(s_accounts.Length)],
                new StakeOperation(kind, kind == StakeOperationKind.Claim ? 0 : amount, to, name).Encode());
        }

        private void Keep(Hash256 subject, EventPlace at, TrustEvent happened, StakeTrace trace)
        {
            if (!_kept.TryGetValue(subject, out SortedDictionary<EventPlace, byte[]>? events))
            {
                _kept[subject] = events = [];
            }

            events.Add(at, [.. happened.Encode(), .. trace.Encode()]);
        }

        private void Look() => Had[_block] = s_accounts.ToDictionary(account => account, account =>
        {
            StakePosition[] positions = [.. _state.Stake.Positions(account)];
            return new StakeMove(
                (long)_state.Stake.Balance(account), positions.Where(p => p.PaidFrom is null).Sum(p => (long)p.Worth),
                positions.Where(p => p.PaidFrom is not null).Sum(p => (long)p.Worth), (long)_state.Stake.Pending(account));
        });
    }
}
