using System.CommandLine;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Validator.Host.Api;
using Validator.Host.Config;
using Validator.Host.Primitives;

namespace Validator.Host.Cli;

/// <summary>
/// Which API a command asks, with which token, and which root it trusts for the certificate. A node.toml gives all three for its
/// own validator; options override it, and a token of its file is sent to no other address.
/// </summary>
internal sealed class ApiTarget
{
    private const string Default = "http://127.0.0.1:8080";

    private readonly Option<string[]> _api;
    private readonly Option<string?> _token = new("--token-file") { Description = "File with a bearer token: alone, or as a line of api.tokens" };
    private readonly Option<string?> _root = new("--ca") { Description = "PEM file of the root that the API's certificate must come from; default: the system's" };
    private readonly ApiRoles _roles;
    private (string File, NodeConfig Config)? _read;

    /// <param name="roles">What a token of the configuration must allow.</param>
    /// <param name="config">What the command needs a node.toml for beside this, if it does.</param>
    /// <param name="many">Whether the command asks several validators, each named by an --api of its own.</param>
    public ApiTarget(ApiRoles roles = ApiRoles.Read, string? config = null, bool many = false)
    {
        _roles = roles;
        _api = new Option<string[]>("--api")
        {
            Description = $"The validator's API{(many ? ", once for each" : "")}; default: that of --config, else {Default}",
            HelpName = "URL",
            Arity = ArgumentArity.OneOrMore,
        };
        Config = new Option<string?>("--config")
        {
            Description = config ?? "A node.toml: its API, with its token and certificate, is asked",
            Required = config is not null,
        };
        _api.Validators.Add(result =>
        {
            if (result.Tokens.Count > 1 && !many)
            {
                result.AddError("--api: one validator is asked");
            }

            foreach (string given in result.GetValueOrDefault<string[]>() ?? [])
            {
                if (!Uri.TryCreate(given, UriKind.Absolute, out Uri? uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
                {
                    result.AddError($"--api: expected an address as {Default}");
                }
            }
        });
    }

    public Option<string?> Config { get; }

    public void AddTo(Command command)
    {
        command.Add(Config);
        command.Add(_api);
        command.Add(_token);
        command.Add(_root);
    }

    /// <exception cref="ConfigException">The configuration is at fault.</exception>
    public string Address(ParseResult parsed) => Addresses(parsed)[0];

    /// <summary>All that were given, else the one to ask.</summary>
    /// <exception cref="ConfigException">The configuration is at fault.</exception>
    public string[] Addresses(ParseResult parsed) => Array.ConvertAll(
        Given(parsed) is { } given ? given : [OwnOf(parsed) is { } config ? AddressOf(config) : Default], a => a.TrimEnd('/'));

    /// <summary>What <c>--config</c> says; null where it is not given.</summary>
    /// <exception cref="ConfigException">It cannot be read or has faults.</exception>
    public NodeConfig? ConfigOf(ParseResult parsed)
    {
        if (parsed.GetValue(Config) is not { } file)
        {
            return null;
        }

        if (_read?.File != file)
        {
            _read = (file, ConfigLoader.Load(file, Environment.GetEnvironmentVariables()));
        }

        return _read.Value.Config;
    }

    /// <param name="roles">Null: those of the command.</param>
    /// <exception cref="ConfigException">The token's or the root's file is at fault.</exception>
    public HttpClient Client(ParseResult parsed, TimeSpan timeout, ApiRoles? roles = null)
    {
        SocketsHttpHandler handler = HttpHandlers.Create();
        NodeConfig? own = OwnOf(parsed);
        if (parsed.GetValue(_root) is { } root)
        {
            handler.SslOptions.CertificateChainPolicy = PolicyOf(root);
        }
        else if (own is { Api.TlsCertificate.Length: > 0 })
        {
            handler.SslOptions.RemoteCertificateValidationCallback = ThisOne(own.Api.TlsCertificate);
        }

        HttpClient client = HttpHandlers.Client(timeout, handler);
        if (Token(parsed, roles) is { } token)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        return client;
    }

    /// <summary>The bearer token to show; null: none.</summary>
    /// <param name="roles">Null: those of the command.</param>
    /// <exception cref="ConfigException">The token's file is at fault.</exception>
    public string? Token(ParseResult parsed, ApiRoles? roles = null) => parsed.GetValue(_token) is { } file ? TokenOf(file)
        : OwnOf(parsed) is { Api.Tokens.Length: > 0 } own && _roles != ApiRoles.None ? ApiTokens.Find(own.Api.Tokens, roles ?? _roles) : null;

    /// <summary>The configuration, where it says which address is asked.</summary>
    private NodeConfig? OwnOf(ParseResult parsed) => Given(parsed) is null ? ConfigOf(parsed) : null;

    private string[]? Given(ParseResult parsed) => parsed.GetValue(_api) is { Length: > 0 } given ? given : null;

    private static string AddressOf(NodeConfig config)
    {
        if (config.Api.Port == 0)
        {
            throw new ConfigException("api.listen: port 0 is a free one at each start; say which with --api");
        }

        return $"{(config.Api.TlsCertificate.Length > 0 ? "https" : "http")}://{EndPointOf(config.Api.Host, config.Api.Port)}";
    }

    /// <summary>The address to ask for a listener: one that listens on all addresses is asked on loopback.</summary>
    internal static IPEndPoint EndPointOf(string listen, int port)
    {
        IPAddress host = IPAddress.Parse(listen);
        return new IPEndPoint(host.Equals(IPAddress.Any) ? IPAddress.Loopback : host.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : host, port);
    }

    /// <summary>
    /// The certificate that the configuration names is trusted as it is: it need not contain the address that is asked.
    /// </summary>
    private static RemoteCertificateValidationCallback ThisOne(string file)
    {
        byte[] expected;
        try
        {
            using X509Certificate2 leaf = X509Certificate2.CreateFromPem(OperatorFile.ReadText(file, "api.tls_certificate"));
            expected = leaf.RawData;
        }
        catch (CryptographicException e)
        {
            throw new ConfigException($"api.tls_certificate: {file}: {e.Message}");
        }

        return (_, shown, _, _) => shown is not null && shown.GetRawCertData().AsSpan().SequenceEqual(expected);
    }

    private static X509ChainPolicy PolicyOf(string root)
    {
        X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        try
        {
            policy.CustomTrustStore.ImportFromPem(OperatorFile.ReadText(root, "--ca"));
        }
        catch (CryptographicException e)
        {
            throw new ConfigException($"--ca: {root}: {e.Message}");
        }

        return policy;
    }

    private static string TokenOf(string file)
    {
        foreach (string line in OperatorFile.ReadText(file, "--token-file").Split('\n'))
        {
            string[] words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 0 && !words[0].StartsWith('#'))
            {
                return words[Math.Min(1, words.Length - 1)];
            }
        }

        throw new ConfigException($"--token-file: {file}: has no token");
    }
}
