using Validator.Core.Primitives;
using Validator.Host.Contracts;
using Validator.Host.Tools.Load;

namespace Validator.Tests.Host.Tools.Load;

public sealed class LoadRunTests
{
    // Protects the generator: everything is sent, accepted, followed in every stream and timed, with nothing found wrong.
    [Fact]
    public async Task A_sound_cluster_passes_every_check()
    {
        (LoadResult result, List<string> failures) = await RunAsync(_ => { });
        Assert.Empty(failures);
        Assert.Equal(800, result.Submitted);
        Assert.Equal(800, result.Accepted);
        Assert.Equal(800, result.Finalized);
        Assert.Equal(800, result.Finality.Count);
        Assert.InRange(result.Finality.PercentileMicros(50), 100, 5_000_000);
    }

    // Protects the load of signed transactions: the API takes every envelope, and each comes back as it was signed.
    [Fact]
    public async Task Signed_transactions_pass_every_check()
    {
        (LoadResult result, List<string> failures) = await RunAsync(_ => { }, accounts: 12);
        Assert.Empty(failures);
        Assert.Equal((800, 800), (result.Accepted, result.Finalized));
    }

    // Protects the check of losses: one accepted transaction left out of one stream.
    [Fact]
    public async Task A_transaction_missing_from_one_stream_is_lost()
    {
        (LoadResult result, List<string> failures) = await RunAsync(
            c => c.Spoil = (stream, n, transaction) => stream == 1 && n == 300 ? [] : [transaction]);
        Assert.Equal(1, result.Lost);
        Assert.NotEmpty(failures);
    }

    // Protects "exactly once".
    [Fact]
    public async Task A_repeated_transaction_is_a_duplicate()
    {
        (LoadResult result, List<string> failures) = await RunAsync(
            c => c.Spoil = (stream, n, transaction) => stream == 2 && n == 300 ? [transaction, transaction] : [transaction]);
        Assert.Equal(1, result.Duplicated);
        Assert.NotEmpty(failures);
    }

    // Protects "its payload intact": one bit of one payload, under an id that fits the wrong bytes.
    [Fact]
    public async Task A_changed_bit_is_a_divergence()
    {
        (LoadResult result, List<string> failures) = await RunAsync(c => c.Spoil = (stream, n, transaction) =>
        {
            if (stream != 0 || n != 300)
            {
                return [transaction];
            }

            byte[] changed = [.. transaction];
            changed[^1] ^= 1;
            return [changed];
        });
        Assert.True(result.Diverged > 0);
        Assert.Equal(1, result.Lost);
        Assert.NotEmpty(failures);
    }

    // Protects the check of ids, which each stream computes for its share alone: one id that is no hash, in any one stream or in
    // all.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_wrong_id_is_a_divergence(int stream)
    {
        (LoadResult result, List<string> failures) = await RunAsync(
            c => c.Misname = (self, n, id) => n == 300 && (stream < 0 || self == stream) ? Hash256.Of("another"u8) : id);
        Assert.True(result.Diverged > 0);
        Assert.NotEmpty(failures);
    }

    // Protects the exit code: a refused batch is a rejection, not a loss.
    [Fact]
    public async Task A_refused_batch_is_rejected_and_fails_the_run()
    {
        int batches = 0;
        (LoadResult result, List<string> failures) = await RunAsync(
            c => c.Refuse = self => self == 3 && Interlocked.Increment(ref batches) == 5 ? SubmitRefusal.Full : SubmitRefusal.None);
        Assert.True(result.Rejected > 0);
        Assert.Equal(800, result.Accepted + result.Rejected);
        Assert.Equal(0, result.Lost);
        Assert.NotEmpty(failures);
    }

    private static async Task<(LoadResult Result, List<string> Failures)> RunAsync(Action<FakeCluster> spoil, int accounts = 0)
    {
        await using FakeCluster cluster = await FakeCluster.StartAsync(4);
        spoil(cluster);
        LoadOptions options = new()
        {
            Targets = cluster.Targets,
            Rate = 800,
            Size = 100,
            Duration = TimeSpan.FromSeconds(1),
            Seed = 5,
            Accounts = accounts,
            DrainTimeout = TimeSpan.FromSeconds(4),
        };
        using LoadRun run = new(options, from: 0, ownTrafficOnly: true);
        LoadResult result = await run.RunAsync(CancellationToken.None);

        // Speed is no subject here: a slow machine must not fail the run.
        return (result, LoadVerdict.Failures(options, result with { FinalizedPerSecond = options.Rate }, rejectionsAllowed: false));
    }
}
