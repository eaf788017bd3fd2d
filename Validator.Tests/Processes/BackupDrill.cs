using System.Diagnostics;
using Validator.Core.Primitives;
using Validator.Host.Contracts;
using Validator.Host.Tools.Load;
using Validator.Host.Tools.Localnet;
using Validator.Tests.Host;

namespace Validator.Tests.Processes;

/// <summary>
/// The disaster that backups are for: four validators under load back up into one place, lose their disks at once, and come back
/// from keys, genesis and that place, by the commands of docs/BACKUP.md alone.
/// </summary>
/// <param name="target">Lines of [backup] that say where backups go.</param>
/// <param name="say">Gets the figures.</param>
internal sealed class BackupDrill(string target, Action<string> say)
{
    private const int ArchiveSeconds = 1;

    private readonly ProcessCluster _cluster = ProcessCluster.Create(epochLength: 0);

    private string Key => Path.Combine(_cluster.Nodes[0].Directory, "..", "backup.key");

    public async Task RunAsync()
    {
        await using ProcessCluster cluster = _cluster;
        await Run(0, "public:", "backup", "keygen", "--out", Key);
        string lines =
            $"{target}\nschedule = \"6h\"\nencryption_key = \"{Path.GetFullPath(Key)}.pub\"\npart_mb = 1\narchive ="
            + $" true\narchive_seconds = {ArchiveSeconds}";
        foreach (NodeProcess node in cluster.Nodes)
        {
            cluster.Configure(node, "backup", lines);
        }

        await cluster.StartAllAsync();

        // The first full backup is due at once, since the target has none.
        foreach (NodeProcess node in cluster.Nodes)
        {
            await ProcessCluster.UntilAsync(
                $"{node.Name} made a backup", ProcessCluster.Patience, async () =>
                    await cluster.MetricAsync(node, "cretoai_backups_made_total") == 1);
        }

        using LoadRun load = cluster.Load(rate: 200, seconds: 8);
        Task<LoadResult> loading = load.RunAsync(CancellationToken.None);
        double lag = 0;
        while (!loading.IsCompleted)
        {
            foreach (NodeProcess node in cluster.Nodes)
            {
                lag = Math.Max(lag, await cluster.MetricAsync(node, "cretoai_archive_lag_seconds"));
            }

            await Task.Delay(200);
        }

        LoadResult result = await loading;
        Assert.Equal((0, 0, 0), (result.Lost, result.Duplicated, result.Diverged));
        ulong last = (await cluster.StatusAsync(cluster.Nodes[0])).FinalSequence;
        int count = (int)(await cluster.StatusAsync(cluster.Nodes[0])).NextFinalIndex;
        foreach (NodeProcess node in cluster.Nodes)
        {
            await ProcessCluster.UntilAsync(
                $"{node.Name} archived block {last}", ProcessCluster.Patience, async () =>
                    await cluster.MetricAsync(node, "cretoai_archive_block") >= last);
        }

        List<Hash256> order = await cluster.ReadStreamAsync(cluster.Nodes[0], count);
        foreach (NodeProcess node in cluster.Nodes)
        {
            node.Kill();
            Directory.Delete(LocalCluster.StorePath(node), recursive: true);
            File.Delete(Path.Combine(node.Directory, "node.toml"));
        }

        long begun = Stopwatch.GetTimestamp();
        await RestoreAsync();
        await EndEpochAsync();
        cluster.Cluster.StartAll();
        await cluster.Cluster.WaitReadyAsync(cluster.Nodes, ProcessCluster.Patience);
        await cluster.SubmitFinalAsync(cluster.Nodes[1], "after the disaster"u8.ToArray());
        TimeSpan recovered = Stopwatch.GetElapsedTime(begun);
        foreach (NodeProcess node in cluster.Nodes)
        {
            await ProcessCluster.UntilAsync($"{node.Name} signs in epoch 1", ProcessCluster.Patience, async () =>
            {
                NodeStatus status = await cluster.StatusAsync(node);
                return status.Signing && status.Epoch == 1;
            });
            Assert.Equal(order, await cluster.ReadStreamAsync(node, count));
        }

        say($"disaster drill: {count} final transactions, all came back; RPO: at most {lag:F1} s of what was final was not"
            + $" archived yet under"
            + $" load (archive_seconds = {ArchiveSeconds}); RTO: {recovered.TotalSeconds:F1} s from nothing to a final"
                + $" transaction");
    }

    /// <summary>By each operator: node.toml, then the ledger.</summary>
    private async Task RestoreAsync()
    {
        foreach (NodeProcess node in _cluster.Nodes)
        {
            string config = Path.Combine(node.Directory, "node.toml"), files = Path.Combine(node.Directory, "files");
            string genesis = Path.Combine(node.Directory, "..", "genesis.json");
            (string where, (string, string)[] variables) = WithoutConfiguration();
            ProcessStartInfo fetch = new(ProcessCluster.Binary.Command[0],
                [.. ProcessCluster.Binary.Command[1..], "backup", "restore", "--target", where, "--genesis", genesis, "--name",
                    node.Name, "--key", Key, "--files-to", files]);
            foreach ((string name, string value) in variables)
            {
                fetch.Environment[name] = value;
            }

            (int code, string output) = await ProcessCluster.RunAsync(fetch);
            Assert.True(code == 0, output);
            File.Move(Path.Combine(files, "node.toml"), config);
            // One archive for all: only who has executed the newest block signs.
            string told = await Run(
                0, "rolled forward", "backup", "restore", "--config", config, "--key", Key, "--from", _cluster.Nodes[0].Name);
            Assert.Contains("verified from genesis on", told, StringComparison.Ordinal);
            await Run(3, "votes.restored", "votes", "create", "--config", config, "--never-signed");
        }
    }

    /// <summary>Together: nobody can sign in the epoch in which all votes were lost, so its operators end it.</summary>
    private async Task EndEpochAsync()
    {
        string[] Of(string name) => Array.ConvertAll(_cluster.Nodes, node => Path.Combine(node.Directory, name));
        string[] configs = Of("node.toml"), branches = Of("branch"), approvals = Of("approval");
        string proposal = Path.Combine(_cluster.Nodes[0].Directory, "proposal");
        for (int i = 0; i < configs.Length; i++)
        {
            await Run(0, "did not halt", "fork", "inspect", "--config", configs[i], "--out", branches[i]);
        }

        await Run(0, "which ends epoch 0", ["fork", "propose", "--votes-lost", "--out", proposal, "--branch", .. branches]);
        for (int i = 0; i < configs.Length; i++)
        {
            await Run(0, "follows the branch", "fork", "sign", "--config", configs[i], "--proposal", proposal, "--out",
                approvals[i]);
        }

        foreach (string config in configs)
        {
            await Run(0, "ends with block", ["fork", "apply", "--config", config, "--signed-nothing-since", "--approval",
                .. approvals]);
        }
    }

    /// <summary>The target's lines, for a command that has no node.toml yet.</summary>
    private (string Target, (string, string)[] Variables) WithoutConfiguration()
    {
        string where = "";
        List<(string, string)> variables = [];
        foreach (string line in target.Split('\n'))
        {
            string[] pair = line.Split(" = ");
            string value = pair[1].Trim('"');
            if (pair[0] == "target")
            {
                where = value;
            }
            else
            {
                variables.Add(($"VALIDATOR_BACKUP__{pair[0].ToUpperInvariant()}", value));
            }
        }

        return (where, [.. variables]);
    }

    internal static async Task<string> Run(int code, string says, params string[] arguments)
    {
        (int got, string output) = await ProcessCluster.RunAsync(arguments);
        Assert.True(got == code && output.Contains(says, StringComparison.Ordinal),
            $"{string.Join(' ', arguments)}: {got}\n{output}");
        return output;
    }
}
