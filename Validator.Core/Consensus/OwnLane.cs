using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Our own vertices and their pace (rule L2, section 3). The tip advances as a vertex is decided, one height at a time, so no
/// slot is signed twice; one credit is out at a time, and none while two are unsigned. An observer has none.
/// </summary>
internal sealed class OwnLane(int self, LaneSet lanes, CoreSettings settings, GenesisParameters parameters, Pace pace, ViewTimer timer)
{
    /// <summary>
    /// Own vertices between the batch and its signature: two keep signer and disk busy, more would only shrink batches.
    /// </summary>
    private const int MaxUnsigned = 2;

    /// <summary>Own vertices that may wait for order however long it takes.</summary>
    private const int QueueFree = 4;

    private int _unsigned;
    private bool _creditGiven;
    private long _lastAuthoredMicros;
    private long _lastBatchMicros = long.MinValue / 2;
    private bool _lastBatchFull;
    private long _creditAtMicros = long.MaxValue;

    // When the newest block was accepted, how long after it an own vertex is due, and the newest own vertex that such a block
    // names.
    private long _acceptedAtMicros = long.MinValue / 2;
    private long _phaseMicros;
    private ulong _namedHeight;

    /// <summary>The newest own vertex that was decided, signed or not.</summary>
    public LaneTip Tip { get; private set; }

    public bool HasUnsigned => _unsigned > 0;

    /// <summary>Others made final what we do not know to have signed.</summary>
    public bool IsBehindFinal => self >= 0 && Tip.Height < lanes[self].Final.Height;

    // Decided and not ordered.
    private int Pending => self < 0 ? 0 : (int)(Tip.Height - Math.Min(lanes[self].Final.Height, Tip.Height));

    // A ledger that lost our newest vertex gets it from the others. Until then we author none: where nobody has it, what follows
    // it could never be ordered.
    private bool TipKnown => Tip == lanes[self].Final || lanes[self].Find(Tip.Hash) is not null;

    /// <summary>Goes on from where the stores say that it ended.</summary>
    public void Recover(in LaneTip tip)
    {
        Require.That(Tip.Height == 0);
        Tip = tip;
    }

    /// <summary>
    /// A ledger that lost own vertices takes them again, up to the tip that the votes know; none above it or beside another.
    /// </summary>
    public bool MayBeOurs(VertexHeader vertex) =>
        vertex.Height == Tip.Height ? vertex.Hash == Tip.Hash : vertex.Height < Tip.Height && lanes[self].At(vertex.Height) is null;

    /// <summary>The shell hands in the batch that the credit was for.</summary>
    public void TakeBatch(in SealedBatch batch, Step step)
    {
        Require.That(_creditGiven);
        _creditGiven = false;
        _lastBatchMicros = step.Now;
        _lastBatchFull = batch.PayloadBytes >= parameters.MaxVertexPayloadBytes / 4 * 3;
        if (!step.Signs)
        {
            step.Effects.DropBatch(batch.Token);
            return;
        }

        Author(batch.Token, batch.Root, batch.PayloadBytes, batch.TransactionCount, step);
    }

    public void AuthorWhenIdle(bool mayAuthor, long quorumSinceMicros, Step step)
    {
        if (step.Now >= IdleDue(mayAuthor, quorumSinceMicros))
        {
            Author(0, Hash256.Of([]), 0, 0, step);
        }
    }

    /// <summary>The signature is there, and the vertex durable and sent.</summary>
    /// <returns>True when something became held.</returns>
    public bool OnSigned(Signed message, long now)
    {
        _unsigned--;
        Require.That(_unsigned >= 0);
        if (lanes[self].Find(message.Header.Digest) is not { } entry)
        {
            return false;
        }

        entry.Signature = message.Signature;
        bool held = lanes[self].MarkDurable(entry, now);
        // It went to all; a leader that is not connected has to be replaced all the more.
        timer.Shown(self, message.Header.Sequence, now);
        return held;
    }

    /// <summary>Lets the shell hand in a batch where one is due.</summary>
    /// <param name="mayAuthor">Nothing of the epoch or the view stands against it.</param>
    public void GrantCredit(bool mayAuthor, Step step)
    {
        _creditAtMicros = long.MaxValue;
        if (!mayAuthor || _creditGiven || _unsigned >= MaxUnsigned || Pending >= settings.MaxOwnPendingVertices
            || lanes.IsFull || lanes.LaneIsFull(lanes[self]) || Queues(step.Now) || !TipKnown)
        {
            return;
        }

        long due = NextBatchDue();
        if (step.Now < due)
        {
            _creditAtMicros = due;
            return;
        }

        _creditGiven = true;
        step.Effects.BatchCredit();
    }

    /// <summary>
    /// An accepted block shows whether our vertex was in time for it. Later and later while it is, so that it takes in more and
    /// waits less for the proposal; eight steps earlier when it was not, which it then is once in nine.
    /// </summary>
    public void KeepStep(Block accepted, long now)
    {
        if (self < 0)
        {
            return;
        }

        ulong named = accepted.Cut[self].Height;
        long interval = pace.Micros;
        long step = named > _namedHeight ? interval / 64 : named < Tip.Height ? -interval / 8 : 0;
        _phaseMicros = Math.Clamp(_phaseMicros + step, 0, interval);
        _namedHeight = Math.Max(_namedHeight, named);
        _acceptedAtMicros = now;
    }

    /// <summary>When a credit or an empty vertex is due, monotonic microseconds.</summary>
    public long NextDeadline(bool mayAuthor, long quorumSinceMicros, long now) =>
        Math.Min(_creditAtMicros > now ? _creditAtMicros : long.MaxValue, IdleDue(mayAuthor, quorumSinceMicros));

    public void AssertInvariants()
    {
        Require.That(_unsigned >= 0);
        Require.That(self >= 0 || (Tip.Height == 0 && _unsigned == 0 && !_creditGiven));
    }

    private void Author(ulong token, in Hash256 transactionRoot, uint payloadBytes, uint count, Step step)
    {
        LaneTip[] parents = lanes.Tips();
        parents[self] = default;
        VertexHeader vertex = VertexCodec.Seal(
            lanes.Epoch, self, Tip.Height + 1, Tip.Hash, parents, transactionRoot, payloadBytes, count);
        Require.That(vertex.Height == Tip.Height + 1 && step.Signs);
        Tip = new LaneTip(vertex.Height, vertex.Hash);
        lanes[self].Add(new VertexEntry(vertex, null));
        _unsigned++;
        _lastAuthoredMicros = step.Now;
        step.SignVertex(vertex, token);
    }

    // Counted from when a quorum is there: right after a start, peers may know own vertices that a rolled-back disk does not.
    private long IdleDue(bool mayAuthor, long quorumSinceMicros) =>
        !mayAuthor || settings.IdleVertexMicros == 0 || Pending >= settings.MaxOwnPendingVertices || quorumSinceMicros == long.MaxValue || !TipKnown
            ? long.MaxValue
            : Math.Max(_lastAuthoredMicros, quorumSinceMicros) + settings.IdleVertexMicros;

    // Own vertices wait longer than the network explains: more of them would only wait behind. Batches grow instead, and what
    // exceeds them is refused to clients while it can still be retried in time.
    private bool Queues(long now) => Pending >= QueueFree && timer.OldestMicros(self) < now - timer.PatienceMicros;

    /// <summary>
    /// One vertex a block, at the phase that has it at the leader just before the next proposal; at a pace of its own where
    /// blocks do not come. Counted from the last batch, so that a lone transaction is in a vertex at once. A full one says that
    /// more waits, and however slow the pace, a lane has to carry what comes.
    /// </summary>
    private long NextBatchDue()
    {
        if (_lastBatchFull)
        {
            return _lastBatchMicros + settings.BlockIntervalMicros;
        }

        long inStep = _acceptedAtMicros + _phaseMicros;
        long latest = _lastBatchMicros + pace.Micros + (pace.Micros / 2);
        return inStep <= _lastBatchMicros ? latest : Math.Clamp(inStep, _lastBatchMicros + (pace.Micros / 2), latest);
    }
}
