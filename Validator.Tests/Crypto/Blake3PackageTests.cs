extern alias Blake3Package;

using Validator.Crypto.Simd;
using Theirs = Blake3Package::Blake3.Hasher;

namespace Validator.Tests.Crypto;

/// <summary>The package Blake3, written by others from the same paper, as the second opinion on every path.</summary>
[Collection(CpuPathTests.Name)]
public class Blake3PackageTests
{
    private static readonly byte[] s_data = Random(40 * 1024, 5);

    // Every length up to past the first chunk, and all around the boundaries of blocks, chunks and subtrees; each at another
    // place in memory, in all three modes, one at a time and, where they are short, many at a time.
    [Fact]
    public void Every_length_and_mode_gives_their_bytes()
    {
        int[] lengths =
        [
            .. Enumerable.Range(0, 1100),
            .. Enumerable.Range(2, 34).SelectMany(chunks => new[] { -65, -64, -63, -1, 0, 1, 63, 64, 65 }.Select(off => (1024 * chunks) + off)),
        ];
        byte[] key = Random(32, 6), context = "validator 2026-11-28 tests of another's BLAKE3"u8.ToArray();
        byte[][] expected = new byte[3 * lengths.Length][];
        int[] offsets = new int[lengths.Length];
        for (int i = 0; i < lengths.Length; i++)
        {
            offsets[i] = i % 67;
            ReadOnlySpan<byte> input = s_data.AsSpan(offsets[i], lengths[i]);
            using Theirs plain = Theirs.New(), keyed = Theirs.NewKeyed(key), derived = Theirs.NewDeriveKey(context);
            expected[3 * i] = Output(plain, input);
            expected[(3 * i) + 1] = Output(keyed, input);
            expected[(3 * i) + 2] = Output(derived, input);
        }

        EveryPath.Run(path =>
        {
            byte[] output = new byte[100], digest = new byte[32];
            for (int i = 0; i < lengths.Length; i++)
            {
                ReadOnlySpan<byte> input = s_data.AsSpan(offsets[i], lengths[i]);
                Blake3.Hash(input, digest);
                Assert.True(expected[3 * i].AsSpan(0, 32).SequenceEqual(digest), $"{path.Name} digest of {lengths[i]} bytes");
                Blake3.HashXof(input, output);
                Assert.True(expected[3 * i].AsSpan().SequenceEqual(output), $"{path.Name} output of {lengths[i]} bytes");
                Blake3.KeyedHash(key, input, output);
                Assert.True(expected[(3 * i) + 1].AsSpan().SequenceEqual(output), $"{path.Name} keyed {lengths[i]} bytes");
                Blake3.DeriveKey(context, input, output);
                Assert.True(expected[(3 * i) + 2].AsSpan().SequenceEqual(output), $"{path.Name} derived from {lengths[i]} bytes");
            }

            byte[] digests = new byte[32 * lengths.Length];
            Blake3.HashMany(s_data, offsets, lengths, digests);
            for (int i = 0; i < lengths.Length; i++)
            {
                Assert.True(expected[3 * i].AsSpan(0, 32).SequenceEqual(digests.AsSpan(32 * i, 32)), $"{path.Name} {lengths[i]} bytes among many");
            }
        });
    }

    // Pieces and the extendable output, read at any place: ours whole, theirs from there.
    [Fact]
    public void Pieces_and_long_outputs_give_their_bytes() => EveryPath.Run(path =>
    {
        Random random = new(7);
        byte[] output = new byte[1000], part = new byte[150];
        for (int round = 0; round < 150; round++)
        {
            int length = random.Next(1, 9000);
            Blake3Hasher ours = new();
            using Theirs theirs = Theirs.New();
            for (int at = 0; at < length;)
            {
                int step = Math.Min(length - at, random.Next(1, 2500));
                ours.Update(s_data.AsSpan(at, step));
                at += step;
            }

            theirs.Update(s_data.AsSpan(0, length));
            ours.Finalize(output);
            int from = random.Next(output.Length - part.Length);
            theirs.Finalize((ulong)from, part);
            Assert.True(output.AsSpan(from, part.Length).SequenceEqual(part), $"{path.Name} {length} bytes, output from {from}");
        }
    });

    private static byte[] Output(Theirs hasher, ReadOnlySpan<byte> input)
    {
        byte[] output = new byte[100];
        hasher.Update(input);
        hasher.Finalize(output);
        return output;
    }

    private static byte[] Random(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
