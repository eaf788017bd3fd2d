using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Host.Storage;

namespace Validator.Host.Contracts;

/// <summary>Why a submission was not taken. Nothing of it was kept.</summary>
public enum SubmitRefusal : byte
{
    None,

    /// <summary>
    /// The bounded queue of pending client batches is full: try again after <see cref="INodeGateway.RetryAfter"/>.
    /// </summary>
    Full,

    /// <summary>The node is recovering, or halted.</summary>
    NotReady,

    /// <summary>The node is stopping.</summary>
    Draining,

    /// <summary>The node follows without signing (PROTOCOL.md, section 6), so it authors no vertex.</summary>
    NotSigning,

    /// <summary>The disk is below the low-water mark.</summary>
    DiskLow,

    /// <summary>
    /// An envelope's nonce is 64 or more below one of its account that was taken here: it would be ordered and rejected.
    /// </summary>
    NonceTooOld,

    /// <summary>No quorum is connected, or nothing becomes final: <see cref="INodeGateway.Stall"/> says why.</summary>
    Stalled,

    /// <summary>
    /// The node votes, but authors no vertex in this epoch, since it lost where its lane ended (PROTOCOL.md, rule E9).
    /// </summary>
    LaneLost,
}

/// <summary>
/// The node as HTTP sees it. Called from thread-pool threads, concurrently; no member waits for the node's threads.
/// </summary>
public interface INodeGateway
{
    /// <summary>
    /// True when the node takes part: stores open, recovered, caught up with what more than F weight reports, quorum weight
    /// connected (itself included), room on the disk, and what is pending becomes final.
    /// </summary>
    bool IsReady(out string reason);

    /// <summary>Why nothing becomes final; null while something does.</summary>
    Stall? Stall => null;

    /// <summary>Forks that were seen since the start, the newest last.</summary>
    ForkSummary[] Forks => [];

    /// <summary>True when every loop of the node has advanced within the last five seconds.</summary>
    bool IsHealthy(out string reason);

    /// <summary>The chain's id: BLAKE3 of its genesis.</summary>
    Hash256 ChainId { get; }

    /// <summary>Most framed bytes of one submission: the genesis limit of a vertex's payload.</summary>
    int MaxSubmissionBytes { get; }

    /// <summary>Where submissions to this node come from.</summary>
    SubmissionPool Submissions { get; }

    /// <summary>Public keys that clients have sent.</summary>
    ClientKeys Keys { get; }

    /// <summary>
    /// Checks the envelopes' signatures, on the caller's thread: some 10 us each, 80 more for an account not met lately.
    /// </summary>
    /// <param name="payload">Account keys, then transactions: what <paramref name="envelopes"/> was made from.</param>
    /// <returns>The first envelope whose signature does not hold; -1 when all do.</returns>
    int FirstInvalidEnvelope(ReadOnlyMemory<byte> payload, EnvelopeIndex envelopes);

    /// <summary>
    /// Why a system transaction cannot be taken: a committee change must hold in the epoch that we are in, a proof of an offence
    /// by itself. None when it can.
    /// </summary>
    /// <param name="transaction">Its bytes.</param>
    FramingError CheckSystem(ReadOnlySpan<byte> transaction);

    /// <summary>Genesis has trust, and so accounts have stake.</summary>
    bool HasTrust => false;

    /// <summary>What trust comes to after the newest executed block; null where genesis has none.</summary>
    TrustSummary? Trust => null;

    /// <summary>An account's stake after it; null where genesis has no trust.</summary>
    AccountStake? StakeOf(Hash256 account) => null;

    /// <summary>The history of a member or all, the newest first. Reads the disk.</summary>
    List<StoredTrustEvent> TrustEvents(in Hash256 subject, EventPlace before, int most) => [];

    /// <summary>The same of an account, with what came over it by its deposits.</summary>
    AccountPage StakeHistory(in Hash256 account, EventPlace before, int most) => new([], null);

    /// <summary>The committee as of the last executed block.</summary>
    EpochConfiguration Epoch { get; }

    /// <summary>Levels of strong finality.</summary>
    FinalityBoard Finality { get; }

    /// <summary>What ?wait=strong waits for now.</summary>
    FinalityLevel StrongLevel => FinalityLevel.Strong67;

    /// <summary>?wait=finalized waits for it too.</summary>
    bool FinalIsStrong => false;

    /// <summary>How long a client should wait after <see cref="SubmitRefusal.Full"/>.</summary>
    TimeSpan RetryAfter { get; }

    /// <summary>
    /// What <see cref="TrySubmit"/> would answer now to a submission of that many bytes, asked before the work of checking it.
    /// </summary>
    SubmitRefusal RefusalOf(int bytes);

    /// <summary>
    /// Hands over a submission. On <see cref="SubmitRefusal.None"/> the node holds a reference to it (as if by
    /// <see cref="Submission.AddReference"/>), puts all of it into one vertex, completes it exactly once, and releases it.
    /// On any other value it holds nothing.
    /// </summary>
    SubmitRefusal TrySubmit(Submission submission);

    /// <summary>A recent snapshot; at most some hundreds of milliseconds old.</summary>
    NodeStatus GetStatus();

    /// <summary>The state of a transaction in an own vertex, or of any that is ordered and kept. May read the disk.</summary>
    /// <returns>False when this node does not know it, or no longer.</returns>
    bool TryFindTransaction(in Hash256 id, out TransactionState state);

    /// <summary>
    /// Blocks that are kept but not indexed yet, so that their transactions are not found; null when there are none.
    /// </summary>
    (ulong First, ulong Last)? NotIndexed => null;

    /// <summary>A vertex held durably here, by hash; null when there is none. May read the disk.</summary>
    StoredVertex? FindVertex(in Hash256 hash);

    /// <summary>An executed block, by sequence; null when not final here yet. May read the disk.</summary>
    StoredBlock? FindBlock(ulong sequence);

    /// <summary>What the databases have counted.</summary>
    StoreReading[] Stores => [];

    /// <summary>Final blocks and vertices by range. Reads the disk.</summary>
    DagQueries Dag { get; }

    /// <summary>The names of an epoch's members, of which there are <paramref name="members"/>. May read the disk.</summary>
    string[] MemberNames(ulong epoch, int members);

    /// <summary>
    /// The proof that an ordered transaction is final, without the ends of epochs before its certificate's. Null where this node
    /// cannot make it. May read the disk, the whole block too.
    /// </summary>
    /// <param name="gone">It was ordered, and what the proof takes is no longer kept here.</param>
    TransactionProof? FindProof(in Hash256 id, out bool gone);

    /// <summary>How epochs ended, from one up to another, for a proof. Read from the disk one by one.</summary>
    /// <exception cref="StoreException">One of them is not known here.</exception>
    IEnumerable<ProofEpochEnd> ReadEpochEnds(ulong from, ulong to);

    /// <summary>The account's nonces as of the last executed block on disk; null when it has none. May read the disk.</summary>
    AccountState? FindAccount(in Hash256 account);

    /// <summary>The global index that the next final transaction will get.</summary>
    ulong NextFinalIndex { get; }

    /// <summary>The oldest global index still readable here.</summary>
    ulong FirstFinalIndex { get; }

    /// <summary>The oldest block still readable here.</summary>
    ulong FirstBlock { get; }

    /// <summary>
    /// Opens a forward reader of final transactions at <paramref name="fromIndex"/>, which may lie in the future.
    /// </summary>
    IFinalizedReader OpenFinalized(ulong fromIndex);
}

/// <summary>A node that <c>validator run</c> can start and stop.</summary>
public interface IValidatorNode : INodeGateway, IAsyncDisposable
{
    /// <summary>
    /// Completes when the node has stopped by itself, with the process's exit code (a failed disk, a halt by safety).
    /// </summary>
    Task<int> Stopped { get; }

    /// <summary>Refuses every submission from now on; those taken are still completed where possible.</summary>
    void Drain();

    /// <summary>
    /// Makes a copy of the ledger, as of its newest commit, in a folder that does not exist yet; null where there is none on a
    /// disk. Any thread, until the node is disposed.
    /// </summary>
    Action<string>? CopyLedger => null;

    /// <summary>
    /// An executed block that is on disk, with its vertices in the order of execution; null where there is none yet, or no
    /// longer. Any thread, until the node is disposed. Reads the disk.
    /// </summary>
    FinalContent? ReadFinal(ulong sequence) => null;

    /// <summary>Replaces the addresses where members are looked for; connections stay.</summary>
    void SetPeers(Config.PeerAddressBook addresses)
    {
    }
}

/// <summary>Reads final transactions by global index, in order, without gaps. One thread at a time.</summary>
public interface IFinalizedReader : IDisposable
{
    /// <summary>The index that the next <see cref="Read"/> starts with.</summary>
    ulong NextIndex { get; }

    /// <summary>Adds transactions to <paramref name="page"/> until it is full or no more are final. May read the disk.</summary>
    /// <returns>How many were added; 0 when caught up; below 0 when <see cref="NextIndex"/> is no longer kept.</returns>
    int Read(FinalizedPage page);

    /// <summary>Completes when <see cref="Read"/> would add something.</summary>
    /// <returns>False when the node stops: nothing more will come.</returns>
    ValueTask<bool> WaitAsync(CancellationToken cancellation);
}
