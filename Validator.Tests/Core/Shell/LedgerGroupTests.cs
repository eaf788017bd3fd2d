using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Group = Validator.Core.Shell.LedgerGroup<
    Validator.Tests.Core.Shell.LedgerGroupTests.Held, Validator.Tests.Core.Shell.LedgerGroupTests.Executed, int>;
using Item = Validator.Core.Shell.LedgerItem<
    Validator.Tests.Core.Shell.LedgerGroupTests.Held, Validator.Tests.Core.Shell.LedgerGroupTests.Executed, int>;

namespace Validator.Tests.Core.Shell;

/// <summary>What goes in one synced write of the ledger, and what is acknowledged after which.</summary>
public sealed class LedgerGroupTests
{
    internal sealed record Held(VertexHeader Header) : IHeldVertex;

    internal sealed record Executed(Block Block) : IExecutedBlock;

    private sealed class Ports : ILedgerPorts<Held, Executed, int>, ILedgerWriter<Held, Executed, int>
    {
        public Queue<Item> Waiting { get; } = [];

        public List<string> Done { get; } = [];

        public bool Fails { get; init; }

        /// <summary>The process ends with this, where it is told.</summary>
        public string? Ends { get; init; }

        public bool Goes() => Ends is null || !Done.Contains(Ends);

        public bool TryTake(out Item item) => Waiting.TryDequeue(out item);

        public void Add(in Item item) => item.WriteTo(this);

        public bool Sync(long payloadBytes)
        {
            Done.Add($"sync {payloadBytes}");
            return !Fails;
        }

        public void WriteVertex(Held vertex) => Done.Add("vertex");

        public void WriteOwnVertex(Held vertex, in OwnRecord<int> own) => Done.Add("own");

        public void WriteExecuted(Executed executed) => Done.Add("executed");

        public void WriteManifest(SnapshotManifest manifest) => Done.Add("manifest");

        public void WriteChunk(SnapshotChunk chunk) => Done.Add("chunk");

        public void DropSnapshot() => Done.Add("drop");

        public void WriteEpochEnd(EpochEnd end) => Done.Add("end");

        public void VertexDurable(Held vertex) => Done.Add("tell vertex");

        public void OwnVertexDurable(Held vertex, in OwnRecord<int> own) => Done.Add($"tell own {own.Next} {own.Payload}");

        public void ExecutedDurable(Executed executed) => Done.Add("tell executed");

        public void ChunkDurable() => Done.Add("tell chunk");

        public void Install(SnapshotManifest manifest) => Done.Add("install");

        public void EpochEndDurable(EpochEnd end) => Done.Add("tell end");

        public void LetGo(Held vertex, int payload) => Done.Add($"let go {payload}");
    }

    private static readonly Block s_last = BlockOf(0, last: true);

    private static (Group Group, Ports Ports) Make(bool fails, params Item[] waiting) => Make(new Ports { Fails = fails }, waiting);

    private static (Group Group, Ports Ports) Make(Ports ports, params Item[] waiting)
    {
        Array.ForEach(waiting, ports.Waiting.Enqueue);
        return (new Group(ports, 0), ports);
    }

    private static VertexHeader HeaderOf(ulong epoch, int bytes) => VertexCodec.Seal(epoch, 0, 1, Hash256.Zero, new LaneTip[4], Hash256.Zero, (uint)bytes, 1);

    private static Item Vertex(ulong epoch = 0, int bytes = 10) => Item.Vertex(new Held(HeaderOf(epoch, bytes)));

    private static Item Own(ulong epoch = 0)
    {
        VertexHeader header = HeaderOf(epoch, 10);
        OwnRecord<int> own = OwnRecord<int>.OwnVertex(VertexCodec.HeaderToSign(header), header, 7);
        own.Sign([1]);
        return Item.OwnVertex(new Held(header), own);
    }

    private static Item Final(bool last = false) => Item.Executed(new Executed(BlockOf(0, last)));

    private static Block BlockOf(ulong epoch, bool last) =>
        BlockCodec.Seal(epoch, 1, Hash256.Zero, 1, 0, Hash256.Zero, last ? Hash256.Of([1]) : Hash256.Zero, new LaneTip[4]);

    private static Item Chunk() => Item.Chunk(new SnapshotChunk(0, 1, Hash256.Of([1]), [1]));

    private static string Told(Ports ports) => string.Join(", ", ports.Done);

    // Protects durability: nobody is told before the one sync, and nobody ever where it failed.
    [Theory]
    [InlineData(false, "own, executed, sync 10, tell own VoteStore 7, tell executed")]
    [InlineData(true, "own, executed, sync 10")]
    public void Whoever_waits_is_told_after_the_sync(bool fails, string done)
    {
        (Group group, Ports ports) = Make(fails, Own(), Final());
        Assert.True(group.Gather());
        Assert.True(group.IsDue(0, long.MaxValue));
        Assert.Equal(!fails, group.Commit());
        Assert.Equal(done, Told(ports));
    }

    // Protects whoever waits from a process that ends: nobody is told by it any more, and what nobody was told of is still there
    // to be failed.
    [Fact]
    public void A_process_that_ends_tells_nobody_more()
    {
        (Group group, Ports ports) = Make(new Ports { Ends = "tell own VoteStore 7" }, Own(), Final(), Chunk());
        Assert.True(group.Gather());
        Assert.False(group.Commit());
        Assert.Equal("own, executed, chunk, sync 10, tell own VoteStore 7", Told(ports));
        Assert.Equal(2, group.Items.Count);
        Assert.Throws<InvariantViolationException>(() => group.Commit());
    }

    // Protects what an epoch's end looks through: all before it is committed, and nothing comes with it. A vertex of it that
    // comes later is not stored, and its batch goes into another.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_end_of_an_epoch_is_a_write_of_its_own(bool passedBy)
    {
        Certificate certificate = new() { Phase = Phase.Committed, Epoch = 0, View = 0, Sequence = 1, BlockHash = s_last.Hash, Votes = [] };
        Item end = passedBy ? Item.EpochEnd(new EpochEnd(s_last, certificate, [])) : Final(last: true);
        string name = passedBy ? "end" : "executed";
        (Group group, Ports ports) = Make(false, Vertex(), end, Vertex(), Own(), Vertex(epoch: 1));
        for (int i = 0; i < 3; i++)
        {
            group.Gather();
            Assert.True(group.IsDue(0, 0));
            group.Commit();
        }

        Assert.Equal(
            $"vertex, sync 10, tell vertex, {name}, sync 0, tell {name}, let go 0, let go 7, vertex, sync 10, tell vertex", Told(ports));
    }

    // Protects the sync rate: others' vertices wait for more of them, for no longer than they may, and with nothing else; and not
    // into the time in which our next proposal waits for them.
    [Fact]
    public void Vertices_of_others_linger()
    {
        (Group group, Ports ports) = Make(false, Vertex());
        group.Gather();
        Assert.False(group.IsDue(100, long.MaxValue));
        Assert.Equal(100 + Group.LingerMicros, group.LingersUntil);
        Assert.False(group.IsDue(100, 101 + Group.LingerMicros));
        Assert.True(group.IsDue(100, 100 + Group.LingerMicros));
        Assert.True(group.IsDue(group.LingersUntil, long.MaxValue));
        ports.Waiting.Enqueue(Own());
        group.Gather();
        Assert.True(group.IsDue(101, long.MaxValue));
    }

    // Protects a snapshot's place: it goes in after all that was handed over before, and nothing is gathered behind it.
    [Fact]
    public void A_snapshot_closes_its_group()
    {
        StateRecord record = new(1, 1, 0, default, s_last.Hash, default, default, default, default);
        Certificate certificate = new() { Phase = Phase.Committed, Epoch = 0, View = 0, Sequence = 2, BlockHash = s_last.Hash, Votes = [] };
        SnapshotManifest manifest = new(1, [record], s_last, [], certificate, null);
        (Group group, Ports ports) = Make(false, Item.Manifest(manifest), Chunk(), Item.DropSnapshot(), Item.Install(manifest), Vertex());
        group.Gather();
        group.Gather();
        group.Commit();
        Assert.Equal("manifest, chunk, drop, sync 0, tell chunk, install", Told(ports));
        Assert.Single(ports.Waiting);
    }

    // Protects latency: a group is closed before one vertex waits long behind others.
    [Fact]
    public void A_group_is_bounded_by_bytes()
    {
        Item largest = Vertex(bytes: (int)(Group.MostBytes / 16));
        (Group group, Ports ports) = Make(false, [.. Enumerable.Repeat(largest, 17)]);
        group.Gather();
        Assert.Equal(16, group.Items.Count);
        Assert.True(group.IsDue(0, long.MaxValue));
        Assert.Single(ports.Waiting);
    }
}
