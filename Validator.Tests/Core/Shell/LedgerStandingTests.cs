using Validator.Core.Effects;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Shell;

/// <summary>How far the ledger is, whose credit a batch spends, and what becomes of what comes too late.</summary>
public sealed class LedgerStandingTests
{
    private static readonly Genesis s_genesis = GenesisSamples.Four();
    private static readonly EpochConfiguration s_epoch = EpochConfiguration.First(s_genesis, GenesisCodec.ChainId(s_genesis));

    // Protects the state: blocks are executed one after the other, what ends an epoch takes it on, and Core is told of a pending
    // change alone.
    [Fact]
    public void The_ledger_goes_block_by_block_into_the_next_epoch()
    {
        LedgerStanding standing = new(s_epoch, 0, Hash256.Zero);
        EpochTrack track = new(s_epoch, 0);
        CommitteeState committee = new(0, s_genesis.Members);
        Block first = Child(s_epoch.Start), last = Child(first, GenesisCodec.CommitteeDigest(1, s_genesis.Members));
        Assert.Throws<InvariantViolationException>(() => standing.Execute(last, Hash256.Of([2]), null));
        Assert.Null(standing.Execute(first, Hash256.Of([1]), track.Execute(first, committee, standing.Epoch)).Change);
        Assert.Throws<InvariantViolationException>(() => standing.Execute(first, Hash256.Of([1]), null));
        Assert.Throws<InvariantViolationException>(() => standing.Execute(last, Hash256.Of([2]), null));
        committee.EndEpoch(last);
        Assert.Null(standing.Execute(last, Hash256.Of([2]), track.Execute(last, committee, standing.Epoch)).Change);
        Assert.Equal((1ul, last.Hash, 2ul), (standing.Epoch.Number, standing.Epoch.Start.Hash, standing.Executed));
        Assert.False(standing.IsBehind);
    }

    // Protects rule E6: who passed by an epoch executes nothing before the snapshot of the next is in place, and goes on right
    // above it.
    [Fact]
    public void An_epoch_passed_by_needs_a_snapshot()
    {
        LedgerStanding standing = new(s_epoch, 0, Hash256.Zero);
        EpochTrack track = new(s_epoch, 0);
        Block last = Child(Child(s_epoch.Start), GenesisCodec.CommitteeDigest(1, s_genesis.Members));
        standing.PassBy(new EpochEnd(last, CertificateOf(last), s_genesis.Members));
        Assert.Throws<InvariantViolationException>(() => standing.PassBy(new EpochEnd(last, CertificateOf(last), s_genesis.Members)));
        Assert.True(standing.IsBehind);
        Block above = Child(last, epoch: 1);
        Assert.Throws<InvariantViolationException>(() => standing.Execute(above, Hash256.Of([3]), null));

        PendingCommittee pending = new(above.Sequence, s_genesis.Members);
        StateRecord[] records = [new(above.Sequence, 1, 0, default, above.Hash, default, default, default, default)];
        SnapshotManifest manifest = new(above.Sequence, records, above, [Child(above, epoch: 1)], CertificateOf(above), pending);
        standing.Install(manifest);
        Assert.False(standing.IsBehind);
        Assert.Equal((above.Sequence, records[0].Root, pending), (standing.Executed, standing.Root, standing.Epoch.Pending));
        Assert.Throws<InvariantViolationException>(() => standing.Install(manifest));

        // The change that the snapshot brought is known; what was executed before it counts no more.
        Block next = Child(above, epoch: 1);
        CommitteeState committee = new(1, s_genesis.Members, pending);
        Assert.Null(track.Execute(next, committee, standing.Epoch));
        Assert.Null(standing.Execute(next, Hash256.Of([4]), null).Change);
    }

    // Protects Core from batches that it gave no credit for: one at a time, of its own epoch.
    [Fact]
    public void A_credit_is_spent_once_and_in_its_epoch()
    {
        BatchCredits credits = default(BatchCredits).Enter(5);
        Assert.False(credits.TrySpend(out _));
        credits = credits.Grant();
        Assert.Throws<InvariantViolationException>(() => credits.Grant());
        Assert.True(credits.TrySpend(out BatchCredits spent));
        Assert.False(spent.TrySpend(out _));
        Assert.True(spent.TryGiveBack(5, out BatchCredits back));
        Assert.Equal(credits, back);
        BatchCredits next = credits.Enter(6);
        Assert.Equal((6ul, 0u), (next.Epoch, next.Count));
        Assert.False(next.TryGiveBack(5, out BatchCredits same));
        Assert.Equal(next, same);
    }

    private static Block Child(Block parent, Hash256 next = default, ulong epoch = 0) =>
        BlockCodec.Seal(epoch, parent.Sequence + 1, parent.Hash, parent.TimestampMicros + 1, 0, Hash256.Zero, next, new LaneTip[4]);

    private static Certificate CertificateOf(Block block) =>
        new() { Phase = Phase.Committed, Epoch = block.Epoch, View = 0, Sequence = block.Sequence, BlockHash = block.Hash, Votes = [] };
}
