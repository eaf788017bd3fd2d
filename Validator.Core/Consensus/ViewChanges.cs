using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Stop, ViewChange, NewView (PROTOCOL.md, section 5).</summary>
public sealed partial class ValidatorCore
{
    /// <summary>Of the timeout: how long an unreachable leader has to come back (rule V1).</summary>
    private const int UnreachableShare = 5;

    // Per member, the highest view for which it sent Stop or ViewChange; our own counts once signed.
    private readonly ulong[] _stopViews;
    private readonly ViewChange?[] _viewChanges;

    private ulong _stopSent;
    private Signed? _ownStop;
    private ViewChange? _ownViewChange;
    private ViewChange? _viewChangeToSign;
    private NewView? _newViewToSign;
    private NewView? _newView;
    private long _viewEnteredMicros;
    private long _repeatStopMicros;

    // What the first block of this view is or extends (rule V4).
    private Claim _base;
    private bool _baseFinal;

    private long ViewDeadline()
    {
        if (!_step.Signs || _landing)
        {
            return long.MaxValue;
        }

        if (_stopSent > View)
        {
            return _repeatStopMicros;
        }

        // Without a quorum no leader could have done better (rule V1).
        long oldest = OldestWorkMicros();
        if (oldest == long.MaxValue || _peers.QuorumSinceMicros == long.MaxValue)
        {
            return long.MaxValue;
        }

        long since = Math.Max(oldest, Math.Max(_viewEnteredMicros, _peers.QuorumSinceMicros));
        long due = since + _timer.TimeoutMicros(FruitlessViews);
        return LeaderUnreachable
            ? Math.Min(due, Math.Max(since, _peers.DisconnectedMicros(Leader)) + (Settings.ViewTimeoutMicros / UnreachableShare))
            : due;
    }

    /// <summary>
    /// A quorum is connected and the leader is not: waiting longer brings nothing. Right after our own start the first leader
    /// may merely be the last to come.
    /// </summary>
    private bool LeaderUnreachable => Leader != Self && !_peers.IsConnected(Leader) && (View > 0 || _peers.DisconnectedMicros(Leader) > 0);

    /// <summary>The same at all who know the same final block, whatever they restarted through.</summary>
    private ulong FruitlessViews => View - Math.Min(View, _chain.Certificate?.View ?? 0);

    private long OldestWorkMicros()
    {
        if (!ViewActive || IsSilent)
        {
            return _viewEnteredMicros;
        }

        long oldest = _timer.OldestMicros();
        for (Block? block = _accepted; block is not null && block.Sequence > FinalSequence; block = _blocks.Find(block.Parent))
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

        if (_stopSent > View && _stopSent >= _limit.FirstView)
        {
            _repeatStopMicros = _step.Now + (Settings.ViewTimeoutMicros / 2);
            if (_ownStop is { } stop)
            {
                _step.Send(-1, stop);
            }

            return;
        }

        _step.TellView(View, Reason.Timeout);
        SendStop(Math.Max(View + 1, _limit.FirstView));
    }

    private void SendStop(ulong view)
    {
        Require.That(view > View && view > _stopSent);
        _stopSent = view;
        _ownStop = null;
        _repeatStopMicros = _step.Now + (Settings.ViewTimeoutMicros / 2);
        _step.Sign(MessageKind.Stop, view, 0, Hash256.Zero);
    }

    private void OnStop(Signed message, int from)
    {
        SignedHeader header = message.Header;
        if (header.Epoch != Epoch || header.View <= View)
        {
            _step.Reject(header.Epoch != Epoch ? Reason.WrongEpoch : Reason.OldView, from);
            return;
        }

        // One of before promised nothing, and has no other value.
        if (header.Sender == Self && header.View > _stopSent && !_limit.IsOfLostVotes)
        {
            StopSigning();
        }

        RaiseStopView(header.Sender, header.View);
        EvaluateStops();
    }

    private void RaiseStopView(int member, ulong view) => _stopViews[member] = Math.Max(_stopViews[member], view);

    /// <summary>Rule V2: join what more than F ask for; enter what a quorum asks for.</summary>
    private void EvaluateStops()
    {
        ulong join = HighestViewWith(Committee.Faulty + 1, includeSelf: false);
        if (_step.Signs && join > View && join > _stopSent)
        {
            _step.TellView(join, Reason.Joined);
            SendStop(join);
        }

        ulong enter = HighestViewWith(Committee.Quorum, includeSelf: true);
        if (enter > View)
        {
            EnterView(enter);
        }
    }

    private ulong HighestViewWith(ulong weight, bool includeSelf)
    {
        ulong best = 0;
        for (int i = 0; i < _stopViews.Length; i++)
        {
            ulong candidate = _stopViews[i];
            if (candidate <= best)
            {
                continue;
            }

            ulong sum = 0;
            for (int j = 0; j < _stopViews.Length; j++)
            {
                if (_stopViews[j] >= candidate && (includeSelf || j != Self))
                {
                    sum += Committee.Weight(j);
                }
            }

            if (sum >= weight)
            {
                best = candidate;
            }
        }

        return best;
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
            RaiseStopView(vote.Sender, certificate.View);
        }

        EvaluateStops();
    }

    private void EnterView(ulong view)
    {
        Require.That(view > View);
        View = view;
        ViewActive = false;
        _accepted = null;
        _newView = null;
        _newViewToSign = null;
        _viewEnteredMicros = _step.Now;
        _stopSent = Math.Max(_stopSent, view);
        _timer.NewLeader(_chain.Tip.Cut);
        _prepared.Prune(view);
        _committed.Prune(view);
        ForgetBehindView();
        _step.TellView(view, Reason.Entered);
        if (_step.Signs && !IsSilent)
        {
            SignViewChange(view);
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

    private void SignViewChange(ulong view)
    {
        Certificate? prepared = _prepared.HighestBelow(view);
        Certificate? committed = _committed.HighestBelow(view);
        Claims claims = new(CertificateBook.ClaimOf(prepared), CertificateBook.ClaimOf(committed));
        Hash256 digest = ClaimsCodec.Digest(claims);
        SignedHeader header = new(MessageKind.ViewChange, Self, Epoch, view, 0, digest);
        _viewChangeToSign = new ViewChange
        {
            Signed = new Signed(header, []),
            Claims = claims,
            Prepared = prepared,
            Committed = committed,
        };
        _step.Sign(MessageKind.ViewChange, view, 0, digest).ViewChange = _viewChangeToSign;
    }

    private void OnViewChange(ViewChange message, int from)
    {
        SignedHeader header = message.Signed.Header;
        if (header.Epoch != Epoch || header.View < View)
        {
            _step.Reject(header.Epoch != Epoch ? Reason.WrongEpoch : Reason.OldView, from);
            return;
        }

        if (header.Sender == Self && header.View > View && !MayBeOfBefore(header.View))
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

        _viewChanges[header.Sender] = message;
        RaiseStopView(header.Sender, header.View);
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
        if (!_step.Signs || IsSilent || ViewActive || Leader != Self || _newViewToSign is not null || View == 0)
        {
            return;
        }

        List<ViewChangeSummary> summaries = [];
        ulong weight = 0;
        Certificate? prepared = null;
        Certificate? committed = null;
        for (int i = 0; i < _viewChanges.Length; i++)
        {
            if (_viewChanges[i] is { } change && change.Signed.Header.View == View)
            {
                summaries.Add(new ViewChangeSummary(i, change.Claims, change.Signed.Signature));
                weight += Committee.Weight(i);
                prepared = Higher(prepared, change.Prepared);
                committed = Higher(committed, change.Committed);
            }
        }

        if (weight < Committee.Quorum)
        {
            return;
        }

        ViewChangeSummary[] changes = [.. summaries];
        Hash256 digest = NewViewCodec.Digest(changes);
        _newViewToSign = new NewView
        {
            Signed = new Signed(new SignedHeader(MessageKind.NewView, Self, Epoch, View, 0, digest), []),
            ViewChanges = changes,
            Prepared = prepared,
            Committed = committed,
        };
        _step.Sign(MessageKind.NewView, View, 0, digest).NewView = _newViewToSign;
    }

    private static Certificate? Higher(Certificate? a, Certificate? b) =>
        CertificateBook.Compare(CertificateBook.ClaimOf(b), CertificateBook.ClaimOf(a)) > 0 ? b : a;

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
            if (_newView is { } known)
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

        if (header.Sender == Self && _newViewToSign?.Signed.Header.Digest != header.Digest && !MayBeOfBefore(header.View))
        {
            StopSigning();
        }

        if (!MayBeOfBefore(header.View) && Array.Exists(message.ViewChanges, change => change.Sender == Self && !IsOurs(header.View, change.Claims)))
        {
            StopSigning();
        }

        foreach (ViewChangeSummary change in message.ViewChanges)
        {
            RaiseStopView(change.Sender, header.View);
        }

        EvaluateStops();
        // A quorum already asks for a later view.
        if (View != header.View)
        {
            return;
        }

        ActivateView(message);
    }

    private bool IsOurs(ulong view, in Claims claims)
    {
        Hash256 digest = ClaimsCodec.Digest(claims);
        return Is(_viewChangeToSign) || Is(_ownViewChange);

        bool Is(ViewChange? own) => own is not null && own.Signed.Header.View == view && own.Signed.Header.Digest == digest;
    }

    /// <summary>The first acceptance of this view may rest on this NewView, and on no other (rule V4).</summary>
    private void ActivateView(NewView message)
    {
        Require.That(!ViewActive && message.Signed.Header.View == View);
        ViewActive = true;
        _newView = message;
        AdoptBase(message);
        _step.Emit(EffectKind.PersistNewView).NewView = message;
        if (message.Prepared is not null)
        {
            OnPreparedCertificate(message.Prepared);
        }

        if (message.Committed is not null)
        {
            OnCommitCertificate(message.Committed);
        }

        _lastProposalMicros = long.MinValue / 2;
        _step.Recheck = true;
    }

    private void AdoptBase(NewView message)
    {
        Claim prepared = CertificateBook.ClaimOf(message.Prepared);
        Claim committed = CertificateBook.ClaimOf(message.Committed);
        _baseFinal = CertificateBook.Compare(committed, prepared) >= 0;
        _base = _baseFinal ? committed : prepared;
        if (_base.IsAbsent)
        {
            _base = StartClaim;
        }
    }
}
