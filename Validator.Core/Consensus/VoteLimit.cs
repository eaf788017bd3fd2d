namespace Validator.Core.Consensus;

/// <summary>
/// What this validator does not sign in one epoch, whatever its votes would allow (PROTOCOL.md, rule E9). Durable before it says
/// so.
/// </summary>
/// <param name="FirstView">In views below it nothing but Stop is signed.</param>
/// <param name="LostView">
/// Above 0: this key's votes of this epoch were lost, and all that is known of them is that their views are lower. So own
/// messages of views below <see cref="FirstView"/> contradict nothing.
/// </param>
/// <param name="LaneKnown">
/// Of lost votes: the own tip is the newest vertex that this key signed in this epoch, as its ledger was not lost.
/// </param>
public readonly record struct VoteLimit(ulong Epoch, ulong FirstView, ulong LostView, bool LaneKnown = false)
{
    public bool IsOfLostVotes => LostView > 0;

    /// <summary>Where the own lane ended nobody knows: no vertex is authored, and own ones contradict nothing.</summary>
    public bool LaneIsLost => IsOfLostVotes && !LaneKnown;
}
