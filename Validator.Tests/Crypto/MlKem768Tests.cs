using Validator.Crypto.Simd;
using Validator.Crypto.Simd.Lattice;

namespace Validator.Tests.Crypto;

public unsafe class MlKem768Tests
{
    // Both sides agree; a ciphertext changed in any byte gives another secret, the same each time; bad lengths are refused.
    [Fact]
    public void Secrets_agree_and_forgeries_are_rejected_implicitly()
    {
        byte[] seed = Enumerable.Range(0, 64).Select(i => (byte)i).ToArray();
        byte[] ek = new byte[MlKem768.EncapsulationKeyBytes], dk = new byte[MlKem768.DecapsulationKeyBytes];
        byte[] c = new byte[MlKem768.CiphertextBytes], ours = new byte[32], theirs = new byte[32], again = new byte[32];
        MlKem768.KeyGen(seed, ek, dk);
        for (int i = 0; i < 40; i++)
        {
            Assert.True(MlKem768.TryEncapsulate(ek, c, ours));
            Assert.True(MlKem768.TryDecapsulate(dk, c, theirs));
            Assert.Equal(ours, theirs);
            c[i * 27] ^= (byte)(1 << (i % 8));
            Assert.True(MlKem768.TryDecapsulate(dk, c, theirs));
            Assert.True(MlKem768.TryDecapsulate(dk, c, again));
            Assert.NotEqual(ours, theirs);
            Assert.Equal(theirs, again);
        }

        Assert.False(MlKem768.TryDecapsulate(dk, c.AsSpan(1), theirs));
        Assert.False(MlKem768.TryEncapsulate(ek.AsSpan(1), c, ours));
        ek[0] = 0xFF;
        ek[1] |= 0x0F;
        Assert.False(MlKem768.TryEncapsulate(ek, c, ours));
    }

    // Compression by reciprocal is the rounding the standard defines, for every coefficient and width used.
    [Fact]
    public void Compression_is_exact()
    {
        ushort* poly = stackalloc ushort[256];
        byte* packed = stackalloc byte[320];
        foreach (int d in new[] { 1, 4, 10 })
        {
            for (int first = 0; first < KyberPoly.Q; first += 256)
            {
                for (int i = 0; i < 256; i++)
                {
                    poly[i] = (ushort)Math.Min(first + i, KyberPoly.Q - 1);
                }

                KyberPoly.CompressEncode(poly, d, packed);
                for (int i = 0; i < 256; i++)
                {
                    int expected = (((poly[i] << (d + 1)) + KyberPoly.Q) / (2 * KyberPoly.Q)) & ((1 << d) - 1);
                    int actual = 0;
                    for (int bit = 0; bit < d; bit++)
                    {
                        actual |= ((packed[((i * d) + bit) / 8] >> (((i * d) + bit) % 8)) & 1) << bit;
                    }

                    Assert.Equal(expected, actual);
                }
            }
        }
    }
}
