using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Dag;

/// <summary>How much of lanes is kept unasked.</summary>
/// <param name="Vertices">Not ordered, over all lanes.</param>
/// <param name="Bytes">Their payload.</param>
/// <param name="OwnVertices">Of one lane, at least, however many lanes there are.</param>
internal readonly record struct LaneLimits(int Vertices, long Bytes, int OwnVertices);

/// <summary>
/// The lanes of one epoch (section 3). Each has a share of what is kept, so that no author takes up the room of the others; what
/// a cut names is taken all the same (rule L4).
/// </summary>
internal sealed class LaneSet
{
    /// <summary>Vertices of the largest payload for which a lane has room in any case.</summary>
    private const int LeastFull = 4;

    private readonly Lane[] _lanes;
    private readonly LaneLimits _limits;

    public LaneSet(int members, ulong epoch, LaneLimits limits)
    {
        Epoch = epoch;
        _limits = limits;
        _lanes = new Lane[members];
        for (int i = 0; i < members; i++)
        {
            _lanes[i] = new Lane(i);
        }
    }

    public ulong Epoch { get; }

    public int Count => _lanes.Length;

    public Lane this[int author] => _lanes[author];

    /// <summary>Vertices above the final cut, held or not.</summary>
    public int Vertices
    {
        get
        {
            int sum = 0;
            foreach (Lane lane in _lanes)
            {
                sum += lane.Count;
            }

            return sum;
        }
    }

    /// <summary>Their payload bytes.</summary>
    public long Bytes
    {
        get
        {
            long sum = 0;
            foreach (Lane lane in _lanes)
            {
                sum += lane.Bytes;
            }

            return sum;
        }
    }

    /// <summary>Others have no room for more, our own lane included.</summary>
    public bool IsFull => Vertices >= _limits.Vertices;

    /// <summary>Some held vertex waits for its order: one of an author who is not convicted.</summary>
    public bool HoldUnordered => Array.Exists(_lanes, static lane => lane.Tip.Height > lane.Final.Height && !lane.Equivocated);

    /// <summary>Vertices of one lane that are taken unasked.</summary>
    public int Share => Math.Max(_limits.OwnVertices, _limits.Vertices / _lanes.Length);

    public bool LaneIsFull(Lane lane) =>
        lane.Count >= Share || lane.Bytes >= Math.Max(LeastFull * Limits.MaxVertexPayloadBytes, _limits.Bytes / _lanes.Length);

    /// <summary>Beyond it, what no block names is forgotten (rule L4).</summary>
    public bool MustDrop(Lane lane) => lane.Count >= Limits.MaxSlotVariants * Share;

    /// <summary>Held tip of each lane.</summary>
    public LaneTip[] Tips() => Array.ConvertAll(_lanes, static lane => lane.Tip);

    /// <summary>Whether the newest held vertices are these.</summary>
    public bool HaveTips(LaneTip[] tips)
    {
        for (int i = 0; i < _lanes.Length; i++)
        {
            if (_lanes[i].Tip != tips[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Each vertex of a cut is final, or held down to the final one (rule L3).</summary>
    public bool Hold(LaneTip[] cut)
    {
        for (int i = 0; i < _lanes.Length; i++)
        {
            if (!_lanes[i].Holds(cut[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Each lane's part of a cut descends from that of another, by own predecessors.</summary>
    public bool Descend(LaneTip[] cut, LaneTip[] from)
    {
        for (int i = 0; i < _lanes.Length; i++)
        {
            if (!_lanes[i].DescendsFrom(cut[i], from[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Why a vertex is not taken; None when it is.</summary>
    /// <param name="asked">
    /// A cut may name any variant, whatever was shown to us before: without it the block could never be final here.
    /// </param>
    public Reason Fault(VertexHeader vertex, bool asked)
    {
        Lane lane = _lanes[vertex.Author];
        return vertex.Epoch != Epoch ? Reason.WrongEpoch
            : vertex.Height <= lane.Final.Height ? Reason.VertexBehindCut
            : lane.Find(vertex.Hash) is not null ? Reason.VertexKnown
            : asked ? Reason.None
            : lane.Equivocated || lane.Variants(vertex.Height) > 0 ? Reason.LaneVariants
            : vertex.Height > lane.Tip.Height + (ulong)Share ? Reason.VertexTooFarAhead
            : LaneIsFull(lane) ? Reason.LaneFull
            : Reason.None;
    }

    /// <summary>
    /// The first seen vertex in that slot, where it is another one than this and signed: the two convict their author (rule L4).
    /// </summary>
    public VertexEntry? TwinOf(VertexHeader vertex)
    {
        Lane lane = _lanes[vertex.Author];
        return vertex.Epoch == Epoch && lane.Find(vertex.Hash) is null && lane.At(vertex.Height) is { Signature: not null } twin ? twin : null;
    }

    /// <returns>True when something became held.</returns>
    public bool MarkDurable(in Hash256 hash, long now)
    {
        foreach (Lane lane in _lanes)
        {
            if (lane.Find(hash) is { } entry)
            {
                return lane.MarkDurable(entry, now);
            }
        }

        return false;
    }

    /// <summary>Moves the final cut.</summary>
    public void Finalize(LaneTip[] cut, long now)
    {
        for (int i = 0; i < _lanes.Length; i++)
        {
            _lanes[i].Finalize(cut[i], now);
        }
    }

    /// <summary>The vertices between two cuts, in the order in which they are executed (rule P5).</summary>
    public VertexHeader[] Order(LaneTip[] from, LaneTip[] to) => CutOrder.Compute(_lanes, from, to);

    /// <summary>
    /// As much as fits of what is held and not in the parent's cut. No lane of a convicted author goes forward (rule L4).
    /// </summary>
    /// <param name="room">Vertices, most.</param>
    /// <returns>False: there is nothing.</returns>
    public bool NextCut(LaneTip[] parent, ulong room, out LaneTip[] cut)
    {
        cut = new LaneTip[_lanes.Length];
        bool any = false;
        for (int i = 0; i < cut.Length; i++)
        {
            cut[i] = parent[i];
            LaneTip tip = _lanes[i].Tip;
            if (tip.Height <= cut[i].Height || _lanes[i].Equivocated || !_lanes[i].DescendsFrom(tip, cut[i]))
            {
                continue;
            }

            ulong step = tip.Height - cut[i].Height;
            if (step > room)
            {
                // The vertex that still fits: walk down the chain we hold.
                tip = _lanes[i].AncestorAt(tip, cut[i].Height + room);
                step = room;
            }

            if (step > 0)
            {
                cut[i] = tip;
                room -= step;
                any = true;
            }
        }

        return any;
    }
}
