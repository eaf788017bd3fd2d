using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>
/// Rules P5, V3 and V4 of what all have prepared: final at once, listed by each ViewChange, and the base where it may be final.
/// Four equal members: F is 1, a quorum 3.
/// </summary>
public sealed class FastPathTests
{
    private readonly CoreParts _core = new();

    // Protects rule P5: a block is final when all four have prepared it, not when three have; and our Commit follows, for
    // those who do not see all four.
    [Fact]
    public void What_all_have_prepared_is_final()
    {
        Block block = _core.Propose();
        _core.Voter.TryPrepareAll();
        _core.Counter.OnSigned(ChainSamples.Signed(MessageKind.Prepare, 1, 0, 1, block.Hash));
        _core.Vote(MessageKind.Prepare, 2, block);
        _core.Finalizer.TryFinalize();
        Assert.Equal(0UL, _core.Samples.Chain.Sequence);
        _core.Vote(MessageKind.Prepare, 3, block);
        _core.At(1);
        _core.Finalizer.TryFinalize();
        Assert.Equal([block.Hash], _core.Done.Executed.Select(executed => executed.Hash));
        Certificate proof = _core.Samples.Chain.Certificate!;
        Assert.Equal((Phase.Prepared, 4), (proof.Phase, proof.Votes.Length));
        _core.Voter.TryCommitAll();
        Assert.Equal((MessageKind.Commit, block.Hash), (_core.Done.Signed[0].Kind, _core.Done.Signed[0].Digest));
    }

    // Protects rules E5 and E9, which rest on Commits: an epoch's last block is not final before them.
    [Fact]
    public void An_epochs_last_block_waits_for_Commits()
    {
        Block last = ChainSamples.Child(_core.Samples.Start, next: ChainSamples.Root(1));
        _core.Propose(last);
        PrepareAll(last);
        Assert.NotNull(_core.Slots.Find(0, 1)!.Prepared);
        Assert.Null(_core.Samples.Chain.Target);
    }

    // Protects whoever catches up: all members' Prepares prove final blocks to any peer, one fewer does not, nor do they prove an
    // epoch's last block.
    [Fact]
    public void All_Prepares_prove_final_blocks_to_a_peer()
    {
        Block block = ChainSamples.Child(_core.Samples.Start);
        Block last = ChainSamples.Child(_core.Samples.Start, next: ChainSamples.Root(1));
        Assert.Equal(DecodeError.None, Read(block, without: -1));
        Assert.Equal(DecodeError.ChainBroken, Read(block, without: 3));
        Assert.Equal(DecodeError.ChainBroken, Read(last, without: -1));

        _core.Certificates.TakeFinal(ChainSamples.Certificate(block, Phase.Prepared, without: -1), 2);
        Assert.Equal(block.Hash, _core.Samples.Chain.Target!.BlockHash);
        Assert.NotNull(_core.Prepared.HighestBelow(1));

        static DecodeError Read(Block of, int without)
        {
            FinalBlocks answer = new([of], ChainSamples.Certificate(of, Phase.Prepared, without: without));
            byte[] bytes = new byte[FinalBlocksCodec.EncodedSize(answer)];
            FinalBlocksCodec.Write(answer, bytes);
            FinalBlocksCodec.TryRead(bytes, 4, out _, out DecodeError error);
            return error;
        }
    }

    // Protects rule V3: a ViewChange lists the newest acceptance with its ancestors down to the final block, those too that were
    // jumped over, and they are stored with the vote; what is final is left out.
    [Fact]
    public void A_view_change_lists_what_was_accepted()
    {
        Block[] chain = _core.Samples.Grow(_core.Samples.Start, 3);
        _core.Slots.Open(0, 2).Note(ChainSamples.Certificate(chain[1], Phase.Prepared));
        _core.Propose(chain[2]);
        _core.Voter.TryPrepareAll();
        Assert.Equal(["PersistBlock", "PersistBlock", "PersistBlock", "Sign"], _core.Done.Cases);
        Assert.Equal(ListTo(chain, 0), _core.Acceptances.List());
        _core.Samples.Finalize(chain[0]);
        Enter(3);
        UnsignedViewChange change = Assert.Single(_core.Done.Bodies.OfType<UnsignedViewChange>());
        Assert.Equal(ListTo(chain[1..], 0), change.Claims.Accepted);
        _core.Samples.Finalize(chain[1], chain[2]);
        Assert.Equal(default, _core.Acceptances.List());
    }

    // Protects rule V3: where what is final rests on a certificate of that view or a later one, neither a claim nor the list
    // covers it, so no ViewChange is signed.
    [Fact]
    public void Nothing_is_stated_in_a_view_that_the_final_block_is_of()
    {
        Block block = _core.Samples.Grow(_core.Samples.Start, 1)[0];
        _core.Samples.Chain.Append(block, ChainSamples.Certificate(block, view: 3), orders: false);
        Enter(3);
        Assert.Empty(_core.Done.Bodies);
        Enter(4);
        Assert.Equal(4UL, Assert.Single(_core.Done.Bodies.OfType<UnsignedViewChange>()).Header.View);
    }

    // Protects rule V3 after a restart: the list is what it was, from the votes and bodies of the store; and without a body that
    // was written before its vote, nothing is signed any more.
    [Fact]
    public void A_restart_lists_the_same()
    {
        Block[] chain = _core.Samples.Grow(_core.Samples.Start, 3);
        RecoveredState state = new();
        state.Blocks.AddRange(chain);
        state.Signed.Add((ChainSamples.Signed(MessageKind.Prepare, 1, 1, 3, chain[2].Hash), null, null, null));
        state.Signed.Add((ChainSamples.Signed(MessageKind.Prepare, 1, 0, 2, ChainSamples.Root(1)), null, null, null));
        (SignedHeader vote, Block? body) = state.NewestAcceptance()!.Value;
        _core.Acceptances.Recover(vote.View, body, default);
        Assert.Equal(new Acceptances(1, [.. chain.Select(block => new Acceptance(1, block.Hash))]), _core.Acceptances.List());

        state.Blocks.Clear();
        Genesis genesis = _core.Samples.Genesis;
        ValidatorCore core = new(genesis, _core.Samples.Epoch, 1, new CoreSettings(), state);
        Assert.False(core.Signs);
    }

    // Protects rule V4's weighing: of four ViewChanges three must list a block, of three two; the view is the highest that still
    // weighs enough, so one liar neither makes a candidate nor raises its view.
    [Fact]
    public void Candidates_have_an_honest_supporter()
    {
        Committee committee = _core.Samples.Epoch.Committee;
        Hash256 a = ChainSamples.Root(1), b = ChainSamples.Root(2);
        Assert.Equal([new Candidate(2, 5, a)], Of((0, List(2, 5, a)), (1, List(9, 5, a)), (2, default)));
        Assert.Empty(Of((0, List(2, 5, a)), (1, List(9, 5, b)), (2, default)));
        Assert.Empty(Of((0, List(2, 5, a)), (1, List(9, 5, a)), (2, default), (3, default)));
        Assert.Equal(
            [new Candidate(1, 5, a)], Of((0, List(2, 5, a)), (1, List(9, 5, a)), (2, List(1, 5, a)), (3, List(0, 5, b))));
        Assert.Equal(
            [new Candidate(4, 6, b), new Candidate(3, 5, a)],
            Of((0, List(4, 5, a, b)), (1, List(4, 6, b)), (3, List(3, 5, a))));

        List<Candidate> Of(params (int Sender, Acceptances Accepted)[] changes) =>
            Candidates.Of([.. changes.Select(c => SummaryOf(c.Sender, c.Accepted))], committee);
    }

    // Protects what may be final without Commits, and what is with them (rule V4): accepted blocks go over a certificate that
    // they extend, of the same view too; over one apart from them only where they are of a later view. Chain b forks from a at
    // the start.
    [Theory]
    [InlineData("a1@0", "a3@0", "a3")]
    [InlineData("a1@1", "a3@0", "a1")]
    [InlineData("a3@0", "a1@5", "a3")]
    [InlineData("b1@0", "a2@1", "a2")]
    [InlineData("b1@1", "a2@1", "b1")]
    [InlineData("b3@0", "a1@1", "a1")]
    [InlineData(null, "a2@0", "a2")]
    [InlineData("a2@0", null, "a2")]
    public void Accepted_blocks_go_over_lower_certificates(string? certified, string? accepted, string expected)
    {
        Dictionary<char, Block[]> chains = Chains();
        Begin(
            certified is null ? null : ChainSamples.Certificate(Named(certified), Phase.Prepared, view: ViewIn(certified)),
            accepted is null ? default : ListTo(chains[accepted[0]][..(accepted[1] - '0')], ViewIn(accepted)));
        _core.BaseChooser.TryChoose();
        Assert.True(_core.View.BaseIsChosen);
        Assert.Equal(Named(expected).Hash, _core.View.Base.BlockHash);
        Assert.True(_core.View.VotesBase);
        Assert.True(_core.View.Allows(Named(expected), null, out bool isBase) && isBase);

        Block Named(string name) => chains[name[0]][name[1] - '1'];
        static ulong ViewIn(string name) => (ulong)(name[3] - '0');
    }

    // Protects rule V4 from lists: who descends from whom is seen from bodies, so the first vote waits for the one that is
    // missing, and asks for it; a list of one liar makes nobody wait.
    [Fact]
    public void The_base_waits_for_the_bodies_that_tell()
    {
        Block[] chain = Chains()['a'];
        Block third = ChainSamples.Child(ChainSamples.Child(chain[1], later: 3));
        Begin(ChainSamples.Certificate(chain[0], Phase.Prepared), ListTo([.. chain[..3], third], 0), 3);
        _core.At(20);
        _core.BaseChooser.TryChoose();
        Assert.True(_core.View.AwaitsBase);
        Assert.False(_core.View.VotesBase);
        Assert.Equal((2, third.Hash), (_core.Done.Sent[0].To, ((FetchRequest)_core.Done.Sent[0].Message).Hash));
        _core.Samples.Blocks.Remember(third);
        _core.Samples.Blocks.Remember(ChainSamples.Child(chain[1], later: 3));
        _core.BaseChooser.TryChoose();
        Assert.Equal(third.Hash, _core.View.Base.BlockHash);

        CoreParts other = new();
        Begin(other, ChainSamples.Certificate(chain[0], Phase.Prepared), ListTo([third], 0), 1);
        other.BaseChooser.TryChoose();
        Assert.Equal(chain[0].Hash, other.View.Base.BlockHash);
    }

    // Protects rule V4 where what is final here is of this very view, as another NewView of its leader led to it: a candidate
    // beside the final chain is not judged by it, and nothing rests on the base any more.
    [Fact]
    public void What_this_view_made_final_leaves_no_base()
    {
        Dictionary<char, Block[]> chains = Chains();
        _core.Samples.Chain.Append(chains['b'][0], ChainSamples.Certificate(chains['b'][0], view: 6), orders: false);
        Begin(null, ListTo(chains['a'], 0));
        _core.BaseChooser.TryChoose();
        Assert.True(_core.View.AwaitsBase);
        Assert.False(_core.View.Allows(chains['b'][1], null, out _));
    }

    // Protects rule V3 after a restart, when the final block is the executed one: what became final without our vote is stored as
    // well, so the list has no gap; and its proof, where no Commit of ours does that (rule E7).
    [Fact]
    public void What_became_final_without_our_vote_is_stored()
    {
        Block[] chain = _core.Samples.Grow(_core.Samples.Start, 2);
        _core.Certificates.OnAllPrepared(ChainSamples.Certificate(chain[1], Phase.Prepared, without: -1));
        _core.Finalizer.TryFinalize();
        Assert.Equal(["PersistBlock", "Execute", "PersistBlock", "PersistPrepared", "Execute"], _core.Done.Cases);
    }

    // Protects lost votes (rule E9): what more weight than all but a quorum's states to have accepted is listed by whoever begins
    // anew, each block with the view that so many state; what one alone states is not.
    [Fact]
    public void Lost_acceptances_are_stated_by_others()
    {
        Hash256 a = ChainSamples.Root(1), b = ChainSamples.Root(2);
        OwnAcceptances acceptances = new(_core.Samples.Chain, _core.Samples.Blocks);
        acceptances.Recover(0, null, new Acceptances(1, [new Acceptance(2, a), default, new Acceptance(4, b)]));
        Assert.Equal(3, acceptances.List().Entries.Length);
        _core.Samples.Finalize(_core.Samples.Grow(_core.Samples.Start, 1));
        Assert.Equal(new Acceptances(3, [new Acceptance(4, b)]), acceptances.List());
    }

    private static ViewChangeSummary SummaryOf(int sender, in Acceptances accepted) =>
        new(sender, new Claims(default, default, accepted), [1]);

    private static Acceptances List(ulong view, ulong first, params Hash256[] hashes) =>
        new(first, [.. hashes.Select(hash => new Acceptance(view, hash))]);

    private static Acceptances ListTo(Block[] chain, ulong view) =>
        List(view, chain[0].Sequence, [.. chain.Select(block => block.Hash)]);

    /// <summary>Two of three blocks each, from the start.</summary>
    private Dictionary<char, Block[]> Chains()
    {
        Block fork = ChainSamples.Child(_core.Samples.Start, later: 7);
        _core.Samples.Blocks.Remember(fork);
        return new() { ['a'] = _core.Samples.Grow(_core.Samples.Start, 3), ['b'] = [fork, .. _core.Samples.Grow(fork, 2)] };
    }

    private void PrepareAll(Block block)
    {
        _core.Voter.TryPrepareAll();
        _core.Counter.OnSigned(ChainSamples.Signed(MessageKind.Prepare, 1, 0, block.Sequence, block.Hash));
        _core.Vote(MessageKind.Prepare, 2, block);
        _core.Vote(MessageKind.Prepare, 3, block);
    }

    private void Enter(ulong view)
    {
        _core.At((long)view);
        foreach (int member in (int[])[0, 2, 3])
        {
            _core.Changer.OnStop(ChainSamples.Signed(MessageKind.Stop, member, view, 0, Hash256.Zero), member);
        }
    }

    private void Begin(Certificate? prepared, Acceptances accepted, int listing = 2) => Begin(_core, prepared, accepted, listing);

    /// <summary>Into view 6, which member 2 leads, by three ViewChanges, of which so many list that.</summary>
    private static void Begin(CoreParts core, Certificate? prepared, Acceptances accepted, int listing)
    {
        NewView newView = new()
        {
            Signed = ChainSamples.Signed(MessageKind.NewView, 2, 6, 0, ChainSamples.Root(1)),
            ViewChanges = [.. new[] { 0, 2, 3 }.Select((from, place) => SummaryOf(from, place < listing ? accepted : default))],
            Prepared = prepared,
        };
        core.NewViews.OnNewView(newView, 2);
    }
}
