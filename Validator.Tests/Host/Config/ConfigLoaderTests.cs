using System.Collections;
using Validator.Core.Primitives;
using Validator.Host.Config;
using Validator.Net.Discovery;

namespace Validator.Tests.Host.Config;

public class ConfigLoaderTests
{
    // The file that operators already have.
    private const string Example = """
        [node]
        id = "node-1"
        data_dir = "/data"
        log_level = "info"

        [consensus]
        algorithm = "bft"
        quorum_threshold = 0.67          # anything that is not the exact BFT quorum is refused, with the reason
        finality_timeout_ms = 500
        max_pending_vertices = 10000

        [network]
        listen_addr = "0.0.0.0:9000"
        quic_port = 9001
        bootstrap_peers = [
            "/ip4/172.21.0.11/udp/9001/quic",
            "/ip4/172.21.0.12/udp/9001/quic"
        ]

        [storage]
        backend = "rocksdb"
        path = "/data/db"
        cache_size_mb = 512
        write_buffer_mb = 128

        [crypto]
        signature_algorithm = "ml-dsa-87"
        hash_algorithm = "blake3"
        key_path = "/data/keys"

        [metrics]
        enabled = true
        port = 9090
        endpoint = "/metrics"
        """;

    private const string Least = "[node]\nid = \"n\"\ndata_dir = \"/data\"\n";

    // Protects operators' existing files: every key is accepted and means what it says.
    [Fact]
    public void Accepts_the_example_file()
    {
        NodeConfig config = Parse(Example);
        Assert.Equal(("node-1", "/data", "/data/genesis.json"), (config.Node.Id, config.Node.DataDir, config.Node.GenesisPath));
        Assert.Equal((500, 500, 10_000), (config.Consensus.FinalityTimeoutMs, config.Consensus.ViewTimeoutMs, config.Consensus.MaxPendingVertices));
        Assert.Equal(("0.0.0.0", 9001, 2), (config.Network.Host, config.Network.QuicPort, config.Network.Peers.Length));
        Assert.Equal(("/data/db/votes", "/data/db/ledger", 512, 128), (config.Storage.VotesPath, config.Storage.LedgerPath, config.Storage.CacheSizeMb, config.Storage.WriteBufferMb));
        Assert.Equal("/data/keys/consensus.key", config.Crypto.ConsensusKeyFile);
        Assert.Equal((true, 9090, "/metrics"), (config.Metrics.Enabled, config.Metrics.Port, config.Metrics.Endpoint));
        Assert.Equal(("127.0.0.1", 8080), (config.Api.Host, config.Api.Port));
        Assert.Contains("port 9000 is not opened", Assert.Single(config.Notices), StringComparison.Ordinal);
    }

    // Protects the error texts: file, line, key, what was expected, the nearest known name.
    [Theory]
    [InlineData("[network]\nquic_prt = 1", "node.toml:5:1: network.quic_prt: unknown key; did you mean network.quic_port?")]
    [InlineData("[netwrk]\nquic_port = 1", "node.toml:4:1: netwrk: unknown section; did you mean network?")]
    [InlineData("[storage]\nquic_port = 1", "did you mean network.quic_port?")]
    [InlineData("[network]\nquic_port = \"9001\"", "node.toml:5:1: network.quic_port: expected an integer, not a string")]
    [InlineData("[network]\nquic_port = 70000", "network.quic_port: expected 1 to 65535, not 70000")]
    [InlineData("[network]\nlisten_addr = \"localhost:9000\"", "expected ADDRESS:PORT with an IP address")]
    [InlineData("[network]\nbootstrap_peers = [\"/ip4/1.2.3.4/tcp/1/quic\"]", "expected udp, not 'tcp'")]
    [InlineData("[network]\nbootstrap_peers = [1]", "expected an array of strings")]
    [InlineData("[consensus]\nquorum_threshold = 0.5", "only 0.67 is accepted, not 0.5: it stands for \"more than two thirds")]
    [InlineData("[consensus]\nquorum_threshold = 1", "only 0.67 is accepted, not 1")]
    [InlineData("[consensus]\nalgorithm = \"raft\"", "expected \"bft\", not \"raft\"")]
    [InlineData("[storage]\nbackend = \"sqlite\"", "expected \"rocksdb\"")]
    [InlineData("[crypto]\nsignature_algorithm = \"ed25519\"", "expected \"ml-dsa-87\"")]
    [InlineData("[crypto]\nhash_algorithm = \"sha256\"", "expected \"blake3\"")]
    [InlineData("[metrics]\nenabled = 1", "expected true or false, not an integer")]
    [InlineData("[api]\nlisten = \"8080\"", "api.listen: expected ADDRESS:PORT")]
    [InlineData("[api]\nlisten = \"127.0.0.1:80\\u0000\"", "api.listen: holds a NUL character")]
    [InlineData("[api]\nlisten = \"127.0.0.1: 80\"", "api.listen: expected ADDRESS:PORT")]
    [InlineData("[api]\nlisten = \"127.1:80\"", "api.listen: expected ADDRESS:PORT")]
    [InlineData("[api]\nlisten = \"[::1]:1:80\"", "api.listen: expected ADDRESS:PORT")]
    [InlineData("[api]\nlisten = \"[127.0.0.1]:80\"", "api.listen: expected ADDRESS:PORT")]
    [InlineData("[api]\ntokens = \"a\\u0000\"", "api.tokens: holds a NUL character")]
    [InlineData("[api]\nallowed_hosts = [\"a\\u0000\"]", "api.allowed_hosts: holds a NUL character")]
    [InlineData("[metrics]\nbind = \"[::1]:9090\"", "metrics.bind: expected an IP address")]
    [InlineData("[metrics]\nbind = \"010.0.0.1\"", "metrics.bind: expected an IP address")]
    [InlineData("[api\n", "node.toml:4:5: expected ']'")]
    public void Names_what_is_wrong(string added, string expected) =>
        Assert.Contains(expected, Assert.Throws<ConfigException>(() => Parse(Least + added)).Message, StringComparison.Ordinal);

    // Protects operators' time: all faults are told at once, missing keys too.
    [Fact]
    public void Tells_all_faults_at_once()
    {
        string message = Assert.Throws<ConfigException>(() => Parse("[node]\nid = 1\n[api]\nport = 1")).Message;
        Assert.Contains("node.id: expected a string", message, StringComparison.Ordinal);
        Assert.Contains("node.data_dir: is required", message, StringComparison.Ordinal);
        Assert.Contains("api.port: unknown key", message, StringComparison.Ordinal);
    }

    // Protects overrides: every key has a variable that wins over the file, and errors name the variable.
    [Fact]
    public void Environment_overrides_the_file()
    {
        NodeConfig config = Parse(Example, new Hashtable
        {
            ["VALIDATOR_NETWORK__QUIC_PORT"] = "9101",
            ["VALIDATOR_NODE__ID"] = "node-7",
            ["VALIDATOR_METRICS__ENABLED"] = "false",
            ["VALIDATOR_NETWORK__BOOTSTRAP_PEERS"] = "/ip4/10.0.0.1/udp/1/quic-v1, /dns/b.example/udp/2/quic",
            ["VALIDATOR_OTHER"] = "ignored",
        });
        Assert.Equal((9101, "node-7", false, 2), (config.Network.QuicPort, config.Node.Id, config.Metrics.Enabled, config.Network.Peers.Length));

        string message = Assert.Throws<ConfigException>(() => Parse(Example, new Hashtable
        {
            ["VALIDATOR_NETWORK__QUIC_PORT"] = "none",
            ["VALIDATOR_NETWORK__QUICK_PORT"] = "1",
        })).Message;
        Assert.Contains("environment variable VALIDATOR_NETWORK__QUIC_PORT: expected an integer, not 'none'", message, StringComparison.Ordinal);
        Assert.Contains("VALIDATOR_NETWORK__QUICK_PORT: names no known key; did you mean VALIDATOR_NETWORK__QUIC_PORT?", message, StringComparison.Ordinal);
    }

    // Protects moving a folder: relative paths count from the file, not from where the process was started.
    [Fact]
    public void Relative_paths_count_from_the_file()
    {
        NodeConfig config = Parse("[node]\nid = \"n\"\ndata_dir = \".\"\ngenesis = \"../genesis.json\"\n");
        Assert.Equal(("/etc/validator", "/etc/genesis.json"), (config.Node.DataDir, config.Node.GenesisPath));
        Assert.Equal("/etc/validator/db/votes", config.Storage.VotesPath);
    }

    // Protects the meaning of hints: a named one is its member's alone, an unnamed one everybody's, an unknown name an error.
    [Fact]
    public void Hints_go_to_the_members_they_name()
    {
        byte[] key = new byte[Limits.PublicKeyBytes];
        Genesis genesis = new("t", 1, new GenesisParameters(), [new("a", key, key, 1), new("b", key, key, 1), new("c", key, key, 1)]);
        PeerAddressBook peers = PeerHints.Read(["/ip4/1.1.1.1/udp/1/quic", "/ip4/2.2.2.2/udp/2/quic-v1/p2p/b"], genesis, anyName: false);
        Assert.Equal(["2.2.2.2", "1.1.1.1"], peers.For("b").Select(p => p.Host));
        Assert.Equal(["1.1.1.1"], peers.For("c").Select(p => p.Host));
        string[] later = ["/ip4/2.2.2.2/udp/2/quic/p2p/bb"];
        Assert.Equal(["2.2.2.2"], PeerHints.Read(later, genesis, anyName: true).For("bb").Select(p => p.Host));
        ConfigException unknown = Assert.Throws<ConfigException>(() => PeerHints.Read(later, genesis, anyName: false));
        Assert.Contains("no member 'bb'; did you mean b?", unknown.Message, StringComparison.Ordinal);
    }

    private static NodeConfig Parse(string text, Hashtable? environment = null) =>
        ConfigLoader.Parse("/etc/validator/node.toml", text, environment ?? []);
}
