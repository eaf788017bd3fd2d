using Validator.Core.Primitives;

namespace Validator.Core.Wire;

/// <summary>One epoch: who decides in it, and what it starts from (PROTOCOL.md, section 12).</summary>
/// <param name="Start">The block before its first, with an empty cut: lanes begin anew in each epoch.</param>
/// <param name="Pending">A change that was executed before this validator started, and that no block has carried yet.</param>
public sealed record EpochConfiguration(ulong Number, Member[] Members, Block Start, PendingCommittee? Pending = null)
{
    public Committee Committee { get; } = Committee.Of(Members);

    /// <summary>Who leads that view of it, by committee index.</summary>
    public int Leader(ulong view) => Committee.Leader(Number, view);

    /// <summary>Epoch 0. Its starting block is computed, never sent.</summary>
    public static EpochConfiguration First(Genesis genesis, in Hash256 chainId) => new(0, genesis.Members, StartBlock(genesis, chainId));

    /// <summary>The epoch that <paramref name="last"/>, the last block of the one before, names.</summary>
    public static EpochConfiguration After(Block last, Member[] members, PendingCommittee? pending = null)
    {
        ulong number = last.Epoch + 1;
        Require.That(last.NextCommittee == GenesisCodec.CommitteeDigest(number, members));
        Block start = new()
        {
            Epoch = number,
            Sequence = last.Sequence,
            Parent = last.Parent,
            TimestampMicros = last.TimestampMicros,
            ExecutedSequence = last.ExecutedSequence,
            ExecutedRoot = last.ExecutedRoot,
            NextCommittee = Hash256.Zero,
            Cut = new LaneTip[members.Length],
            Hash = last.Hash,
        };
        return new EpochConfiguration(number, members, start, pending);
    }

    /// <summary>The block that every chain starts from, at sequence 0 of epoch 0.</summary>
    public static Block StartBlock(Genesis genesis, in Hash256 chainId) => BlockCodec.Seal(
        0, 0, chainId, genesis.TimestampMicros, 0, Hash256.Zero, Hash256.Zero, new LaneTip[genesis.Members.Length]);

    /// <summary>The member with this consensus key, or -1.</summary>
    public int IndexOf(ReadOnlySpan<byte> consensusKey) => Member.Find(Members, consensusKey);
}
