namespace Validator.Core.Consensus;

/// <summary>What this validator does not sign in one epoch, whatever its votes would allow (PROTOCOL.md, rule E9). Durable before it says so.</summary>
/// <param name="FirstView">In views below it nothing but Stop is signed.</param>
/// <param name="LostView">
/// Above 0: what this key signed in this epoch before its votes were lost is not known, but for this: it is of lower views. So no vertex is authored,
/// and own messages of views below <see cref="FirstView"/>, and own vertices, contradict nothing.
/// </param>
public readonly record struct VoteLimit(ulong Epoch, ulong FirstView, ulong LostView)
{
    public bool IsOfLostVotes => LostView > 0;
}
