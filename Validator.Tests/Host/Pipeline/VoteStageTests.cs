using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;
using Validator.Net;
using Validator.Net.Buffers;
using Validator.Net.Rings;
using Validator.Tests.Host.Node;
using OwnRecord = Validator.Core.Shell.OwnRecord<Validator.Host.Pipeline.OwnPayload>;

namespace Validator.Tests.Host.Pipeline;

public class VoteStageTests
{
    /// <summary>Protects the promise behind every vote: what could not be made durable never leaves, and the node ends.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("No space left on device")]
    public void Only_durable_votes_leave(string? failure)
    {
        MemoryStores.Votes store = new() { Failure = failure };
        PartsTests.Faults faults = new();
        using Parker network = new();
        Outbox outbox = new(64, 4, 1 << 20, network);
        FrameSender sender = new(outbox, new PinnedBufferPool(8 << 20, 1 << 20));
        Topology topology = new(cores: 4);
        SpscRing<Input> toCore = topology.VotesToCore.Ring;
        VoteStage thread = new(store, sender, new NodeMetrics(), topology, faults);
        for (ulong number = 1; number <= 3; number++)
        {
            SignedHeader header = new(MessageKind.Commit, 0, 0, 0, number, Hash256.Of([1]));
            OwnRecord record = OwnRecord.Vote(header);
            record.Sign(new byte[Limits.SignatureBytes]);
            Assert.True(topology.SignerToVotes.Ring.TryEnqueue(record));
        }

        thread.Loop.Start(faults);
        Assert.True(SpinWait.SpinUntil(() => faults.Faulted || toCore.Count == 3, TimeSpan.FromSeconds(10)));
        Assert.True(thread.Loop.Stop(1000));
        Assert.Equal(1, store.Commits);
        Assert.Equal(failure is null ? 3 : 0, outbox.Ring.Count);
        Assert.Equal(failure is null ? 3 : 0, toCore.Count);
        Assert.Equal(failure is null ? null : ExitCodes.Store, faults.ExitCode);
        thread.Loop.Dispose();
    }
}
