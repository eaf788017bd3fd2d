using System.Diagnostics;
using System.Globalization;
using Validator.Host.Contracts;
using Validator.Host.Tools.Load;
using Validator.Host.Tools.Localnet;

namespace Validator.Bench.Macro;

/// <summary>One look at one validator's process.</summary>
/// <param name="HeapMb">Managed, of it; the rest is RocksDB's buffers and caches, frames, code and stacks.</param>
/// <param name="Files">Open, without sockets.</param>
internal readonly record struct SoakSample(
    double Seconds, double ResidentMb, double HeapMb, int Threads, int Files, int Sockets, double DatabaseMb, double Finalized);

/// <summary>
/// Four validators under a steady load for as long as is asked, while one after another is restarted and leaders are killed. The
/// last one is left alone: whatever of its memory, threads and open files is not flat grows for ever. Databases are pruned, and
/// so must be flat at all four.
/// </summary>
internal sealed class SoakRun : IDisposable
{
    private const int Validators = 4;

    /// <summary>The one that is never restarted.</summary>
    public const int Witness = Validators - 1;

    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan s_down = TimeSpan.FromSeconds(1);

    private readonly TimeSpan _duration;
    private readonly TextWriter _output;
    private readonly LocalCluster _cluster;
    private readonly LoadRun _load;
    private readonly Stopwatch _clock = new();
    private readonly List<string> _failures = [];

    /// <summary>The one that is being restarted; -1: none.</summary>
    private int _down = -1;

    public SoakRun(Executable executable, string directory, TimeSpan duration, int rate, TextWriter output)
    {
        _duration = duration;
        _output = output;
        _cluster = LocalCluster.Create(directory, Validators, executable);
        foreach (NodeProcess node in _cluster.Nodes)
        {
            // Small buffers and a short history, so that bounded things reach their bound within minutes.
            string path = Path.Combine(node.Directory, "node.toml");
            string text = File.ReadAllText(path).Replace("write_buffer_mb = 64", "write_buffer_mb = 8").Replace("cache_size_mb = 64", "cache_size_mb = 16");
            File.WriteAllText(path, text.Replace("[storage]\n", $"[storage]\nvertex_cache_mb = 16\nretain_blocks = 2000\nretain_transactions = {60 * rate}\nsnapshot_blocks = 500\n"));
        }

        _load = new LoadRun(
            new LoadOptions
            {
                Targets = Array.ConvertAll(Nodes, n => n.Api),
                Rate = rate,
                Size = 256,
                Duration = duration,
                Seed = 1,
                RequestTimeout = TimeSpan.FromSeconds(5),
                DrainTimeout = TimeSpan.FromSeconds(40),
            },
            from: 0,
            ownTrafficOnly: true);
        Samples = [.. Enumerable.Range(0, Validators).Select(_ => new List<SoakSample>())];
    }

    public NodeProcess[] Nodes => _cluster.Nodes;

    /// <summary>By validator, one a second.</summary>
    public List<SoakSample>[] Samples { get; }

    public List<(double Seconds, string What)> Events { get; } = [];

    public LoadResult? Result { get; private set; }

    /// <returns>One sentence for each thing that is not as it must be.</returns>
    public async Task<List<string>> RunAsync()
    {
        _cluster.StartAll();
        await _cluster.WaitReadyAsync(Nodes, TimeSpan.FromSeconds(60)).ConfigureAwait(false);
        _clock.Start();
        using CancellationTokenSource ended = new();
        Task sampling = SampleAsync(ended.Token);
        Task<LoadResult> load = _load.RunAsync(CancellationToken.None);
        await DisturbAsync().ConfigureAwait(false);
        Result = await load.ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        await sampling.ConfigureAwait(false);
        Judge(Result);
        string[] hung = await _cluster.StopAllAsync(TimeSpan.FromSeconds(20)).ConfigureAwait(false);
        _failures.AddRange(hung.Select(n => $"{n} did not stop when asked"));
        return _failures;
    }

    public void Dispose()
    {
        _cluster.Dispose();
        _load.Dispose();
    }

    /// <summary>Restarts the others in turn; every second time it is the leader that is killed.</summary>
    private async Task DisturbAsync()
    {
        // The end is calm, so that what was submitted becomes final.
        for (int turn = 0; _clock.Elapsed + s_pause < _duration - s_pause; turn++)
        {
            await Task.Delay(s_pause).ConfigureAwait(false);
            int index = turn % Witness;
            bool kill = turn % 2 == 1;
            if (kill && await _cluster.StatusAsync(Nodes[Witness]).ConfigureAwait(false) is { } status)
            {
                int leader = Array.FindIndex(Nodes, n => n.Name == status.Leader);
                index = leader >= 0 && leader != Witness ? leader : index;
            }

            NodeProcess node = Nodes[index];
            Volatile.Write(ref _down, index);
            Note(kill ? $"{node.Name} killed" : $"{node.Name} restarted");
            if (kill)
            {
                node.Kill();
            }
            else if (!await node.StopAsync(TimeSpan.FromSeconds(10)).ConfigureAwait(false))
            {
                _failures.Add($"{node.Name} did not stop when asked");
            }

            await Task.Delay(s_down).ConfigureAwait(false);
            node.Start();
            Volatile.Write(ref _down, -1);
            try
            {
                await _cluster.WaitReadyAsync([node], TimeSpan.FromSeconds(30)).ConfigureAwait(false);
            }
            catch (LocalClusterException e)
            {
                _failures.Add(e.Message);
                return;
            }
        }
    }

    private void Note(string what)
    {
        Events.Add((_clock.Elapsed.TotalSeconds, what));
        _output.WriteLine($"{_clock.Elapsed.TotalSeconds.ToString("F0", CultureInfo.InvariantCulture),6}  {what}; final so far {_load.Tallies.Sum(t => t.Finalized)}");
    }

    private async Task SampleAsync(CancellationToken ended)
    {
        try
        {
            while (true)
            {
                await Task.Delay(1000, ended).ConfigureAwait(false);
                for (int i = 0; i < Validators; i++)
                {
                    if (i != Volatile.Read(ref _down))
                    {
                        Samples[i].Add(await LookAsync(Nodes[i]).ConfigureAwait(false));
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The load has ended.
        }
    }

    private async Task<SoakSample> LookAsync(NodeProcess node)
    {
        NodeStatus? status = await _cluster.StatusAsync(node).ConfigureAwait(false);
        double heap = await _cluster.MetricAsync(node, "dotnet_heap_bytes").ConfigureAwait(false);
        string process = $"/proc/{node.ProcessId}";
        string[] open = Entries(process + "/fd");
        int sockets = open.Count(IsSocket);
        return new SoakSample(
            _clock.Elapsed.TotalSeconds,
            ProcessSample.Of(node.ProcessId).ResidentBytes / 1048576.0,
            heap / 1048576.0,
            Entries(process + "/task").Length,
            open.Length - sockets,
            sockets,
            SizeOf(LocalCluster.StorePath(node)) / 1048576.0,
            status?.NextFinalIndex ?? double.NaN);
    }

    private static string[] Entries(string folder)
    {
        try
        {
            return Directory.GetFileSystemEntries(folder);
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static bool IsSocket(string descriptor)
    {
        try
        {
            return new FileInfo(descriptor).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) ?? false;
        }
        catch (IOException)
        {
            // Closed since.
            return false;
        }
    }

    private static long SizeOf(string folder)
    {
        long bytes = 0;
        foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories))
        {
            try
            {
                bytes += file.Length;
            }
            catch (IOException)
            {
                // Just deleted by a compaction.
            }
        }

        return bytes;
    }

    private void Judge(LoadResult result)
    {
        AddIf(result.Lost > 0, $"{result.Lost} accepted transactions are missing from a validator's stream");
        AddIf(result.Duplicated > 0, $"{result.Duplicated} transactions are in a stream more than once");
        AddIf(result.Diverged > 0, $"streams differ in {result.Diverged} places");
        AddIf(result.Finalized < result.Accepted, $"{result.Accepted} were accepted, {result.Finalized} became final");
        AddIf(result.Finalized == 0, "nothing became final");
        List<SoakSample> witness = Samples[Witness];
        Flat("resident memory", [.. witness.Select(s => s.ResidentMb)], 1.15, 24, "MB");
        Flat("threads", [.. witness.Select(s => (double)s.Threads)], 1, 6, "");
        Flat("open files", [.. witness.Select(s => (double)s.Files)], 1.1, 24, "");

        // The load opens one more for each request that waits while the machine stalls, and keeps it for a while.
        Flat("sockets", [.. witness.Select(s => (double)s.Sockets)], 1.1, 128, "");
        for (int i = 0; i < Validators; i++)
        {
            Flat($"database of {Nodes[i].Name}", [.. Samples[i].Select(s => s.DatabaseMb)], 1.25, 40, "MB");
        }
    }

    /// <summary>
    /// The last quarter's median may exceed that of the quarter before the middle by a share and an allowance at most.
    /// </summary>
    private void Flat(string what, double[] values, double share, double allowance, string unit)
    {
        if (values.Length < 20)
        {
            _failures.Add($"{what}: {values.Length} samples are too few to judge");
            return;
        }

        double early = Statistics.Median(values[(values.Length / 4)..(values.Length / 2)]);
        double late = Statistics.Median(values[(values.Length * 3 / 4)..]);
        string text = string.Create(CultureInfo.InvariantCulture, $"{what}: median {early:0.0} {unit} in the second quarter, {late:0.0} {unit} in the last");
        _output.WriteLine("        " + text);
        AddIf(late > (early * share) + allowance, text + ": it grows");
    }

    private void AddIf(bool failed, string failure)
    {
        if (failed)
        {
            _failures.Add(failure);
        }
    }
}
