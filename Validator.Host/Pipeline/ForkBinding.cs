using System.Text;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>What a validator signs no more after it signed or applied a fork's recovery (PROTOCOL.md, rule R3).</summary>
internal static class ForkBinding
{
    /// <summary>Durably, before anything leaves: nothing is signed in the epoch that ends.</summary>
    /// <exception cref="StoreException">Another proposal was signed, or the next epoch voted in; or a store fails.</exception>
    public static void Bind(NodeContext context, ForkProposal proposal, Hash256? insteadOf)
    {
        StorageSection storage = context.Config.Storage;
        Hash256 digest = ForkRecoveryCodec.Digest(proposal);
        ulong next = proposal.Last.Epoch + 1;
        using RocksVoteStore? votes = HasVotes(storage) ? OpenVotes(context) : null;
        (ulong Next, Hash256 Proposal)? signed = votes is null ? ReadSigned(storage) : votes.SignedRecovery();
        if (signed is { } before && before.Next == next && before.Proposal != digest && before.Proposal != insteadOf)
        {
            throw new StoreException(
                StoreFault.Exists,
                $"this validator has signed proposal {before.Proposal} for the same epoch. If two get signatures of quorum"
                + " weight, the chain forks again. Where all operators know that the other one will never be used, repeat with"
                + $" --instead-of {before.Proposal}");
        }

        if (proposal.Abandoned.Length == 0 && votes is not null
            && votes.HasAcceptedAfter(proposal.Last.Epoch, proposal.Head.Sequence))
        {
            throw new StoreException(
                StoreFault.Exists,
                $"this validator still has its votes, and has accepted blocks after {proposal.Head.Sequence}: one of them may"
                    + " be final. Nothing was signed; those who lost their votes can end the epoch without it, once no ledger"
                    + " has such a block");
        }

        if (votes is null)
        {
            OperatorFile.Write(storage.SignedForkFile, Encoding.ASCII.GetBytes($"{next} {digest}\n"));
        }
        else if (!votes.LeaveFor(next, digest))
        {
            throw new StoreException(
                StoreFault.Exists,
                $"this validator has voted in epoch {next} or later, which the proposal wants to begin: it is of an earlier"
                    + " fork, or this ledger is an older copy");
        }
    }

    /// <summary>There is a vote store, and nothing that says not to sign with it.</summary>
    public static bool HasVotes(StorageSection storage) =>
        VoteStoreSetup.Mark(storage) is null && RocksVoteStore.Exists(storage.VotesPath);

    /// <summary>A vote store in place of a lost one. It signs from the next epoch on.</summary>
    public static void Renew(NodeContext context, ForkProposal proposal) =>
        VoteStoreSetup.Renew(context.Config.Storage, Identity(context), proposal.Last.Epoch + 1).Dispose();

    /// <summary>For those who apply, without having signed too: the same binding, whatever else was signed.</summary>
    /// <param name="goesOn">The ledger has the block that ends the epoch: what was voted after it is good.</param>
    /// <returns>False: there are no votes to go on with.</returns>
    /// <exception cref="StoreException">The next epoch was voted in, or a store fails.</exception>
    public static bool Leave(NodeContext context, ForkProposal proposal, bool goesOn)
    {
        StorageSection storage = context.Config.Storage;
        if (!HasVotes(storage))
        {
            return false;
        }

        using RocksVoteStore votes = OpenVotes(context);
        return votes.LeaveFor(proposal.Last.Epoch + 1, ForkRecoveryCodec.Digest(proposal)) || goesOn
            ? true
            : throw new StoreException(
                StoreFault.Exists,
                $"{storage.VotesPath}: holds votes of epoch {proposal.Last.Epoch + 1} or later, which the proposal wants to"
                + " begin, and the ledger has not come so far: it is an older copy, or that fork is over. Nothing was done");
    }

    private static RocksVoteStore OpenVotes(NodeContext context) =>
        RocksVoteStore.Open(context.Config.Storage.VotesPath, Identity(context));

    private static StoreIdentity Identity(NodeContext context) =>
        StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey);

    private static (ulong Next, Hash256 Proposal)? ReadSigned(StorageSection storage) =>
        File.Exists(storage.SignedForkFile)
            && InputFile.ReadText(storage.SignedForkFile).Trim().Split(' ') is [string next, string digest]
        && StrictNumber.TryRead(next, out ulong number) && Hash256.TryParse(digest, out Hash256 hash) ? (number, hash) : null;
}
