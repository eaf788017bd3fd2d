using System.Net;
using System.Text;
using Validator.Crypto.Simd;
using Validator.Host;
using Validator.Host.Cli;
using Validator.Host.Pipeline;
using Validator.Host.Tools.Localnet;

namespace Validator.Tests.Processes;

[Collection(nameof(ProcessTests))]
public sealed class SingleNodeTests
{
    private const int ExitKeys = 4;

    // Protects whoever looks for the busy thread with top -H or perf: the kernel knows each one by its name.
    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public async Task Every_thread_of_the_pipeline_has_its_name(int cores)
    {
        await using ProcessCluster cluster = ProcessCluster.Create(1, executables: [ProcessCluster.WithCores(cores)]);
        await cluster.StartAllAsync();
        string[] names =
        [
            .. Directory.GetDirectories($"/proc/{cluster.Nodes[0].ProcessId}/task")
                .Select(task => File.ReadAllText(Path.Combine(task, "comm")).TrimEnd('\n')),
        ];
        string[] expected = [.. new Topology(cores).Loops.Select(l => l.Name), "log"];
        Assert.Equal(expected.Order(), names.Intersect([.. expected, .. new Topology(cores: 5).Loops.Select(l => l.Name), "pipeline"]).Order());
    }

    // Protects databases across builds: the binary checksums with the processor's own instruction, and what it wrote is sound to
    // Debian's RocksDB, which these tests run on and which goes by tables; and the other way round, once that has flushed the
    // logs.
    [Fact]
    public async Task Checksums_in_its_databases_are_RocksDBs_own()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(1);
        NodeProcess node = cluster.Nodes[0];
        Random random = new(5);
        for (int i = 0; i < 20; i++)
        {
            byte[] transaction = new byte[random.Next(1, 60_000)];
            random.NextBytes(transaction);
            await cluster.SubmitFinalAsync(node, transaction);
        }

        Assert.True(await node.StopAsync(ProcessCluster.Patience));
        string config = Path.Combine(node.Directory, "node.toml");
        Assert.Equal(0, CommandLine.Run(["db", "verify", "--config", config]));
        (int code, string output) = await ProcessCluster.RunAsync("db", "verify", "--config", config);
        Assert.True(code == 0, output);
    }

    // Protects keys under a passphrase in the life of a node: it starts, signs and finalizes with the passphrase from a
    // descriptor, and with another one or none it ends with the exit code for keys before it opens a store.
    [Fact]
    public async Task Encrypted_keys_open_with_the_passphrase_from_a_descriptor_alone()
    {
        using TempFolder folder = new();
        NodePorts ports = NodePorts.Find(1)[0];
        using SecretBuffer passphrase = new(13);
        Encoding.ASCII.GetBytes("correct horse", passphrase.Span);
        string config = Initializer.Run(new InitOptions
        {
            Validators = 1,
            Out = Path.Combine(folder.Path, "chain"),
            Passphrase = passphrase,
            Ports = [ports],
        })[0];
        string directory = Path.GetDirectoryName(config)!;
        Assert.All(Directory.GetFiles(Path.Combine(directory, "keys"), "*.key"), key => Assert.DoesNotContain("seed: ", File.ReadAllText(key)));

        using (NodeProcess none = new("none", directory, config, ports, ProcessCluster.Binary))
        {
            await AssertKeysRefusedAsync(none, "--passphrase-fd");
        }

        using (NodeProcess wrong = new("wrong", directory, config, ports, WithPassphrase(folder, "correct hoarse\n")))
        {
            await AssertKeysRefusedAsync(wrong, "passphrase is not this key's");
        }

        using NodeProcess node = new("right", directory, config, ports, WithPassphrase(folder, "correct horse\n"));
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
        node.Start();
        await ProcessCluster.UntilAsync("the validator is ready", ProcessCluster.Patience, async () =>
        {
            Assert.True(node.IsRunning, node.LogTail(20));
            try
            {
                return (await http.GetAsync(new Uri(node.Api, "/v1/ready"))).IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
        using ByteArrayContent content = new("sealed"u8.ToArray());
        using HttpResponseMessage answer = await http.PostAsync(new Uri(node.Api, "/v1/transactions?wait=finalized"), content);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.DoesNotContain("correct horse", await File.ReadAllTextAsync(node.LogPath));
        Assert.True(await node.StopAsync(ProcessCluster.Patience));
        Assert.Equal(0, node.ExitCode);
    }

    /// <summary>The binary with a file open as descriptor 3, as an operator's unit or script would have it.</summary>
    private static Executable WithPassphrase(TempFolder folder, string text)
    {
        string file = Path.Combine(folder.Path, Guid.NewGuid().ToString("n"));
        File.WriteAllText(file, text);
        return new Executable(["bash", "-c", $"exec \"$0\" \"$@\" --passphrase-fd 3 3<'{file}'", .. ProcessCluster.Binary.Command]);
    }

    private static async Task AssertKeysRefusedAsync(NodeProcess node, string words)
    {
        node.Start();
        Assert.True(await node.WaitForExitAsync(ProcessCluster.Patience), $"still runs:\n{node.LogTail(20)}");
        await node.StopAsync(TimeSpan.FromSeconds(1)); // The end of its log is written now.
        Assert.True(node.ExitCode == ExitKeys, $"exit code {node.ExitCode}\n{node.LogTail(20)}");
        Assert.Contains(words, node.LogTail(5));
    }
}
