using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// ViewChange and NewView (rules V3, V4): the leader of a view that was entered signs one NewView over a quorum's ViewChanges,
/// and with it the view begins. One of ours that was not decided here trips the guard (section 6).
/// </summary>
internal sealed class NewViews(
    EpochConfiguration epoch, int self, ViewState view, Stops stops, ViewChangeBook changes, ViewChanger changer, Certificates certificates,
    BlockBuilder builder, OwnPast past, Convictions convictions, TwinGuard guard, Step step)
{
    public void OnViewChange(ViewChange message, int from)
    {
        SignedHeader header = message.Signed.Header;
        if (header.Epoch != epoch.Number || header.View < view.Number)
        {
            step.Reject(header.Epoch != epoch.Number ? Reason.WrongEpoch : Reason.OldView, from);
            return;
        }

        if (header.Sender == self && header.View > view.Number && !past.MayBeOfBefore(header.View))
        {
            guard.Trip();
        }

        ViewChange? known = changes[header.Sender];
        if (known is not null && known.Signed.Header.View == header.View)
        {
            convictions.RejectSecond(known.Signed, message.Signed, from);
            return;
        }

        if (known is not null && known.Signed.Header.View > header.View)
        {
            step.Reject(Reason.Duplicate, from);
            return;
        }

        changes.Take(message);
        stops.Raise(header.Sender, header.View);
        if (message.Prepared is not null)
        {
            certificates.Take(message.Prepared, from);
        }

        if (message.Committed is not null)
        {
            certificates.Take(message.Committed, from);
        }

        changer.EvaluateStops();
        TrySign();
    }

    public void OnNewView(NewView message, int from)
    {
        SignedHeader header = message.Signed.Header;
        if (header.Epoch != epoch.Number || header.View < view.Number || header.Sender != epoch.Leader(header.View))
        {
            step.Reject(header.Epoch != epoch.Number ? Reason.WrongEpoch : header.View < view.Number ? Reason.OldView : Reason.NotLeader, from);
            return;
        }

        if (header.View == view.Number && view.Active)
        {
            if (view.NewView is { } known)
            {
                convictions.RejectSecond(known.Signed, message.Signed, from);
            }
            else
            {
                // View 0 begins without one.
                step.Reject(Reason.OldView, from);
            }

            return;
        }

        if (header.Sender == self && !changes.IsOurNewView(header.Digest) && !past.MayBeOfBefore(header.View))
        {
            guard.Trip();
        }

        if (!past.MayBeOfBefore(header.View) && Array.Exists(message.ViewChanges, change => change.Sender == self && !changes.IsOurs(header.View, change.Claims)))
        {
            guard.Trip();
        }

        foreach (ViewChangeSummary change in message.ViewChanges)
        {
            stops.Raise(change.Sender, header.View);
        }

        changer.EvaluateStops();
        // A quorum already asks for a later view.
        if (view.Number != header.View)
        {
            return;
        }

        Activate(message);
    }

    /// <summary>Our ViewChange is signed, durable and sent.</summary>
    public void OnSigned(ViewChange message)
    {
        if (changes.OnSigned(message))
        {
            OnViewChange(message, self);
        }
    }

    /// <summary>Our NewView is signed, durable and sent.</summary>
    public void OnSigned(NewView message)
    {
        if (!view.Active && changes.Awaits(message))
        {
            Activate(message);
        }
    }

    /// <summary>Signs the NewView where we lead a view that has not begun, and a quorum's ViewChanges are here.</summary>
    public void TrySign()
    {
        if (step.Signs && !past.IsSilent(view.Number) && !view.Active && epoch.Leader(view.Number) == self)
        {
            changes.TrySignNewView(view.Number, step);
        }
    }

    /// <summary>The first acceptance of this view may rest on this NewView, and on no other (rule V4).</summary>
    private void Activate(NewView message)
    {
        view.Activate(message);
        step.Effects.PersistEntered(message);
        if (message.Prepared is not null)
        {
            certificates.OnPrepared(message.Prepared);
        }

        if (message.Committed is not null)
        {
            certificates.OnCommitted(message.Committed);
        }

        builder.OnNewView();
        step.Recheck = true;
    }
}
