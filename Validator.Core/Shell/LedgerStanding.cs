using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

/// <summary>
/// How far the ledger is: the newest block whose execution is durable, and the epoch after it. It moves in three ways, each after
/// its sync, and what Core is told of it comes from here: block by block, on to the next epoch without its state (rule E6), and
/// by a snapshot, which takes the place of blocks that were never executed here.
/// </summary>
/// <param name="epoch">After the newest executed block, or the one that was gone on to.</param>
/// <param name="executed">0 before the first block.</param>
public sealed class LedgerStanding(EpochConfiguration epoch, ulong executed, Hash256 root)
{
    public EpochConfiguration Epoch { get; private set; } = epoch;

    public ulong Executed { get; private set; } = executed;

    /// <summary>After the newest executed block.</summary>
    public Hash256 Root { get; private set; } = root;

    /// <summary>Epochs were passed by, and nothing is executed before a snapshot is in place.</summary>
    public bool IsBehind => Executed < Epoch.Start.Sequence;

    /// <summary>A block's execution is durable.</summary>
    /// <param name="after">The epoch after it, where it ended one or changed what is pending.</param>
    public Input Execute(Block block, in Hash256 root, EpochConfiguration? after)
    {
        Require.That(block.Epoch == Epoch.Number && block.Sequence == Executed + 1 && !IsBehind, "blocks are executed one after the other");
        Require.That(block.EndsEpoch == (after?.Number > block.Epoch));
        (Executed, Root, Epoch) = (block.Sequence, root, after ?? Epoch);
        return Input.Executed(block.Sequence, root, block.EndsEpoch ? null : after?.Pending, block.Epoch);
    }

    /// <summary>The epoch's end is durable, and the rest of it will never be executed here.</summary>
    public Input PassBy(EpochEnd end)
    {
        Require.That(end.Epoch == Epoch.Number && end.Last.Sequence > Executed);
        Epoch = EpochConfiguration.After(end.Last, end.Next);
        return Input.EpochEndStored(end.Epoch);
    }

    /// <summary>The epoch with a snapshot's state in place.</summary>
    public EpochConfiguration With(SnapshotManifest manifest)
    {
        Require.That(manifest.Epoch == Epoch.Number && manifest.Sequence > Executed && (!IsBehind || manifest.Sequence >= Epoch.Start.Sequence));
        return Epoch with { Pending = manifest.Pending };
    }

    /// <summary>A snapshot's state is in place, durably.</summary>
    public Input Install(SnapshotManifest manifest)
    {
        (Epoch, Executed, Root) = (With(manifest), manifest.Sequence, manifest.State.Root);
        return Input.SnapshotInstalled(manifest.Epoch);
    }
}
