using System.Diagnostics.CodeAnalysis;
using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Api;

namespace Validator.Host.Node;

/// <summary>What the node asks of the store of its own votes. It belongs to one thread.</summary>
internal interface IVoteStore : IDisposable
{
    /// <param name="body">The encoded block, ViewChange or NewView of a record that has one.</param>
    void AddSigned(Signed signed, ReadOnlySpan<byte> body);

    void AddBlock(Block block);

    void AddPreparedCertificate(Certificate certificate);

    void AddNewView(NewView newView);

    /// <summary>Everything added since the last one becomes durable, or nothing does and the error says why.</summary>
    bool Commit([NotNullWhen(false)] out string? error);

    /// <summary>Records behind a durably executed block may go with the next commit.</summary>
    void ForgetBelow(ulong sequence);
}

/// <summary>What the node asks of the ledger. Add and Commit belong to one thread; reads to any.</summary>
internal interface ILedger : IDisposable
{
    void AddVertex(VertexHeader header, byte[] signature, byte[] payload);

    void AddFinal(ExecutedBlock executed);

    /// <summary>Everything added since the last one becomes durable, or nothing does and the error says why.</summary>
    bool Commit([NotNullWhen(false)] out string? error);

    bool TryGetVertex(
        in Hash256 hash, [NotNullWhen(true)] out VertexHeader? header, [NotNullWhen(true)] out byte[]? signature,
        [NotNullWhen(true)] out byte[]? payload);

    /// <summary>The oldest block and transaction that are still readable.</summary>
    Kept FirstKept { get; }

    /// <summary>An executed block by hash.</summary>
    Block? FindBlock(in Hash256 hash);

    /// <summary>An executed block with the commit certificate that made it final: its own or a descendant's.</summary>
    (Block Block, Certificate Certificate)? FindFinal(ulong sequence);

    // Snapshots: see RocksLedger.State and RocksLedger.Snapshots.
    uint DedupWindow { get; }

    ulong[] Snapshots();

    SnapshotState? FindSnapshot(ulong sequence);

    StateRecord? FindState(ulong sequence);

    byte[]? FindAccounts(in Hash256 segment);

    bool TryReadIds(ulong from, Span<byte> ids);

    void AddManifest(SnapshotManifest manifest);

    void AddChunk(SnapshotChunk chunk);

    void DropSnapshot();

    bool Install(SnapshotManifest manifest, Executor executor, [NotNullWhen(false)] out string? error);

    /// <summary>What the API shows of an executed block.</summary>
    StoredBlock? ShowBlock(ulong sequence);

    /// <summary>What execution knows of an account; null when none of its envelopes was accepted yet.</summary>
    AccountState? FindAccount(in Hash256 account);

    /// <summary>
    /// Adds final transactions from the cursor on, below <paramref name="end"/>, until the page is full. One thread at a time
    /// for a cursor.
    /// </summary>
    /// <returns>How many were added, or <see cref="FinalizedCursor.Gone"/>.</returns>
    int ReadFinalized(FinalizedCursor cursor, ulong end, FinalizedPage page);
}

/// <summary>Open stores and what they gave at the start.</summary>
/// <param name="Signs">False: the votes of earlier are lost, so nothing is signed.</param>
internal sealed record NodeStores(IVoteStore Votes, ILedger Ledger, RecoveredState Recovered, Executor Executor, bool Signs)
    : IDisposable
{
    public void Dispose()
    {
        Votes.Dispose();
        Ledger.Dispose();
    }
}
