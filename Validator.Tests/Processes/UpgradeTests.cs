using System.Diagnostics;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>Upgrade and rollback, as docs/OPERATIONS.md has the steps, with two builds whose store formats differ.</summary>
[Collection(nameof(ProcessTests))]
public sealed class UpgradeTests
{
    // Protects operators who upgrade, and those who must go back: each build refuses the other's format and says what to do, db
    // migrate --dry-run changes nothing, db migrate keeps every vote and block, and a copy put back follows, since its votes are
    // old.
    [AbuseFact]
    public async Task Two_formats_go_forward_by_migration_and_back_by_the_copy()
    {
        Executable next = await BuildNextAsync();
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        NodeProcess before = cluster.Nodes[3];
        string config = Path.Combine(before.Directory, "node.toml"), store = LocalCluster.StorePath(before), copy = store + ".before";
        using NodeProcess after = new(before.Name, before.Directory, config, before.Ports, next);
        await cluster.SubmitFinalAsync(before, "of the old format"u8.ToArray());
        Assert.True(await before.StopAsync(ProcessCluster.Patience));

        await AssertRefusesAsync(after, "validator db migrate --config");
        Run("cp", "-a", store, copy);
        (int code, string output) = await RunAsync(next, "db", "migrate", "--config", config, "--dry-run");
        Assert.True(code == 0 && output.Contains("would be done: " + store, StringComparison.Ordinal), output);
        Assert.Equal(0, (await ProcessCluster.RunAsync("db", "verify", "--config", config)).Code);

        (code, output) = await RunAsync(next, "db", "migrate", "--config", config);
        Assert.True(code == 0 && output.Contains("done: " + store, StringComparison.Ordinal), output);
        (code, output) = await RunAsync(next, "db", "migrate", "--config", config);
        Assert.True(code == 0 && output.Contains("nothing was done", StringComparison.Ordinal), output);
        Assert.Equal(0, (await RunAsync(next, "db", "verify", "--config", config)).Code);
        await AssertRefusesAsync(before, "newer binary");
        Assert.Equal(3, (await ProcessCluster.RunAsync("db", "verify", "--config", config)).Code);

        after.Start();
        await cluster.Cluster.WaitReadyAsync([after], ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(after, "of the new format"u8.ToArray());
        Assert.True((await cluster.StatusAsync(after)).Signing);
        Assert.Equal(await cluster.ReadStreamAsync(cluster.Nodes[0], 2), await cluster.ReadStreamAsync(after, 2));
        Assert.True(await after.StopAsync(ProcessCluster.Patience));
        await cluster.SubmitFinalAsync(cluster.Nodes[0], "meanwhile"u8.ToArray());

        // Back: the copy, whose votes are older than what was signed since.
        Run("mv", store, store + ".new");
        Run("mv", copy, store);
        Assert.Equal(0, (await ProcessCluster.RunAsync("votes", "mark-restored", "--config", config)).Code);
        before.Start();
        await ProcessCluster.UntilAsync("it has caught up", ProcessCluster.Patience, async () =>
            await cluster.Cluster.StatusAsync(before) is { NextFinalIndex: 3, Signing: false });
        Assert.Equal(await cluster.ReadStreamAsync(cluster.Nodes[0], 3), await cluster.ReadStreamAsync(before, 3));
        Abuse.Print($"upgrade from store format to the next and back: refused, migrated, signed on, put back, followed");
    }

    private static async Task AssertRefusesAsync(NodeProcess node, string words)
    {
        node.Start();
        Assert.True(await node.WaitForExitAsync(ProcessCluster.Patience), "it runs on a store of another format");
        Assert.Equal(3, node.ExitCode);
        await ProcessCluster.UntilLoggedAsync(node, words);
    }

    /// <summary>The sources as they are, with a store format more.</summary>
    private static async Task<Executable> BuildNextAsync()
    {
        (int code, string output) = await RunAsync(
            new Executable(["dotnet"]), "build", Path.Combine(Abuse.Root, "Validator.Host", "Validator.Host.csproj"), "-c", "Release", "-v:q", "-clp:NoSummary", "-p:ValidatorTrialFormat=true");
        Assert.True(code == 0, output);
        return Executable.At(Path.Combine(Abuse.Root, "artifacts", "bin", "trial", "Validator.Host", "Release", "net10.0", "validator.dll"));
    }

    private static void Run(params string[] command)
    {
        using Process process = Process.Start(command[0], command[1..]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static Task<(int Code, string Output)> RunAsync(Executable executable, params string[] arguments) =>
        ProcessCluster.RunAsync(new ProcessStartInfo(executable.Command[0], [.. executable.Command[1..], .. arguments]));
}
