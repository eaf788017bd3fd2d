using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>
/// Rule S2: who prepares a block has executed what it states, and a level is reached where enough weight has. Four equal members:
/// 67 and 75 % are three of them, 82 % are all.
/// </summary>
public sealed class StrongFinalityTests
{
    private readonly CoreParts _core = new();

    // Protects rule S2: a quorum's Prepares of a block that states an execution make that one strong, each member counting once
    // however many blocks it prepares; the fourth makes it stronger.
    [Fact]
    public void Each_member_counts_once()
    {
        Block[] chain = Chain(6);
        for (int i = 0; i < 6; i++)
        {
            Show(1, chain[i]);
        }

        Show(0, chain[..2]);
        Assert.Equal([], Told());
        Show(2, chain[..3]);
        Assert.Equal([(FinalityLevel.Strong67, 1UL), (FinalityLevel.Strong75, 1UL)], Told());
        Assert.Equal(0UL, _core.Strong.Reached(FinalityLevel.Strong82));
        Show(3, chain[..4]);
        Assert.Equal([(FinalityLevel.Strong67, 2UL), (FinalityLevel.Strong75, 2UL), (FinalityLevel.Strong82, 1UL)], Told());
    }

    // Protects rule S2 from bases: the first block that a member prepares in a view is voted for without a look at what it
    // states, and so are blocks of which it prepared none before in that view.
    [Fact]
    public void The_first_vote_of_a_view_shows_nothing()
    {
        Block[] chain = Chain(3);
        foreach (int member in (int[])[0, 1, 2, 3])
        {
            Note(member, 0, chain[2]);
            Note(member, 1, chain[2]);
        }

        Assert.Equal([], Told());
        foreach (int member in (int[])[0, 1, 2])
        {
            Note(member, 0, chain[1]);
            Note(member, 1, chain[1]);
            Assert.Equal([], Told());
            Note(member, 1, chain[2]);
        }

        Assert.Equal((FinalityLevel.Strong67, 2UL), Told()[0]);
    }

    // Protects rule S2: a block that states no more than its parent shows nothing, nor does a vote for another block than the
    // final one, nor one for a block that is not final.
    [Fact]
    public void Only_final_blocks_that_state_something_new_count()
    {
        Block first = ChainSamples.Child(_core.Samples.Start);
        Block second = ChainSamples.Child(first, executed: (1, ChainSamples.Root(1)));
        Block same = ChainSamples.Child(second);
        Finalize(first, second, same);
        Block next = ChainSamples.Child(same, executed: (3, ChainSamples.Root(3)));
        foreach (int member in (int[])[0, 1, 2, 3])
        {
            Show(member, first, ChainSamples.Child(first, later: 2, executed: (1, ChainSamples.Root(1))), same, next);
        }

        Assert.Equal([], Told());
        Finalize(next);
        foreach (int member in (int[])[0, 1, 2, 3])
        {
            Show(member, next);
        }

        Assert.Equal((FinalityLevel.Strong82, 3UL), Told()[^1]);
    }

    // Protects late votes: those that came before their block was final count when it is, and those whose slot is forgotten count
    // too, though they are refused as old.
    [Fact]
    public void Votes_count_before_and_after_their_block_is_final()
    {
        Block first = _core.Propose();
        Block second = ChainSamples.Child(first, executed: (1, ChainSamples.Root(1)));
        Block third = ChainSamples.Child(second);
        _core.Propose(second);
        _core.Propose(third);
        foreach (int member in (int[])[2, 3])
        {
            _core.Vote(MessageKind.Prepare, member, first);
        }

        _core.Vote(MessageKind.Prepare, 2, second);
        foreach (Block block in (Block[])[first, second, third])
        {
            _core.Certificates.TakeFinal(ChainSamples.Certificate(block), 2);
            _core.Finalizer.TryFinalize();
        }

        Assert.Equal(3UL, _core.Samples.Chain.Sequence);
        _core.At(1);
        Assert.Equal([], Told());
        _core.Vote(MessageKind.Prepare, 3, second);
        Assert.Equal(["Rejected"], _core.Done.Cases);
        Assert.Equal([(FinalityLevel.Strong67, 1UL), (FinalityLevel.Strong75, 1UL)], Told());
    }

    // Protects rule S2's premise: a block that is final here already is prepared once what it states is executed here, not
    // before.
    [Fact]
    public void Nothing_is_prepared_before_what_it_states_is_executed()
    {
        Block first = ChainSamples.Child(_core.Samples.Start);
        Block second = ChainSamples.Child(first, executed: (1, ChainSamples.Root(1)));
        Finalize(first, second);
        Assert.Equal(Lack.Execution, _core.Samples.Judge.Judge(second, isBase: false, wall: 0).Lack);
        Assert.Equal(Lack.Execution, _core.Samples.Judge.Judge(second, isBase: true, wall: 0).Lack);
        Assert.True(_core.Samples.Chain.Execute(1, ChainSamples.Root(1)));
        Assert.True(_core.Samples.Judge.Judge(second, isBase: true, wall: 0).IsGood);
    }

    // Protects the numbers: over random committees of 1 to 128, weights and votes each level is the highest sequence that its
    // share of the weight, by a plain reckoning, has shown; and no level asks for less than a quorum.
    [Fact]
    public void Levels_are_those_of_a_plain_reckoning()
    {
        Random random = new(18);
        for (int round = 0; round < 384; round++)
        {
            int spread = random.Next(3) == 0 ? 10_000 : 121;
            uint[] weights = [.. Enumerable.Range(0, 1 + (round % 128)).Select(_ => (uint)random.Next(80, spread))];
            if (Committee.Refusal(weights) is not null)
            {
                continue;
            }

            Committee committee = new(weights);
            ChainSamples samples = new();
            StrongFinality strong = new(committee, samples.Chain);
            ulong[] shown = new ulong[weights.Length];
            Block parent = samples.Start;
            for (int block = 0; block < 30; block++)
            {
                Block child = Stating(parent);
                samples.Finalize(child);
                strong.OnFinal(child, parent, null);
                for (int member = 0; member < weights.Length; member++)
                {
                    if (block == 0 || random.Next(3) > 0)
                    {
                        strong.Note(ChainSamples.Signed(MessageKind.Prepare, member, 0, child.Sequence, child.Hash).Header);
                        shown[member] = parent.Sequence;
                    }
                }

                parent = child;
                foreach ((FinalityLevel level, ulong percent) in new[] { (FinalityLevel.Strong67, 0UL), (FinalityLevel.Strong75, 75UL), (FinalityLevel.Strong82, 82UL) })
                {
                    ulong expected = shown.Prepend(0UL).Distinct().Where(s => IsEnough(s, percent)).Max();
                    Assert.Equal(expected, strong.Reached(level));
                }
            }

            bool IsEnough(ulong sequence, ulong percent)
            {
                ulong weight = weights.Zip(shown).Where(m => m.Second >= sequence).Aggregate(0UL, (sum, m) => sum + m.First);
                return sequence == 0 || (3 * weight > 2 * committee.Total && 100 * weight >= percent * committee.Total);
            }
        }
    }

    /// <summary>So many final blocks, each of which states the execution of the one before.</summary>
    private Block[] Chain(int count)
    {
        Block[] chain = new Block[count];
        Block parent = _core.Samples.Start;
        for (int i = 0; i < count; i++)
        {
            chain[i] = Stating(parent);
            Finalize(chain[i]);
            parent = chain[i];
        }

        return chain;
    }

    /// <summary>A child that states the execution of its parent; that of the start all know.</summary>
    private static Block Stating(Block parent) =>
        ChainSamples.Child(parent, executed: parent.Sequence == 0 ? null : (parent.Sequence, ChainSamples.Root((byte)parent.Sequence)));

    private void Finalize(params Block[] blocks)
    {
        foreach (Block block in blocks)
        {
            Block parent = _core.Samples.Chain.Tip;
            _core.Samples.Finalize(block);
            _core.Strong.OnFinal(block, parent, null);
        }
    }

    private void Show(int member, params Block[] blocks)
    {
        foreach (Block block in blocks)
        {
            Note(member, 0, block);
        }
    }

    private void Note(int member, ulong view, Block block) =>
        _core.Strong.Note(ChainSamples.Signed(MessageKind.Prepare, member, view, block.Sequence, block.Hash).Header);

    private (FinalityLevel Level, ulong Sequence)[] Told()
    {
        _core.At(9);
        _core.Strong.Tell(_core.Step);
        return [.. _core.Done.Levels];
    }
}
