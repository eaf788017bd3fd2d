namespace Validator.Core.Consensus;

/// <summary>Local settings that never decide validity.</summary>
public sealed record CoreSettings
{
    /// <summary>Base of the view timer, microseconds; see ViewTimer for how it grows.</summary>
    public long ViewTimeoutMicros { get; init; } = 500_000;

    /// <summary>
    /// Least time between two proposals, and between two own vertices, microseconds; load stretches it up to eightfold.
    /// </summary>
    public long BlockIntervalMicros { get; init; } = 10_000;

    /// <summary>Blocks a leader keeps in flight.</summary>
    public int PipelineBlocks { get; init; } = 8;

    /// <summary>Period of Status to every peer, microseconds.</summary>
    public long StatusIntervalMicros { get; init; } = 250_000;

    /// <summary>
    /// Vertices held or announced but not ordered, over all lanes; beyond it others' wait and own batches get no credit.
    /// </summary>
    public int MaxPendingVertices { get; init; } = 10_000;

    /// <summary>The same in payload bytes.</summary>
    public long MaxPendingBytes { get; init; } = 1L << 30;

    /// <summary>Own vertices not yet ordered.</summary>
    public int MaxOwnPendingVertices { get; init; } = 64;

    /// <summary>An idle validator authors an empty vertex this often, microseconds; 0: never.</summary>
    public long IdleVertexMicros { get; init; } = 10_000_000;

    /// <summary>
    /// A block that all members have prepared is final here at once (rule P5). Off, Commits are awaited; what others made final
    /// so counts in either case.
    /// </summary>
    public bool FastPath { get; init; } = true;

    /// <summary>False: follow, serve and execute, but sign nothing (section 6).</summary>
    public bool Signs { get; init; } = true;

    /// <summary>For one that does not sign: the epoch from which on it may is on disk already.</summary>
    public bool ReturnKnown { get; init; }
}
