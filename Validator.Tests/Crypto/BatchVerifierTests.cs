using Validator.Crypto.Simd;

namespace Validator.Tests.Crypto;

[Collection(CpuPathTests.Name)]
public class BatchVerifierTests
{
    // A batch gives every item its own verdict, as the single and the cold check do, with forgeries of every kind between
    // valid ones, several keys, empty to long messages and contexts, on every path.
    [Fact]
    public void Each_verdict_is_the_item_s_own() => EveryPath.Run(path =>
    {
        Random random = new(7);
        MlDsa87Signer[] signers = Enumerable.Range(0, 5).Select(i => new MlDsa87Signer(Seed(i))).ToArray();
        PreparedVerificationKey[] keys = signers.Select(s => PreparedVerificationKey.Create(s.PublicKey)).ToArray();
        VerificationItem[] items = new VerificationItem[70];
        bool[] expected = new bool[items.Length];
        for (int i = 0; i < items.Length; i++)
        {
            int key = random.Next(keys.Length);
            byte[] message = new byte[new[] { 0, 1, 32, 61, 62, 63, 70, 198, 1024, 5000 }[random.Next(10)]];
            byte[] context = new byte[new[] { 0, 8, 70, 255 }[random.Next(4)]];
            random.NextBytes(message);
            random.NextBytes(context);
            byte[] signature = new byte[MlDsa87.SignatureBytes];
            signers[key].SignDeterministic(message, context, signature);
            expected[i] = random.Next(2) == 0;
            if (!expected[i])
            {
                switch (random.Next(6))
                {
                    case 0: signature[random.Next(64)] ^= 1; break;
                    case 1: signature[64 + random.Next(4480)] ^= (byte)(1 << random.Next(8)); break;
                    case 2: signature[4544 + random.Next(83)] ^= (byte)(1 << random.Next(8)); break;
                    case 3: key = (key + 1) % keys.Length; break;
                    case 4: signature = signature[..^1]; break;
                    default: context = new byte[256]; break;
                }
            }

            items[i] = new VerificationItem { Key = keys[key], Message = message, Context = context, Signature = signature, Valid = random.Next(2) == 0 };
        }

        Assert.Equal(expected.Count(v => v), BatchVerifier.Verify(items));
        for (int i = 0; i < items.Length; i++)
        {
            Assert.True(expected[i] == items[i].Valid, $"{path.Name} item {i}");
            Assert.Equal(expected[i], items[i].Key.Verify(items[i].Message.Span, items[i].Context.Span, items[i].Signature.Span));
            Assert.Equal(expected[i], MlDsa87.Verify(
                items[i].Key.PublicKey, items[i].Message.Span, items[i].Context.Span, items[i].Signature.Span));
        }

        Assert.Equal(0, BatchVerifier.Verify([]));
        Assert.Equal(1, BatchVerifier.Verify(items.AsSpan(Array.IndexOf(expected, true), 1)));
    });

    // Checking and hashing allocate nothing once warm: the data path runs them per message.
    [Fact]
    public void Nothing_allocates()
    {
        using MlDsa87Signer signer = new(Seed(1));
        using PreparedVerificationKey key = PreparedVerificationKey.Create(signer.PublicKey);
        byte[] message = new byte[32], context = new byte[8], signature = new byte[MlDsa87.SignatureBytes], digest = new byte[64];
        signer.Sign(message, context, signature);
        VerificationItem[] items = Enumerable.Repeat(
            new VerificationItem { Key = key, Message = message, Context = context, Signature = signature }, 9).ToArray();
        int[] offsets = [0, 16], lengths = [16, 16];
        bool Work()
        {
            signer.Sign(message, context, signature);
            Blake3.HashMany(message, offsets, lengths, digest);
            Blake3.Hash(signature, digest.AsSpan(0, 32));
            return BatchVerifier.Verify(items) == 9 && key.Verify(message, context, signature)
                && MlDsa87.Verify(key.PublicKey, message, context, signature);
        }

        Assert.True(Work());

        // The runtime may charge the thread for something of its own once; what every round allocates is ours.
        long least = long.MaxValue;
        for (int round = 0; round < 5; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            bool valid = Work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.True(valid);
        }

        Assert.Equal(0, least);
    }

    // A secret key damaged in any part is refused: it would sign wrongly, or leak by its signatures.
    [Fact]
    public void Damaged_secret_keys_are_refused()
    {
        byte[] publicKey = new byte[MlDsa87.PublicKeyBytes], secretKey = new byte[MlDsa87.SecretKeyBytes];
        MlDsa87.KeyGen(Seed(2), publicKey, secretKey);
        foreach (int damaged in new[] { 0, 70, 128, 128 + 1440, 4895 })
        {
            byte[] bad = [.. secretKey];
            bad[damaged] ^= 1;
            Assert.Null(MlDsa87Signer.TryImport(bad));
        }

        MlDsa87Signer.TryImport(secretKey)!.Dispose();
    }

    private static byte[] Seed(int n) => Enumerable.Range(0, 32).Select(i => (byte)(i + (17 * n))).ToArray();
}
