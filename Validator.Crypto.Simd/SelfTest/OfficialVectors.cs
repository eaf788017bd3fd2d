using System.Text;
using System.Text.Json;

namespace Validator.Crypto.Simd.SelfTest;

/// <summary>
/// NIST's ACVP vectors of ML-DSA-87 and ML-KEM-768 and BLAKE3's official ones, from their files, on the path in use. One reading
/// of the files for the tests and for the published binary, `validator selftest --vectors`.
/// </summary>
public static class OfficialVectors
{
    private static readonly (string Name, Func<JsonElement, Action<string>, int> Check)[] s_files =
    [
        ("blake3/test_vectors.json", Blake3Cases),
        ("mldsa87/acvp-keyGen-87.json", (file, failed) => Each(file, failed, DsaKeyGen)),
        ("mldsa87/acvp-sigGen-87.json", (file, failed) => Each(file, failed, DsaSign)),
        ("mldsa87/acvp-sigGen-internal-old-87.json", (file, failed) => Each(file, failed, DsaSign)),
        ("mldsa87/acvp-sigVer-87.json", (file, failed) => Each(file, failed, DsaVerify)),
        ("mldsa87/acvp-sigVer-internal-old-withreason-87.json", (file, failed) => Each(file, failed, DsaVerify)),
        ("mlkem768/acvp-keyGen-768.json", (file, failed) => Each(file, failed, KemKeyGen)),
        ("mlkem768/acvp-encapDecap-768.json", (file, failed) => Each(file, failed, KemCase)),
    ];

    /// <summary>
    /// Checks all files below <paramref name="folder"/> on every path; writes a line each. False if one is missing.
    /// </summary>
    public static bool Run(string folder, TextWriter output)
    {
        CpuPath before = CpuPaths.Current;
        bool passed = true;
        int[] cases = new int[(int)CpuPath.Avx512 + 1], failures = new int[cases.Length];
        try
        {
            foreach ((string name, Func<JsonElement, Action<string>, int> check) in s_files)
            {
                string path = Path.Combine(folder, name);
                if (!File.Exists(path))
                {
                    output.WriteLine($"{path}: missing");
                    passed = false;
                    continue;
                }

                using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
                for (int i = 0; i < cases.Length; i++)
                {
                    if (CpuPaths.CanRun((CpuPath)i))
                    {
                        CpuPaths.Force((CpuPath)i);
                        cases[i] += check(document.RootElement, failure =>
                        {
                            failures[i]++;
                            output.WriteLine($"{name} on {(CpuPath)i}: FAILED: {failure}");
                        });
                    }
                }
            }
        }
        finally
        {
            CpuPaths.Force(before);
        }

        for (int i = 0; i < cases.Length; i++)
        {
            if (cases[i] > 0)
            {
                output.WriteLine($"vectors on {(CpuPath)i}: {cases[i] - failures[i]} of {cases[i]} ok");
                passed &= failures[i] == 0;
            }
        }

        return passed;
    }

    /// <summary>Checks one file, named as below the folder of vectors, on the path in use. Returns the number of cases.</summary>
    internal static int Check(string name, JsonElement file, Action<string> failed) =>
        Array.Find(s_files, entry => entry.Name == name).Check(file, failed);

    /// <summary>Runs every case; one has failed if the check names something that differs.</summary>
    private static int Each(JsonElement file, Action<string> failed, Func<JsonElement, JsonElement, string?> check)
    {
        int count = 0;
        foreach (JsonElement group in file.GetProperty("testGroups").EnumerateArray())
        {
            foreach (JsonElement test in group.GetProperty("tests").EnumerateArray())
            {
                count++;
                if (check(group, test) is { } different)
                {
                    failed($"case {test.GetProperty("tcId")}: {different}");
                }
            }
        }

        return count;
    }

    private static int Blake3Cases(JsonElement file, Action<string> failed)
    {
        byte[] key = Encoding.ASCII.GetBytes(file.GetProperty("key").GetString()!);
        byte[] context = Encoding.ASCII.GetBytes(file.GetProperty("context_string").GetString()!);
        int count = 0;
        foreach (JsonElement test in file.GetProperty("cases").EnumerateArray())
        {
            count++;
            byte[] input = new byte[test.GetProperty("input_len").GetInt32()];
            for (int i = 0; i < input.Length; i++)
            {
                input[i] = (byte)(i % 251);
            }

            byte[] expected = Hex(test, "hash"), hash = new byte[expected.Length], keyed = new byte[expected.Length], derived = new byte[expected.Length];
            Blake3.HashXof(input, hash);
            Blake3.KeyedHash(key, input, keyed);
            Blake3.DeriveKey(context, input, derived);
            if (!Same(hash, expected) || !Same(keyed, Hex(test, "keyed_hash")) || !Same(derived, Hex(test, "derive_key")))
            {
                failed($"{input.Length} bytes");
            }
        }

        return count;
    }

    private static string? DsaKeyGen(JsonElement group, JsonElement test)
    {
        byte[] publicKey = new byte[MlDsa87.PublicKeyBytes], secretKey = new byte[MlDsa87.SecretKeyBytes];
        MlDsa87.KeyGen(Hex(test, "seed"), publicKey, secretKey);
        using MlDsa87Signer signer = new(Hex(test, "seed"));
        return !Same(publicKey, Hex(test, "pk")) ? "public key"
            : !Same(secretKey, Hex(test, "sk")) ? "secret key"
            : !Same(signer.PublicKey, publicKey) ? "the signer's public key"
            : null;
    }

    /// <summary>Signatures with the randomness given, by the external and the internal interface.</summary>
    private static string? DsaSign(JsonElement group, JsonElement test)
    {
        using MlDsa87Signer? signer = MlDsa87Signer.TryImport(Hex(test, "sk"));
        if (signer is null)
        {
            return "import";
        }

        byte[] signature = new byte[MlDsa87.SignatureBytes];
        signer.SignMu(Mu(group, test, signer.PublicKey), test.TryGetProperty("rnd", out _) ? Hex(test, "rnd") : new byte[32], signature);
        return Same(signature, Hex(test, "signature")) ? null : "signature";
    }

    /// <summary>Verdicts of the cold, the prepared and, where the case is for that interface, the batched check.</summary>
    private static string? DsaVerify(JsonElement group, JsonElement test)
    {
        byte[] publicKey = group.TryGetProperty("pk", out _) ? Hex(group, "pk") : Hex(test, "pk"), signature = Hex(test, "signature");
        byte[] mu = Mu(group, test, publicKey);
        bool expected = test.GetProperty("testPassed").GetBoolean();
        using PreparedVerificationKey key = PreparedVerificationKey.Create(publicKey);
        if (MlDsa87.VerifyMu(publicKey, mu, signature) != expected || key.VerifyMu(mu, signature) != expected)
        {
            return "verdict on mu";
        }

        if (Text(group, "preHash") != "pure")
        {
            return null;
        }

        byte[] message = Hex(test, "message"), context = Hex(test, "context");
        VerificationItem[] twice = new VerificationItem[2];
        Array.Fill(twice, new VerificationItem { Key = key, Message = message, Context = context, Signature = signature });
        bool batched = BatchVerifier.Verify(twice) == 2;
        return MlDsa87.Verify(publicKey, message, context, signature) != expected ? "verdict"
            : key.Verify(message, context, signature) != expected ? "prepared verdict"
            : batched != expected ? "batched verdict"
            : null;
    }

    /// <summary>mu as the group's interface defines it: given, or of a pure, pre-hashed or already formatted message.</summary>
    private static byte[] Mu(JsonElement group, JsonElement test, ReadOnlySpan<byte> publicKey)
    {
        if (test.TryGetProperty("mu", out _))
        {
            return Hex(test, "mu");
        }

        byte[] mu = new byte[MlDsa87.MuBytes], message = Hex(test, "message"), context = Hex(test, "context");
        switch (Text(group, "preHash"))
        {
            case "pure":
                MlDsa87.ComputeMu(publicKey, message, context, mu);
                break;
            case "preHash":
                byte[] digest = PreHash.Of(Text(test, "hashAlg")!, message);
                MlDsa87.ComputeMuOfFormatted(publicKey, [1, (byte)context.Length, .. context, .. digest], mu);
                break;
            default:
                MlDsa87.ComputeMuOfFormatted(publicKey, message, mu);
                break;
        }

        return mu;
    }

    private static string? KemKeyGen(JsonElement group, JsonElement test)
    {
        byte[] ek = new byte[MlKem768.EncapsulationKeyBytes], dk = new byte[MlKem768.DecapsulationKeyBytes];
        MlKem768.KeyGen([.. Hex(test, "d"), .. Hex(test, "z")], ek, dk);
        return !Same(ek, Hex(test, "ek")) ? "encapsulation key" : !Same(dk, Hex(test, "dk")) ? "decapsulation key" : null;
    }

    private static string? KemCase(JsonElement group, JsonElement test)
    {
        byte[] c = new byte[MlKem768.CiphertextBytes], k = new byte[MlKem768.SharedSecretBytes];
        bool good = Text(group, "function") switch
        {
            "encapsulation" => MlKem768.TryEncapsulate(Hex(test, "ek"), Hex(test, "m"), c, k) && Same(c, Hex(test, "c")) && Same(k, Hex(test, "k")),
            "decapsulation" => MlKem768.TryDecapsulate(Hex(test, "dk"), Hex(test, "c"), k) && Same(k, Hex(test, "k")),
            "decapsulationKeyCheck" => MlKem768.IsDecapsulationKey(Hex(test, "dk")) == test.GetProperty("testPassed").GetBoolean(),
            "encapsulationKeyCheck" => MlKem768.IsEncapsulationKey(Hex(test, "ek")) == test.GetProperty("testPassed").GetBoolean(),
            _ => false,
        };
        return good ? null : Text(group, "function") ?? "function";
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;

    private static byte[] Hex(JsonElement element, string name) => Convert.FromHexString(Text(element, name) ?? "");

    private static bool Same(ReadOnlySpan<byte> actual, ReadOnlySpan<byte> expected) => actual.SequenceEqual(expected);
}
