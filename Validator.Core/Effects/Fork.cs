using Validator.Core.Primitives;

namespace Validator.Core.Effects;

/// <summary>What two signed things say that cannot both be ordered (rule D1).</summary>
public enum ForkKind : byte
{
    /// <summary>Two vertices in one slot of a lane.</summary>
    LaneTwin,

    /// <summary>Two proposals of one leader for one view and sequence.</summary>
    TwoProposals,

    /// <summary>Certificates of two blocks of one sequence.</summary>
    Certificates,
}

/// <summary>What became of it (rules D2 to D4, R4).</summary>
public enum ForkOutcome : byte
{
    Active,

    /// <summary>A final cut covers the slot: one of the vertices is ordered, or neither can be any more.</summary>
    Ordered,

    /// <summary>A block that was accepted after the conviction is final, and the lane stays where it was (rule L4).</summary>
    LaneClosed,

    /// <summary>One of the proposals, or another block there, has a certificate.</summary>
    Certified,

    /// <summary>The view is over.</summary>
    ViewEnded,

    /// <summary>One of the blocks, or another there, is final (rule V4).</summary>
    Final,

    /// <summary>Nothing of it counts in the next epoch (rule E3).</summary>
    EpochEnded,

    /// <summary>Both are final: more than F were faulty, and the validator halts (section 8).</summary>
    Failed,

    /// <summary>It had failed, and operators have ended the epoch (rule R4). Told by the shell; Core begins anew then.</summary>
    Recovered,
}

/// <summary>A fork, as it is found or ends.</summary>
/// <param name="Member">The author or leader, by committee index; -1 where certificates fork.</param>
/// <param name="View">0 for vertices; of the later certificate.</param>
/// <param name="Sequence">A vertex's height.</param>
/// <param name="FoundMicros">Monotonic, as is the end.</param>
public sealed record Fork(
    ForkKind Kind, ulong Epoch, int Member, ulong View, ulong Sequence, Hash256 First, Hash256 Second, long FoundMicros)
{
    public ForkOutcome Outcome { get; init; }

    /// <summary>Where it has ended.</summary>
    public long EndedMicros { get; init; }

    /// <summary>The same fork, whatever has become of it.</summary>
    public bool IsSameAs(Fork other) => this with { Outcome = other.Outcome, EndedMicros = other.EndedMicros } == other;
}
