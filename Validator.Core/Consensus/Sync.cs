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
    /// <summary>Final blocks asked for at once.</summary>
    private const uint FinalBlocksPerFetch = 16;

    /// <summary>Vertices asked for at once.</summary>
    private const ulong VerticesPerFetch = 64;

    /// <summary>Slots whose messages are sent again per status of a peer that does not move.</summary>
    private const int SlotsPerRepeat = 8;

    private readonly PeerProgress[] _peers;
    private long _nextStatusMicros;
    private long _quorumSinceMicros = long.MaxValue;

    /// <summary>What a peer's last status said.</summary>
    private struct PeerProgress
    {
        public ulong Epoch;
        public ulong View;
        public ulong FinalSequence;
        public bool Known;

        /// <summary>Of its epoch, as many as that has lanes; not null where it is known.</summary>
        public LaneTip[] Tips;

        /// <summary>From when on its Status is answered again with what it may lack.</summary>
        public long RepeatAtMicros;

        /// <summary>The oldest block that it said to keep when it had not what was asked; 0 before.</summary>
        public ulong FirstKept;

        /// <summary>The first block of the epoch from which on it said to have a snapshot; 0 before.</summary>
        public ulong ProvenFrom;
    }

    /// <summary>Weight of the peers whose reports compare so with a bound.</summary>
    private ulong WeightOf(ulong bound, Func<PeerProgress, ulong, bool> holds)
    {
        ulong weight = 0;
        for (int i = 0; i < _peers.Length; i++)
        {
            weight += holds(_peers[i], bound) ? Committee.Weight(i) : 0;
        }

        return weight;
    }

    private void AdvanceStatus()
    {
        if (_now < _nextStatusMicros)
        {
            return;
        }

        _nextStatusMicros = _now + Settings.StatusIntervalMicros;
        SendStatus(-1);
        // A leader that is gone is shown it too: whoever cannot be reached does not lead.
        for (int i = 0; i < _lanes.Length; i++)
        {
            // A leader that holds an author's evidence does not propose it, rightly (rule L4).
            if (!_lanes[i].Equivocated)
            {
                _timer.Shown(i, _lanes[i].Tip.Height, _now);
            }
        }
    }

    private void SendStatus(int to)
    {
        LaneTip[] tips = new LaneTip[_lanes.Length];
        for (int i = 0; i < tips.Length; i++)
        {
            tips[i] = _lanes[i].Tip;
        }

        ref Effect effect = ref Emit(EffectKind.SendStatus);
        effect.To = to;
        effect.Status = new Status(Epoch, View, FinalSequence, tips);
    }

    private void OnStatus(Status status, int from)
    {
        ref PeerProgress peer = ref _peers[from];
        if (status.Epoch == Epoch && status.Tips.Length != _lanes.Length)
        {
            Reject(Reason.WrongEpoch, from);
            return;
        }

        bool ahead = status.Epoch > Epoch;
        bool stuck = peer.Known && peer.Epoch == status.Epoch && peer.View == status.View && peer.FinalSequence == status.FinalSequence;
        bool behind = status.FinalSequence > FinalSequence;
        peer.Known = true;
        peer.Epoch = status.Epoch;
        peer.View = status.View;
        peer.FinalSequence = status.FinalSequence;
        peer.Tips = status.Tips;
        if (behind && (ahead || stuck || status.FinalSequence > FinalSequence + 2) && !_fetches.Asked(FetchKind.FinalBlocks, Hash256.Zero) && !_catchUp.Active
            && (_chain.Target is null || _chain.Target.Sequence > FinalSequence + _window))
        {
            Ask(new FetchRequest(FetchKind.FinalBlocks, Epoch, 0, FinalSequence + 1, FinalBlocksPerFetch, Hash256.Zero), from);
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
        if ((status.View < View || (stuck && status.View == View)) && _now >= peer.RepeatAtMicros)
        {
            peer.RepeatAtMicros = _now + (Settings.StatusIntervalMicros / 2);
            RepeatTo(from, status);
        }
    }

    private void PullLanes(Status status, int from)
    {
        for (int i = 0; i < _lanes.Length; i++)
        {
            Lane lane = _lanes[i];
            LaneTip tip = status.Tips[i];
            // What a convicted author signs is asked for only where a cut names it.
            if (tip.Height <= lane.Final.Height || tip == lane.Tip || lane.Equivocated || IsFull(lane))
            {
                continue;
            }

            bool stalled = _now - lane.AdvancedMicros >= Settings.StatusIntervalMicros;
            bool twin = tip.Height <= lane.Tip.Height && lane.At(tip.Height) is { } known && known.Header.Hash != tip.Hash
                && lane.Find(tip.Hash) is null;
            if (twin || (stalled && tip.Height > lane.Tip.Height))
            {
                FetchVertex(lane, tip, from);
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
            if (_newView is { } entered)
            {
                ref Effect effect = ref Emit(EffectKind.Send);
                effect.To = peer;
                effect.Message = entered.Signed;
                effect.NewView = entered;
            }
            else
            {
                // One that signs no more (section 6) asks for nothing.
                if (_signs && _ownStop is { } stop)
                {
                    SendStored(peer, stop);
                }

                if (_ownViewChange is { } change && change.Signed.Header.View == View)
                {
                    ref Effect effect = ref Emit(EffectKind.Send);
                    effect.To = peer;
                    effect.Message = change.Signed;
                    effect.ViewChange = change;
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
        if (slot.Proposal is { } proposal && (proposal.Header.Sender == Self || slot.Prepares[peer] is null))
        {
            SendStored(peer, proposal, slot.Block);
            any = true;
        }

        if (slot.Prepares[Self] is { } prepare && prepare.Header.Kind == MessageKind.Prepare)
        {
            SendStored(peer, prepare);
            any = true;
        }

        if (slot.Commits[Self] is { } commit)
        {
            SendStored(peer, commit);
            any = true;
        }

        return any;
    }

    private void SendStored(int to, Signed message, Block? block = null)
    {
        ref Effect effect = ref Emit(EffectKind.Send);
        effect.To = to;
        effect.Message = message;
        effect.Block = block;
    }

    private void OnPeerUp(int peer)
    {
        _connected[peer] = true;
        _peers[peer] = default;
        _catchUp.PeerUp(peer);
        NoteQuorum();
        SendStatus(peer);
        // What was sent before the peer was there; it may be all that is missing.
        RepeatTo(peer, new Status(Epoch, View, FinalSequence, _chain.Tip.Cut));
    }

    /// <summary>Since when peers of quorum weight, ourselves included, are connected; long.MaxValue while they are not.</summary>
    private void NoteQuorum()
    {
        ulong weight = Self < 0 ? 0 : Committee.Weight(Self);
        for (int i = 0; i < _connected.Length; i++)
        {
            weight += _connected[i] ? Committee.Weight(i) : 0;
        }

        _quorumSinceMicros = weight < Committee.Quorum ? long.MaxValue : Math.Min(_quorumSinceMicros, _now);
    }

    private void OnPeerDown(int peer)
    {
        _connected[peer] = false;
        _disconnectedMicros[peer] = _now;
        _catchUp.PeerDown(peer);
        NoteQuorum();
        _fetches.Hasten(fetch => fetch.Peer == peer, _now);
    }

    private void OnNotFound(FetchRequest request, ulong firstKept, int from)
    {
        _fetches.Hasten(fetch => fetch.Peer == from && fetch.Request.Kind == request.Kind && fetch.Request.Hash == request.Hash, _now);
        _catchUp.OnNotFound(request, from);
        if (request.Kind == FetchKind.Snapshot)
        {
            NoteProven(from, firstKept);
        }
        else if (request.Kind != FetchKind.Chunk)
        {
            // Vertices too: of a block that is here they may be all that is missing.
            NoteKept(from, firstKept);
        }
    }

    private void FetchBlock(in Hash256 hash, int preferred) =>
        Ask(new FetchRequest(FetchKind.Block, Epoch, 0, 0, 1, hash), preferred);

    /// <summary>Asks for a vertex, or for the lowest gap below it when it is here but not held.</summary>
    private void FetchVertex(Lane lane, LaneTip tip, int preferred)
    {
        Hash256 hash = tip.Hash;
        ulong depth = tip.Height > lane.Tip.Height ? tip.Height - lane.Tip.Height : 1;
        if (lane.Find(hash) is { } entry && !lane.FirstGap(entry, out hash, out depth))
        {
            // Only the disk is awaited.
            return;
        }

        uint count = (uint)Math.Clamp(depth, 1, VerticesPerFetch);
        Ask(new FetchRequest(FetchKind.Vertices, Epoch, lane.Author, 0, count, hash), preferred);
    }

    /// <summary>Asks for each lane's vertex that a cut names and that is not held.</summary>
    private void FetchCut(LaneTip[] cut, int preferred)
    {
        for (int i = 0; i < _lanes.Length; i++)
        {
            if (!_lanes[i].Holds(cut[i]))
            {
                FetchVertex(_lanes[i], cut[i], preferred);
            }
        }
    }

    private void Ask(in FetchRequest request, int preferred)
    {
        int peer = preferred >= 0 && preferred != Self && _connected[preferred] ? preferred : NextConnected(preferred);
        if (peer >= 0 && _fetches.Add(request, peer, _now) is { } fetch)
        {
            SendFetch(fetch);
        }
    }

    private void SendFetch(Fetch fetch)
    {
        ref Effect effect = ref Emit(EffectKind.SendFetch);
        effect.To = fetch.Peer;
        effect.Request = fetch.Request;
    }

    private int NextConnected(int after)
    {
        int start = Math.Max(after, 0);
        for (int i = 1; i <= Committee.Count; i++)
        {
            int peer = (start + i) % Committee.Count;
            if (peer != Self && _connected[peer])
            {
                return peer;
            }
        }

        return -1;
    }
}
