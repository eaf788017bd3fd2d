using Validator.Core.Dag;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The block that a leader proposes next, and when (rules P1 and V5): within window and pipeline, what is held and not ordered,
/// or the root that is due, a pace after the block before. What it builds, others who know as much accept (rule P3).
/// </summary>
internal sealed class BlockBuilder(
    GenesisParameters parameters, CoreSettings settings, FinalChain chain, BlockTree blocks, EpochClose close, LaneSet lanes, Pace pace)
{
    /// <summary>
    /// A block that states a root and orders nothing waits this many least intervals for something to order: nobody waits for it,
    /// unless an epoch ends, and at a few transactions a second it was every other block.
    /// </summary>
    private const int RootPatience = 10;

    private long _lastMicros = long.MinValue / 2;

    /// <summary>When the block that was not due yet is; long.MaxValue where there is none.</summary>
    public long DueMicros { get; private set; } = long.MaxValue;

    /// <summary>The earliest moment for a block that orders something, monotonic microseconds.</summary>
    public long EarliestMicros => _lastMicros + pace.Micros;

    /// <summary>The child of <paramref name="parent"/> to propose now; null where there is none, or none yet.</summary>
    /// <param name="from">No lower sequence is proposed.</param>
    /// <param name="wall">Own clock, microseconds since 1970.</param>
    public Block? Build(Block parent, ulong from, long now, ulong wall)
    {
        ulong sequence = parent.Sequence + 1;
        if (close.IsLast(parent) || sequence <= chain.Sequence || sequence < from
            || sequence > chain.Sequence + Math.Min(parameters.WindowBlocks, (ulong)settings.PipelineBlocks)
            || sequence > chain.Executed + Limits.MaxListed)
        {
            return null;
        }

        bool orders = lanes.NextCut(parent.Cut, parameters.MaxBlockVertices, out LaneTip[] cut);
        if (!orders && !RootIsDue(parent))
        {
            return null;
        }

        long due = orders || close.ChangePending ? EarliestMicros : _lastMicros + (RootPatience * settings.BlockIntervalMicros);
        if (now < due)
        {
            DueMicros = due;
            return null;
        }

        ulong executed = parent.ExecutedSequence;
        Hash256 root = parent.ExecutedRoot;
        if (chain.Executed > executed)
        {
            executed = chain.Executed;
            Require.That(chain.TryRoot(executed, out root));
        }

        return executed + parameters.WindowBlocks + BlockJudge.ExecutionSlack < sequence
            ? null
            : BlockCodec.Seal(
                parent.Epoch, sequence, parent.Hash, Math.Max(wall, parent.TimestampMicros + 1), executed, root,
                close.NextCommittee(sequence, executed), cut);
    }

    /// <summary>Called before everything is judged again.</summary>
    public void ForgetDue() => DueMicros = long.MaxValue;

    public void OnProposed(long now) => _lastMicros = now;

    /// <summary>A view begins with a block at once.</summary>
    public void OnNewView() => _lastMicros = long.MinValue / 2;

    /// <summary>The newest block that ordered something is executed, and no block states the root yet (rule V5).</summary>
    private bool RootIsDue(Block parent) =>
        blocks.LastOrdering(parent) is var last && last > parent.ExecutedSequence && chain.Executed >= last;
}
