using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Status to all and from all (section 10): pull what we lack, send again what a peer lacks. Every loss, restart and partition
/// heals through it; who lost its votes learns from it when it may sign again (rule E5).
/// </summary>
internal sealed class StatusExchange(
    EpochConfiguration epoch, int self, CoreSettings settings, uint window, LaneSet lanes, FinalChain chain, Slots slots, ViewState view,
    Stops stops, ViewChangeBook changes, ViewTimer timer, Fetcher fetcher, CatchUpDriver catchUp, LeaderWatch watch,
    PeerTable peers, Step step)
{
    /// <summary>Slots whose messages are sent again per status of a peer that does not move.</summary>
    private const int SlotsPerRepeat = 8;

    /// <summary>Periods from one Status to the next where everybody is known to stand where we do.</summary>
    private const int RestPeriods = 4;

    private bool _returnKnown = settings.ReturnKnown;
    private Status? _told;
    private int _rests;

    /// <summary>When our next Status is due, or known to say nothing, monotonic microseconds.</summary>
    public long DueMicros { get; private set; }

    public void Advance()
    {
        if (step.Now < DueMicros)
        {
            return;
        }

        DueMicros = step.Now + settings.StatusIntervalMicros;
        _rests = _rests + 1 < RestPeriods && IsAtRest() ? _rests + 1 : 0;
        if (_rests == 0)
        {
            _told = Tell(-1);
        }

        // A leader that is not connected counts as having seen it: one that cannot be reached has to be replaced.
        for (int i = 0; i < lanes.Count; i++)
        {
            // A leader that holds an author's evidence does not propose it, rightly (rule L4).
            if (!lanes[i].Equivocated)
            {
                timer.Shown(i, lanes[i].Tip.Height, step.Now);
            }
        }
    }

    public void OnStatus(Status status, int from)
    {
        if (status.Epoch == epoch.Number && status.Tips.Length != lanes.Count)
        {
            step.Reject(Reason.WrongEpoch, from);
            return;
        }

        bool ahead = status.Epoch > epoch.Number;
        bool stuck = peers.Hear(from, status);
        bool behind = status.FinalSequence > chain.Sequence;
        if (behind && (ahead || stuck || status.FinalSequence > chain.Sequence + 2) && !fetcher.AsksForFinalBlocks && !catchUp.Active
            && (chain.Target is null || chain.Target.Sequence > chain.Sequence + window))
        {
            fetcher.FinalBlocks(chain.Sequence + 1, from);
        }

        LearnReturn();
        if (status.Epoch != epoch.Number)
        {
            // One that is behind asks for what it lacks.
            return;
        }

        if (!catchUp.Active)
        {
            PullLanes(status, from);
        }

        // Half a period: the answer has twenty times the bytes, so sending Status more often must not bring more answers.
        if ((status.View < view.Number || (stuck && status.View == view.Number)) && step.Now >= peers[from].RepeatAtMicros)
        {
            peers[from].RepeatAtMicros = step.Now + (settings.StatusIntervalMicros / 2);
            RepeatTo(from, status);
        }
    }

    public void OnPeerUp(int peer)
    {
        peers.Up(peer, step.Now);
        catchUp.PeerUp(peer);
        Tell(peer);
        // What was sent before the peer was there; it may be all that is missing.
        RepeatTo(peer, new Status(epoch.Number, view.Number, chain.Sequence, chain.Tip.Cut));
    }

    public void OnPeerDown(int peer)
    {
        peers.Down(peer, step.Now);
        catchUp.PeerDown(peer);
        fetcher.OnPeerDown(peer);
    }

    private Status Tell(int to)
    {
        Status status = new(epoch.Number, view.Number, chain.Sequence, lanes.Tips());
        step.Send(to, status);
        return status;
    }

    /// <summary>Nothing has changed since our last Status or is under way, and all who are connected said the same.</summary>
    private bool IsAtRest()
    {
        if (_told is not { } told || watch.WorkPending || told.View != view.Number || told.FinalSequence != chain.Sequence
            || !lanes.HaveTips(told.Tips))
        {
            return false;
        }

        for (int peer = 0; peer < epoch.Committee.Count; peer++)
        {
            if (peers.IsConnected(peer) && !peers.SaidAll(peer, told))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Rule E5: a validator that lost its votes learns from where on it may sign. Any peers of quorum weight include an honest
    /// one that helped to end the epoch before the last in which it can have voted; those that report least suffice.
    /// </summary>
    private void LearnReturn()
    {
        if (step.Signs || _returnKnown || self < 0)
        {
            return;
        }

        if (peers.EpochOfLowestQuorum() is { } lowest)
        {
            _returnKnown = true;
            step.Effects.SignFrom(Math.Max(lowest, epoch.Number) + 2);
        }
    }

    private void PullLanes(Status status, int from)
    {
        for (int i = 0; i < lanes.Count; i++)
        {
            Lane lane = lanes[i];
            LaneTip tip = status.Tips[i];
            // What a convicted author signs is asked for only where a cut names it.
            if (tip.Height <= lane.Final.Height || tip == lane.Tip || lane.Equivocated || lanes.LaneIsFull(lane))
            {
                continue;
            }

            bool stalled = step.Now - lane.AdvancedMicros >= settings.StatusIntervalMicros;
            bool twin = tip.Height <= lane.Tip.Height && lane.At(tip.Height) is { } known && known.Header.Hash != tip.Hash
                && lane.Find(tip.Hash) is null;
            if (twin || (stalled && tip.Height > lane.Tip.Height))
            {
                fetcher.Vertex(lane, tip, from);
            }
        }
    }

    /// <summary>Sends a peer that does not move our own messages that it may have lost.</summary>
    private void RepeatTo(int peer, Status status)
    {
        if (self < 0)
        {
            return;
        }

        if (status.View < view.Number || !view.Active)
        {
            RepeatView(peer);
        }

        int sent = 0;
        ulong last = slots.Last(chain.Sequence);
        // In a later view even a final base is voted again (rule V4), so the peer's own final slot counts there.
        ulong first = Math.Max(status.FinalSequence + (view.Number == 0 ? 1u : 0u), chain.Sequence);
        for (ulong sequence = first; sequence <= last && sent < SlotsPerRepeat; sequence++)
        {
            if (slots.Find(view.Number, sequence) is { } slot && RepeatSlot(peer, slot))
            {
                sent++;
            }
        }
    }

    private void RepeatView(int peer)
    {
        if (view.NewView is { } entered)
        {
            step.Send(peer, entered);
            return;
        }

        // A validator that no longer signs (section 6) asks for no view.
        if (step.Signs && stops.Own is { } stop)
        {
            step.Send(peer, stop);
        }

        if (changes.Own is { } change && change.Signed.Header.View == view.Number)
        {
            step.Send(peer, change);
        }
    }

    private bool RepeatSlot(int peer, Slot slot)
    {
        bool any = false;
        if (slot.Proposal is { } proposal && slot.Block is { } block && (proposal.Header.Sender == self || slot.Prepares[peer] is null))
        {
            step.Send(peer, proposal.With(block));
            any = true;
        }

        if (slot.Prepares[self] is { } prepare && prepare.Header.Kind == MessageKind.Prepare)
        {
            step.Send(peer, prepare);
            any = true;
        }

        if (slot.Commits[self] is { } commit)
        {
            step.Send(peer, commit);
            any = true;
        }

        return any;
    }
}
