using Microsoft.Extensions.Logging;
using Validator.Host.Contracts;
using Validator.Host.Logging;

namespace Validator.Host.Backup;

/// <summary>The archive of a running validator: looks for new final blocks every few seconds, on a thread of its own.</summary>
internal sealed class ArchiveService : IDisposable
{
    /// <summary>A stop waits so long for a block that is being read; what is being sent ends with the process.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly Archiver _archiver;
    private readonly IBackupTarget _target;
    private readonly BackupMetrics _metrics;
    private readonly ILogger _log;
    private readonly TimeSpan _every;
    private readonly Thread _thread;
    private readonly CancellationTokenSource _stopping = new();

    public ArchiveService(Archiver archiver, IBackupTarget target, TimeSpan every, BackupMetrics metrics, ILogger log)
    {
        (_archiver, _target, _every, _metrics, _log) = (archiver, target, every, metrics, log);
        _metrics.ArchivedSeconds.Value = Now();
        _thread = new Thread(Run) { IsBackground = true, Name = "archive", Priority = ThreadPriority.BelowNormal };
        _thread.Start();
    }

    public void Dispose()
    {
        _stopping.Cancel();
        if (_thread.Join(s_patience))
        {
            _target.Dispose();
        }
    }

    private void Run()
    {
        string? told = null;
        ulong missed = 0;
        do
        {
            double begun = Now();
            string? fault = null;
            try
            {
                _metrics.ArchivedBytes.Add(_archiver.Run(_stopping.Token));
                _metrics.ArchivedSeconds.Value = begun;
            }
            catch (Exception e) when (BackupException.IsFault(e, _stopping.Token))
            {
                fault = BackupException.Tell(e);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            _metrics.ArchivedBlock.Value = _archiver.Archived ?? 0;
            _metrics.ArchiveFailing.Value = fault is null ? 0 : 1;
            _metrics.ArchiveMissed.Value = _archiver.Missed;
            if (_archiver.Missed > missed)
            {
                missed = _archiver.Missed;
                HostLog.LogArchiveMissed(_log, missed);
            }

            if (fault is not null && fault != told)
            {
                HostLog.LogArchiveFailed(_log, fault);
            }

            told = fault;
        }
        while (!_stopping.Token.WaitHandle.WaitOne(_every));
    }

    private static double Now() => (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds;
}
