namespace Validator.Host.Config;

/// <summary>One key of node.toml.</summary>
/// <param name="Path">With its section: network.quic_port.</param>
/// <param name="Help">For the reference that <c>validator config</c> prints.</param>
internal sealed record SettingKey(string Path, TomlKind Kind, string Default, string Help)
{
    public static readonly SettingKey[] All =
    [
        new("node.id", TomlKind.String, "", "required: this validator's name in genesis"),
        new("node.data_dir", TomlKind.String, "", "required: folder of its data; relative paths count from this file"),
        new("node.log_level", TomlKind.String, "info", "trace, debug, info, warn or error"),
        new("node.genesis", TomlKind.String, "DATA_DIR/genesis.json", "the chain's genesis file"),
        new("node.outside_genesis", TomlKind.Boolean, "false", "true: genesis does not have this validator with these keys, since it joins later or has new ones"),
        new("consensus.algorithm", TomlKind.String, "bft", "bft alone"),
        new("consensus.quorum_threshold", TomlKind.Float, "0.67", "0.67 alone: more than two thirds of the weight, computed in integers"),
        new("consensus.finality_timeout_ms", TomlKind.Integer, "500", "50 to 60000: base of the view timer"),
        new("consensus.view_timeout_ms", TomlKind.Integer, "finality_timeout_ms", "50 to 60000: the same, and it wins when both are given"),
        new("consensus.block_interval_ms", TomlKind.Integer, "10", "1 to 1000: least time between two proposals and between two own vertices; load stretches it"),
        new("consensus.max_pending_vertices", TomlKind.Integer, "10000", "256 to 1000000: vertices held and not yet ordered"),
        new("consensus.max_pending_mb", TomlKind.Integer, "1024", "16 to 1000000: the same in MiB of payload, an equal share for each lane"),
        new("consensus.stall_seconds", TomlKind.Integer, "5, and at least four view timeouts", "1 to 3600: when nothing has become final for so long though work is pending, or no quorum was connected, ready says so and submissions are refused"),
        new("consensus.twin_watch_seconds", TomlKind.Integer, "0", "0 to 600: listen so long at each start for another process with this key before anything is signed; 0: not at all"),
        new("consensus.fast_path", TomlKind.Boolean, "true",
            "a block that all members have prepared is final here at once; false: it waits for commits"),
        new("consensus.adaptive", TomlKind.String, "report",
            "off, report or enforce: the threat level is not reckoned; says what ?wait=strong asks for; and ?wait=finalized too"),
        new("network.listen_addr", TomlKind.String, "0.0.0.0:9000", "ADDRESS:PORT; QUIC binds the address with quic_port, this port stays closed"),
        new("network.quic_port", TomlKind.Integer, "9001", "1 to 65535: UDP port between validators"),
        new("network.bootstrap_peers", TomlKind.Array, "[]", "hints where members may be: /ip4/ADDRESS/udp/PORT/quic-v1[/p2p/NAME], also /ip6, /dns"),
        new("network.congestion", TomlKind.String, "cubic", "cubic or bbr: congestion control between validators; bbr where paths are long and lose packets without being full"),
        new("storage.backend", TomlKind.String, "rocksdb", "rocksdb alone"),
        new("storage.path", TomlKind.String, "DATA_DIR/db", "folder of the databases"),
        new("storage.cache_size_mb", TomlKind.Integer, "512", "1 to 65536: block cache, over all column families"),
        new("storage.write_buffer_mb", TomlKind.Integer, "128", "1 to 16384: write buffers, over all column families"),
        new("storage.flush_rate_mb", TomlKind.Integer, "256", "0 to 65536: MiB a second that flushes and compactions write, so that votes are synced beside them; 0: without limit"),
        new("storage.vertex_cache_mb", TomlKind.Integer, "32", "1 to 65536: recent vertices in memory, for execution and for peers that ask"),
        new("storage.retain_blocks", TomlKind.Integer, "200000", "1 to 1000000000: executed blocks kept; older ones are deleted, never those above the last snapshots"),
        new("storage.retain_transactions", TomlKind.Integer, "10000000", "1 to 2000000000: final transactions kept; whichever of the two is reached first counts"),
        new("storage.archive", TomlKind.Boolean, "false", "true keeps every block and transaction"),
        new("storage.snapshot_blocks", TomlKind.Integer, "10000", "16 to 10000000: executed blocks between two snapshots of the state; best equal at all members"),
        new("storage.low_water_mb", TomlKind.Integer, "0", "0 to 16777216: free MiB below which nothing is taken from clients; 0: 5 % of the disk, 2048 at most"),
        new("storage.hard_water_mb", TomlKind.Integer, "0", "0 to 16777216: free MiB below which nothing is voted; 0: a quarter of low_water_mb"),
        new("storage.low_water_files", TomlKind.Integer, "0", "0 to 1000000000: files that can still be made (inodes) below which nothing is taken from clients; 0: 5 % of the disk's, 4096 at most"),
        new("storage.hard_water_files", TomlKind.Integer, "0", "0 to 1000000000: files that can still be made below which nothing is voted; 0: a quarter of low_water_files"),
        new("crypto.signature_algorithm", TomlKind.String, "ml-dsa-87", "ml-dsa-87 alone"),
        new("crypto.hash_algorithm", TomlKind.String, "blake3", "blake3 alone"),
        new("crypto.key_path", TomlKind.String, "DATA_DIR/keys", "folder of consensus.key and transport.key"),
        new("metrics.enabled", TomlKind.Boolean, "true", "whether the metrics page is served"),
        new("metrics.bind", TomlKind.String, "127.0.0.1", "address of the metrics page; elsewhere than on loopback it wants a token (api.tokens) with the role read"),
        new("metrics.port", TomlKind.Integer, "9090", "0 to 65535; 0 takes a free one"),
        new("metrics.endpoint", TomlKind.String, "/metrics", "path of the metrics page"),
        new("api.listen", TomlKind.String, "127.0.0.1:8080", "ADDRESS:PORT of the HTTP API; port 0 takes a free one"),
        new("api.quic", TomlKind.Boolean, "false", "true: the submit stream for clients over QUIC, on the UDP port with the number of api.listen; TLS by the transport key"),
        new("api.quic_clients", TomlKind.Integer, "64", "1 to 4096: clients connected to the submit stream at once; each may take 2 MB for what it sends"),
        new("api.insecure", TomlKind.Boolean, "false", "true: an address that is not loopback may go without tokens or TLS (a proxy or a private network has them)"),
        new("api.tokens", TomlKind.String, "", "file of bearer tokens, mode 0600 (or 0640 of root and a group of this process), a line each: ROLE[,ROLE] TOKEN; roles submit, read, admin; validator token makes one"),
        new("api.tls_certificate", TomlKind.String, "", "PEM file of the certificate and those between it and its root; TLS 1.3 alone"),
        new("api.tls_key", TomlKind.String, "", "PEM file of its private key, mode 0600 (or 0640 of root and a group of this process)"),
        new("api.allowed_hosts", TomlKind.Array, "[]", "names by which requests may call it, as a proxy passes them on: validator.example, *.example, or * for any; addresses and localhost always may, and every name where api.tokens is set and this is empty"),
        new("api.cors_origins", TomlKind.Array, "[]", "origins whose pages may ask it from a browser: https://wallet.example, or * for any"),
        new("api.max_connections", TomlKind.Integer, "4096", "1 to 100000: connections open at once"),
        new("api.connections_per_address", TomlKind.Integer, "64; on loopback 0", "0 to 100000; 0: no limit; an IPv6 address counts by its /64"),
        new("api.requests_per_second", TomlKind.Integer, "200; on loopback 0", "0 to 1000000: of one address, twice as many in a burst; 0: no limit"),
        new("api.max_batch_items", TomlKind.Integer, "65536", "1 to 131072: transactions of one batch"),
        new("api.max_waiting", TomlKind.Integer, "8192", "1 to 1000000: submissions that wait for durability or finality"),
        new("api.waiting_per_address", TomlKind.Integer, "256; on loopback 0", "0 to 1000000; 0: no limit"),
        new("api.max_subscribers", TomlKind.Integer, "256", "1 to 100000: finalized streams open at once"),
        new("api.subscribers_per_address", TomlKind.Integer, "8; on loopback 0", "0 to 100000; 0: no limit"),
        new("api.header_timeout_ms", TomlKind.Integer, "10000", "100 to 600000: for a request's line and headers"),
        new("api.body_timeout_ms", TomlKind.Integer, "20000", "100 to 600000: for a request's body, first byte to last"),
        new("logging.format", TomlKind.String, "text", "text or json (one object a line)"),
    ];

    public static readonly string[] Sections = [.. All.Select(k => k.Path[..k.Path.IndexOf('.')]).Distinct()];

    public string Variable => Settings.Prefix + Path.Replace(".", "__", StringComparison.Ordinal).ToUpperInvariant();

    public static bool IsSection(string path) => Array.IndexOf(Sections, path) >= 0;
}
