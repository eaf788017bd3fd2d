using System.CommandLine;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Validator.Host.Config;

namespace Validator.Host.Cli;

/// <summary>Which API a command asks, with what token, and by which root it knows the certificate.</summary>
internal sealed class ApiTarget
{
    private const string Default = "http://127.0.0.1:8080";

    private readonly Option<string> _api = new("--api") { Description = "The validator's API", DefaultValueFactory = _ => Default };
    private readonly Option<string?> _token = new("--token-file") { Description = "File with a bearer token: alone, or as a line of api.tokens" };
    private readonly Option<string?> _root = new("--ca") { Description = "PEM file of the root that the API's certificate must come from; default: the system's" };

    public ApiTarget() => _api.Validators.Add(result =>
    {
        if (!Uri.TryCreate(result.GetValueOrDefault<string>(), UriKind.Absolute, out Uri? uri)
            || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
        {
            result.AddError($"--api: expected an address as {Default}");
        }
    });

    public void AddTo(Command command)
    {
        command.Add(_api);
        command.Add(_token);
        command.Add(_root);
    }

    public string Address(ParseResult parsed) => parsed.GetValue(_api)!.TrimEnd('/');

    /// <exception cref="ConfigException">The token's or the root's file is at fault.</exception>
    public HttpClient Client(ParseResult parsed, TimeSpan timeout)
    {
        SocketsHttpHandler handler = new() { UseProxy = false, AllowAutoRedirect = false };
        if (parsed.GetValue(_root) is { } root)
        {
            handler.SslOptions.CertificateChainPolicy = PolicyOf(root);
        }

        HttpClient client = new(handler) { Timeout = timeout };
        if (parsed.GetValue(_token) is { } file)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", TokenOf(file));
        }

        return client;
    }

    private static X509ChainPolicy PolicyOf(string root)
    {
        X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        try
        {
            policy.CustomTrustStore.ImportFromPemFile(root);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new ConfigException($"--ca: {root}: {e.Message}");
        }

        return policy;
    }

    private static string TokenOf(string file)
    {
        try
        {
            foreach (string line in File.ReadLines(file))
            {
                string[] words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
                if (words.Length > 0 && !words[0].StartsWith('#'))
                {
                    return words[Math.Min(1, words.Length - 1)];
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"--token-file: {file}: {e.Message}");
        }

        throw new ConfigException($"--token-file: {file}: has no token");
    }
}
