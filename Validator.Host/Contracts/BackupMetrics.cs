namespace Validator.Host.Contracts;

/// <summary>Counts of full backups, for the metrics page. Any thread.</summary>
public sealed class BackupMetrics
{
    public Counter Made { get; } = new();

    public Counter Failed { get; } = new();

    /// <summary>Bytes that the target took.</summary>
    public Counter StoredBytes { get; } = new();

    /// <summary>Unix time when the newest good one was begun, of an earlier process too; 0: none is known.</summary>
    public Gauge LastSuccessSeconds { get; } = new();

    /// <summary>Newest block in it.</summary>
    public Gauge LastBlock { get; } = new();

    public Gauge LastBytes { get; } = new();

    public Gauge LastDurationSeconds { get; } = new();

    /// <summary>Unix time when the next is due by the schedule; 0: there is none.</summary>
    public Gauge DueSeconds { get; } = new();

    /// <summary>1 where the newest one that ended failed.</summary>
    public Gauge Failing { get; } = new();

    /// <summary>Newest block in the archive; 0: none is known.</summary>
    public Gauge ArchivedBlock { get; } = new();

    /// <summary>Unix time up to which the archive had all that was final.</summary>
    public Gauge ArchivedSeconds { get; } = new();

    public Gauge ArchiveFailing { get; } = new();

    public Counter ArchivedBytes { get; } = new();

    /// <summary>Blocks that were gone here before they were archived.</summary>
    public Gauge ArchiveMissed { get; } = new();
}
