using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Which final blocks how much weight is bound to (rule S2): a Prepare shows that its sender has executed what the block states.
/// One number for each member, of the highest that it showed, and one for each level, which only rises.
/// </summary>
internal sealed class StrongFinality
{
    /// <summary>Final blocks whose Prepares still count when they come late.</summary>
    private const int Remembered = 512;

    private readonly Committee _committee;
    private readonly FinalChain _chain;

    // By member: the highest execution that it showed, and the lowest sequence it prepared in the newest view it was heard in.
    private readonly ulong[] _shown;
    private readonly (ulong View, ulong Sequence)[] _first;

    // What final blocks state, where that is news.
    private readonly (ulong Sequence, ulong Executed)[] _stated = new (ulong, ulong)[Remembered];

    // By level: the sequence reached, what the next one takes, and the weight that has shown more.
    private readonly ulong[] _reached = new ulong[FinalityLevels.Count];
    private readonly ulong[] _least = new ulong[FinalityLevels.Count];
    private readonly ulong[] _beyond = new ulong[FinalityLevels.Count];
    private readonly bool[] _rose = new bool[FinalityLevels.Count];

    // For sorting.
    private readonly ulong[] _keys;
    private readonly int[] _members;

    public StrongFinality(Committee committee, FinalChain chain)
    {
        _committee = committee;
        _chain = chain;
        _shown = new ulong[committee.Count];
        _first = new (ulong, ulong)[committee.Count];
        _keys = new ulong[committee.Count];
        _members = new int[committee.Count];
        for (int level = 1; level < _least.Length; level++)
        {
            _least[level] = FinalityLevels.WeightOf((FinalityLevel)level, committee);
        }
    }

    /// <summary>The highest sequence that this level has been reached for; 0 for none.</summary>
    public ulong Reached(FinalityLevel level) => _reached[(int)level];

    /// <summary>A child of the tip was made final.</summary>
    /// <param name="slot">Of the current view, where there is one: Prepares that came before.</param>
    public void OnFinal(Block block, Block parent, Slot? slot)
    {
        _stated[block.Sequence % Remembered] = (block.Sequence, block.ExecutedSequence > parent.ExecutedSequence ? block.ExecutedSequence : 0);
        for (int i = 0; slot is not null && i < _committee.Count; i++)
        {
            if (slot.Prepares[i] is { } vote)
            {
                Note(vote.Header);
            }
        }
    }

    /// <summary>A Prepare or PrePrepare whose signature holds, for a sequence that is final; however late, or again.</summary>
    public void Note(in SignedHeader vote)
    {
        ref (ulong View, ulong Sequence) first = ref _first[vote.Sender];
        if (first.Sequence == 0 || vote.View > first.View || (vote.View == first.View && vote.Sequence < first.Sequence))
        {
            // A view's first may be its base, which is voted for without a look at what it states (rule V4).
            first = (vote.View, vote.Sequence);
            return;
        }

        (ulong sequence, ulong executed) = _stated[vote.Sequence % Remembered];
        if (vote.View == first.View && vote.Sequence > first.Sequence && sequence == vote.Sequence && _chain.HashAt(sequence) == vote.Digest)
        {
            Show(vote.Sender, executed);
        }
    }

    /// <summary>Says which levels rose in this step.</summary>
    public void Tell(Step step)
    {
        for (int level = 1; level < _rose.Length; level++)
        {
            if (_rose[level])
            {
                _rose[level] = false;
                step.Effects.LevelReached((FinalityLevel)level, _reached[level]);
            }
        }
    }

    private void Show(int member, ulong executed)
    {
        ulong before = _shown[member];
        if (executed <= before)
        {
            return;
        }

        _shown[member] = executed;
        for (int level = 1; level < _reached.Length; level++)
        {
            if (executed > _reached[level] && before <= _reached[level])
            {
                _beyond[level] += _committee.Weight(member);
            }

            if (_beyond[level] >= _least[level])
            {
                Raise(level);
            }
        }
    }

    /// <summary>To the highest sequence that weight enough has shown.</summary>
    private void Raise(int level)
    {
        _shown.CopyTo(_keys, 0);
        for (int i = 0; i < _members.Length; i++)
        {
            _members[i] = i;
        }

        Array.Sort(_keys, _members);
        ulong weight = 0;
        int place = _keys.Length;
        while (weight < _least[level])
        {
            weight += _committee.Weight(_members[--place]);
        }

        Require.That(_keys[place] > _reached[level]);
        _reached[level] = _keys[place];
        _rose[level] = true;
        _beyond[level] = 0;
        for (int i = 0; i < _shown.Length; i++)
        {
            _beyond[level] += _shown[i] > _reached[level] ? _committee.Weight(i) : 0;
        }
    }
}
