using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

/// <summary>
/// Stores that an earlier build wrote, kept as it left them: of format 2, before there was an index of transactions. Golden/
/// has them with their genesis and keys: one validator, two final transactions, a third that execution rejected, and a restart
/// between them, so that there are tables and logs.
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class OldStoreTests
{
    private const string Signed = "6505e228fd78b900fc0b5cbbe7008b9e3a4727a165bf8c6a4e817ab6fb30322e";
    private const string Rejected = "e00ecb7dd8419dcd6c374414e2c7496f911226e341d7037071c5fa355ffa118e";

    // Protects who upgrades: the stores are refused as they are, migration gives them logs of their own, and the validator goes
    // on where it was, signs on, and knows by id what was ordered before there was an index; and a repeat of it stays one.
    [Fact]
    public async Task Stores_of_an_earlier_build_go_on()
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1);
        NodeProcess node = cluster.Nodes[0];
        string config = Path.Combine(node.Directory, "node.toml"), store = LocalCluster.StorePath(node);
        Directory.Delete(store, recursive: true);
        await using (FileStream file = File.OpenRead(Path.Combine(Abuse.Root, "Validator.Tests", "Golden", "stores-before-index.tar.gz")))
        {
            await using GZipStream unpacked = new(file, CompressionMode.Decompress);
            await TarFile.ExtractToDirectoryAsync(unpacked, cluster.Cluster.Directory, overwriteFiles: true);
        }

        (int code, string output) = await ProcessCluster.RunAsync("db", "migrate", "--dry-run", "--config", config);
        Assert.True(code == 0 && output.Contains("format 2 to 3: gives it a log of its own", StringComparison.Ordinal), output);
        node.Start();
        Assert.True(await node.WaitForExitAsync(ProcessCluster.Patience), "it runs on stores of an older format");
        Assert.Contains("validator db migrate", node.LogTail(5));
        (code, output) = await ProcessCluster.RunAsync("db", "migrate", "--config", config);
        Assert.True(code == 0 && output.Contains("votes and ledger have format 4 now", StringComparison.Ordinal), output);
        await cluster.StartAllAsync();
        Assert.True((await cluster.StatusAsync(node)) is { Signing: true, NextFinalIndex: 2 });

        byte[] first = "of an older release"u8.ToArray();
        string id = Hash256.Of([(byte)TransactionKind.Opaque, .. first]).ToString();
        await ProcessCluster.UntilAsync("the index is made", ProcessCluster.Patience, async () => await OutcomeAsync(id) == "finalized");
        Assert.Equal("finalized", await OutcomeAsync(Signed));
        Assert.Equal("rejected", await OutcomeAsync(Rejected));
        (code, output) = await ProcessCluster.RunAsync("submit", Encoding.ASCII.GetString(first), "--wait", "--api", node.Api.ToString());
        Assert.True(code == 1 && output.Contains("rejected: repeat of index 0, which is final", StringComparison.Ordinal), output);
        await cluster.SubmitFinalAsync(node, "of this one"u8.ToArray());
        List<Hash256> stream = await cluster.ReadStreamAsync(node, 3);
        Assert.Equal([id, Signed], stream[..2].Select(h => h.ToString()));
        Assert.True(await node.StopAsync(ProcessCluster.Patience));
        (code, output) = await ProcessCluster.RunAsync("db", "verify", "--config", config);
        Assert.True(code == 0, output);

        async Task<string> OutcomeAsync(string transaction)
        {
            using HttpClient http = new();
            using HttpResponseMessage answer = await http.GetAsync(new Uri(node.Api, $"/v1/transactions/{transaction}"));
            using JsonDocument read = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
            return read.RootElement.GetProperty("status").ToString();
        }
    }
}
