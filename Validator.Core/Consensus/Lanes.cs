using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Vertices: others' and our own (PROTOCOL.md, section 3).</summary>
public sealed partial class ValidatorCore
{
    /// <summary>Own vertices between the batch and its signature: two keep signer and disk busy, more would only shrink batches.</summary>
    private const int MaxUnsigned = 2;

    /// <summary>Own vertices that may wait for order however long it takes.</summary>
    private const int QueueFree = 4;

    private LaneTip _ownTip;
    private int _unsigned;
    private bool _creditGiven;
    private long _lastAuthoredMicros;
    private long _lastBatchMicros = long.MinValue / 2;
    private bool _lastBatchFull;
    private long _creditAtMicros = long.MaxValue;

    // When the newest block was accepted, how long after it an own vertex is due, and the newest own vertex that such a block names.
    private long _acceptedAtMicros = long.MinValue / 2;
    private long _phaseMicros;
    private ulong _namedHeight;

    private int PendingVertices => (int)OverLanes(static lane => lane.Count);

    private long PendingBytes => OverLanes(static lane => lane.Bytes);

    private long OverLanes(Func<Lane, long> amount)
    {
        long sum = 0;
        foreach (Lane lane in _lanes)
        {
            sum += amount(lane);
        }

        return sum;
    }

    /// <summary>Vertices of one lane that are taken unasked: no author can use up the room of the others.</summary>
    private int LaneShare => Math.Max(Settings.MaxOwnPendingVertices, Settings.MaxPendingVertices / _lanes.Length);

    private bool IsFull(Lane lane) =>
        lane.Count >= LaneShare || lane.Bytes >= Math.Max(QueueFree * Limits.MaxVertexPayloadBytes, Settings.MaxPendingBytes / _lanes.Length);

    /// <summary>
    /// A ledger that lost our newest vertex gets it from the others. Until then we author none: where nobody has it, what follows it
    /// could never be ordered.
    /// </summary>
    private bool OwnTipKnown => _ownTip == _lanes[Self].Final || _lanes[Self].Find(_ownTip.Hash) is not null;

    private int OwnPending => Self < 0 ? 0 : (int)(_ownTip.Height - Math.Min(_lanes[Self].Final.Height, _ownTip.Height));

    private void OnVertex(Signed message, VertexHeader vertex, ulong token, int from)
    {
        Lane lane = _lanes[vertex.Author];
        bool asked = _fetches.Complete(FetchKind.Vertices, vertex.Hash);
        Reason reason = VertexFault(lane, vertex, asked);
        if (vertex.Epoch == Epoch && lane.Find(vertex.Hash) is null && lane.At(vertex.Height) is { Signature: { } signature } twin)
        {
            ConvictTwin(twin.Header, signature, message);
        }

        if (vertex.Author == Self && reason == Reason.None && !_limit.LaneIsLost && !MayBeOurs(lane, vertex))
        {
            StopSigning();
        }

        if (reason != Reason.None)
        {
            ref Effect drop = ref Emit(EffectKind.DropVertex);
            drop.Token = token;
            drop.Reason = reason;
            drop.To = from;
            return;
        }

        if (lane.Count >= Limits.MaxSlotVariants * LaneShare)
        {
            lane.DropUnnamed(_blocks.NamedTips(lane.Author));
        }

        lane.Add(new VertexEntry(vertex, message.Signature));
        ref Effect store = ref Emit(EffectKind.StoreVertex);
        store.Token = token;
        store.Vertex = vertex;
        store.Digest = vertex.Hash;
    }

    /// <summary>A ledger that lost own vertices takes them again, up to the tip that the votes know; none above it or beside another.</summary>
    private bool MayBeOurs(Lane lane, VertexHeader vertex) =>
        vertex.Height == _ownTip.Height ? vertex.Hash == _ownTip.Hash : vertex.Height < _ownTip.Height && lane.At(vertex.Height) is null;

    private Reason VertexFault(Lane lane, VertexHeader vertex, bool asked)
    {
        if (vertex.Epoch != Epoch)
        {
            return Reason.WrongEpoch;
        }

        if (vertex.Height <= lane.Final.Height)
        {
            return Reason.VertexBehindCut;
        }

        if (lane.Find(vertex.Hash) is not null)
        {
            return Reason.VertexKnown;
        }

        if (asked)
        {
            // A cut may name any variant, whatever was shown to us before: without it the block could never be final here.
            return Reason.None;
        }

        return lane.Equivocated || lane.Variants(vertex.Height) > 0 ? Reason.LaneVariants
            : vertex.Height > lane.Tip.Height + (ulong)LaneShare ? Reason.VertexTooFarAhead
            : IsFull(lane) ? Reason.LaneFull
            : Reason.None;
    }

    private void ConvictTwin(VertexHeader known, byte[] signature, Signed message)
    {
        SignedHeader header = new(MessageKind.Vertex, known.Author, known.Epoch, 0, known.Height, known.Hash);
        Convict(new Signed(header, signature), message);
    }

    private void OnVertexDurable(in Hash256 hash)
    {
        foreach (Lane lane in _lanes)
        {
            if (lane.Find(hash) is { } entry)
            {
                _recheck |= lane.MarkDurable(entry, _now);
                return;
            }
        }
    }

    private void OnClientBatch(in Input input)
    {
        Require.That(_creditGiven);
        _creditGiven = false;
        _lastBatchMicros = _now;
        _lastBatchFull = input.PayloadBytes >= Genesis.Parameters.MaxVertexPayloadBytes / 4 * 3;
        if (!_signs)
        {
            ref Effect drop = ref Emit(EffectKind.DropVertex);
            drop.Token = input.Token;
            drop.Reason = Reason.NotSigning;
            return;
        }

        Author(input.Token, input.TransactionRoot, input.PayloadBytes, input.TransactionCount);
    }

    private void AuthorWhenIdle()
    {
        if (_now >= IdleVertexDue())
        {
            Author(0, Hash256.Of([]), 0, 0);
        }
    }

    /// <summary>Counted from when a quorum is there: right after a start, peers may know own vertices that a rolled-back disk does not.</summary>
    private long IdleVertexDue() =>
        !Authors || _close.LeavesUs || _landing || !OwnTipKnown || Settings.IdleVertexMicros == 0 || OwnPending >= Settings.MaxOwnPendingVertices || _quorumSinceMicros == long.MaxValue
            ? long.MaxValue
            : Math.Max(_lastAuthoredMicros, _quorumSinceMicros) + Settings.IdleVertexMicros;

    private void Author(ulong token, in Hash256 transactionRoot, uint payloadBytes, uint count)
    {
        LaneTip[] parents = new LaneTip[_lanes.Length];
        for (int i = 0; i < parents.Length; i++)
        {
            parents[i] = i == Self ? default : _lanes[i].Tip;
        }

        VertexHeader vertex = VertexCodec.Seal(
            Epoch, Self, _ownTip.Height + 1, _ownTip.Hash, parents, transactionRoot, payloadBytes, count);
        _ownTip = new LaneTip(vertex.Height, vertex.Hash);
        _lanes[Self].Add(new VertexEntry(vertex, null));
        _unsigned++;
        _lastAuthoredMicros = _now;
        ref Effect effect = ref Sign(MessageKind.Vertex, 0, vertex.Height, vertex.Hash);
        effect.Vertex = vertex;
        effect.Token = token;
    }

    private void OnVertexSigned(Signed message)
    {
        _unsigned--;
        Require.That(_unsigned >= 0);
        if (_lanes[Self].Find(message.Header.Digest) is { } entry)
        {
            entry.Signature = message.Signature;
            _recheck |= _lanes[Self].MarkDurable(entry, _now);
            // It went to all; a leader that is not connected has to be replaced all the more.
            _timer.Shown(Self, message.Header.Sequence, _now);
        }
    }

    /// <summary>
    /// Own vertices wait longer than the network explains: more of them would only wait behind. Batches grow instead, and what
    /// exceeds them is refused to clients while it can still be retried in time.
    /// </summary>
    private bool Queues => OwnPending >= QueueFree && _timer.OldestMicros(Self) < _now - _timer.PatienceMicros;

    private void GrantCredit()
    {
        _creditAtMicros = long.MaxValue;
        if (!Authors || _close.LeavesUs || _landing || !OwnTipKnown || _creditGiven || _unsigned >= MaxUnsigned || OwnPending >= Settings.MaxOwnPendingVertices
            || PendingVertices >= Settings.MaxPendingVertices || IsFull(_lanes[Self]) || Queues)
        {
            return;
        }

        long due = NextBatchDue();
        if (_now < due)
        {
            _creditAtMicros = due;
            return;
        }

        _creditGiven = true;
        Emit(EffectKind.BatchCredit);
    }

    /// <summary>
    /// One vertex a block, at the phase that has it at the leader just before the next proposal; at a pace of its own where blocks do not
    /// come. Counted from the last batch, so that a lone transaction is in a vertex at once. A full one says that more waits, and however slow
    /// the pace, a lane has to carry what comes.
    /// </summary>
    private long NextBatchDue()
    {
        if (_lastBatchFull)
        {
            return _lastBatchMicros + Settings.BlockIntervalMicros;
        }

        long inStep = _acceptedAtMicros + _phaseMicros;
        long latest = _lastBatchMicros + Pace + (Pace / 2);
        return inStep <= _lastBatchMicros ? latest : Math.Clamp(inStep, _lastBatchMicros + (Pace / 2), latest);
    }

    /// <summary>
    /// An accepted block shows whether our vertex was in time for it. Later and later while it is, so that it takes in more and waits
    /// less for the proposal; eight steps earlier when it was not, which it then is once in nine.
    /// </summary>
    private void KeepStep(Block block)
    {
        if (Self < 0)
        {
            return;
        }

        ulong named = block.Cut[Self].Height;
        long step = named > _namedHeight ? Pace / 64 : named < _ownTip.Height ? -Pace / 8 : 0;
        _phaseMicros = Math.Clamp(_phaseMicros + step, 0, Pace);
        _namedHeight = Math.Max(_namedHeight, named);
        _acceptedAtMicros = _now;
    }

    /// <summary>Two signed messages in one slot: kept, counted and told to all, once per offender (section 8).</summary>
    private void Convict(Signed first, Signed second)
    {
        int offender = first.Header.Sender;
        if (_convicted[offender])
        {
            return;
        }

        OnEvidence(new Evidence(first, second));
    }

    private void OnEvidence(Evidence evidence)
    {
        SignedHeader header = evidence.First.Header;
        if (!NoteConviction(header))
        {
            return;
        }

        Emit(EffectKind.Evidence).Evidence = evidence;
        Emit(EffectKind.SendEvidence).Evidence = evidence;
        if (header.Sender == Self)
        {
            StopSigning();
        }
    }

    /// <returns>True for an offender's first.</returns>
    private bool NoteConviction(in SignedHeader header)
    {
        if (header.Kind == MessageKind.Vertex)
        {
            _lanes[header.Sender].Equivocated = true;
            _timer.Drop(header.Sender);
        }

        bool first = !_convicted[header.Sender];
        _convicted[header.Sender] = true;
        return first;
    }
}
