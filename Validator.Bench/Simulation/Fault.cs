namespace Validator.Bench.Simulation;

/// <summary>
/// What a world does to its validators; each is counted where it happens, and one that never happens fails the run.
/// </summary>
public enum Fault : byte
{
    // The network.
    Loss,
    Duplicate,
    Reorder,
    Clog,
    Partition,
    OneWayPartition,
    IsolatedLeader,
    SlowPeer,

    // Processes and clocks.
    Crash,
    CrashBetweenSyncAndSend,
    Pause,
    RollingRestart,
    RestartOfAll,
    Blackout,
    ClockSkew,
    ClockDrift,
    ClockJump,
    ClocksAhead,
    ClocksCorrected,

    // Epochs.
    EpochEnd,
    CommitteeChange,
    RefusedChange,
    NewcomerSigns,
    ForgedChange,
    SignsAgain,
    LateInput,

    /// <summary>A restart just after it was learned from when on to sign again.</summary>
    ReturnRestart,

    // Disks.
    LostWrites,
    WrittenButNotSent,
    TornRecord,
    BitFlip,
    MisdirectedWrite,
    FullDisk,
    FailedSync,
    Wipe,
    OldBackup,
    VotesLostByMany,
    VotesRecreated,
    RevivalRefused,
    OldVoteReleased,

    // Of the fast path.
    FastFinality,
    SlowFinality,
    ListedBase,

    // Of strong finality.
    Strong67,
    Strong75,
    Strong82,

    // Byzantine members.
    Twins,
    ForkedProposal,
    CrossedProposal,
    StaleProposal,
    TwinCut,
    PhantomCut,
    BadContent,
    LyingRoot,
    DoubleVote,
    VoteForUnseen,
    OtherEpoch,
    WrongNextCommittee,
    PastEpochEnd,
    TwinVertex,
    FloodedLane,
    WithheldPayload,
    WrongPayload,
    SelectiveSend,
    LyingViewChange,
    LyingList,
    ForsakenView,
    TwoNewViews,
    LyingStatus,
    UnaskedAnswer,
    Malformed,
    WrongSignature,
    OtherChain,
    TooLittleWeight,
    RepeatedSigner,
    ForgedClaims,
    Oversized,
    Replay,
    Flood,

    // Forks that honest validators saw.
    ForkOfLane,
    ForkOfProposals,
    ForkResolved,

    // More than F: two branches became final, and operators named one.
    ForkRecovered,

    // Of ledgers.
    Pruned,
    CertificatesDropped,
    LongAbsence,
    LostLedger,
    CrashBetweenStores,
    CaughtUp,
    CrashInCatchUp,
    WrongChunk,
    ForgedManifest,
    EpochSkipped,
    Landed,
    ForgedEpochEnd,
    LyingProof,

    // Of clients that sign.
    NonceUsed,
    NonceTooOld,
    AccountsFull,

    // Of trust.
    OffenceProven,
    RefusedProof,
    ForgedProof,
    Banned,
    BanWaits,
    Returned,
    WeightMoved,
    Rewarded,
    StakeMoved,
    RefusedStake,
    Slashed,
}
