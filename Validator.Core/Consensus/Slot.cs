using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>
/// What is known of one (view, sequence): one proposal, one vote of each sender and phase, and at most one Prepare and one Commit
/// of our own (rules P1, P2, P4). Votes of other views never count here (section 2).
/// </summary>
internal sealed class Slot(ulong view, ulong sequence, int members)
{
    public ulong View { get; } = view;
    public ulong Sequence { get; } = sequence;

    /// <summary>The leader's PrePrepare; counted among Prepares too (rule P1).</summary>
    public Signed? Proposal { get; private set; }
    public Block? Block { get; private set; }

    /// <summary>Why the proposal was refused for good; None while it may still be accepted.</summary>
    public Reason Refused { get; private set; }
    public VoteSet Prepares { get; } = new(members);
    public VoteSet Commits { get; } = new(members);
    public Certificate? Prepared { get; private set; }
    public Certificate? Committed { get; private set; }

    /// <summary>The Prepare or PrePrepare decided here; zero before.</summary>
    public Hash256 Accepted { get; private set; }
    public long AcceptedMicros { get; private set; }

    /// <summary>The Commit decided here; zero before.</summary>
    public Hash256 CommitSent { get; private set; }

    /// <summary>The vote store has a prepared certificate of this slot, or gets it before whatever is signed next.</summary>
    public bool PreparedKept { get; private set; }

    /// <summary>Peers to which our copy of the proposal went because they voted for another one.</summary>
    public MemberSet ProposalShown;

    /// <summary>A certificate of this slot covers that block.</summary>
    public bool Certifies(in Hash256 hash) =>
        (Prepared is not null && Prepared.BlockHash == hash) || (Committed is not null && Committed.BlockHash == hash);

    public bool HasCertificate => Prepared is not null || Committed is not null;

    /// <summary>A proposal whose verdict is still out.</summary>
    public bool IsOpen => Proposal is not null && Accepted.IsZero && Refused == Reason.None;

    /// <summary>The leader's PrePrepare, which is its Prepare too (rule P1).</summary>
    /// <param name="block">Null where an own one is recovered whose body is forgotten.</param>
    public void Propose(Signed proposal, Block? block)
    {
        Require.That(proposal.Header.Kind == MessageKind.PrePrepare && IsOf(proposal.Header));
        Require.That(block is null || block.Hash == proposal.Header.Digest);
        Proposal = proposal;
        Block = block;
        Prepares.Put(proposal);
    }

    /// <summary>Our one Prepare, or PrePrepare, of this slot is decided (rule P2).</summary>
    public void Accept(Block block, long now)
    {
        Require.That(Accepted.IsZero && block.Sequence == Sequence);
        Accepted = block.Hash;
        AcceptedMicros = now;
    }

    public void Refuse(Reason reason)
    {
        Require.That(reason != Reason.None && Accepted.IsZero);
        Refused = reason;
    }

    /// <summary>Our one Commit of this slot is decided (rule P4).</summary>
    public void Commit(in Hash256 hash)
    {
        Require.That(CommitSent.IsZero && Prepared is not null && Prepared.BlockHash == hash);
        CommitSent = hash;
    }

    /// <summary>A prepared certificate of this slot goes to the vote store.</summary>
    public void Keep(Certificate certificate)
    {
        Require.That(certificate.Phase == Phase.Prepared && certificate.View == View && certificate.Sequence == Sequence);
        PreparedKept = true;
    }

    /// <summary>The first certificate of each phase stays.</summary>
    public void Note(Certificate certificate)
    {
        Require.That(certificate.View == View && certificate.Sequence == Sequence);
        if (certificate.Phase == Phase.Prepared)
        {
            Prepared ??= certificate;
        }
        else
        {
            Committed ??= certificate;
        }
    }

    /// <summary>
    /// The certificate that one more vote on this block completes; null below quorum weight, and where there is one already.
    /// </summary>
    public Certificate? Certify(Committee committee, Phase phase, in Hash256 digest) =>
        phase == Phase.Prepared
            ? Prepared is null ? Prepares.Certify(committee, phase, digest, committee.Quorum) : null
            : Committed is null ? Commits.Certify(committee, phase, digest, committee.Quorum) : null;

    /// <summary>
    /// The proof of finality that one more Prepare completes (rule P5): of all weight, and where Commits have not come first.
    /// Null for an epoch's last block.
    /// </summary>
    public Certificate? CertifyAll(Committee committee, in Hash256 digest) =>
        Prepared is not null && Committed is null && Block is { EndsEpoch: false } block && block.Hash == digest
            ? Prepares.Certify(committee, Phase.Prepared, digest, committee.Total) : null;

    /// <summary>A vote of our own that was stored before a restart.</summary>
    public void Recover(Signed vote)
    {
        Require.That(IsOf(vote.Header));
        if (vote.Header.Kind == MessageKind.Commit)
        {
            CommitSent = vote.Header.Digest;
            Commits.Put(vote);
        }
        else
        {
            Accepted = vote.Header.Digest;
            Prepares.Put(vote);
        }
    }

    private bool IsOf(in SignedHeader header) => header.View == View && header.Sequence == Sequence;
}
