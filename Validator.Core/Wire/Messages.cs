using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>What a signature is for; also the ML-DSA context (one byte), so that no signature serves two purposes.</summary>
public enum MessageKind : byte
{
    Vertex = 1,
    PrePrepare = 2,
    Prepare = 3,
    Commit = 4,
    Stop = 5,
    ViewChange = 6,
    NewView = 7,

    /// <summary>A committee change inside a system transaction. No message of its own, and never evidence.</summary>
    CommitteeChange = 8,

    /// <summary>
    /// What a validator says of its votes to one that lost its own (rule E9). No message of its own, and never evidence.
    /// </summary>
    VoteStatement = 9,

    /// <summary>
    /// An operator's vote for the block that ends a forked epoch (rule R2). In certificates alone, and never evidence.
    /// </summary>
    Recovery = 10,

    /// <summary>
    /// An operator's word on which branch of a fork goes on (rule R1). No message of its own, and never evidence.
    /// </summary>
    RecoveryProposal = 11,
}

/// <summary>
/// What a validator signs, with protocol version and chain id. A slot is (epoch, kind, view, sequence) per sender:
/// two different digests in one slot are evidence. PrePrepare shares its slot with Prepare (rule P1).
/// </summary>
/// <param name="View">0 for a vertex; the view asked for, in Stop, ViewChange and NewView.</param>
/// <param name="Sequence">Block sequence; lane height for a vertex; 0 in Stop, ViewChange and NewView.</param>
/// <param name="Digest">Block hash, vertex hash, or hash of the claims; zero in Stop.</param>
public readonly record struct SignedHeader(
    MessageKind Kind, int Sender, ulong Epoch, ulong View, ulong Sequence, Hash256 Digest);

/// <summary>
/// A header with its ML-DSA-87 signature, 4627 bytes. A vote and a Stop are no more than that; a vertex and a proposal bring a
/// body with it; ViewChange and NewView have it inside.
/// </summary>
public record Signed(SignedHeader Header, byte[] Signature) : IMessage
{
    FrameType IMessage.Type => Header.Kind switch
    {
        MessageKind.Prepare or MessageKind.Commit => FrameType.Vote,
        MessageKind.Stop => FrameType.Stop,
        _ => throw new InvariantViolationException($"{Header.Kind} is no message without its body"),
    };

    /// <summary>The proposal that this is the head of.</summary>
    public PrePrepare With(Block block)
    {
        Require.That(Header.Kind == MessageKind.PrePrepare);
        return this as PrePrepare ?? new PrePrepare(Header, Signature, block);
    }
}

/// <summary>A leader's vote for the block that it proposes, which comes with it.</summary>
public sealed record PrePrepare(SignedHeader Header, byte[] Signature, Block Block) : Signed(Header, Signature), IMessage
{
    FrameType IMessage.Type => FrameType.PrePrepare;
}

/// <summary>A vertex with its author's signature; its payload ends the frame, and stays there.</summary>
public sealed record SignedVertex(SignedHeader Header, byte[] Signature, VertexHeader Vertex) : Signed(Header, Signature), IMessage
{
    FrameType IMessage.Type => FrameType.Vertex;

    public static SignedVertex Of(VertexHeader vertex, byte[] signature) => new(VertexCodec.HeaderToSign(vertex), signature, vertex);

    /// <summary>Where its payload begins in a frame of that length.</summary>
    public int PayloadOffset(int frameBytes) => frameBytes - (int)Vertex.PayloadBytes;
}

/// <summary>A lane's vertex by height and hash. Height 0 and a zero hash: nothing of this lane yet.</summary>
public readonly record struct LaneTip(ulong Height, Hash256 Hash);

/// <summary>A vertex without its payload; its hash covers exactly this (PROTOCOL.md, section 1).</summary>
public sealed class VertexHeader
{
    public required ulong Epoch { get; init; }
    public required int Author { get; init; }

    /// <summary>1 for the lane's first vertex.</summary>
    public required ulong Height { get; init; }

    /// <summary>Hash of the author's vertex one below; zero at height 1.</summary>
    public required Hash256 Predecessor { get; init; }

    /// <summary>One per lane, newest known; the author's own entry is zero.</summary>
    public required LaneTip[] Parents { get; init; }

    /// <summary>BLAKE3 over the transaction ids, 32 bytes each, in order.</summary>
    public required Hash256 TransactionRoot { get; init; }

    public required uint PayloadBytes { get; init; }
    public required uint TransactionCount { get; init; }

    /// <summary>BLAKE3 of the encoding above (Wire/VertexCodec).</summary>
    public required Hash256 Hash { get; init; }
}

/// <summary>What PBFT orders. Hashes only; the view is not part of it.</summary>
public sealed class Block : IMessage
{
    FrameType IMessage.Type => FrameType.Block;

    public required ulong Epoch { get; init; }
    public required ulong Sequence { get; init; }
    public required Hash256 Parent { get; init; }
    public required ulong TimestampMicros { get; init; }

    /// <summary>Newest block whose execution this one states, and its root.</summary>
    public required ulong ExecutedSequence { get; init; }
    public required Hash256 ExecutedRoot { get; init; }

    /// <summary>Digest of the next epoch's number and committee in an epoch's last block; zero in every other.</summary>
    public required Hash256 NextCommittee { get; init; }

    /// <summary>The last block of its epoch.</summary>
    public bool EndsEpoch => !NextCommittee.IsZero;

    /// <summary>Per lane, the newest vertex to include.</summary>
    public required LaneTip[] Cut { get; init; }

    /// <summary>BLAKE3 of the encoding above (Wire/BlockCodec).</summary>
    public required Hash256 Hash { get; init; }
}

public enum Phase : byte
{
    Prepared = 1,
    Committed = 2,

    /// <summary>Operators of quorum weight ended a forked epoch with this block (rule R2). Of no view: 0.</summary>
    Recovered = 3,
}

/// <summary>A vote inside a certificate. In a prepared certificate the leader's is its PrePrepare.</summary>
public readonly record struct CertificateVote(int Sender, byte[] Signature);

/// <summary>Votes of quorum weight on one (epoch, view, sequence, block hash, phase), by ascending sender.</summary>
public sealed class Certificate : IMessage
{
    FrameType IMessage.Type => FrameType.Certificate;

    public required Phase Phase { get; init; }
    public required ulong Epoch { get; init; }
    public required ulong View { get; init; }
    public required ulong Sequence { get; init; }
    public required Hash256 BlockHash { get; init; }
    public required CertificateVote[] Votes { get; init; }

    /// <summary>Every member's vote is in it, so all weight.</summary>
    public bool IsOfAll(int members) => Votes.Length == members;

    /// <summary>
    /// It is of that block, and makes it final with all its ancestors: a quorum's Commits, or, but for an epoch's last block, all
    /// members' Prepares (rule P5), or, for the last one alone, the operators' votes (rule R2).
    /// </summary>
    public bool Proves(Block block) => Epoch == block.Epoch && Sequence == block.Sequence && BlockHash == block.Hash && Phase switch
    {
        Phase.Committed => true,
        Phase.Recovered => block.EndsEpoch,
        _ => IsOfAll(block.Cut.Length) && !block.EndsEpoch,
    };
}

/// <summary>The highest certificate of one kind that a ViewChange states; absent when Sequence is 0.</summary>
public readonly record struct Claim(ulong View, ulong Sequence, Hash256 BlockHash)
{
    public bool IsAbsent => Sequence == 0;
}

/// <summary>That a ViewChange's sender accepted this block; absent where the hash is zero.</summary>
/// <param name="View">The newest view in which it accepted it, or a descendant of it.</param>
public readonly record struct Acceptance(ulong View, Hash256 BlockHash)
{
    public bool IsAbsent => BlockHash.IsZero;
}

/// <summary>What a ViewChange lists (rule V3): an entry for each sequence from the first on. Empty by default.</summary>
public readonly struct Acceptances : IEquatable<Acceptances>
{
    private readonly Acceptance[]? _entries;

    /// <param name="first">Sequence of the first entry.</param>
    /// <param name="entries">At most <see cref="Limits.MaxListed"/>; neither the first nor the last is absent.</param>
    public Acceptances(ulong first, Acceptance[] entries)
    {
        Require.That(entries.Length <= Limits.MaxListed);
        First = entries.Length == 0 ? 0 : first;
        _entries = entries;
    }

    public ulong First { get; }

    public ReadOnlySpan<Acceptance> Entries => _entries;

    public bool Equals(Acceptances other) => First == other.First && Entries.SequenceEqual(other.Entries);

    public override bool Equals(object? obj) => obj is Acceptances other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(First, Entries.Length);
}

/// <summary>What ViewChange signs (rule V3): its digest is the BLAKE3 of the claims' encoding.</summary>
/// <param name="Accepted">Needs no certificate: it counts where others list the same.</param>
public readonly record struct Claims(Claim Prepared, Claim Committed, Acceptances Accepted = default);

/// <summary>ViewChange(v) with the certificates of its claims; null where the claim is absent.</summary>
public sealed class ViewChange : IMessage
{
    FrameType IMessage.Type => FrameType.ViewChange;

    public required Signed Signed { get; init; }
    public required Claims Claims { get; init; }
    public Certificate? Prepared { get; init; }
    public Certificate? Committed { get; init; }
}

/// <summary>A ViewChange before it is signed.</summary>
public sealed record UnsignedViewChange(SignedHeader Header, Claims Claims, Certificate? Prepared, Certificate? Committed)
{
    public ViewChange With(Signed signed)
    {
        Require.That(signed.Header == Header);
        return new ViewChange { Signed = signed, Claims = Claims, Prepared = Prepared, Committed = Committed };
    }
}

/// <summary>A ViewChange inside a NewView, without its certificates.</summary>
public readonly record struct ViewChangeSummary(int Sender, Claims Claims, byte[] Signature);

/// <summary>
/// NewView(v): q weight of ViewChanges of view v by ascending sender, and the certificate of the highest claim of each
/// kind. The digest is the BLAKE3 of the summaries' encoding without signatures (sender and claims of each).
/// </summary>
public sealed class NewView : IMessage
{
    FrameType IMessage.Type => FrameType.NewView;

    public required Signed Signed { get; init; }
    public required ViewChangeSummary[] ViewChanges { get; init; }
    public Certificate? Prepared { get; init; }
    public Certificate? Committed { get; init; }
}

/// <summary>A NewView before it is signed.</summary>
public sealed record UnsignedNewView(SignedHeader Header, ViewChangeSummary[] ViewChanges, Certificate? Prepared, Certificate? Committed)
{
    public NewView With(Signed signed)
    {
        Require.That(signed.Header == Header);
        return new NewView { Signed = signed, ViewChanges = ViewChanges, Prepared = Prepared, Committed = Committed };
    }
}

/// <summary>Two signed headers of one sender and slot with different digests: they convict it, nothing else does.</summary>
public sealed record Evidence(Signed First, Signed Second) : IMessage
{
    FrameType IMessage.Type => FrameType.Evidence;
}

/// <summary>
/// Unsigned, from one authenticated peer, a few times a second: how far it is. Lets the receiver pull what it lacks and
/// send again what the peer lacks.
/// </summary>
/// <param name="FinalSequence">Newest final block.</param>
/// <param name="Tips">Per lane of that epoch, the newest vertex held.</param>
public sealed record Status(ulong Epoch, ulong View, ulong FinalSequence, LaneTip[] Tips) : IMessage
{
    FrameType IMessage.Type => FrameType.Status;
}

public enum FetchKind : byte
{
    /// <summary>
    /// Vertices by hash: the vertex named and up to Count-1 of its nearest predecessors, oldest first, so that each finds its own
    /// predecessor in place.
    /// </summary>
    Vertices = 1,

    /// <summary>One block body by hash.</summary>
    Block = 2,

    /// <summary>Final blocks from Sequence on, up to Count, with a commit certificate that covers them.</summary>
    FinalBlocks = 3,

    /// <summary>The manifest of the newest snapshot at Sequence or later.</summary>
    Snapshot = 4,

    /// <summary>A chunk of the snapshot at Sequence, by hash.</summary>
    Chunk = 5,
}

/// <summary>A request to one peer. Answered by its shell from its stores; its Core never sees it.</summary>
public readonly record struct FetchRequest(FetchKind Kind, ulong Epoch, int Author, ulong Sequence, uint Count, Hash256 Hash) : IMessage
{
    FrameType IMessage.Type => FrameType.FetchRequest;
}

/// <summary>The request again, by one who has not what it asks.</summary>
/// <param name="FirstKept">
/// The oldest block that its sender keeps, at least 1; of a snapshot, the first block of the epoch from which on it has one, or
/// 1.
/// </param>
public sealed record NotFound(FetchRequest Request, ulong FirstKept) : IMessage
{
    FrameType IMessage.Type => FrameType.NotFound;
}

/// <summary>
/// Answer to FinalBlocks: bodies in sequence order, each the child of the one before, and a commit certificate of the last.
/// </summary>
public sealed record FinalBlocks(Block[] Blocks, Certificate Certificate) : IMessage
{
    FrameType IMessage.Type => FrameType.FinalBlocks;
}
