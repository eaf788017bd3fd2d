using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Validator.Host.Cli;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Tools.Localnet;
using Validator.Tests.Host;
using Validator.Tests.Host.Node;

namespace Validator.Tests.Processes;

/// <summary>The last step of a fork's recovery as a real process that is killed inside its writes.</summary>
[Collection(nameof(ProcessTests))]
public sealed class ForkKillTests
{
    /// <summary>
    /// All by which it changes what is on disk, but for plain writes, which are in the system's memory until a sync.
    /// </summary>
    private static readonly string[] s_calls =
        ["fsync", "fdatasync", "rename", "renameat2", "unlink", "unlinkat", "mkdir", "pwrite64", "ftruncate"];

    // Protects what was promised, and from signing twice, where a kill ends 'fork apply' between a write and its sync, or before
    // its file is put in place: at each call that changes the disk, of kinds that come often at some, nothing may start that does
    // not know the branch, and the same command again ends where an undisturbed one does. For who abandons its branch; what is
    // between the steps, and others, ForkApplyTests have.
    [Fact]
    public async Task A_kill_inside_a_step_is_mended_by_the_same_command()
    {
        await using ProcessCluster cluster = ProcessCluster.Create();
        await ForkTests.ForkAsync(cluster, async (words, times, nodes) =>
        {
            for (int i = 0; i < times; i++)
            {
                await cluster.SubmitFinalAsync(nodes[i % nodes.Length], System.Text.Encoding.UTF8.GetBytes($"{words} {i}"));
            }
        });
        NodeProcess left = cluster.Nodes[0], right = cluster.Nodes[1];
        string Of(string file) => Path.Combine(cluster.Cluster.Directory, file);
        await Good("inspect", "--config", Toml(left), "--out", Of("left"));
        await Good("inspect", "--config", Toml(right), "--out", Of("right"));
        await Good("propose", "--branch", Of("right"), Of("left"), "--out", Of("proposal"));
        string[] approvals = [.. ((int[])[0, 1, 3]).Select(i => Of($"approval.{i}"))];
        foreach ((int place, string file) in ((int[])[0, 1, 3]).Zip(approvals))
        {
            await Good("sign", "--config", Toml(cluster.Nodes[place]), "--proposal", Of("proposal"), "--out", file);
        }

        NodeContext context = RunCommand.Prepare(
            ConfigLoader.Load(Toml(right), new Dictionary<string, string>()), NullLoggerFactory.Instance);
        string before = right.Directory + ".before", marker = context.Config.Node.HaltedMarker;
        string[] apply = ["fork", "apply", "--config", Toml(right), "--approval", .. approvals];
        TemporaryFolder.Copy(right.Directory, before);
        string trace = Of("trace");
        Assert.Equal(0, await StraceAsync(["-o", trace, "-e", $"trace={string.Join(',', s_calls)}"], apply));
        string undisturbed = ForkApplyTests.State(context);
        byte[] known = await File.ReadAllBytesAsync(context.Config.Storage.RecoveryFile);
        (string Call, int Time)[] kills = [.. Kills(await File.ReadAllLinesAsync(trace))];
        Assert.InRange(kills.Length, 12, 60);
        foreach ((string call, int time) in kills)
        {
            string at = $"killed at {call} {time}";
            ForkApplyTests.Restore(before, right.Directory);
            string injection = string.Create(CultureInfo.InvariantCulture, $"--inject={call}:signal=SIGKILL:when={time}");
            Assert.True(await StraceAsync(["-o", "/dev/null", "-e", $"trace={call}", injection], apply) == 137, at);
            // 'run' refuses where the marker is.
            Assert.True(File.Exists(marker) || known.SequenceEqual(File.ReadAllBytes(context.Config.Storage.RecoveryFile)), at);
            (int code, string output) = await ProcessCluster.RunAsync(apply);
            Assert.True(code == 0, $"{at}, and again: {code} {output}");
            Assert.False(File.Exists(marker), at);
            string end = ForkApplyTests.State(context);
            Assert.True(undisturbed == end, $"{at}:\n{end}\n\n{undisturbed}");
        }

        static string Toml(NodeProcess node) => Path.Combine(node.Directory, "node.toml");

        static async Task Good(params string[] arguments)
        {
            (int code, string output) = await ProcessCluster.RunAsync(["fork", .. arguments]);
            Assert.True(code == ExitCodes.Success, $"fork {string.Join(' ', arguments)}: {code} {output}");
        }
    }

    /// <summary>
    /// Of the thread that made the most calls, each kind's every call, or five spread over those that it made: strace counts
    /// each thread's and each kind's calls apart.
    /// </summary>
    private static IEnumerable<(string Call, int Time)> Kills(string[] trace)
    {
        (string Thread, string Call)[] made = [.. trace
            .Select(line => line.Split([' ', '('], StringSplitOptions.RemoveEmptyEntries))
            .Where(words => words.Length > 1 && s_calls.Contains(words[1])).Select(words => (words[0], words[1]))];
        string main = made.GroupBy(call => call.Thread).MaxBy(calls => calls.Count())!.Key;
        foreach (IGrouping<string, (string, string Call)> kind in
            made.Where(call => call.Thread == main).GroupBy(call => call.Call))
        {
            int count = kind.Count(), kills = Math.Min(count, 5);
            for (int i = 0; i < kills; i++)
            {
                yield return (kind.Key, 1 + (i * (count - 1) / Math.Max(1, kills - 1)));
            }
        }
    }

    private static async Task<int> StraceAsync(string[] options, string[] arguments)
    {
        (int code, _) = await ProcessCluster.RunAsync(new ProcessStartInfo(
            "strace", ["-f", "-qq", .. options, .. ProcessCluster.Binary.Command, .. arguments]));
        return code;
    }
}
