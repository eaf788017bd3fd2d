namespace Validator.Host.Contracts;

/// <summary>Full backups of a running validator, as its admin API tells.</summary>
/// <param name="Running">One is being made.</param>
/// <param name="LastId">The newest that this process finished; null: none yet.</param>
/// <param name="Error">Why the newest one that ended failed; null where it did not.</param>
/// <param name="Ended">Backups that this process has finished or given up.</param>
public sealed record BackupState(bool Running, string? LastId, string? Error, long Ended);

/// <summary>What an operator may ask of backups while a validator runs.</summary>
public interface IBackups
{
    BackupState State { get; }

    /// <summary>Begins a full backup; one that is being made goes on.</summary>
    void Begin();
}
