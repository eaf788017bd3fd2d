using Validator.Host.Pipeline;

namespace Validator.Tests.Host.Pipeline;

public class FinalSignalTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    // Protects stream subscribers from sleeping through an advance, and from waiting for a stopped node.
    [Fact]
    public async Task The_final_signal_wakes_and_closes()
    {
        FinalSignal signal = new();
        FinalWait wait = new(signal);
        ValueTask<bool> first = wait.Until(0, CancellationToken.None);
        Assert.False(first.IsCompleted);
        signal.Advance(1);
        Assert.True(await first);
        Assert.True(await wait.Until(0, CancellationToken.None));
        ValueTask<bool> second = wait.Until(1, CancellationToken.None);
        signal.Advance(1);
        Assert.False(second.IsCompleted);
        signal.Close();
        Assert.False(await second);
        Assert.False(await wait.Until(1, CancellationToken.None));
        Assert.True(await wait.Until(0, CancellationToken.None));
    }

    // Protects the next wait from what is left of one that was called off: it stays on the signal's list.
    [Fact]
    public async Task A_wait_that_was_called_off_can_wait_again()
    {
        FinalSignal signal = new();
        FinalWait wait = new(signal);
        for (ulong index = 0; index < 100; index++)
        {
            using CancellationTokenSource off = new();
            ValueTask<bool> called = wait.Until(index, off.Token);
            await off.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await called);
            ValueTask<bool> again = wait.Until(index, CancellationToken.None);
            signal.Advance(index + 1);
            Assert.True(await again.AsTask().WaitAsync(s_patience));
        }
    }

    // Protects subscribers that wait, give up and wait again while blocks become final: each reads to the end, none sleeps on.
    [Fact]
    public async Task No_advance_is_slept_through()
    {
        const ulong end = 20_000;
        FinalSignal signal = new();
        Task[] readers = [.. Enumerable.Range(0, 4).Select(seed => Task.Run(() => Follow(new Random(seed))))];
        for (ulong index = 1; index <= end; index++)
        {
            signal.Advance(index);
            if (index % 64 == 0)
            {
                await Task.Yield();
            }
        }

        await Task.WhenAll(readers).WaitAsync(s_patience);
        Task<bool>[] last = [.. readers.Select(_ => new FinalWait(signal).Until(end, CancellationToken.None).AsTask())];
        signal.Close();
        Assert.All(await Task.WhenAll(last).WaitAsync(s_patience), Assert.False);

        async Task Follow(Random random)
        {
            FinalWait wait = new(signal);
            for (ulong read = 0; read < end; read = signal.NextIndex)
            {
                using CancellationTokenSource off = new();
                ValueTask<bool> waits = wait.Until(Math.Min(end - 1, read + (ulong)random.Next(3)), off.Token);
                if (random.Next(4) == 0)
                {
                    await off.CancelAsync();
                }

                try
                {
                    Assert.True(await waits);
                }
                catch (OperationCanceledException)
                {
                }
            }
        }
    }
}
