using System.Diagnostics;
using System.Globalization;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Crypto.Simd;

namespace Validator.Bench.Macro;

/// <summary>Rates with a thread on every core, medians of rounds; under the JIT, as this program is.</summary>
/// <param name="ValidatedPerSecond">Transactions of 256 bytes: vertex decoded, ids and root hashed, structure checked; no
/// signature.</param>
/// <param name="ChecksPerSecond">ML-DSA-87 signatures, 64 prepared keys in random order, distinct signatures, batches of
/// 64.</param>
/// <param name="ColdChecksPerSecond">The same with keys that are not prepared.</param>
/// <param name="ByWorkers">Transactions of 512 bytes per second through the node's own validation, see <see
/// cref="WorkerRates"/>.</param>
internal sealed record InProcessRates(double ValidatedPerSecond, double ChecksPerSecond, double ColdChecksPerSecond, double[] ByWorkers)
{
    private const int TransactionBytes = 256;
    private const int TransactionsPerVertex = 500;
    private const int Keys = 64;
    private const int Signatures = 4096;
    private const int Batch = 64;
    private const int Rounds = 5;
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(600);

    public static InProcessRates Measure()
    {
        // 16 MB of distinct vertices a thread, so that they come from memory, like those from the network.
        byte[][] vertices = [.. Enumerable.Range(0, 128).Select(i => Samples.VertexFrame(i, TransactionsPerVertex, TransactionBytes))];
        VerificationItem[] items = Samples.Signatures(Keys, Signatures);
        return new InProcessRates(
            PerSecond(thread => Validating(vertices, thread)),
            PerSecond(thread => Checking(items, thread)),
            PerSecond(thread => CheckingCold(items, thread)),
            WorkerRates.Measure());
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"In process, {Environment.ProcessorCount} threads: {ValidatedPerSecond:#,0} transactions of 256 bytes/s decoded, hashed and checked; {ChecksPerSecond:#,0} signatures/s of 64 prepared keys, {ColdChecksPerSecond:#,0}/s of keys not prepared") + "\n" + WorkerRates.Line(ByWorkers);

    /// <summary>Runs a step on every core, again and again.</summary>
    /// <param name="prepare">Makes a thread's step, which returns how many operations it did.</param>
    private static double PerSecond(Func<int, Func<int>> prepare)
    {
        Func<int>[] steps = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(prepare)];
        List<double> rates = [];
        for (int round = 0; round <= Rounds; round++)
        {
            double total = 0;
            Thread[] threads = Array.ConvertAll(steps, step => new Thread(() =>
            {
                long start = Stopwatch.GetTimestamp();
                long done = 0;
                TimeSpan elapsed;
                while ((elapsed = Stopwatch.GetElapsedTime(start)) < Round)
                {
                    done += step();
                }

                lock (rates)
                {
                    total += done / elapsed.TotalSeconds;
                }
            }));
            Array.ForEach(threads, t => t.Start());
            Array.ForEach(threads, t => t.Join());
            rates.Add(total);
        }

        // The first round is the JIT's.
        return Math.Round(Statistics.Median(rates.Skip(1)));
    }

    private static Func<int> Validating(byte[][] vertices, int thread)
    {
        TransactionScratch scratch = new();
        GenesisParameters parameters = new();
        int at = thread * 17;
        return () =>
        {
            byte[] data = vertices[at++ % vertices.Length];
            Require.That(FrameCodec.TryRead(data, 4, out IMessage? message, out _));
            SignedVertex vertex = (SignedVertex)message;
            DecodeError error = VertexValidation.CheckPayload(vertex.Vertex, data.AsSpan(vertex.PayloadOffset(data.Length)), parameters, scratch);
            Require.That(error == DecodeError.None);
            return TransactionsPerVertex;
        };
    }

    private static Func<int> Checking(VerificationItem[] all, int thread)
    {
        VerificationItem[] items = [.. all];
        int at = thread * Batch;
        return () =>
        {
            at = (at + Batch) % Signatures;
            Require.That(BatchVerifier.Verify(items.AsSpan(at, Batch)) == Batch);
            return Batch;
        };
    }

    private static Func<int> CheckingCold(VerificationItem[] items, int thread)
    {
        int at = thread * Batch;
        return () =>
        {
            at = (at + 1) % Signatures;
            ref readonly VerificationItem item = ref items[at];
            Require.That(MlDsa87.Verify(item.Key.PublicKey, item.Message.Span, item.Context.Span, item.Signature.Span));
            return 1;
        };
    }
}
