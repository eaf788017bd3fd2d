using System.Collections;
using System.Globalization;
using System.Net;
using System.Text;
using Validator.Core.Primitives;
using Validator.Net;
using Validator.Net.Discovery;

namespace Validator.Host.Config;

/// <summary>Reads node.toml and the environment into a checked <see cref="NodeConfig"/>.</summary>
public static class ConfigLoader
{
    /// <exception cref="ConfigException">The file cannot be read or has faults; the message has one line for each.</exception>
    public static NodeConfig Load(string file, IDictionary environment)
    {
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(OperatorFile.Read(file));
        }
        catch (ArgumentException)
        {
            throw new ConfigException($"{file}: is not UTF-8 text");
        }

        return Parse(file, text.TrimStart('\uFEFF'), environment);
    }

    /// <param name="file">Named in errors; relative paths count from its folder.</param>
    /// <exception cref="ConfigException">One line for each fault.</exception>
    public static NodeConfig Parse(string file, string text, IDictionary environment)
    {
        Settings settings = Settings.Read(file, text, environment);
        List<string> notices = [];
        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        NodeSection node = Node(settings, folder);
        NodeConfig config = new()
        {
            Node = node,
            Consensus = Consensus(settings),
            Network = Network(settings, notices),
            Storage = Storage(settings, folder, node.DataDir),
            Crypto = Crypto(settings, folder, node.DataDir),
            Metrics = Metrics(settings),
            Api = Api(settings, folder),
            Logging = new LoggingSection(Only(settings, "logging.format", "text", "json") == "json"),
            Backup = BackupSettings.Read(settings, folder),
            Notices = notices,
        };
        CheckExposure(settings, config, notices);
        if (settings.Errors.Count > 0)
        {
            throw new ConfigException(string.Join('\n', settings.Errors));
        }

        return config;
    }

    private static NodeSection Node(Settings settings, string folder)
    {
        string id = settings.String("node.id", "");
        if (id.Length == 0)
        {
            settings.Fail("node.id", "is required: this validator's name in genesis");
        }

        string dataDir = settings.String("node.data_dir", "");
        if (dataDir.Length == 0)
        {
            settings.Fail("node.data_dir", "is required: the folder of this validator's data");
        }

        string level = Only(settings, "node.log_level", "info", "trace", "debug", "warn", "error");
        dataDir = Path.GetFullPath(dataDir, folder);
        return new NodeSection(id, dataDir, level, PathOf(settings, "node.genesis", folder, Path.Combine(dataDir, "genesis.json")),
            settings.Boolean("node.outside_genesis", false));
    }

    private static ConsensusSection Consensus(Settings settings)
    {
        Only(settings, "consensus.algorithm", "bft");
        double threshold = settings.Number("consensus.quorum_threshold") ?? 0.67;
        if (threshold != 0.67)
        {
            settings.Fail(
                "consensus.quorum_threshold",
                string.Create(CultureInfo.InvariantCulture, $"only 0.67 is accepted, not {threshold}: it stands for \"more than two thirds of the weight\", floor(2W/3)+1, computed in integers. A smaller quorum could finalize two orders, a larger one stops for fewer failures than the committee bears"));
        }

        int finality = settings.Integer("consensus.finality_timeout_ms", 500, 50, 60_000);
        int timeout = settings.Integer("consensus.view_timeout_ms", finality, 50, 60_000);
        string adaptive = Only(settings, "consensus.adaptive", "report", "off", "enforce");
        return new ConsensusSection(
            FinalityTimeoutMs: finality,
            MaxPendingVertices: settings.Integer("consensus.max_pending_vertices", 10_000, 256, 1_000_000),
            MaxPendingMb: settings.Integer("consensus.max_pending_mb", 1024, 16, 1_000_000),
            ViewTimeoutMs: timeout,
            StallSeconds: settings.Integer("consensus.stall_seconds", Math.Max(5, 4 * timeout / 1000), 1, 3600),
            BlockIntervalMs: settings.Integer("consensus.block_interval_ms", 10, 1, 1000),
            TwinWatchSeconds: settings.Integer("consensus.twin_watch_seconds", 0, 0, 600),
            FastPath: settings.Boolean("consensus.fast_path", true),
            Adaptive: adaptive == "off" ? AdaptiveMode.Off : adaptive == "enforce" ? AdaptiveMode.Enforce : AdaptiveMode.Report);
    }

    private static NetworkSection Network(Settings settings, List<string> notices)
    {
        IPEndPoint listen = EndPoint(settings, "network.listen_addr", "0.0.0.0:9000");
        int port = settings.Integer("network.quic_port", 9001, 1, 65535);
        if (settings.Has("network.listen_addr") && listen.Port != port)
        {
            notices.Add($"network.listen_addr: port {listen.Port} is not opened; validators meet by QUIC on UDP port {port} (network.quic_port)");
        }

        string[] peers = settings.Strings("network.bootstrap_peers");
        foreach (string peer in peers)
        {
            if (!PeerHints.TrySplit(peer, out string address, out _, out string error)
                || !Multiaddr.TryParse(address, out PeerAddress hint, out error))
            {
                settings.Fail("network.bootstrap_peers", $"'{peer}': {error}");
            }
            else if (HintReach.Explain(hint, listen.Address) is { } why)
            {
                notices.Add($"network.bootstrap_peers: '{peer}' {why}");
            }
        }

        string congestion = Only(settings, "network.congestion", "cubic", "bbr");
        return new NetworkSection(
            listen.Address.ToString(), port, peers, congestion == "bbr" ? CongestionControl.Bbr : CongestionControl.Cubic);
    }

    private static StorageSection Storage(Settings settings, string folder, string dataDir)
    {
        Only(settings, "storage.backend", "rocksdb");
        return new StorageSection(
            PathOf(settings, "storage.path", folder, Path.Combine(dataDir, "db")),
            settings.Integer("storage.cache_size_mb", 512, 1, 65_536),
            settings.Integer("storage.write_buffer_mb", 128, 1, 16_384),
            settings.Integer("storage.retain_blocks", 200_000, 1, 1_000_000_000),
            settings.Integer("storage.retain_transactions", 10_000_000, 1, 2_000_000_000),
            settings.Boolean("storage.archive", false),
            settings.Integer("storage.snapshot_blocks", 10_000, 16, 10_000_000),
            settings.Integer("storage.low_water_mb", 0, 0, 16_777_216),
            settings.Integer("storage.hard_water_mb", 0, 0, 16_777_216),
            settings.Integer("storage.vertex_cache_mb", 32, 1, 65_536),
            settings.Integer("storage.low_water_files", 0, 0, 1_000_000_000),
            settings.Integer("storage.hard_water_files", 0, 0, 1_000_000_000),
            settings.Integer("storage.flush_rate_mb", 256, 0, 65_536));
    }

    private static CryptoSection Crypto(Settings settings, string folder, string dataDir)
    {
        Only(settings, "crypto.signature_algorithm", "ml-dsa-87");
        Only(settings, "crypto.hash_algorithm", "blake3");
        return new CryptoSection(PathOf(settings, "crypto.key_path", folder, Path.Combine(dataDir, "keys")));
    }

    private static MetricsSection Metrics(Settings settings)
    {
        string bind = settings.String("metrics.bind", "127.0.0.1");
        if (!AddressText.TryRead(bind, out _))
        {
            settings.Fail("metrics.bind", $"expected an IP address, not '{bind}'");
        }

        string endpoint = settings.String("metrics.endpoint", "/metrics");
        if (!endpoint.StartsWith('/') || endpoint.AsSpan().IndexOfAny("{}?# *") >= 0)
        {
            settings.Fail("metrics.endpoint", $"expected a path that begins with '/', not '{endpoint}'");
        }

        return new MetricsSection(
            settings.Boolean("metrics.enabled", true), settings.Integer("metrics.port", 9090, 0, 65535), endpoint, bind);
    }

    private static ApiSection Api(Settings settings, string folder)
    {
        IPEndPoint listen = EndPoint(settings, "api.listen", "127.0.0.1:8080");

        // Behind a proxy on the same machine all clients have one address, and the proxy has limits of its own.
        bool far = !IPAddress.IsLoopback(listen.Address);
        return new ApiSection(
            listen.Address.ToString(),
            listen.Port,
            settings.Boolean("api.insecure", false),
            Optional("api.tokens"),
            Optional("api.tls_certificate"),
            Optional("api.tls_key"),
            settings.Integer("api.max_connections", 4096, 1, 100_000),
            settings.Integer("api.connections_per_address", far ? 64 : 0, 0, 100_000),
            settings.Integer("api.requests_per_second", far ? 200 : 0, 0, 1_000_000),
            settings.Integer("api.max_batch_items", 65_536, 1, 131_072),
            settings.Integer("api.max_waiting", 8192, 1, 1_000_000),
            settings.Integer("api.waiting_per_address", far ? 256 : 0, 0, 1_000_000),
            settings.Integer("api.max_subscribers", 256, 1, 100_000),
            settings.Integer("api.subscribers_per_address", far ? 8 : 0, 0, 100_000),
            settings.Integer("api.header_timeout_ms", 10_000, 100, 600_000),
            settings.Integer("api.body_timeout_ms", 20_000, 100, 600_000),
            settings.Boolean("api.quic", false),
            settings.Integer("api.quic_clients", 64, 1, 4096),
            Checked("api.allowed_hosts", SiteNames.HostFault),
            Checked("api.cors_origins", SiteNames.OriginFault));

        string[] Checked(string path, Func<string, string?> fault)
        {
            string[] entries = settings.Strings(path);
            foreach (string? message in entries.Select(fault).Where(m => m is not null))
            {
                settings.Fail(path, message!);
            }

            return entries;
        }

        string Optional(string path) =>
            settings.String(path, "") is { Length: > 0 } text ? Path.GetFullPath(text, folder) : "";
    }

    /// <summary>What others can reach is protected, or the operator has said explicitly that it need not be.</summary>
    private static void CheckExposure(Settings settings, NodeConfig config, List<string> notices)
    {
        ApiSection api = config.Api;
        if (api.TlsCertificate.Length > 0 != api.TlsKey.Length > 0)
        {
            settings.Fail(api.TlsKey.Length > 0 ? "api.tls_certificate" : "api.tls_key", "certificate and key come together");
        }

        bool apiFar = !IPAddress.IsLoopback(IPAddress.Parse(api.Host));
        bool metricsFar = config.Metrics.Enabled && AddressText.TryRead(config.Metrics.Host, out IPAddress? bind) && !IPAddress.IsLoopback(bind);
        string key = apiFar ? "api.listen" : "metrics.bind";
        string missing = api.Tokens.Length > 0 ? "" : "api.tokens";
        if (api.TlsCertificate.Length == 0)
        {
            missing += $"{(missing.Length > 0 ? " and " : "")}api.tls_certificate with api.tls_key";
        }

        if ((!apiFar && !metricsFar) || missing.Length == 0)
        {
            return;
        }

        if (!api.Insecure)
        {
            settings.Fail(key, $"others can reach this address: it needs {missing}, or api.insecure = true where a proxy or a private network protects it");
        }
        else
        {
            notices.Add($"{key}: api.insecure = true: others can reach this address, and it has no {missing.Replace(" and ", " and no ", StringComparison.Ordinal)}");
        }
    }

    private static IPEndPoint EndPoint(Settings settings, string path, string fallback)
    {
        string text = settings.String(path, fallback);
        int colon = text.LastIndexOf(':');
        if (colon > 0
            && AddressText.TryRead(text[0] == '[' && text[colon - 1] == ']' ? text.AsSpan(1, colon - 2) : text.AsSpan(0, colon), out IPAddress? address)
            && text[0] == '[' == (address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6)
            && StrictNumber.TryRead(text.AsSpan(colon + 1), out ushort port))
        {
            return new IPEndPoint(address, port);
        }

        settings.Fail(path, $"expected ADDRESS:PORT with an IP address, as {fallback} or [::]:9000, not '{text}'");
        return IPEndPoint.Parse(fallback);
    }

    private static string PathOf(Settings settings, string path, string folder, string fallback)
    {
        string text = settings.String(path, fallback);
        if (text.Length == 0)
        {
            settings.Fail(path, "expected a path, not an empty string");
            return fallback;
        }

        return Path.GetFullPath(text, folder);
    }

    /// <summary>A word of a fixed list; the first is the default.</summary>
    private static string Only(Settings settings, string path, params string[] allowed)
    {
        string value = settings.String(path, allowed[0]);
        if (Array.IndexOf(allowed, value) < 0)
        {
            settings.Fail(path, $"expected {string.Join(" or ", allowed.Select(a => $"\"{a}\""))}, not \"{value}\"");
            return allowed[0];
        }

        return value;
    }
}
