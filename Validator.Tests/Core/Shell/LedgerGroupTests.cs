using Validator.Core.Shell;

namespace Validator.Tests.Core.Shell;

/// <summary>What goes in one synced write of the ledger, and what is acknowledged after which.</summary>
public sealed class LedgerGroupTests
{
    private sealed record Item(LedgerItemKind Kind, ulong Epoch = 0, bool Last = false, int Bytes = 10);

    private readonly record struct Entry(Item Item) : ILedgerItem
    {
        public LedgerItemKind Kind => Item.Kind;

        public ulong Epoch => Item.Epoch;

        public bool IsLastBlock => Item.Last;

        public int PayloadBytes => Item.Bytes;
    }

    private sealed class Ports : ILedgerPorts<Entry>
    {
        public Queue<Item> Waiting { get; } = [];

        public List<string> Done { get; } = [];

        public bool Fails { get; init; }

        public bool TryTake(out Entry item)
        {
            bool any = Waiting.TryDequeue(out Item? next);
            item = new Entry(next!);
            return any;
        }

        public void LetGo(in Entry item) => Done.Add("let go");

        public void Add(in Entry item) => Done.Add($"add {item.Kind}");

        public bool Sync(long payloadBytes)
        {
            Done.Add($"sync {payloadBytes}");
            return !Fails;
        }

        public void Announce(in Entry item) => Done.Add($"tell {item.Kind}");

        public void Install(in Entry item) => Done.Add("install");
    }

    private static (LedgerGroup<Entry> Group, Ports Ports) Make(bool fails, params Item[] waiting)
    {
        Ports ports = new() { Fails = fails };
        Array.ForEach(waiting, ports.Waiting.Enqueue);
        return (new LedgerGroup<Entry>(ports, 0), ports);
    }

    // Protects durability: nobody is told before the one sync, and nobody ever where it failed.
    [Theory]
    [InlineData(false, "add OwnVertex, add Final, sync 20, tell OwnVertex, tell Final")]
    [InlineData(true, "add OwnVertex, add Final, sync 20")]
    public void Whoever_waits_is_told_after_the_sync(bool fails, string done)
    {
        (LedgerGroup<Entry> group, Ports ports) = Make(fails, new(LedgerItemKind.OwnVertex), new(LedgerItemKind.Final));
        Assert.True(group.Gather());
        Assert.True(group.IsDue(0, hurries: false));
        Assert.Equal(!fails, group.Commit());
        Assert.Equal(done, string.Join(", ", ports.Done));
    }

    // Protects what an epoch's end looks through: all before it is committed, and nothing comes with it. A vertex of it that comes later is not stored.
    [Fact]
    public void The_end_of_an_epoch_is_a_write_of_its_own()
    {
        Item vertex = new(LedgerItemKind.Vertex);
        (LedgerGroup<Entry> group, Ports ports) = Make(false, vertex, new(LedgerItemKind.Final, Last: true), vertex, new(LedgerItemKind.Vertex, Epoch: 1));
        for (int i = 0; i < 3; i++)
        {
            group.Gather();
            Assert.True(group.IsDue(0, hurries: true));
            group.Commit();
        }

        Assert.Equal(
            "add Vertex, sync 10, tell Vertex, add Final, sync 10, tell Final, let go, add Vertex, sync 10, tell Vertex", string.Join(", ", ports.Done));
    }

    // Protects the sync rate: others' vertices wait for more of them, for no longer than they may, and with nothing else.
    [Fact]
    public void Vertices_of_others_linger()
    {
        (LedgerGroup<Entry> group, Ports ports) = Make(false, new Item(LedgerItemKind.Vertex));
        group.Gather();
        Assert.False(group.IsDue(100, hurries: false));
        Assert.Equal(100 + LedgerGroup<Entry>.LingerMicros, group.LingersUntil);
        Assert.True(group.IsDue(100, hurries: true));
        Assert.True(group.IsDue(group.LingersUntil, hurries: false));
        ports.Waiting.Enqueue(new(LedgerItemKind.OwnVertex));
        group.Gather();
        Assert.True(group.IsDue(101, hurries: false));
    }

    // Protects a snapshot's place: it goes in after all that was handed over before, and nothing is gathered behind it.
    [Fact]
    public void A_snapshot_closes_its_group()
    {
        (LedgerGroup<Entry> group, Ports ports) = Make(false, new(LedgerItemKind.Chunk), new(LedgerItemKind.Install), new(LedgerItemKind.Vertex));
        group.Gather();
        group.Gather();
        group.Commit();
        Assert.Equal("add Chunk, add Install, sync 20, tell Chunk, install", string.Join(", ", ports.Done));
        Assert.Single(ports.Waiting);
    }

    // Protects latency: a group is closed before one vertex waits long behind others.
    [Fact]
    public void A_group_is_bounded_by_bytes()
    {
        Item half = new(LedgerItemKind.Vertex, Bytes: (int)(LedgerGroup<Entry>.MostBytes / 2));
        (LedgerGroup<Entry> group, Ports ports) = Make(false, half, half, half);
        group.Gather();
        Assert.Equal(2, group.Items.Count);
        Assert.True(group.IsDue(0, hurries: false));
        Assert.Single(ports.Waiting);
    }
}
