using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>
/// From a proposal to a final block, object by object: who counts, what is stored before what is signed, what is final.
/// </summary>
public sealed class VotingTests
{
    private readonly CoreParts _core = new();

    // Protects rule P1: the leader's PrePrepare is its one Prepare, each sender counts once, and a quorum makes the certificate.
    [Fact]
    public void A_quorum_of_different_senders_prepares()
    {
        Block block = _core.Propose();
        _core.Vote(MessageKind.Prepare, 0, block);
        _core.Vote(MessageKind.Prepare, 2, block);
        _core.Vote(MessageKind.Prepare, 2, block);
        Assert.Null(_core.Slots.Find(0, 1)!.Prepared);
        Assert.Equal(["Rejected", "Rejected"], _core.Done.Cases);
        _core.Vote(MessageKind.Prepare, 3, block);
        Certificate certificate = _core.Slots.Find(0, 1)!.Prepared!;
        Assert.Equal([0, 2, 3], certificate.Votes.Select(vote => vote.Sender));
        Assert.Same(certificate, _core.Prepared.HighestBelow(1));
    }

    // Protects what operators see of votes: each is told once, as counted or repeated, and a certificate with the time since its
    // first vote.
    [Fact]
    public void Votes_are_told_one_by_one()
    {
        Block block = _core.Propose();
        _core.Vote(MessageKind.Prepare, 2, block);
        _core.Vote(MessageKind.Prepare, 2, block);
        Assert.Equal([PartialSignature.Counted, PartialSignature.Repeated], _core.Done.Taken[^2..]);
        Assert.Empty(_core.Done.Made);
        _core.Vote(MessageKind.Prepare, 3, block);
        Assert.True(Assert.Single(_core.Done.Made) >= 0);
    }

    // Protects sections 6 and 8: a second, different vote convicts its sender and does not count; one of our own that was not
    // decided here ends signing.
    [Fact]
    public void A_second_vote_convicts()
    {
        Block block = _core.Propose();
        Block other = ChainSamples.Child(_core.Samples.Start, later: 2);
        _core.Vote(MessageKind.Prepare, 2, block);
        _core.Vote(MessageKind.Prepare, 2, other);
        Evidence evidence = Assert.Single(_core.Done.Convicted);
        Assert.Equal((2, block.Hash, other.Hash), (evidence.First.Header.Sender, evidence.First.Header.Digest, evidence.Second.Header.Digest));
        Assert.Equal(block.Hash, _core.Slots.Find(0, 1)!.Prepares[2]!.Header.Digest);
        Assert.True(_core.Step.Signs);
        _core.Vote(MessageKind.Prepare, 1, block);
        Assert.False(_core.Step.Signs);
        Assert.Contains("Contradicted", _core.Done.Cases);
    }

    // Protects rule P4 and section 6: the block is stored before the Prepare on it is signed, the certificate before the Commit;
    // each is signed once.
    [Fact]
    public void What_a_vote_rests_on_is_stored_first()
    {
        Block block = _core.Propose();
        _core.Voter.TryPrepareAll();
        _core.Voter.TryPrepareAll();
        EffectLog done = _core.Done;
        Assert.Equal(["PersistBlock", "Sign"], done.Cases);
        Assert.Equal((MessageKind.Prepare, block.Hash), (done.Signed[0].Kind, done.Signed[0].Digest));

        _core.At(1);
        _core.Vote(MessageKind.Prepare, 2, block);
        _core.Voter.TryCommitAll();
        Assert.Empty(_core.Done.Cases);
        _core.Counter.OnSigned(ChainSamples.Signed(MessageKind.Prepare, 1, 0, 1, block.Hash));
        _core.Voter.TryCommitAll();
        _core.Voter.TryCommitAll();
        done = _core.Done;
        Assert.Equal(["PersistPrepared", "Sign"], done.Cases);
        Assert.Equal((MessageKind.Commit, block.Hash), (done.Signed[0].Kind, done.Signed[0].Digest));
        Assert.True(_core.Step.Signs);
    }

    // Protects rules P3 and L3: a proposal that names vertices which are not held is not voted for; they are asked of its leader.
    [Fact]
    public void What_a_proposal_lacks_is_asked_for()
    {
        LaneTip[] tips = _core.Samples.Hold(2, 1, durable: false);
        Hash256 missing = ChainSamples.Root(9);
        _core.Propose([default, default, tips[0], new LaneTip(1, missing)]);
        _core.Voter.TryPrepareAll();
        EffectLog done = _core.Done;
        Assert.Equal(["Send"], done.Cases);
        Assert.Equal((0, missing), (done.Sent[0].To, ((FetchRequest)done.Sent[0].Message).Hash));
        Assert.Equal(long.MaxValue, _core.Voter.DueMicros);
    }

    // Protects rule P3's clock: a proposal ahead of it is judged again when its time comes, and those who watch are told of it.
    [Fact]
    public void A_proposal_ahead_of_the_clock_waits()
    {
        ulong bound = _core.Samples.Genesis.Parameters.TimestampBoundMicros;
        _core.Propose(ChainSamples.Child(_core.Samples.Start, later: bound + 110));
        _core.Voter.TryPrepareAll();
        Assert.Empty(_core.Done.Cases);
        Assert.Equal((100, _core.Samples.Start.TimestampMicros + 110), (_core.Voter.DueMicros, _core.Voter.AwaitedMicros));
        _core.Voter.ForgetDue();
        Assert.Equal(0UL, _core.Voter.AwaitedMicros);
    }

    // Protects rule P5: a certificate makes its block's ancestors final too, in sequence; a body that is not here is asked for of
    // one who voted, and nothing is skipped.
    [Fact]
    public void A_certificate_makes_all_below_it_final()
    {
        Block first = ChainSamples.Child(_core.Samples.Start), second = ChainSamples.Child(first), third = ChainSamples.Child(second);
        _core.Samples.Blocks.Remember(first);
        _core.Samples.Blocks.Remember(third);
        _core.Certificates.OnCommitted(ChainSamples.Certificate(third));
        _core.Finalizer.TryFinalize();
        EffectLog done = _core.Done;
        Assert.Empty(done.Executed);
        Assert.Equal((0, second.Hash), (done.Sent[0].To, ((FetchRequest)done.Sent[0].Message).Hash));
        _core.Samples.Blocks.Remember(second);
        _core.At(1);
        _core.Finalizer.TryFinalize();
        Assert.Equal([first.Hash, second.Hash, third.Hash], _core.Done.Executed.Select(block => block.Hash));
        Assert.Equal(3UL, _core.Samples.Chain.Sequence);
    }

    // Protects section 8 and rule P6: two committed blocks of one sequence, or a root that is not ours, stop everything.
    [Fact]
    public void What_cannot_be_halts()
    {
        Block first = ChainSamples.Child(_core.Samples.Start), other = ChainSamples.Child(_core.Samples.Start, later: 2);
        _core.Certificates.OnCommitted(ChainSamples.Certificate(first));
        _core.Certificates.OnCommitted(ChainSamples.Certificate(other));
        Assert.Equal((Reason.ConflictingCertificates, other.Hash), (_core.Done.Halts[0].Reason, _core.Done.Halts[0].Certificate!.BlockHash));
        Assert.True(_core.Step.Over && !_core.Step.Signs);

        CoreParts diverged = new();
        Block executed = ChainSamples.Child(diverged.Samples.Start);
        Block states = ChainSamples.Child(executed, executed: (1, ChainSamples.Root(1)));
        diverged.Samples.Finalize(executed);
        diverged.Finalizer.OnExecuted(1, ChainSamples.Root(2), null);
        diverged.Samples.Blocks.Remember(states);
        diverged.Certificates.OnCommitted(ChainSamples.Certificate(states));
        diverged.Finalizer.TryFinalize();
        Assert.Equal(Reason.ExecutionDiverged, diverged.Done.Halts[0].Reason);
        Assert.Empty(diverged.Done.Executed);
    }

    // Protects rule V2: more than F are joined, a quorum is followed, and the ViewChange states the highest certificate of the
    // views below. Votes of the view that was left have no slot any more.
    [Fact]
    public void Views_are_joined_and_entered()
    {
        Block block = _core.Propose();
        _core.Certificates.OnPrepared(ChainSamples.Certificate(block, Phase.Prepared));
        _core.Changer.OnStop(ChainSamples.Signed(MessageKind.Stop, 2, 3, 0, default), 2);
        Assert.Empty(_core.Done.Cases);
        _core.Changer.OnStop(ChainSamples.Signed(MessageKind.Stop, 3, 3, 0, default), 3);
        EffectLog done = _core.Done;
        Assert.Equal(["ViewChanged", "Sign"], done.Cases);
        Assert.Equal((MessageKind.Stop, 3UL), (done.Signed[0].Kind, done.Signed[0].View));
        Assert.Equal(0UL, _core.View.Number);

        _core.At(1);
        _core.Changer.OnSigned(ChainSamples.Signed(MessageKind.Stop, 1, 3, 0, default));
        Assert.Equal((3UL, false), (_core.View.Number, _core.View.Active));
        UnsignedViewChange change = (UnsignedViewChange)Assert.Single(_core.Done.Bodies);
        Assert.Equal(block.Hash, change.Claims.Prepared.BlockHash);
        Assert.Null(_core.Slots.Find(0, 1));
        _core.Vote(MessageKind.Commit, 2, block);
        Assert.Null(_core.Slots.Find(0, 1));
    }

    // Protects rule V1: the leader is given up when what it was shown waits for too long, at once sooner when it is out of reach,
    // and never while nothing waits; our Stop is repeated.
    [Fact]
    public void A_leader_is_given_up_in_time()
    {
        Assert.Equal(long.MaxValue, _core.Watch.DueMicros);
        _core.Timer.Shown(2, 1, 100);
        Assert.Equal(1_100, _core.Watch.DueMicros);
        _core.Peers.Down(0, 200);
        Assert.Equal(400, _core.Watch.DueMicros);
        _core.At(399);
        _core.Watch.Advance();
        Assert.Empty(_core.Done.Cases);
        _core.At(400);
        _core.Watch.Advance();
        Assert.Equal((MessageKind.Stop, 1UL), (_core.Done.Signed[0].Kind, _core.Done.Signed[0].View));
        Assert.Equal(900, _core.Watch.DueMicros);
    }
}
