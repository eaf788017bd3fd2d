using System.Collections;
using Microsoft.Extensions.Logging.Abstractions;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host;
using Validator.Host.Cli;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Keys;
using Validator.Host.Pipeline;
using Validator.Host.Storage;

namespace Validator.Tests.Host.Cli;

public class VoteCommandsTests
{
    // Protects separate operators: after keygen and genesis build one explicit command, once, makes a signing validator of it.
    [Fact]
    public void A_new_key_gets_its_vote_store_once()
    {
        using TemporaryFolder folder = new();
        string config = SeparateOperator(folder);
        Assert.False(Signs(config));
        Assert.Equal(2, CommandLine.Run(["votes", "create", "--config", config]));
        Assert.False(Signs(config));
        Assert.Equal(0, CommandLine.Run(["votes", "create", "--config", config, "--never-signed"]));
        Assert.True(Signs(config));
        Assert.Equal(3, CommandLine.Run(["votes", "create", "--config", config, "--never-signed"]));
        Assert.True(Signs(config));
    }

    // Protects against signing with an old copy of the votes: after mark-restored nothing is signed, and no new store is made.
    [Fact]
    public void A_restored_vote_store_does_not_sign()
    {
        using TemporaryFolder folder = new();
        string config = SeparateOperator(folder);
        Assert.Equal(0, CommandLine.Run(["votes", "create", "--config", config, "--never-signed"]));
        Assert.Equal(0, CommandLine.Run(["votes", "mark-restored", "--config", config]));
        Assert.False(Signs(config));
        Directory.Delete(Load(config).Storage.VotesPath, recursive: true);
        Assert.Equal(3, CommandLine.Run(["votes", "create", "--config", config, "--never-signed"]));
        Assert.False(Signs(config));
    }

    // Protects the same where the validator found it out itself: the mark of a contradiction outlives the process.
    [Fact]
    public void A_contradicted_vote_store_does_not_sign()
    {
        using TemporaryFolder folder = new();
        string config = SeparateOperator(folder);
        Assert.Equal(0, CommandLine.Run(["votes", "create", "--config", config, "--never-signed"]));
        StorageSection storage = Load(config).Storage;
        VoteStoreSetup.MarkContradicted(storage, "a vote of ours that is not in the store");
        Assert.False(Signs(config));
        Assert.Contains("another process uses the key", VoteStoreSetup.Describe(storage), StringComparison.Ordinal);
        Directory.Delete(storage.VotesPath, recursive: true);
        Assert.Equal(3, CommandLine.Run(["votes", "create", "--config", config, "--never-signed"]));
    }

    // Protects a key whose votes are lost: where the ledger holds a vertex that it signed, an empty vote store is refused.
    [Fact]
    public void A_key_that_the_ledger_knows_gets_no_new_vote_store()
    {
        using TemporaryFolder folder = new();
        string config = SeparateOperator(folder);
        NodeContext context = Context(config);
        using (NodeStores stores = Recovery.Open(context, NullLogger.Instance))
        {
            VertexHeader own = VertexCodec.Seal(0, 0, 1, Hash256.Zero, [default], Hash256.Of([]), 0, 0);
            stores.Ledger.AddVertex(own, new byte[Limits.SignatureBytes], []);
            Assert.True(stores.Ledger.Commit(out _));
        }

        StoreException refused = Assert.Throws<StoreException>(() => VoteStoreSetup.Create(context));
        Assert.Contains("votes are lost", refused.Message, StringComparison.Ordinal);
        Assert.False(Signs(config));
    }

    // Protects operators who say what they believe: a ledger that holds nothing of this key's is called that, and which way is
    // open is said.
    [Fact]
    public void A_kept_ledger_without_own_vertices_is_called_that()
    {
        using TemporaryFolder folder = new();
        NodeContext context = Context(SeparateOperator(folder));
        VoteRevival.Lose(context);
        Assert.Contains("there is no ledger that could have been kept. Say '--ledger lost'", Refused(), StringComparison.Ordinal);
        Recovery.Open(context, NullLogger.Instance).Dispose();
        Assert.Contains("holds nothing that this key authored. Either", Refused(), StringComparison.Ordinal);
        using (NodeStores stores = Recovery.Open(context, NullLogger.Instance))
        {
            VertexHeader own = VertexCodec.Seal(0, 0, 1, Hash256.Zero, [default], Hash256.Of([]), 0, 0);
            stores.Ledger.AddVertex(own, new byte[Limits.SignatureBytes], []);
            Assert.True(stores.Ledger.Commit(out _));
        }

        Assert.Contains("does not know all that this key authored", Refused(), StringComparison.Ordinal);

        string Refused() =>
            Assert.Throws<StoreException>(() => VoteRevival.Recreate(context, [], ledgerKept: true, out _)).Message;
    }

    // Protects both keys of a change of keys: the new one gets a vote store and the ledger, and the old one's votes are neither
    // lost nor replaced by an empty store.
    [Fact]
    public void New_keys_get_a_store_of_their_own()
    {
        using TemporaryFolder folder = new();
        string config = SeparateOperator(folder);
        string[] create = ["votes", "create", "--config", config, "--never-signed"];
        Assert.Equal(0, CommandLine.Run(create));
        Assert.True(Signs(config));
        Assert.Equal(0, CommandLine.Run(["keygen", "--name", "alice", "--out", folder.File("new-keys")]));
        string old = File.ReadAllText(config);
        string changed = old.Replace("\"keys\"", "\"new-keys\"");
        File.WriteAllText(config, changed);
        Assert.Throws<KeyException>(() => Context(config));
        File.WriteAllText(config, changed.Replace("data_dir = \".\"", "data_dir = \".\"\noutside_genesis = true"));
        Assert.Throws<StoreException>(() => Signs(config));
        Assert.Equal(0, CommandLine.Run(create));
        Assert.True(Signs(config));
        Assert.Equal(3, CommandLine.Run(create));

        File.WriteAllText(config, old);
        Assert.Equal(3, CommandLine.Run(create));
        string votes = Load(config).Storage.VotesPath;
        string aside = Assert.Single(Directory.GetDirectories(Path.GetDirectoryName(votes)!, "votes-of-*"));
        Directory.Delete(votes, recursive: true);
        Directory.Move(aside, votes);
        Assert.True(Signs(config));
    }

    // Protects a halt from the supervisor that starts everything again.
    [Fact]
    public void A_halted_validator_does_not_start()
    {
        using TemporaryFolder folder = new();
        string config = SeparateOperator(folder);
        File.WriteAllText(Load(config).Node.HaltedMarker, "ConflictingCertificates");
        Assert.Equal(5, CommandLine.Run(["run", "--config", config]));
    }

    private static string SeparateOperator(TemporaryFolder folder)
    {
        Assert.Equal(0, CommandLine.Run(["keygen", "--name", "alice", "--out", folder.File("keys")]));
        Assert.Equal(
            0, CommandLine.Run(["genesis", "build", "--network", "t", "--member", folder.File("keys", "alice.json"), "--out", folder.File("genesis.json")]));
        string config = folder.File("node.toml");
        File.WriteAllText(config, """
            [node]
            id = "alice"
            data_dir = "."
            [storage]
            path = "db"
            [crypto]
            key_path = "keys"
            """);
        return config;
    }

    private static bool Signs(string config)
    {
        using NodeStores stores = Recovery.Open(Context(config), NullLogger.Instance);
        return stores.Standing.Signs;
    }

    private static NodeConfig Load(string config) => ConfigLoader.Load(config, new Hashtable());

    private static NodeContext Context(string config) => RunCommand.Prepare(Load(config), NullLoggerFactory.Instance);
}
