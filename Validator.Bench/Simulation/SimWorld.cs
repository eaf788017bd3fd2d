using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Bench.Simulation;

/// <summary>
/// One seed's world: committee, latency, clocks, load, who is faulty. What happens in it is in SimWorld.Faults.
/// </summary>
public sealed partial class SimWorld
{
    private readonly SimRandom _random;

    // Apart, so that worlds of one epoch are what they were.
    private readonly SimRandom _epochs;
    private readonly SimRandom _ledgers;
    private readonly SimRandom _stores;
    private readonly SimRandom _clocks;
    private readonly SimRandom _revivals;
    private readonly int _newcomers;
    private readonly HashSet<ulong> _submitted = [];
    private readonly int[] _met = new int[Enum.GetValues<Fault>().Length];
    private readonly long[,] _latency;
    private readonly long _syncMean;
    private readonly long _longestMean;
    private readonly int _burst;
    private readonly long _loadGap;
    private Coalition? _coalition;
    private readonly SimRandom _signing;
    private readonly SimRandom _stages;
    private readonly SimRandom _certificates;
    private readonly uint[] _nonces = new uint[SimEnvelopes.Accounts];
    private ulong _nextTransaction;
    private bool _loading;

    /// <param name="epochLength">Blocks in one epoch, 0 for no end; drawn where faults are, if null.</param>
    /// <param name="trust">Reputation, stake and bans; drawn where faults are, if null.</param>
    public SimWorld(ulong seed, bool faults = true, int? validators = null, ulong? epochLength = null, bool? trust = null)
    {
        Seed = seed;
        _random = new SimRandom(seed);
        _signing = new SimRandom(~seed);
        _epochs = new SimRandom(seed ^ 0x45706F6368);
        _ledgers = new SimRandom(seed ^ 0x4C6564676572);
        _dark = new SimRandom(seed ^ 0x4461726B);
        _clocks = new SimRandom(seed ^ 0x436C6F636B73);
        _revivals = new SimRandom(seed ^ 0x52657669766564);
        _stores = new SimRandom(seed ^ 0x53746F726573);
        _stages = new SimRandom(seed ^ 0x537461676573);
        _certificates = new SimRandom(seed ^ 0x436572747300);
        _trust = new SimRandom(seed ^ 0x5472757374);
        KeyKind keys = !faults ? KeyKind.Short : seed % 200 == 0 ? KeyKind.Real : _random.Chance(0.4) ? KeyKind.Padded : KeyKind.Short;
        ReadsBytes = keys != KeyKind.Short;
        Keys = new SimKeys(keys);
        uint[] weights = DrawWeights(validators ?? (keys == KeyKind.Real ? 4 : null));
        Changes = faults && weights.Length is >= 3 and <= 8 && _epochs.Chance(0.4) && (keys != KeyKind.Real || weights.Length <= 5);
        Member[] members = [.. weights.Select((weight, place) => Keys.MakeMember(place, weight))];
        Genesis = new Genesis("simulation", 1_700_000_000_000_000, new GenesisParameters
        {
            WindowBlocks = (uint)_random.Between(4, 32),
            // Without faults nothing may wait for long, so a block has room for all of the load.
            MaxBlockVertices = faults ? (uint)_random.Between(16, 256) : 1024,
            EpochLengthBlocks = epochLength ?? (faults && _epochs.Chance(Changes ? 0.7 : 0.4) ? (ulong)_epochs.Between(6, 60) : 0),
        }, members);
        if (trust ?? (faults && epochLength is null && _trust.Chance(0.55)))
        {
            Genesis = Genesis with { Parameters = DrawTrust(Genesis.Parameters, members) };
        }

        Committee = Genesis.ToCommittee();
        _newcomers = Changes ? (int)_epochs.Between(1, 3) : 0;
        int n = Places = weights.Length + _newcomers;
        _latency = new long[n, n];
        long latency = _longestMean = DrawLatencies();
        _syncMean = _random.Between(100, 5_000);
        _pausedUntil = new long[n];
        _cut = new bool[n, n];
        _cloggedUntil = new long[n, n];
        _slowUntil = new long[n];
        _frozen = new bool[n];
        _badDisk = new Fault?[n];
        Settings = new CoreSettings
        {
            // A hasty timer lets view changes race with commits; it grows until it fits.
            ViewTimeoutMicros = faults && _random.Chance(0.4)
                ? Math.Max(20_000, 4 * (latency + _syncMean))
                : Math.Max(300_000, 14 * (latency + _syncMean)),
            BlockIntervalMicros = _random.Between(1_000, 30_000),
            PipelineBlocks = (int)_random.Between(1, 6),
            IdleVertexMicros = _random.Chance(0.5) ? 2_000_000 : 0,
            // Of all lanes together: small enough that a flood meets it.
            MaxPendingVertices = faults && _random.Chance(0.3) ? 64 * n : 10_000,
        };
        // Steady, in waves, or a trickle that leaves the cluster idle in between: about a hundred a second.
        (_loadGap, _burst) = _random.Below(3) switch
        {
            0 => (_random.Between(20_000, 60_000), 8),
            1 => (_random.Between(300_000, 1_200_000), 160),
            _ => (_random.Between(100_000, 250_000), 35),
        };
        HasFaults = faults;
        if (faults && _ledgers.Chance(0.9))
        {
            // Little, since runs are short: a real validator keeps two windows at least.
            Retain = (ulong)_ledgers.Between(6, 20);
            SnapshotEvery = (ulong)_ledgers.Between(2, 5);
        }

        if (faults && _certificates.Chance(0.9))
        {
            // Little again: in most worlds the ledger is some ten blocks long.
            CheckpointSpan = (int)_certificates.Between(1, _certificates.Chance(0.8) ? 6 : Checkpoints.Span);
            NewestCertified = (ulong)_certificates.Between(0, 6);
        }

        if (faults)
        {
            _loss = _random.Chance(0.5) ? 0 : _random.Between(0, 30) / 100.0;
            _duplicates = _random.Chance(0.5) ? 0 : _random.Between(1, 20) / 100.0;
            _crashAfterSync = _random.Chance(0.85) ? _random.Between(5, 40) / 10_000.0 : 0;
            Reorders = _random.Chance(0.3);
            _strikes = _random.Chance(0.6) ? _random.Between(1, 40) / 2_000.0 : 0;
            _faultGap = _random.Between(300_000, 3_000_000);
            ExecutionMicros = _random.Chance(0.7) ? 200 : _random.Between(200, 60_000);
            StageMicros = _stages.Chance(0.5) ? _stages.Between(20, 20_000) : 0;
            ForgetEvery = (int)_random.Between(1, 64);
            DrawByzantine();
            DrawRoles();
            DrawWipe();
            DrawLosers();
            DrawLoser();
            _blackouts = _dark.Chance(ByzantineWeight > 0 ? 0.6 : 0.2) ? _dark.Between(2, 20) / 400.0 : 0;
            _misnamesNext = _blackouts == 0 && _dark.Chance(0.5);
        }
    }

    public ulong Seed { get; }
    public Genesis Genesis { get; }

    /// <summary>Members come, go and change their weights.</summary>
    public bool Changes { get; }

    /// <summary>Machines with a key of their own: all that ever are members.</summary>
    public int Places { get; }
    public SimKeys Keys { get; }
    public Committee Committee { get; }
    public CoreSettings Settings { get; }

    /// <summary>Members of whom nothing is promised: liars, a key on two machines, a restored backup. At most F weight.</summary>
    public HashSet<int> Byzantine { get; } = [];
    public bool HasFaults { get; }

    /// <summary>
    /// Within which a transaction is final without faults and load: to the leader and three phases, each a delay and a sync that
    /// may take eight times their means, and the paces of vertices and blocks.
    /// </summary>
    public long PromptMicros => (3 * Settings.BlockIntervalMicros) + (8 * 5 * (_longestMean + _syncMean));
    public bool Reorders { get; }

    /// <summary>Messages travel as bytes and pass the checks of the real shell.</summary>
    public bool ReadsBytes { get; }

    /// <summary>Executed blocks kept behind the newest, and between two snapshots; 0: all and none.</summary>
    public ulong Retain { get; set; }
    public ulong SnapshotEvery { get; set; }

    /// <summary>Most blocks from one checkpoint to the next; and newest blocks that keep theirs, all if not drawn.</summary>
    public int CheckpointSpan { get; } = Checkpoints.Span;
    public ulong NewestCertified { get; } = ulong.MaxValue;

    /// <summary>Final blocks between two cleanings of the vote store; never where nothing else is drawn.</summary>
    public int ForgetEvery { get; } = int.MaxValue;

    /// <summary>From a stage that holds a payload to Core.</summary>
    public long StageMicros { get; }

    /// <summary>From finality to a durable execution, at least.</summary>
    public long ExecutionMicros { get; } = 200;

    /// <summary>
    /// False: only what harms (agreement, exactly once, liveness) is looked for, not the rules that prevent it.
    /// </summary>
    public bool ChecksRules { get; init; } = true;

    /// <summary>Who loses its disk at some time, or -1; within F, or beyond it: then nothing is promised but safety.</summary>
    public int Wiped { get; private set; } = -1;
    public bool WipedBeyondFaulty { get; private set; }

    /// <summary>Whose key is on two machines, or -1.</summary>
    public int Twin { get; private set; } = -1;

    /// <summary>Who is restored from an old backup, or -1.</summary>
    public int RolledBack { get; private set; } = -1;
    public ulong ByzantineWeight { get; private set; }
    public bool Skewed => Genesis.Members.Any(m => m.Weight != Genesis.Members[0].Weight);
    public SimCluster Cluster { get; set; } = null!;

    /// <summary>Clients sign some of their transactions.</summary>
    public bool Signs => HasFaults && Seed % 4 == 1;

    /// <summary>Scripted worlds put their own node in a place; null leaves it to the world.</summary>
    public Func<SimCluster, int, SimNode?>? Cast { get; init; }

    /// <summary>Whoever learns of another branch halts, and is right.</summary>
    public bool HaltsAreDue { get; set; }

    /// <summary>They signed two branches, and are convicted of it if met. More than F.</summary>
    public HashSet<int> Forkers { get; } = [];

    /// <summary>What operators decided on a fork; null for none.</summary>
    public ForkProposal? Recovery { get; set; }

    /// <summary>Of worlds whose transactions meet, each has its own from here on.</summary>
    public ulong FirstTransaction { init => _nextTransaction = value; }

    /// <summary>They were submitted in another branch of this world.</summary>
    public void Know(IEnumerable<ulong> transactions) => _submitted.UnionWith(transactions);

    public void Met(Fault fault) => _met[(int)fault]++;

    public int Count(Fault fault) => _met[(int)fault];

    private uint[] DrawWeights(int? validators)
    {
        int n = validators ?? _random.Below(20) switch
        {
            < 2 => (int)_random.Between(1, 3),
            < 11 => 4,
            < 17 => (int)_random.Between(5, 7),
            _ => (int)_random.Between(8, ReadsBytes ? 10 : 16),
        };
        bool skewed = n > 1 && _random.Chance(0.3);
        while (true)
        {
            uint[] weights = new uint[n];
            for (int i = 0; i < n; i++)
            {
                weights[i] = skewed ? (uint)_random.Between(1, 5) : 1;
            }

            if (Committee.Refusal(weights) is null)
            {
                return weights;
            }
        }
    }

    /// <summary>One room, one continent, or places all over the world.</summary>
    /// <returns>The longest mean, microseconds.</returns>
    private long DrawLatencies()
    {
        int n = _latency.GetLength(0);
        int model = _random.Below(3);
        long near = model == 0 ? _random.Between(50, 500) : _random.Between(1_000, 20_000);
        int[] place = new int[n];
        for (int i = 0; i < n; i++)
        {
            place[i] = (i < n - _newcomers ? _random : _epochs).Below(5);
        }

        long longest = near;
        for (int from = 0; from < n; from++)
        {
            for (int to = 0; to < n; to++)
            {
                int far = Math.Abs(place[from] - place[to]);
                _latency[from, to] = model < 2 ? near : near + (20_000L * far);
                longest = Math.Max(longest, _latency[from, to]);
            }
        }

        return longest;
    }

    private void DrawByzantine()
    {
        ulong budget = Committee.Faulty;
        double joins = _random.Chance(0.75) ? 1 : 0.5;
        if (Committee.Count >= 4 && _random.Chance(0.3))
        {
            // No weight lies above F (section 2), so the heaviest alone may always be faulty.
            int heaviest = Enumerable.Range(0, Committee.Count).MaxBy(i => Committee.Weight(i));
            Byzantine.Add(heaviest);
            budget -= Math.Min(budget, Committee.Weight(heaviest));
        }

        // Low indices lead the first views.
        int start = _random.Chance(0.5) ? _random.Below(Math.Min(2, Committee.Count)) : _random.Below(Committee.Count);
        for (int i = 0; i < Committee.Count && _random.Chance(joins); i++)
        {
            int candidate = (start + i) % Committee.Count;
            if (Committee.Weight(candidate) <= budget && Byzantine.Add(candidate))
            {
                budget -= Committee.Weight(candidate);
            }
        }
    }

    /// <summary>Some of the faulty do not lie: their key is on two machines, or their disk is an old one.</summary>
    private void DrawRoles()
    {
        int[] members = [.. Byzantine.Order()];
        if (members.Length == 0 || !_random.Chance(0.25))
        {
            return;
        }

        int member = members[_random.Below(members.Length)];
        if (_random.Chance(0.5))
        {
            Twin = member;
        }
        else
        {
            RolledBack = member;
        }
    }

    private void DrawWipe()
    {
        if (Committee.Count >= 4 && _random.Chance(0.15))
        {
            Wiped = _random.Below(Committee.Count);
            bool member = Byzantine.Remove(Wiped);
            Twin = Twin == Wiped ? -1 : Twin;
            RolledBack = RolledBack == Wiped ? -1 : RolledBack;
            ulong faulty = 0;
            foreach (int each in Byzantine)
            {
                faulty += Committee.Weight(each);
            }

            WipedBeyondFaulty = !member && faulty + Committee.Weight(Wiped) > Committee.Faulty;
        }

        foreach (int each in Byzantine)
        {
            ByzantineWeight += Committee.Weight(each);
        }
    }

    public SimNode MakeNode(SimCluster cluster, int index)
    {
        if (Cast?.Invoke(cluster, index) is { } cast)
        {
            return cast;
        }

        if (Byzantine.Contains(index) && index != Twin && index != RolledBack)
        {
            return new ByzantineNode(
                cluster, index, Settings, new SimRandom(_random.Next()), _coalition ??= new Coalition(cluster, new SimRandom(_random.Next())));
        }

        SimNode node = new(cluster, index, Settings with { FastPath = !_stages.Chance(0.25) });
        node.Clock.SkewMicros = _random.Between(-400_000, 400_000);
        Met(Fault.ClockSkew);
        if (HasFaults && _random.Chance(0.5))
        {
            node.Clock.SetDrift(0, _random.Between(-5_000, 5_000));
            Met(Fault.ClockDrift);
        }

        return node;
    }

    public long SyncMicros() => 50 + _random.Exponential(_syncMean);

    public long DowntimeMicros() => _random.Between(1_000, 3_000_000);

    public bool WasSubmitted(ulong transaction) => _submitted.Contains(transaction);

    /// <summary>Clients send from now on, until <see cref="StopLoad"/>.</summary>
    public void StartLoad()
    {
        _loading = true;
        Load();
    }

    public void StopLoad() => _loading = false;

    private void Load()
    {
        if (!_loading)
        {
            return;
        }

        for (int left = 1 + _random.Below(_burst); left > 0;)
        {
            // A client sends a few at once to one validator.
            SimNode node = Cluster.Machines[_random.Below(Cluster.Machines.Length)];
            int few = Math.Min(left, 1 + _random.Below(8));
            left -= few;
            for (; few > 0 && node.Running; few--)
            {
                Submit(node);
            }
        }

        Cluster.Schedule(Cluster.Now + _random.Between(_loadGap / 2, _loadGap * 3 / 2), Load);
    }

    /// <summary>Mostly the account's next nonce; else one that was used, one of long ago, or one with a gap below it.</summary>
    private ulong DrawEnvelope(ulong which)
    {
        int account = _signing.Below(SimEnvelopes.Accounts);
        uint last = _nonces[account];
        uint nonce = _signing.Below(20) switch
        {
            0 => last,
            1 => (uint)Math.Max(0, last - _signing.Between(1, 200)),
            2 => _nonces[account] = last + (uint)_signing.Between(2, 70),
            _ => _nonces[account] = last + 1,
        };
        return SimEnvelopes.Number(account, nonce, which);
    }

    /// <summary>A client hands a new transaction to a running node.</summary>
    public void Submit(SimNode node)
    {
        if (node == _quiet)
        {
            return;
        }

        ulong transaction = ++_nextTransaction;
        if (Signs && _signing.Chance(0.4))
        {
            transaction = DrawEnvelope(transaction);
        }

        _submitted.Add(transaction);
        node.Submit(transaction);
    }
}
