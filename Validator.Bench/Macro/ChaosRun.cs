using System.Diagnostics;
using System.Globalization;
using Validator.Host.Contracts;
using Validator.Host.Tools.Load;
using Validator.Host.Tools.Localnet;

namespace Validator.Bench.Macro;

internal sealed record ChaosOptions
{
    public required Executable Executable { get; init; }

    /// <summary>Empty or missing; gets the validators' folders.</summary>
    public required string Directory { get; init; }

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(60);

    public int Seed { get; init; } = 1;

    /// <summary>Transactions per second over all validators.</summary>
    public int Rate { get; init; } = 300;

    /// <summary>Not null: this weather all the time, and no disaster.</summary>
    public Weather? Steady { get; init; }

    /// <summary>Null: loopback and the relay alone.</summary>
    public string? Namespaces { get; init; }
}

/// <summary>
/// Real validators under load while processes are killed and stopped and paths are cut, slowed and made lossy, after a schedule
/// from a seed. In the end everything is healed, and what clients see must be right.
/// </summary>
internal sealed class ChaosRun : IDisposable
{
    private const int Validators = 4;
    private const string Continue = "-CONT";
    private const string Stop = "-STOP";

    // From the end of the last disaster until every validator's own clients see new transactions final.
    private static readonly TimeSpan RecoveryPatience = TimeSpan.FromSeconds(30);

    private readonly ChaosOptions _options;
    private readonly TextWriter _output;
    private readonly ChaosNetwork _network;
    private readonly TransactionPattern _sent;
    private readonly LoadRun _load;
    private readonly int[] _killed = new int[Validators];
    private readonly int[] _stopped = new int[Validators];
    private readonly List<string> _failures = [];
    private readonly Stopwatch _clock = new();
    private int _done;

    public ChaosRun(ChaosOptions options, TextWriter output)
    {
        _options = options;
        _output = output;
        _network = ChaosNetwork.Create(options.Directory, Validators, options.Executable, options.Namespaces, options.Seed);
        LoadOptions load = new()
        {
            Targets = Array.ConvertAll(Nodes, n => n.Api),
            Rate = options.Rate,
            Size = 256,

            // It goes on for a while on the healed cluster.
            Duration = options.Duration + TimeSpan.FromSeconds(5),
            Seed = (ulong)options.Seed,
            RequestTimeout = TimeSpan.FromSeconds(5),
            DrainTimeout = TimeSpan.FromSeconds(40),
        };
        _sent = load.Pattern;
        _load = new LoadRun(load, from: 0, ownTrafficOnly: true);
    }

    private NodeProcess[] Nodes => _network.Cluster.Nodes;

    /// <summary>Runs to the end.</summary>
    /// <returns>One sentence for each thing that is not as it must be.</returns>
    public async Task<List<string>> RunAsync()
    {
        Say($"chaos: seed {_options.Seed}, {_options.Duration.TotalSeconds:F0} s, {_options.Rate} tx/s on {Validators} validators, "
            + (_options.Namespaces is null ? "loopback and relay" : "network namespaces, nftables and relay"));
        _network.Cluster.StartAll();
        await _network.Cluster.WaitReadyAsync(Nodes, TimeSpan.FromSeconds(60)).ConfigureAwait(false);
        _clock.Start();
        Task<LoadResult> load = _load.RunAsync(CancellationToken.None);
        await PlayAsync(_options.Steady is { } weather
            ? [new ChaosStep(TimeSpan.Zero, _options.Duration, ChaosKind.Weather, Side: 1, weather)]
            : ChaosPlan.Make(_options.Seed, _options.Duration, Validators)).ConfigureAwait(false);
        await RecoverAsync().ConfigureAwait(false);
        LoadResult result = await load.ConfigureAwait(false);
        Judge(result);
        await ChaosChecks.RunAsync(_network.Cluster, _sent, _failures).ConfigureAwait(false);
        Say($"disasters {_done}; submitted {result.Submitted}, accepted {result.Accepted}, refused {result.Rejected}, "
            + $"without answer {result.TimedOut}, final {result.Finalized}, after "
            + $"{result.Finality.PercentileMicros(50) / 1000.0:F0} ms (p50), {result.Finality.PercentileMicros(99) / 1000.0:F0} ms (p99); "
            + $"datagrams relayed {_network.Forwarded}, lost in the relay {_network.Dropped}");
        foreach (NodeProcess node in Nodes)
        {
            NodeStatus? status = await _network.Cluster.StatusAsync(node).ConfigureAwait(false);
            Say($"{node.Name}: view {status?.View}, sequence {status?.FinalSequence}, transactions {status?.NextFinalIndex}, root {status?.ExecutedRoot}");
        }

        string[] hung = await _network.Cluster.StopAllAsync(TimeSpan.FromSeconds(20)).ConfigureAwait(false);
        _failures.AddRange(hung.Select(n => $"{n} did not stop when asked"));
        return _failures;
    }

    public void Dispose()
    {
        for (int i = 0; i < Validators; i++)
        {
            if (_stopped[i] > 0 && Nodes[i].IsRunning)
            {
                Signal(i, Continue);
            }
        }

        _network.Dispose();
        _load.Dispose();
    }

    /// <summary>Starts and ends each disaster at its time.</summary>
    private async Task PlayAsync(List<ChaosStep> steps)
    {
        PriorityQueue<Func<Task>, TimeSpan> agenda = new();
        foreach (ChaosStep step in steps)
        {
            agenda.Enqueue(
                async () =>
                {
                    int side = step.Side != 0 ? step.Side : await LeaderAsync().ConfigureAwait(false);
                    Say($"{step.Describe(side)}; final so far {_load.Tallies.Sum(t => t.Finalized)}");
                    Begin(step, side);
                    _done++;
                    agenda.Enqueue(() => End(step, side), step.At + step.Length);
                },
                step.At);
        }

        while (agenda.TryDequeue(out Func<Task>? act, out TimeSpan at))
        {
            TimeSpan ahead = at - _clock.Elapsed;
            if (ahead > TimeSpan.Zero)
            {
                await Task.Delay(ahead).ConfigureAwait(false);
            }

            CheckAlive();
            await act().ConfigureAwait(false);
        }

        _network.SetWeather(default);
        Say("healed");
    }

    private void Begin(ChaosStep step, int side)
    {
        switch (step.Kind)
        {
            case ChaosKind.Kill:
                Each(side, i =>
                {
                    _killed[i]++;
                    Nodes[i].Kill();
                });
                break;
            case ChaosKind.Pause:
                Each(side, i =>
                {
                    if (_stopped[i]++ == 0 && Nodes[i].IsRunning)
                    {
                        Signal(i, Stop);
                    }
                });
                break;
            case ChaosKind.Weather:
                _network.SetWeather(step.Weather);
                break;
            default:
                _network.Cut(Directions(step.Kind, side), 1);
                break;
        }
    }

    private Task End(ChaosStep step, int side)
    {
        switch (step.Kind)
        {
            case ChaosKind.Kill:
                Each(side, i =>
                {
                    if (--_killed[i] == 0)
                    {
                        Nodes[i].Start();
                        if (_stopped[i] > 0)
                        {
                            Signal(i, Stop);
                        }
                    }
                });
                break;
            case ChaosKind.Pause:
                Each(side, i =>
                {
                    if (--_stopped[i] == 0 && Nodes[i].IsRunning)
                    {
                        Signal(i, Continue);
                    }
                });
                break;
            case ChaosKind.Weather:
                break;
            default:
                _network.Cut(Directions(step.Kind, side), -1);
                break;
        }

        return Task.CompletedTask;
    }

    private static Func<int, int, bool> Directions(ChaosKind kind, int side) => (from, to) =>
    {
        bool fromInside = (side >> from & 1) != 0;
        bool toInside = (side >> to & 1) != 0;
        return kind switch
        {
            ChaosKind.Mute => fromInside && !toInside,
            ChaosKind.Deaf => !fromInside && toInside,
            _ => fromInside != toInside,
        };
    };

    /// <summary>The leader's bit, as the first validator that answers says; the first validator's when none does.</summary>
    private async Task<int> LeaderAsync()
    {
        for (int i = 0; i < Validators; i++)
        {
            using CancellationTokenSource soon = new(300);
            NodeStatus? status = _killed[i] + _stopped[i] > 0
                ? null
                : await SoonAsync(i, soon.Token).ConfigureAwait(false);
            if (status is not null)
            {
                return 1 << Math.Max(0, Array.FindIndex(Nodes, n => n.Name == status.Leader));
            }
        }

        return 1;
    }

    private async Task<NodeStatus?> SoonAsync(int validator, CancellationToken cancellation)
    {
        try
        {
            return await _network.Cluster.StatusAsync(Nodes[validator], cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>Until all are ready and each has new transactions of its own clients final.</summary>
    private async Task RecoverAsync()
    {
        TimeSpan healed = _clock.Elapsed;
        long[] before = Array.ConvertAll(_load.Tallies, t => t.Finalized);
        bool[] back = new bool[Validators];
        while (!Array.TrueForAll(back, b => b))
        {
            CheckAlive();
            if (_clock.Elapsed - healed > RecoveryPatience)
            {
                _failures.Add($"no progress within {RecoveryPatience.TotalSeconds:F0} s of healing at: "
                    + string.Join(", ", Nodes.Where((_, i) => !back[i]).Select(n => n.Name)));
                return;
            }

            await Task.Delay(50).ConfigureAwait(false);
            for (int i = 0; i < Validators; i++)
            {
                back[i] = back[i] || (_load.Tallies[i].Finalized > before[i]
                    && await _network.Cluster.StatusAsync(Nodes[i]).ConfigureAwait(false) is { Ready: true, Signing: true });
            }
        }

        Say($"progress everywhere {(_clock.Elapsed - healed).TotalSeconds:F1} s after healing");
    }

    private void Judge(LoadResult result)
    {
        AddIf(result.Lost > 0, $"{result.Lost} accepted transactions are missing from a validator's stream");
        AddIf(result.Duplicated > 0, $"{result.Duplicated} transactions are in a stream more than once");
        AddIf(result.Diverged > 0, $"streams differ from each other or from what was sent in {result.Diverged} places");
        AddIf(result.Finalized < result.Accepted, $"{result.Accepted} were accepted, {result.Finalized} became final");
        AddIf(result.Finalized == 0, "nothing became final");
        if (_failures.Count > 0)
        {
            _failures.AddRange(result.Notes.Select(n => "note: " + n));
        }
    }

    private void AddIf(bool failed, string failure)
    {
        if (failed)
        {
            _failures.Add(failure);
        }
    }

    /// <summary>A validator that has ended and was not killed by us is a failure; it is started again, to see the rest.</summary>
    private void CheckAlive()
    {
        for (int i = 0; i < Validators; i++)
        {
            if (_killed[i] == 0 && !Nodes[i].IsRunning)
            {
                _failures.Add($"{Nodes[i].Name} ended by itself with exit code {Nodes[i].ExitCode}:\n{Nodes[i].LogTail(12)}");
                Nodes[i].Start();
            }
        }
    }

    private static void Each(int side, Action<int> act)
    {
        for (int i = 0; i < Validators; i++)
        {
            if ((side >> i & 1) != 0)
            {
                act(i);
            }
        }
    }

    private void Signal(int validator, string signal)
    {
        using Process kill = Process.Start("kill", [signal, Nodes[validator].ProcessId.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private void Say(string text) =>
        _output.WriteLine($"{_clock.Elapsed.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture),6}  {text}");
}
