using Validator.Host.Cli;
using Validator.Host.Primitives;
using Validator.Net.Streams;

namespace Validator.Host.Tools.Load;

/// <summary>What to send where.</summary>
public sealed record LoadOptions
{
    /// <summary>API base addresses, one per validator; the load is spread evenly over them.</summary>
    public required Uri[] Targets { get; init; }

    /// <summary>Transactions per second over all targets.</summary>
    public int Rate { get; init; } = 2000;

    /// <summary>Bytes per transaction, at least <see cref="TransactionPattern.MinSize"/>.</summary>
    public int Size { get; init; } = 512;

    /// <summary>Makes a client of the targets' APIs, without a time limit, with the token that they want.</summary>
    public Func<HttpClient> Client { get; init; } = () => HttpHandlers.Client(Timeout.InfiniteTimeSpan);

    /// <summary>The bearer token that <see cref="Client"/> shows, for the submit streams; null: none.</summary>
    public string? Token { get; init; }

    /// <summary>Per target its submit stream; empty: submissions go over HTTP.</summary>
    public StreamTarget[] Streams { get; init; } = [];

    /// <summary>Submissions wait for strong finality, and how long they did is measured.</summary>
    public bool Strong { get; init; }

    /// <summary>Accounts that sign the transactions as envelopes; 0: opaque transactions.</summary>
    public int Accounts { get; init; }

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(30);

    public ulong Seed { get; init; } = 1;

    /// <summary>Distinguishes this run's transactions from those of another run with the same seed.</summary>
    public ulong Run { get; init; } = (ulong)Random.Shared.NextInt64();

    /// <summary>A request without an answer for this long is counted as timed out.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After the load: gives up on what is missing when nothing becomes final for this long.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Transactions offered in the whole run.</summary>
    public long Total => Math.Max(1, (long)(Rate * Duration.TotalSeconds));

    /// <summary>The content that only this run sends.</summary>
    public TransactionPattern Pattern => new(Seed, Size, Run);

    /// <summary>When transaction <paramref name="number"/> is due, microseconds after the start.</summary>
    public long DueMicros(long number) => (long)((Int128)number * 1_000_000 / Rate);
}

/// <summary>The result of a finished run. Counts are of transactions.</summary>
public sealed record LoadResult
{
    public long Submitted { get; init; }
    public long Accepted { get; init; }
    public long Rejected { get; init; }

    /// <summary>
    /// Accepted, ordered, and then rejected by execution: repeats, or nonces that another load used. Nothing is missing.
    /// </summary>
    public long RejectedLate { get; init; }

    /// <summary>No answer in time, or a connection that failed: such a transaction may or may not be ordered.</summary>
    public long TimedOut { get; init; }

    /// <summary>Seen final in the stream of the validator that it was sent to.</summary>
    public long Finalized { get; init; }

    /// <summary>Accepted, and missing from at least one validator's stream.</summary>
    public long Lost { get; init; }

    /// <summary>Seen more than once in one stream.</summary>
    public long Duplicated { get; init; }

    /// <summary>Places where two streams differ, an index is skipped, or a payload or id is not what was sent.</summary>
    public long Diverged { get; init; }

    /// <summary>
    /// Transactions known to be final no later than one second after the load's end, over the load's duration: a cluster that
    /// falls further behind shows here; the latency of the last transactions does not.
    /// </summary>
    public double FinalizedPerSecond { get; init; }

    /// <summary>From the scheduled send to the moment the submitting side knows the transaction final.</summary>
    public LatencyHistogram Finality { get; init; } = new();

    /// <summary>Where it was asked for: said to be strong; the same from the scheduled send to that answer.</summary>
    public long Strong { get; init; }

    public LatencyHistogram StrongFinality { get; init; } = new();

    /// <summary>
    /// Where it was asked for: accepted, not rejected afterwards, and not said to be strong in time, or not said at all.
    /// </summary>
    public long NotStrong { get; init; }

    /// <summary>Processor seconds of the generating process during the run.</summary>
    public double GeneratorCpuSeconds { get; init; }

    public bool Interrupted { get; init; }

    /// <summary>The first few failures of requests and streams, for the operator.</summary>
    public string[] Notes { get; init; } = [];
}
