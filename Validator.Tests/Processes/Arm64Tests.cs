using System.Diagnostics;
using Validator.Host.Tools.Load;
using Validator.Host.Tools.Localnet;
using Validator.Tests.Crypto;

namespace Validator.Tests.Processes;

/// <summary>
/// The binary that <c>make publish ARCH=arm64</c> makes, under qemu-user. <c>make test-arm64</c> builds both and runs these.
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class Arm64Tests
{
    private static readonly Executable s_arm64 = new(["qemu-aarch64-static", Path.Combine(Abuse.Root, "artifacts", "validator-arm64")]);

    // Protects AArch64's kernels: every self-test, on the scalar and on the AdvSimd path.
    [Arm64Fact]
    public async Task The_self_test_passes() =>
        Assert.Contains("crypto path in use: AdvSimd", await SelfTestAsync(), StringComparison.Ordinal);

    // Protects the same by all official vectors, which lie beside some clones alone.
    [Arm64Fact("mldsa87/acvp-sigVer-87.json")]
    public async Task All_vectors_pass()
    {
        string output = await SelfTestAsync("--vectors", VectorFiles.Folder!);
        Assert.Contains("vectors on Scalar: 265 of 265 ok", output, StringComparison.Ordinal);
        Assert.Contains("vectors on AdvSimd: 265 of 265 ok", output, StringComparison.Ordinal);
    }

    private static async Task<string> SelfTestAsync(params string[] more)
    {
        ProcessStartInfo start = new(s_arm64.Command[0], [.. s_arm64.Command[1..], "selftest", .. more]);
        (int code, string output) = await ProcessCluster.RunAsync(start);
        Assert.True(code == 0, output);
        return output;
    }

    // Protects "the same bytes on every machine": two validators of each architecture order and execute a
    // load, and then go on with one of the one and both of the other. A root that differs would halt its validator (P6).
    [Arm64Fact]
    public async Task A_cluster_of_both_architectures_agrees_on_every_root_under_load()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(executables: [ProcessCluster.Binary, ProcessCluster.Binary, s_arm64, s_arm64]);
        await cluster.StartAllAsync();
        using LoadRun load = cluster.Load(rate: 100, seconds: 15, drain: TimeSpan.FromSeconds(60));
        LoadResult result = await load.RunAsync(CancellationToken.None);

        // An emulated validator is slow, and says so to clients when it must: refusals lose nothing.
        Assert.Equal((0, 0, 0), (result.Lost, result.Duplicated, result.Diverged));
        Assert.True(result.Finalized > 500, $"{result.Finalized} finalized");

        // At rest all four stand at one root; each has computed it by itself.
        await ProcessCluster.UntilAsync("all stand at one block and root", ProcessCluster.Patience, async () =>
        {
            HashSet<(ulong, string)> states = [];
            foreach (NodeProcess node in cluster.Nodes)
            {
                var status = await cluster.StatusAsync(node);
                states.Add((status.ExecutedSequence, status.ExecutedRoot));
            }

            return states.Count == 1 && states.Single().Item1 > 10;
        });
        Assert.All(cluster.Nodes, node => Assert.True(node.IsRunning, node.LogTail(20)));

        // A quorum of three has to have both now.
        cluster.Nodes[1].Kill();
        await cluster.SubmitFinalAsync(cluster.Nodes[2], "with the votes of both AArch64 validators"u8.ToArray());
        Assert.Equal(0, await cluster.MetricAsync(cluster.Nodes[2], "cretoai_byzantine_violations_total", "kind=\"equivocating"));
    }
}

/// <summary>
/// With <c>make test-arm64</c> alone, where what is missing is a failure, but for vectors as in
/// <see cref="VectorFactAttribute"/>.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class Arm64FactAttribute : FactAttribute
{
    /// <param name="vectors">A vector file that it needs.</param>
    public Arm64FactAttribute(string? vectors = null) => Skip =
        Environment.GetEnvironmentVariable("VALIDATOR_ARM64") != "1" ? "Needs the cross-published binary: make test-arm64."
        : vectors is null ? null
        : new VectorFactAttribute(vectors).Skip;
}
