using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// What our key may have signed that is not known here, and what it may not sign (section 6, rules E7 and E9). A valid message of
/// our own that these do not explain says that the votes are lost, or that a twin signs.
/// </summary>
/// <param name="forgottenBelow">
/// Own votes of lower sequences are forgotten, as they lie behind what was executed. Where the ledger is lost that is ahead of
/// us: such votes contradict nothing, and no others are given there.
/// </param>
internal sealed class OwnPast(int self, VoteLimit limit, ulong forgottenBelow)
{
    public ulong ForgottenBelow => forgottenBelow;

    /// <summary>In views below it nothing but Stop is signed.</summary>
    public ulong FirstView => limit.FirstView;

    /// <summary>Where the own lane ended nobody knows.</summary>
    public bool LaneIsLost => limit.LaneIsLost;

    public bool IsSilent(ulong view) => view < limit.FirstView;

    /// <summary>A message of our own of that view may be of before our votes were lost.</summary>
    public bool MayBeOfBefore(ulong view) => limit.IsOfLostVotes && view < limit.FirstView;

    /// <summary>A vote or proposal of ours that we did not decide.</summary>
    /// <param name="decided">The digest that was decided in its slot; zero for none.</param>
    public bool IsContradicted(in SignedHeader vote, in Hash256 decided) =>
        vote.Sender == self && decided != vote.Digest && vote.Sequence >= forgottenBelow && !MayBeOfBefore(vote.View);

    /// <summary>
    /// A Stop of ours for a view that we did not ask for. One of before promised nothing, and has no other value.
    /// </summary>
    /// <param name="sent">The view that we asked for last.</param>
    public bool IsContradictedByStop(in SignedHeader stop, ulong sent) => stop.Sender == self && stop.View > sent && !limit.IsOfLostVotes;

    /// <summary>The certificate holds a vote of ours that we did not decide.</summary>
    /// <param name="slot">The certificate's; null where nothing was decided in it.</param>
    public bool IsContradicted(Certificate certificate, Slot? slot)
    {
        Require.That(slot is null || (slot.View == certificate.View && slot.Sequence == certificate.Sequence));
        return certificate.Sequence >= forgottenBelow && !MayBeOfBefore(certificate.View)
            && Array.Exists(certificate.Votes, vote => vote.Sender == self)
            && (slot is null || (certificate.Phase == Phase.Prepared ? slot.Accepted : slot.CommitSent) != certificate.BlockHash);
    }
}
