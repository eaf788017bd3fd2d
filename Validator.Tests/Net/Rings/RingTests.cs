using FsCheck;
using FsCheck.Fluent;
using Validator.Net.Rings;

namespace Validator.Tests.Net.Rings;

public class RingTests
{
    // Protects the ring's contract: any sequence of puts and takes behaves as a bounded queue.
    [Fact]
    public void A_ring_is_a_bounded_queue()
    {
        Prop.ForAll<bool[]>(puts =>
        {
            var ring = new SpscRing<int>(8);
            var model = new Queue<int>();
            for (int i = 0; i < puts.Length; i++)
            {
                if (puts[i])
                {
                    bool fits = model.Count < ring.Capacity;
                    if (ring.TryEnqueue(i) != fits) return false;
                    if (fits) model.Enqueue(i);
                }
                else
                {
                    bool peeked = ring.TryPeek(out int seen);
                    bool any = model.TryDequeue(out int expected);
                    if (peeked != any || ring.TryDequeue(out int actual) != any) return false;
                    if (any && (expected != actual || seen != expected)) return false;
                }
                if (ring.Count != model.Count || ring.IsEmpty != (model.Count == 0) || ring.FreeSlots() != ring.Capacity - model.Count) return false;
            }
            return true;
        }).QuickCheckThrowOnFailure();
    }

    // Protects publication between two threads, and that no wake-up is lost: every item arrives once and in order.
    [Fact]
    public void Two_threads_pass_every_item_in_order()
    {
        const int items = 300_000;
        var ring = new SpscRing<(int Value, object Reference)>(64);
        using var parker = new Parker();
        var marker = new object();
        var producer = new Thread(() =>
        {
            for (int i = 0; i < items; i++)
            {
                while (!ring.TryEnqueue((i, marker)))
                {
                    parker.Wake();
                    Thread.Yield();
                }
                // Gaps, so that the consumer really sleeps now and then.
                if (i % 10_000 == 0) Thread.Sleep(1);
                if (i % 16 == 15) parker.Wake();
            }
            parker.Wake();
        });
        producer.Start();
        int next = 0;
        while (next < items)
        {
            while (ring.TryDequeue(out (int Value, object Reference) item))
            {
                Assert.Equal(next++, item.Value);
                Assert.Same(marker, item.Reference);
            }
            parker.Prepare();
            if (!ring.IsEmpty || next == items) parker.Cancel();
            else Assert.True(parker.Park(10_000), "a wake-up was lost");
        }
        producer.Join();
    }

    // Protects the pool's free lists: with several producers and consumers each item comes out exactly once.
    [Fact]
    public void Many_threads_share_every_item_once()
    {
        const int perThread = 50_000;
        var ring = new MpmcRing<int>(128);
        int[] seen = new int[2 * perThread];
        int taken = 0;
        var threads = new List<Thread>();
        for (int t = 0; t < 2; t++)
        {
            int from = t * perThread;
            threads.Add(new Thread(() =>
            {
                for (int i = from; i < from + perThread; i++)
                {
                    while (!ring.TryEnqueue(i)) Thread.Yield();
                }
            }));
            threads.Add(new Thread(() =>
            {
                while (Volatile.Read(ref taken) < 2 * perThread)
                {
                    if (!ring.TryDequeue(out int item))
                    {
                        Thread.Yield();
                        continue;
                    }
                    Interlocked.Increment(ref seen[item]);
                    Interlocked.Increment(ref taken);
                }
            }));
        }
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.All(seen, count => Assert.Equal(1, count));
    }
}
