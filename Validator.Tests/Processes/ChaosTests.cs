using Validator.Bench.Macro;

namespace Validator.Tests.Processes;

[Collection(nameof(ProcessTests))]
public sealed class ChaosTests
{
    // Protects the promises to clients under everything at once: kills, pauses, cut and lossy paths, restarts, real disks.
    [Fact]
    public async Task Kills_pauses_cuts_and_bad_paths_lose_reorder_and_double_nothing()
    {
        using TempFolder folder = new();
        using StringWriter said = new();
        ChaosOptions options = new()
        {
            Executable = ProcessCluster.Binary,
            Directory = Path.Combine(folder.Path, "cluster"),
            Duration = TimeSpan.FromSeconds(20),
            Seed = 5,
            Rate = 200,
        };
        using ChaosRun run = new(options, said);
        List<string> failures = await run.RunAsync();
        Assert.True(failures.Count == 0, string.Join('\n', failures) + "\n" + said);
    }

    // Protects replay: the seed alone decides what happens when.
    [Fact]
    public void A_seed_gives_one_schedule()
    {
        List<ChaosStep> plan = ChaosPlan.Make(5, TimeSpan.FromSeconds(60), 4);
        Assert.Equal(plan, ChaosPlan.Make(5, TimeSpan.FromSeconds(60), 4));
        Assert.NotEqual(plan, ChaosPlan.Make(6, TimeSpan.FromSeconds(60), 4));
        Assert.All(plan, s => Assert.True(s.At + s.Length <= TimeSpan.FromSeconds(60)));
    }
}
