using Validator.Core.Dag;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Back to the same votes after a restart (PROTOCOL.md, section 6).</summary>
public sealed partial class ValidatorCore
{
    private void Recover(RecoveredState state)
    {
        RecoverFinal(state);
        RecoverLanes(state);
        foreach (Evidence evidence in state.Evidence)
        {
            _convictions.Note(evidence);
        }

        foreach (Block block in state.Blocks)
        {
            _blocks.Accept(block);
        }

        foreach (Certificate prepared in state.PreparedCertificates)
        {
            _prepared.Add(prepared);
        }

        _catchUp.Recover(state);
        RecoverView(state);
        if (_chain.Certificate is { } certificate && certificate.View == View && certificate.Sequence == FinalSequence)
        {
            // A certificate of this view for the final block: what comes next rests on it (rule P2c), not on the base again.
            _view.RecoverAccepted(_chain.Tip);
        }

        foreach ((Signed message, Block? block, _, _) in state.Signed)
        {
            RecoverVote(message, block);
        }

        if (_chain.Certificate is { } last && last.View >= View && _past.IsContradicted(last, _slots.Find(last.View, last.Sequence)))
        {
            // The ledger proves a Commit of ours that the votes do not know: they were rolled back.
            _step.StopSigning();
        }

        // Certificates of the view we are in open its slots again.
        foreach (Certificate prepared in state.PreparedCertificates)
        {
            if (prepared.View == View)
            {
                _slots.Find(View, prepared.Sequence)?.Note(prepared);
            }
        }
    }

    /// <summary>
    /// At the first input: what recovered messages of our own already decide is drawn from them, as if they had just come
    /// back signed. Nobody else may be there to bring it up again.
    /// </summary>
    private void Resume()
    {
        _peers.NoteQuorum(_step.Now);
        foreach (Slot slot in _slots.BySequence())
        {
            CountPrepares(slot, slot.Accepted);
            CountCommits(slot, slot.CommitSent);
        }

        EvaluateStops();
        TrySignNewView();
    }

    private void RecoverFinal(RecoveredState state)
    {
        _chain.Recover(state);
        if (state.LastFinal is null)
        {
            return;
        }

        _committed.Add(_chain.Certificate!);
        _lanes.Finalize(_chain.Tip.Cut, 0);
    }

    private void RecoverLanes(RecoveredState state)
    {
        foreach ((VertexHeader vertex, byte[] signature) in state.Vertices)
        {
            Lane lane = _lanes[vertex.Author];
            if (vertex.Height > lane.Final.Height && lane.Find(vertex.Hash) is null)
            {
                VertexEntry entry = new(vertex, signature);
                lane.Add(entry);
                lane.MarkDurable(entry, 0);
            }
        }

        _own.Recover(state.OwnTip);
        // Finality of our own vertices was learned from peers after the store lost them: it is not our store any more.
        if (_own.IsBehindFinal && !_past.LaneIsLost)
        {
            _step.StopSigning();
        }
    }

    /// <summary>The view is the highest in which we signed anything that only someone inside it signs.</summary>
    private void RecoverView(RecoveredState state)
    {
        ulong view = 0;
        NewView? entered = null;
        foreach ((Signed message, _, ViewChange? change, NewView? newView) in state.Signed)
        {
            SignedHeader header = message.Header;
            switch (header.Kind)
            {
                case MessageKind.Stop:
                    _stops.Recover(message);
                    break;
                case MessageKind.ViewChange:
                    view = Math.Max(view, header.View);
                    _viewChanges.Recover(message, change);
                    _stops.Raise(Self, header.View);
                    break;
                case MessageKind.NewView:
                    entered = newView;
                    break;
                case MessageKind.PrePrepare:
                case MessageKind.Prepare:
                case MessageKind.Commit:
                    view = Math.Max(view, header.View);
                    break;
                default:
                    break;
            }
        }

        // Our own NewView, where we lead that view; nobody's of a view that was left.
        entered = entered?.Signed.Header.View == view ? entered : null;
        _viewChanges.Recover(entered);
        _view.Recover(view, state.EnteredNewView is { } stored && stored.Signed.Header.View == view ? stored : entered);
        _stops.Entered(view);
        _prepared.Prune(view);
    }

    private void RecoverVote(Signed message, Block? block)
    {
        SignedHeader header = message.Header;
        if (header.View != View || header.Sequence < FinalSequence
            || header.Kind is not (MessageKind.PrePrepare or MessageKind.Prepare or MessageKind.Commit))
        {
            return;
        }

        Slot slot = _slots.Open(View, header.Sequence);
        slot.Recover(message);
        if (header.Kind == MessageKind.Commit)
        {
            return;
        }

        Block? body = block ?? _blocks.Find(header.Digest);
        if (body is null && header.Sequence > FinalSequence && header.Sequence >= _past.ForgottenBelow)
        {
            // Written before the vote, and not forgotten: the store is not whole.
            _step.StopSigning();
        }

        if (header.Kind == MessageKind.PrePrepare)
        {
            slot.Propose(message, body);
            if (body is not null)
            {
                _blocks.Remember(body);
            }
        }

        if (body is not null)
        {
            _view.RecoverAccepted(body);
        }
    }
}
