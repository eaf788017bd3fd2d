using Microsoft.Extensions.Logging;
using Validator.Host.Backup;
using Validator.Host.Config;
using Validator.Host.Contracts;

namespace Validator.Host.Cli;

/// <summary>What backs up a validator while it runs: full backups, and the archive between them.</summary>
internal sealed class BackupServing : IDisposable
{
    private readonly ArchiveService? _archive;

    private BackupServing(BackupService backups, ArchiveService? archive) => (Backups, _archive) = (backups, archive);

    public BackupService Backups { get; }

    /// <summary>Null where the validator has no target.</summary>
    /// <exception cref="ConfigException">The key is at fault.</exception>
    /// <exception cref="BackupException">The credentials are.</exception>
    public static BackupServing? Start(NodeContext context, IValidatorNode node, string configuration, ILogger log)
    {
        BackupSection settings = context.Config.Backup;
        if (settings.Target is null || node.CopyLedger is not { } copy)
        {
            return null;
        }

        BackupSource source = BackupCreate.SourceOf(context, configuration, copy);
        BackupService backups = new(source, Targets.Open(settings), context.Metrics.Backups, log);
        if (!settings.Archive)
        {
            return new BackupServing(backups, null);
        }

        byte[]? key = settings.Unencrypted ? null : BackupKeys.ReadPublic(settings.EncryptionKey);
        IBackupTarget target = Targets.Open(settings);
        Archiver archiver = new(
            source.Place, target, settings.Compression, key,
                node.ReadFinal, () => (node.FirstBlock, node.GetStatus().ExecutedSequence));
        TimeSpan every = TimeSpan.FromSeconds(settings.ArchiveSeconds);
        return new BackupServing(backups, new ArchiveService(archiver, target, every, context.Metrics.Backups, log));
    }

    public void Dispose()
    {
        _archive?.Dispose();
        Backups.Dispose();
    }
}
