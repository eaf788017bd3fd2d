using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Kems;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Org.BouncyCastle.Pkcs;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.X509;
using Validator.Crypto.Simd;

namespace Validator.Tests.Crypto;

/// <summary>BouncyCastle as the third opinion on ML-DSA-87 and ML-KEM-768: it shares no code with ours or OpenSSL's.</summary>
[Collection(CpuPathTests.Name)]
public class BouncyCastleTests
{
    // The same seeds give the same keys, seeds and expanded, and the same deterministic signatures; each accepts the other's
    // hedged ones; a changed signature, message or context is refused by both.
    [Fact]
    public void Signatures_are_interchangeable()
    {
        Random random = new(31);
        for (int k = 0; k < 60; k++)
        {
            byte[] seed = Bytes(random, 32), message = Bytes(random, random.Next(3000)), context = Bytes(random, random.Next(256));
            MLDsaPrivateKeyParameters theirs = MLDsaPrivateKeyParameters.FromSeed(MLDsaParameters.ml_dsa_87, seed);
            byte[] expected = BouncyCastle.Sign(theirs, context, message, deterministic: true), hedged = BouncyCastle.Sign(theirs, context, message, deterministic: false);
            byte[] publicKey = new byte[MlDsa87.PublicKeyBytes], secretKey = new byte[MlDsa87.SecretKeyBytes], signature = new byte[MlDsa87.SignatureBytes];
            EveryPath.Run(path =>
            {
                MlDsa87.KeyGen(seed, publicKey, secretKey);
                Assert.True(theirs.GetPublicKeyEncoded().AsSpan().SequenceEqual(publicKey) && theirs.GetEncoded().AsSpan().SequenceEqual(secretKey), $"{path.Name} key {k}");
                using MlDsa87Signer ours = new(seed);
                ours.SignDeterministic(message, context, signature);
                Assert.True(expected.AsSpan().SequenceEqual(signature), $"{path.Name} signature {k}");
                Assert.True(MlDsa87.Verify(publicKey, message, context, hedged), $"{path.Name} ours on theirs {k}");
                ours.Sign(message, context, signature);
            });
            Assert.True(BouncyCastle.Verify(publicKey, context, message, signature), $"theirs on ours {k}");
            for (int i = 0; i < 12; i++)
            {
                byte[] forged = [.. signature], otherContext = [.. context, (byte)i], otherMessage = [.. message, (byte)i];
                int bit = random.Next(8 * forged.Length);
                forged[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.False(BouncyCastle.Verify(publicKey, context, message, forged) || MlDsa87.Verify(publicKey, message, context, forged), $"key {k}, bit {bit}");
                if (i == 0)
                {
                    Assert.False(BouncyCastle.Verify(publicKey, context, otherMessage, signature) || MlDsa87.Verify(publicKey, otherMessage, context, signature));
                    Assert.False(
                        otherContext.Length <= 255
                        && (BouncyCastle.Verify(publicKey, otherContext, message, signature) || MlDsa87.Verify(publicKey, message, otherContext, signature)));
                }
            }
        }
    }

    // Keys in the forms that other tools read and write: PKCS#8 with the seed, the expanded key, or both, and
    // SubjectPublicKeyInfo. What is inside is ours, and ours signs with what comes out.
    [Fact]
    public void Keys_travel_in_pkcs8_and_spki()
    {
        Random random = new(37);
        for (int k = 0; k < 8; k++)
        {
            byte[] seed = Bytes(random, 32), message = Bytes(random, 100), signature = new byte[MlDsa87.SignatureBytes];
            byte[] publicKey = new byte[MlDsa87.PublicKeyBytes], secretKey = new byte[MlDsa87.SecretKeyBytes];
            MlDsa87.KeyGen(seed, publicKey, secretKey);
            foreach (MLDsaPrivateKeyParameters.Format form in Enum.GetValues<MLDsaPrivateKeyParameters.Format>())
            {
                byte[] pkcs8 = PrivateKeyInfoFactory.CreatePrivateKeyInfo(MLDsaPrivateKeyParameters.FromSeed(MLDsaParameters.ml_dsa_87, seed, form)).GetDerEncoded();
                bool hasSeed = form != MLDsaPrivateKeyParameters.Format.EncodingOnly;
                Assert.Equal(hasSeed, pkcs8.AsSpan().IndexOf(seed) > 0);
                Assert.Equal(form != MLDsaPrivateKeyParameters.Format.SeedOnly, pkcs8.AsSpan().IndexOf(secretKey) > 0);
                MLDsaPrivateKeyParameters back = (MLDsaPrivateKeyParameters)PrivateKeyFactory.CreateKey(pkcs8);
                using MlDsa87Signer signer = hasSeed ? new MlDsa87Signer(back.GetSeed()) : MlDsa87Signer.TryImport(back.GetEncoded())!;
                Assert.True(signer.PublicKey.SequenceEqual(publicKey));
                signer.SignDeterministic(message, [], signature);
                Assert.Equal(BouncyCastle.Sign(back, [], message, deterministic: true), signature);
            }

            byte[] spki = SubjectPublicKeyInfoFactory.CreateSubjectPublicKeyInfo(MLDsaPublicKeyParameters.FromEncoding(MLDsaParameters.ml_dsa_87, publicKey)).GetDerEncoded();
            Assert.True(spki.AsSpan().EndsWith(publicKey));
            Assert.Equal(publicKey, ((MLDsaPublicKeyParameters)PublicKeyFactory.CreateKey(spki)).GetEncoded());

            // RFC 9881: a sequence of the algorithm, id-ml-dsa-87 without parameters, and the key as a bit string.
            Assert.Equal("30820A32300B060960864801650304031303820A2100", Convert.ToHexString(spki[..22]));
        }
    }

    // Secrets sealed by one are opened by the other, and a damaged ciphertext gives both the same other secret.
    [Fact]
    public void Sealed_secrets_are_interchangeable() => EveryPath.Run(path =>
    {
        Random random = new(41);
        byte[] publicKey = new byte[MlKem768.EncapsulationKeyBytes], secretKey = new byte[MlKem768.DecapsulationKeyBytes];
        byte[] ciphertext = new byte[MlKem768.CiphertextBytes], mine = new byte[32], other = new byte[32];
        for (int k = 0; k < 60; k++)
        {
            byte[] seed = Bytes(random, MlKem768.SeedBytes);
            MLKemPrivateKeyParameters theirs = MLKemPrivateKeyParameters.FromSeed(MLKemParameters.ml_kem_768, seed);
            MlKem768.KeyGen(seed, publicKey, secretKey);
            Assert.True(theirs.GetPublicKeyEncoded().AsSpan().SequenceEqual(publicKey) && theirs.GetEncoded().AsSpan().SequenceEqual(secretKey), $"{path.Name} key {k}");
            MLKemDecapsulator opener = new(MLKemParameters.ml_kem_768);
            opener.Init(theirs);
            Assert.True(MlKem768.TryEncapsulate(publicKey, ciphertext, mine));
            opener.Decapsulate(ciphertext, other);
            Assert.True(mine.AsSpan().SequenceEqual(other), $"{path.Name} theirs opens ours, {k}");
            MLKemEncapsulator sealer = new(MLKemParameters.ml_kem_768);
            sealer.Init(theirs.GetPublicKey());
            sealer.Encapsulate(ciphertext, other);
            Assert.True(MlKem768.TryDecapsulate(secretKey, ciphertext, mine) && mine.AsSpan().SequenceEqual(other), $"{path.Name} ours opens theirs, {k}");
            ciphertext[random.Next(ciphertext.Length)] ^= (byte)(1 << random.Next(8));
            opener.Decapsulate(ciphertext, other);
            Assert.True(MlKem768.TryDecapsulate(secretKey, ciphertext, mine) && mine.AsSpan().SequenceEqual(other), $"{path.Name} damaged, {k}");
        }
    });

    private static byte[] Bytes(Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}

internal static class BouncyCastle
{
    public static byte[] Sign(MLDsaPrivateKeyParameters key, byte[] context, byte[] message, bool deterministic)
    {
        MLDsaSigner signer = new(MLDsaParameters.ml_dsa_87, deterministic);
        signer.Init(true, new ParametersWithContext(deterministic ? key : new ParametersWithRandom(key), context));
        signer.BlockUpdate(message, 0, message.Length);
        return signer.GenerateSignature();
    }

    public static bool Verify(byte[] publicKey, byte[] context, byte[] message, byte[] signature)
    {
        MLDsaSigner signer = new(MLDsaParameters.ml_dsa_87, true);
        signer.Init(false, new ParametersWithContext(MLDsaPublicKeyParameters.FromEncoding(MLDsaParameters.ml_dsa_87, publicKey), context));
        signer.BlockUpdate(message, 0, message.Length);
        return signer.VerifySignature(signature);
    }
}
