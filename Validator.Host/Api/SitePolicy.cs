using System.Net;
using Microsoft.AspNetCore.Http;
using Validator.Host.Config;

namespace Validator.Host.Api;

/// <summary>Where a browser says that a request comes from.</summary>
public enum PageOrigin : byte
{
    /// <summary>No Origin: no browser, or one that does not say.</summary>
    None,

    /// <summary>A page that this validator or the proxy before it has served.</summary>
    Own,

    /// <summary>One of <c>api.cors_origins</c>.</summary>
    Allowed,
    Foreign,
}

/// <summary>
/// Which names of this validator a request may use, and which pages may ask. Names come first: a page may make its own name
/// resolve to loopback (DNS rebinding), and its Origin then equals the Host. It cannot do that to an address, nor to localhost.
/// </summary>
public sealed class SitePolicy
{
    private readonly string[] _hosts;
    private readonly string[] _origins;
    private readonly bool _everywhere;

    private SitePolicy(string[] hosts, string[] origins, bool everywhere)
    {
        _hosts = hosts;
        _origins = origins;
        _everywhere = everywhere;
    }

    /// <summary>Names are checked although tokens keep strangers out, since the operator has listed them.</summary>
    public bool HasHosts => _hosts.Length > 0;

    /// <summary>From the configuration, checked by <see cref="SiteNames"/> before.</summary>
    public static SitePolicy From(ApiSection api) =>
        new(api.AllowedHosts ?? [], api.CorsOrigins ?? [], !IPAddress.IsLoopback(IPAddress.Parse(api.Host)));

    public bool Allows(HostString host)
    {
        string name = host.Host.TrimEnd('.');

        // HTTP/1.0 clients send none; browsers always do.
        return name.Length == 0 || IPAddress.TryParse(name, out _)
            || name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || Names(name) || Array.IndexOf(_hosts, SiteNames.Any) >= 0
            // Services in containers and hosts of a local network; a name without a dot is in nobody's public zone.
            || (_everywhere && !name.Contains('.', StringComparison.Ordinal));
    }

    public PageOrigin Of(HttpRequest request)
    {
        string? origin = request.Headers.Origin;
        return string.IsNullOrEmpty(origin) ? PageOrigin.None
            : Uri.TryCreate(origin, UriKind.Absolute, out Uri? from) && (from.Authority == request.Host.Value || Names(from.Host)) ? PageOrigin.Own
            : Array.IndexOf(_origins, origin) >= 0 || Array.IndexOf(_origins, SiteNames.Any) >= 0 ? PageOrigin.Allowed
            : PageOrigin.Foreign;
    }

    /// <summary>Tells the browser that the page may read the answer.</summary>
    public void Grant(HttpContext context)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.AccessControlAllowOrigin = Array.IndexOf(_origins, SiteNames.Any) >= 0 ? SiteNames.Any : context.Request.Headers.Origin;
        headers.AccessControlExposeHeaders = "Retry-After, Allow, Validator-Chain, Validator-From";
        headers.Vary = "Origin";
    }

    /// <summary>With any name allowed, no page counts as our own.</summary>
    private bool Names(string name) => Array.Exists(_hosts, h => h.Equals(name, StringComparison.OrdinalIgnoreCase)
        || (h.StartsWith("*.", StringComparison.Ordinal) && name.Length > h.Length - 1 && name.EndsWith(h[1..], StringComparison.OrdinalIgnoreCase)));
}
