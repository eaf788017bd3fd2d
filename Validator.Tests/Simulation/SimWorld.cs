using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Simulation;

/// <summary>One seed's world: committee, latency, faults, load. Everything below comes from the seed.</summary>
public sealed class SimWorld
{
    private readonly SimRandom _random;
    private readonly HashSet<ulong> _submitted = [];
    private readonly long _latency;
    private readonly long _syncMean;
    private readonly double _loss;
    private readonly double _crashAfterSync;
    private readonly long[] _pausedUntil;
    private readonly bool[,] _cut;
    private readonly double _strikes;
    private Coalition? _coalition;
    private bool _faultsOver;
    private ulong _nextTransaction;

    public SimWorld(ulong seed, bool faults = true, int? validators = null)
    {
        Seed = seed;
        _random = new SimRandom(seed);
        uint[] weights = DrawWeights(validators);
        Genesis = SimKeys.MakeGenesis(weights, new GenesisParameters
        {
            WindowBlocks = (uint)_random.Between(4, 32),
            // Without faults nothing may wait for long, so a block has room for all of the load.
            MaxBlockVertices = faults ? (uint)_random.Between(16, 256) : 1024,
        });
        Committee = Genesis.ToCommittee();
        int n = weights.Length;
        _latency = _random.Chance(0.5) ? _random.Between(50, 500) : _random.Between(1_000, 80_000);
        _syncMean = _random.Between(100, 5_000);
        _pausedUntil = new long[n];
        _cut = new bool[n, n];
        Settings = new CoreSettings
        {
            // A hasty timer lets view changes race with commits; it doubles until it fits.
            ViewTimeoutMicros = faults && _random.Chance(0.4)
                ? Math.Max(20_000, 4 * (_latency + _syncMean))
                : Math.Max(300_000, 14 * (_latency + _syncMean)),
            BlockIntervalMicros = _random.Between(1_000, 30_000),
            PipelineBlocks = (int)_random.Between(1, 6),
            IdleVertexMicros = _random.Chance(0.5) ? 2_000_000 : 0,
        };
        HasFaults = faults;
        if (faults)
        {
            _loss = _random.Chance(0.5) ? 0 : _random.Between(0, 30) / 100.0;
            _crashAfterSync = _random.Chance(0.75) ? _random.Between(5, 40) / 10_000.0 : 0;
            Reorders = _random.Chance(0.3);
            _strikes = _random.Chance(0.6) ? _random.Between(1, 40) / 2_000.0 : 0;
            ExecutionMicros = _random.Chance(0.7) ? 200 : _random.Between(200, 60_000);
            ForgetEvery = (int)_random.Between(1, 64);
            DrawByzantine();
            DrawWipe();
        }
    }

    public ulong Seed { get; }
    public Genesis Genesis { get; }
    public Committee Committee { get; }
    public CoreSettings Settings { get; }
    public HashSet<int> Byzantine { get; } = [];
    public bool HasFaults { get; }
    public bool Reorders { get; }

    /// <summary>Final blocks between two cleanings of the vote store; never where nothing else is drawn.</summary>
    public int ForgetEvery { get; } = int.MaxValue;

    /// <summary>From finality to a durable execution, at least.</summary>
    public long ExecutionMicros { get; } = 200;

    /// <summary>False: only what harms (agreement, exactly once, liveness) is looked for, not the rules that prevent it.</summary>
    public bool ChecksRules { get; init; } = true;

    /// <summary>Who loses its disk at some time, or -1; within F, or beyond it: then nothing is promised but safety.</summary>
    public int Wiped { get; private set; } = -1;
    public bool WipedBeyondFaulty { get; private set; }
    public ulong ByzantineWeight { get; private set; }
    public bool Skewed => Genesis.Members.Any(m => m.Weight != Genesis.Members[0].Weight);
    public SimCluster Cluster { get; set; } = null!;

    /// <summary>Scripted worlds put their own node in a place; null leaves it to the world.</summary>
    public Func<SimCluster, int, SimNode?>? Cast { get; init; }
    public int Crashes { get; private set; }
    public int CrashesBetweenSyncAndSend { get; private set; }

    private uint[] DrawWeights(int? validators)
    {
        int n = validators ?? _random.Below(20) switch
        {
            < 2 => (int)_random.Between(1, 3),
            < 10 => 4,
            < 17 => (int)_random.Between(5, 7),
            _ => (int)_random.Between(8, 16),
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

    private void DrawWipe()
    {
        if (Committee.Count >= 4 && _random.Chance(0.15))
        {
            Wiped = _random.Below(Committee.Count);
            bool member = Byzantine.Remove(Wiped);
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

    public SimNode MakeNode(SimCluster cluster, int index) => Cast?.Invoke(cluster, index) is { } cast ? cast : Byzantine.Contains(index)
        ? new ByzantineNode(cluster, index, Settings, new SimRandom(_random.Next()), _coalition ??= new Coalition(cluster, new SimRandom(_random.Next())))
        : new SimNode(cluster, index, Settings) { ClockSkewMicros = _random.Between(-400_000, 400_000) };

    public long SyncMicros() => 50 + _random.Exponential(_syncMean);

    public long DowntimeMicros() => _random.Between(1_000, 3_000_000);

    public bool CrashesAfterSync(SimNode node)
    {
        if (_faultsOver || !_random.Chance(_crashAfterSync))
        {
            return false;
        }

        CrashesBetweenSyncAndSend++;
        return true;
    }

    /// <returns>False when the message is lost.</returns>
    public bool Delay(int from, int to, out long delay)
    {
        delay = (_latency / 2) + _random.Exponential(_latency / 2.0) + 5;
        if (_faultsOver)
        {
            return true;
        }

        if (_cut[from, to])
        {
            return false;
        }

        return !_random.Chance(_loss);
    }

    /// <summary>A paused process handles what is due once it goes on.</summary>
    public bool Defer(int node, long time, Action action)
    {
        if (_pausedUntil[node] <= Cluster.Now)
        {
            return false;
        }

        Cluster.At(node, _pausedUntil[node], action);
        return true;
    }

    public bool WasSubmitted(ulong transaction) => _submitted.Contains(transaction);

    public int Submitted => _submitted.Count;

    /// <summary>Starts all, submits for a while under faults, then heals everything.</summary>
    public void Run(int transactions, long faultMicros)
    {
        foreach (SimNode node in Cluster.Nodes)
        {
            node.Start();
        }

        long gap = Math.Max(1, faultMicros / transactions);
        for (int i = 0; i < transactions; i++)
        {
            Cluster.Schedule(i * gap, SubmitOne);
        }

        if (HasFaults)
        {
            for (long t = 200_000; t < faultMicros; t += _random.Between(100_000, 1_500_000))
            {
                Cluster.Schedule(t, InjectFault);
            }
        }

        if (Wiped >= 0)
        {
            Cluster.Schedule(_random.Between(faultMicros / 10, faultMicros * 9 / 10), () =>
            {
                SimNode node = Cluster.Nodes[Wiped];
                if (node.Running)
                {
                    Cluster.CrashAndRestart(node);
                }

                node.Wipe();
            });
        }

        Cluster.RunUntil(faultMicros);
        Heal();
    }

    private void SubmitOne()
    {
        SimNode node = Cluster.Nodes[_random.Below(Cluster.Nodes.Length)];
        if (node.Running)
        {
            Submit(node);
        }
    }

    /// <summary>A client hands a new transaction to a running node.</summary>
    public void Submit(SimNode node)
    {
        ulong transaction = ++_nextTransaction;
        _submitted.Add(transaction);
        node.Submit(transaction);
    }

    private void InjectFault()
    {
        int n = Cluster.Nodes.Length;
        SimNode node = Cluster.Nodes[_random.Below(n)];
        switch (_random.Below(6))
        {
            case 0 when node.Running:
                Crashes++;
                Cluster.CrashAndRestart(node);
                break;
            // Never changed while it lasts: what waits for its end keeps its order.
            case 1 when _pausedUntil[node.Index] <= Cluster.Now:
                _pausedUntil[node.Index] = Cluster.Now + _random.Between(1_000, 2_000_000);
                break;
            case 2:
                Partition(side => _random.Chance(0.5));
                break;
            case 3:
                // One-way: nobody hears this node, or it hears nobody.
                bool deaf = _random.Chance(0.5);
                CutLinks((from, to) => deaf ? to == node.Index : from == node.Index);
                break;
            case 4:
                int leader = Cluster.Nodes[0].Running ? Cluster.Nodes[0].Core.Leader : 0;
                Partition(side => side == leader);
                break;
            case 5 when _random.Chance(0.2):
                foreach (SimNode each in Cluster.Nodes)
                {
                    if (each.Running)
                    {
                        Crashes++;
                        Cluster.CrashAndRestart(each);
                    }
                }

                break;
            default:
                break;
        }
    }

    /// <summary>
    /// The worst moments: right after a Commit left, one alone may hear the rest of them, the leader may vanish, or the
    /// sender itself.
    /// </summary>
    public void AfterSend(SimNode node, in SignedHeader header)
    {
        double often = header.Kind switch
        {
            MessageKind.Commit or MessageKind.ViewChange => _strikes,
            MessageKind.Prepare => _strikes / 4,
            _ => 0,
        };
        if (_faultsOver || !_random.Chance(often))
        {
            return;
        }

        int leader = node.Core.Leader;
        int lucky = _random.Below(Cluster.Nodes.Length);
        switch (_random.Below(5))
        {
            case 0:
                CutLinks((from, to) => to != lucky);
                break;
            case 1:
                Partition(side => side == leader);
                break;
            case 2:
                Partition(side => side == node.Index);
                break;
            case 3:
                CutLinks((from, to) => from == node.Index && to != lucky);
                break;
            default:
                Partition(side => side == lucky || side == node.Index);
                break;
        }
    }

    /// <summary>
    /// A block is final at one node and nowhere else yet: cut that one off, and let some or all lose what they had not
    /// synced.
    /// </summary>
    public void AfterFirstFinal(SimNode node)
    {
        if (_faultsOver || !_random.Chance(2 * _strikes))
        {
            return;
        }

        if (_random.Chance(0.7))
        {
            Partition(side => side == node.Index);
        }

        double crashed = _random.Below(3) * 0.5;
        bool itself = _random.Chance(0.5);
        Cluster.Schedule(Cluster.Now + _random.Between(1, 30_000), () =>
        {
            foreach (SimNode each in Cluster.Nodes)
            {
                if (each.Running && (each == node ? itself : _random.Chance(crashed)))
                {
                    Crashes++;
                    Cluster.CrashAndRestart(each);
                }
            }
        });
    }

    private void Partition(Func<int, bool> side)
    {
        bool[] left = new bool[Cluster.Nodes.Length];
        for (int i = 0; i < left.Length; i++)
        {
            left[i] = side(i);
        }

        CutLinks((from, to) => left[from] != left[to]);
    }

    private void CutLinks(Func<int, int, bool> which)
    {
        int n = Cluster.Nodes.Length;
        for (int from = 0; from < n; from++)
        {
            for (int to = 0; to < n; to++)
            {
                _cut[from, to] = which(from, to);
            }
        }

        Cluster.Schedule(Cluster.Now + _random.Between(50_000, 4_000_000), () => Array.Clear(_cut));
    }

    private void Heal()
    {
        _faultsOver = true;
        Array.Clear(_cut);
        foreach (SimNode node in Cluster.Nodes)
        {
            if (!node.Running)
            {
                node.Start();
            }
        }
    }
}
