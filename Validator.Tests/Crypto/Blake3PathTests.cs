using System.Numerics;
using Validator.Crypto.Simd;

namespace Validator.Tests.Crypto;

[Collection(CpuPathTests.Name)]
public class Blake3PathTests
{
    private const int IdBytes = 32;

    // Protects proofs of transactions: for each number of ids up to 2,100, and for each chunk of them, path and chunk give the
    // whole message's digest, with the length of a tree that is full on its left.
    [Fact]
    public void Every_chunk_of_every_count_leads_to_the_digest() => EveryPath.Run(path =>
    {
        byte[] all = Random(2100 * IdBytes);
        byte[] whole = new byte[32], digest = new byte[32], siblings = new byte[32 * 54];
        for (int count = 1; count <= 2100; count++)
        {
            ReadOnlySpan<byte> message = all.AsSpan(0, count * IdBytes);
            Blake3.Hash(message, whole);
            ulong chunks = (ulong)(message.Length + Blake3Path.ChunkBytes - 1) / Blake3Path.ChunkBytes;
            for (ulong at = 0; at < chunks; at++)
            {
                // Every chunk where the tree's shape is new; else those at the edges.
                if (count % 32 > 1 && at > 0 && at + 2 < chunks)
                {
                    continue;
                }

                Span<byte> beside = siblings.AsSpan(0, 32 * Blake3Path.Siblings((ulong)message.Length, at));
                Blake3Path.Siblings(message, at, beside);
                int length = Blake3Path.ChunkLength((ulong)message.Length, at);
                ReadOnlySpan<byte> chunk = message.Slice((int)at * Blake3Path.ChunkBytes, length);
                Blake3Path.Digest((ulong)message.Length, at, chunk, beside, digest);
                Assert.True(whole.AsSpan().SequenceEqual(digest), $"{path.Name}: chunk {at} of {count} ids");
                Assert.InRange(beside.Length / 32, 0, BitOperations.Log2(chunks) + 1);
            }
        }
    });

    // Protects against a path that proves what is not there: with one bit of chunk or path changed, or in another chunk's place,
    // it gives another digest. The message's length is not what it proves, but for the last chunk: that has to come from
    // elsewhere.
    [Fact]
    public void Another_place_or_content_gives_another_digest()
    {
        Random random = new(5);
        for (int round = 0; round < 400; round++)
        {
            byte[] message = Random(IdBytes * random.Next(1, 1500), random);
            byte[] whole = new byte[32];
            Blake3.Hash(message, whole);
            ulong length = (ulong)message.Length, chunks = ((length - 1) / Blake3Path.ChunkBytes) + 1;
            ulong at = (ulong)random.NextInt64((long)chunks);
            byte[] chunk = message.AsSpan((int)at * Blake3Path.ChunkBytes, Blake3Path.ChunkLength(length, at)).ToArray();
            byte[] siblings = new byte[32 * Blake3Path.Siblings(length, at)];
            Blake3Path.Siblings(message, at, siblings);
            Assert.True(Leads(length, at, chunk, siblings));
            for (ulong other = 0; other < chunks; other++)
            {
                Assert.True(other == at || !Leads(length, other, chunk, siblings), $"chunk {at} of {chunks} passes as {other}");
            }

            if (at == chunks - 1)
            {
                Assert.False(Leads(length + IdBytes, at, chunk, siblings) || Leads(length - IdBytes, at, chunk, siblings));
            }

            chunk[random.Next(chunk.Length)] ^= (byte)(1 << random.Next(8));
            Assert.False(Leads(length, at, chunk, siblings));
            if (siblings.Length > 0)
            {
                message.AsSpan((int)at * Blake3Path.ChunkBytes, chunk.Length).CopyTo(chunk);
                siblings[random.Next(siblings.Length)] ^= (byte)(1 << random.Next(8));
                Assert.False(Leads(length, at, chunk, siblings));
            }

            bool Leads(ulong bytes, ulong place, byte[] leaf, byte[] beside)
            {
                ulong last = bytes == 0 ? 0 : (bytes - 1) / Blake3Path.ChunkBytes;
                if (place > last || leaf.Length != Blake3Path.ChunkLength(bytes, place)
                    || beside.Length != 32 * Blake3Path.Siblings(bytes, place))
                {
                    return false;
                }

                byte[] digest = new byte[32];
                Blake3Path.Digest(bytes, place, leaf, beside, digest);
                return digest.AsSpan().SequenceEqual(whole);
            }
        }
    }

    // Protects callers: what has not the lengths of its place is an error of theirs, and no digest.
    [Fact]
    public void Wrong_lengths_are_refused()
    {
        byte[] chunk = new byte[1024], digest = new byte[32];
        Assert.Equal((1024, 476), (Blake3Path.ChunkLength(2500, 1), Blake3Path.ChunkLength(2524, 2)));
        Assert.Equal((1, 2), (Blake3Path.Siblings(2500, 2), Blake3Path.Siblings(2500, 0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Blake3Path.ChunkLength(2048, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Blake3Path.Siblings(1024, 1));
        Assert.Throws<ArgumentException>(() => Blake3Path.Digest(2048, 1, chunk.AsSpan(1), new byte[32], digest));
        Assert.Throws<ArgumentException>(() => Blake3Path.Digest(2048, 1, chunk, new byte[64], digest));
        Assert.Throws<ArgumentException>(() => Blake3Path.Digest(2048, 1, chunk, new byte[32], digest.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => Blake3Path.Siblings(new byte[2048], 1, new byte[64]));
    }

    private static byte[] Random(int bytes, Random? random = null)
    {
        byte[] data = new byte[bytes];
        (random ?? new Random(1)).NextBytes(data);
        return data;
    }
}
