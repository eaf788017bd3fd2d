using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Trust;

/// <summary>What two messages of one signer prove, to everybody.</summary>
public enum Offence : byte
{
    /// <summary>Two vertices in one slot of its lane.</summary>
    LaneTwin,

    /// <summary>Two Prepares, or a Prepare beside the own proposal, in one slot.</summary>
    DoublePrepare,

    /// <summary>Two Commits in one slot.</summary>
    DoubleCommit,

    /// <summary>Two proposals in one slot.</summary>
    DoubleProposal,

    /// <summary>Two Stops, ViewChanges or NewViews of one view.</summary>
    DoubleViewChange,

    /// <summary>A Commit in each of two commit certificates that contradict one another.</summary>
    ConflictingCommit,
}

public static class Offences
{
    public const int Count = 6;

    /// <summary>What a pair of headers that share a slot proves (PROTOCOL.md, section 8).</summary>
    public static Offence Of(in SignedHeader first, in SignedHeader second) => (first.Kind, second.Kind) switch
    {
        (MessageKind.Vertex, _) => Offence.LaneTwin,
        (MessageKind.PrePrepare, MessageKind.PrePrepare) => Offence.DoubleProposal,
        (MessageKind.PrePrepare or MessageKind.Prepare, _) => Offence.DoublePrepare,
        (MessageKind.Commit, _) => Offence.DoubleCommit,
        (MessageKind.Stop or MessageKind.ViewChange or MessageKind.NewView, _) => Offence.DoubleViewChange,
        _ => throw new InvariantViolationException($"no pair of {first.Kind} convicts"),
    };
}
