using Validator.Core.Effects;
using Validator.Core.Shell;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;
using Validator.Net.Rings;
using Validator.Tests.Host.Api;
using Validator.Tests.Host.Node;

namespace Validator.Tests.Host.Pipeline;

/// <summary>Wakes that were left out, since they found nothing to do: none of the others is.</summary>
public sealed class WakeTests
{
    private const int Rounds = 20_000;
    private const int Batches = 2_048;

    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(20);

    // Protects clients: where submissions come while credits are granted, each reaches Core, though neither side wakes for
    // what the other one has yet to bring. The batcher's thread here has no heartbeat that would hide a lost wake.
    [Fact]
    public void A_submission_and_a_credit_find_each_other()
    {
        Topology topology = new(cores: 4);
        ClientBatcher batcher = Batcher(topology);
        using Consumer consumer = new((Parker)batcher.Waker, () => batcher.HasWork, batcher.Work);
        using Barrier both = new(2);
        Thread grants = new(() =>
        {
            for (int i = 0; i < Batches; i++)
            {
                both.SignalAndWait();
                Thread.SpinWait(i % 50);
                batcher.Grant();
                both.SignalAndWait();
            }
        });
        grants.Start();
        FakeNode node = new();
        for (int i = 0; i < Batches; i++)
        {
            Submission submission = SubmissionTests.Create(node, 1);
            both.SignalAndWait();
            Thread.SpinWait((Batches - i) % 50);
            Assert.Equal(SubmitRefusal.None, batcher.TrySubmit(submission));
            both.SignalAndWait();
            Input taken = default;
            Assert.True(SpinWait.SpinUntil(() => topology.BatcherToCore.TryTake(out taken), s_long), "a wake was lost");
        }

        grants.Join();
    }

    // Protects the processor: a submission without a credit wakes nobody, and the credit does.
    [Fact]
    public void A_submission_without_a_credit_wakes_nobody()
    {
        Topology topology = new(cores: 4);
        ClientBatcher batcher = Batcher(topology);
        Parker parker = (Parker)batcher.Waker;
        FakeNode node = new();
        parker.Prepare();
        Assert.Equal(SubmitRefusal.None, batcher.TrySubmit(SubmissionTests.Create(node, 1)));
        Assert.False(parker.Park(0));
        parker.Prepare();
        batcher.Grant();
        Assert.True(parker.Park(0));
        parker.Prepare();
        Assert.Equal(SubmitRefusal.None, batcher.TrySubmit(SubmissionTests.Create(node, 1)));
        Assert.True(parker.Park(0));
    }

    // Protects the ledger's ring from an item that nobody takes: who sees it doze does not wake it, and it dozes no more before
    // its last look.
    [Fact]
    public void What_is_put_beside_a_doze_is_taken()
    {
        SpscRing<int> ring = new(16);
        Doze doze = new();
        using Parker parker = new();
        int taken = 0;
        using Consumer consumer = new(
            parker, () => !ring.IsEmpty, () =>
            {
                doze.End();
                bool any = ring.TryDequeue(out int item);
                if (any)
                {
                    // The next ones, for a while.
                    doze.Begin();
                    Thread.SpinWait(item % 70);
                    Volatile.Write(ref taken, item);
                }

                return any;
            });
        for (int i = 1; i <= Rounds; i++)
        {
            Thread.SpinWait(i % 90);
            Assert.True(ring.TryEnqueue(i));
            if (!doze.Holds)
            {
                parker.Wake();
            }

            int last = i;
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref taken) == last, s_long), "a wake was lost");
        }
    }

    // Protects the same: while the ring is less than half full a quiet flush wakes nobody, from there on it does.
    [Fact]
    public void A_quiet_flush_wakes_at_half()
    {
        StageLink<Input> link = new Topology(cores: 4).BatcherToCore;
        Parker parker = (Parker)link.Consumer;
        Outlet<Input> outlet = new(link);
        for (int i = 1; i <= 2 * link.Capacity; i++)
        {
            outlet.Put(Input.Tick);
            parker.Prepare();
            outlet.FlushQuietly();
            Assert.Equal(i >= link.Capacity / 2, parker.Park(0));
        }

        parker.Prepare();
        outlet.Flush();
        Assert.True(parker.Park(0));
    }

    private static ClientBatcher Batcher(Topology topology)
    {
        TokenTable<ClientBatch> batches = FreePlaces.TableOf<ClientBatch>(Batches);
        ClientBatcher batcher = new(new ClientBatcherOptions(), batches, topology, new PartsTests.Faults());
        batcher.EnterEpoch(1, signs: true);
        return batcher;
    }

    /// <summary>A stage's thread, without the heartbeat.</summary>
    private sealed class Consumer : IDisposable
    {
        private readonly Parker _parker;
        private readonly Func<bool> _hasWork;
        private readonly Func<bool> _work;
        private readonly Thread _thread;
        private volatile bool _over;

        public Consumer(Parker parker, Func<bool> hasWork, Func<bool> work)
        {
            (_parker, _hasWork, _work) = (parker, hasWork, work);
            _thread = new Thread(Run) { IsBackground = true };
            _thread.Start();
        }

        private void Run()
        {
            while (!_over)
            {
                if (_work())
                {
                    continue;
                }

                _parker.Prepare();
                if (_over || _hasWork())
                {
                    _parker.Cancel();
                }
                else
                {
                    _parker.Park(-1);
                }
            }
        }

        public void Dispose()
        {
            _over = true;
            _parker.Wake();
            _thread.Join();
        }
    }
}
