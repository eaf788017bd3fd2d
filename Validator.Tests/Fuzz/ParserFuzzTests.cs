using System.Diagnostics;
using Validator.Tests.Processes;

namespace Validator.Tests.Fuzz;

/// <summary>
/// Every parser against inputs that are almost right: none may throw what its callers do not expect, hang, or take memory that
/// the input does not justify; binary ones accept canonical bytes alone. Ten million inputs each with <c>make abuse</c>, in eight
/// minutes at most, said where that stops it; some thousands with <c>make test</c>. What `make fuzz` found to reach further is
/// among the seeds.
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class ParserFuzzTests
{
    private static readonly TimeSpan s_most = TimeSpan.FromMinutes(8);

    public static TheoryData<string> Names => [.. ParserTargets.All().Select(target => target.Name)];

    // Protects every validator from bytes of peers, clients, disks and operators.
    [Theory]
    [MemberData(nameof(Names))]
    public void Survives_any_input(string name) => Run(ParserTargets.All().Single(target => target.Name == name));

    // Protects an operator from a stack trace: what fuzzing or reading found once.
    [Theory]
    [InlineData("change-json", "{\"format\":1,\"chain_id\":\"\",\"epoch\":2,\"kind\":\"Leave\",\"name\":\"a\",\"signatures\":[null]}")]
    [InlineData("genesis-json", "{\"format\":1,\"network\":\"t\",\"timestamp_micros\":1,\"parameters\":{\"window_blocks\":1,\"timestamp_bound_micros\":1,\"max_vertex_payload_bytes\":1,\"max_block_vertices\":1,\"dedup_window\":1,\"epoch_length_blocks\":1},\"members\":[null]}")]
    [InlineData("configuration", "[node]\nid = \"a\"\ndata_dir = \"a\\u0000\"")]
    public void Survives_what_was_found(string name, string text) =>
        ParserTargets.LookAt(name, System.Text.Encoding.UTF8.GetBytes(text), ParserTargets.All().Single(target => target.Name == name).Begin());

    /// <summary>Runs a worker per processor until the count, or the time, is reached.</summary>
    private static void Run(ParserTarget target)
    {
        const int Stride = 1024;
        byte[][] seeds = target.Seeds();
        long count = Abuse.Size(20_000, 10_000_000), start = Stopwatch.GetTimestamp(), done = 0, largest = 0;
        int workers = Environment.ProcessorCount;
        Parallel.For(0, workers, new ParallelOptions { MaxDegreeOfParallelism = workers }, worker =>
        {
            Mutator mutator = new(seeds, target.Most, worker + 1);
            Look look = target.Begin();
            long greatest = 0;
            foreach (byte[] seed in seeds)
            {
                ParserTargets.LookAt(target.Name, seed, look);
            }

            // Whoever is faster takes more.
            while (Volatile.Read(ref done) < count && Stopwatch.GetElapsedTime(start) < s_most)
            {
                for (int i = 0; i < Stride; i++)
                {
                    greatest = Math.Max(greatest, ParserTargets.LookAt(target.Name, mutator.Next(), look));
                }

                Interlocked.Add(ref done, Stride);
            }

            InterlockedMax(ref largest, greatest);
        });
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        string stopped = done < count ? $", stopped by the time of {s_most.TotalMinutes:0} minutes before {count:N0}" : "";
        Abuse.Print($"fuzzing {target.Name}: {done:N0} inputs in {seconds:0} s ({done / seconds:N0} a second), at most {largest / 1024} KB for one{stopped}");
    }

    private static void InterlockedMax(ref long largest, long value)
    {
        for (long seen = Volatile.Read(ref largest); value > seen;)
        {
            long before = Interlocked.CompareExchange(ref largest, value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }
}
