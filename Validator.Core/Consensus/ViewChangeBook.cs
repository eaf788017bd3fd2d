using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// The newest ViewChange of each member, and what we sign of ViewChange and NewView (rule V3): one of each per view, made once
/// and sent again as stored.
/// </summary>
internal sealed class ViewChangeBook(Committee committee, int self, ulong epoch)
{
    private readonly ViewChange?[] _newest = new ViewChange?[committee.Count];
    private SignedHeader? _toSign;

    // What we decided, before or after it was signed.
    private SignedHeader? _newView;

    /// <summary>Our newest, as signed; null before.</summary>
    public ViewChange? Own { get; private set; }

    public ViewChange? this[int member] => _newest[member];

    /// <summary>Signs the ViewChange of a view that is entered.</summary>
    /// <param name="prepared">The highest prepared certificate of the views below; likewise <paramref name="committed"/>.</param>
    /// <param name="accepted">In the views below.</param>
    public void Sign(ulong view, Certificate? prepared, Certificate? committed, in Acceptances accepted, Step step)
    {
        Require.That(prepared is null || prepared.View < view);
        Require.That(committed is null || committed.View < view);
        Claims claims = new(CertificateBook.ClaimOf(prepared), CertificateBook.ClaimOf(committed), accepted);
        Hash256 digest = ClaimsCodec.Digest(claims);
        _toSign = new SignedHeader(MessageKind.ViewChange, self, epoch, view, 0, digest);
        step.SignViewChange(new UnsignedViewChange(_toSign.Value, claims, prepared, committed));
    }

    /// <summary>Our ViewChange is signed; false where it is one that we do not wait for.</summary>
    public bool OnSigned(ViewChange message)
    {
        bool awaited = _toSign == message.Signed.Header;
        Own = awaited ? message : Own;
        return awaited;
    }

    public void Take(ViewChange message)
    {
        SignedHeader header = message.Signed.Header;
        Require.That(_newest[header.Sender] is not { } known || known.Signed.Header.View < header.View);
        _newest[header.Sender] = message;
    }

    /// <summary>
    /// Signs the NewView of a view that we lead once ViewChanges of quorum weight are here; does nothing the second time.
    /// </summary>
    public void TrySignNewView(ulong view, Step step)
    {
        if (_newView is not null)
        {
            return;
        }

        List<ViewChangeSummary> summaries = [];
        ulong weight = 0;
        Certificate? prepared = null;
        Certificate? committed = null;
        for (int i = 0; i < _newest.Length; i++)
        {
            if (_newest[i] is { } change && change.Signed.Header.View == view)
            {
                summaries.Add(new ViewChangeSummary(i, change.Claims, change.Signed.Signature));
                weight += committee.Weight(i);
                prepared = CertificateBook.Higher(prepared, change.Prepared);
                committed = CertificateBook.Higher(committed, change.Committed);
            }
        }

        if (weight < committee.Quorum)
        {
            return;
        }

        ViewChangeSummary[] changes = [.. summaries];
        Hash256 digest = NewViewCodec.Digest(changes);
        _newView = new SignedHeader(MessageKind.NewView, self, epoch, view, 0, digest);
        step.SignNewView(new UnsignedNewView(_newView.Value, changes, prepared, committed));
    }

    /// <summary>Our NewView is signed, and it is the one that we wait for.</summary>
    public bool Awaits(NewView message) => _newView == message.Signed.Header;

    /// <summary>We decided these claims for that view.</summary>
    public bool IsOurs(ulong view, in Claims claims)
    {
        Hash256 digest = ClaimsCodec.Digest(claims);
        return Is(_toSign) || Is(Own?.Signed.Header);

        bool Is(SignedHeader? own) => own?.View == view && own?.Digest == digest;
    }

    /// <summary>We decided this NewView.</summary>
    public bool IsOurNewView(in Hash256 digest) => _newView?.Digest == digest;

    /// <summary>A later view was entered.</summary>
    public void Entered() => _newView = null;

    /// <summary>A ViewChange of our own that was stored before a restart.</summary>
    public void Recover(Signed stored, ViewChange? change)
    {
        if (Own is null || stored.Header.View >= Own.Signed.Header.View)
        {
            Own = change;
            _newest[self] = change;
        }
    }

    /// <summary>A NewView of our own that was stored before a restart; null for one of a view that was left.</summary>
    public void Recover(NewView? newView) => _newView = newView?.Signed.Header;
}
