using Validator.Core.Primitives;
using Validator.Crypto.Simd;

namespace Validator.Core.Wire;

/// <summary>How a proof says who decides in the next epoch.</summary>
public enum NextMembers : byte
{
    /// <summary>Who decided before, with equal weights.</summary>
    Same = 0,

    /// <summary>The same members, and each one's weight.</summary>
    Weights = 1,

    /// <summary>All of them.</summary>
    Whole = 2,
}

/// <summary>An epoch's end in a proof. Members are told as far as they differ from those of the epoch that ends.</summary>
/// <param name="Weights">Where it is <see cref="NextMembers.Weights"/>; else empty.</param>
/// <param name="Members">Where it is <see cref="NextMembers.Whole"/>; else empty.</param>
public sealed record ProofEpochEnd(Block Last, Certificate Certificate, NextMembers Next, uint[] Weights, Member[] Members)
{
    /// <param name="before">The members of the epoch that ends.</param>
    public static ProofEpochEnd Of(EpochEnd end, Member[] before)
    {
        if (end.Next.Length != before.Length || !before.AsSpan().SequenceEqual(end.Next, SameKeys.Instance))
        {
            return new ProofEpochEnd(end.Last, end.Certificate, NextMembers.Whole, [], end.Next);
        }

        uint[] weights = Array.ConvertAll(end.Next, m => m.Weight);
        return Array.ConvertAll(before, m => m.Weight).AsSpan().SequenceEqual(weights)
            ? new ProofEpochEnd(end.Last, end.Certificate, NextMembers.Same, [], [])
            : new ProofEpochEnd(end.Last, end.Certificate, NextMembers.Weights, weights, []);
    }

    /// <summary>The next epoch's members; null where there are not as many weights as members.</summary>
    /// <param name="before">The members of the epoch that ends.</param>
    public Member[]? NextAfter(Member[] before) => Next switch
    {
        NextMembers.Same => before,
        NextMembers.Whole => Members,
        _ => Weights.Length == before.Length ? [.. before.Select((m, i) => m with { Weight = Weights[i] })] : null,
    };

    private sealed class SameKeys : IEqualityComparer<Member>
    {
        public static readonly SameKeys Instance = new();

        public bool Equals(Member? x, Member? y) => x!.Name == y!.Name
            && x.ConsensusKey.AsSpan().SequenceEqual(y.ConsensusKey) && x.TransportKey.AsSpan().SequenceEqual(y.TransportKey);

        public int GetHashCode(Member member) => member.Name.GetHashCode(StringComparison.Ordinal);
    }
}

/// <summary>
/// Where an id stands in a list of ids, proven by the BLAKE3 of the list: the chunk of 32 ids that it is in, and the siblings
/// above it (decision 89). How many ids the list has is said by what the hash is in, never by the path.
/// </summary>
/// <param name="Chunk">All ids of the chunk.</param>
/// <param name="Siblings">32 bytes each, the nearest first.</param>
public sealed record IdPath(uint Position, byte[] Chunk, byte[] Siblings)
{
    private const int IdsInChunk = Blake3Path.ChunkBytes / Hash256.Size;

    /// <summary>The id at that place.</summary>
    public Hash256 Id => new(Chunk.AsSpan((int)(Position % IdsInChunk) * Hash256.Size));

    /// <summary>Bytes of the chunk and of the siblings at a place in a list of so many ids.</summary>
    public static (int Chunk, int Siblings) SizesOf(uint position, uint count)
    {
        Require.That(position < count);
        ulong bytes = (ulong)count * Hash256.Size;
        uint chunk = position / IdsInChunk;
        return (Blake3Path.ChunkLength(bytes, chunk), Blake3Path.Siblings(bytes, chunk) * Blake3Path.ValueBytes);
    }

    /// <param name="ids">32 bytes each.</param>
    public static IdPath Of(ReadOnlySpan<byte> ids, uint position)
    {
        (int chunk, int siblings) = SizesOf(position, (uint)(ids.Length / Hash256.Size));
        int start = (int)(position / IdsInChunk) * Blake3Path.ChunkBytes;
        byte[] beside = new byte[siblings];
        Blake3Path.Siblings(ids, position / IdsInChunk, beside);
        return new IdPath(position, ids.Slice(start, chunk).ToArray(), beside);
    }

    /// <summary>Whether it leads to the BLAKE3 of a list of so many ids.</summary>
    public bool LeadsTo(in Hash256 root, uint count)
    {
        if (Position >= count || SizesOf(Position, count) != (Chunk.Length, Siblings.Length))
        {
            return false;
        }

        Span<byte> digest = stackalloc byte[Hash256.Size];
        Blake3Path.Digest((ulong)count * Hash256.Size, Position / IdsInChunk, Chunk, Siblings, digest);
        return new Hash256(digest) == root;
    }
}

/// <summary>
/// That execution accepted the transaction: a block above states a root that the block's state record is under.
/// </summary>
/// <param name="Records">From the ordering block's on, each under the next one's root, to the one that a block states.</param>
/// <param name="Path">Among the ids that the block accepted.</param>
public sealed record AcceptanceProof(StateRecord[] Records, IdPath Path)
{
    /// <summary>The transaction's global index.</summary>
    public ulong Index => Records[0].FirstIndex + Path.Position;
}

/// <summary>
/// That a transaction is final, for who knows genesis or a later epoch's committee, and trusts no validator (PROTOCOL.md, section
/// 7; FORMATS.md, "Transaction proof"). What it must satisfy is <c>TransactionProofChecks</c>.
/// </summary>
/// <param name="FirstEpoch">The epoch whose committee the reader knows already.</param>
/// <param name="Ends">How that epoch and those after it ended, up to the one that the certificate is of.</param>
/// <param name="Parent">The ordering block's parent; null where the block is its epoch's first, so that nothing was ordered
/// before.</param>
/// <param name="Blocks">From the block that orders the transaction to the one that the certificate proves.</param>
/// <param name="Lane">The vertices of one lane from the ordering block's cut down to the one that has the transaction.</param>
/// <param name="Path">Among the ids of that vertex.</param>
/// <param name="Accepted">Null where it shows nothing of the execution.</param>
public sealed record TransactionProof(
    Hash256 ChainId, ulong FirstEpoch, ProofEpochEnd[] Ends, Block? Parent, Block[] Blocks, Certificate Certificate,
    VertexHeader[] Lane, IdPath Path, AcceptanceProof? Accepted)
{
    /// <summary>The block that orders it.</summary>
    public Block Ordering => Blocks[0];

    public VertexHeader Vertex => Lane[^1];

    /// <summary>The transaction that it speaks of.</summary>
    public Hash256 Id => Path.Id;
}
