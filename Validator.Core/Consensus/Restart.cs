using Validator.Core.Dag;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// Back to the same votes after a restart (PROTOCOL.md, section 6): puts what the stores hold into the objects that decide,
/// before the first input. A store that is not whole ends signing.
/// </summary>
internal sealed class Restart(
    int self, FinalChain chain, BlockTree blocks, Slots slots, ViewState view, Stops stops, ViewChangeBook changes, CertificateBook prepared,
    CertificateBook committed, OwnAcceptances acceptances, LaneSet lanes, OwnLane own, OwnPast past, Convictions convictions,
    CatchUpDriver catchUp, Step step)
{
    public void Recover(RecoveredState state)
    {
        RecoverFinal(state);
        RecoverLanes(state);
        foreach (Evidence evidence in state.Evidence)
        {
            convictions.Note(evidence);
        }

        foreach (Block block in state.Blocks)
        {
            blocks.Accept(block);
        }

        if (chain.Recovery is { } recovery && recovery.Epoch == chain.Tip.Epoch)
        {
            // Not to be forgotten before it is final, like what was voted for.
            blocks.Accept(recovery.Proposal.Last);
        }

        foreach (Certificate certificate in state.PreparedCertificates)
        {
            // One that others stated may be a commit certificate (rule E9).
            BookOf(certificate).Add(certificate);
        }

        RecoverAcceptances(state);
        catchUp.Recover(state);
        RecoverView(state);
        if (chain.Certificate is { } newest && newest.View == view.Number && newest.Sequence == chain.Sequence)
        {
            // A certificate of this view for the final block: what comes next rests on it (rule P2c), not on the base again.
            view.RecoverAccepted(chain.Tip);
        }

        foreach ((Signed message, Block? block, _, _) in state.Signed)
        {
            RecoverVote(message, block);
        }

        if (chain.Certificate is { Phase: not Phase.Recovered } last && last.View >= view.Number && past.IsContradicted(last, slots.Find(last.View, last.Sequence)))
        {
            // The ledger proves a Commit of ours that the votes do not know: they were rolled back.
            step.StopSigning();
        }

        // Certificates of the view we are in open its slots again.
        foreach (Certificate certificate in state.PreparedCertificates)
        {
            if (certificate.View == view.Number && certificate.Phase == Phase.Prepared)
            {
                slots.Find(view.Number, certificate.Sequence)?.Note(certificate);
            }
        }
    }

    private void RecoverFinal(RecoveredState state)
    {
        chain.Recover(state);
        if (state.LastFinal is null)
        {
            return;
        }

        if (chain.Certificate!.Phase != Phase.Recovered)
        {
            BookOf(chain.Certificate).Add(chain.Certificate);
        }

        lanes.Finalize(chain.Tip.Cut, 0);
    }

    private CertificateBook BookOf(Certificate certificate) => certificate.Phase == Phase.Committed ? committed : prepared;

    private void RecoverAcceptances(RecoveredState state)
    {
        (SignedHeader Vote, Block? Body)? newest = state.NewestAcceptance();
        if (newest is { Body: null, Vote: var vote } && vote.Sequence > chain.Sequence && vote.Sequence >= past.ForgottenBelow)
        {
            // Written before the vote, and not forgotten: the store is not whole.
            step.StopSigning();
        }

        acceptances.Recover(newest?.Vote.View ?? 0, newest?.Body, newest is null ? state.Stated : default);
    }

    private void RecoverLanes(RecoveredState state)
    {
        foreach ((VertexHeader vertex, byte[] signature) in state.Vertices)
        {
            Lane lane = lanes[vertex.Author];
            if (vertex.Height > lane.Final.Height && lane.Find(vertex.Hash) is null)
            {
                VertexEntry entry = new(vertex, signature);
                lane.Add(entry);
                lane.MarkDurable(entry, 0);
            }
        }

        own.Recover(state.OwnTip);
        // Finality of our own vertices was learned from peers after the store lost them: it is not our store any more.
        if (own.IsBehindFinal && !past.LaneIsLost)
        {
            step.StopSigning();
        }
    }

    /// <summary>The view is the highest in which we signed anything that only someone inside it signs.</summary>
    private void RecoverView(RecoveredState state)
    {
        ulong number = 0;
        NewView? entered = null;
        foreach ((Signed message, _, ViewChange? change, NewView? newView) in state.Signed)
        {
            SignedHeader header = message.Header;
            switch (header.Kind)
            {
                case MessageKind.Stop:
                    stops.Recover(message);
                    break;
                case MessageKind.ViewChange:
                    number = Math.Max(number, header.View);
                    changes.Recover(message, change);
                    stops.Raise(self, header.View);
                    break;
                case MessageKind.NewView:
                    entered = newView;
                    break;
                case MessageKind.PrePrepare:
                case MessageKind.Prepare:
                case MessageKind.Commit:
                    number = Math.Max(number, header.View);
                    break;
                default:
                    break;
            }
        }

        // Our own NewView, where we lead that view; nobody's of a view that was left.
        entered = entered?.Signed.Header.View == number ? entered : null;
        changes.Recover(entered);
        view.Recover(number, state.EnteredNewView is { } stored && stored.Signed.Header.View == number ? stored : entered);
        stops.Entered(number);
        prepared.Prune(number);
    }

    private void RecoverVote(Signed message, Block? block)
    {
        SignedHeader header = message.Header;
        if (header.View != view.Number || header.Sequence < chain.Sequence
            || header.Kind is not (MessageKind.PrePrepare or MessageKind.Prepare or MessageKind.Commit))
        {
            return;
        }

        Slot slot = slots.Open(view.Number, header.Sequence);
        slot.Recover(message);
        if (header.Kind == MessageKind.Commit)
        {
            return;
        }

        Block? body = block ?? blocks.Find(header.Digest);
        if (body is null && header.Sequence > chain.Sequence && header.Sequence >= past.ForgottenBelow)
        {
            // Written before the vote, and not forgotten: the store is not whole.
            step.StopSigning();
        }

        if (header.Kind == MessageKind.PrePrepare)
        {
            slot.Propose(message, body);
            if (body is not null)
            {
                blocks.Remember(body);
            }
        }

        if (body is not null)
        {
            view.RecoverAccepted(body);
        }
    }
}
