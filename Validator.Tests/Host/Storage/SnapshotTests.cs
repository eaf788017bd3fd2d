using Validator.Core.Consensus;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Serving;
using Validator.Host.Storage;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Host.Storage;

public class SnapshotTests
{
    private const int Every = 100;

    /// <summary>
    /// Protects the way back of a validator that lost all: what a pruned ledger serves is proven and whole, survives a restart
    /// half fetched, and gives a ledger that goes on with the same state, and that prunes what it had before.
    /// </summary>
    [Fact]
    public void A_served_snapshot_is_installed_and_goes_on()
    {
        using TemporaryFolder folder = new();
        using RocksLedger server = Open(folder.File("server"));
        Executor executor = StoreSamples.NewExecutor();
        StoreSamples.Fill(server, 1950, new Random(5), Every, executor);
        while (server.Prune(new Retention(300, ulong.MaxValue), out _) > 0)
        {
        }

        SnapshotServer source = new(server, 32, StoreSamples.First.Members);
        SnapshotManifest manifest = AsSent(source.Manifest(0, 1, out _)!);
        Assert.Equal(1900u, manifest.Sequence);
        Assert.Null(source.Manifest(0, 1901, out _));
        Assert.Equal(48, (int)(manifest.Sequence - manifest.FirstRecord + 1));
        byte[] own;
        using (RocksLedger early = Open(folder.File("late")))
        {
            // A history of its own, which the snapshot leaves behind.
            own = StoreSamples.Fill(early, 30, new Random(5))[0];
            Stage(early, source, manifest, most: 3);
        }

        using RocksLedger late = Open(folder.File("late"));
        StagedSnapshot staged = late.Staged()!;
        Assert.Equal((manifest.Sequence, 3, 1), (staged.Manifest.Sequence, staged.Held.Count, staged.Lists.Count));
        Stage(late, source, manifest, most: int.MaxValue);
        Executor restored = StoreSamples.NewExecutor();
        Assert.True(late.Install(manifest, StoreSamples.First, restored, out _));
        Assert.Null(late.Staged());
        // What became final before it has no answer here, and says so.
        Assert.False(late.TryFindTransaction(Validator.Core.Wire.TransactionIds.Of([0, .. own]), out _));
        Assert.Null(late.NotIndexed);
        Assert.Equal(manifest.State.Root, restored.Root);
        Assert.Equal(EnvelopeSamples.Count, restored.Nonces.Count);
        Assert.Equal(restored.Nonces.Segment(0).ToArray(), late.Accounts());
        Assert.Equal(new ChainPosition(1901, manifest.State.NextIndex), late.FirstKept);
        FinalRecord last = late.LastFinal()!;
        Assert.Equal((manifest.Anchor.Hash, manifest.State.Root), (last.Block.Hash, last.Result.Root));
        while (late.Prune(new Retention(ulong.MaxValue, ulong.MaxValue), out _) > 0)
        {
        }

        GoOn(server, late, restored);
        Assert.Equal(executor.Root, restored.Root);
        Assert.DoesNotContain(late.VerticesAbove(0, 0, 0), hash => late.TryGetVertex(hash, out VertexHeader? v, out _, out _) && v.Height < 10);
        Assert.Null(late.FindBlock(StoreSamples.Block(1, Hash256.Zero).Hash));
    }

    /// <summary>Protects peers from damage here: a chunk that is not what its hash says is not sent.</summary>
    [Fact]
    public void Damaged_chunks_are_not_served()
    {
        using TemporaryFolder folder = new();
        using RocksLedger server = Open(folder.File("server"));
        StoreSamples.Fill(server, 150, new Random(6), Every);
        SnapshotServer source = new(server, 32, StoreSamples.First.Members);
        Hash256 list = source.Manifest(0, 1, out _)!.State.DedupDigest;
        byte[] hashes = source.Chunk(100, list)!;
        Hash256 segment = new(hashes);
        Assert.Equal(segment, Hash256.Of(source.Chunk(100, segment)!));
        Assert.Null(source.Chunk(100, Hash256.Of([1])));
        Assert.Null(source.Chunk(99, list));
        server.AddChunk(new SnapshotChunk(0, 100, segment, [1, 2, 3]));
        Assert.True(server.Commit(out _));
        Assert.Null(server.Staged());
    }

    /// <summary>The blocks behind the snapshot, as fetched one by one.</summary>
    private static void GoOn(RocksLedger from, RocksLedger to, Executor executor)
    {
        for (ulong sequence = executor.Sequence + 1; from.Final(sequence) is { } final; sequence++)
        {
            TransactionScratch scratch = new();
            HeldVertex[] order = [.. final.Order.Select(hash =>
            {
                Assert.True(from.TryGetVertex(hash, out VertexHeader? header, out byte[]? signature, out byte[]? payload));
                Assert.True(scratch.TryCompute(payload, (int)header.TransactionCount, out _, out _));
                return new HeldVertex(header, signature, payload, scratch.Ids.ToArray());
            })];
            ExecutionResult result = new();
            executor.Execute(final.Block, Array.ConvertAll(order, v => new OrderedVertex(v.Header, v.Body.Ids, v.Body.Payload)), result);
            to.AddFinal(new ExecutedBlock(final.Block, final.Certificate!, order, result));
            Assert.True(to.Commit(out _));
        }
    }

    private static void Stage(RocksLedger ledger, SnapshotServer source, SnapshotManifest manifest, int most)
    {
        ledger.AddManifest(manifest);
        Hash256[] hashes = [.. manifest.State.Parts.SelectMany(part =>
        {
            byte[] list = source.Chunk(manifest.Sequence, part)!;
            return list.Chunk(Hash256.Size).Select(h => new Hash256(h)).Prepend(part);
        })];
        foreach (Hash256 hash in hashes.Take(most))
        {
            ledger.AddChunk(new SnapshotChunk(0, manifest.Sequence, hash, source.Chunk(manifest.Sequence, hash)!));
        }

        Assert.True(ledger.Commit(out _));
    }

    /// <summary>Through its bytes, whose decoder checks how the parts prove one another.</summary>
    private static SnapshotManifest AsSent(SnapshotManifest manifest)
    {
        byte[] bytes = new byte[FrameCodec.EncodedSize(manifest)];
        FrameCodec.Write(manifest, bytes);
        Assert.True(FrameCodec.TryRead(bytes, StoreSamples.Members, out IMessage? frame, out DecodeError error), error.ToString());
        return (SnapshotManifest)frame;
    }

    private static RocksLedger Open(string path) => RocksLedger.Open(
        path, StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 4 << 20);
}
