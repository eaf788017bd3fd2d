using System.Text;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Storage;

namespace Validator.Host.Node;

/// <summary>
/// The two things that an operator does to a vote store (PROTOCOL.md, section 6): making a new key's, once, and marking one
/// that came from a backup. Both are outside <c>run</c>, so that lost votes are noticed and never replaced by an empty store.
/// </summary>
public static class VoteStoreSetup
{
    private const long ReadingBytes = 8 << 20;

    /// <summary>Creates the vote store of a key that has never signed.</summary>
    /// <exception cref="StoreException">
    /// There is a vote store, a part of one or a mark against one; or the ledger knows that the key has signed; or the
    /// folder cannot be written.
    /// </exception>
    public static void Create(NodeContext context)
    {
        StorageSection storage = context.Config.Storage;
        if (Mark(storage) is { } mark)
        {
            throw new StoreException(StoreFault.Exists, $"{mark}. So its key has signed, and nothing was created.");
        }

        if (Directory.Exists(storage.VotesPath) && Directory.EnumerateFileSystemEntries(storage.VotesPath).Any())
        {
            throw new StoreException(
                StoreFault.Exists,
                $"{storage.VotesPath}: there is a vote store already, or a part of one. It is never overwritten: an empty one with the same key"
                + " could sign against what the key has signed.");
        }

        if (LedgerKnowsTheKey(context))
        {
            throw new StoreException(
                StoreFault.Exists,
                $"{storage.LedgerPath} holds what this validator's key has signed, so its votes are lost. Nothing was created: it may follow"
                + " ('validator run'), but not sign.");
        }

        ValidatorNode.CreateVoteStore(storage, context.ChainId, context.Keys.ConsensusPublicKey);
    }

    /// <summary>Leaves the mark that keeps <c>run</c> from signing with this vote store.</summary>
    /// <exception cref="StoreException">The folder cannot be written.</exception>
    public static void MarkRestored(StorageSection storage) =>
        Leave(storage.RestoredMarker, "restored from a backup: follow, and sign nothing");

    /// <summary>
    /// Leaves the mark of a contradiction: the process stops signing by itself, and so must every later one, whose vote store
    /// looks as sound as before.
    /// </summary>
    /// <param name="what">What was met, in words.</param>
    /// <exception cref="StoreException">The folder cannot be written.</exception>
    public static void MarkContradicted(StorageSection storage, string what) => Leave(storage.ContradictedMarker, what);

    /// <summary>Why <c>run</c> must not sign with this vote store, beginning with the file that says so; null when it may.</summary>
    public static string? Mark(StorageSection storage) =>
        File.Exists(storage.RestoredMarker)
            ? $"{storage.RestoredMarker}: the vote store came from a backup and may lack votes that were sent"
        : File.Exists(storage.ContradictedMarker)
            ? $"{storage.ContradictedMarker}: a message with this validator's signature was met that the vote store does not know, so another"
                + " process uses the key, or the store was rolled back. Find that process and stop it, and keep the mark: with this key nothing"
                + " more may be signed"
        : null;

    /// <summary>What <c>run</c> would do, in words.</summary>
    public static string Describe(StorageSection storage) =>
        Mark(storage) is { } mark ? $"{mark}; it would follow and sign nothing"
        : RocksVoteStore.Exists(storage.VotesPath) ? $"{storage.VotesPath}"
        : $"none in {storage.VotesPath}; it would follow and sign nothing. For a key that has never signed: validator votes create";

    private static void Leave(string marker, string what)
    {
        try
        {
            DurableFile.Append(marker, Encoding.UTF8.GetBytes($"{DateTime.UtcNow:u} {what}\n"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFault.Unwritable, $"{marker}: cannot be written: {e.Message}");
        }
    }

    private static bool LedgerKnowsTheKey(NodeContext context)
    {
        StorageSection storage = context.Config.Storage;
        if (!StoreDirectory.Exists(storage.LedgerPath))
        {
            return false;
        }

        using RocksLedger ledger = RocksLedger.Open(
            storage.LedgerPath, StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey), context.Genesis.Members.Length,
            context.Genesis.Parameters.DedupWindow, ReadingBytes, ReadingBytes);
        FinalRecord? last = ledger.LastFinal();
        return last?.Block.Cut[context.Self].Height > 0
            || (last is not null && Array.Exists(last.Certificate.Votes, v => v.Sender == context.Self))
            || ledger.VerticesAbove(0, context.Self, 0).Any();
    }
}
