using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Validator.Crypto.Simd;

namespace Validator.Tests.Crypto;

public class HybridKemTests
{
    private static readonly int Scale =
        int.TryParse(Environment.GetEnvironmentVariable("CRYPTO_CASES"), out int n) ? Math.Max(1, n) : 1;

    // RFC 7748, section 5.2: two products, the second with the ignored top bit set, and the iterated one.
    [Theory]
    [InlineData("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")]
    [InlineData("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957")]
    public void X25519_gives_the_products_of_the_rfc(string scalar, string point, string expected)
    {
        byte[] output = new byte[32];
        Assert.True(X25519.TryAgree(Convert.FromHexString(scalar), Convert.FromHexString(point), output));
        Assert.Equal(expected, Convert.ToHexStringLower(output));
    }

    // RFC 7748, sections 5.2 and 6.1: a thousand iterations, and the example of Alice and Bob.
    [Fact]
    public void X25519_gives_the_iterations_and_the_exchange_of_the_rfc()
    {
        byte[] k = new byte[32], u = new byte[32], next = new byte[32];
        k[0] = u[0] = 9;
        for (int i = 0; i < 1000; i++)
        {
            X25519.TryAgree(k, u, next);
            (k, u, next) = (next, k, u);
            if (i == 0)
            {
                Assert.Equal("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079", Convert.ToHexStringLower(k));
            }
        }

        Assert.Equal("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", Convert.ToHexStringLower(k));
        byte[] bob = Convert.FromHexString("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        byte[] alicePublic = Convert.FromHexString("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
        X25519.PublicKey(bob, u);
        Assert.Equal("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", Convert.ToHexStringLower(u));
        Assert.True(X25519.TryAgree(bob, alicePublic, u));
        Assert.Equal("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", Convert.ToHexStringLower(u));
    }

    // Every product is OpenSSL's, also of points at and beyond the modulus; points of small order are refused, as there.
    [Fact]
    public void X25519_is_that_of_openssl()
    {
        Random random = new(17);
        for (int i = 0; i < 100 * Scale; i++)
        {
            byte[] secret = new byte[32], point = new byte[32], ours = new byte[32], theirs = new byte[32];
            random.NextBytes(secret);
            random.NextBytes(point);
            if (i < 24)
            {
                // 2^255 - 20 and up, then 0, 1, 2 and so on: both representations of small values, two of them of small order.
                point.AsSpan().Fill((byte)(i < 20 ? 255 : 0));
                point[31] &= 127;
                point[0] = (byte)(i < 20 ? 236 + i : i - 20);
            }

            Assert.Equal(OpenSslKem.TryX25519(secret, point, theirs), X25519.TryAgree(secret, point, ours));
            Assert.Equal(theirs, ours);
        }
    }

    // The X-Wing draft's first vector: ciphertext (by its SHA-256) and shared secret.
    [Fact]
    public void The_hybrid_gives_the_drafts_vector()
    {
        byte[] seed = Convert.FromHexString("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
        byte[] random = Convert.FromHexString(
            "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e235b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2");
        byte[] publicKey = new byte[HybridKem.PublicKeyBytes], ciphertext = new byte[HybridKem.CiphertextBytes];
        byte[] secret = new byte[32], opened = new byte[32];
        HybridKem.PublicKey(seed, publicKey);
        Assert.True(HybridKem.TryEncapsulate(publicKey, random, ciphertext, secret));
        Assert.Equal("d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384", Convert.ToHexStringLower(secret));
        Assert.Equal("17cd532d657e44c897ca6583e548a5424fc70bf54f99515a4d2bcf99e3469f33", Convert.ToHexStringLower(SHA256.HashData(ciphertext)));
        Assert.True(HybridKem.TryDecapsulate(seed, ciphertext, opened));
        Assert.Equal(secret, opened);
    }

    // ML-KEM-768 against OpenSSL: the same key from a seed, either opens what the other sealed, and a changed ciphertext gives
    // both the same rejection secret.
    [Fact]
    public void Ml_kem_is_that_of_openssl()
    {
        Random random = new(19);
        for (int i = 0; i < 40 * Scale; i++)
        {
            byte[] seed = new byte[MlKem768.SeedBytes];
            random.NextBytes(seed);
            byte[] ek = new byte[MlKem768.EncapsulationKeyBytes], dk = new byte[MlKem768.DecapsulationKeyBytes];
            byte[] c = new byte[MlKem768.CiphertextBytes], ours = new byte[32], theirs = new byte[32];
            MlKem768.KeyGen(seed, ek, dk);
            using OpenSslKem key = OpenSslKem.FromMlKemSeed(seed);
            Assert.Equal(key.PublicKey(), ek);
            Assert.True(MlKem768.TryEncapsulate(ek, c, ours));
            key.Decapsulate(c, theirs);
            Assert.Equal(theirs, ours);
            key.Encapsulate(c, theirs);
            Assert.True(MlKem768.TryDecapsulate(dk, c, ours));
            Assert.Equal(theirs, ours);
            c[random.Next(c.Length)] ^= (byte)(1 << random.Next(8));
            key.Decapsulate(c, theirs);
            Assert.True(MlKem768.TryDecapsulate(dk, c, ours));
            Assert.Equal(theirs, ours);
        }
    }

    // Both parts matter: a change anywhere in the ciphertext gives another secret, never an error; bad lengths, keys that
    // ML-KEM forbids and X25519 keys of small order are refused.
    [Fact]
    public void The_hybrid_rejects_implicitly_and_checks_its_input()
    {
        byte[] seed = new byte[HybridKem.SeedBytes], publicKey = new byte[HybridKem.PublicKeyBytes];
        byte[] ciphertext = new byte[HybridKem.CiphertextBytes], secret = new byte[32], opened = new byte[32];
        HybridKem.PublicKey(seed, publicKey);
        Assert.True(HybridKem.TryEncapsulate(publicKey, ciphertext, secret));
        for (int i = 0; i < ciphertext.Length; i += 53)
        {
            ciphertext[i] ^= 4;
            Assert.True(HybridKem.TryDecapsulate(seed, ciphertext, opened));
            Assert.NotEqual(secret, opened);
            ciphertext[i] ^= 4;
        }

        Assert.False(HybridKem.TryDecapsulate(seed, ciphertext.AsSpan(1), opened));
        Assert.False(HybridKem.TryEncapsulate(publicKey.AsSpan(1), ciphertext, secret));
        Assert.Throws<ArgumentException>(() => HybridKem.TryDecapsulate(seed.AsSpan(1), ciphertext, opened));
        ciphertext.AsSpan(MlKem768.CiphertextBytes).Clear();
        Assert.False(HybridKem.TryDecapsulate(seed, ciphertext, opened));
        byte[] forbidden = [.. publicKey], small = [.. publicKey];
        forbidden[0] = 0xFF;
        forbidden[1] |= 0x0F;
        small.AsSpan(MlKem768.EncapsulationKeyBytes).Clear();
        Assert.False(HybridKem.TryEncapsulate(forbidden, ciphertext, secret));
        Assert.False(HybridKem.TryEncapsulate(small, ciphertext, secret));
    }
}

/// <summary>OpenSSL's X25519 and ML-KEM-768 through EVP.</summary>
internal sealed unsafe partial class OpenSslKem : IDisposable
{
    private const string Library = "validator_native";
    private const int X25519Type = 1034;
    private const int KeyPair = 0x87;

    private readonly nint _key;

    private OpenSslKem(nint key) => _key = key;

    internal static bool TryX25519(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> point, Span<byte> shared)
    {
        fixed (byte* s = secret, p = point, o = shared)
        {
            nint own = EVP_PKEY_new_raw_private_key(X25519Type, 0, s, 32), peer = EVP_PKEY_new_raw_public_key(X25519Type, 0, p, 32);
            nint context = EVP_PKEY_CTX_new_from_pkey(0, own, null);
            nuint length = 32;
            Assert.Equal(1, EVP_PKEY_derive_init(context));
            Assert.Equal(1, EVP_PKEY_derive_set_peer(context, peer));
            bool done = EVP_PKEY_derive(context, o, &length) == 1;
            if (!done)
            {
                shared.Clear();
            }

            EVP_PKEY_CTX_free(context);
            EVP_PKEY_free(peer);
            EVP_PKEY_free(own);
            return done;
        }
    }

    internal static OpenSslKem FromMlKemSeed(byte[] seed)
    {
        fixed (byte* s = seed, name = "seed\0"u8, algorithm = "ML-KEM-768\0"u8)
        {
            Parameter* parameters = stackalloc Parameter[2];
            parameters[0] = new Parameter { Key = name, Type = Parameter.OctetString, Data = s, Size = (nuint)seed.Length };
            parameters[1] = default;
            nint context = EVP_PKEY_CTX_new_from_name(0, algorithm, null), key = 0;
            Assert.Equal(1, EVP_PKEY_fromdata_init(context));
            Assert.Equal(1, EVP_PKEY_fromdata(context, &key, KeyPair, parameters));
            EVP_PKEY_CTX_free(context);
            return new OpenSslKem(key);
        }
    }

    internal byte[] PublicKey()
    {
        byte[] result = new byte[MlKem768.EncapsulationKeyBytes];
        nuint length = (nuint)result.Length;
        fixed (byte* r = result)
        {
            Assert.Equal(1, EVP_PKEY_get_raw_public_key(_key, r, &length));
        }

        return result;
    }

    internal void Encapsulate(byte[] ciphertext, byte[] secret)
    {
        nint context = EVP_PKEY_CTX_new_from_pkey(0, _key, null);
        nuint cipherLength = (nuint)ciphertext.Length, secretLength = (nuint)secret.Length;
        fixed (byte* c = ciphertext, s = secret)
        {
            Assert.Equal(1, EVP_PKEY_encapsulate_init(context, null));
            Assert.Equal(1, EVP_PKEY_encapsulate(context, c, &cipherLength, s, &secretLength));
        }

        EVP_PKEY_CTX_free(context);
    }

    internal void Decapsulate(byte[] ciphertext, byte[] secret)
    {
        nint context = EVP_PKEY_CTX_new_from_pkey(0, _key, null);
        nuint secretLength = (nuint)secret.Length;
        fixed (byte* c = ciphertext, s = secret)
        {
            Assert.Equal(1, EVP_PKEY_decapsulate_init(context, null));
            Assert.Equal(1, EVP_PKEY_decapsulate(context, s, &secretLength, c, (nuint)ciphertext.Length));
        }

        EVP_PKEY_CTX_free(context);
    }

    public void Dispose() => EVP_PKEY_free(_key);

    /// <summary>OSSL_PARAM.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    private struct Parameter
    {
        internal const uint OctetString = 5;
        internal byte* Key;
        internal uint Type;
        internal void* Data;
        internal nuint Size;
    }

    [LibraryImport(Library)]
    private static partial nint EVP_PKEY_new_raw_private_key(int type, nint engine, byte* key, nuint length);

    [LibraryImport(Library)]
    private static partial nint EVP_PKEY_new_raw_public_key(int type, nint engine, byte* key, nuint length);

    [LibraryImport(Library)]
    private static partial int EVP_PKEY_get_raw_public_key(nint key, byte* output, nuint* length);

    [LibraryImport(Library)]
    private static partial void EVP_PKEY_free(nint key);

    [LibraryImport(Library)]
    private static partial nint EVP_PKEY_CTX_new_from_pkey(nint library, nint key, byte* properties);

    [LibraryImport(Library)]
    private static partial nint EVP_PKEY_CTX_new_from_name(nint library, byte* name, byte* properties);

    [LibraryImport(Library)]
    private static partial void EVP_PKEY_CTX_free(nint context);

    [LibraryImport(Library)]
    private static partial int EVP_PKEY_fromdata_init(nint context);

    [LibraryImport(Library)]
    private static partial int EVP_PKEY_fromdata(nint context, nint* key, int selection, Parameter* parameters);

    [LibraryImport(Library)]
    private static partial int EVP_PKEY_derive_init(nint context);

    [LibraryImport(Library)]
    private static partial int EVP_PKEY_derive_set_peer(nint context, nint peer);

    [LibraryImport(Library)]
    private static partial int EVP_PKEY_derive(nint context, byte* key, nuint* length);

    [LibraryImport(Library)]
    private static partial int EVP_PKEY_encapsulate_init(nint context, Parameter* parameters);

    [LibraryImport(Library)]
    private static partial int EVP_PKEY_encapsulate(nint context, byte* wrapped, nuint* wrappedLength, byte* secret, nuint* secretLength);

    [LibraryImport(Library)]
    private static partial int EVP_PKEY_decapsulate_init(nint context, Parameter* parameters);

    [LibraryImport(Library)]
    private static partial int EVP_PKEY_decapsulate(nint context, byte* secret, nuint* secretLength, byte* wrapped, nuint wrappedLength);
}
