using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Votes of one phase in one slot: the first of each sender counts.</summary>
internal sealed class VoteSet(int members)
{
    private readonly Signed?[] _votes = new Signed?[members];
    private long? _since;

    public Signed? this[int sender] => _votes[sender];

    public void Put(Signed vote) => _votes[vote.Header.Sender] = vote;

    /// <summary>One of them came; the first says since when they are collected.</summary>
    public void Begin(long now) => _since ??= now;

    /// <summary>Since the first came; 0 where all were recovered.</summary>
    public long AgeMicros(long now) => now - (_since ?? now);

    public ulong Weight(Committee committee, in Hash256 digest)
    {
        ulong weight = 0;
        for (int i = 0; i < _votes.Length; i++)
        {
            if (_votes[i] is { } vote && vote.Header.Digest == digest)
            {
                weight += committee.Weight(i);
            }
        }

        return weight;
    }

    /// <summary>
    /// A certificate from the votes on <paramref name="digest"/>, of no more than it takes; null below that weight.
    /// </summary>
    /// <param name="least">The quorum's weight, or all of it.</param>
    public Certificate? Certify(Committee committee, Phase phase, in Hash256 digest, ulong least)
    {
        if (Weight(committee, digest) < least)
        {
            return null;
        }

        SignatureCollector? collector = null;
        SignedHeader header = default;
        for (int i = 0; i < _votes.Length && collector is not { IsComplete: true }; i++)
        {
            if (_votes[i] is { } vote && vote.Header.Digest == digest)
            {
                header = vote.Header;
                collector ??= new SignatureCollector(new JointStatement(header), committee, least);
                collector.Take(i, vote.Signature);
            }
        }

        Require.That(collector is { IsComplete: true });
        return new Certificate
        {
            Phase = phase,
            Epoch = header.Epoch,
            View = header.View,
            Sequence = header.Sequence,
            BlockHash = digest,
            Votes = collector.Result().Signatures,
        };
    }
}
