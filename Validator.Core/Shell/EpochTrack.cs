using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Shell;

/// <summary>The epoch while blocks are executed, ahead of the ledger.</summary>
/// <param name="epoch">After the newest executed block.</param>
/// <param name="executed">Its sequence.</param>
public sealed class EpochTrack(EpochConfiguration epoch, ulong executed)
{
    private EpochConfiguration _epoch = epoch;
    private ulong _next = executed + 1;

    /// <summary>A block was executed.</summary>
    /// <param name="committee">After it.</param>
    /// <param name="durable">The ledger's: a gap says that a snapshot went in place, with nothing under way.</param>
    /// <returns>The epoch after it; null where the block changed nothing of it.</returns>
    public EpochConfiguration? Execute(Block block, CommitteeState committee, EpochConfiguration durable)
    {
        _epoch = block.Sequence == _next ? _epoch : durable;
        Require.That(_epoch.Number == block.Epoch);
        _next = block.Sequence + 1;
        if (!block.EndsEpoch && committee.Pending == _epoch.Pending)
        {
            return null;
        }

        _epoch = block.EndsEpoch ? EpochConfiguration.After(block, committee.Members, committee.Pending) : _epoch with { Pending = committee.Pending };
        return _epoch;
    }
}
