using System.Text;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>
/// The two things that an operator does to a vote store (PROTOCOL.md, section 6): making a new key's, once, and marking one
/// that came from a backup. Both are outside <c>run</c>, so that lost votes are noticed and never replaced by an empty store.
/// </summary>
public static class VoteStoreSetup
{
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

        if (File.Exists(storage.LostVotesFile))
        {
            throw new StoreException(StoreFault.Exists, $"{storage.LostVotesFile}: the votes of this key are lost, so it has signed, and nothing was created.");
        }

        StoreIdentity identity = StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey);
        string aside = AsideOf(storage, identity);
        if (Directory.Exists(aside))
        {
            throw new StoreException(
                StoreFault.Exists, $"{aside} is this key's vote store, put aside when another key's was created. Put it back instead; nothing was created.");
        }

        StoreIdentity? before = RocksVoteStore.Exists(storage.VotesPath) ? RocksVoteStore.OwnerOf(storage.VotesPath, context.ChainId) : null;
        before = before == identity ? null : before;
        bool unfinished = before is null && RocksVoteStore.IsUnfinished(storage.VotesPath);
        if (before is null && !unfinished && !RocksVoteStore.IsFree(storage.VotesPath))
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

        if (before is not null)
        {
            PutAside(storage, before);
        }

        if (unfinished)
        {
            Console.Error.WriteLine($"{storage.VotesPath}: the creation of a vote store was cut short here, and it holds nothing: it is removed and made again");
        }

        RocksVoteStore.Create(storage.VotesPath, identity, replaces: unfinished);
    }

    /// <summary>Leaves the mark that keeps <c>run</c> from signing with this vote store.</summary>
    /// <exception cref="StoreException">The folder cannot be written.</exception>
    public static void MarkRestored(StorageSection storage)
    {
        Leave(storage.RestoredMarker, "restored from a backup: follow, and sign nothing");
        // The backup may hold one too, of an earlier loss.
        Remove(storage.SignsFromFile);
    }

    /// <summary>
    /// Leaves the mark of a contradiction: the process stops signing by itself, and so must every later one, whose vote store
    /// looks as sound as before.
    /// </summary>
    /// <param name="what">What was met, in words.</param>
    /// <exception cref="StoreException">The folder cannot be written.</exception>
    public static void MarkContradicted(StorageSection storage, string what) => Leave(storage.ContradictedMarker, what);

    /// <summary>Keeps from which epoch on this validator may sign again (PROTOCOL.md, rule E5).</summary>
    /// <exception cref="StoreException">The file cannot be written.</exception>
    public static void KeepSignsFrom(StorageSection storage, ulong epoch)
    {
        try
        {
            DurableFile.Write(storage.SignsFromFile, Encoding.ASCII.GetBytes($"{epoch}\n"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFault.Unwritable, $"{storage.SignsFromFile}: cannot be written: {e.Message}");
        }
    }

    /// <summary>The kept epoch; null when there is none or its write was cut short: it is learned again.</summary>
    public static ulong? SignsFrom(StorageSection storage)
    {
        string text = File.Exists(storage.SignsFromFile) ? InputFile.ReadText(storage.SignsFromFile) : "";
        return text.EndsWith('\n') && StrictNumber.TryRead(text.AsSpan()[..^1], out ulong epoch) ? epoch : null;
    }

    /// <summary>
    /// An empty vote store in the place of what was lost, once an epoch has come in which this key cannot have signed. What says
    /// that the votes are lost goes last, so that a crash in between leads here again, and not to a store that nobody vouches
    /// for.
    /// </summary>
    /// <exception cref="StoreException">The folder cannot be written.</exception>
    internal static RocksVoteStore Renew(StorageSection storage, StoreIdentity identity, ulong epoch)
    {
        // If the ledger is lost as well, it does not sign in an earlier epoch either.
        RocksVoteStore.Create(storage.VotesPath, identity, epoch, replaces: true);
        RocksVoteStore votes = RocksVoteStore.Open(storage.VotesPath, identity);
        try
        {
            Remove(storage.RestoredMarker);
            Remove(storage.ContradictedMarker);
            Remove(storage.SignsFromFile);
            Remove(storage.LostVotesFile);
            // What it binds to is over with that epoch.
            Remove(storage.SignedForkFile);
            return votes;
        }
        catch
        {
            votes.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Why <c>run</c> must not sign with this vote store, beginning with the file that says so; null when it may.
    /// </summary>
    public static string? Mark(StorageSection storage) =>
        File.Exists(storage.RestoredMarker)
            ? $"{storage.RestoredMarker}: the vote store came from a backup and may lack votes that were sent"
        : File.Exists(storage.ContradictedMarker)
            ? $"{storage.ContradictedMarker}: a message with this validator's signature was met that the vote store does not know, so another"
                + " process uses the key, or the store was rolled back. Find that process and stop it, and keep the mark: this validator takes it"
                + " away itself, once an epoch has come in which it may sign again"
        : SignsFrom(storage) is { } epoch ? $"{storage.SignsFromFile}: the votes of before were lost; signing begins again with epoch {epoch}"
        : null;

    /// <summary>What <c>run</c> would do, in words.</summary>
    public static string Describe(StorageSection storage) =>
        Mark(storage) is { } mark ? $"{mark}; it would follow and sign nothing"
        : RocksVoteStore.Exists(storage.VotesPath) ? $"{storage.VotesPath}"
        : File.Exists(storage.LostVotesFile) ? $"{storage.LostVotesFile}: lost; it would follow and sign nothing until votes recreate"
        : $"none in {storage.VotesPath}; it would follow and sign nothing. For a key that has never signed: validator votes create";

    /// <summary>Where the vote store of a key goes when the validator gets another.</summary>
    private static string AsideOf(StorageSection storage, StoreIdentity identity) => $"{storage.VotesPath}-of-{identity.ConsensusKeyHash.ToString()[..16]}";

    /// <summary>
    /// A vote store of this chain and another key is kept under that key's name: it is all that could ever let that key sign
    /// again.
    /// </summary>
    private static void PutAside(StorageSection storage, StoreIdentity owner) =>
        PutAside(storage.VotesPath, AsideOf(storage, owner), "the vote store of the key before");

    /// <summary>Durably.</summary>
    /// <exception cref="StoreException">The folder cannot be moved.</exception>
    internal static void PutAside(string folder, string aside, string what)
    {
        try
        {
            Directory.Move(folder, aside);
            DurableFile.SyncFolder(Path.GetDirectoryName(Path.GetFullPath(folder))!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFault.Unwritable, $"{folder}: {what} cannot be put aside: {e.Message}");
        }
    }

    internal static void Remove(string file)
    {
        try
        {
            if (File.Exists(file))
            {
                File.Delete(file);
                DurableFile.SyncFolder(Path.GetDirectoryName(Path.GetFullPath(file))!);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFault.Unwritable, $"{file}: cannot be removed: {e.Message}");
        }
    }

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

        using RocksLedger ledger = StoppedNode.OpenLedger(context, storage.LedgerPath);
        FinalRecord? last = ledger.LastFinal();
        EpochConfiguration epoch = ledger.ReadEpoch(context.Genesis, context.ChainId);
        int self = epoch.IndexOf(context.Keys.ConsensusPublicKey);
        if (self < 0)
        {
            return WasMember(context, ledger, epoch.Number);
        }

        bool votedLately = last is not null && last.Block.Epoch == epoch.Number
            && (last.Block.Cut[self].Height > 0 || Array.Exists(last.Certificate!.Votes, v => v.Sender == self));
        return votedLately || ledger.VerticesAbove(epoch.Number, self, 0).Any() || WasMember(context, ledger, epoch.Number);
    }

    /// <summary>
    /// A member may have signed in an ended epoch of which the ledger keeps only the members.
    /// </summary>
    private static bool WasMember(NodeContext context, RocksLedger ledger, ulong before)
    {
        Hash256 key = Hash256.Of(context.Keys.ConsensusPublicKey);
        bool found = before > 0 && Member.Find(context.Genesis.Members, context.Keys.ConsensusPublicKey) >= 0;
        for (ulong epoch = 1; epoch < before && !found; epoch++)
        {
            (string Name, Hash256 Key)[] members = ledger.FindMembers(epoch);
            found = members.Length == 0 || Array.Exists(members, m => m.Key == key);
        }

        return found;
    }
}
