using System.Buffers.Binary;

namespace Validator.Crypto.Simd;

/// <summary>
/// Known answers over deterministic inputs of our own, on every path this process can run: for `validator selftest`, and so
/// for the published binary, whose code another compiler made. Takes well under two seconds. Forces paths while it runs.
/// </summary>
public static class CryptoSelfTest
{
    // BLAKE3 digests over everything a part computes. Validator.Tests.Crypto makes the same keys and signatures with OpenSSL,
    // and checks the hash by its official vectors, on the way to these values.
    internal const string Blake3Answer = "5E625020A2388EF5F7B085A2DECC37043AD1E341B8E23A4DB60430C3D657483D";
    internal const string MlDsaAnswer = "2A4FB683E682EEEAC561DE7A05E3FBE3C167FFB8EBABB93844931FC4AC4DE8F4";

    internal const string KemAnswer = "688FC968A188D4F4B7CD0E786C6E96BC031D91556233823870CCA07009BB57C0";

    private const int Keys = 2;
    private const int SignaturesPerKey = 6;

    /// <summary>Runs all parts on all paths; writes a line each and the path in use. True if every answer is right.</summary>
    public static bool Run(TextWriter output)
    {
        CpuPath before = CpuPaths.Current;
        bool passed = true;
        try
        {
            foreach (CpuPath path in (ReadOnlySpan<CpuPath>)[CpuPath.Scalar, CpuPath.AdvSimd, CpuPath.Avx2, CpuPath.Avx512])
            {
                if (!CpuPaths.CanRun(path))
                {
                    continue;
                }

                CpuPaths.Force(path);
                passed &= Report(output, path, "BLAKE3", Blake3Digest(), Blake3Answer);
                passed &= Report(output, path, "ML-DSA-87", MlDsaDigest(static _ => { }), MlDsaAnswer);
                passed &= Report(output, path, "ML-KEM-768 and X25519", KemDigest(static _ => { }), KemAnswer);
            }
        }
        finally
        {
            CpuPaths.Force(before);
        }

        output.WriteLine($"crypto path in use: {before}");
        return passed;
    }

    /// <summary>Digest of hashes of many lengths: whole, keyed, derived, in pieces and many at once.</summary>
    internal static string Blake3Digest()
    {
        byte[] data = Bytes("blake3", 40_000);
        byte[] digest = new byte[32];
        Blake3Hasher all = new();
        foreach (int length in (ReadOnlySpan<int>)[0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 5000, 16_384, 16_385, 40_000])
        {
            ReadOnlySpan<byte> input = data.AsSpan(0, length);
            Blake3.Hash(input, digest);
            all.Update(digest);
            Blake3.KeyedHash(data.AsSpan(0, 32), input, digest);
            all.Update(digest);
            Blake3.DeriveKey("validator self-test"u8, input, digest);
            all.Update(digest);
            all.Update(input);
        }

        int[] offsets = new int[100];
        int[] lengths = new int[100];
        for (int i = 0; i < offsets.Length; i++)
        {
            offsets[i] = 37 * i;
            lengths[i] = i < 40 ? 100 : i * 23 % 1500;
        }

        byte[] digests = new byte[32 * offsets.Length];
        Blake3.HashMany(data, offsets, lengths, digests);
        all.Update(digests);
        all.Finalize(digest);
        return Convert.ToHexString(digest);
    }

    /// <summary>
    /// Digest of key pairs, deterministic signatures and verdicts on valid and damaged ones, single and batched;
    /// <paramref name="observe"/> sees each case.
    /// </summary>
    internal static string MlDsaDigest(Action<SelfTestCase> observe)
    {
        Blake3Hasher all = new();
        byte[] publicKey = new byte[MlDsa87.PublicKeyBytes];
        byte[] secretKey = new byte[MlDsa87.SecretKeyBytes];
        for (int k = 0; k < Keys; k++)
        {
            byte[] seed = Bytes("seed", 32, k);
            MlDsa87.KeyGen(seed, publicKey, secretKey);
            all.Update(publicKey);
            all.Update(secretKey);
            using MlDsa87Signer signer = new(seed);
            using PreparedVerificationKey key = PreparedVerificationKey.Create(publicKey);
            VerificationItem[] items = new VerificationItem[2 * SignaturesPerKey];
            for (int i = 0; i < SignaturesPerKey; i++)
            {
                byte[] message = Bytes("message", 61 * i, k, i);
                byte[] context = Bytes("context", 51 * i, k, i);
                byte[] signature = new byte[MlDsa87.SignatureBytes];
                signer.SignDeterministic(message, context, signature);
                all.Update(signature);
                observe(new SelfTestCase(seed, publicKey, secretKey, message, context, signature));
                byte[] damaged = signature.AsSpan().ToArray();
                damaged[i * 925] ^= 1;
                items[2 * i] = new VerificationItem { Key = key, Message = message, Context = context, Signature = signature };
                items[(2 * i) + 1] = items[2 * i] with { Signature = damaged };
            }

            BatchVerifier.Verify(items);
            foreach (ref VerificationItem item in items.AsSpan())
            {
                bool single = key.Verify(item.Message.Span, item.Context.Span, item.Signature.Span);
                bool cold = MlDsa87.Verify(publicKey, item.Message.Span, item.Context.Span, item.Signature.Span);
                all.Update([(byte)(item.Valid ? 1 : 0), (byte)(single ? 1 : 0), (byte)(cold ? 1 : 0)]);
            }

            using MlDsa87Signer? imported = MlDsa87Signer.TryImport(secretKey);
            byte[] again = new byte[MlDsa87.SignatureBytes];
            imported?.SignDeterministic(items[0].Message.Span, items[0].Context.Span, again);
            all.Update(again);
        }

        byte[] digest = new byte[32];
        all.Finalize(digest);
        return Convert.ToHexString(digest);
    }

    /// <summary>
    /// Digest of hybrid keys, ciphertexts and secrets, of ML-KEM's inside them, and of what a damaged ciphertext gives;
    /// <paramref name="observe"/> sees each ML-KEM case.
    /// </summary>
    internal static string KemDigest(Action<KemTestCase> observe)
    {
        Blake3Hasher all = new();
        byte[] ek = new byte[MlKem768.EncapsulationKeyBytes], dk = new byte[MlKem768.DecapsulationKeyBytes];
        byte[] c = new byte[MlKem768.CiphertextBytes], secret = new byte[32], rejected = new byte[32];
        byte[] publicKey = new byte[HybridKem.PublicKeyBytes], sealedSecret = new byte[HybridKem.CiphertextBytes], opened = new byte[32];
        for (int i = 0; i < 4; i++)
        {
            byte[] seed = Bytes("kem seed", MlKem768.SeedBytes, i), random = Bytes("kem random", 64, i);
            MlKem768.KeyGen(seed, ek, dk);
            MlKem768.TryEncapsulate(ek, random.AsSpan(0, 32), c, secret);
            byte[] damaged = c.AsSpan().ToArray();
            damaged[i * 271] ^= 1;
            MlKem768.TryDecapsulate(dk, damaged, rejected);
            observe(new KemTestCase(seed, ek, c.AsSpan().ToArray(), secret.AsSpan().ToArray(), damaged, rejected.AsSpan().ToArray()));
            foreach (byte[] part in (ReadOnlySpan<byte[]>)[ek, dk, c, secret, rejected])
            {
                all.Update(part);
            }

            MlKem768.TryDecapsulate(dk, c, opened);
            all.Update(opened);
            HybridKem.PublicKey(seed.AsSpan(0, 32), publicKey);
            HybridKem.TryEncapsulate(publicKey, random, sealedSecret, secret);
            HybridKem.TryDecapsulate(seed.AsSpan(0, 32), sealedSecret, opened);
            foreach (byte[] part in (ReadOnlySpan<byte[]>)[publicKey, sealedSecret, secret, opened])
            {
                all.Update(part);
            }
        }

        byte[] digest = new byte[32];
        all.Finalize(digest);
        return Convert.ToHexString(digest);
    }

    private static bool Report(TextWriter output, CpuPath path, string part, string actual, string expected)
    {
        bool same = actual == expected;
        output.WriteLine(same ? $"{part} on {path}: ok" : $"{part} on {path}: FAILED, got {actual}");
        return same;
    }

    /// <summary>
    /// Reproducible bytes: splitmix64 (Steele, Lea, Flood, 2014) from a name and numbers below ten, independent of what is
    /// tested.
    /// </summary>
    private static byte[] Bytes(string name, int length, params ReadOnlySpan<int> numbers)
    {
        ulong state = 0;
        foreach (char c in name)
        {
            state = (state * 257) + c;
        }

        foreach (int number in numbers)
        {
            state = (((state * 257) + ' ') * 257) + '0' + (ulong)number;
        }

        byte[] bytes = new byte[(length + 7) / 8 * 8];
        for (int i = 0; i < bytes.Length; i += 8)
        {
            state += 0x9E3779B97F4A7C15;
            ulong z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i), z ^ (z >> 31));
        }

        return bytes[..length];
    }
}

/// <summary>One signature of the self-test, for a second implementation to judge.</summary>
internal readonly record struct SelfTestCase(
    byte[] Seed, byte[] PublicKey, byte[] SecretKey, byte[] Message, byte[] Context, byte[] Signature);

/// <summary>One ML-KEM key of the self-test: what it sealed, and what it makes of a damaged ciphertext.</summary>
internal readonly record struct KemTestCase(
    byte[] Seed, byte[] EncapsulationKey, byte[] Ciphertext, byte[] Secret, byte[] Damaged, byte[] Rejected);
