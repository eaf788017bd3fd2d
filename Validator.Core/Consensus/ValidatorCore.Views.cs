using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Stop, ViewChange, NewView (PROTOCOL.md, section 5).</summary>
public sealed partial class ValidatorCore
{
    private long ViewDeadline()
    {
        if (!_step.Signs || _catchUp.Landing)
        {
            return long.MaxValue;
        }

        return _stops.Sent > View
            ? _stops.RepeatAtMicros
            : _timer.DeadlineMicros(
                OldestWorkMicros(), _view.EnteredMicros, _peers.QuorumSinceMicros, TriedViews,
                LeaderUnreachable ? _peers.DisconnectedMicros(Leader) : null);
    }

    /// <summary>
    /// A quorum is connected and the leader is not: waiting longer brings nothing. Right after our own start the first leader
    /// may merely be the last to come.
    /// </summary>
    private bool LeaderUnreachable => Leader != Self && !_peers.IsConnected(Leader) && (View > 0 || _peers.DisconnectedMicros(Leader) > 0);

    /// <summary>The same at all who know the same final block, whatever they restarted through.</summary>
    private ulong FruitlessViews => View - Math.Min(View, _chain.Certificate?.View ?? 0);

    /// <summary>Of the fruitless ones those that we could sign in: who is bound (rule E9) gave no leader below a chance.</summary>
    private ulong TriedViews => Math.Min(FruitlessViews, View - Math.Min(View, _past.FirstView));

    private long OldestWorkMicros()
    {
        if (!ViewActive || _past.IsSilent(View))
        {
            return _view.EnteredMicros;
        }

        long oldest = _timer.OldestMicros();
        for (Block? block = _view.Accepted; block is not null && block.Sequence > FinalSequence; block = _blocks.Find(block.Parent))
        {
            if (_slots.Find(View, block.Sequence) is { Accepted.IsZero: false } slot)
            {
                oldest = Math.Min(oldest, slot.AcceptedMicros);
            }
        }

        return oldest;
    }

    private void AdvanceViewTimer()
    {
        if (ViewDeadline() > _step.Now)
        {
            return;
        }

        if (_stops.Sent > View && _stops.Sent >= _past.FirstView)
        {
            _stops.Repeat(_step);
            return;
        }

        _step.TellView(View, Reason.Timeout);
        _stops.Send(Math.Max(View + 1, _past.FirstView), _step);
    }

    private void OnStop(Signed message, int from)
    {
        SignedHeader header = message.Header;
        if (header.Epoch != Epoch || header.View <= View)
        {
            _step.Reject(header.Epoch != Epoch ? Reason.WrongEpoch : Reason.OldView, from);
            return;
        }

        if (_past.IsContradictedByStop(header, _stops.Sent))
        {
            StopSigning();
        }

        _stops.Raise(header.Sender, header.View);
        EvaluateStops();
    }

    /// <summary>Rule V2: join what more than F ask for; enter what a quorum asks for.</summary>
    private void EvaluateStops()
    {
        ulong join = _stops.ToJoin;
        if (_step.Signs && join > View && join > _stops.Sent)
        {
            _step.TellView(join, Reason.Joined);
            _stops.Send(join, _step);
        }

        ulong enter = _stops.ToEnter;
        if (enter > View)
        {
            EnterView(enter);
        }
    }

    /// <summary>A quorum signed in that certificate's view, so a quorum had entered it.</summary>
    private void NoteViewOf(Certificate certificate)
    {
        if (certificate.View <= View)
        {
            return;
        }

        foreach (CertificateVote vote in certificate.Votes)
        {
            _stops.Raise(vote.Sender, certificate.View);
        }

        EvaluateStops();
    }

    private void EnterView(ulong view)
    {
        _view.Enter(view, _step.Now);
        _stops.Entered(view);
        _viewChanges.Entered();
        _timer.NewLeader(_chain.Tip.Cut);
        _prepared.Prune(view);
        _committed.Prune(view);
        ForgetBehindView();
        _step.TellView(view, Reason.Entered);
        if (_step.Signs && !_past.IsSilent(View))
        {
            _viewChanges.Sign(view, _prepared.HighestBelow(view), _committed.HighestBelow(view), _step);
        }

        _step.Recheck = true;
    }

    private void ForgetBehindView()
    {
        _slots.ForgetViewsBelow(View);
        if (_blocks.Count > 4 * _window)
        {
            _blocks.ForgetUnaccepted();
        }
    }

    private void OnViewChange(ViewChange message, int from)
    {
        SignedHeader header = message.Signed.Header;
        if (header.Epoch != Epoch || header.View < View)
        {
            _step.Reject(header.Epoch != Epoch ? Reason.WrongEpoch : Reason.OldView, from);
            return;
        }

        if (header.Sender == Self && header.View > View && !_past.MayBeOfBefore(header.View))
        {
            StopSigning();
        }

        ViewChange? known = _viewChanges[header.Sender];
        if (known is not null && known.Signed.Header.View == header.View)
        {
            RejectSecond(known.Signed, message.Signed, from);
            return;
        }

        if (known is not null && known.Signed.Header.View > header.View)
        {
            _step.Reject(Reason.Duplicate, from);
            return;
        }

        _viewChanges.Take(message);
        _stops.Raise(header.Sender, header.View);
        if (message.Prepared is not null)
        {
            OnCertificate(message.Prepared, from);
        }

        if (message.Committed is not null)
        {
            OnCertificate(message.Committed, from);
        }

        EvaluateStops();
        TrySignNewView();
    }

    private void TrySignNewView()
    {
        if (_step.Signs && !_past.IsSilent(View) && !ViewActive && Leader == Self)
        {
            _viewChanges.TrySignNewView(View, _step);
        }
    }

    private void OnNewView(NewView message, int from)
    {
        SignedHeader header = message.Signed.Header;
        if (header.Epoch != Epoch || header.View < View || header.Sender != Committee.Leader(header.Epoch, header.View))
        {
            _step.Reject(header.Epoch != Epoch ? Reason.WrongEpoch : header.View < View ? Reason.OldView : Reason.NotLeader, from);
            return;
        }

        if (header.View == View && ViewActive)
        {
            if (_view.NewView is { } known)
            {
                RejectSecond(known.Signed, message.Signed, from);
            }
            else
            {
                // View 0 begins without one.
                _step.Reject(Reason.OldView, from);
            }

            return;
        }

        if (header.Sender == Self && !_viewChanges.IsOurNewView(header.Digest) && !_past.MayBeOfBefore(header.View))
        {
            StopSigning();
        }

        if (!_past.MayBeOfBefore(header.View) && Array.Exists(message.ViewChanges, change => change.Sender == Self && !_viewChanges.IsOurs(header.View, change.Claims)))
        {
            StopSigning();
        }

        foreach (ViewChangeSummary change in message.ViewChanges)
        {
            _stops.Raise(change.Sender, header.View);
        }

        EvaluateStops();
        // A quorum already asks for a later view.
        if (View != header.View)
        {
            return;
        }

        ActivateView(message);
    }

    /// <summary>The first acceptance of this view may rest on this NewView, and on no other (rule V4).</summary>
    private void ActivateView(NewView message)
    {
        _view.Activate(message);
        _step.Persist(message);
        if (message.Prepared is not null)
        {
            OnPreparedCertificate(message.Prepared);
        }

        if (message.Committed is not null)
        {
            OnCommitCertificate(message.Committed);
        }

        _proposer.OnNewView();
        _step.Recheck = true;
    }
}
