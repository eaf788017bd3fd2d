using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Host.Storage;

/// <summary>A final block with the result of its execution.</summary>
/// <param name="Vertices">Each with a reference.</param>
/// <param name="Snapshot">Set when a snapshot is due at this block.</param>
/// <param name="Epoch">The epoch that the state is in after this block, where the block began it or made a committee change
/// pending.</param>
internal sealed record ExecutedBlock(
    Block Block, Certificate Certificate, HeldVertex[] Vertices, ExecutionResult Result, SnapshotState? Snapshot = null,
    EpochConfiguration? Epoch = null) : IExecutedBlock
{
    /// <summary>The last of its epoch.</summary>
    public bool EndsEpoch => Block.EndsEpoch;
}
