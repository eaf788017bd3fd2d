namespace Validator.Core.Primitives;

/// <summary>A committee change that is executed and takes effect with the next epoch.</summary>
/// <param name="Sequence">
/// The block whose execution made it pending: the first block that states it, or a later one, ends the epoch.
/// </param>
/// <param name="Members">The next epoch's members.</param>
public sealed record PendingCommittee(ulong Sequence, Member[] Members);
