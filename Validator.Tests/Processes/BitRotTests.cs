using System.Diagnostics;
using System.Net;
using System.Text;
using Validator.Core.Primitives;
using Validator.Host.Contracts;
using Validator.Host.Tools.Localnet;
using Validator.Tests.Host;

namespace Validator.Tests.Processes;

/// <summary>A bit that flips in any file of a validator's: found, named, and repaired from the others or refused.</summary>
[Collection(nameof(ProcessTests))]
public sealed class BitRotTests
{
    private static readonly string[] s_kinds =
    [
        "ledger/*.sst", "ledger/*.blob", "ledger/*.ring", "ledger/MANIFEST-*", "ledger/CURRENT", "votes/*.sst", "votes/*.ring",
        "votes/MANIFEST-*", "votes/CURRENT",
    ];

    // Protects operators and readers from bad disks: a flipped bit in any kind of database file ends db verify with 3 and the
    // folder's name; in keys, genesis or node.toml it ends run --check with that file's name. Payload that rots under a running
    // validator is not served. What db verify tells to do about a ledger, done to the letter, brings all of it back from the
    // others.
    [Fact]
    public async Task A_flipped_bit_is_named_and_the_ledger_comes_back_from_the_others()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        NodeProcess node = cluster.Nodes[3];
        List<byte[]> sent = [];
        for (int i = 0; i < 24; i++)
        {
            byte[] transaction = new byte[9000];
            Random.Shared.NextBytes(transaction);
            sent.Add(transaction);
            await cluster.SubmitFinalAsync(node, transaction);
        }

        // A start turns what the logs hold into tables and blobs.
        for (int i = 0; i < 2; i++)
        {
            Assert.True(await node.StopAsync(ProcessCluster.Patience));
            node.Start();
            await cluster.Cluster.WaitReadyAsync([node], ProcessCluster.Patience);
            await cluster.SubmitFinalAsync(node, [1, (byte)i]);
        }

        Assert.True(await node.StopAsync(ProcessCluster.Patience));
        await AssertDatabasesNamedAsync(node);
        await AssertFilesNamedAsync(node);
        await AssertNotServedAsync(cluster, node, sent);
        await RepairAsync(cluster, node);
    }

    /// <summary>One file of each kind, one bit, in a copy of the databases.</summary>
    private static async Task AssertDatabasesNamedAsync(NodeProcess node)
    {
        string store = LocalCluster.StorePath(node), config = Path.Combine(node.Directory, "node.toml"), copy = store + ".copy";
        foreach (string kind in s_kinds)
        {
            TemporaryFolder.Copy(store, copy);
            Assert.Equal(0, (await RunAsync(copy, "db", "verify", "--config", config)).Code);
            Directory.Delete(copy, recursive: true);

            TemporaryFolder.Copy(store, copy);
            string folder = Path.Combine(copy, Path.GetDirectoryName(kind)!);
            string file = new DirectoryInfo(folder).GetFiles(Path.GetFileName(kind)).MaxBy(f => f.Length)!.FullName;
            // A log holds many commits, of which one alone may be none that is needed.
            for (long at = new FileInfo(file).Length / 3; file.EndsWith(".ring", StringComparison.Ordinal) && at > 0; at -= 4096)
            {
                Flip(file, at);
            }

            Flip(file, new FileInfo(file).Length / 3);
            (int code, string output) = await RunAsync(copy, "db", "verify", "--config", config);
            Assert.True(code == 3 && output.Contains(folder, StringComparison.Ordinal), $"{file}: {code}\n{output}");
            Directory.Delete(copy, recursive: true);
        }
    }

    private static async Task AssertFilesNamedAsync(NodeProcess node)
    {
        string config = Path.Combine(node.Directory, "node.toml");
        (string File, string Before)[] files =
        [
            (Path.Combine(node.Directory, "keys", "consensus.key"), "seed: "),
            (Path.Combine(node.Directory, "keys", "transport.key"), "seed: "),
            (Path.Combine(node.Directory, "..", "genesis.json"), "consensus_key\": \""),
            (config, "quic_port"),
        ];
        foreach ((string file, string before) in files)
        {
            byte[] sound = await File.ReadAllBytesAsync(file);
            int at = Encoding.Latin1.GetString(sound).IndexOf(before, StringComparison.Ordinal) + before.Length - 1;

            // The first sign behind it, or the last of a name itself. What stays readable is what is hard to notice.
            Flip(file, before == "quic_port" ? at : at + 1, file.EndsWith(".key", StringComparison.Ordinal) ? (byte)1 : (byte)2);
            (int code, string output) = await RunAsync(null, "run", "--config", config, "--check");
            Assert.True(code is 2 or 4 && output.Contains(Path.GetFileName(file) == "node.toml" ? "node.toml" : before == "seed: " ? "key" : "genesis", StringComparison.Ordinal), $"{file}: {code}\n{output}");
            await File.WriteAllBytesAsync(file, sound);
        }

        Assert.Equal(0, (await RunAsync(null, "run", "--config", config, "--check")).Code);
    }

    /// <summary>Rot that a start does not meet, since nobody asks for the payload then.</summary>
    private static async Task AssertNotServedAsync(ProcessCluster cluster, NodeProcess node, List<byte[]> sent)
    {
        string ledger = Path.Combine(LocalCluster.StorePath(node), "ledger");
        foreach (FileInfo blob in new DirectoryInfo(ledger).GetFiles("*.blob"))
        {
            for (long at = 2000; at < blob.Length; at += 4000)
            {
                Flip(blob.FullName, at);
            }
        }

        node.Start();
        await cluster.Cluster.WaitReadyAsync([node], ProcessCluster.Patience);
        HashSet<Hash256> right = [.. sent.Select(s => Hash256.Of(s))];
        using HttpClient http = new() { Timeout = ProcessCluster.Patience };
        string text = "";
        try
        {
            using HttpResponseMessage answer = await http.GetAsync(new Uri(node.Api, "/v1/finalized?from=0"), HttpCompletionOption.ResponseHeadersRead);
            using StreamReader reader = new(await answer.Content.ReadAsStreamAsync());
            while (text.Length < 1 << 20 && await reader.ReadLineAsync() is { } line)
            {
                text += line;
            }
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            // It ends where the rot begins.
        }

        foreach (string data in text.Split("\"bytes\":\"").Skip(1))
        {
            byte[] bytes = Convert.FromBase64String(data.Split('"')[0]);
            Assert.True(bytes.Length < 9000 || right.Contains(Hash256.Of(bytes)), "what nobody sent was served");
        }

        Assert.DoesNotContain("\"index\":23,", text);
        await ProcessCluster.UntilLoggedAsync(node, "damaged");
        await node.StopAsync(ProcessCluster.Patience);
    }

    private static async Task RepairAsync(ProcessCluster cluster, NodeProcess node)
    {
        string ledger = Path.Combine(LocalCluster.StorePath(node), "ledger");
        (int code, string output) = await RunAsync(null, "db", "verify", "--config", Path.Combine(node.Directory, "node.toml"));
        Assert.Equal(3, code);
        string command = output.Split('\n').Single(l => l.StartsWith("    mv ", StringComparison.Ordinal)).Trim();
        Assert.Equal($"mv {ledger} {ledger}.damaged", command);
        using (Process shell = Process.Start("sh", ["-c", command]))
        {
            await shell.WaitForExitAsync();
            Assert.Equal(0, shell.ExitCode);
        }

        node.Start();
        await cluster.Cluster.WaitReadyAsync([node], ProcessCluster.Patience);
        await ProcessCluster.UntilAsync("the same executed root as another's", ProcessCluster.Patience, async () =>
        {
            NodeStatus there = await cluster.StatusAsync(cluster.Nodes[0]), here = await cluster.StatusAsync(node);
            return here.Signing && here.NextFinalIndex == there.NextFinalIndex && here.ExecutedRoot == there.ExecutedRoot;
        });
        Assert.Equal(await cluster.ReadStreamAsync(cluster.Nodes[0], 26), await cluster.ReadStreamAsync(node, 26));
        await cluster.SubmitFinalAsync(node, "as good as new"u8.ToArray());
    }

    private static void Flip(string file, long at, byte bit = 1)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.ReadWrite);
        stream.Position = at;
        int was = stream.ReadByte();
        stream.Position = at;
        stream.WriteByte((byte)(was ^ bit));
    }

    /// <param name="store">Databases in the place of the configured ones.</param>
    private static Task<(int Code, string Output)> RunAsync(string? store, params string[] arguments)
    {
        ProcessStartInfo start = new(ProcessCluster.Binary.Command[0], [.. ProcessCluster.Binary.Command[1..], .. arguments]);
        if (store is not null)
        {
            start.Environment["VALIDATOR_STORAGE__PATH"] = store;
        }

        return ProcessCluster.RunAsync(start);
    }
}
