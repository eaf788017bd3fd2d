using System.Security.Cryptography;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Crypto.Simd;
using Validator.Net.Native;

namespace Validator.Bench.Macro;

/// <summary>
/// Parts of the data path against other work under the same clock, caches and neighbours: by turns, many rounds, median of the
/// rounds' ratios. On the AVX2 path everywhere, so that one bound serves all machines.
/// </summary>
internal static class GuardParts
{
    private const int Rounds = 25;
    private const int Batch = 64;
    private const int Transactions = 500;
    private static readonly TimeSpan Part = TimeSpan.FromMilliseconds(12);

    public static List<Guard.Check> Measure()
    {
        CpuPaths.Force(CpuPath.Avx2);
        VerificationItem[] items = Samples.Signatures(16, Batch);
        byte[] vertex = Samples.VertexFrame(1, Transactions, 256);
        byte[] vote = Samples.VoteFrame();
        byte[] sink = new byte[MlDsa87.SignatureBytes];
        TransactionScratch scratch = new();
        GenesisParameters parameters = new();
        byte[] seed = new byte[32];
        using MlDsa87Signer signer = new(seed);
        using OpenSslMlDsa87 openSslSigner = OpenSslMlDsa87.FromSeed(seed);
        Require.That(OpenSslMlDsa87.TryFromPublicKey(signer.PublicKey, out OpenSslMlDsa87 openSsl));
        signer.Sign(vote.AsSpan(0, 64), [1], sink);
        byte[] signature = [.. sink];
        int number = 0;

        int Verify() => BatchVerifier.Verify(items);
        int VerifyOpenSsl() => openSsl.Verify([1], vote.AsSpan(0, 64), signature) ? 1 : 0;
        int HashVertex() => scratch.TryCompute(vertex.AsSpan(vertex.Length - (Transactions * PayloadWriter.Size(256))), Transactions, out _, out _) ? Transactions : 0;
        int Sha()
        {
            for (int i = 0; i < Transactions; i++)
            {
                SHA256.HashData(vertex.AsSpan(vertex.Length - ((i + 1) * PayloadWriter.Size(256)), 257), sink.AsSpan(0, 32));
            }

            return Transactions;
        }

        int ValidateVertex() => FrameCodec.TryRead(vertex, 4, out IMessage? message, out _) && message is SignedVertex signed
            && VertexValidation.CheckPayload(signed.Vertex, vertex.AsSpan(signed.PayloadOffset(vertex.Length)), parameters, scratch) == DecodeError.None ? Transactions : 0;
        int DecodeVote() => FrameCodec.TryRead(vote, 4, out _, out _) ? 1 : 0;
        int Sign()
        {
            seed[0] = (byte)number++;
            signer.Sign(seed, [1], sink);
            return 1;
        }

        int SignOpenSsl()
        {
            seed[0] = (byte)number++;
            openSslSigner.Sign([1], seed, sink);
            return 1;
        }

        List<Guard.Check> checks =
        [
            new("ML-DSA-87 verify, batches of 64, 16 keys: times as fast as OpenSSL", Ratio(Verify, VerifyOpenSsl), 15, true),
            new("ML-DSA-87 sign: times as fast as OpenSSL", Ratio(Sign, SignOpenSsl), 6, true),
            new("ids of 257 bytes by BLAKE3, many: times as fast as SHA-256", Ratio(HashVertex, Sha), 3, true),
            new("a vertex validated: times its hashing alone", Ratio(HashVertex, ValidateVertex), 1.6, false),
            new("a vote decoded: times a SHA-256 of 257 bytes", Ratio(Sha, DecodeVote), 4, false),
            new("bytes allocated by a batch of 64 verifications", Allocated(Verify), 0, false, true),
            new("bytes allocated by hashing a vertex", Allocated(HashVertex), 0, false, true),
            new("bytes allocated by decoding and validating a vertex of 500", Allocated(ValidateVertex), 6000, false, true),
        ];
        CpuPaths.Force(CpuPaths.Best);
        return checks;
    }

    /// <summary>How many times as long <paramref name="slow"/> takes per operation as <paramref name="fast"/>.</summary>
    private static double Ratio(Func<int> fast, Func<int> slow)
    {
        Spend(fast, Part * 20);
        Spend(slow, Part * 20);
        double[] ratios = new double[Rounds];
        for (int i = 0; i < Rounds; i++)
        {
            double fastly = Spend(fast, Part);
            ratios[i] = Spend(slow, Part) / fastly;
        }

        return Statistics.Median(ratios);
    }

    /// <summary>Processor seconds per operation. The process does nothing else meanwhile, so its time is this work's.</summary>
    private static double Spend(Func<int> work, TimeSpan atLeast)
    {
        TimeSpan start = Environment.CpuUsage.TotalTime;
        long done = 0;
        TimeSpan spent;
        do
        {
            int operations = work();
            Require.That(operations > 0);
            done += operations;
            spent = Environment.CpuUsage.TotalTime - start;
        }
        while (spent < atLeast);
        return spent.TotalSeconds / done;
    }

    private static double Allocated(Func<int> work)
    {
        const int Repeats = 100;
        work();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Repeats; i++)
        {
            work();
        }

        return (GC.GetAllocatedBytesForCurrentThread() - before) / (double)Repeats;
    }
}
