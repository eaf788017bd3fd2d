using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Host.Primitives;

namespace Validator.Host.Api;

/// <summary>
/// The certificate that the API shows, and the chain up to its root. A reload replaces both for new connections.
/// </summary>
public sealed class ApiCertificate : IDisposable
{
    private static readonly TimeSpan s_handshakeTimeout = TimeSpan.FromSeconds(5);

    private SslStreamCertificateContext _context;
    private X509Certificate2 _leaf;

    private ApiCertificate(X509Certificate2 leaf, SslStreamCertificateContext context)
    {
        _leaf = leaf;
        _context = context;
    }

    /// <returns>Null when none is configured.</returns>
    /// <exception cref="ConfigException">A file cannot be read, others can read the key, or the two do not belong
    /// together.</exception>
    public static ApiCertificate? Read(ApiSection api)
    {
        if (api.TlsCertificate.Length == 0)
        {
            return null;
        }

        try
        {
            using FileStream file = new(api.TlsKey, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (SecretFile.Fault(file.SafeFileHandle, api.TlsKey) is { } fault)
            {
                throw new ConfigException($"api.tls_key: {api.TlsKey}: {fault}");
            }

            string certificates = InputFile.ReadText(api.TlsCertificate);
            X509Certificate2 leaf = X509Certificate2.CreateFromPem(certificates, InputFile.ReadText(file));
            X509Certificate2Collection chain = [];
            chain.ImportFromPem(certificates);
            return new ApiCertificate(leaf, SslStreamCertificateContext.Create(leaf, chain, offline: true));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new ConfigException($"api.tls_certificate: {api.TlsCertificate} with {api.TlsKey}: cannot be used: {e.Message}");
        }
    }

    /// <summary>TLS 1.3 alone, without certificates of clients.</summary>
    public TlsHandshakeCallbackOptions Options() => new()
    {
        HandshakeTimeout = s_handshakeTimeout,
        OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
        {
            ServerCertificateContext = Volatile.Read(ref _context),
            EnabledSslProtocols = SslProtocols.Tls13,
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            ClientCertificateRequired = false,
        }),
    };

    /// <summary>Takes over what another holds.</summary>
    public void Replace(ApiCertificate other)
    {
        // Handshakes under way still use the old one: the collector frees it.
        Volatile.Write(ref _context, other._context);
        _leaf = other._leaf;
    }

    public void Dispose() => _leaf.Dispose();
}
