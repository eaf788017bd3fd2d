using Validator.Host.Primitives;

namespace Validator.Host.Contracts;

/// <summary>Why nothing becomes final, as far as this validator knows. The names are metric labels.</summary>
public enum StallCause : byte
{
    None,

    /// <summary>This validator has failed, or a thread of it hangs.</summary>
    Halted,

    /// <summary>Its disk is below the hard mark, or does not answer.</summary>
    Disk,
    NoQuorumConnected,

    /// <summary>The others go on, and it lacks what they have.</summary>
    CatchingUp,

    /// <summary>Connected, but too many sign nothing: their votes are lost, they lack a quorum, or they hang.</summary>
    NoQuorumSigning,

    /// <summary>The proposal has a time that the clocks have not reached.</summary>
    WaitingForTime,

    /// <summary>Leaders follow each other and none finishes a block.</summary>
    ViewChanges,

    /// <summary>The leader is connected, nothing that it proposes becomes final, and its time is not over.</summary>
    Leader,
}

/// <summary>
/// Nothing has become final for longer than <c>consensus.stall_seconds</c> while work is pending, or there is no quorum.
/// </summary>
/// <param name="Reason">For a person: since when, why, and who.</param>
/// <param name="RetryAfterSeconds">When to ask again.</param>
public sealed record Stall(StallCause Cause, string Reason, double Seconds, int RetryAfterSeconds)
{
    public string CauseName { get; } = Names.Snake(Cause.ToString());
}
