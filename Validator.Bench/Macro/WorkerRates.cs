using System.Diagnostics;
using System.Globalization;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Host.Storage;
using Validator.Net;
using Validator.Net.Buffers;
using Validator.Net.Rings;

namespace Validator.Bench.Macro;

/// <summary>
/// The rate of the validator's own validation by number of workers: received frames in, inputs for Core out, with all checks
/// between. It measures scheduler and rings beside the kernels. Zero workers: the scheduler does all of it.
/// </summary>
internal static class WorkerRates
{
    private const int Members = 4;
    private const int VerticesPerAuthor = 256;
    private const int Transactions = 100;
    private const int TransactionBytes = 512;
    private const int RingCapacity = 512;
    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(2);

    /// <returns>Transactions per second in signed vertices of a hundred, by workers from 0 on.</returns>
    public static double[] Measure(int mostWorkers = 2)
    {
        PinnedBufferPool pool = new(256L << 20, FrameLimits.MaxFrameBytes(Members));
        byte[][] seeds = [.. Enumerable.Range(1, Members).Select(i => Enumerable.Repeat((byte)i, 32).ToArray())];
        Hash256 chain = Hash256.Of("bench"u8);
        Genesis genesis = new("bench", 1, new GenesisParameters(), [.. seeds.Select(MemberOf)]);
        ReceivedFrame[][] lanes = [.. Enumerable.Range(1, Members - 1).Select(author => Lane(author, seeds[author], chain, pool))];
        ReceivedFrame[] mixed = [.. Enumerable.Range(0, VerticesPerAuthor).SelectMany(i => lanes.Select(lane => lane[i]))];
        return [.. Enumerable.Range(0, mostWorkers + 1).Select(workers => Math.Round(Run(genesis, chain, mixed, workers, pool)))];
    }

    public static string Line(double[] rates) => "Validation of signed vertices by workers (0: the scheduler alone), 512-byte transactions/s: "
        + string.Join(", ", rates.Select((rate, workers) => string.Create(CultureInfo.InvariantCulture, $"{workers}: {rate:#,0}")));

    private static Member MemberOf(byte[] seed, int index)
    {
        using MlDsa87Signer signer = new(seed);
        return new Member($"m{index}", signer.PublicKey.ToArray(), new byte[Limits.PublicKeyBytes], 1);
    }

    private static ReceivedFrame[] Lane(int author, byte[] seed, Hash256 chain, PinnedBufferPool pool)
    {
        using ConsensusSigner signer = new(seed);
        ReceivedFrame[] frames = new ReceivedFrame[VerticesPerAuthor];
        Hash256 predecessor = Hash256.Zero;
        byte[] preimage = new byte[SignedHeaderCodec.PreimageBytes];
        for (uint height = 1; height <= VerticesPerAuthor; height++)
        {
            (byte[] payload, Hash256 root) = Samples.Payload((author * VerticesPerAuthor) + (int)height, Transactions, TransactionBytes);
            VertexHeader header = VertexCodec.Seal(0, author, height, predecessor, new LaneTip[Members], root, (uint)payload.Length, Transactions);
            predecessor = header.Hash;
            SignedHeaderCodec.WritePreimage(new SignedHeader(MessageKind.Vertex, author, 0, 0, height, header.Hash), chain, preimage);
            byte[] signature = new byte[Limits.SignatureBytes];
            signer.Sign(MessageKind.Vertex, preimage, signature);
            SignedVertex frame = SignedVertex.Of(header, signature);
            Require.That(pool.TryRent(FrameCodec.EncodedSize(frame), out PooledBuffer? buffer));
            payload.CopyTo(buffer.Span[FrameCodec.Write(frame, buffer.Span)..]);
            frames[height - 1] = new ReceivedFrame(author, buffer);
        }

        return frames;
    }

    private static double Run(Genesis genesis, Hash256 chain, ReceivedFrame[] frames, int count, PinnedBufferPool pool)
    {
        using EpochBoard board = new(genesis.Members[0].ConsensusKey, epoch => [.. Enumerable.Range(0, epoch.Members.Length)]);
        board.Enter(EpochConfiguration.First(genesis, chain));
        TokenTable<PendingVertex> pending = FreePlaces.TableOf<PendingVertex>(2 * RingCapacity * (count + 2));
        using PreparedAccounts accounts = new(1);

        // A cache so small that each signature is checked again in the next round.
        ValidationContext context = new(
            genesis, board, chain, new SignatureCache(64), new VertexCache(1), pending, new PayloadBudget(long.MaxValue), pool, accounts, new NodeMetrics(),
            new PeerFaults(Members, static _ => { }, static (_, _) => { }));
        Topology topology = new(cores: 4 + count);
        FetchIntake fetches = new(Members, topology.ValidationToFetch);
        Faults faults = new();
        using Parker core = topology.Core.Loop.Parker;
        SpscRing<Input>[] rings = [topology.ValidationToCore.Ring, .. topology.Workers.Select(w => w.ToCore.Ring)];
        ValidationWorker[] workers =
            [.. topology.Workers.Select(stage => new ValidationWorker(new FrameValidator(context, new BatchedVerifier(chain)), fetches, stage, faults))];
        SpscRing<TransportEvent> events = new(RingCapacity);
        ValidationScheduler scheduler = new(new FrameValidator(context, new BatchedVerifier(chain)), events, fetches, topology, faults);
        StageLoop[] loops = [scheduler.Loop, .. workers.Select(w => w.Loop)];
        long taken = 0;
        bool ended = false;
        Thread sink = new(() =>
        {
            while (!Volatile.Read(ref ended))
            {
                core.Prepare();
                if (Array.TrueForAll(rings, r => r.IsEmpty))
                {
                    core.Park(100);
                }
                else
                {
                    core.Cancel();
                }

                foreach (SpscRing<Input> ring in rings)
                {
                    while (ring.TryDequeue(out Input input))
                    {
                        pending.Take(input.VertexToken)!.Drop();
                        taken++;
                    }
                }
            }
        });
        sink.Start();
        Array.ForEach(loops, l => l.Start(faults));
        int next = 0;
        Feed(WarmUp);
        long before = Volatile.Read(ref taken);
        long start = Stopwatch.GetTimestamp();
        Feed(Length);
        double rate = (Volatile.Read(ref taken) - before) * Transactions / Stopwatch.GetElapsedTime(start).TotalSeconds;
        Array.ForEach(loops, l => Require.That(l.Stop(10_000)));
        Volatile.Write(ref ended, true);
        sink.Join();
        Require.That(!faults.Faulted);
        return rate;

        void Feed(TimeSpan length)
        {
            for (long begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun) < length;)
            {
                ReceivedFrame frame = frames[next];
                if (events.TryEnqueue(new TransportEvent(TransportEventKind.Frame, Channel.Payload, frame.Peer, frame.Buffer.Retain())))
                {
                    next = (next + 1) % frames.Length;
                    continue;
                }

                frame.Buffer.Release();
                scheduler.Waker.Wake();
                Thread.Sleep(1);
            }
        }
    }

    private sealed class Faults : IFaultSink
    {
        public bool Faulted { get; private set; }

        public void Fail(int exitCode, string message, Exception? cause = null)
        {
            Faulted = true;
            Console.Error.WriteLine($"{message} {cause}");
        }
    }
}
