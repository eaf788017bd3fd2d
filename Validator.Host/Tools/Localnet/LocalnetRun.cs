using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Primitives;
using Validator.Host.Tools.Load;
using Validator.Net.Streams;

namespace Validator.Host.Tools.Localnet;

/// <summary>The options of <c>validator localnet</c>.</summary>
public sealed record LocalnetOptions
{
    public int Validators { get; init; } = 4;
    public int Rate { get; init; } = 2000;
    public int Size { get; init; } = 512;
    /// <summary>Submissions go over the validators' submit streams instead of HTTP.</summary>
    public bool OverQuic { get; init; }

    /// <summary>Submissions wait for strong finality.</summary>
    public bool Strong { get; init; }

    /// <summary>Accounts that sign; 0: opaque transactions.</summary>
    public int Accounts { get; init; }
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(30);
    public ulong Seed { get; init; } = 1;

    /// <summary>The validators' folder, kept afterwards. Null: a temporary one, removed at the end.</summary>
    public string? Directory { get; init; }

    /// <summary>Keeps a temporary folder.</summary>
    public bool Keep { get; init; }

    public string? ReportPath { get; init; }

    /// <summary>Genesis has trust: balances, reputation, weights that follow from them.</summary>
    public bool Trust { get; init; }

    /// <summary>What one member does instead of its duty, of <see cref="Localnet.Villain.Kinds"/>; null: its duty.</summary>
    public string? Villain { get; init; }

    /// <summary>Null: this program itself.</summary>
    public Executable? Executable { get; init; }

    /// <summary>The load is above the default, so a full validator may refuse.</summary>
    public bool AboveDefaults => Rate > 2000 || Size > 512 || Accounts > 0;
}

/// <summary>The whole of <c>validator localnet</c>: set up, start, load, show, stop, judge.</summary>
public sealed class LocalnetRun(LocalnetOptions options, TextWriter output, bool onTerminal)
{
    private static readonly TimeSpan ReadyPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    private readonly Executable _executable = options.Executable ?? Executable.Self();

    /// <summary>Runs it to the end, or until SIGINT, SIGTERM or SIGHUP. The children are gone when this returns.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync()
    {
        bool temporary = options.Directory is null;
        string directory = options.Directory is { } given
            ? Path.GetFullPath(given)
            : Path.Combine(Path.GetTempPath(), $"validator-localnet-{Environment.ProcessId}");
        if (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any())
        {
            output.WriteLine($"{directory} is not empty: localnet starts a new chain, so give it a new folder");
            return ExitCodes.Usage;
        }

        if (options.Validators is < 1 or > Validator.Core.Primitives.Limits.MaxCommittee)
        {
            output.WriteLine($"a cluster has 1 to {Validator.Core.Primitives.Limits.MaxCommittee} validators, not {options.Validators}");
            return ExitCodes.Usage;
        }

        using CancellationTokenSource interrupted = new();
        using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using PosixSignalRegistration onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        using PosixSignalRegistration onHangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Interrupt);
        try
        {
            Directory.CreateDirectory(directory);
            return HasRoom(directory) ? await RunInAsync(directory, interrupted.Token).ConfigureAwait(false) : ExitCodes.Store;
        }
        catch (Exception e) when (e is LocalClusterException or ConfigException or KeyException or TimeoutException or IOException or UnauthorizedAccessException)
        {
            output.WriteLine(e.Message);
            return ExitCodes.Failed;
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            output.WriteLine("interrupted before the load began");
            return ExitCodes.Interrupted;
        }
        finally
        {
            if (temporary && !options.Keep)
            {
                Remove(directory);
            }
            else
            {
                output.WriteLine($"kept in {directory}");
            }
        }

        void Interrupt(PosixSignalContext context)
        {
            context.Cancel = true;
            interrupted.Cancel();
        }
    }

    private async Task<int> RunInAsync(string directory, CancellationToken interrupted)
    {
        using LocalCluster cluster = LocalCluster.Create(
            directory, options.Validators, _executable,
            epochLength: Localnet.Villain.EpochBlocksOf(options.Villain), trust: options.Trust,
            villain: options.Villain is { } lie ? Localnet.Villain.PlaceOf(lie, options.Validators) : null);
        output.WriteLine($"starting {cluster.Honest.Length} validators, logs in {directory}/*/log");
        long starting = Stopwatch.GetTimestamp();
        cluster.StartAll();
        await cluster.WaitReadyAsync(cluster.Honest, ReadyPatience, interrupted).ConfigureAwait(false);
        output.WriteLine($"ready after {Stopwatch.GetElapsedTime(starting).TotalSeconds:F2} s");

        LoadOptions load = new()
        {
            Targets = Array.ConvertAll(cluster.Honest, n => n.Api),
            Rate = options.Rate,
            Size = options.Size,
            Strong = options.Strong,
            Accounts = options.Accounts,
            Streams = options.OverQuic ? Streams(cluster) : [],
            Duration = options.Duration,
            Seed = options.Seed,
        };
        // Where there is trust, validators hand in proofs of their own.
        using LoadRun run = new(load, from: 0, ownTrafficOnly: !options.Trust);
        ClusterCost before = await ClusterCost.OfAsync(cluster).ConfigureAwait(false);
        using Villain? villain = cluster.Villain is { } node ? new Villain(cluster, node, options.Villain!) : null;
        string watched = (cluster.Villain ?? cluster.Nodes[^1]).Name;
        TrustDemo? trust = options.Trust ? new TrustDemo(cluster, watched, options.Villain ?? "", villain) : null;
        using CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(interrupted);
        await (trust?.StartAsync() ?? Task.CompletedTask).ConfigureAwait(false);
        Task lying = villain?.RunAsync(ended.Token) ?? Task.CompletedTask;
        Task<LoadResult> running = run.RunAsync(interrupted);
        await ShowAsync(cluster, run, running, trust).ConfigureAwait(false);
        LoadResult result = await running.ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        await lying.ConfigureAwait(false);
        TrustFigures? figures = trust is null ? null : await trust.FiguresAsync().ConfigureAwait(false);
        ForkFigures? forks = trust is null ? null : await ForkFigures.OfAsync(cluster).ConfigureAwait(false);
        ClusterCost after = await ClusterCost.OfAsync(cluster).ConfigureAwait(false);
        NodeStatus?[] last = await Task.WhenAll(Array.ConvertAll(cluster.Honest, n => cluster.StatusAsync(n)))
            .ConfigureAwait(false);
        string[] died = [.. cluster.Honest.Where(n => !n.IsRunning).Select(n => n.Name)];
        string[] killed = await cluster.StopAllAsync(StopPatience).ConfigureAwait(false);

        LoadReport report = LoadReport.From(load, result) with
        {
            ViewChanges = after.Views - before.Views,
            Blocks = after.Blocks - before.Blocks,
            RssMbMax = Math.Round(after.PeakResidentBytes / 1e6, 1),
            CpuS = Math.Round(after.CpuSeconds - before.CpuSeconds, 2),
            BytesWritten = after.WrittenBytes - before.WrittenBytes,
            Syncs = after.Syncs - before.Syncs,
            Datagrams = after.Datagrams - before.Datagrams,
            VoteCommitP99Ms = Math.Round(1000 * after.VoteCommitP99(before), 1),
            StrongFinalityP99Ms = Math.Round(1000 * after.StrongP99(before), 1),
            RoundTripP99Ms = Math.Round(1000 * after.RoundTripP99(before), 1),
            BinaryBytes = _executable.Bytes,
            Trust = figures,
            Forks = forks,
        };
        List<string> failures = LoadVerdict.Failures(load, result, options.AboveDefaults);
        if (!result.Interrupted)
        {
            failures.AddRange(last.Where(s => s?.Stall is not null).Select(s => $"{s!.Node} in the end: {s.Stall!.Reason}"));
            failures.AddRange(died.Select(n => $"{n} stopped during the run"));
            if (options.Villain is "double-vote" or "twin-vertex" or "double-proposal"
                && figures is not { DetectedS: not null, Slashed: > 0 })
            {
                failures.Add($"{watched} did {options.Villain}, and no proof of it was executed");
            }

            failures.AddRange(killed.Select(n => $"{n} did not stop in {StopPatience.TotalSeconds:F0} s and was killed"));
        }

        Summary.Write(output, report, failures, result);
        if (options.ReportPath is { } path)
        {
            report.Write(path);
        }

        return result.Interrupted ? ExitCodes.Interrupted : failures.Count == 0 ? ExitCodes.Success : ExitCodes.Failed;
    }

    private async Task ShowAsync(LocalCluster cluster, LoadRun run, Task running, TrustDemo? trust)
    {
        string title = $"localnet   {options.Validators} validators   {options.Rate} tx/s of {WireBytes} bytes   seed {options.Seed}";
        LiveScreen screen = new(output, onTerminal, title);
        ClusterWatch watch = new(cluster, run, options.Duration);
        using PeriodicTimer timer = new(TimeSpan.FromSeconds(1));
        while (!running.IsCompleted)
        {
            Task<bool> tick = timer.WaitForNextTickAsync().AsTask();
            if (await Task.WhenAny(running, tick).ConfigureAwait(false) == running)
            {
                return;
            }

            (NodeLine[] nodes, ClusterLine all) = await watch.SampleAsync().ConfigureAwait(false);
            screen.Show(nodes, all, trust is null ? null : await trust.LineAsync().ConfigureAwait(false));
        }
    }

    private static StreamTarget[] Streams(LocalCluster cluster)
    {
        Genesis genesis = GenesisFile.Read(Path.Combine(cluster.Directory, "genesis.json"), out _);
        return Array.ConvertAll(cluster.Honest, node => new StreamTarget(
            genesis.Members.First(m => m.Name == node.Name).TransportKey, new IPEndPoint(IPAddress.Parse(node.Api.Host), node.Api.Port)));
    }

    private int WireBytes => options.Size + (options.Accounts > 0 ? EnvelopeCodec.FixedBytes : 0);

    private bool HasRoom(string directory)
    {
        // Every validator stores every payload, log-structured: in the write-ahead log, then in sorted files, then merged.
        const double WriteAmplification = 4;
        const long PerValidator = 64 << 20;
        double needed = options.Validators
            * (PerValidator + (WriteAmplification * options.Rate * WireBytes * options.Duration.TotalSeconds));
        long free = new DriveInfo(directory).AvailableFreeSpace;
        if (free >= needed)
        {
            return true;
        }

        output.WriteLine(
            $"{directory} has {free / 1e6:F0} MB free, and this run may need {needed / 1e6:F0} MB: choose another --dir, or less load");
        return false;
    }

    private static void Remove(string directory)
    {
        try
        {
            Directory.Delete(directory, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"{directory} could not be removed: {e.Message}");
        }
    }
}
