using Microsoft.Extensions.Logging.Abstractions;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Host.Contracts;
using Validator.Host.Pipeline;

namespace Validator.Tests.Host.Pipeline;

public sealed class ForkBoardTests
{
    private readonly NodeMetrics _metrics = new();

    // Protects memory and those who look: the list is bounded, what is open stays on it as long as what has ended can go, and
    // counts add up whatever left the list.
    [Fact]
    public void The_newest_are_listed_and_all_are_counted()
    {
        ForkBoard board = new(_metrics, NullLogger.Instance);
        const int made = 2 * ForkBoard.Most;
        for (int i = 0; i < made; i++)
        {
            Fork fork = new(ForkKind.LaneTwin, 0, 1, 0, (ulong)i + 1, Hash256.Of([1]), Hash256.Of([2]), 1_000_000);
            board.Note(fork, "node-2");
            if (i >= 3)
            {
                board.Note(fork with { Outcome = ForkOutcome.Ordered, EndedMicros = 1_500_000 }, "node-2");
            }
        }

        ForkSummary[] listed = board.List();
        Assert.Equal(ForkBoard.Most, listed.Length);
        Assert.Equal([1UL, 2UL, 3UL], listed[..3].Select(f => f.Fork.Sequence));
        Assert.All(listed[..3], f => Assert.Equal(ForkOutcome.Active, f.Fork.Outcome));
        Assert.Equal((ulong)made, listed[^1].Fork.Sequence);
        Assert.Equal(3, _metrics.ActiveForks.Value);
        Assert.Equal(made, _metrics.ForksDetected[(int)ForkKind.LaneTwin].Value);
        Assert.Equal(made - 3, _metrics.ForksResolved[(int)ForkKind.LaneTwin].Value);
        int half = Array.IndexOf(_metrics.ForkResolutionSeconds.Bounds.ToArray(), 0.5);
        Assert.Equal(made - 3, _metrics.ForkResolutionSeconds.Read(half).Count);
    }

    // Protects the alarm: two final certificates count as failed, and not as resolved.
    [Fact]
    public void A_failed_fork_is_not_resolved()
    {
        ForkBoard board = new(_metrics, NullLogger.Instance);
        Fork fork = new(ForkKind.Certificates, 0, -1, 4, 9, Hash256.Of([1]), Hash256.Of([2]), 7);
        board.Note(fork, null);
        board.Note(fork with { Outcome = ForkOutcome.Failed, EndedMicros = 7 }, null);
        Assert.Equal((1L, 0L), (_metrics.ForksFailed.Value, _metrics.ForksResolved[(int)ForkKind.Certificates].Value));
        Assert.Equal(0, _metrics.ActiveForks.Value);
        Assert.Equal(ForkOutcome.Failed, Assert.Single(board.List()).Fork.Outcome);
    }

    // Protects operators who ask after a recovery: a failed fork stays on disk, not resolved; the operators' word ends it, once,
    // and the next start lists it with its time, counting nothing twice. A damaged file is refused, and harms no recovery.
    [Fact]
    public void A_failed_fork_is_kept_until_operators_have_ended_it()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("failed-fork.json");
        Assert.Null(FailedForkFile.Read(path));
        Assert.Null(FailedForkFile.NoteRecovered(path, 5));
        Assert.False(File.Exists(path));
        FailedFork fork = new(3, 4, 9, Hash256.Of([1]), Hash256.Of([2]), 1_000_000, null);
        FailedForkFile.Write(path, fork);
        Assert.Equal(fork, FailedForkFile.Read(path));
        Assert.Null(fork.Summary);

        Assert.Null(FailedForkFile.NoteRecovered(path, 3_500_000));
        Assert.Null(FailedForkFile.NoteRecovered(path, 9_000_000));
        ForkBoard board = new(_metrics, NullLogger.Instance);
        board.Restore(FailedForkFile.Read(path)!.Summary!);
        ForkSummary listed = Assert.Single(board.List());
        Assert.Equal((ForkOutcome.Recovered, 2_500_000, 1_000_000UL), (
            listed.Fork.Outcome, listed.Fork.EndedMicros - listed.Fork.FoundMicros, listed.FoundWallMicros));
        Assert.Equal(0, _metrics.ActiveForks.Value + _metrics.ForksFailed.Value);

        byte[] whole = File.ReadAllBytes(path);
        for (int length = 0; length < whole.Length; length += 7)
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Throws<FormatException>(() => FailedForkFile.Read(path));
            Assert.Contains(path, FailedForkFile.NoteRecovered(path, 1));
        }
    }
}
