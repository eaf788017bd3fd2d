using Validator.Core.Trust;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;

namespace Validator.Tests.Host.Pipeline;

public sealed class FinalityBoardTests
{
    // Protects clients that wait: while one thread raises the levels without a pause, each of many waits ends, and none before
    // its level has come.
    [Fact]
    public async Task No_wait_is_missed_and_none_ends_early()
    {
        FinalityBoard board = new();
        const ulong last = 20_000;
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
        Task[] waits = [.. Enumerable.Range(0, 8).Select(thread => Task.Run(async () =>
        {
            for (ulong sequence = 1; sequence < last; sequence += 1 + ((ulong)thread * 3))
            {
                FinalityLevel level = (FinalityLevel)(1 + (sequence % 3));
                await board.Until(level, sequence, limit.Token);
                Assert.True(board.Reached(level) >= sequence);
                Assert.True(board.LevelOf(sequence) >= level);
            }
        }))];
        for (ulong sequence = 1; sequence <= last; sequence++)
        {
            board.Raise(FinalityLevel.Strong67, sequence);
            board.Raise(FinalityLevel.Strong75, sequence - 1);
            board.Raise(FinalityLevel.Strong82, sequence / 2);
            if (sequence % 64 == 0)
            {
                await Task.Yield();
            }
        }

        board.Raise(FinalityLevel.Strong82, last);
        board.Raise(FinalityLevel.Strong75, last);
        await Task.WhenAll(waits);
        using CancellationTokenSource ended = new(TimeSpan.FromMilliseconds(20));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => board.Until(FinalityLevel.Strong67, last + 1, ended.Token));
    }

    // Protects what a new epoch begins with: a level that is told lower is as high as it was.
    [Fact]
    public void A_level_never_falls()
    {
        FinalityBoard board = new();
        board.Raise(FinalityLevel.Strong75, 9);
        board.Raise(FinalityLevel.Strong75, 4);
        Assert.Equal(9UL, board.Reached(FinalityLevel.Strong75));
        Assert.Equal((FinalityLevel.Strong75, FinalityLevel.Final), (board.LevelOf(9), board.LevelOf(10)));
    }

    // Protects the measured times: each transaction is measured once its block is strong, whichever of the two threads comes
    // first, and what does not fit is left out.
    [Fact]
    public void Each_transaction_is_measured_once_it_is_strong()
    {
        NodeMetrics metrics = new();
        ulong reached = 3;
        StrongClock clock = new(metrics.StrongSeconds, () => reached);
        clock.Add(3, 0, 2);
        Assert.Equal(2, Count());
        clock.Add(4, 0, 5);
        clock.Add(6, 0, 7);
        clock.Look();
        Assert.Equal(2, Count());
        reached = 5;
        clock.Look();
        clock.Look();
        Assert.Equal(7, Count());
        for (int i = 0; i < 5000; i++)
        {
            clock.Add(7, 0, 1);
        }

        reached = 9;
        clock.Look();
        Assert.Equal(7 + 7 + 4095, Count());

        long Count() => Enumerable.Range(0, metrics.StrongSeconds.Bounds.Length + 1)
            .Sum(bucket => metrics.StrongSeconds.Read(bucket).Count);
    }
}
