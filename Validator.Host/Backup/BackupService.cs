using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Validator.Host.Contracts;
using Validator.Host.Logging;

namespace Validator.Host.Backup;

/// <summary>
/// Full backups of a running validator, on a thread of their own: when they are due, and when they are asked for. What fails is
/// logged, counted and tried again; it never stops the validator. Older backups are pruned after each.
/// </summary>
internal sealed class BackupService : IBackups, IDisposable
{
    /// <summary>After a failure the next try comes after this, or when it is due, if that is sooner.</summary>
    private static readonly TimeSpan s_retry = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan s_look = TimeSpan.FromMinutes(1);

    /// <summary>A stop waits so long for a part that is being sent; the thread ends with the process.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(500);

    private readonly BackupSource _source;
    private readonly IBackupTarget _target;
    private readonly BackupMetrics _metrics;
    private readonly ILogger _log;
    private readonly Thread _thread;
    private readonly CancellationTokenSource _stopping = new();
    private readonly object _lock = new();
    private BackupState _state = new(false, null, null, 0);
    private bool _asked;

    public BackupService(BackupSource source, IBackupTarget target, BackupMetrics metrics, ILogger log)
    {
        (_source, _target, _metrics, _log) = (source, target, metrics, log);
        _thread = new Thread(Run) { IsBackground = true, Name = "backup", Priority = ThreadPriority.BelowNormal };
        _thread.Start();
    }

    public BackupState State
    {
        get
        {
            lock (_lock)
            {
                return _state with { Running = _state.Running || _asked };
            }
        }
    }

    public void Begin()
    {
        lock (_lock)
        {
            _asked = !_state.Running;
            Monitor.PulseAll(_lock);
        }
    }

    public void Dispose()
    {
        _stopping.Cancel();
        lock (_lock)
        {
            Monitor.PulseAll(_lock);
        }

        if (_thread.Join(s_patience))
        {
            _target.Dispose();
        }
    }

    private void Run()
    {
        DateTime? next = null;
        try
        {
            next = FirstDue();
            while (Wait(next))
            {
                DateTime begun = DateTime.UtcNow;
                bool made = TryMake();
                next = _source.Config.Backup.Schedule is not { } schedule ? null
                    : made ? Due(schedule.Next(begun, begun)) : DateTime.UtcNow + s_retry;
            }
        }
        catch (OperationCanceledException)
        {
            // The validator stops; the next one goes on.
        }
    }

    /// <summary>By the schedule, and what the target holds of earlier processes.</summary>
    private DateTime? FirstDue()
    {
        DateTime? last = null;
        try
        {
            CatalogEntry? newest = CatalogOf(_source, _target).Read().FindLast(e => e.Manifest is not null);
            last = newest?.Begun;
            if (newest is { Manifest: { } manifest })
            {
                _metrics.LastSuccessSeconds.Value = Seconds(newest.Begun);
                _metrics.LastBlock.Value = manifest.LastBlock;
                _metrics.LastBytes.Value = newest.Bytes;
            }
        }
        catch (Exception e) when (BackupException.IsFault(e, _stopping.Token))
        {
            HostLog.LogBackupUnread(_log, BackupException.Tell(e));
        }

        return _source.Config.Backup.Schedule is { } schedule ? Due(schedule.Next(last, DateTime.UtcNow)) : null;
    }

    private DateTime Due(DateTime next)
    {
        _metrics.DueSeconds.Value = Seconds(next);
        return next;
    }

    /// <summary>Until one is asked for or due.</summary>
    private bool Wait(DateTime? next)
    {
        lock (_lock)
        {
            while (!_asked && !(next <= DateTime.UtcNow))
            {
                _stopping.Token.ThrowIfCancellationRequested();
                // Clocks jump: looks again at least once a minute.
                TimeSpan left = next is { } due ? due - DateTime.UtcNow + TimeSpan.FromMilliseconds(1) : s_look;
                Monitor.Wait(_lock, left < s_look ? left : s_look);
            }

            _stopping.Token.ThrowIfCancellationRequested();
            _asked = false;
            _state = _state with { Running = true };
            return true;
        }
    }

    private bool TryMake()
    {
        long start = Stopwatch.GetTimestamp();
        BackupJob job = new(_source, _target, told => HostLog.LogBackupTold(_log, told));
        string? error = null;
        BackupManifest? made = null;
        try
        {
            made = job.Run(_stopping.Token);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            _metrics.Made.Add();
            _metrics.StoredBytes.Add(job.StoredBytes);
            _metrics.LastSuccessSeconds.Value = Seconds(made.Created);
            _metrics.LastBlock.Value = made.LastBlock;
            _metrics.LastBytes.Value = job.StoredBytes;
            _metrics.LastDurationSeconds.Value = seconds;
            HostLog.LogBackupMade(_log, made.Id, made.LastBlock, job.StoredBytes, made.Parts.Length, seconds);
            foreach (string pruned in BackupRetention.Prune(CatalogOf(_source, _target), _source.Config.Backup, DateTime.UtcNow))
            {
                HostLog.LogBackupTold(_log, $"pruned backup {pruned}");
            }

            BackupRetention.PruneArchive(CatalogOf(_source, _target), _target, _source.Place);
        }
        catch (Exception e) when (BackupException.IsFault(e, _stopping.Token))
        {
            error = BackupException.Tell(e);
            _metrics.Failed.Add();
            HostLog.LogBackupFailed(_log, error);
        }

        _metrics.Failing.Value = error is null ? 0 : 1;
        lock (_lock)
        {
            _state = new BackupState(false, made?.Id ?? _state.LastId, error, _state.Ended + 1);
        }

        return made is not null;
    }

    internal static BackupCatalog CatalogOf(BackupSource source, IBackupTarget target) =>
        new(target, source.Place, source.TransportKeys);

    private static double Seconds(DateTime time) => (time - DateTime.UnixEpoch).TotalSeconds;
}
