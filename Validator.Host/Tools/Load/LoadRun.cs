using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Host.Api;
using Validator.Host.Cli;
using Validator.Host.Contracts;

namespace Validator.Host.Tools.Load;

/// <summary>One run of the generator: subscribe everywhere, send on schedule, wait for the rest, compare.</summary>
public sealed class LoadRun : IDisposable
{
    private static readonly TimeSpan SubscribeTimeout = TimeSpan.FromSeconds(10);

    /// <summary>A status, or what became of a transaction.</summary>
    private const int MostAnswerBytes = 1024 * 1024;

    private readonly LoadOptions _options;
    private readonly ulong _from;
    private readonly OrderComparison _order;
    private readonly FinalizedFollower[] _followers;
    private readonly BatchSender _sender;
    private readonly LoadContent _content;
    private readonly HttpClient _http;

    /// <param name="from">The global index at which all streams are read from.</param>
    /// <param name="ownTrafficOnly">True: nobody else sends to this cluster, so a foreign transaction is a divergence.</param>
    public LoadRun(LoadOptions options, ulong from, bool ownTrafficOnly)
    {
        _options = options;
        _from = from;
        int targets = options.Targets.Length;
        ulong nonce = (ulong)(DateTime.UtcNow - DateTime.UnixEpoch).TotalMicroseconds;
        _content = new LoadContent(options.Pattern, targets, options.Accounts, options.Seed, nonce);
        _order = new OrderComparison(targets);
        _http = options.Client();
        _http.MaxResponseContentBufferSize = MostAnswerBytes;
        Tallies = new TargetTally[targets];
        _followers = new FinalizedFollower[targets];
        for (int i = 0; i < targets; i++)
        {
            Tallies[i] = new TargetTally();
            _followers[i] = new FinalizedFollower(options, _content, _order, Tallies[i], _http, i, from, ownTrafficOnly);
        }

        _sender = new BatchSender(options, _content, Tallies);
    }

    /// <summary>Live counts, per target.</summary>
    public TargetTally[] Tallies { get; }

    /// <summary>Since the first transaction was due; zero before.</summary>
    public TimeSpan Elapsed => StartTimestamp == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(StartTimestamp);

    private long StartTimestamp { get; set; }

    /// <summary>Runs to the end. Cancelling stops sending; what was sent is still waited for, briefly.</summary>
    /// <exception cref="TimeoutException">A target's stream could not be had.</exception>
    public async Task<LoadResult> RunAsync(CancellationToken cancellation)
    {
        await PrepareAsync(cancellation).ConfigureAwait(false);
        using CancellationTokenSource followers = new();
        Task[] following = Array.ConvertAll(_followers, f => Task.Run(() => f.RunAsync(followers.Token)));
        try
        {
            await SubscribeAllAsync(cancellation).ConfigureAwait(false);
            TimeSpan cpuBefore = CpuOfThisProcess();
            StartTimestamp = Stopwatch.GetTimestamp();
            foreach (FinalizedFollower follower in _followers)
            {
                follower.SetStart(StartTimestamp);
            }

            await SendAllAsync(cancellation).ConfigureAwait(false);
            await DrainAsync(cancellation).ConfigureAwait(false);
            double cpu = (CpuOfThisProcess() - cpuBefore).TotalSeconds;
            await followers.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(following).ConfigureAwait(false);
            _order.CompareTails();
            await new MissingLookup(_options, _content, Tallies, _http).RunAsync().ConfigureAwait(false);
            return Result(cpu, cancellation.IsCancellationRequested);
        }
        finally
        {
            await followers.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(following).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose()
    {
        _sender.Dispose();
        _http.Dispose();
        _content.Dispose();
    }

    /// <summary>Signs what will be sent, for the chain that the targets are on.</summary>
    private async Task PrepareAsync(CancellationToken cancellation)
    {
        if (!_content.IsSigned)
        {
            return;
        }

        long bytes = _options.Total * _content.Size;
        if (bytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2)
        {
            throw new IOException($"signatures for {_options.Total} transactions take {bytes / 1e9:F1} GB of memory: ask for less, or for less long");
        }

        using CancellationTokenSource late = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        late.CancelAfter(_options.RequestTimeout);
        byte[] json = await _http.GetByteArrayAsync(new Uri(_options.Targets[0], "/v1/status"), late.Token).ConfigureAwait(false);
        string? chain = JsonSerializer.Deserialize(json, ApiJson.Default.NodeStatus)?.ChainId;
        if (!Hash256.TryParse(chain, out Hash256 chainId))
        {
            throw new IOException($"{_options.Targets[0].Authority} names no chain");
        }

        await Task.Run(() => _content.Sign(chainId, _options.Total, cancellation), cancellation).ConfigureAwait(false);
        await _sender.SendKeysAsync(cancellation).ConfigureAwait(false);
    }

    private static TimeSpan CpuOfThisProcess() => Environment.CpuUsage.TotalTime;

    private async Task SubscribeAllAsync(CancellationToken cancellation)
    {
        Task all = Task.WhenAll(Array.ConvertAll(_followers, f => f.Subscribed.Task));
        long start = Stopwatch.GetTimestamp();
        try
        {
            await all.WaitAsync(SubscribeTimeout, cancellation).ConfigureAwait(false);
            while (!_sender.IsConnected)
            {
                if (Stopwatch.GetElapsedTime(start) > SubscribeTimeout)
                {
                    throw new TimeoutException("no submit stream to every target: is api.quic on there?");
                }

                await Task.Delay(10, cancellation).ConfigureAwait(false);
            }
        }
        catch (TimeoutException) when (!all.IsCompletedSuccessfully)
        {
            string notes = string.Join("; ", Tallies.SelectMany(t => t.Notes()));
            throw new TimeoutException($"no stream of final transactions from index {_from} at every target: {notes}");
        }
    }

    private Task SendAllAsync(CancellationToken cancellation)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Thread thread = new(() =>
        {
            try
            {
                _sender.Run(StartTimestamp, cancellation);
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        })
        {
            Name = "load",
            IsBackground = true,
        };
        thread.Start();
        return done.Task;
    }

    private async Task DrainAsync(CancellationToken cancellation)
    {
        TimeSpan patience = cancellation.IsCancellationRequested ? TimeSpan.FromSeconds(2) : _options.DrainTimeout;
        long lastStreamed = -1;
        long lastProgress = Stopwatch.GetTimestamp();
        while (_sender.InFlight > 0 || !AllSeenEverywhere())
        {
            long streamed = Tallies.Sum(t => t.Streamed);
            if (streamed != lastStreamed)
            {
                lastStreamed = streamed;
                lastProgress = Stopwatch.GetTimestamp();
            }
            else if (Stopwatch.GetElapsedTime(lastProgress) > patience)
            {
                return;
            }

            await Task.Delay(20, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private bool AllSeenEverywhere() =>
        Array.TrueForAll(_followers, f => f.NextIndex == _followers[0].NextIndex)
        && Array.TrueForAll(Tallies, t => t.CountLost(Tallies) == 0);

    private LoadResult Result(double cpuSeconds, bool interrupted)
    {
        LatencyHistogram finality = new(), strong = new();
        foreach (TargetTally tally in Tallies)
        {
            tally.AddFinalityTo(finality);
            tally.AddStrongTo(strong);
        }

        double seconds = interrupted ? Math.Max(Elapsed.TotalSeconds, 0.001) : _options.Total / (double)_options.Rate;
        long accepted = Tallies.Sum(t => t.Accepted), rejectedLate = Tallies.Sum(t => t.CountRejectedLate(Tallies));
        return new LoadResult
        {
            Strong = strong.Count,
            StrongFinality = strong,
            NotStrong = _options.Strong ? Math.Max(0, accepted - rejectedLate - strong.Count) : 0,
            Submitted = Tallies.Sum(t => t.Submitted),
            Accepted = accepted,
            Rejected = Tallies.Sum(t => t.Rejected),
            RejectedLate = rejectedLate,
            TimedOut = Tallies.Sum(t => t.TimedOut),
            Finalized = Tallies.Sum(t => t.Finalized),
            Lost = Tallies.Sum(t => t.CountLost(Tallies)),
            Duplicated = Tallies.Sum(t => t.Duplicated),
            Diverged = _order.Diverged + Tallies.Sum(t => t.Corrupt),
            FinalizedPerSecond = Tallies.Sum(t => t.FinalizedInTime) / seconds,
            Finality = finality,
            GeneratorCpuSeconds = cpuSeconds,
            Interrupted = interrupted,
            Notes = [.. Tallies.SelectMany(t => t.Notes())],
        };
    }
}
