using Validator.Crypto.Simd;

namespace Validator.Tests.Crypto;

[Collection(CpuPathTests.Name)]
public class Blake3Tests
{
    // A message in pieces of any size is the message, in all three modes; official vectors stand behind the whole one.
    [Fact]
    public void Pieces_make_the_whole() => EveryPath.Run(path =>
    {
        byte[] key = Pattern(32), context = Pattern(20), whole = new byte[131], output = new byte[131];
        foreach (int length in new[] { 0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 2049, 3072, 5120, 7169, 16384, 31744, 102400 })
        {
            byte[] input = Pattern(length);
            for (int mode = 0; mode < 3; mode++)
            {
                Blake3Hasher hasher;
                switch (mode)
                {
                    case 0: Blake3.HashXof(input, whole); hasher = new(); break;
                    case 1: Blake3.KeyedHash(key, input, whole); hasher = Blake3Hasher.Keyed(key); break;
                    default: Blake3.DeriveKey(context, input, whole); hasher = Blake3Hasher.ForDeriveKey(context); break;
                }

                foreach (int step in new[] { 1, 63, 64, 65, 1000, 1024, 1025, 5000, 1 << 20 })
                {
                    hasher.Reset();
                    for (int at = 0; at < length; at += step)
                    {
                        hasher.Update(input.AsSpan(at, Math.Min(step, length - at)));
                    }

                    hasher.Finalize(output);
                    Assert.True(whole.AsSpan().SequenceEqual(output), $"{path.Name} mode {mode}, {length} by {step}");
                }
            }
        }
    });

    // Several threads give the digest of one, for whole and broken subtrees and any number of threads.
    [Fact]
    public void Threads_change_nothing() => EveryPath.Run(path =>
    {
        const int Part = 128 * 1024;
        byte[] data = Pattern((9 * Part) + 1);
        byte[] one = new byte[80], many = new byte[80];
        foreach (int length in new[] { 0, Part, (2 * Part) - 1, 2 * Part, (2 * Part) + 1, (3 * Part) - 1, (5 * Part) + 1025, data.Length })
        {
            Blake3.HashXof(data.AsSpan(0, length), one);
            foreach (int threads in new[] { 0, 1, 2, 3, 8 })
            {
                Blake3.HashParallel(data.AsSpan(0, length), many, threads);
                Assert.True(one.AsSpan().SequenceEqual(many), $"{path.Name} {length} bytes, {threads} threads");
            }
        }
    });

    // Many messages at once give each message's own digest, whatever the mixture of lengths and the overlap.
    [Fact]
    public void Hashing_many_equals_hashing_each() => EveryPath.Run(path =>
    {
        Random random = new(1);
        byte[] data = new byte[20_000];
        random.NextBytes(data);
        for (int round = 0; round < 60; round++)
        {
            int count = random.Next(0, 70);
            int limit = new[] { 1, 65, 300, 1025, 3000 }[round % 5];
            int[] offsets = new int[count];
            int[] lengths = new int[count];
            int same = random.Next(limit);
            for (int i = 0; i < count; i++)
            {
                lengths[i] = round % 3 == 0 ? same : random.Next(limit);
                offsets[i] = random.Next(data.Length - lengths[i] + 1);
            }

            byte[] digests = new byte[32 * count];
            Blake3.HashMany(data, offsets, lengths, digests);
            byte[] one = new byte[32];
            Blake3Hasher hasher = new();
            for (int i = 0; i < count; i++)
            {
                hasher.Reset();
                hasher.Update(data.AsSpan(offsets[i], lengths[i]));
                hasher.Finalize(one);
                Assert.True(one.AsSpan().SequenceEqual(digests.AsSpan(32 * i, 32)), $"{path.Name} {lengths[i]} bytes in lane {i}");
            }
        }
    });

    // Equal messages at once give each message's own keyed digest: at the edges of blocks, chunks and trees, for any number of
    // lanes, and where messages overlap.
    [Fact]
    public void Hashing_equal_messages_equals_hashing_each() => EveryPath.Run(path =>
    {
        Random random = new(2);
        byte[] key = new byte[32];
        byte[] data = new byte[60_000];
        random.NextBytes(key);
        random.NextBytes(data);
        int[] lengths = [0, 1, 64, 65, 1023, 1024, 1025, 2048, 2049, 3072, 4064, 4096, 5121, 7000, 15_361, 16_384, 16_385];
        foreach (int length in lengths)
        {
            foreach (int count in new[] { 0, 1, 2, 3, 7, 8, 9, 16, 19 })
            {
                int stride = random.Next(((data.Length - length) / Math.Max(1, count)) + 1);
                byte[] digests = new byte[32 * count];
                Blake3.KeyedHashEach(key, data, length, stride, count, digests);
                byte[] one = new byte[32];
                for (int i = 0; i < count; i++)
                {
                    Blake3.KeyedHash(key, data.AsSpan(i * stride, length), one);
                    Span<byte> digest = digests.AsSpan(32 * i, 32);
                    Assert.True(digest.SequenceEqual(one), $"{path.Name} {length} bytes in lane {i} of {count}");
                }
            }
        }

        Assert.Throws<ArgumentException>(() => Blake3.KeyedHashEach(key, new byte[10], 6, 5, 2, new byte[64]));
        Assert.Throws<ArgumentException>(() => Blake3.KeyedHashEach(key, new byte[10], -1, 5, 2, new byte[64]));
        Assert.Throws<ArgumentException>(() => Blake3.KeyedHashEach(key, new byte[20], 6, 5, 2, new byte[63]));
        Assert.Throws<ArgumentException>(() => Blake3.KeyedHashEach(new byte[31], new byte[20], 6, 5, 2, new byte[64]));
    });

    // Ranges outside the data are the caller's error, told before any byte is read.
    [Fact]
    public void Hashing_many_refuses_ranges_outside_the_data()
    {
        byte[] digest = new byte[32];
        Assert.Throws<ArgumentException>(() => Blake3.HashMany(new byte[10], [5], [6], digest));
        Assert.Throws<ArgumentException>(() => Blake3.HashMany(new byte[10], [-1], [1], digest));
        Assert.Throws<ArgumentException>(() => Blake3.HashMany(new byte[10], [0], [-1], digest));
        Assert.Throws<ArgumentException>(() => Blake3.HashMany(new byte[10], [0, 1], [1, 1], digest));
        Assert.Throws<ArgumentException>(() => Blake3.Hash([], new byte[31]));
    }

    private static byte[] Pattern(int length)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            bytes[i] = (byte)(i % 251);
        }

        return bytes;
    }
}
