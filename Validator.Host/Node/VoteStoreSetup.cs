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
    /// There is a vote store, a part of one or a mark of a restored one; or the ledger knows that the key has signed; or the
    /// folder cannot be written.
    /// </exception>
    public static void Create(NodeContext context)
    {
        StorageSection storage = context.Config.Storage;
        if (File.Exists(storage.RestoredMarker))
        {
            throw new StoreException(
                StoreFault.Exists, $"{storage.RestoredMarker}: this validator was restored from a backup, so its key has signed. Nothing was created.");
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
    public static void MarkRestored(StorageSection storage)
    {
        try
        {
            Directory.CreateDirectory(storage.Path);
            using FileStream mark = new(storage.RestoredMarker, FileMode.Append);
            mark.Write("restored from a backup: follow, and sign nothing\n"u8);
            mark.Flush(flushToDisk: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFault.Unwritable, $"{storage.RestoredMarker}: cannot be written: {e.Message}");
        }
    }

    /// <summary>What <c>run</c> would do, in words.</summary>
    public static string Describe(StorageSection storage) =>
        File.Exists(storage.RestoredMarker) ? $"restored from a backup ({storage.RestoredMarker}); it would follow and sign nothing"
        : RocksVoteStore.Exists(storage.VotesPath) ? $"{storage.VotesPath}"
        : $"none in {storage.VotesPath}; it would follow and sign nothing. For a key that has never signed: validator votes create";

    private static bool LedgerKnowsTheKey(NodeContext context)
    {
        StorageSection storage = context.Config.Storage;
        if (!StoreDirectory.Exists(storage.LedgerPath))
        {
            return false;
        }

        using RocksLedger ledger = RocksLedger.Open(
            storage.LedgerPath, StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey), context.Genesis.Members.Length,
            ReadingBytes, ReadingBytes);
        FinalRecord? last = ledger.LastFinal();
        return last?.Block.Cut[context.Self].Height > 0
            || (last is not null && Array.Exists(last.Certificate.Votes, v => v.Sender == context.Self))
            || ledger.VerticesAbove(0, context.Self, 0).Any();
    }
}
