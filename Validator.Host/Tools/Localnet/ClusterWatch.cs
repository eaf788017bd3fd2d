using System.Diagnostics;
using Validator.Host.Contracts;
using Validator.Host.Tools.Load;

namespace Validator.Host.Tools.Localnet;

/// <summary>What a cluster has cost so far, summed over its validators; views and blocks are those of the furthest.</summary>
/// <param name="Datagrams">Sent to other validators; brought up to date once a second.</param>
/// <param name="VoteCommits">The vote stores' group commits, sync included, at or below each bound in seconds.</param>
/// <param name="RoundTrips">Samples of QUIC's round trips between validators, likewise.</param>
/// <param name="Strong">Transactions, from acceptance to strong finality, likewise.</param>
internal readonly record struct ClusterCost(
    double CpuSeconds, long PeakResidentBytes, long WrittenBytes, long Syncs, long Datagrams, long Views, long Blocks,
    SortedDictionary<double, double> VoteCommits, SortedDictionary<double, double> RoundTrips,
    SortedDictionary<double, double> Strong)
{
    /// <summary>Since an earlier sample: 99 of 100 votes were durable within so many seconds.</summary>
    public double VoteCommitP99(ClusterCost before) => P99(VoteCommits, before.VoteCommits);

    /// <summary>Since an earlier sample, seconds.</summary>
    public double RoundTripP99(ClusterCost before) => P99(RoundTrips, before.RoundTrips);

    /// <summary>Since an earlier sample, seconds.</summary>
    public double StrongP99(ClusterCost before) => P99(Strong, before.Strong);

    public static async Task<ClusterCost> OfAsync(LocalCluster cluster)
    {
        ClusterCost sum = new(0, 0, 0, 0, 0, 0, 0, [], [], []);
        foreach (NodeProcess node in cluster.Honest)
        {
            ProcessSample sample = ProcessSample.Of(node.ProcessId);
            NodeStatus? status = await cluster.StatusAsync(node).ConfigureAwait(false);
            string metrics = await cluster.MetricsAsync(node).ConfigureAwait(false);
            double syncs = MetricsReader.Sum(metrics, "cretoai_vote_syncs_total") + MetricsReader.Sum(metrics, "cretoai_ledger_syncs_total");
            Add(sum.VoteCommits, metrics, "cretoai_vote_commit_seconds");
            Add(sum.RoundTrips, metrics, "cretoai_round_trip_seconds");
            Add(sum.Strong, metrics, "cretoai_strong_finality_time_seconds");
            sum = new ClusterCost(
                sum.CpuSeconds + sample.CpuSeconds,
                Math.Max(sum.PeakResidentBytes, sample.PeakResidentBytes),
                sum.WrittenBytes + sample.WrittenBytes,
                sum.Syncs + (long)syncs,
                sum.Datagrams + (long)MetricsReader.Sum(metrics, "cretoai_datagrams_sent_total"),
                Math.Max(sum.Views, (long)(status?.View ?? 0)),
                Math.Max(sum.Blocks, (long)(status?.FinalSequence ?? 0)),
                sum.VoteCommits,
                sum.RoundTrips,
                sum.Strong);
        }

        return sum;
    }

    private static void Add(SortedDictionary<double, double> sum, string metrics, string histogram)
    {
        foreach ((double bound, double count) in MetricsReader.Buckets(metrics, histogram))
        {
            sum[bound] = sum.GetValueOrDefault(bound) + count;
        }
    }

    private static double P99(SortedDictionary<double, double> now, SortedDictionary<double, double> before) =>
        MetricsReader.Quantile(now.ToDictionary(b => b.Key, b => b.Value - before.GetValueOrDefault(b.Key)), 0.99);
}

/// <summary>Samples a running cluster for the screen; rates are those since the sample before.</summary>
internal sealed class ClusterWatch(LocalCluster cluster, LoadRun run, TimeSpan duration)
{
    private readonly long[] _finalizedBefore = new long[cluster.Honest.Length];
    private readonly double[] _cpuBefore = Array.ConvertAll(cluster.Honest, n => ProcessSample.Of(n.ProcessId).CpuSeconds);
    private long _sampledAt = Stopwatch.GetTimestamp();

    public async Task<(NodeLine[] Nodes, ClusterLine All)> SampleAsync()
    {
        NodeStatus?[] statuses = await Task.WhenAll(Array.ConvertAll(cluster.Honest, n => cluster.StatusAsync(n)))
            .ConfigureAwait(false);
        double seconds = Math.Max(Stopwatch.GetElapsedTime(_sampledAt).TotalSeconds, 1e-3);
        _sampledAt = Stopwatch.GetTimestamp();
        NodeLine[] lines = new NodeLine[cluster.Honest.Length];
        LatencyHistogram all = new();
        double rate = 0;
        for (int i = 0; i < lines.Length; i++)
        {
            LatencyHistogram own = new();
            run.Tallies[i].TakeRecentFinality(own);
            all.Add(own);
            ProcessSample sample = ProcessSample.Of(cluster.Honest[i].ProcessId);
            long finalized = run.Tallies[i].Finalized;
            lines[i] = new NodeLine(
                cluster.Honest[i].Name,
                statuses[i] is not null,
                statuses[i]?.View ?? 0,
                statuses[i]?.FinalSequence ?? 0,
                (finalized - _finalizedBefore[i]) / seconds,
                own.PercentileMicros(50) / 1000.0,
                own.PercentileMicros(99) / 1000.0,
                sample.ResidentBytes / 1e6,
                Math.Max(0, sample.CpuSeconds - _cpuBefore[i]) / seconds * 100,
                statuses[i]?.Reason ?? "");
            rate += lines[i].TransactionsPerSecond;
            _finalizedBefore[i] = finalized;
            _cpuBefore[i] = sample.CpuSeconds;
        }

        return (lines, new ClusterLine(
            run.Elapsed < duration ? run.Elapsed : duration,
            duration,
            run.Tallies.Sum(t => t.Submitted),
            run.Tallies.Sum(t => t.Finalized),
            run.Tallies.Sum(t => t.Rejected),
            run.Tallies.Sum(t => t.TimedOut),
            rate,
            all.PercentileMicros(50) / 1000.0,
            all.PercentileMicros(99) / 1000.0));
    }
}
