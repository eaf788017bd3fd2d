using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>What operators are asked to sign after a fork (rules R1 to R3).</summary>
public sealed class ForkChoiceTests
{
    private static readonly EpochConfiguration Zero = new ChainSamples().Epoch;

    // Protects the default choice: a later epoch before length, length before weight, weight before hash, and who is behind in a
    // branch reports none of its own.
    [Fact]
    public void Branches_are_ordered_by_epoch_length_weight_and_hash()
    {
        ForkBranch shared = Report("shared", Chain(3));
        ForkBranch longer = Report("longer", Chain(3, 1, 1, 1)), behind = Report("behind", Chain(3, 1));
        ForkBranch shorter = Report("shorter", Chain(3, 2, 2)), heavier = Report("heavier", Chain(3, 3, 3), signers: 4);
        ForkBranch later = Report("later", Chain(3, 4), ended: true);
        ForkBranch[] branches = ForkChoice.Branches([shared, shorter, behind, later, heavier, longer]);
        Assert.Equal(["later", "longer", "heavier", "shorter"], branches.Select(b => b.Name));
        ForkBranch[] equal = ForkChoice.Branches([Report("a", Chain(3, 5)), Report("b", Chain(3, 6))]);
        Assert.True(string.CompareOrdinal(equal[0].Head.Hash.ToString(), equal[1].Head.Hash.ToString()) < 0);
    }

    // Protects: what is signed names the last common block and what goes on after it, and its block orders nothing, states all
    // and
    // ends the epoch; files of it are read back as written.
    [Fact]
    public void A_proposal_names_where_branches_part_and_ends_the_epoch()
    {
        Block[] goesOn = Chain(3, 1, 1), other = Chain(3, 2);
        ForkBranch[] branches = ForkChoice.Branches([Report("b", other), Report("a", goesOn)]);
        Assert.Equal(ForkRefusal.None, ForkChoice.Propose(branches, 0, out ForkProposal? proposal));
        Assert.NotNull(proposal);
        Assert.Equal([new(3, goesOn[3].Hash), new(4, goesOn[4].Hash), new BranchHead(5, goesOn[5].Hash)], proposal.Points);
        Assert.Equal((3ul, goesOn[3].Hash), (proposal.AgreedSequence, proposal.AgreedHash));
        Assert.Equal([new BranchHead(4, other[4].Hash)], proposal.Abandoned);
        Block last = proposal.Last;
        Assert.Equal((6ul, goesOn[5].Hash, 5ul), (last.Sequence, last.Parent, last.ExecutedSequence));
        Assert.True(last.EndsEpoch && last.Cut.SequenceEqual(goesOn[5].Cut));
        Assert.Equal(GenesisCodec.CommitteeDigest(1, Zero.Members), last.NextCommittee);
        // A change that is pending there takes effect with it.
        EpochConfiguration changed = Zero with { Pending = new PendingCommittee(4, Zero.Members[..3]) };
        Block ends = ForkChoice.LastBlock(goesOn[5], Hash256.Of([2]), changed);
        Assert.Equal(GenesisCodec.CommitteeDigest(1, Zero.Members[..3]), ends.NextCommittee);
        ForkRecovery recovery = new(proposal, [Vote(1)], [Vote(0), Vote(2)]);
        byte[] bytes = ForkRecoveryCodec.Encode(recovery);
        Assert.True(ForkRecoveryCodec.TryRead(bytes, out ForkRecovery? read, out _));
        Assert.Equal(bytes, ForkRecoveryCodec.Encode(read));
        Assert.Equal(ForkRecoveryCodec.Digest(proposal), ForkRecoveryCodec.Digest(read.Proposal));
        Assert.True(read.Certificate.Proves(last));
        Assert.Equal([0, 2], read.Certificate.Votes.Select(v => v.Sender));
        for (int cut = 1; cut < bytes.Length; cut += 97)
        {
            Assert.False(ForkRecoveryCodec.TryRead(bytes[..cut], out _, out _));
        }

        byte[] report = ForkBranchCodec.Encode(branches[0]);
        Assert.True(ForkBranchCodec.TryRead(report, out ForkBranch? reported, out _));
        Assert.Equal(report, ForkBranchCodec.Encode(reported));
    }

    // Protects: no proposal where there is no fork, none that cannot say where it began, and none whose next epoch another branch
    // has already been in.
    [Fact]
    public void A_proposal_is_refused_where_it_would_harm()
    {
        ForkBranch one = Report("one", Chain(3, 1)), two = Report("two", Chain(3, 2)),
            later = Report("later", Chain(3, 3), ended: true);
        Assert.Equal(ForkRefusal.OneBranch, ForkChoice.Propose([one], 0, out _));
        Assert.Equal(ForkRefusal.SeveralBranches, ForkChoice.Propose([one, two], 0, out _, votesLost: true));
        Assert.Equal(ForkRefusal.NoCommonBlock, ForkChoice.Propose([Report("late", Chain(3, 1), from: 4), two], 0, out _));
        Assert.Equal(ForkRefusal.LaterEpoch, ForkChoice.Propose([later, one], 1, out _));
        Assert.Equal(ForkRefusal.None, ForkChoice.Propose([later, one], 0, out ForkProposal? proposal));
        Assert.Equal(1ul, proposal!.Last.Epoch);
        Assert.Equal(ForkRefusal.TooMany,
            ForkChoice.Propose([.. Enumerable.Repeat(one, 1 + ForkRecoveryCodec.MostAbandoned).Prepend(two)], 0, out _));
    }

    // Protects a chain whose votes are all lost: its one branch ends with its newest block, nothing is abandoned, the file says
    // so, and only a ledger that ends there or before it fits.
    [Fact]
    public void Lost_votes_end_the_epoch_of_the_one_branch()
    {
        Block[] chain = Chain(3, 1, 1);
        ForkBranch one = Report("one", chain);
        Assert.Equal(ForkRefusal.None, ForkChoice.Propose([one], 0, out ForkProposal? proposal, votesLost: true));
        Assert.Equal([new BranchHead(one.Head.Sequence, one.Head.Hash)], proposal!.Points);
        Assert.Empty(proposal.Abandoned);
        Assert.True(proposal.Last.EndsEpoch);
        byte[] file = ForkRecoveryCodec.Encode(new ForkRecovery(proposal, [], []));
        Assert.True(ForkRecoveryCodec.TryRead(file, out ForkRecovery? read, out _));
        Assert.Equal(ForkRecoveryCodec.Digest(proposal), ForkRecoveryCodec.Digest(read.Proposal));
        ulong head = one.Head.Sequence;
        ForkSide SideOf(ulong final) => ForkChoice.SideOf(proposal, 0, final, final, sequence => one.HashAt(sequence));
        Assert.Equal((ForkSide.Follows, ForkSide.Follows, ForkSide.Ahead), (SideOf(head - 1), SideOf(head), SideOf(head + 1)));
        // Who is behind, or there, and knows a later block to be final, would sign it away.
        Assert.All([head - 1, head], final => Assert.Equal(
            ForkSide.Ahead, ForkChoice.SideOf(proposal, 0, final, head + 2, sequence => one.HashAt(sequence))));
    }

    // Protects a validator from signing, or taking back, what does not fit its ledger.
    [Fact]
    public void A_ledger_knows_its_side()
    {
        Block[] goesOn = Chain(3, 1, 1), other = Chain(3, 2), elsewhere = Chain(2, 7, 7);
        ForkChoice.Propose([Report("a", goesOn), Report("b", other)], 0, out ForkProposal? proposal);
        Assert.Equal(ForkSide.Follows, Side(goesOn));
        Assert.Equal(ForkSide.Follows, Side(goesOn[..5]));
        Assert.Equal(ForkSide.Follows, Side(goesOn[..4]));
        Assert.Equal(ForkSide.Follows, Side(goesOn[..2]));
        Assert.Equal(ForkSide.Abandoned, Side(other));
        Assert.Equal(ForkSide.LaterEpoch, Side(other, epoch: 1));
        Assert.Equal(ForkSide.Unknown, Side(elsewhere));
        Assert.Equal(ForkSide.Ahead, Side([.. goesOn, ChainSamples.Child(goesOn[^1])]));
        Assert.Equal(ForkSide.Ahead, Side(goesOn, certified: 6));
        Assert.Equal(ForkSide.Follows, Side([.. goesOn, proposal!.Last], epoch: 1));

        ForkSide Side(Block[] chain, ulong epoch = 0, ulong certified = 0) =>
            ForkChoice.SideOf(proposal!, epoch, chain[^1].Sequence, certified, sequence => chain[sequence].Hash);
    }

    // Protects what was final where more than two branches part, at different blocks: each ledger finds its own.
    [Fact]
    public void Branches_may_part_at_different_blocks()
    {
        Block[] goesOn = Chain(2, 1, 1, 1), early = Chain(2, 2, 2),
            late = [.. goesOn[..5], ChainSamples.Child(goesOn[4], later: 9)];
        ForkBranch[] branches = ForkChoice.Branches([Report("a", goesOn), Report("b", early), Report("c", late, signers: 1)]);
        Assert.Equal(ForkRefusal.None, ForkChoice.Propose(branches, 0, out ForkProposal? proposal));
        Assert.Equal([2ul, 3, 4, 5], proposal!.Points.Select(p => p.Sequence));
        foreach (Block[] chain in (Block[][])[early, late])
        {
            ForkSide side = ForkChoice.SideOf(proposal, 0, chain[^1].Sequence, 0, sequence => chain[sequence].Hash);
            Assert.Equal(ForkSide.Abandoned, side);
        }

        Assert.True(proposal.Abandons(5, late[5].Hash) && !proposal.Abandons(4, late[4].Hash)
            && proposal.Abandons(3, early[3].Hash));
        Assert.False(proposal.Abandons(1, Hash256.Of([7])));
        // Where only what lies before the fork is gone, the side is still known; where all is, it is not.
        Assert.Equal(ForkSide.Abandoned, ForkChoice.SideOf(proposal, 0, 5, 0, s => s < 4 ? default : late[s].Hash));
        Assert.Equal(ForkSide.Unknown, ForkChoice.SideOf(proposal, 0, 5, 0, _ => default));
    }

    // Protects finality from operators' votes on anything but an epoch's last block, and from a view in such a certificate.
    [Fact]
    public void A_recovered_certificate_proves_an_epochs_last_block_alone()
    {
        Block[] chain = Chain(2);
        Block last = ChainSamples.Child(chain[^1], next: Hash256.Of([9]));
        Assert.True(Certify(last, Phase.Recovered, 3).Proves(last));
        Assert.False(Certify(chain[^1], Phase.Recovered, 4).Proves(chain[^1]));
        byte[] bytes = new byte[CertificateCodec.EncodedSize(Certify(last, Phase.Recovered, 3))];
        CertificateCodec.Write(Certify(last, Phase.Recovered, 3), bytes);
        Assert.True(CertificateCodec.TryRead(bytes, 4, out _, out _));
        CertificateCodec.Write(Certify(last, Phase.Recovered, 3, view: 1), bytes);
        Assert.False(CertificateCodec.TryRead(bytes, 4, out _, out _));
    }

    /// <summary>Files of operators, for others who read them.</summary>
    internal static byte[][] Files()
    {
        ForkBranch one = Report("one", Chain(3, 1)), two = Report("two", Chain(3, 2));
        ForkChoice.Propose([one, two], 0, out ForkProposal? proposal);
        return [ForkBranchCodec.Encode(one), ForkRecoveryCodec.Encode(new ForkRecovery(proposal!, [Vote(1)], [Vote(1)]))];
    }

    private static CertificateVote Vote(int sender) => new(sender, new byte[Limits.SignatureBytes]);

    private static Certificate Certify(Block block, Phase phase, int signers, ulong view = 0) => new()
    {
        Phase = phase,
        Epoch = block.Epoch,
        View = view,
        Sequence = block.Sequence,
        BlockHash = block.Hash,
        Votes = [.. Enumerable.Range(0, signers).Select(Vote)],
    };

    /// <summary>
    /// By sequence: some blocks that all have, then one for each mark, which makes it another one than others'.
    /// </summary>
    private static Block[] Chain(int shared, params int[] marks)
    {
        List<Block> chain = [Zero.Start];
        for (int i = 0; i < shared; i++)
        {
            chain.Add(ChainSamples.Child(chain[^1]));
        }

        foreach (int mark in marks)
        {
            chain.Add(ChainSamples.Child(chain[^1], later: 1 + (ulong)mark));
        }

        return [.. chain];
    }

    /// <param name="ended">Its newest block ended the epoch.</param>
    /// <param name="from">The first block that it reports.</param>
    private static ForkBranch Report(string name, Block[] chain, int signers = 3, bool ended = false, int from = 0)
    {
        Block head = chain[^1];
        EpochConfiguration epoch = Zero;
        if (ended)
        {
            head = chain[^1] = ChainSamples.Child(chain[^2], next: GenesisCodec.CommitteeDigest(1, Zero.Members));
            epoch = EpochConfiguration.After(head, Zero.Members);
        }

        return new ForkBranch
        {
            ChainId = Hash256.Of([1]),
            Name = name,
            Epoch = epoch,
            Head = head,
            Root = Hash256.Of([2]),
            Certificate = Certify(head, Phase.Committed, signers),
            Weight = (ulong)signers,
            Hashes = [.. chain[from..].Select(b => b.Hash)],
            Epochs = [(0, 0)],
        };
    }
}
