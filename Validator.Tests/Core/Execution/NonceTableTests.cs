using System.Buffers.Binary;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Tests.Core.Wire;

namespace Validator.Tests.Core.Execution;

public class NonceTableTests
{
    // The window, the digest and the list of changes are those of a plain model: sets of accepted nonces and one pass over all
    // records; what is loaded from records goes on with the same digest; a table seed changes nothing.
    [Fact]
    public void Nonces_equal_the_plain_model() => CodecPropertyTests.ForSeeds(60, seed =>
    {
        Random random = new(seed);
        int capacity = new[] { 1, 5, 127, 128, 129, 700 }[random.Next(6)];
        int pool = capacity + random.Next(3);
        Model model = new(capacity);
        NonceTable table = new(capacity, (ulong)seed * 7);
        for (int block = 0; block < 20; block++)
        {
            table.BeginBlock();
            HashSet<int> changed = [];
            for (int i = random.Next(120); i > 0; i--)
            {
                int account = random.Next(pool);
                ulong nonce = Nonce(random, model.Highest(account));
                NonceVerdict expected = model.Take(account, nonce);
                Assert.Equal(expected, table.Take(Id(account), nonce));
                if (expected == NonceVerdict.Fresh)
                {
                    changed.Add(model.Place(account));
                }
            }

            Assert.Equal(changed.Order(), table.Changed.Order());
            Assert.Equal(model.Digest(), table.Digest());
            if (random.Next(4) == 0)
            {
                table = Reload(table, capacity, random);
                Assert.Equal(model.Digest(), table.Digest());
            }
        }
    });

    // At both ends of the numbers nothing wraps: an account that signs the last nonce can use the 63 below it, and no more.
    [Fact]
    public void The_ends_of_the_numbers_hold()
    {
        NonceTable table = new(4);
        byte[] account = Id(1);
        Assert.Equal(NonceVerdict.Fresh, table.Take(account, 0));
        Assert.Equal(NonceVerdict.Used, table.Take(account, 0));
        Assert.Equal(NonceVerdict.Fresh, table.Take(account, 63));
        Assert.Equal(NonceVerdict.Used, table.Take(account, 0));
        Assert.Equal(NonceVerdict.Fresh, table.Take(account, ulong.MaxValue));
        Assert.Equal(NonceVerdict.TooOld, table.Take(account, 63));
        Assert.Equal(NonceVerdict.Fresh, table.Take(account, ulong.MaxValue - 63));
        Assert.Equal(NonceVerdict.TooOld, table.Take(account, ulong.MaxValue - 64));
        Assert.Equal(NonceVerdict.Used, table.Take(account, ulong.MaxValue));
    }

    // Stored records that no execution leaves behind stop a restart with a value.
    [Fact]
    public void Damaged_records_are_refused()
    {
        NonceTable table = new(3);
        table.Take(Id(1), 5);
        table.Take(Id(2), 6);
        byte[] records = table.Segment(0).ToArray();
        NonceTable other = new(3);
        Assert.True(other.Load(records));
        Assert.False(other.Load(records));
        other.BeginLoad();
        records[40] = 0;
        Assert.False(other.Load(records));
        other.BeginLoad();
        Assert.False(new NonceTable(1).Load(table.Segment(0)));
    }

    // Blocks of envelopes run for ever without garbage.
    [Fact]
    public void Does_not_allocate_once_grown()
    {
        NonceTable table = new();
        byte[][] ids = [.. Enumerable.Range(0, 500).Select(Id)];
        long before = 0;
        for (ulong block = 0; block < 40; block++)
        {
            before = block == 20 ? GC.GetAllocatedBytesForCurrentThread() : before;
            table.BeginBlock();
            foreach (byte[] id in ids)
            {
                table.Take(id, block);
            }

            table.Digest();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static NonceTable Reload(NonceTable table, int capacity, Random random)
    {
        NonceTable loaded = new(capacity, (ulong)random.NextInt64());
        loaded.BeginLoad();
        for (int segment = 0; segment < table.Segments; segment++)
        {
            Assert.Equal(Hash256.Of(table.Segment(segment)).ToArray(), table.SegmentHashes().Slice(segment * 32, 32).ToArray());
            Assert.True(loaded.Load(table.Segment(segment)));
        }

        return loaded;
    }

    private static ulong Nonce(Random random, ulong highest) => random.Next(10) switch
    {
        < 4 => highest + 1,
        < 7 => highest + (ulong)random.Next(70),
        < 9 => highest - Math.Min(highest, (ulong)random.Next(80)),
        _ => (ulong)random.NextInt64(),
    };

    private static byte[] Id(int number) => Hash256.Of(BitConverter.GetBytes(number)).ToArray();

    /// <summary>The rule as plainly as it can be said.</summary>
    private sealed class Model(int capacity)
    {
        private readonly List<int> _places = [];
        private readonly Dictionary<int, HashSet<ulong>> _accepted = [];

        public int Place(int account) => _places.IndexOf(account);

        public ulong Highest(int account) => _accepted.TryGetValue(account, out HashSet<ulong>? nonces) ? nonces.Max() : 0;

        public NonceVerdict Take(int account, ulong nonce)
        {
            if (!_accepted.TryGetValue(account, out HashSet<ulong>? nonces))
            {
                if (_places.Count == capacity)
                {
                    return NonceVerdict.AccountsFull;
                }

                _places.Add(account);
                _accepted.Add(account, nonces = []);
            }
            else if (nonce < nonces.Max() && nonces.Max() - nonce > 63)
            {
                return NonceVerdict.TooOld;
            }

            return nonces.Add(nonce) ? NonceVerdict.Fresh : NonceVerdict.Used;
        }

        public Hash256 Digest() => Hash256.Of((byte[])[.. _places.Chunk(128).SelectMany(
            segment => Hash256.Of([.. segment.SelectMany(Record)]).ToArray())]);

        private byte[] Record(int account)
        {
            ulong highest = Highest(account);
            ulong bitmap = 0;
            for (int i = 0; i < 64 && (ulong)i <= highest; i++)
            {
                bitmap |= _accepted[account].Contains(highest - (ulong)i) ? 1UL << i : 0;
            }

            byte[] record = [.. Id(account), .. new byte[16]];
            BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(32), highest);
            BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(40), bitmap);
            return record;
        }
    }
}
