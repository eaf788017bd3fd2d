using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Consensus;

/// <summary>
/// Rule P5: while the Prepares of all make blocks final, a Commit waits for them and then for our next vote, and for neither of
/// them long. Member 1 of four, in view 0; blocks are ten milliseconds apart at least.
/// </summary>
public sealed class CommitRideTests
{
    private const long Interval = 10_000;

    private readonly CoreParts _core = new();

    // Protects the syncs of a block: the Commit is signed in the step of the next vote, and not before; its certificate went to
    // the vote store before the execution (rule E7), and goes there once.
    [Fact]
    public void A_Commit_rides_with_the_next_vote()
    {
        Block first = Accept(1_000);
        PrepareAll(first);
        Turn(1_000);
        Assert.Equal(["PersistPrepared", "Execute"], _core.Done.Cases);
        Assert.Equal(1_000 + (2 * Interval), _core.Voter.CommitDueMicros);

        Block second = _core.Propose();
        Turn(9_000);
        Assert.Equal(["PersistBlock", "Sign", "Sign"], _core.Done.Cases);
        Assert.Equal(
            [(MessageKind.Prepare, second.Hash), (MessageKind.Commit, first.Hash)],
            _core.Done.Signed.Select(header => (header.Kind, header.Digest)));
        Turn(9_001);
        Assert.Empty(_core.Done.Cases);
    }

    // Protects whoever lacks a Prepare: without another vote the Commit goes alone after two paces.
    [Fact]
    public void A_Commit_without_company_goes_alone()
    {
        Block block = Accept(1_000);
        PrepareAll(block);
        Turn(1_000);
        Turn(1_000 + (2 * Interval) - 1);
        Assert.Empty(_core.Done.Signed);
        Assert.Equal(1_000 + (2 * Interval), _core.Voter.CommitDueMicros);
        Turn(1_000 + (2 * Interval));
        Assert.Equal(["Sign"], _core.Done.Cases);
        Assert.Equal((MessageKind.Commit, block.Hash), (_core.Done.Signed[0].Kind, _core.Done.Signed[0].Digest));
        Assert.Equal(long.MaxValue, _core.Voter.CommitDueMicros);
    }

    // Protects finality where a member falls silent: after an interval the Commit goes without its Prepare, with the certificate
    // that it rests on; and once a block needed Commits, the next one's goes at once.
    [Fact]
    public void A_silent_member_is_not_waited_for_long()
    {
        Block first = Accept(1_000);
        PrepareAll(first);
        Turn(1_000);
        Block second = Accept(20_000);
        Prepare(second);
        Turn(20_000 + Interval - 1);
        Assert.Empty(_core.Done.Signed);
        Turn(20_000 + Interval);
        Assert.Equal(["PersistPrepared", "Sign"], _core.Done.Cases);
        Assert.Equal((MessageKind.Commit, second.Hash), (_core.Done.Signed[0].Kind, _core.Done.Signed[0].Digest));

        _core.Counter.OnSigned(ChainSamples.Signed(MessageKind.Commit, 1, 0, 2, second.Hash));
        _core.Vote(MessageKind.Commit, 0, second);
        _core.Vote(MessageKind.Commit, 2, second);
        Turn(31_000);
        Assert.Equal(Phase.Committed, _core.Samples.Chain.Certificate!.Phase);
        Block third = Accept(40_000);
        Prepare(third);
        Turn(40_001);
        Assert.Equal(["PersistPrepared", "Sign"], _core.Done.Cases);
    }

    // Protects rules E5, E6 and E9: an epoch's last block is final by Commits alone, so they do not wait.
    [Fact]
    public void An_epochs_last_block_is_committed_at_once()
    {
        Block first = Accept(1_000);
        PrepareAll(first);
        Turn(1_000);
        Block last = ChainSamples.Child(first, next: ChainSamples.Root(1));
        _core.At(20_000);
        _core.Propose(last);
        _core.Voter.Accept(_core.Slots.Find(0, 2)!, last);
        Prepare(last);
        Turn(20_001);
        Assert.Contains((MessageKind.Commit, last.Hash), _core.Done.Signed.Select(header => (header.Kind, header.Digest)));
    }

    private Block Accept(long micros)
    {
        _core.At(micros);
        Block block = _core.Propose();
        _core.Voter.TryPrepareAll();
        _core.Voter.TryCommitAll();
        return block;
    }

    /// <summary>Three of four.</summary>
    private void Prepare(Block block)
    {
        _core.Counter.OnSigned(ChainSamples.Signed(MessageKind.Prepare, 1, 0, block.Sequence, block.Hash));
        _core.Vote(MessageKind.Prepare, 2, block);
    }

    private void PrepareAll(Block block)
    {
        Prepare(block);
        _core.Vote(MessageKind.Prepare, 3, block);
    }

    /// <summary>As after each input.</summary>
    private void Turn(long micros)
    {
        _core.At(micros);
        _core.Voter.ForgetDue();
        _core.Finalizer.TryFinalize();
        _core.Voter.TryPrepareAll();
        _core.Voter.TryCommitAll();
    }
}
