using System.Globalization;
using System.Text;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Host.Node;
using Validator.Host.Storage;

namespace Validator.Host.Cli;

public sealed record InitOptions
{
    public required int Validators { get; init; }

    /// <summary>Folder that gets genesis.json and a folder for each validator; must be empty or missing.</summary>
    public required string Out { get; init; }

    public string Network { get; init; } = "local";

    /// <summary>One for each validator, on loopback.</summary>
    public required NodePorts[] Ports { get; init; }

    public string LogLevel { get; init; } = "info";
    public string LogFormat { get; init; } = "text";
    public GenesisParameters Parameters { get; init; } = new() { EpochLengthBlocks = DefaultEpochLength };

    /// <summary>
    /// Blocks in an epoch: hours where a block takes some hundred ms, a quarter of an hour at full load. Long enough that a
    /// switch costs nothing, short enough that a validator which lost its votes signs again within a day.
    /// </summary>
    public const ulong DefaultEpochLength = 50_000;

    /// <summary>Encrypts every key; null leaves them plain.</summary>
    public SecretBuffer? Passphrase { get; init; }

    public int CacheSizeMb { get; init; } = 64;
    public int WriteBufferMb { get; init; } = 64;
}

/// <summary>
/// <c>validator init</c>: a whole cluster's files for a trial on one machine. Vote stores are created here and by
/// <c>votes create</c> (PROTOCOL.md, section 6): <c>run</c> never makes one, so a validator that lost its votes is noticed.
/// </summary>
public static class Initializer
{
    /// <summary>More than a validator's keys, configuration and vote store take.</summary>
    private const long BytesEach = 1 << 20;

    /// <summary>Ports in a row from a base: QUIC, API, metrics of the first validator, then the second's.</summary>
    public static NodePorts[] PortsFrom(int basePort, int validators) =>
        [.. Enumerable.Range(0, validators).Select(i => new NodePorts(basePort + (3 * i), basePort + (3 * i) + 1, basePort + (3 * i) + 2))];

    /// <summary>What an operator should know about a committee of this size; null when nothing.</summary>
    public static string? Warning(int validators)
    {
        if (validators >= 4)
        {
            return null;
        }

        string count = validators == 1 ? "a lone validator tolerates" : $"{validators} validators tolerate";
        return $"{count} no fault: when one stops or lies, the cluster stops or is not safe. Use 4 to tolerate one";
    }

    /// <returns>The paths of the configuration files, in committee order.</returns>
    /// <exception cref="ConfigException">The folder is in use or cannot be written, or the committee cannot be.</exception>
    /// <exception cref="KeyException">A key cannot be written.</exception>
    /// <exception cref="Storage.StoreException">A vote store cannot be created.</exception>
    public static string[] Run(InitOptions options)
    {
        Require.That(options.Ports.Length == options.Validators);
        string root = Path.GetFullPath(options.Out);
        RequireEmpty(root);
        string[] names = [.. Enumerable.Range(1, options.Validators).Select(i => $"node-{i}")];
        try
        {
            StoreDirectory.RequireRoom(root, options.Validators * BytesEach, "for the files of these validators");
            using FilesInTheMaking making = FilesInTheMaking.Begin(root, [.. names, "genesis.json"]);
            string[] configs = Write(options, root, names);
            making.Done();
            return configs;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{root}: cannot be written: {e.Message}");
        }
    }

    private static string[] Write(InitOptions options, string root, string[] names)
    {
        ValidatorKeys[] keys = [.. names.Select(n => ValidatorKeys.Create(new CryptoSection(Path.Combine(root, n, "keys")), options.Passphrase))];
        Genesis genesis = new(
            options.Network,
            (ulong)(DateTime.UtcNow - DateTime.UnixEpoch).Ticks / 10,
            options.Parameters,
            [.. names.Select((n, i) => new Member(n, keys[i].ConsensusPublicKey, keys[i].TransportPublicKey, 1))]);
        Hash256 chainId = GenesisCodec.ChainId(genesis);
        string[] configs = new string[names.Length];
        for (int i = 0; i < names.Length; i++)
        {
            configs[i] = Path.Combine(root, names[i], "node.toml");
            DurableFile.Create(configs[i], Encoding.UTF8.GetBytes(NodeToml(options, names, i)));
            StorageSection storage = new(Path.Combine(root, names[i], "db"));
            ValidatorNode.CreateVoteStore(storage, chainId, keys[i].ConsensusPublicKey);
            keys[i].Dispose();
        }

        // Written last: it says that the others are there.
        GenesisFile.Write(Path.Combine(root, "genesis.json"), genesis);
        return configs;
    }

    private static void RequireEmpty(string root)
    {
        try
        {
            FilesInTheMaking.Clear(root);
            if (Directory.Exists(root) && Directory.EnumerateFileSystemEntries(root).Any())
            {
                throw new ConfigException($"{root}: is not empty; nothing was changed. Name a new folder with --out");
            }

            Directory.CreateDirectory(root);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{root}: cannot be used: {e.Message}");
        }
    }

    private static string NodeToml(InitOptions options, string[] names, int self)
    {
        NodePorts ports = options.Ports[self];
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Written by validator init. Relative paths count from this file; VALIDATOR_SECTION__KEY overrides a key.

            [node]
            id = "{names[self]}"
            data_dir = "."
            genesis = "../genesis.json"
            log_level = "{options.LogLevel}"

            [consensus]
            algorithm = "bft"
            quorum_threshold = 0.67
            finality_timeout_ms = 500
            max_pending_vertices = 10000

            [network]
            listen_addr = "127.0.0.1:{ports.Quic}"
            quic_port = {ports.Quic}
            bootstrap_peers = [

            """);
        for (int i = 0; i < names.Length; i++)
        {
            if (i != self)
            {
                text.Append(CultureInfo.InvariantCulture, $"    \"/ip4/127.0.0.1/udp/{options.Ports[i].Quic}/quic-v1/p2p/{names[i]}\",\n");
            }
        }

        text.Append(CultureInfo.InvariantCulture, $"""
            ]

            [storage]
            backend = "rocksdb"
            path = "db"
            cache_size_mb = {options.CacheSizeMb}
            write_buffer_mb = {options.WriteBufferMb}

            [crypto]
            signature_algorithm = "ml-dsa-87"
            hash_algorithm = "blake3"
            key_path = "keys"

            [metrics]
            enabled = true
            bind = "127.0.0.1"
            port = {ports.Metrics}
            endpoint = "/metrics"

            [api]
            listen = "127.0.0.1:{ports.Api}"
            quic = true

            [logging]
            format = "{options.LogFormat}"

            """);
        return text.ToString();
    }
}
