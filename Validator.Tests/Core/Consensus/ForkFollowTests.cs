using Validator.Core.Consensus;
using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>
/// What a validator that knows the operators' word takes from those who show it the abandoned branch (rule R4). The simulator's
/// liars show it too, and it finds no harm in what these checks refuse, since others lie behind them; so each is tried alone.
/// </summary>
public sealed class ForkFollowTests
{
    private readonly Block[] _shared;
    private readonly Block[] _goesOn;
    private readonly Block[] _other;
    private readonly ForkRecovery _recovery;

    public ForkFollowTests()
    {
        ChainSamples samples = new();
        _shared = Grow(samples.Start, 3, later: 1);
        _goesOn = Grow(_shared[^1], 3, later: 2);
        _other = Grow(_shared[^1], 3, later: 3);
        BranchHead Point(Block block) => new(block.Sequence, block.Hash);
        _recovery = new ForkRecovery(
            new ForkProposal
            {
                ChainId = Hash256.Of([1]),
                AgreedEpoch = 0,
                Points = [Point(_shared[^1]), Point(_goesOn[0]), Point(_goesOn[^1])],
                HeadProof = ChainSamples.Certificate(_goesOn[^1]),
                CommitteeBefore = 4,
                Last = ChainSamples.Child(_goesOn[^1], next: GenesisCodec.CommitteeDigest(1, samples.Epoch.Members)),
                Abandoned = [Point(_other[^1])],
            },
            [], []);
    }

    // Protects from a wrong target: an answer whose next block is not the tip's child, be it of either branch, or the abandoned
    // branch's own, moves nothing, though its certificate is good and its height not named; the right one does.
    [Fact]
    public void An_answer_out_of_place_moves_nothing()
    {
        CoreParts core = new();
        core.Samples.Chain.Recover(new RecoveredState { Recovery = _recovery });
        core.Samples.Finalize(_shared);
        foreach (Block[] answer in (Block[][])[_other[1..2], _goesOn[1..2], _other[..2]])
        {
            Answer(answer);
            Assert.Equal(["Rejected"], core.Done.Cases);
            Assert.Null(core.Samples.Chain.Target);
            Assert.Null(core.Samples.Blocks.Find(answer[^1].Hash));
        }

        Answer(_goesOn[..2]);
        Assert.Equal(_goesOn[1].Hash, core.Samples.Chain.Target!.BlockHash);

        void Answer(Block[] blocks)
        {
            core.Fetcher.FinalBlocks(4, 2);
            core.At(0);
            core.Answers.OnFinalBlocks(new FinalBlocks(blocks, ChainSamples.Certificate(blocks[^1])), 2);
        }
    }

    // Protects from a state of the abandoned branch: no snapshot above the last common block is taken, neither offered nor from
    // an earlier life, since it shows no branch; one of that block is.
    [Fact]
    public void No_snapshot_above_the_common_block_is_taken()
    {
        ChainSamples samples = new();
        samples.Chain.Recover(new RecoveredState { Recovery = _recovery });
        samples.Finalize(_shared[..2]);
        EffectBuffer effects = new();
        Step step = new(0, 0, signs: true);
        PeerTable peers = new(samples.Epoch.Committee, 0);
        CatchUpDriver driver = new(samples.Epoch, samples.Chain, peers);
        driver.Recover(new RecoveredState { Staged = new StagedSnapshot(Snapshot(_other[0]), [], []) });
        Assert.False(driver.Active);
        step.Begin(Inputs.At(1), effects);
        foreach (int peer in (int[])[1, 2, 3])
        {
            peers.Up(peer, 0);
            driver.PeerUp(peer);
            driver.OnNotFound(new FetchRequest(FetchKind.FinalBlocks, 0, 0, 3, 1, Hash256.Zero), 100, peer, step);
        }

        foreach (Block offered in (Block[])[_other[0], _goesOn[0]])
        {
            Assert.Equal(["Rejected"], Offer(offered));
        }

        Assert.Equal(["StoreManifest"], Offer(_shared[^1]));

        List<string> Offer(Block block)
        {
            driver.Advance(step);
            int asked = EffectLog.Of(effects).Sent[^1].To;
            effects.Clear();
            step.Begin(Inputs.At(2), effects);
            driver.OnManifest(Snapshot(block), asked, step);
            List<string> done = EffectLog.Of(effects).Cases;
            effects.Clear();
            return done;
        }

        SnapshotManifest Snapshot(Block block)
        {
            StateRecord state = new(
                0, 0, 0, default, block.Hash, default, Hash256.Of([]), Hash256.Of([]),
                new CommitteeState(0, samples.Epoch.Members).Digest);
            return new SnapshotManifest(
                block.Sequence, [state], block, [ChainSamples.Child(block)], ChainSamples.Certificate(block));
        }
    }

    private static Block[] Grow(Block parent, int count, ulong later)
    {
        Block[] blocks = new Block[count];
        for (int i = 0; i < count; i++)
        {
            blocks[i] = parent = ChainSamples.Child(parent, later: later);
        }

        return blocks;
    }
}
