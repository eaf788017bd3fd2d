using Validator.Crypto.Simd;

namespace Validator.Tests.Crypto;

/// <summary>
/// What every public call does with wrong lengths, empty input, contexts at the limit and buffers that overlap.
/// </summary>
[Collection(CpuPathTests.Name)]
public class ArgumentTests
{
    // Contexts of 0 to 255 bytes and empty messages sign and verify everywhere; 256 bytes cannot be signed, and are never valid.
    [Fact]
    public void Contexts_have_at_most_255_bytes()
    {
        using MlDsa87Signer signer = new(new byte[32]);
        using PreparedVerificationKey key = PreparedVerificationKey.Create(signer.PublicKey);
        byte[] signature = new byte[MlDsa87.SignatureBytes], mu = new byte[MlDsa87.MuBytes];
        foreach (int length in new[] { 0, 1, 255, 256, 300 })
        {
            byte[] context = new byte[length];
            bool allowed = length < 256;
            if (allowed)
            {
                signer.Sign([], context, signature);
                MlDsa87.ComputeMu(signer.PublicKey, [], context, mu);
                Assert.True(key.VerifyMu(mu, signature) && MlDsa87.VerifyMu(signer.PublicKey, mu, signature));
            }
            else
            {
                Assert.Throws<ArgumentException>(() => signer.Sign([], context, signature));
                Assert.Throws<ArgumentException>(() => signer.SignDeterministic([], context, signature));
                Assert.Throws<ArgumentException>(() => MlDsa87.ComputeMu(signer.PublicKey, [], context, mu));
            }

            VerificationItem[] items = [.. Enumerable.Repeat(new VerificationItem { Key = key, Context = context, Signature = signature }, 3)];
            Assert.Equal(allowed ? 3 : 0, BatchVerifier.Verify(items));
            Assert.Equal(allowed, key.Verify([], context, signature));
            Assert.Equal(allowed, MlDsa87.Verify(signer.PublicKey, [], context, signature));
        }
    }

    // A buffer one byte short or long, or empty: an argument error where the caller must know, an invalid verdict for what peers
    // send.
    [Fact]
    public void Wrong_lengths_are_refused()
    {
        using MlDsa87Signer signer = new(new byte[32]);
        using PreparedVerificationKey key = PreparedVerificationKey.Create(signer.PublicKey);
        byte[] publicKey = signer.PublicKey.ToArray(), signature = new byte[MlDsa87.SignatureBytes], mu = new byte[64];
        signer.SignMu(mu, signature);
        Wrong(32, seed => new MlDsa87Signer(seed).Dispose());
        Wrong(32, seed => MlDsa87.KeyGen(seed, new byte[2592], new byte[4896]));
        Wrong(2592, pk => MlDsa87.KeyGen(new byte[32], pk, new byte[4896]));
        Wrong(4896, sk => MlDsa87.KeyGen(new byte[32], new byte[2592], sk));
        Wrong(4627, s => signer.Sign([], [], s));
        Wrong(4627, s => signer.SignDeterministic([], [], s));
        Wrong(4627, s => signer.SignMu(mu, s));
        Wrong(64, m => signer.SignMu(m, signature));
        Wrong(2592, pk => MlDsa87.ComputeMu(pk, [], [], mu));
        Wrong(64, m => MlDsa87.ComputeMu(publicKey, [], [], m));
        Wrong(2592, pk => MlDsa87.ComputeMuOfFormatted(pk, [], mu));
        Wrong(64, m => MlDsa87.ComputeMuOfFormatted(publicKey, [], m));
        Wrong(2592, pk => PreparedVerificationKey.Create(pk).Dispose());
        Never(2592, pk => PreparedVerificationKey.TryCreate(pk) is not null);
        Never(4896, sk => MlDsa87Signer.TryImport(sk) is not null);
        Never(4627, s => key.Verify([], [], s) || key.VerifyMu(mu, s) || MlDsa87.Verify(publicKey, [], [], s) || MlDsa87.VerifyMu(publicKey, mu, s));
        Never(4627, s => BatchVerifier.Verify([new VerificationItem { Key = key, Signature = s }]) != 0);
        Never(64, m => key.VerifyMu(m, signature) || MlDsa87.VerifyMu(publicKey, m, signature));
        Never(2592, pk => MlDsa87.Verify(pk, [], [], signature) || MlDsa87.VerifyMu(pk, mu, signature));
        using PreparedKeyCache cache = new(1);
        Wrong(2592, pk => cache.Rent(pk).Dispose());
        Assert.Throws<ArgumentOutOfRangeException>(() => new PreparedKeyCache(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SecretBuffer(0));

        byte[] ek = new byte[1184], dk = new byte[2400], c = new byte[1088], k = new byte[32], hybrid = new byte[1216], box = new byte[1120];
        MlKem768.KeyGen(new byte[64], ek, dk);
        HybridKem.PublicKey(new byte[32], hybrid);
        Wrong(64, seed => MlKem768.KeyGen(seed, new byte[1184], new byte[2400]));
        Wrong(1184, e => MlKem768.KeyGen(new byte[64], e, new byte[2400]));
        Wrong(2400, d => MlKem768.KeyGen(new byte[64], new byte[1184], d));
        Wrong(1088, x => MlKem768.TryEncapsulate(ek, x, k));
        Wrong(32, x => MlKem768.TryEncapsulate(ek, c, x));
        Wrong(32, x => MlKem768.TryDecapsulate(dk, c, x));
        Never(1184, e => MlKem768.IsEncapsulationKey(e) || MlKem768.TryEncapsulate(e, c, k));
        Never(2400, d => MlKem768.IsDecapsulationKey(d) || MlKem768.TryDecapsulate(d, c, k));
        Never(1088, x => MlKem768.TryDecapsulate(dk, x, k));
        Wrong(32, seed => HybridKem.PublicKey(seed, hybrid));
        Wrong(1216, x => HybridKem.PublicKey(new byte[32], x));
        Wrong(1120, x => HybridKem.TryEncapsulate(hybrid, x, k));
        Wrong(32, x => HybridKem.TryEncapsulate(hybrid, box, x));
        Wrong(32, x => HybridKem.TryDecapsulate(x, box, k));
        Wrong(32, x => HybridKem.TryDecapsulate(new byte[32], box, x));
        Never(1216, x => HybridKem.TryEncapsulate(x, box, k));
        Never(1120, x => HybridKem.TryDecapsulate(new byte[32], x, k));
        Wrong(32, x => X25519.PublicKey(x, k));
        Wrong(32, x => X25519.PublicKey(k, x));
        Wrong(32, x => X25519.TryAgree(x, new byte[32], k));
        Wrong(32, x => X25519.TryAgree(new byte[32], x, k));
        Wrong(32, x => X25519.TryAgree(new byte[32], new byte[32], x));
        Wrong(32, x => Blake3.Hash([], x));
        Wrong(32, x => Blake3.KeyedHash(x, [], k));
        Wrong(32, x => Blake3Hasher.Keyed(x));
        Assert.Throws<ArgumentOutOfRangeException>(() => Blake3.HashParallel([], k, -1));
    }

    // Nothing in, nothing out: empty input has a hash, empty output is no error, no items are no work.
    [Fact]
    public void Empty_is_defined() => EveryPath.Run(path =>
    {
        byte[] one = new byte[32], other = new byte[32];
        Blake3.Hash([], one);
        Assert.Equal("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262", Convert.ToHexStringLower(one));
        new Blake3Hasher().Finalize(other);
        Assert.Equal(one, other);
        Blake3.HashParallel([], other);
        Assert.Equal(one, other);
        Blake3.HashMany([], [0], [0], other);
        Assert.Equal(one, other);
        Blake3.HashMany([], [], [], []);
        Blake3.HashXof([1], []);
        Blake3.HashParallel([1], []);
        Blake3.KeyedHash(one, [1], []);
        Blake3.DeriveKey([], [], other);
        Blake3Hasher hasher = new();
        hasher.Update([]);
        hasher.Finalize([]);
        hasher.Finalize(other);
        Assert.Equal(one, other);
        Assert.Equal(0, BatchVerifier.Verify([]));
    });

    // Where output may lie over input the result is that of separate buffers.
    [Fact]
    public void Overlap_that_is_allowed_changes_nothing() => EveryPath.Run(path =>
    {
        byte[] data = new byte[5000], copy = new byte[5000], expected = new byte[300];
        new Random(3).NextBytes(data);
        foreach (int length in new[] { 32, 64, 65, 300, 1024, 1025, 5000 })
        {
            data.CopyTo(copy, 0);
            Blake3.HashXof(data.AsSpan(0, length), expected);
            Blake3.HashXof(copy.AsSpan(0, length), copy.AsSpan(0, 300));
            Assert.True(copy.AsSpan(0, 300).SequenceEqual(expected), $"{path.Name} hash of {length}");
            data.CopyTo(copy, 0);
            Blake3.KeyedHash(data.AsSpan(0, 32), data.AsSpan(0, length), expected);
            Blake3.KeyedHash(copy.AsSpan(0, 32), copy.AsSpan(0, length), copy.AsSpan(7, 300));
            Assert.True(copy.AsSpan(7, 300).SequenceEqual(expected), $"{path.Name} keyed hash of {length}");
        }

        byte[] pk = new byte[2592], sk = new byte[4896], pk2 = new byte[2592], sk2 = new byte[4896];
        MlDsa87.KeyGen(data.AsSpan(0, 32), pk, sk);
        data.AsSpan(0, 32).CopyTo(sk2.AsSpan(40));
        MlDsa87.KeyGen(sk2.AsSpan(40, 32), pk2, sk2);
        Assert.True(pk.AsSpan().SequenceEqual(pk2) && sk.AsSpan().SequenceEqual(sk2), path.Name);

        using MlDsa87Signer signer = new(data.AsSpan(0, 32));
        byte[] signature = new byte[4627], over = new byte[4627];
        signer.SignDeterministic(data.AsSpan(0, 4000), data.AsSpan(4000, 255), signature);
        data.AsSpan(0, 4627).CopyTo(over);
        signer.SignDeterministic(over.AsSpan(0, 4000), over.AsSpan(4000, 255), over);
        Assert.True(signature.AsSpan().SequenceEqual(over), path.Name);
        MlDsa87.ComputeMu(pk, data.AsSpan(0, 200), [], over.AsSpan(0, 64));
        data.CopyTo(copy, 0);
        MlDsa87.ComputeMu(pk, copy.AsSpan(0, 200), [], copy.AsSpan(0, 64));
        Assert.True(copy.AsSpan(0, 64).SequenceEqual(over.AsSpan(0, 64)), path.Name);
        signer.SignMu(copy.AsSpan(0, 64), copy.AsSpan(0, 4627));
        Assert.True(MlDsa87.Verify(pk, data.AsSpan(0, 200), [], copy.AsSpan(0, 4627)), path.Name);
    });

    // ML-KEM and X25519: the same, and what may not overlap is refused before anything is written.
    [Fact]
    public void Overlap_in_key_exchange()
    {
        byte[] data = new byte[64], ek = new byte[1184], dk = new byte[2400], ek2 = new byte[1184], dk2 = new byte[2400];
        new Random(4).NextBytes(data);
        MlKem768.KeyGen(data, ek, dk);
        foreach (int at in new[] { 0, 1152, 2336 })
        {
            data.CopyTo(dk2, at);
            MlKem768.KeyGen(dk2.AsSpan(at, 64), ek2, dk2);
            Assert.True(ek.AsSpan().SequenceEqual(ek2) && dk.AsSpan().SequenceEqual(dk2));
        }

        byte[] c = new byte[1088], k = new byte[32], opened = new byte[32], shared = new byte[2400];
        Assert.True(MlKem768.TryEncapsulate(ek, c, k));
        Assert.True(MlKem768.TryDecapsulate(dk, c, c.AsSpan(1000, 32)));
        Assert.Equal(k, c[1000..1032]);
        ek.CopyTo(shared, 0);
        Assert.True(MlKem768.TryEncapsulate(shared.AsSpan(0, 1184), c, shared.AsSpan(5, 32)));
        Assert.True(MlKem768.TryDecapsulate(dk, c, opened));
        Assert.Equal(opened, shared[5..37]);
        Assert.Throws<ArgumentException>(() => MlKem768.KeyGen(data, shared.AsSpan(0, 1184), shared));
        Assert.Throws<ArgumentException>(() => MlKem768.TryEncapsulate(shared.AsSpan(0, 1184), shared.AsSpan(1100, 1088), k));
        Assert.Throws<ArgumentException>(() => MlKem768.TryEncapsulate(ek, shared.AsSpan(0, 1088), shared.AsSpan(1080, 32)));
        Assert.Throws<ArgumentException>(() => HybridKem.TryEncapsulate(shared.AsSpan(0, 1216), shared.AsSpan(1200, 1120), k));
        Assert.Throws<ArgumentException>(() => HybridKem.TryEncapsulate(new byte[1216], shared.AsSpan(0, 1120), shared.AsSpan(0, 32)));
        byte[] both = new byte[6000];
        Assert.Throws<ArgumentException>(() => MlDsa87.KeyGen(new byte[32], both.AsSpan(0, 2592), both.AsSpan(1000, 4896)));
        Assert.Throws<ArgumentException>(() => Blake3.HashMany(both.AsSpan(0, 100), [0], [9], both.AsSpan(99, 32)));

        byte[] publicKey = new byte[32], agreed = new byte[32];
        X25519.PublicKey(data.AsSpan(0, 32), publicKey);
        X25519.TryAgree(data.AsSpan(32, 32), publicKey, agreed);
        Assert.True(X25519.TryAgree(data.AsSpan(32, 32), publicKey, publicKey));
        Assert.Equal(agreed, publicKey);
    }

    // A batch with a missing or disposed key is refused as a whole, and leaves no verdict of an earlier run to be believed.
    [Fact]
    public void A_batch_needs_all_its_keys()
    {
        using MlDsa87Signer signer = new(new byte[32]);
        using PreparedVerificationKey key = PreparedVerificationKey.Create(signer.PublicKey);
        PreparedVerificationKey disposed = PreparedVerificationKey.Create(signer.PublicKey);
        disposed.Dispose();
        byte[] signature = new byte[MlDsa87.SignatureBytes];
        signer.Sign([], [], signature);
        VerificationItem[] items = [.. Enumerable.Repeat(new VerificationItem { Key = key, Signature = signature }, 130)];
        Assert.Equal(130, BatchVerifier.Verify(items));
        items[129].Key = disposed;
        Assert.Throws<ObjectDisposedException>(() => BatchVerifier.Verify(items));
        Assert.DoesNotContain(items, item => item.Valid);
        items[0].Valid = true;
        items[129].Key = null!;
        Assert.Throws<ArgumentException>(() => BatchVerifier.Verify(items));
        Assert.DoesNotContain(items, item => item.Valid);
        Assert.Throws<ObjectDisposedException>(() => disposed.Verify([], [], signature));
        MlDsa87Signer gone = new(new byte[32]);
        gone.Dispose();
        Assert.Throws<ObjectDisposedException>(() => gone.Sign([], [], signature));
    }

    private static void Wrong(int right, Action<byte[]> call)
    {
        foreach (int length in new[] { 0, right - 1, right + 1 })
        {
            Assert.ThrowsAny<ArgumentException>(() => call(new byte[length]));
        }
    }

    private static void Never(int right, Func<byte[], bool> call)
    {
        foreach (int length in new[] { 0, right - 1, right + 1 })
        {
            Assert.False(call(new byte[length]));
        }
    }
}
