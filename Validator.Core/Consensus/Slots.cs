using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The slots that messages are taken for: from the final block's sequence to the reach above it, from the current view to eight
/// views ahead (rule P3); whoever is further behind enters by NewView, and what lies beyond comes again through section 10.
/// </summary>
internal sealed class Slots(Committee committee, ulong reach)
{
    private const ulong MaxViewsAhead = 8;

    private readonly Dictionary<(ulong View, ulong Sequence), Slot> _slots = [];

    // No slot was ever opened above this sequence.
    private ulong _highest;

    public int Count => _slots.Count;

    public Slot? Find(ulong view, ulong sequence) => _slots.GetValueOrDefault((view, sequence));

    /// <summary>The last sequence in reach at which there may be a slot.</summary>
    /// <param name="final">That of the final block.</param>
    public ulong Last(ulong final) => Math.Min(final + reach, _highest);

    /// <summary>Why a message of this slot is not taken; None when it is.</summary>
    public Reason Fault(in SignedHeader header, ulong view, ulong final) =>
        header.View < view ? Reason.OldView
        : header.View > view + MaxViewsAhead ? Reason.BeyondWindow
        // A final base is voted again in a new view (rule V4), so its own sequence stays open.
        : header.Sequence == 0 || header.Sequence < final ? Reason.OldSequence
        : header.Sequence > final + reach ? Reason.BeyondWindow
        : Reason.None;

    /// <summary>The slot, made when new.</summary>
    public Slot Open(ulong view, ulong sequence)
    {
        if (!_slots.TryGetValue((view, sequence), out Slot? slot))
        {
            slot = new Slot(view, sequence, committee.Count);
            _slots.Add((view, sequence), slot);
            _highest = Math.Max(_highest, sequence);
        }

        return slot;
    }

    public Slot[] BySequence() => [.. _slots.Values.OrderBy(slot => slot.Sequence)];

    /// <summary>The final block moved: only its own sequence and those above are open.</summary>
    public void ForgetSequencesBelow(ulong sequence)
    {
        foreach ((ulong View, ulong Sequence) key in _slots.Keys)
        {
            if (key.Sequence < sequence)
            {
                _slots.Remove(key);
            }
        }
    }

    /// <summary>A view was entered: nothing is voted in those below it (rule V2).</summary>
    public void ForgetViewsBelow(ulong view)
    {
        foreach ((ulong View, ulong Sequence) key in _slots.Keys)
        {
            if (key.View < view)
            {
                _slots.Remove(key);
            }
        }
    }

    public void AssertInvariants() => Require.That((ulong)_slots.Count <= (MaxViewsAhead + 1) * (reach + 1));
}
