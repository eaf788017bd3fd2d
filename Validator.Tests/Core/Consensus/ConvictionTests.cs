using Validator.Core.Consensus;
using Validator.Core.Dag;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>Section 8: who is convicted, of what, and how often. Of four members we are 1.</summary>
public sealed class ConvictionTests
{
    private readonly CoreParts _core = new();

    // Protects who pays for what: each slot is told once, whoever shows it and in whatever kind, and a second offence is told
    // beside a first, cheaper one.
    [Fact]
    public void Each_slot_is_told_once()
    {
        _core.At(1);
        Tell(MessageKind.Prepare, 2, sequence: 1, first: 1, second: 2);
        Tell(MessageKind.Prepare, 2, sequence: 1, first: 1, second: 3);
        Tell(MessageKind.PrePrepare, 2, sequence: 1, first: 4, second: 5);
        Assert.Single(_core.Done.Convicted);
        Tell(MessageKind.Commit, 2, sequence: 1, first: 1, second: 2);
        Tell(MessageKind.Prepare, 2, sequence: 2, first: 1, second: 2);
        Tell(MessageKind.Prepare, 3, sequence: 1, first: 1, second: 2);
        Assert.Equal(4, _core.Done.Convicted.Count);
        Assert.Equal(4, _core.Done.Sent.Count(sent => sent.Message is Evidence));
    }

    // Protects against a liar that signs without end: no more of one member are told than count, and others' still are.
    [Fact]
    public void A_member_is_told_as_often_as_counts()
    {
        _core.At(1);
        for (ulong sequence = 1; sequence <= 2 * TrustParameters.MostOffences; sequence++)
        {
            Tell(MessageKind.Commit, 2, sequence, first: 1, second: 2);
        }

        Assert.Equal(TrustParameters.MostOffences, _core.Done.Convicted.Count);
        Tell(MessageKind.Commit, 3, sequence: 1, first: 1, second: 2);
        Assert.Equal(TrustParameters.MostOffences + 1, _core.Done.Convicted.Count);
    }

    // Protects rule L4: twins close their author's lane, after other offences too, and other offences do not.
    [Fact]
    public void Twins_close_a_lane_whatever_came_before()
    {
        _core.At(1);
        Tell(MessageKind.Commit, 2, sequence: 1, first: 1, second: 2);
        Assert.False(_core.Samples.Lanes[2].Equivocated);
        LaneTip[] tips = _core.Samples.Hold(2, 1);
        _core.Convictions.ConvictOf(
            _core.Samples.Lanes[2].Find(tips[0].Hash)!, ChainSamples.Signed(MessageKind.Vertex, 2, 0, 1, ChainSamples.Root(9)));
        Assert.True(_core.Samples.Lanes[2].Equivocated);
        Assert.Equal(2, _core.Done.Convicted.Count);
    }

    // Protects against a liar that shows each of its votes to some: those who hold the other one see it in the certificate, and
    // the other way round. Whoever signed once only is no liar.
    [Theory]
    [InlineData(Phase.Prepared, true)]
    [InlineData(Phase.Prepared, false)]
    [InlineData(Phase.Committed, true)]
    [InlineData(Phase.Committed, false)]
    public void A_vote_beside_a_certificate_convicts(Phase phase, bool voteFirst)
    {
        _core.At(1);
        Block block = _core.Propose();
        Block other = ChainSamples.Child(block);
        MessageKind kind = phase == Phase.Prepared ? MessageKind.Prepare : MessageKind.Commit;
        Signed vote = ChainSamples.Signed(kind, 3, 0, 1, other.Hash);
        Certificate certificate = ChainSamples.Certificate(block, phase, without: 2);
        if (voteFirst)
        {
            _core.Counter.OnVote(vote, 3);
            _core.Certificates.Take(certificate, 2);
        }
        else
        {
            _core.Certificates.Take(certificate, 2);
            _core.Counter.OnVote(vote, 3);
        }

        Evidence evidence = Assert.Single(_core.Done.Convicted);
        Assert.Equal(DecodeError.None, EvidenceCodec.Refusal(evidence.First.Header, evidence.Second.Header));
        Assert.Equal(3, evidence.First.Header.Sender);
        Hash256[] signed = [evidence.First.Header.Digest, evidence.Second.Header.Digest];
        Assert.Equal(new[] { block.Hash, other.Hash }.Order(), signed.Order());
    }

    // Protects the price of a fork: of two final blocks in one view, all who signed for both are convicted before the halt, the
    // leader by its proposals too. In two views nobody is: an honest member may have signed both.
    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 0)]
    public void Who_signed_two_final_blocks_of_one_view_is_convicted(ulong secondView, int guilty)
    {
        _core.At(1);
        Block block = ChainSamples.Child(_core.Samples.Start);
        Block other = ChainSamples.Child(_core.Samples.Start, ChainSamples.Cut(_core.Samples.Hold(0, 1)[0]));
        _core.Certificates.Take(ChainSamples.Certificate(block, without: 3), 2);
        _core.Certificates.Take(ChainSamples.Certificate(other, view: secondView, without: 0), 2);
        Assert.Single(_core.Done.Halts);
        Assert.Equal(guilty, _core.Done.Convicted.Count);
    }

    // Protects operators: who signed two proposals to end a fork has taken one of them back, and is no offender.
    [Fact]
    public void Two_recovery_blocks_convict_nobody()
    {
        _core.At(1);
        Block block = ChainSamples.Child(_core.Samples.Start);
        Block other = ChainSamples.Child(block);
        Certificate second = ChainSamples.Certificate(other, Phase.Recovered);
        _core.Convictions.OnConflict(ChainSamples.Certificate(block, Phase.Recovered), new Certificate
        {
            Phase = second.Phase,
            Epoch = second.Epoch,
            View = second.View,
            Sequence = block.Sequence,
            BlockHash = second.BlockHash,
            Votes = second.Votes,
        });
        Assert.Empty(_core.Done.Convicted);
    }

    // Protects our own key: evidence against us ends signing.
    [Fact]
    public void Our_own_offence_ends_signing()
    {
        _core.At(1);
        Tell(MessageKind.Prepare, 2, sequence: 1, first: 1, second: 2);
        Assert.True(_core.Step.Signs);
        Tell(MessageKind.Prepare, 1, sequence: 1, first: 1, second: 2);
        Assert.False(_core.Step.Signs);
    }

    // Protects a restart: what was told before is not told again.
    [Fact]
    public void What_was_told_before_a_restart_is_not_told_again()
    {
        _core.At(1);
        Assert.True(_core.Convictions.Note(Twins(MessageKind.Commit, 2, 1, 1, 2)));
        Tell(MessageKind.Commit, 2, sequence: 1, first: 1, second: 2);
        Assert.Empty(_core.Done.Convicted);
    }

    private void Tell(MessageKind kind, int sender, ulong sequence, byte first, byte second) =>
        _core.Convictions.OnEvidence(Twins(kind, sender, sequence, first, second));

    private static Evidence Twins(MessageKind kind, int sender, ulong sequence, byte first, byte second) => new(
        ChainSamples.Signed(kind, sender, 0, sequence, ChainSamples.Root(first)),
        ChainSamples.Signed(kind, sender, 0, sequence, ChainSamples.Root(second)));
}
