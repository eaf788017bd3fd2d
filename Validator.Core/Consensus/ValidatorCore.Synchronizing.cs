using Validator.Core.Dag;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Status exchange: pull what we lack, send again what a peer lacks. Every loss, restart and partition heals through it.
/// </summary>
public sealed partial class ValidatorCore
{
    /// <summary>Slots whose messages are sent again per status of a peer that does not move.</summary>
    private const int SlotsPerRepeat = 8;

    private long _nextStatusMicros;
    private bool _returnKnown;

    private void AdvanceStatus()
    {
        if (_step.Now < _nextStatusMicros)
        {
            return;
        }

        _nextStatusMicros = _step.Now + Settings.StatusIntervalMicros;
        SendStatus(-1);
        // A leader that is gone is shown it too: whoever cannot be reached does not lead.
        for (int i = 0; i < _lanes.Count; i++)
        {
            // A leader that holds an author's evidence does not propose it, rightly (rule L4).
            if (!_lanes[i].Equivocated)
            {
                _timer.Shown(i, _lanes[i].Tip.Height, _step.Now);
            }
        }
    }

    private void SendStatus(int to) => _step.Send(to, new Status(Epoch, View, FinalSequence, _lanes.Tips()));

    private void OnStatus(Status status, int from)
    {
        if (status.Epoch == Epoch && status.Tips.Length != _lanes.Count)
        {
            _step.Reject(Reason.WrongEpoch, from);
            return;
        }

        bool ahead = status.Epoch > Epoch;
        bool stuck = _peers.Hear(from, status);
        bool behind = status.FinalSequence > FinalSequence;
        if (behind && (ahead || stuck || status.FinalSequence > FinalSequence + 2) && !_fetcher.AsksForFinalBlocks && !_catchUp.Active
            && (_chain.Target is null || _chain.Target.Sequence > FinalSequence + _window))
        {
            _fetcher.FinalBlocks(FinalSequence + 1, from);
        }

        LearnReturn();
        if (status.Epoch != Epoch)
        {
            // One that is behind asks for what it lacks.
            return;
        }

        if (!_catchUp.Active)
        {
            PullLanes(status, from);
        }

        // Half a period: who tells its Status more often than is agreed gets no more for it, at twenty times the bytes.
        if ((status.View < View || (stuck && status.View == View)) && _step.Now >= _peers[from].RepeatAtMicros)
        {
            _peers[from].RepeatAtMicros = _step.Now + (Settings.StatusIntervalMicros / 2);
            RepeatTo(from, status);
        }
    }

    /// <summary>
    /// Rule E5: a validator that lost its votes learns from where on it may sign. Any peers of quorum weight include an honest
    /// one that helped to end the epoch before the last in which it can have voted; those that report least suffice.
    /// </summary>
    private void LearnReturn()
    {
        if (_step.Signs || _returnKnown || Self < 0)
        {
            return;
        }

        if (_peers.EpochOfLowestQuorum() is { } lowest)
        {
            _returnKnown = true;
            _step.Emit(EffectKind.SignFrom).Number = Math.Max(lowest, Epoch) + 2;
        }
    }

    private void PullLanes(Status status, int from)
    {
        for (int i = 0; i < _lanes.Count; i++)
        {
            Lane lane = _lanes[i];
            LaneTip tip = status.Tips[i];
            // What a convicted author signs is asked for only where a cut names it.
            if (tip.Height <= lane.Final.Height || tip == lane.Tip || lane.Equivocated || _lanes.LaneIsFull(lane))
            {
                continue;
            }

            bool stalled = _step.Now - lane.AdvancedMicros >= Settings.StatusIntervalMicros;
            bool twin = tip.Height <= lane.Tip.Height && lane.At(tip.Height) is { } known && known.Header.Hash != tip.Hash
                && lane.Find(tip.Hash) is null;
            if (twin || (stalled && tip.Height > lane.Tip.Height))
            {
                _fetcher.Vertex(lane, tip, from);
            }
        }
    }

    /// <summary>Sends a peer that does not move our own messages that it may have lost.</summary>
    private void RepeatTo(int peer, Status status)
    {
        if (Self < 0)
        {
            return;
        }

        if (status.View < View || !ViewActive)
        {
            if (_view.NewView is { } entered)
            {
                _step.Send(peer, entered);
            }
            else
            {
                // One that signs no more (section 6) asks for nothing.
                if (_step.Signs && _stops.Own is { } stop)
                {
                    _step.Send(peer, stop);
                }

                if (_viewChanges.Own is { } change && change.Signed.Header.View == View)
                {
                    _step.Send(peer, change);
                }
            }
        }

        int sent = 0;
        ulong last = FinalSequence + _reach;
        // In a later view even a final base is voted again (rule V4), so the peer's own final slot counts there.
        ulong first = Math.Max(status.FinalSequence + (View == 0 ? 1u : 0u), FinalSequence);
        for (ulong sequence = first; sequence <= last && sent < SlotsPerRepeat; sequence++)
        {
            if (_slots.Find(View, sequence) is { } slot && RepeatSlot(peer, slot))
            {
                sent++;
            }
        }
    }

    private bool RepeatSlot(int peer, Slot slot)
    {
        bool any = false;
        if (slot.Proposal is { } proposal && slot.Block is { } block && (proposal.Header.Sender == Self || slot.Prepares[peer] is null))
        {
            _step.Send(peer, proposal.With(block));
            any = true;
        }

        if (slot.Prepares[Self] is { } prepare && prepare.Header.Kind == MessageKind.Prepare)
        {
            _step.Send(peer, prepare);
            any = true;
        }

        if (slot.Commits[Self] is { } commit)
        {
            _step.Send(peer, commit);
            any = true;
        }

        return any;
    }

    private void OnPeerUp(int peer)
    {
        _peers.Up(peer, _step.Now);
        _catchUp.PeerUp(peer);
        SendStatus(peer);
        // What was sent before the peer was there; it may be all that is missing.
        RepeatTo(peer, new Status(Epoch, View, FinalSequence, _chain.Tip.Cut));
    }

    private void OnPeerDown(int peer)
    {
        _peers.Down(peer, _step.Now);
        _catchUp.PeerDown(peer);
        _fetcher.OnPeerDown(peer);
    }

    private void OnNotFound(FetchRequest request, ulong firstKept, int from)
    {
        _fetcher.OnNotFound(request, from);
        _catchUp.OnNotFound(request, firstKept, from, _step);
    }
}
