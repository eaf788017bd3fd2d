using Microsoft.Extensions.Logging;
using Validator.Core.Primitives;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Logging;

namespace Validator.Host.Cli;

/// <summary>
/// Reads the configuration again, on SIGHUP or POST /v1/admin/reload. All of the new file must be good, or nothing changes. What
/// can change under way does: log level, tokens, certificate, most limits of the API, addresses of peers.
/// </summary>
internal sealed class Reloader(
    NodeConfig started, Genesis genesis, Func<NodeConfig> read, IValidatorNode node, HttpServers servers, ILoggerFactory logs, ILogger log)
{
    private readonly Lock _lock = new();
    private NodeConfig _current = started;

    /// <summary>Those that the last file gave rise to, and the one before did not.</summary>
    private string[] _notices = [];

    public ReloadResult Reload()
    {
        lock (_lock)
        {
            ReloadResult result;
            try
            {
                result = Apply(read());
            }
            catch (ConfigException e)
            {
                result = new ReloadResult([], [], e.Message);
            }

            Tell(result);
            return result;
        }
    }

    private ReloadResult Apply(NodeConfig next)
    {
        PeerAddressBook peers = PeerHints.Read(next.Network.Peers, genesis, _current.Node.OutsideGenesis);
        List<string> applied = [];
        List<string> later = [];

        // First, since it reads tokens and certificate and may throw.
        servers.Reload(next.Api);
        _notices = [.. next.Notices.Except(_current.Notices)];
        applied.Add("api.tokens, api.tls_certificate, api.tls_key as they are now");
        Note("limits of the API", Limits(_current.Api) != Limits(next.Api), applied);
        Note("api.allowed_hosts", !Same(_current.Api.AllowedHosts, next.Api.AllowedHosts), applied);
        Note("api.cors_origins", !Same(_current.Api.CorsOrigins, next.Api.CorsOrigins), applied);
        if (_current.Node.LogLevel != next.Node.LogLevel && logs is StderrLogs stderr)
        {
            stderr.SetLevel(next.Node.LogLevel);
            applied.Add("node.log_level");
        }

        if (!_current.Network.Peers.AsSpan().SequenceEqual(next.Network.Peers))
        {
            node.SetPeers(peers);
            applied.Add("network.bootstrap_peers");
        }

        Note("node", _current.Node with { LogLevel = next.Node.LogLevel } != next.Node, later);
        Note("consensus", _current.Consensus != next.Consensus, later);
        Note("network.listen_addr, network.quic_port", (_current.Network.Host, _current.Network.QuicPort) != (next.Network.Host, next.Network.QuicPort), later);
        Note("network.congestion", _current.Network.Congestion != next.Network.Congestion, later);
        Note("storage", _current.Storage != next.Storage, later);
        Note("crypto", _current.Crypto != next.Crypto, later);
        Note("metrics", _current.Metrics != next.Metrics, later);
        Note("backup", _current.Backup != next.Backup, later);
        Note("logging", _current.Logging != next.Logging, later);
        Note("api.listen, api.header_timeout_ms", Fixed(_current.Api) != Fixed(next.Api), later);
        Note("api.tls_certificate (on or off)", _current.Api.TlsCertificate.Length > 0 != next.Api.TlsCertificate.Length > 0, later);

        // What waits for a restart is reported again at each reload.
        _current = _current with
        {
            Api = next.Api with
            {
                Host = _current.Api.Host,
                Port = _current.Api.Port,
                HeaderTimeoutMs = _current.Api.HeaderTimeoutMs,
            },
            Node = _current.Node with { LogLevel = next.Node.LogLevel },
            Network = _current.Network with { BootstrapPeers = next.Network.BootstrapPeers },
            Notices = next.Notices,
        };
        return new ReloadResult([.. applied], [.. later], null);
    }

    private static void Note(string what, bool changed, List<string> list)
    {
        if (changed)
        {
            list.Add(what);
        }
    }

    private static bool Same(string[]? some, string[]? others) => some.AsSpan().SequenceEqual(others);

    private static (string, int, int) Fixed(ApiSection api) => (api.Host, api.Port, api.HeaderTimeoutMs);

    private static ApiSection Limits(ApiSection api) => api with
    {
        Host = "",
        Port = 0,
        HeaderTimeoutMs = 0,
        Tokens = "",
        TlsCertificate = "",
        TlsKey = "",
        Insecure = false,
        AllowedHosts = null,
        CorsOrigins = null,
    };

    private void Tell(ReloadResult result)
    {
        if (result.Error is not null)
        {
            HostLog.LogRefused(log, result.Error);
            return;
        }

        HostLog.LogReloaded(log, string.Join("; ", result.Applied));
        foreach (string notice in _notices)
        {
            HostLog.LogNotice(log, notice);
        }

        if (result.NeedsRestart.Length > 0)
        {
            HostLog.LogLater(log, string.Join("; ", result.NeedsRestart));
        }
    }
}
