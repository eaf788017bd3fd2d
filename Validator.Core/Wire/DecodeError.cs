namespace Validator.Core.Wire;

/// <summary>Why bytes or a message were refused. A peer's fault, so a value: one counter each, labelled by these names.</summary>
public enum DecodeError : byte
{
    None,

    // Bytes.
    Truncated,
    TrailingBytes,
    FrameTooLarge,
    UnknownFrameType,
    WrongTag,
    ReservedNotZero,
    LaneCountDiffers,
    MemberOutOfRange,
    UnknownKind,

    // Fields that contradict their definition.
    WrongMessageKind,
    HeaderMalformed,
    HeaderContradictsBody,
    DigestDiffers,
    TipMalformed,
    SequenceZero,
    ParentZero,
    ExecutedNotBelowSequence,
    HeightZero,
    PredecessorMalformed,
    OwnParentNotZero,

    // Payloads.
    PayloadSize,
    PayloadTooLarge,
    TransactionCount,
    TransactionLength,
    TransactionKindUnknown,
    TransactionRootDiffers,
    ChangeMalformed,
    ChangeNotAlone,
    ChangeOfOtherEpoch,

    // Signed envelopes.
    EnvelopeMalformed,
    AccountKeyLength,
    AccountKeyMisplaced,
    AccountKeysNotAscending,
    AccountKeyMissing,
    AccountKeyUnused,

    // Certificates, view changes, evidence.
    VoteCount,
    NotAscending,
    NoQuorum,
    NotLeader,
    ClaimMalformed,
    ListMalformed,
    ClaimNotBelowView,
    ClaimsConflict,
    CertificateMissing,
    CertificateContradictsClaim,
    EvidenceOtherSender,
    EvidenceOtherSlot,
    EvidenceSameDigest,

    // Synchronization.
    BlockCount,
    ChainBroken,
    FetchMalformed,
}
