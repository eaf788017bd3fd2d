using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// From one view to a higher one (rules V2, V3): joins what more than F ask for, enters what a quorum asks for, and signs one
/// ViewChange for it, with the highest certificates of the views below, and what was accepted in them.
/// </summary>
internal sealed class ViewChanger(
    EpochConfiguration epoch, uint window, ViewState view, Stops stops, ViewChangeBook changes, CertificateBook prepared, CertificateBook committed,
    Slots slots, BlockTree blocks, FinalChain chain, OwnAcceptances acceptances, ViewTimer timer, OwnPast past, TwinGuard guard,
    Step step)
{
    public void OnStop(Signed message, int from)
    {
        SignedHeader header = message.Header;
        if (header.Epoch != epoch.Number || header.View <= view.Number)
        {
            step.Reject(header.Epoch != epoch.Number ? Reason.WrongEpoch : Reason.OldView, from);
            return;
        }

        if (past.IsContradictedByStop(header, stops.Sent))
        {
            guard.Trip();
        }

        stops.Raise(header.Sender, header.View);
        EvaluateStops();
    }

    /// <summary>Our own Stop is signed, durable and sent.</summary>
    public void OnSigned(Signed message)
    {
        stops.OnSigned(message);
        EvaluateStops();
    }

    /// <summary>A quorum signed in that certificate's view, so a quorum had entered it.</summary>
    public void NoteViewOf(Certificate certificate)
    {
        if (certificate.View <= view.Number)
        {
            return;
        }

        foreach (CertificateVote vote in certificate.Votes)
        {
            stops.Raise(vote.Sender, certificate.View);
        }

        EvaluateStops();
    }

    /// <summary>Rule V2: join what more than F ask for; enter what a quorum asks for.</summary>
    public void EvaluateStops()
    {
        ulong join = stops.ToJoin;
        if (step.Signs && join > view.Number && join > stops.Sent)
        {
            step.TellView(join, Reason.Joined);
            stops.Send(join, step);
        }

        ulong enter = stops.ToEnter;
        if (enter > view.Number)
        {
            Enter(enter);
        }
    }

    private void Enter(ulong number)
    {
        view.Enter(number, step.Now);
        stops.Entered(number);
        changes.Entered();
        timer.NewLeader(chain.Tip.Cut);
        prepared.Prune(number);
        committed.Prune(number);
        ForgetBehindView();
        step.TellView(number, Reason.Entered);
        if (step.Signs && !past.IsSilent(number) && !FinalIsOf(number))
        {
            changes.Sign(number, prepared.HighestBelow(number), committed.HighestBelow(number), acceptances.List(), step);
        }

        step.Recheck = true;
    }

    /// <summary>
    /// What is final here rests on a certificate of that view or of a later one, so no claim covers it, and no list. A crash
    /// between two stores leads there. That view has its NewView (rule V3).
    /// </summary>
    private bool FinalIsOf(ulong number) => chain.Certificate is { } certificate && certificate.View >= number;

    private void ForgetBehindView()
    {
        slots.ForgetViewsBelow(view.Number);
        if (blocks.Count > 4 * window)
        {
            blocks.ForgetUnaccepted();
        }
    }
}
