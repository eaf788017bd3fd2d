using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;

namespace Validator.Host.Storage;

public enum TransactionStage : byte
{
    /// <summary>In a durable vertex of this validator.</summary>
    Durable,

    /// <summary>Ordered and executed: it has a global index.</summary>
    Finalized,

    /// <summary>Ordered, and dropped by execution in the same way everywhere.</summary>
    Rejected,
}

/// <summary>Why execution dropped a transaction.</summary>
public enum TransactionRejection : byte
{
    None,

    /// <summary>The same bytes were ordered before; the index is that of the first.</summary>
    Repeat,

    /// <summary>Another envelope of this account with this nonce was accepted.</summary>
    NonceUsed,

    /// <summary>The nonce is more than 63 below the account's highest.</summary>
    NonceTooOld,

    /// <summary>The account is new, and the chain keeps no more accounts.</summary>
    AccountsFull,

    /// <summary>A committee change that was not ordered in the epoch that it was signed for.</summary>
    EpochEnded,

    /// <summary>A committee change while another one waits for the epoch's end.</summary>
    AnotherPending,

    /// <summary>A committee change that names no member of the committee.</summary>
    UnknownMember,

    /// <summary>A committee change whose result is not a valid committee.</summary>
    NoCommittee,

    /// <summary>A committee change after which the members who know the chain would be no quorum.</summary>
    TooFewToGoOn,

    /// <summary>A change of a weight where trust reckons weights.</summary>
    WeightsAreReckoned,

    /// <summary>A stake operation or a proof of an offence, on a chain without trust.</summary>
    TrustOff,

    /// <summary>A proof of an offence of an epoch that is too long ago, or not begun.</summary>
    OtherEpoch,

    /// <summary>A proof whose key was not that member's.</summary>
    NotTheMembersKey,

    /// <summary>A proof of what is counted.</summary>
    AlreadyCounted,

    /// <summary>A proof against a member of which enough is counted.</summary>
    EnoughCounted,

    // Stake operations without effect; their nonce is used.
    ZeroAmount,
    TooLittleBalance,
    TooLittleDeposit,
    TooManyPositions,
    PoolSpent,
    NothingToClaim,
    StakeAccountsFull,
    StakeMalformed,
}

/// <param name="Index">Global index when finalized; the first one's when rejected as a repeat.</param>
/// <param name="BlockSequence">The block that ordered it; 0 while only durable.</param>
public readonly record struct TransactionState(
    TransactionStage Stage, ulong Index, ulong BlockSequence, TransactionRejection Rejection);

/// <summary>What execution knows of an account.</summary>
/// <param name="HighestNonce">The highest accepted.</param>
/// <param name="Bitmap">Bit i: HighestNonce - i was accepted.</param>
public readonly record struct AccountState(ulong HighestNonce, ulong Bitmap);

public sealed record StoredVertex(VertexHeader Header, byte[] Signature, byte[] Payload);

/// <param name="Block">The block asked for.</param>
/// <param name="Between">Its descendants up to the certified one, in sequence order; empty when its own certificate is
/// held.</param>
/// <param name="Certificate">Proves the last of those (rule P5).</param>
/// <param name="FirstIndex">Global index of its first transaction.</param>
/// <param name="TransactionCount">Transactions that got an index in it.</param>
/// <param name="ExecutedRoot">The root after its execution.</param>
public sealed record StoredBlock(
    Block Block, Block[] Between, Certificate Certificate, ulong FirstIndex, uint TransactionCount, Hash256 ExecutedRoot);

/// <summary>One entry of the history of trust and stake.</summary>
/// <param name="Sequence">The block that it happened in.</param>
/// <param name="Place">In that block's list, from 0 on.</param>
/// <param name="Trace">What is kept of it for the subject that it was asked for by.</param>
public readonly record struct StoredTrustEvent(ulong Sequence, uint Place, TrustEvent Event, StakeTrace Trace)
{
    public EventPlace At => new(Sequence, Place);
}
