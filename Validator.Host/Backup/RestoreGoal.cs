using Validator.Core.Wire;

namespace Validator.Host.Backup;

/// <summary>How far a ledger is restored: to the end of what is archived, or to a point of it.</summary>
/// <param name="Index">Up to the block that holds this global index, with it.</param>
/// <param name="TimeMicros">Up to the last block whose time is not later, Unix microseconds.</param>
internal sealed record RestoreGoal(ulong? Index, ulong? TimeMicros)
{
    public static RestoreGoal End { get; } = new(null, null);

    /// <summary>Whether a full backup does not go beyond it.</summary>
    public bool Fits(BackupManifest full) =>
        (Index is not { } index || full.NextIndex <= index + 1) && (TimeMicros is not { } time || full.TimestampMicros <= time);

    /// <summary>Whether a block is within it.</summary>
    /// <param name="nextIndex">What the block's first transaction would get.</param>
    public bool Wants(Block block, ulong nextIndex) =>
        (Index is not { } index || nextIndex <= index) && (TimeMicros is not { } time || block.TimestampMicros <= time);
}
