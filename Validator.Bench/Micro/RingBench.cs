using BenchmarkDotNet.Attributes;
using Validator.Net.Rings;

namespace Validator.Bench.Micro;

/// <summary>The pipeline's rings, per item: within one thread, and from one thread to another that spins.</summary>
[MemoryDiagnoser]
public class RingBench
{
    private const int Items = 100_000;

    private readonly SpscRing<long> _ring = new(1024);
    private readonly MpmcRing<long> _shared = new(1024);

    [Benchmark(OperationsPerInvoke = Items)]
    public long SpscOneThread()
    {
        long sum = 0;
        for (int i = 0; i < Items; i++)
        {
            _ring.TryEnqueue(i);
            _ring.TryDequeue(out long item);
            sum += item;
        }

        return sum;
    }

    [Benchmark(OperationsPerInvoke = Items)]
    public long MpmcOneThread()
    {
        long sum = 0;
        for (int i = 0; i < Items; i++)
        {
            _shared.TryEnqueue(i);
            _shared.TryDequeue(out long item);
            sum += item;
        }

        return sum;
    }

    [Benchmark(OperationsPerInvoke = Items)]
    public long SpscTwoThreads()
    {
        Thread producer = new(() =>
        {
            SpinWait spin = default;
            for (int i = 0; i < Items;)
            {
                if (_ring.TryEnqueue(i))
                {
                    i++;
                    continue;
                }

                spin.SpinOnce(sleep1Threshold: -1);
            }
        });
        producer.Start();
        long sum = 0;
        SpinWait wait = default;
        for (int taken = 0; taken < Items;)
        {
            if (_ring.TryDequeue(out long item))
            {
                sum += item;
                taken++;
                continue;
            }

            wait.SpinOnce(sleep1Threshold: -1);
        }

        producer.Join();
        return sum;
    }
}
