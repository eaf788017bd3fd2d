using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>Votes of one phase in one slot: the first of each sender counts.</summary>
internal sealed class VoteSet(int members)
{
    private readonly Signed?[] _votes = new Signed?[members];

    public Signed? this[int sender] => _votes[sender];

    public void Put(Signed vote) => _votes[vote.Header.Sender] = vote;

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

    /// <summary>A certificate from the votes on <paramref name="digest"/>, or null below quorum weight.</summary>
    public Certificate? Certify(Committee committee, Phase phase, in Hash256 digest)
    {
        if (Weight(committee, digest) < committee.Quorum)
        {
            return null;
        }

        List<CertificateVote> votes = [];
        SignedHeader header = default;
        ulong weight = 0;
        for (int i = 0; i < _votes.Length && weight < committee.Quorum; i++)
        {
            if (_votes[i] is { } vote && vote.Header.Digest == digest)
            {
                header = vote.Header;
                weight += committee.Weight(i);
                votes.Add(new CertificateVote(i, vote.Signature));
            }
        }

        return new Certificate
        {
            Phase = phase,
            Epoch = header.Epoch,
            View = header.View,
            Sequence = header.Sequence,
            BlockHash = digest,
            Votes = [.. votes],
        };
    }
}

/// <summary>What is known of one (view, sequence).</summary>
internal sealed class Slot(ulong view, ulong sequence, int members)
{
    public ulong View { get; } = view;
    public ulong Sequence { get; } = sequence;

    /// <summary>The leader's PrePrepare; counted among Prepares too (rule P1).</summary>
    public Signed? Proposal { get; set; }
    public Block? Block { get; set; }

    /// <summary>Why the proposal was refused for good; None while it may still be accepted.</summary>
    public Reason Refused { get; set; }
    public VoteSet Prepares { get; } = new(members);
    public VoteSet Commits { get; } = new(members);
    public Certificate? Prepared { get; set; }
    public Certificate? Committed { get; set; }

    /// <summary>The Prepare or PrePrepare decided here; zero before.</summary>
    public Hash256 Accepted { get; set; }
    public long AcceptedMicros { get; set; }

    /// <summary>The Commit decided here; zero before.</summary>
    public Hash256 CommitSent { get; set; }

    /// <summary>Peers to which our copy of the proposal went because they voted for another one.</summary>
    public MemberSet ProposalShown;

    public bool Certifies(in Hash256 hash) =>
        (Prepared is not null && Prepared.BlockHash == hash) || (Committed is not null && Committed.BlockHash == hash);
}
