using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Execution;

public class ExecutorTests
{
    private static readonly Hash256 Start = Hash256.Of([1]);
    private static readonly Member[] Members = GenesisSamples.Four().Members;
    private static readonly Hash256 CommitteeDigest = GenesisCodec.CommitteeDigest(0, Members);

    // Verdicts, first indices, global indices and roots are those of a plain model, over windows that slide and segments
    // that wrap; a table seed changes nothing; a restarted executor goes on with the same roots.
    [Fact]
    public void Execution_equals_the_plain_model() => CodecPropertyTests.ForSeeds(40, seed =>
    {
        Random random = new(seed);
        uint window = new uint[] { 1, 2, 7, 100, 1023, 1024, 1025, 3000 }[random.Next(8)];
        int pool = (int)(random.Next(3) == 0 ? window / 2 : window * 3) + 2;
        Model model = new(window);
        Executor executor = new(window, Start, new CommitteeState(0, Members), (ulong)seed * 31);
        Hash256 parent = Start;
        ExecutionResult result = new();
        for (ulong sequence = 1; sequence <= 25; sequence++)
        {
            Block block = BlockCodec.Seal(0, sequence, parent, sequence, 0, Start, Hash256.Zero, new LaneTip[4]);
            OrderedVertex[] order = new OrderedVertex[random.Next(4)];
            for (int i = 0; i < order.Length; i++)
            {
                order[i] = Vertex(random, random.Next(600), pool);
            }

            executor.Execute(block, order, result);
            model.Execute(block, order);
            Assert.Equal(model.Verdicts, Enumerable.Range(0, model.Verdicts.Count).Select(result.IsAccepted));
            Assert.Equal(model.FirstIndices, result.Rejections.ToArray());
            Assert.Equal(model.Root, result.Root);
            Assert.Equal((ulong)model.Accepted.Count, executor.NextIndex);
            AssertRecordRoundTrips(result);
            parent = block.Hash;
            if (random.Next(5) == 0)
            {
                executor = Restart(executor, model, random);
            }
        }

        Hash256 probe = Id(random.Next(pool));
        Assert.Equal(model.TryFind(probe, out ulong expected), executor.TryFindIndex(probe, out ulong found));
        Assert.Equal(expected, found);
    });

    // Steady load costs no garbage: the executor runs once per block for ever.
    [Fact]
    public void Execution_does_not_allocate_once_grown()
    {
        Executor executor = new(5000, Start, new CommitteeState(0, Members));
        ExecutionResult result = new();
        Random random = new(1);
        Block[] blocks = new Block[60];
        OrderedVertex[][] orders = new OrderedVertex[60][];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = BlockCodec.Seal(0, (ulong)i + 1, Start, 1, 0, Start, Hash256.Zero, new LaneTip[4]);
            orders[i] = [Vertex(random, 500, 20_000)];
        }

        long before = 0;
        for (int i = 0; i < blocks.Length; i++)
        {
            before = i == 40 ? GC.GetAllocatedBytesForCurrentThread() : before;
            executor.Execute(blocks[i], orders[i], result);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    // Stored ids that cannot be what was executed stop a restart with a value, not with a wrong root later.
    [Fact]
    public void Damaged_window_is_refused()
    {
        Executor executor = new(100, Start, new CommitteeState(0, Members));
        Assert.Equal(0UL, executor.BeginRestore(5, Start, 3));
        byte[] twice = [.. Id(1).ToArray(), .. Id(1).ToArray()];
        Assert.False(executor.LoadIds(twice));
        executor.BeginRestore(5, Start, 3);
        Assert.False(executor.LoadIds(new byte[4 * 32]));
        Assert.False(executor.IsRestored);
        Assert.True(executor.LoadIds([.. twice[..32], .. Id(2).ToArray(), .. Id(3).ToArray()]));
        Assert.True(executor.IsRestored);
    }

    // A stored record that was cut or changed is refused, or is exactly its bytes.
    [Fact]
    public void Damaged_records_are_refused() => CodecPropertyTests.ForSeeds(100, seed =>
    {
        Random random = new(seed);
        Executor executor = new(50, Start, new CommitteeState(0, Members));
        ExecutionResult result = new();
        Block block = BlockCodec.Seal(0, 1, Start, 1, 0, Start, Hash256.Zero, new LaneTip[1]);
        executor.Execute(block, [Vertex(random, random.Next(40), 30)], result);
        byte[] record = Encode(result);
        Assert.False(ExecutionResultCodec.TryRead(record.AsSpan(0, random.Next(record.Length)), out _, out _));
        record[random.Next(record.Length)] ^= (byte)random.Next(1, 256);
        if (ExecutionResultCodec.TryRead(record, out ExecutionResult? read, out _))
        {
            Assert.Equal(record, Encode(read));
        }
    });

    private static Executor Restart(Executor old, Model model, Random random)
    {
        Executor executor = new(old.DedupWindowSize, Start, new CommitteeState(0, Members), (ulong)random.NextInt64());
        ulong first = executor.BeginRestore(old.Sequence, old.Root, old.NextIndex);
        Assert.Equal(DedupWindow.FirstNeeded(old.NextIndex, old.DedupWindowSize), first);
        Hash256[] needed = [.. model.Accepted.Skip((int)first)];
        int split = random.Next(needed.Length + 1);
        Assert.True(executor.LoadIds(Pack(needed[..split])));
        Assert.True(executor.LoadIds(Pack(needed[split..])));
        Assert.True(executor.IsRestored);
        return executor;
    }

    private static void AssertRecordRoundTrips(ExecutionResult result)
    {
        byte[] record = Encode(result);
        Assert.True(ExecutionResultCodec.TryRead(record, out ExecutionResult? read, out DecodeError error), error.ToString());
        Assert.Equal(record, Encode(read));
    }

    private static byte[] Encode(ExecutionResult result)
    {
        byte[] record = new byte[ExecutionResultCodec.EncodedSize(result)];
        Assert.Equal(record.Length, ExecutionResultCodec.Write(result, record));
        return record;
    }

    private static OrderedVertex Vertex(Random random, int count, int pool)
    {
        Hash256[] ids = new Hash256[count];
        for (int i = 0; i < count; i++)
        {
            ids[i] = Id(random.Next(pool));
        }

        VertexHeader header = VertexCodec.Seal(
            0, 0, 1, Hash256.Zero, new LaneTip[4], Start, (uint)count * 6, (uint)count);
        return new OrderedVertex(header, Pack(ids), new byte[count * 6]);
    }

    private static Hash256 Id(int number)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        return Hash256.Of(bytes);
    }

    private static byte[] Pack(Hash256[] ids) => [.. ids.SelectMany(id => id.ToArray())];

    /// <summary>The rules as plainly as they can be said; the digests from the whole history each time.</summary>
    private sealed class Model(uint window)
    {
        private readonly Dictionary<Hash256, ulong> _last = [];

        public List<Hash256> Accepted { get; } = [];
        public List<bool> Verdicts { get; } = [];
        public List<ulong> FirstIndices { get; } = [];
        public Hash256 Root { get; private set; } = Start;

        public bool TryFind(Hash256 id, out ulong index) =>
            _last.TryGetValue(id, out index) && index + window >= (ulong)Accepted.Count || (index = 0) != 0;

        public void Execute(Block block, OrderedVertex[] order)
        {
            Verdicts.Clear();
            FirstIndices.Clear();
            int first = Accepted.Count;
            foreach (OrderedVertex vertex in order)
            {
                for (int at = 0; at < vertex.Ids.Length; at += 32)
                {
                    Hash256 id = new(vertex.Ids.Span[at..]);
                    bool repeat = TryFind(id, out ulong index);
                    Verdicts.Add(!repeat);
                    if (repeat)
                    {
                        FirstIndices.Add(index);
                        continue;
                    }

                    _last[id] = (ulong)Accepted.Count;
                    Accepted.Add(id);
                }
            }

            byte[] numbers = new byte[16];
            BinaryPrimitives.WriteInt64LittleEndian(numbers, first);
            BinaryPrimitives.WriteInt32LittleEndian(numbers.AsSpan(8), Accepted.Count - first);
            BinaryPrimitives.WriteInt32LittleEndian(numbers.AsSpan(12), FirstIndices.Count);
            Hash256 ids = Hash256.Of(Pack([.. Accepted.Skip(first)]));
            Root = Hash256.Of((byte[])
            [
                0x14, 0, 0, 0, 0, 0, 0, 0, .. numbers, .. Root.ToArray(), .. block.Hash.ToArray(), .. ids.ToArray(),
                .. DedupDigest().ToArray(), .. Hash256.Of([]).ToArray(), .. CommitteeDigest.ToArray(),
            ]);
        }

        private Hash256 DedupDigest()
        {
            int start = (int)Math.Max(0, Accepted.Count - (long)window) / 1024 * 1024;
            return Hash256.Of((byte[])[.. Accepted.Skip(start).Chunk(1024).SelectMany(s => Hash256.Of(Pack(s)).ToArray())]);
        }
    }
}
