using Validator.Crypto.Simd;

namespace Validator.Tests.Crypto;

public class PreparedKeyCacheTests
{
    // Every key verifies its own signatures only, whatever was evicted before; hits are those of a plain model of an LRU.
    [Fact]
    public void Forgets_the_least_recently_used()
    {
        MlDsa87Signer[] signers = Enumerable.Range(0, 7).Select(i => new MlDsa87Signer(Enumerable.Repeat((byte)i, 32).ToArray())).ToArray();
        byte[][] signatures = signers.Select(signer =>
        {
            byte[] signature = new byte[MlDsa87.SignatureBytes];
            signer.Sign("message"u8, [], signature);
            return signature;
        }).ToArray();
        using PreparedKeyCache cache = new(4);
        List<int> model = [];
        long hits = 0;
        Random random = new(5);
        for (int round = 0; round < 300; round++)
        {
            int i = Math.Min(random.Next(8), random.Next(8)) % 7;
            hits += model.Remove(i) ? 1 : 0;
            model.Insert(0, i);
            model.RemoveRange(Math.Min(4, model.Count), model.Count - Math.Min(4, model.Count));
            using PreparedKeyCache.Lease lease = cache.Rent(signers[i].PublicKey);
            Assert.True(lease.Key.Verify("message"u8, [], signatures[i]));
            Assert.False(lease.Key.Verify("message"u8, [], signatures[(i + 1) % 7]));
            Assert.Equal(hits, cache.Hits);
            Assert.Equal(model.Count, cache.Count);
        }

        Assert.Equal(300, cache.Hits + cache.Misses);
        Assert.Throws<ArgumentException>(() => cache.Rent(new byte[5]).Dispose());
    }

    // A leased key is not overwritten: with all slots leased the next key gets memory of its own.
    [Fact]
    public void A_lease_keeps_its_key()
    {
        using MlDsa87Signer first = new(new byte[32]), second = new(Enumerable.Repeat((byte)1, 32).ToArray());
        byte[] signature = new byte[MlDsa87.SignatureBytes];
        first.Sign("m"u8, [], signature);
        using PreparedKeyCache cache = new(1);
        PreparedVerificationKey outside;
        using (PreparedKeyCache.Lease held = cache.Rent(first.PublicKey))
        {
            using (PreparedKeyCache.Lease other = cache.Rent(second.PublicKey))
            {
                outside = other.Key;
                Assert.False(outside.Verify("m"u8, [], signature));
                Assert.True(held.Key.Verify("m"u8, [], signature));
            }

            Assert.Throws<ObjectDisposedException>(() => outside.Verify("m"u8, [], signature));
        }

        using PreparedKeyCache.Lease evicting = cache.Rent(second.PublicKey);
        Assert.Equal(1, cache.Count);
        Assert.Equal(0, cache.Hits);
        Assert.False(evicting.Key.Verify("m"u8, [], signature));
    }
}
