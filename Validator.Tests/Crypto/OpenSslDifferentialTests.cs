using Validator.Crypto.Simd;
using Validator.Net.Native;

namespace Validator.Tests.Crypto;

/// <summary>OpenSSL 3.5's ML-DSA-87 as the second opinion; CRYPTO_CASES=n asks for n times as many random cases.</summary>
[Collection(CpuPathTests.Name)]
public class OpenSslDifferentialTests
{
    private static readonly int Scale =
        int.TryParse(Environment.GetEnvironmentVariable("CRYPTO_CASES"), out int n) ? Math.Max(1, n) : 1;

    // The self-test's committed answers are right: OpenSSL makes the same keys and signatures from the same inputs.
    [Fact]
    public void Self_test_answers_are_those_of_openssl()
    {
        string digest = CryptoSelfTest.MlDsaDigest(test =>
        {
            using OpenSslMlDsa87 key = OpenSslMlDsa87.FromSeed(test.Seed);
            byte[] publicKey = new byte[MlDsa87.PublicKeyBytes], secretKey = new byte[MlDsa87.SecretKeyBytes];
            key.CopyPublicKey(publicKey);
            key.CopyPrivateKey(secretKey);
            Assert.Equal(publicKey, test.PublicKey);
            Assert.Equal(secretKey, test.SecretKey);
            byte[] signature = new byte[MlDsa87.SignatureBytes];
            key.Sign(test.Context, test.Message, signature, deterministic: true);
            Assert.Equal(signature, test.Signature);
        });
        Assert.Equal(CryptoSelfTest.MlDsaAnswer, digest);
        Assert.Equal(CryptoSelfTest.Blake3Answer, CryptoSelfTest.Blake3Digest());
        digest = CryptoSelfTest.KemDigest(test =>
        {
            using OpenSslKem key = OpenSslKem.FromMlKemSeed(test.Seed);
            byte[] secret = new byte[32];
            Assert.Equal(key.PublicKey(), test.EncapsulationKey);
            key.Decapsulate(test.Ciphertext, secret);
            Assert.Equal(secret, test.Secret);
            key.Decapsulate(test.Damaged, secret);
            Assert.Equal(secret, test.Rejected);
        });
        Assert.Equal(CryptoSelfTest.KemAnswer, digest);
        StringWriter output = new();
        Assert.True(CryptoSelfTest.Run(output), output.ToString());
    }

    // Random keys, messages, contexts: the same keys, the same deterministic signatures, and each accepts the other's hedged
    // ones, on every path.
    [Fact]
    public void Keys_and_signatures_are_interchangeable() => EveryPath.Run(path =>
    {
        Random random = new(11);
        for (int k = 0; k < 12 * Scale; k++)
        {
            byte[] seed = RandomBytes(random, 32);
            using OpenSslMlDsa87 theirs = OpenSslMlDsa87.FromSeed(seed);
            using MlDsa87Signer ours = new(seed);
            byte[] publicKey = new byte[MlDsa87.PublicKeyBytes];
            theirs.CopyPublicKey(publicKey);
            Assert.True(ours.PublicKey.SequenceEqual(publicKey), $"{path.Name} key {k}");
            using PreparedVerificationKey key = PreparedVerificationKey.Create(publicKey);
            for (int i = 0; i < 8; i++)
            {
                byte[] message = RandomBytes(random, random.Next(i == 0 ? 1 : 3000));
                byte[] context = RandomBytes(random, random.Next(i == 1 ? 1 : 256));
                byte[] mine = new byte[MlDsa87.SignatureBytes], other = new byte[MlDsa87.SignatureBytes];
                ours.SignDeterministic(message, context, mine);
                theirs.Sign(context, message, other, deterministic: true);
                Assert.True(mine.AsSpan().SequenceEqual(other), $"{path.Name} key {k} signature {i}");
                ours.Sign(message, context, mine);
                theirs.Sign(context, message, other);
                Assert.True(theirs.Verify(context, message, mine), $"{path.Name} theirs on ours");
                Assert.True(key.Verify(message, context, other), $"{path.Name} ours on theirs");
            }
        }
    });

    // Every kind of forgery gets OpenSSL's and BouncyCastle's verdict from the single, the batched and the cold check, on every
    // path: each field flipped bit by bit, hint counts and orders and unused bytes, z at its bound, other contexts, other keys.
    [Fact]
    public void Forgeries_are_judged_as_openssl_does()
    {
        Random random = new(13);
        byte[] seed = RandomBytes(random, 32), message = RandomBytes(random, 32), context = RandomBytes(random, 8);
        using MlDsa87Signer signer = new(seed);
        using MlDsa87Signer otherSigner = new(RandomBytes(random, 32));
        using OpenSslMlDsa87 theirs = OpenSslMlDsa87.FromSeed(seed);
        using PreparedVerificationKey key = PreparedVerificationKey.Create(signer.PublicKey);
        List<(byte[] Context, byte[] Signature)> cases = [];
        for (int i = 0; i < 4 * Scale; i++)
        {
            byte[] valid = new byte[MlDsa87.SignatureBytes];
            signer.Sign(message, context, valid);
            cases.Add((context, valid));
            // Now and then a change gives what was there.
            cases.AddRange(HintForgeries(valid).Concat(ResponseForgeries(valid, random))
                .Where(forged => !forged.AsSpan().SequenceEqual(valid)).Select(forged => (context, forged)));
            for (int bit = i; bit < 8 * MlDsa87.SignatureBytes; bit += bit < 512 || bit > 8 * 4544 ? 4 : 397)
            {
                byte[] flipped = [.. valid];
                flipped[bit / 8] ^= (byte)(1 << (bit % 8));
                cases.Add((context, flipped));
            }

            cases.Add(([], valid));
            cases.Add(([.. context, 0], valid));
            cases.Add((RandomBytes(random, 255), valid));
            byte[] foreign = new byte[MlDsa87.SignatureBytes];
            otherSigner.Sign(message, context, foreign);
            cases.Add((context, foreign));
        }

        bool[] expected = cases.Select(c => theirs.Verify(c.Context, message, c.Signature)).ToArray();
        Assert.Equal(4 * Scale, expected.Count(v => v));
        byte[] publicKey = signer.PublicKey.ToArray();
        Parallel.For(0, cases.Count, i => Assert.True(
            expected[i] == BouncyCastle.Verify(publicKey, cases[i].Context, message, cases[i].Signature), $"OpenSSL and BouncyCastle differ on {i}"));
        VerificationItem[] items = cases.Select(c => new VerificationItem
        {
            Key = key,
            Message = message,
            Context = c.Context,
            Signature = c.Signature,
        }).ToArray();
        EveryPath.Run(path =>
        {
            BatchVerifier.Verify(items);
            for (int i = 0; i < items.Length; i++)
            {
                Assert.True(expected[i] == items[i].Valid, $"{path.Name} batched {i}");
                Assert.True(expected[i] == key.Verify(message, cases[i].Context, cases[i].Signature), $"{path.Name} single {i}");
            }

            for (int i = 0; i < items.Length; i += 29)
            {
                Assert.Equal(expected[i], MlDsa87.Verify(signer.PublicKey, message, cases[i].Context, cases[i].Signature));
            }
        });
    }

    // No signature survives the change of any one of its 37,016 bits: ML-DSA is strongly unforgeable, and the encoding is
    // unique. Batched, each batch ending with the untouched signature, so that verdicts stay apart; and prepared. The cold check
    // and OpenSSL judge every 61st bit, other ones each round.
    [Fact]
    public void Every_single_bit_counts()
    {
        const int Batch = 512;
        Random random = new(23);
        VerificationItem[] items = new VerificationItem[Batch];
        byte[][] copies = Enumerable.Range(0, Batch).Select(_ => new byte[MlDsa87.SignatureBytes]).ToArray();
        for (int round = 0; round < 3 * Scale; round++)
        {
            byte[] seed = RandomBytes(random, 32);
            using MlDsa87Signer signer = new(seed);
            using OpenSslMlDsa87 theirs = OpenSslMlDsa87.FromSeed(seed);
            using PreparedVerificationKey key = PreparedVerificationKey.Create(signer.PublicKey);
            byte[] message = RandomBytes(random, 32), context = RandomBytes(random, 8), valid = new byte[MlDsa87.SignatureBytes];
            signer.Sign(message, context, valid);
            for (int first = 0; first < 8 * MlDsa87.SignatureBytes; first += Batch - 1)
            {
                int flips = Math.Min(Batch - 1, (8 * MlDsa87.SignatureBytes) - first);
                for (int i = 0; i <= flips; i++)
                {
                    valid.CopyTo(copies[i], 0);
                    items[i] = new VerificationItem { Key = key, Message = message, Context = context, Signature = copies[i] };
                    if (i < flips)
                    {
                        copies[i][(first + i) / 8] ^= (byte)(1 << ((first + i) % 8));
                    }
                }

                Assert.True(BatchVerifier.Verify(items.AsSpan(0, flips + 1)) == 1 && items[flips].Valid, $"round {round}, bits from {first}");
                for (int i = 0; i < flips; i++)
                {
                    bool accepted = key.Verify(message, context, copies[i]);
                    if ((first + i + round) % 61 == 0)
                    {
                        accepted |= MlDsa87.Verify(key.PublicKey, message, context, copies[i]) | theirs.Verify(context, message, copies[i]);
                    }

                    Assert.False(accepted, $"round {round}, bit {first + i}");
                }
            }
        }
    }

    private static IEnumerable<byte[]> HintForgeries(byte[] valid)
    {
        const int Start = 4544, Counts = Start + 75;
        int total = valid[Counts + 7];
        byte[] Change(Action<byte[]> change)
        {
            byte[] copy = [.. valid];
            change(copy);
            return copy;
        }

        for (int i = 0; i < 8; i++)
        {
            int row = i;
            yield return Change(s => s[Counts + row]++);
            yield return Change(s => s[Counts + row]--);
            yield return Change(s => s[Counts + row] = 76);
            yield return Change(s => s[Counts + row] = 255);
        }

        for (int i = total; i < 75; i++)
        {
            int unused = i;
            yield return Change(s => s[Start + unused] = 1);
        }

        for (int i = 0; i + 1 < total; i++)
        {
            int at = Start + i;
            yield return Change(s => (s[at], s[at + 1]) = (s[at + 1], s[at]));
            yield return Change(s => s[at + 1] = s[at]);
            yield return Change(s => s[at] ^= 1);
        }
    }

    /// <summary>z coefficients at and beyond gamma1 - beta, both signs, and at the ends of the encoding.</summary>
    private static IEnumerable<byte[]> ResponseForgeries(byte[] valid, Random random)
    {
        const int Gamma1 = 1 << 19, Bound = Gamma1 - 120;
        foreach (int z in new[] { Bound - 1, Bound, Bound + 1, -Bound + 1, -Bound, -Bound - 1, Gamma1, 1 - Gamma1, 0 })
        {
            foreach (int index in new[] { 0, 1, 254, 255, 1791, random.Next(1792) })
            {
                byte[] copy = [.. valid];
                int packed = Gamma1 - z, bit = (64 * 8) + (20 * index);
                for (int i = 0; i < 20; i++)
                {
                    int value = (packed >> i) & 1, at = bit + i;
                    copy[at / 8] = (byte)((copy[at / 8] & ~(1 << (at % 8))) | (value << (at % 8)));
                }

                yield return copy;
            }
        }
    }

    private static byte[] RandomBytes(Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
