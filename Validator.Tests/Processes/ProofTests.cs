using System.Text;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

[Collection(nameof(ProcessTests))]
public sealed class ProofTests
{
    // Protects the promise to clients that trust no validator: what is submitted through the binary is proven by another
    // validator, and the proof holds offline with genesis alone, over the ends of epochs, with its execution; for other bytes, or
    // changed, it does not.
    [Fact]
    public async Task A_proof_from_any_validator_holds_offline_across_epochs()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(epochLength: 8);
        await cluster.StartAllAsync();
        using TempFolder folder = new();
        string genesis = Path.Combine(cluster.Cluster.Directory, "genesis.json");
        string early = await SubmitAsync(cluster, folder, "early");
        for (int i = 0; (await cluster.StatusAsync(cluster.Nodes[0])).Epoch < 2; i++)
        {
            await cluster.SubmitFinalAsync(cluster.Nodes[i % 4], Encoding.UTF8.GetBytes($"filler {i}"));
        }

        string late = await SubmitAsync(cluster, folder, "late");
        foreach ((string content, string name) in new[] { (early, "early"), (late, "late") })
        {
            string proof = Path.Combine(folder.Path, $"{name}.proof"), end = Path.Combine(folder.Path, $"{name}.end");
            string told = "";
            await ProcessCluster.UntilAsync($"the execution of {name} is stated", ProcessCluster.Patience, async () =>
            {
                await GetAsync(cluster.Nodes[2], content, proof);
                (int code, told) = await VerifyAsync(proof, genesis, "--transaction", content, "--epoch-end-out", end);
                Assert.True(code == 0, told);
                return told.Contains("accepted as index", StringComparison.Ordinal);
            });
            Assert.Contains("node-1, height", told, StringComparison.Ordinal);
            (int wrong, told) = await VerifyAsync(proof, genesis, "--transaction", genesis);
            Assert.True(wrong == 1 && told.Contains("and not of", StringComparison.Ordinal), told);
            byte[] bytes = File.ReadAllBytes(proof);
            bytes[bytes.Length / 2] ^= 1;
            File.WriteAllBytes(proof, bytes);
            (wrong, told) = await VerifyAsync(proof, genesis, "--transaction", content);
            Assert.True(wrong == 1, told);
        }

        // Who has checked how epochs ended leaves them out.
        string known = Path.Combine(folder.Path, "late.end"), rest = Path.Combine(folder.Path, "rest.proof");
        await GetAsync(cluster.Nodes[1], late, rest, "--from-epoch", "2");
        (int code, string output) = await VerifyAsync(rest, genesis, "--from-epoch-end", known);
        Assert.True(code == 0, output);
    }

    private static Task<(int Code, string Output)> VerifyAsync(string proof, string genesis, params string[] more) =>
        ProcessCluster.RunAsync(["proof", "verify", proof, "--genesis", genesis, .. more]);

    /// <returns>The file with its bytes.</returns>
    private static async Task<string> SubmitAsync(ProcessCluster cluster, TempFolder folder, string name)
    {
        string file = Path.Combine(folder.Path, name);
        await File.WriteAllTextAsync(file, $"a transaction that is {name}");
        string api = cluster.Nodes[0].Api.ToString();
        (int code, string output) = await ProcessCluster.RunAsync("submit", "--file", file, "--wait", "--api", api);
        Assert.True(code == 0, output);
        return file;
    }

    private static async Task GetAsync(NodeProcess node, string content, string proof, params string[] more)
    {
        string id = Validator.Core.Primitives.Hash256.Of([0, .. await File.ReadAllBytesAsync(content)]).ToString();

        // It may not have executed yet what another says is final.
        string[] get = ["proof", "get", id, "--out", proof, "--api", node.Api.ToString(), .. more];
        await ProcessCluster.UntilAsync(
            $"{node.Name} proves it", ProcessCluster.Patience, async () => (await ProcessCluster.RunAsync(get)).Code == 0);
    }
}
