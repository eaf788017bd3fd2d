using System.Diagnostics;
using Validator.Crypto.Simd;
using Validator.Crypto.Simd.SelfTest;
using Validator.Tests.Processes;

namespace Validator.Tests.Crypto;

/// <summary>NIST's ACVP vectors and BLAKE3's official file, on every path of the processor.</summary>
[Collection(CpuPathTests.Name)]
public class OfficialVectorTests
{
    // Hash, keyed hash, key derivation, with extended output.
    [VectorFact("blake3/test_vectors.json")]
    public void Blake3_vectors() => Check("blake3/test_vectors.json", 35);

    // Key generation gives exactly the standard's bytes for the public and the secret key.
    [VectorFact("mldsa87/acvp-keyGen-87.json")]
    public void Key_generation() => Check("mldsa87/acvp-keyGen-87.json", 25);

    // Signing, hedged with the randomness given: external and internal interface.
    [VectorFact("mldsa87/acvp-sigGen-87.json")]
    public void Signing_gives_the_official_bytes() => Check("mldsa87/acvp-sigGen-87.json", 30);

    // The older internal-interface set, deterministic and hedged.
    [VectorFact("mldsa87/acvp-sigGen-internal-old-87.json")]
    public void Signing_internal() => Check("mldsa87/acvp-sigGen-internal-old-87.json", 20);

    // Verification accepts and rejects as NIST says, cold, prepared and batched: pure, pre-hash, external mu, internal.
    [VectorFact("mldsa87/acvp-sigVer-87.json")]
    public void Verification_gives_the_official_answers() => Check("mldsa87/acvp-sigVer-87.json", 60);

    // The older set, whose cases say why a signature is bad (modified message, z, hint, challenge).
    [VectorFact("mldsa87/acvp-sigVer-internal-old-withreason-87.json")]
    public void Verification_internal() => Check("mldsa87/acvp-sigVer-internal-old-withreason-87.json", 15);

    // ML-KEM's keys, byte for byte.
    [VectorFact("mlkem768/acvp-keyGen-768.json")]
    public void Kem_key_generation() => Check("mlkem768/acvp-keyGen-768.json", 25);

    // Encapsulations, decapsulations with implicit rejection, and checks of both keys.
    [VectorFact("mlkem768/acvp-encapDecap-768.json")]
    public void Encapsulation_and_decapsulation() => Check("mlkem768/acvp-encapDecap-768.json", 55);

    // The binary as published, another compiler's work, passes its own self-test and every vector, on every path it has.
    [VectorFact("mldsa87/acvp-sigVer-87.json")]
    public async Task The_published_binary_passes_every_vector()
    {
        string[] command = ProcessCluster.Binary.Command;
        ProcessStartInfo start = new(command[0], [.. command[1..], "selftest", "--vectors", VectorFiles.Folder!]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output);
        Assert.Contains("vectors on Scalar: 265 of 265 ok", output, StringComparison.Ordinal);
        Assert.Contains("vectors on AdvSimd: 265 of 265 ok", output, StringComparison.Ordinal);
    }

    private static void Check(string file, int cases) => EveryPath.Run(path =>
    {
        List<string> failures = [];
        Assert.Equal(cases, OfficialVectors.Check(file, VectorFiles.Load(file), failures.Add));
        Assert.True(failures.Count == 0, $"{path.Name}: {string.Join("; ", failures)}");
    });
}
