using System.Security.Cryptography;
using System.Text.Json;
using Validator.Crypto.Simd;

namespace Validator.Tests.Crypto;

/// <summary>NIST's ACVP vectors, on every path of the processor.</summary>
[Collection("cpu paths")]
public class MlDsa87VectorTests
{
    // Key generation gives exactly the standard's bytes for the public and the secret key.
    [VectorFact("mldsa87/acvp-keyGen-87.json")]
    public void Key_generation() => EveryPath.Run(path =>
    {
        foreach ((JsonElement _, JsonElement test) in Cases("mldsa87/acvp-keyGen-87.json"))
        {
            byte[] publicKey = new byte[MlDsa87.PublicKeyBytes];
            byte[] secretKey = new byte[MlDsa87.SecretKeyBytes];
            MlDsa87.KeyGen(test.Hex("seed"), publicKey, secretKey);
            Same(test.Hex("pk"), publicKey, path, test);
            Same(test.Hex("sk"), secretKey, path, test);
            using MlDsa87Signer signer = new(test.Hex("seed"));
            Same(publicKey, signer.PublicKey, path, test);
        }
    });

    // Signing: deterministic and hedged (randomness given), external and internal interface.
    [VectorFact("mldsa87/acvp-sigGen-87.json")]
    public void Signing() => EveryPath.Run(path => CheckSigning("mldsa87/acvp-sigGen-87.json", path));

    // The older internal-interface set, deterministic and hedged.
    [VectorFact("mldsa87/acvp-sigGen-internal-old-87.json")]
    public void Signing_internal() => EveryPath.Run(path => CheckSigning("mldsa87/acvp-sigGen-internal-old-87.json", path));

    // Verification accepts and rejects as NIST says: pure, pre-hash, external mu, internal.
    [VectorFact("mldsa87/acvp-sigVer-87.json")]
    public void Verification() => EveryPath.Run(path => CheckVerification("mldsa87/acvp-sigVer-87.json", path));

    // The older set, whose cases say why a signature is bad (modified message, z, hint, challenge).
    [VectorFact("mldsa87/acvp-sigVer-internal-old-withreason-87.json")]
    public void Verification_internal() =>
        EveryPath.Run(path => CheckVerification("mldsa87/acvp-sigVer-internal-old-withreason-87.json", path));

    private static void CheckSigning(string file, CpuPathCase path)
    {
        foreach ((JsonElement group, JsonElement test) in Cases(file))
        {
            using MlDsa87Signer? signer = MlDsa87Signer.TryImport(test.Hex("sk"));
            Assert.True(signer is not null, $"{path.Name} {test.GetProperty("tcId")}: import");
            byte[] mu = Mu(group, test, signer.PublicKey);
            byte[] random = test.TryGetProperty("rnd", out _) ? test.Hex("rnd") : new byte[32];
            byte[] signature = new byte[MlDsa87.SignatureBytes];
            signer.SignMu(mu, random, signature);
            Same(test.Hex("signature"), signature, path, test);
        }
    }

    private static void CheckVerification(string file, CpuPathCase path)
    {
        foreach ((JsonElement group, JsonElement test) in Cases(file))
        {
            byte[] publicKey = group.TryGetProperty("pk", out _) ? group.Hex("pk") : test.Hex("pk");
            byte[] signature = test.Hex("signature");
            bool expected = test.GetProperty("testPassed").GetBoolean();
            byte[] mu = Mu(group, test, publicKey);
            string name = $"{path.Name} {test.GetProperty("tcId")}";
            Assert.True(expected == MlDsa87.VerifyMu(publicKey, mu, signature), name);
            using PreparedVerificationKey key = PreparedVerificationKey.Create(publicKey);
            Assert.True(expected == key.VerifyMu(mu, signature), name + " prepared");
            if (group.TryGetProperty("preHash", out JsonElement preHash) && preHash.GetString() == "pure")
            {
                Assert.True(expected == MlDsa87.Verify(publicKey, test.Hex("message"), test.Hex("context"), signature), name);
                Assert.True(expected == key.Verify(test.Hex("message"), test.Hex("context"), signature), name);
            }
        }
    }

    /// <summary>mu as the group's interface defines it.</summary>
    private static byte[] Mu(JsonElement group, JsonElement test, ReadOnlySpan<byte> publicKey)
    {
        if (group.TryGetProperty("externalMu", out JsonElement external) && external.GetBoolean())
        {
            return test.Hex("mu");
        }

        byte[] mu = new byte[MlDsa87.MuBytes];
        byte[] message = test.Hex("message");
        byte[] context = test.Hex("context");
        string? preHash = group.TryGetProperty("preHash", out JsonElement value) ? value.GetString() : null;
        if (preHash == "pure")
        {
            MlDsa87.ComputeMu(publicKey, message, context, mu);
        }
        else
        {
            byte[] formatted = preHash is null
                ? message
                : [1, (byte)context.Length, .. context, .. PreHash(test.GetProperty("hashAlg").GetString()!, message)];
            MlDsa87.ComputeMuOfFormatted(publicKey, formatted, mu);
        }

        return mu;
    }

    /// <summary>Object identifier (arc 2.16.840.1.101.3.4.2) and digest of a pre-hash function (FIPS 204, section 5.4.1).</summary>
    private static byte[] PreHash(string name, byte[] message)
    {
        (byte last, byte[] digest) = name switch
        {
            "SHA2-256" => ((byte)1, SHA256.HashData(message)),
            "SHA2-384" => ((byte)2, SHA384.HashData(message)),
            "SHA2-512" => ((byte)3, SHA512.HashData(message)),
            "SHA2-224" => ((byte)4, PreHashReference.Compute("SHA2-224", message)),
            "SHA2-512/224" => ((byte)5, PreHashReference.Compute("SHA2-512/224", message)),
            "SHA2-512/256" => ((byte)6, PreHashReference.Compute("SHA2-512/256", message)),
            "SHA3-224" => ((byte)7, PreHashReference.Compute("SHA3-224", message)),
            "SHA3-256" => ((byte)8, SHA3_256.HashData(message)),
            "SHA3-384" => ((byte)9, SHA3_384.HashData(message)),
            "SHA3-512" => ((byte)10, SHA3_512.HashData(message)),
            "SHAKE-128" => ((byte)11, Shake128.HashData(message, 32)),
            "SHAKE-256" => ((byte)12, Shake256.HashData(message, 64)),
            _ => throw new InvalidDataException(name),
        };
        return [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last, .. digest];
    }

    private static IEnumerable<(JsonElement Group, JsonElement Test)> Cases(string file)
    {
        foreach (JsonElement group in VectorFiles.Load(file).GetProperty("testGroups").EnumerateArray())
        {
            foreach (JsonElement test in group.GetProperty("tests").EnumerateArray())
            {
                yield return (group, test);
            }
        }
    }

    private static void Same(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, CpuPathCase path, JsonElement test) =>
        Assert.True(expected.SequenceEqual(actual), $"{path.Name} {test.GetProperty("tcId")}");
}
