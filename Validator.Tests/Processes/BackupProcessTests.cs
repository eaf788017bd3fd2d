using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Tools.Localnet;
using Validator.Tests.Host;
using Xunit.Abstractions;

namespace Validator.Tests.Processes;

/// <summary>Backups by the commands, of validators that run (docs/BACKUP.md).</summary>
[Collection(nameof(ProcessTests))]
public sealed class BackupProcessTests(ITestOutputHelper output)
{
    // Protects a committee from the loss of everything: all four lose their disks under load, and come back from keys, genesis
    // and one folder with every final transaction, in the same order, signing anew in the next epoch.
    [Fact]
    public async Task A_committee_that_lost_all_disks_comes_back()
    {
        using TemporaryFolder folder = new();
        await new BackupDrill($"target = \"{folder.File("backups")}\"", output.WriteLine).RunAsync();
    }

    // Protects operators: a running validator makes a backup when its admin asks, and goes on; one without tokens says what it
    // needs; what was made is listed and verified without any key, and in full with it. Restored beside whole votes the validator
    // signs on; a damaged backup is named, and ends commands with 1.
    [Fact]
    public async Task A_running_validator_is_backed_up_and_restored()
    {
        using TemporaryFolder folder = new();
        await using ProcessCluster cluster = ProcessCluster.Create();
        NodeProcess node = cluster.Nodes[3], plain = cluster.Nodes[2];
        string config = Path.Combine(node.Directory, "node.toml"), key = folder.File("backup.key"), tokens =
            Path.Combine(node.Directory, "tokens");
        await Run(ExitCodes.Success, "public:", "backup", "keygen", "--out", key);
        await Run(ExitCodes.Keys, "never overwritten", "backup", "keygen", "--out", key);
        await Run(ExitCodes.Success, "", "token", "--role", "admin", "--out", tokens);
        cluster.Configure(
            node, "backup",
            $"target = \"{folder.File("backups")}\"\nencryption_key = \"{key}.pub\"\ncompression = \"zstd\"\npart_mb = 1");
        cluster.Configure(plain, "backup", $"target = \"{folder.File("plain")}\"\nunencrypted = true");
        await cluster.StartAllAsync();
        for (int i = 0; i < 12; i++)
        {
            await cluster.SubmitFinalAsync(cluster.Nodes[i % 3], [3, (byte)i]);
        }

        await Run(ExitCodes.Usage, "only an admin may", "backup", "create", "--config",
            Path.Combine(plain.Directory, "node.toml"));
        Assert.True(await node.StopAsync(ProcessCluster.Patience));
        cluster.Configure(node, "api", "tokens = \"tokens\"");
        node.Start();
        await Run(ExitCodes.Success, "", "health", "--wait", "1m", "--config", config);
        await Run(ExitCodes.Failed, "there is no full backup", "backup", "verify", "--config", config);
        string made = await Run(ExitCodes.Success, "runs, and makes it", "backup", "create", "--config", config);
        string id = made.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1].Split(':')[0];
        await Run(ExitCodes.Success, "1 full backups of node-4", "backup", "list", "--config", config);
        await Run(ExitCodes.Success, "every part is as it was stored", "backup", "verify", "--config", config);
        await Run(ExitCodes.Success, "all is as it was backed up", "backup", "verify", id, "--config", config, "--key", key);
        await Run(ExitCodes.Success, "verified from genesis on", "backup", "verify", id, "--config", config, "--key",
            key, "--chain", folder.File("chain"));
        await Run(ExitCodes.Failed, "give the private key", "backup", "verify", "--config", config, "--chain",
            folder.File("chain"));
        await Run(ExitCodes.Usage, "is no backup's id", "backup", "verify", "newest", "--config", config);

        // A stopped one's is made by the command itself. Then the ledger alone is lost: the votes are whole, and nothing is
        // marked.
        Assert.True(await node.StopAsync(ProcessCluster.Patience));
        await Run(ExitCodes.Success, "up to block", "backup", "create", "--config", config);
        await Run(ExitCodes.Success, "2 full backups", "backup", "list", "--config", config);
        string ledger = Path.Combine(LocalCluster.StorePath(node), "ledger");
        await Run(ExitCodes.Store, "never overwritten", "backup", "restore", "--config", config, "--key", key);
        Directory.Delete(ledger, recursive: true);
        await Run(ExitCodes.Success, "was left alone", "backup", "restore", "--config", config, "--key", key);
        node.Start();
        await Run(ExitCodes.Success, "", "health", "--wait", "1m", "--config", config);
        await ProcessCluster.UntilAsync("node-4 votes again", ProcessCluster.Patience, async () =>
        {
            NodeStatus status = await cluster.StatusAsync(cluster.Nodes[0]);
            await cluster.SubmitFinalAsync(cluster.Nodes[0], Guid.NewGuid().ToByteArray());
            return status.Peers.Single(p => p.Name == node.Name).SignedSecondsAgo < 5;
        });
        Assert.DoesNotContain("votes.restored", node.LogTail(200), StringComparison.Ordinal);

        string part = Directory.GetFiles(folder.File("backups"), "part-00000", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal).Last();
        byte[] bytes = await File.ReadAllBytesAsync(part);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(part, bytes);
        await Run(ExitCodes.Failed, "part-00000: has", "backup", "verify", "--config", config);
        await Run(ExitCodes.Success, "0 backups", "backup", "prune", "--config", config, "--dry-run");
    }

    private static Task<string> Run(int code, string says, params string[] arguments) => BackupDrill.Run(code, says, arguments);
}
