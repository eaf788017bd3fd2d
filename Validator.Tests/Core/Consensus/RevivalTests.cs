using System.Buffers.Binary;
using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>What statements say and what they suffice for (rule E9).</summary>
public sealed class RevivalTests
{
    private static readonly Hash256 s_chain = Hash256.Of([7]);
    private static readonly Hash256 s_request = Hash256.Of([8]);

    // Protects agreement: those who state must be in each quorum. Of four equal members two will do and one will not; by weight,
    // not by heads; the same one twice, and the asker's own word, count for nothing.
    [Fact]
    public void Those_who_state_must_be_in_each_quorum()
    {
        EpochConfiguration epoch = Epoch(1, 1, 1, 1);
        Assert.Equal(RevivalRefusal.TooLittleWeight, Weigh(epoch, 3).Refusal);
        Assert.Equal(RevivalRefusal.TooLittleWeight, Weigh(epoch, 3, Statement(0, 2)).Refusal);
        Assert.Equal(RevivalRefusal.TooLittleWeight, Weigh(epoch, 3, Statement(0, 2), Statement(0, 2), Statement(3, 2)).Refusal);
        RevivalPlan two = Weigh(epoch, 3, Statement(0, 2), Statement(1, 2));
        Assert.Equal((RevivalRefusal.None, 2ul, 0ul), (two.Refusal, two.Weight, two.Spare));
        Assert.Equal(1ul, Weigh(epoch, 3, Statement(0, 2), Statement(1, 2), Statement(2, 2)).Spare);

        // W = 10, q = 7: those who state must weigh 4.
        EpochConfiguration skewed = Epoch(3, 3, 1, 3);
        Assert.Equal(RevivalRefusal.TooLittleWeight, Weigh(skewed, 3, Statement(0, 2)).Refusal);
        Assert.Equal(RevivalRefusal.None, Weigh(skewed, 3, Statement(0, 2), Statement(2, 2)).Refusal);
    }

    // Protects from a statement of before the loss: one that does not answer this request counts for nothing.
    [Fact]
    public void A_statement_for_another_request_does_not_count() => Assert.Equal(
        RevivalRefusal.TooLittleWeight, Weigh(Epoch(1, 1, 1, 1), 3, Statement(0, 2), Statement(1, 2, request: Hash256.Of([9]))).Refusal);

    // Protects one value per slot and what is committed: signing begins above every view that was signed for, and whoever stated
    // must have bound itself for all of them; the highest prepared certificate by view comes along.
    [Fact]
    public void Signing_begins_above_every_view_that_was_signed_for()
    {
        EpochConfiguration epoch = Epoch(1, 1, 1, 1);
        RevivalPlan plan = Weigh(epoch, 3, Statement(0, 2, prepared: (2, 9)), Statement(1, 3, prepared: (1, 20)));
        Assert.Equal(new VoteLimit(5, 5, 5), plan.Limit);
        Assert.Equal((2ul, 9ul), (plan.Certificate!.View, plan.Certificate.Sequence));
        Assert.Null(plan.Next);

        Assert.Equal(RevivalRefusal.NotBound, Weigh(epoch, 3, Statement(0, 2), Statement(1, 6)).Refusal);
        RevivalPlan three = Weigh(epoch, 3, Statement(0, 2), Statement(1, 6), Statement(2, 6));
        Assert.Equal((RevivalRefusal.None, 8ul), (three.Refusal, three.Limit.FirstView));
    }

    // Protects what may be final without Commits, with the lost votes: what all who count may have accepted is listed from now
    // on, as of the view that they all state; the executed block's proof counts as a certificate, and its view as one that was
    // signed for.
    [Fact]
    public void What_all_may_have_accepted_is_stated()
    {
        EpochConfiguration epoch = Epoch(1, 1, 1, 1);
        Hash256 a = Hash256.Of([1]), b = Hash256.Of([2]);
        Acceptances both = new(9, [new Acceptance(2, a), new Acceptance(2, b)]);
        Acceptances one = new(9, [new Acceptance(1, a)]);
        Assert.Equal(one, Weigh(epoch, 3, Statement(0, 2, accepted: both), Statement(1, 2, accepted: one)).Accepted);
        Assert.Equal(default, Weigh(epoch, 3, Statement(0, 2, accepted: both), Statement(1, 2)).Accepted);

        Block[] chain = [Block(9, Hash256.Zero), Block(10, Hash256.Zero)];
        RecoveredState votes = new();
        votes.Blocks.AddRange(chain);
        votes.Signed.Add((Vote(MessageKind.Prepare, 2, chain[1]), null, null, null));
        VoteStatement said = Revival.State(votes, epoch, 1, s_chain, [s_request], epoch.Start, Certificate(6, 8));
        Assert.Equal((6ul, 6ul), (said.Certificate!.View, said.SignedView));
        Assert.Equal(new Acceptance(2, chain[1].Hash), said.Accepted.Entries[^1]);
    }

    // Protects the next epoch: where somebody committed to the last block of this one, the lost votes may reach into the next
    // one's first view; into a committee that is not known, nothing is promised.
    [Fact]
    public void An_epoch_that_may_be_over_binds_in_the_next()
    {
        EpochConfiguration epoch = Epoch(1, 1, 1, 1);
        RevivalPlan plan = Weigh(epoch, 3, Statement(0, 2), Statement(1, 2, EpochOutlook.MayBeOver));
        Assert.Equal(new VoteLimit(6, 1, 1), plan.Next);
        RevivalPlan known = Revival.Weigh(epoch, 3, s_request, [Statement(0, 2), Statement(1, 2, EpochOutlook.MayBeOver)], laneKnown: true);
        Assert.Equal((new VoteLimit(5, 4, 4, LaneKnown: true), new VoteLimit(6, 1, 1, LaneKnown: true)), (known.Limit, known.Next));
        Assert.Equal(RevivalRefusal.MayBeOver, Weigh(epoch, 3, Statement(0, 2), Statement(1, 2, EpochOutlook.MayBeOverWithChange)).Refusal);
        Assert.Equal(RevivalRefusal.LaterEpoch, Weigh(epoch, 3, Statement(0, 2), Statement(1, 2), Statement(2, 2, epoch: 6)).Refusal);
        Assert.Equal(RevivalRefusal.TooLittleWeight, Weigh(epoch, 3, Statement(0, 2), Statement(1, 2, epoch: 4)).Refusal);
    }

    // Protects those who answer one after the other, and twice: stating again without having voted says the same, and after the
    // binding was put to use it says more; the highest of all own records counts, and a Commit to an epoch's last block is told.
    [Fact]
    public void A_statement_is_of_all_that_is_in_the_store()
    {
        EpochConfiguration epoch = Epoch(1, 1, 1, 1);
        Block plain = Block(10, Hash256.Zero);
        Block last = Block(11, GenesisCodec.CommitteeDigest(6, epoch.Members));
        Block changed = Block(11, Hash256.Of([1]));
        RecoveredState votes = new();
        votes.Blocks.AddRange([plain, last, changed]);
        votes.Signed.Add((Vote(MessageKind.Commit, 2, plain), null, null, null));
        votes.Signed.Add((new Signed(new SignedHeader(MessageKind.Stop, 1, 5, 3, 0, Hash256.Zero), []), null, null, null));
        votes.PreparedCertificates.AddRange([Certificate(1, 40), Certificate(2, 10)]);

        VoteStatement first = State();
        Assert.Equal((3ul, 5ul, EpochOutlook.GoesOn), (first.SignedView, first.FirstView, first.Outlook));
        Assert.Equal(2ul, first.Certificate!.View);
        votes.Limit = Revival.BindingOf(first, null);
        Assert.Equal(new VoteLimit(5, 5, 0), votes.Limit);
        Assert.Equal((3ul, 5ul), (State().SignedView, State().FirstView));
        votes.Signed.Add((new Signed(new SignedHeader(MessageKind.Stop, 1, 5, 5, 0, Hash256.Zero), []), null, null, null));
        Assert.Equal((5ul, 7ul), (State().SignedView, State().FirstView));

        votes.Signed.Add((Vote(MessageKind.Commit, 2, last), null, null, null));
        Assert.Equal(EpochOutlook.MayBeOver, State().Outlook);
        votes.Signed.Add((Vote(MessageKind.Commit, 2, changed), null, null, null));
        Assert.Equal(EpochOutlook.MayBeOverWithChange, State().Outlook);

        // One whose votes were made anew speaks for what it lost, too.
        RecoveredState anew = new() { Limit = new VoteLimit(5, 9, 9, LaneKnown: true) };
        VoteStatement word = Revival.State(anew, epoch, 1, s_chain, [s_request], epoch.Start, null);
        Assert.Equal((9ul, 11ul), (word.SignedView, word.FirstView));
        Assert.Equal(new VoteLimit(5, 11, 9, LaneKnown: true), Revival.BindingOf(word, anew.Limit));
        Assert.Equal(EpochOutlook.GoesOn, word.Outlook);
        anew.NextLimit = new VoteLimit(6, 1, 1);
        Assert.Equal(EpochOutlook.MayBeOver, Revival.State(anew, epoch, 1, s_chain, [s_request], epoch.Start, null).Outlook);
        Assert.Equal(40ul, Revival.State(anew, epoch, 1, s_chain, [s_request], epoch.Start, null, least: 40).FirstView);

        VoteStatement State() => Revival.State(votes, epoch, 1, s_chain, [s_request], epoch.Start, null);
    }

    // Protects operators' machines from whatever a file holds: it comes back as it was, and cut or changed bytes are refused, or
    // are another statement whose signed digest differs.
    [Fact]
    public void A_statement_comes_back_as_it_was() => CodecPropertyTests.ForSeeds(100, seed =>
    {
        Random random = new(seed);
        Acceptances accepted = new(9, [new Acceptance(0, Hash256.Of([1])), default, new Acceptance(0, Hash256.Of([2]))]);
        VoteStatement statement = Statement(
            1, (ulong)random.Next(9), (EpochOutlook)random.Next(3),
            prepared: seed % 2 == 0 ? (0, (ulong)random.Next(1, 99)) : null, accepted: seed % 3 == 0 ? accepted : default);
        byte[] encoded = VoteStatementCodec.Encode(statement);
        Assert.True(VoteStatementCodec.TryRead(encoded, out VoteStatement? read, out DecodeError error), error.ToString());
        Assert.Equal(encoded, VoteStatementCodec.Encode(read));
        Assert.Equal(VoteStatementCodec.HeaderToSign(statement), VoteStatementCodec.HeaderToSign(read));
        Assert.Equal(MessageKind.VoteStatement, VoteStatementCodec.HeaderToSign(read).Kind);
        Assert.False(VoteStatementCodec.TryRead(encoded.AsSpan(0, random.Next(encoded.Length)), out _, out _));
        Assert.False(VoteStatementCodec.TryRead([.. encoded, 0], out _, out _));
        int at = random.Next(2) == 0 ? random.Next(176) : random.Next(encoded.Length - Limits.SignatureBytes);
        encoded[at] ^= (byte)random.Next(1, 256);
        if (VoteStatementCodec.TryRead(encoded, out VoteStatement? other, out _))
        {
            Assert.Equal(encoded, VoteStatementCodec.Encode(other));
            Assert.NotEqual(VoteStatementCodec.HeaderToSign(statement), VoteStatementCodec.HeaderToSign(other));
        }

        byte[] noise = new byte[random.Next(400)];
        random.NextBytes(noise);
        Assert.False(VoteStatementCodec.TryRead(noise, out _, out _));
    });

    // Protects clients and the lane: whose votes were lost authors on where its ledger was not, and else nothing in this epoch,
    // whatever comes.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_lane_goes_on_where_it_is_known(bool laneKnown)
    {
        EpochConfiguration epoch = Epoch(1, 1, 1, 1);
        LaneTip tip = new(7, Hash256.Of([9]));
        RecoveredState anew = new() { Limit = new VoteLimit(5, 4, 4, laneKnown), OwnTip = laneKnown ? tip : default };
        VertexHeader own = VertexCodec.Seal(5, 1, 7, Hash256.Of([1]), new LaneTip[4], Hash256.Of([]), 0, 0);
        ValidatorCore core = new(GenesisSamples.Four(), epoch, 1, new CoreSettings { IdleVertexMicros = 1 }, anew);
        Assert.Equal(laneKnown, core.Authors);
        EffectBuffer effects = new();
        core.Handle(
            Input.OfVertex(SignedVertex.Of(own, new byte[Limits.SignatureBytes]), token: 1, from: 2), effects);

        // Another vertex in that slot than the known one: a twin's, or the ledger was an older copy.
        Assert.Equal(!laneKnown, core.Signs);
    }

    // Protects from a wait of hours: views that nobody could use make no timeout longer, neither below the first view, which may
    // lie far ahead, nor from it on; there it grows as ever. (Seed 50705: 21 s for each of nine views.)
    [Fact]
    public void Timeouts_grow_from_the_first_view_on()
    {
        const long Base = 500_000;
        RecoveredState anew = new() { Limit = new VoteLimit(5, 1_000, 1_000) };
        ValidatorCore core = new(GenesisSamples.Four(), Epoch(1, 1, 1, 1), 1, new CoreSettings { ViewTimeoutMicros = Base }, anew);
        long now = 1;
        Signed? stop = null;
        foreach (int peer in (int[])[0, 2, 3])
        {
            Handle(Input.PeerUp(peer));
        }

        foreach ((ulong view, long timeout, ulong next) in ((ulong, long, ulong)[])
            [(900, Base, 1_000), (1_000, Base, 1_001), (1_001, 2 * Base, 1_002), (1_003, 8 * Base, 1_004)])
        {
            Enter(view);
            Assert.Equal(timeout, core.Progress().TimeoutMicros);
            now += timeout - 1;
            Handle(Input.Tick);
            Assert.Null(stop);
            now++;
            Handle(Input.Tick);
            Assert.Equal(next, stop?.Header.View);
        }

        void Enter(ulong view)
        {
            foreach (int peer in (int[])[0, 2, 3])
            {
                SignedHeader asked = new(MessageKind.Stop, peer, 5, view, 0, Hash256.Zero);
                Handle(Input.Of(new Signed(asked, new byte[Limits.SignatureBytes]), peer));
            }

            Assert.Equal(view, core.View);
            stop = null;
        }

        void Handle(Input input)
        {
            EffectBuffer effects = new();
            core.Handle(Inputs.At(input, now), effects);
            foreach (SignedHeader header in EffectLog.Of(effects).Signed.Where(h => h.Kind == MessageKind.Stop))
            {
                stop = new Signed(header, []);
            }
        }
    }

    // Protects who signs anew from a statement that would bind it, and all who join it, to a view that never comes or does not
    // fit.
    [Theory]
    [InlineData(3, 4, true)]
    [InlineData(3, 3 + VoteStatementCodec.MostAhead, true)]
    [InlineData(3, 4 + VoteStatementCodec.MostAhead, false)]
    [InlineData(3, ulong.MaxValue, false)]
    [InlineData(long.MaxValue - 1, long.MaxValue, true)]
    [InlineData(long.MaxValue, long.MaxValue + 1UL, false)]
    public void A_first_view_is_near_the_signed_one(ulong signed, ulong first, bool good)
    {
        byte[] encoded = VoteStatementCodec.Encode(Statement(1, 0));
        BinaryPrimitives.WriteUInt64LittleEndian(encoded.AsSpan(48), signed);
        BinaryPrimitives.WriteUInt64LittleEndian(encoded.AsSpan(56), first);
        Assert.Equal(good, VoteStatementCodec.TryRead(encoded, out _, out _));
    }

    private static RevivalPlan Weigh(EpochConfiguration epoch, int self, params VoteStatement[] statements) =>
        Revival.Weigh(epoch, self, s_request, statements, laneKnown: false);

    private static EpochConfiguration Epoch(params uint[] weights)
    {
        Member[] members = [.. GenesisSamples.Four().Members.Select((m, i) => m with { Weight = weights[i] })];
        return EpochConfiguration.After(
            BlockCodec.Seal(4, 8, Hash256.Of([1]), 77, 7, Hash256.Of([2]), GenesisCodec.CommitteeDigest(5, members), new LaneTip[4]), members);
    }

    private static VoteStatement Statement(
        int author, ulong signed, EpochOutlook outlook = EpochOutlook.GoesOn, ulong epoch = 5, (ulong View, ulong Sequence)? prepared = null,
        Hash256? request = null, Acceptances accepted = default) => new()
        {
            ChainId = s_chain,
            Epoch = epoch,
            CommitteeSize = 4,
            Author = author,
            SignedView = signed,
            FirstView = signed + 2,
            Outlook = outlook,
            FinalSequence = 8,
            FinalHash = Hash256.Of([3]),
            Requests = [Hash256.Of([6]), request ?? s_request],
            Certificate = prepared is { } at ? Certificate(at.View, at.Sequence) : null,
            Accepted = accepted,
            Signature = new byte[Limits.SignatureBytes],
        };

    private static Certificate Certificate(ulong view, ulong sequence) => new()
    {
        Phase = Phase.Prepared,
        Epoch = 5,
        View = view,
        Sequence = sequence,
        BlockHash = Hash256.Of([4]),
        Votes = [.. Enumerable.Range(0, 3).Select(i => new CertificateVote(i, new byte[Limits.SignatureBytes]))],
    };

    private static Block Block(ulong sequence, Hash256 next) =>
        BlockCodec.Seal(5, sequence, Hash256.Of([5]), 99, 7, Hash256.Of([2]), next, new LaneTip[4]);

    private static Signed Vote(MessageKind kind, ulong view, Block block) => new(new SignedHeader(kind, 1, 5, view, block.Sequence, block.Hash), []);
}
