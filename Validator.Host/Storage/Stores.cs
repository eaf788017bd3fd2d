using System.Diagnostics.CodeAnalysis;
using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Host.Storage;

/// <summary>The store of the node's own votes. It belongs to one thread.</summary>
internal interface IVoteStore : IDisposable
{
    /// <param name="body">The encoded block, ViewChange or NewView of a record that has one.</param>
    void AddSigned(Signed signed, ReadOnlySpan<byte> body);

    void AddBlock(Block block);

    void AddPreparedCertificate(Certificate certificate);

    void AddNewView(NewView newView);

    /// <summary>Everything added since the last one becomes durable, or nothing does and the error says why.</summary>
    bool Commit([NotNullWhen(false)] out string? error);

    /// <summary>Records behind a durably executed block may be deleted with the next commit.</summary>
    void ForgetBelow(ulong sequence);

    /// <summary>Records of ended epochs are deleted with the next commit.</summary>
    void ForgetEpochsBelow(ulong epoch);

    /// <summary>What its database has counted; null where there is none, or no longer. Any thread.</summary>
    StoreReading? Read() => null;
}

/// <summary>The ledger as the node uses it. Add and Commit belong to one thread; any thread may read.</summary>
internal interface ILedger : IFinalBlocks, IDagSource, IDisposable
{
    void AddVertex(VertexHeader header, ReadOnlySpan<byte> signature, ReadOnlySpan<byte> payload);

    /// <summary>After AddVertex of an own vertex: notes in the ledger where the own lane ends (PROTOCOL.md, rule E9).</summary>
    void AddOwnTip(VertexHeader header);

    void AddFinal(ExecutedBlock executed);

    /// <summary>
    /// After AddFinal of an epoch's last block, before the commit of both: forgets the vertices that it left out, except our own.
    /// </summary>
    /// <param name="self">Own author index in that epoch, or -1.</param>
    /// <returns>Own vertices of the epoch that no block ordered, by height. They stay until <see cref="ForgetVertex"/>.</returns>
    Hash256[] EndEpoch(Block last, int self);

    /// <summary>
    /// With the next commit: forgets an own vertex of an ended epoch whose transactions are in another one now.
    /// </summary>
    void ForgetVertex(in Hash256 hash);

    /// <summary>
    /// What of an abandoned branch is to be authored again, in that order, and not forgotten yet. Each is read as it is asked
    /// for.
    /// </summary>
    IEnumerable<Hash256> Carried() => [];

    /// <summary>Everything added since the last one becomes durable, or nothing does and the error says why.</summary>
    bool Commit([NotNullWhen(false)] out string? error);

    bool TryGetVertex(
        in Hash256 hash, [NotNullWhen(true)] out VertexHeader? header, [NotNullWhen(true)] out byte[]? signature,
        [NotNullWhen(true)] out byte[]? payload);

    /// <summary>
    /// Finds vertices that are still in memory, so that readers at the tip do not hash them again. Each comes with a reference.
    /// Set once, before the first reader.
    /// </summary>
    Func<Hash256, HeldVertex?> Recent
    {
        set { }
    }

    /// <summary>An executed block by hash.</summary>
    Block? FindBlock(in Hash256 hash);

    // Snapshots: see RocksLedger.State and RocksLedger.Snapshots.
    uint DedupWindow { get; }

    ulong[] Snapshots();

    SnapshotState? FindSnapshot(ulong sequence);

    StateRecord? FindState(ulong sequence);

    byte[]? FindChunk(in Hash256 segment);

    bool TryReadIds(ulong from, Span<byte> ids);

    void AddManifest(SnapshotManifest manifest);

    void AddChunk(SnapshotChunk chunk);

    void DropSnapshot();

    bool Install(SnapshotManifest manifest, EpochConfiguration epoch, Executor executor, [NotNullWhen(false)] out string? error);

    EpochConfiguration? ReadEpoch();

    EpochEnd? FindEpochEnd(ulong epoch);

    /// <summary>With the next commit: the ledger is in the next epoch, with an earlier state. Otherwise as EndEpoch.</summary>
    Hash256[] SkipEpoch(EpochEnd end, int self);

    /// <summary>What the API shows of an executed block.</summary>
    StoredBlock? ShowBlock(ulong sequence);

    /// <summary>The names of an epoch's members; empty where they are not known.</summary>
    string[] FindNames(ulong epoch) => [];

    /// <summary>What became of a transaction, where it was ordered and is kept. Any thread.</summary>
    bool TryFindTransaction(in Hash256 id, out TransactionState state)
    {
        state = default;
        return false;
    }

    /// <summary>Where an ordered transaction stands; null where it is not known, or no longer. Any thread.</summary>
    OrderedTransaction? Locate(in Hash256 id) => null;

    /// <summary>Blocks that are kept but not indexed yet.</summary>
    (ulong First, ulong Last)? NotIndexed => null;

    /// <summary>What its database has counted; null where there is none, or no longer. Any thread.</summary>
    StoreReading? Read() => null;

    /// <summary>The history of trust and stake of a subject, the newest first. Any thread.</summary>
    IEnumerable<StoredTrustEvent> FindEvents(Hash256 subject, EventPlace before) => [];

    /// <summary>What execution knows of an account; null when none of its envelopes was accepted yet.</summary>
    AccountState? FindAccount(in Hash256 account);

    /// <summary>
    /// Adds final transactions from the cursor on, below <paramref name="end"/>, until the page is full. One thread at a time
    /// for a cursor.
    /// </summary>
    /// <returns>How many were added, or <see cref="FinalizedCursor.Gone"/>.</returns>
    int ReadFinalized(FinalizedCursor cursor, ulong end, FinalizedPage page);
}

internal static class LedgerMembers
{
    /// <summary>The members of an epoch up to the ledger's; null where it does not know them. Any thread.</summary>
    /// <param name="genesis">Those of epoch 0.</param>
    public static Member[]? MembersOf(this ILedger ledger, Member[] genesis, ulong epoch) =>
        epoch == 0 ? genesis
        : ledger.ReadEpoch() is { } present && present.Number == epoch ? present.Members
        : ledger.FindEpochEnd(epoch - 1)?.Next;
}

/// <summary>Open stores, and what was read from them at the start.</summary>
/// <param name="Standing">What the votes let this validator sign; it has entered <paramref name="Epoch"/>.</param>
/// <param name="Epoch">The one after the newest executed block.</param>
internal sealed record NodeStores(
    IVoteStore Votes, ILedger Ledger, RecoveredState Recovered, Executor Executor, VoteStanding Standing, EpochConfiguration Epoch)
    : IDisposable
{
    public IVoteStore Votes { get; private set; } = Votes;

    /// <summary>Own vertices of ended epochs that no block ordered.</summary>
    public IReadOnlyList<Hash256> Unordered { get; init; } = [];

    /// <summary>
    /// Votes of a later epoch than the ledger's (PROTOCOL.md, rule E7). Nothing is signed before it. Else null.
    /// </summary>
    public RocksVoteStore? LaterVotes { get; init; }

    /// <summary>
    /// Makes an empty vote store, from that epoch on, in place of a lost one, and removes the marks of the loss.
    /// </summary>
    public required Func<ulong, IVoteStore> Fresh { get; init; }

    /// <summary>The lost votes no longer matter (PROTOCOL.md, rule E5). The vote store's thread.</summary>
    public IVoteStore RenewVotes(ulong epoch)
    {
        Votes.Dispose();
        Votes = new NoVoteStore();
        Votes = Fresh(epoch);
        return Votes;
    }

    /// <summary>The ledger has reached the epoch of the votes. The vote store's thread, after they were recovered.</summary>
    public IVoteStore ResumeVotes() => Votes = LaterVotes!;

    public void Dispose()
    {
        Votes.Dispose();
        if (LaterVotes is not null && !ReferenceEquals(LaterVotes, Votes))
        {
            LaterVotes.Dispose();
        }

        Ledger.Dispose();
    }
}
