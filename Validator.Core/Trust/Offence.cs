using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Trust;

public static class Offences
{
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
