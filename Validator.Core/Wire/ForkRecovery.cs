using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>A block of a branch of a fork.</summary>
public readonly record struct BranchHead(ulong Sequence, Hash256 Hash);

/// <summary>
/// Which branch of a fork goes on, and the block that ends its epoch (PROTOCOL.md, rules R1 and R2). A file from operator to
/// operator.
/// </summary>
public sealed class ForkProposal
{
    public required Hash256 ChainId { get; init; }

    /// <summary>The epoch whose committee decided both branches' first blocks: its members say which one goes on.</summary>
    public required ulong AgreedEpoch { get; init; }

    /// <summary>
    /// Blocks of the branch that goes on, by ascending sequence: the last that all branches have, then where each of the others
    /// parts, the last it shares and the one after, the ends of epochs from there on, and the newest.
    /// </summary>
    public required BranchHead[] Points { get; init; }

    /// <summary>The last block that all branches have.</summary>
    public ulong AgreedSequence => Points[0].Sequence;

    public Hash256 AgreedHash => Points[0].Hash;

    /// <summary>Proves that branch's newest final block, to who knows the committee of its epoch.</summary>
    public required Certificate HeadProof { get; init; }

    /// <summary>Of the committee that proof is of.</summary>
    public required int CommitteeBefore { get; init; }

    /// <summary>The child of that branch's newest final block. It orders nothing and ends the epoch.</summary>
    public required Block Last { get; init; }

    /// <summary>Those that do not go on, for people to compare. None where only votes were lost.</summary>
    public required BranchHead[] Abandoned { get; init; }

    /// <summary>The newest block of the branch that goes on.</summary>
    public BranchHead Head => new(Last.Sequence - 1, Last.Parent);

    /// <summary>A block of that sequence and hash is of no branch that goes on, as far as this tells by itself.</summary>
    public bool Abandons(ulong sequence, in Hash256 hash)
    {
        if (sequence >= Last.Sequence)
        {
            return sequence > Last.Sequence || hash != Last.Hash;
        }

        return Names(sequence) is { } named && named != hash;
    }

    /// <summary>The block of that sequence in the branch that goes on; null where it is not named.</summary>
    public Hash256? Names(ulong sequence)
    {
        int at = Array.FindIndex(Points, point => point.Sequence == sequence);
        return at < 0 ? null : Points[at].Hash;
    }
}

/// <summary>A proposal with the operators' signatures that are there so far.</summary>
/// <param name="Approvals">
/// By members of the agreed epoch, over all of the proposal (<see cref="ForkRecoveryCodec.HeaderToApprove"/>). Senders ascending.
/// </param>
/// <param name="Votes">By members of the epoch that ends, over its last block: the certificate that the chain keeps.</param>
public sealed record ForkRecovery(ForkProposal Proposal, CertificateVote[] Approvals, CertificateVote[] Votes)
{
    /// <summary>The same to whoever cannot check the votes: it says which branch is abandoned, and proves nothing.</summary>
    public ForkRecovery Unproven => Votes.Length == 0 ? this : new ForkRecovery(Proposal, Approvals, []);

    /// <summary>Of the epoch that the last block ends.</summary>
    public ulong Epoch => Proposal.Last.Epoch;

    public Certificate Certificate { get; } = new()
    {
        Phase = Phase.Recovered,
        Epoch = Proposal.Last.Epoch,
        View = 0,
        Sequence = Proposal.Last.Sequence,
        BlockHash = Proposal.Last.Hash,
        Votes = Votes,
    };
}

/// <summary>What a stopped validator holds of its chain (rule R1): a file for whoever makes the proposal.</summary>
public sealed class ForkBranch
{
    /// <summary>Hashes in one report; a fork that lies deeper is refused.</summary>
    public const int MostHashes = 1 << 18;

    public required Hash256 ChainId { get; init; }

    /// <summary>Whose it is.</summary>
    public required string Name { get; init; }

    /// <summary>The epoch of the next block, and what is pending in it.</summary>
    public required EpochConfiguration Epoch { get; init; }

    /// <summary>The newest executed block.</summary>
    public required Block Head { get; init; }

    /// <summary>The state's root after it.</summary>
    public required Hash256 Root { get; init; }

    /// <summary>Proves it.</summary>
    public required Certificate Certificate { get; init; }

    /// <summary>Of the members that signed the certificate.</summary>
    public required ulong Weight { get; init; }

    /// <summary>Of the blocks from <see cref="First"/> on to the head.</summary>
    public required Hash256[] Hashes { get; init; }

    /// <summary>First sequence of each epoch that those blocks are of; ascending, the last is the head's epoch.</summary>
    public required (ulong Epoch, ulong First)[] Epochs { get; init; }

    public ulong First => Head.Sequence - (ulong)Hashes.Length + 1;

    /// <summary>Zero where the report does not reach.</summary>
    public Hash256 HashAt(ulong sequence) => sequence >= First && sequence <= Head.Sequence ? Hashes[sequence - First] : default;

    /// <summary>Of a block up to the one after the head.</summary>
    public ulong EpochOf(ulong sequence) => sequence > Head.Sequence ? Epoch.Number
        : Epochs.Last(epoch => epoch.First <= sequence).Epoch;
}
