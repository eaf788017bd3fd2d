using Validator.Net;

namespace Validator.Host.Config;

/// <summary>node.toml, checked and typed. Local limits and places only: nothing here decides validity.</summary>
public sealed record NodeConfig
{
    public NodeSection Node { get; init; } = new();
    public ConsensusSection Consensus { get; init; } = new();
    public NetworkSection Network { get; init; } = new();
    public StorageSection Storage { get; init; } = new();
    public CryptoSection Crypto { get; init; } = new();
    public MetricsSection Metrics { get; init; } = new();
    public ApiSection Api { get; init; } = new();
    public LoggingSection Logging { get; init; } = new();
    public BackupSection Backup { get; init; } = new();

    /// <summary>Settings that have no effect, or an unexpected one; logged at start.</summary>
    public IReadOnlyList<string> Notices { get; init; } = [];
}

/// <param name="Id">The member of genesis that this validator is.</param>
/// <param name="GenesisPath">Default: genesis.json in the data directory.</param>
public sealed record NodeSection(
    string Id = "", string DataDir = "", string LogLevel = "info", string GenesisPath = "", bool OutsideGenesis = false)
{
    /// <summary>Folder of the evidence against others.</summary>
    public string EvidencePath => System.IO.Path.Combine(DataDir, "evidence");

    /// <summary>What this validator alone holds against others, over restarts.</summary>
    public string LocalScoresPath => System.IO.Path.Combine(EvidencePath, "local-scores.json");

    /// <summary>The newest fork that failed here, and when operators ended it.</summary>
    public string FailedForkPath => System.IO.Path.Combine(EvidencePath, "failed-fork.json");

    /// <summary>There after a halt by safety: <c>run</c> refuses to start until an operator has removed it.</summary>
    public string HaltedMarker => System.IO.Path.Combine(DataDir, "halted");
}

/// <param name="FinalityTimeoutMs">Base of the view timer unless view_timeout_ms is given.</param>
/// <param name="MaxPendingVertices">Vertices held or announced but not ordered, over all lanes.</param>
/// <param name="MaxPendingMb">The same in MiB of payload.</param>
/// <param name="TwinWatchSeconds">How long to listen for another process with this key before signing; 0: not at all.</param>
/// <param name="StallSeconds">When the chain counts as standing still.</param>
/// <param name="FastPath">What all members have prepared is final here without Commits.</param>
/// <param name="BlockIntervalMs">Least time between two proposals, and between two own vertices; load stretches it.</param>
public sealed record ConsensusSection(
    string Algorithm = "bft",
    int FinalityTimeoutMs = 500,
    int MaxPendingVertices = 10_000,
    int MaxPendingMb = 1024,
    int ViewTimeoutMs = 500,
    int BlockIntervalMs = 10,
    int TwinWatchSeconds = 0,
    int StallSeconds = 5,
    bool FastPath = true,
    AdaptiveMode Adaptive = AdaptiveMode.Report);

/// <summary>What the threat level does.</summary>
public enum AdaptiveMode : byte
{
    /// <summary>It is not reckoned: wait=strong asks for 67 %.</summary>
    Off,

    /// <summary>It is told, and says what wait=strong asks for.</summary>
    Report,

    /// <summary>And wait=finalized asks for the same.</summary>
    Enforce,
}

/// <param name="Host">Address to bind, from listen_addr; its port is not opened.</param>
/// <param name="QuicPort">UDP port of the QUIC transport.</param>
public sealed record NetworkSection(
    string Host = "0.0.0.0", int QuicPort = 9001, string[]? BootstrapPeers = null, CongestionControl Congestion = CongestionControl.Cubic)
{
    public string[] Peers => BootstrapPeers ?? [];
}

/// <param name="Path">Folder of the databases.</param>
/// <param name="CacheSizeMb">Block cache, total over all column families.</param>
/// <param name="WriteBufferMb">Write buffers, total over all column families.</param>
/// <param name="RetainBlocks">Executed blocks kept behind the newest one.</param>
/// <param name="RetainTransactions">Final transactions kept; whichever of the two is reached first counts.</param>
/// <param name="Archive">Keep all, whatever the two say.</param>
/// <param name="SnapshotBlocks">Executed blocks between two snapshots of the state.</param>
/// <param name="VertexCacheMb">Recent vertices in memory.</param>
/// <param name="LowWaterMb">Free MiB below which nothing is taken from clients; 0: by the disk's size.</param>
/// <param name="HardWaterMb">Free MiB below which nothing is voted; 0: a quarter of that.</param>
/// <param name="LowWaterFiles">Files that can still be made below which nothing is taken from clients; 0: by the disk's
/// count.</param>
/// <param name="HardWaterFiles">The same, below which nothing is voted; 0: a quarter of that.</param>
/// <param name="FlushRateMb">MiB a second that flushes and compactions write; 0: without limit.</param>
public sealed record StorageSection(
    string Path = "", int CacheSizeMb = 512, int WriteBufferMb = 128, int RetainBlocks = 200_000, long RetainTransactions = 10_000_000,
    bool Archive = false, int SnapshotBlocks = 10_000, long LowWaterMb = 0, long HardWaterMb = 0, int VertexCacheMb = 32,
    long LowWaterFiles = 0, long HardWaterFiles = 0, int FlushRateMb = 256)
{
    /// <summary>The small database of consensus records; <c>init</c> or <c>votes create</c> creates it.</summary>
    public string VotesPath => System.IO.Path.Combine(Path, Storage.StoreErrors.VotesFolder);

    /// <summary>There when the vote store came from a backup: later votes are lost, so nothing is signed.</summary>
    public string RestoredMarker => System.IO.Path.Combine(Path, "votes.restored");

    /// <summary>There once a message with our signature was met that the vote store does not know: nothing is signed.</summary>
    public string ContradictedMarker => System.IO.Path.Combine(Path, "votes.contradicted");

    /// <summary>
    /// There while nothing is signed, once it is known from which epoch on signing may begin again: its number.
    /// </summary>
    public string SignsFromFile => System.IO.Path.Combine(Path, "votes.signs-from");

    /// <summary>There between <c>votes lost</c> and <c>votes recreate</c>: what the statements of others must answer.</summary>
    public string LostVotesFile => System.IO.Path.Combine(Path, "votes.lost");

    /// <summary>There where <c>fork sign</c> found no votes to bind: the epoch after the fork, and the proposal.</summary>
    public string SignedForkFile => System.IO.Path.Combine(Path, "fork.signed");

    /// <summary>There after <c>fork apply</c>: what the operators decided on a fork.</summary>
    public string RecoveryFile => System.IO.Path.Combine(Path, "fork.recovery");

    /// <summary>What a backup under way needs: a copy of the ledger, made of links, and how far it is.</summary>
    public string BackupPath => System.IO.Path.Combine(Path, "backup");

    /// <summary>Vertices, blocks, indices.</summary>
    public string LedgerPath => System.IO.Path.Combine(Path, "ledger");
}

/// <param name="KeyPath">Folder with consensus.key and transport.key.</param>
public sealed record CryptoSection(string KeyPath = "")
{
    public string ConsensusKeyFile => System.IO.Path.Combine(KeyPath, "consensus.key");

    public string TransportKeyFile => System.IO.Path.Combine(KeyPath, "transport.key");
}

/// <param name="Host">Address of the page; elsewhere than on loopback it wants a token with the role read.</param>
public sealed record MetricsSection(
    bool Enabled = true, int Port = 9090, string Endpoint = "/metrics", string Host = "127.0.0.1");

/// <summary>The HTTP API. Limits per address are off at 0.</summary>
/// <param name="Host">Address to bind.</param>
/// <param name="Insecure">The operator's word that an address which is not loopback may go without tokens or TLS.</param>
/// <param name="Tokens">File of bearer tokens; empty for none.</param>
/// <param name="TlsCertificate">PEM file: the certificate, then those between it and the root; empty for no TLS.</param>
/// <param name="TlsKey">PEM file of its private key.</param>
/// <param name="AllowedHosts">Names that browsers may use for it, besides loopback's.</param>
/// <param name="CorsOrigins">Origins of pages that may use it from a browser.</param>
public sealed record ApiSection(
    string Host = "127.0.0.1",
    int Port = 8080,
    bool Insecure = false,
    string Tokens = "",
    string TlsCertificate = "",
    string TlsKey = "",
    int MaxConnections = 4096,
    int ConnectionsPerAddress = 0,
    int RequestsPerSecond = 0,
    int MaxBatchItems = 65_536,
    int MaxWaiting = 8192,
    int WaitingPerAddress = 0,
    int MaxSubscribers = 256,
    int SubscribersPerAddress = 0,
    int HeaderTimeoutMs = 10_000,
    int BodyTimeoutMs = 20_000,
    bool Quic = false,
    int QuicClients = 64,
    string[]? AllowedHosts = null,
    string[]? CorsOrigins = null);

/// <param name="Json">JSON lines instead of text.</param>
public sealed record LoggingSection(bool Json = false);
