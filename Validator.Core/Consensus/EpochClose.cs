using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Which block is its epoch's last, and what committee it names (rules E1, E2). At most one change is pending in an epoch, and
/// once it is, it stays.
/// </summary>
internal sealed class EpochClose
{
    private const ulong NoChange = ulong.MaxValue;

    private readonly EpochConfiguration _epoch;
    private readonly int _self;
    private readonly ulong _lengthBlocks;

    // What the last block states when no change is pending; reckoned when one is asked for, as a start need not wait for it.
    private Hash256? _unchanged;

    // The block whose execution made the change pending, and the digest that states it.
    private ulong _changeSequence = NoChange;
    private Hash256 _changed;

    /// <param name="self">Own member, or -1.</param>
    /// <param name="lengthBlocks">Blocks of an epoch; 0: it ends with a change alone.</param>
    public EpochClose(EpochConfiguration epoch, int self, ulong lengthBlocks)
    {
        _epoch = epoch;
        _self = self;
        _lengthBlocks = lengthBlocks;
        if (epoch.Pending is { } pending)
        {
            NoteChange(pending);
        }
    }

    public bool ChangePending => _changeSequence != NoChange;

    /// <summary>
    /// The next epoch goes on without us: what we would author now might wait for an order that never comes (rule E8).
    /// </summary>
    public bool LeavesUs { get; private set; }

    /// <summary>Rule E2: nothing is proposed on it.</summary>
    public bool IsLast(Block block) => block.Epoch == _epoch.Number && block.EndsEpoch;

    /// <summary>A committee change was executed.</summary>
    public void NoteChange(PendingCommittee change)
    {
        Require.That(!ChangePending && change.Sequence != NoChange);
        _changeSequence = change.Sequence;
        _changed = DigestOf(change.Members);
        LeavesUs = _self >= 0 && Member.Find(change.Members, _epoch.Members[_self].ConsensusKey) < 0;
        Require.That(!_changed.IsZero);
    }

    /// <summary>
    /// Rule E1: what a block of this sequence and stated execution must name as the next committee; zero where the epoch goes on.
    /// Known to whoever has executed that far.
    /// </summary>
    public Hash256 NextCommittee(ulong sequence, ulong executed)
    {
        Require.That(sequence > _epoch.Start.Sequence);
        return executed >= _changeSequence ? _changed
            : _lengthBlocks != 0 && sequence - _epoch.Start.Sequence == _lengthBlocks ? Unchanged
            : Hash256.Zero;
    }

    /// <summary>The block names the committee that the own execution, which has come as far as it states, leads to.</summary>
    /// <param name="recovered">The operators ended the epoch with it (rule R2), wherever that was.</param>
    public bool Bears(Block block, bool recovered = false) => block.NextCommittee
        == (recovered && !ChangePending ? Unchanged : NextCommittee(block.Sequence, block.ExecutedSequence));

    private Hash256 Unchanged => _unchanged ??= DigestOf(_epoch.Members);

    public void AssertInvariants()
    {
        Require.That(ChangePending != _changed.IsZero);
        Require.That(ChangePending || !LeavesUs);
    }

    private Hash256 DigestOf(Member[] next) => GenesisCodec.CommitteeDigest(_epoch.Number + 1, next);
}
