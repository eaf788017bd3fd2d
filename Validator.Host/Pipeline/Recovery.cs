using Microsoft.Extensions.Logging;
using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>Opens the stores and reads back where the validator was.</summary>
internal static class Recovery
{
    /// <exception cref="StoreException">A store is foreign, locked, corrupt, of another format, or its disk fails.</exception>
    /// <exception cref="OperationCanceledException">The start was called off.</exception>
    public static NodeStores Open(NodeContext context, ILogger log)
    {
        StorageSection storage = context.Config.Storage;
        StoreIdentity identity = StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey);
        RocksVoteStore? votes = null;
        RocksVoteStore? kept = null;
        RocksLedger? ledger = null;
        try
        {
            ledger = RocksLedger.Open(
                storage.LedgerPath, identity, context.Genesis.Members.Length, context.Genesis.Parameters.DedupWindow, storage.CacheSizeMb * 1024L * 1024,
                storage.WriteBufferMb * 1024L * 1024, takeOver: () => VotesAreOurs(storage, identity),
                notice: words => log.LogWarning("{Notice}", words), flushBytesPerSecond: storage.FlushRateMb * 1024L * 1024);
            context.Starting.ThrowIfCancellationRequested();
            EpochConfiguration epoch = ledger.ReadEpoch(context.Genesis, context.ChainId);
            int self = epoch.IndexOf(context.Keys.ConsensusPublicKey);
            ulong? signsFrom = VoteStoreSetup.SignsFrom(storage);
            votes = signsFrom <= epoch.Number ? null : OpenVotes(storage, identity, log);
            VoteStanding standing = new(votes is not null, votes?.Epoch() ?? 0, signsFrom ?? 0);
            EpochEntry entry = standing.Enter(epoch.Number);
            RecoveredState state = new() { Recovery = ForkRepair.Read(context, epoch) };
            if (entry == EpochEntry.Renews)
            {
                votes = Renewed(storage, identity, epoch.Number, log);
            }
            else if (entry == EpochEntry.Follows && votes is not null)
            {
                log.LogWarning(
                    "the votes are of epoch {Later} and the ledger, which was lost or is an older copy, of {Epoch}: nothing is signed before it is there again",
                    standing.SignsFrom, epoch.Number);
                (kept, votes) = (votes, null);
            }

            context.Starting.ThrowIfCancellationRequested();
            votes?.Recover(epoch.Number, epoch.Members.Length, state);
            if (self >= 0 && LedgerRecovery.IsOlderCopy(state, kept is not null, ledger.OwnTip(epoch, self)))
            {
                ledger.ForgetOwnTip();
            }

            Executor executor = ReadLedger(context, ledger, epoch, state);
            if (votes is not null)
            {
                OwnLaneFinding lane = LedgerRecovery.RaiseOwnTip(state, self);
                Note(context, state, lane, log);
                if (lane.Standing == OwnLaneStanding.Doubled)
                {
                    standing.Contradict();
                }
                else if (lane.Unrecorded is { } tip)
                {
                    Record(votes, tip);
                }
            }

            return new NodeStores(votes ?? (IVoteStore)new NoVoteStore(), ledger, state, executor, standing, epoch)
            {
                LaterVotes = kept,
                Unordered = ledger.Unordered(),
                Fresh = renewed => VoteStoreSetup.Renew(storage, identity, renewed),
            };
        }
        catch
        {
            ledger?.Dispose();
            votes?.Dispose();
            kept?.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A ledger of another key, beside a vote store of ours, was written before a change of keys or copied from another validator
    /// of the chain. Without such a vote store it is more likely the wrong folder.
    /// </summary>
    private static bool VotesAreOurs(StorageSection storage, StoreIdentity identity)
    {
        if (!RocksVoteStore.Exists(storage.VotesPath))
        {
            return false;
        }

        try
        {
            RocksVoteStore.Open(storage.VotesPath, identity).Dispose();
            return true;
        }
        catch (StoreException e) when (e.Fault == StoreFault.Missing)
        {
            // Its creation was cut short.
            return false;
        }
    }

    private static RocksVoteStore Renewed(StorageSection storage, StoreIdentity identity, ulong epoch, ILogger log)
    {
        log.LogInformation("this validator, which lost its votes, signs again from now, epoch {Epoch}, on", epoch);
        return VoteStoreSetup.Renew(storage, identity, epoch);
    }

    private const string WaysBack = "It signs again by itself two epochs later, as long as a quorum of the others has its votes; where it has not, nothing"
        + " becomes final any more, and those who lost theirs begin anew: see 'validator votes lost --help', and OPERATIONS.md";

    private static RocksVoteStore? OpenVotes(StorageSection storage, StoreIdentity identity, ILogger log)
    {
        if (VoteStoreSetup.Mark(storage) is { } mark)
        {
            log.LogCritical("{Mark}. This validator follows, serves and executes, and signs nothing. " + WaysBack, mark);
            return null;
        }

        try
        {
            RocksVoteStore votes = RocksVoteStore.Open(storage.VotesPath, identity);
            try
            {
                // The vote store was not lost after all. Statements of before it signs on must not be used if it is lost later.
                VoteStoreSetup.Remove(storage.LostVotesFile);
                return votes;
            }
            catch
            {
                votes.Dispose();
                throw;
            }
        }
        catch (StoreException e) when (e.Fault == StoreFault.Missing)
        {
            log.LogCritical("{Error} This validator may have voted before: it follows, serves and executes, and signs nothing. " + WaysBack, e.Message);
            return null;
        }
    }

    private static Executor ReadLedger(NodeContext context, RocksLedger ledger, EpochConfiguration epoch, RecoveredState state)
    {
        Genesis genesis = context.Genesis;
        Executor executor = Executor.ForGenesis(genesis, context.ChainId, (ulong)Random.Shared.NextInt64());
        if (ledger.LastFinal() is { } last)
        {
            RestoreWindow(executor, ledger, epoch, last, context.Starting);
        }

        LedgerRecovery.Read(new LedgerReader(ledger, context.Starting), epoch, genesis.Parameters, state);
        return executor;
    }

    private sealed class LedgerReader(RocksLedger ledger, CancellationToken calledOff) : ILedgerReader
    {
        public (Block Block, Certificate Certificate, Hash256 Root)? LastFinal =>
            ledger.LastFinal() is { } last ? (last.Block, last.Certificate!, last.Result.Root) : null;

        public StagedSnapshot? Staged => ledger.Staged();

        public Hash256? FindRoot(ulong sequence) => ledger.FindState(sequence)?.Root;

        public IEnumerable<(VertexHeader Vertex, byte[] Signature)> VerticesAbove(ulong epoch, LaneTip[] cut)
        {
            for (int author = 0; author < cut.Length; author++)
            {
                foreach (Hash256 hash in ledger.VerticesAbove(epoch, author, cut[author].Height))
                {
                    calledOff.ThrowIfCancellationRequested();
                    if (ledger.TryGetVertex(hash, out VertexHeader? header, out byte[]? signature, out _))
                    {
                        yield return (header, signature);
                    }
                }
            }
        }
    }

    /// <summary>Fills an executor with the state that the ledger holds.</summary>
    /// <param name="epoch">The one that the state is in.</param>
    /// <exception cref="StoreException">What is stored is not what was executed.</exception>
    public static void Restore(Executor executor, RocksLedger ledger, EpochConfiguration epoch)
    {
        if (ledger.LastFinal() is { } last)
        {
            RestoreWindow(executor, ledger, epoch, last);
        }
    }

    private static void RestoreWindow(
        Executor executor, RocksLedger ledger, EpochConfiguration epoch, FinalRecord last, CancellationToken calledOff = default)
    {
        ulong next = last.Result.FirstIndex + last.Result.Accepted;
        ulong from = executor.BeginRestore(
            last.Block.Sequence, last.Result.Root, next, new CommitteeState(epoch.Number, epoch.Members, epoch.Pending));
        byte[] ids = new byte[DedupWindow.SegmentIds * Hash256.Size];
        bool whole = true;
        while (whole && from < next)
        {
            calledOff.ThrowIfCancellationRequested();
            int count = (int)Math.Min(next - from, DedupWindow.SegmentIds);
            Span<byte> part = ids.AsSpan(0, count * Hash256.Size);
            whole = ledger.TryReadIds(from, part) && executor.LoadIds(part);
            from += (ulong)count;
        }

        StateRecord? state = ledger.FindState(last.Block.Sequence);
        // Where epochs were skipped, a snapshot will bring the committee with the rest.
        bool behind = last.Block.Sequence < epoch.Start.Sequence;
        whole = whole && (behind || state?.CommitteeDigest == executor.Committee.Digest) && executor.Nonces.Load(ledger.Accounts())
            && state?.NoncesDigest == executor.Nonces.Digest() && state?.DedupDigest == executor.DedupDigest
            && (executor.Trust is not { } trust || (ledger.ReadTrust(trust) && trust.Digest() == state?.TrustDigest));
        if (!whole || !executor.IsRestored)
        {
            throw new StoreException(
                StoreFault.Corrupt,
                $"the ledger's executed state does not fit its blocks: {StoreErrors.LedgerAdvice}");
        }
    }

    private static void Note(NodeContext context, RecoveredState state, in OwnLaneFinding lane, ILogger log)
    {
        switch (lane.Standing)
        {
            case OwnLaneStanding.Lost:
                VoteLimit limit = state.Limit!.Value;
                log.LogWarning(
                    "the votes and the ledger were lost in this epoch, {Epoch}, and the votes made anew: this validator votes from view {View} on, and authors nothing, and so takes"
                    + " no transactions, before the next epoch", limit.Epoch, limit.FirstView);
                break;
            case OwnLaneStanding.NotInLedger:
                log.LogWarning("own vertex at height {Height} is not in the ledger; it is fetched from the others", lane.Height);
                break;
            case OwnLaneStanding.Doubled:
                log.LogCritical("two own vertices at height {Height} in the stores: another process used our key; nothing is signed", lane.Height);
                VoteStoreSetup.MarkContradicted(context.Config.Storage, $"two own vertices at height {lane.Height} in the stores");
                break;
        }
    }

    private static void Record(RocksVoteStore votes, Signed tip)
    {
        votes.AddSigned(tip, []);
        if (!votes.Commit(out string? error))
        {
            throw new StoreException(StoreErrors.Classify(error), $"vote store: {error}");
        }
    }
}
