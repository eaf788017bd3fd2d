using Validator.Host;
using Validator.Host.Config;
using Validator.Host.Storage;
using Validator.Tests.Host.Storage;

namespace Validator.Tests.Host.Cli;

public class DbCommandsTests
{
    // Protects operators: where data rots in any of a ledger's files, opening or verifying finds it.
    [Fact]
    public void Verifying_finds_rot_in_any_file()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("ledger");
        using (RocksLedger ledger = Open(path))
        {
            StoreSamples.Fill(ledger, 120, new Random(4), 40);
            ledger.Compact();
            Assert.Empty(Faults(ledger));
            Assert.Equal(120u, ledger.Summarize().Newest.Sequence);
        }

        // What compaction replaced goes when the ledger is opened again.
        Assert.False(IsFound(path));
        Random random = new(9);
        string[] files = [.. Directory.GetFiles(path).Where(f => f.EndsWith(".sst", StringComparison.Ordinal) || f.EndsWith(".blob", StringComparison.Ordinal))];
        files = [.. files.Where(f => new FileInfo(f).Length > 4096)];
        Assert.True(files.Length >= 3);
        foreach (string file in files)
        {
            byte[] sound = File.ReadAllBytes(file);
            byte[] rotten = [.. sound];
            // Near the front: data, and not what only a lookup reads, as filters.
            rotten[random.Next(40, 1000)] ^= 0x10;
            File.WriteAllBytes(file, rotten);
            Assert.True(IsFound(path), Path.GetFileName(file));
            File.WriteAllBytes(file, sound);
        }

        Assert.False(IsFound(path));
    }

    // Protects the commands themselves: a new validator's stores are sound, of this format, and a ledger that is not there is
    // said so.
    [Fact]
    public void The_commands_answer_for_a_new_validator()
    {
        using TemporaryFolder folder = new();
        string cluster = folder.File("cluster");
        Assert.Equal(0, CommandLine.Run(["init", "--validators", "4", "--out", cluster, "--base-port", "21000"]));
        string config = Path.Combine(cluster, "node-1", "node.toml");
        Assert.Equal(3, CommandLine.Run(["db", "inspect", "--config", config]));
        NodeConfig loaded = ConfigLoader.Load(config, new Dictionary<string, string>());
        Validator.Core.Primitives.Genesis genesis = GenesisFile.Read(loaded.Node.GenesisPath, out Validator.Core.Primitives.Hash256 chain);
        RocksLedger.Open(
            loaded.Storage.LedgerPath, StoreIdentity.Of(chain, genesis.Members[0].ConsensusKey), 4, genesis.Parameters.DedupWindow, 1 << 20, 1 << 20).Dispose();
        foreach (string command in new[] { "inspect", "verify", "migrate" })
        {
            Assert.Equal(0, CommandLine.Run(["db", command, "--config", config]));
        }
    }

    private static bool IsFound(string path)
    {
        try
        {
            using RocksLedger ledger = Open(path);
            return Faults(ledger).Count > 0;
        }
        catch (StoreException e)
        {
            return e.Fault == StoreFault.Corrupt;
        }
    }

    private static List<string> Faults(RocksLedger ledger)
    {
        List<string> faults = [];
        Assert.True(ledger.Verify(faults.Add) > 0 || faults.Count > 0);
        return faults;
    }

    private static RocksLedger Open(string path) => RocksLedger.Open(
        path, StoreSamples.Identity, StoreSamples.Members, StoreSamples.DedupWindow, 8 << 20, 1 << 20);
}
