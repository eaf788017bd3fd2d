using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Validator.Host.Contracts;

namespace Validator.Host.Api;

/// <summary>
/// Runs before every endpoint: checks connections and rate per address, then who may ask. A refusal reads no body and does not
/// touch the node.
/// </summary>
/// <param name="open">Everything of this listener may be asked without a token.</param>
/// <param name="page">The metrics page's listener, which is checked for the host's name on loopback alone.</param>
internal sealed class Gate(ApiPolicy policy, NodeMetrics metrics, bool open, bool page = false)
{
    /// <summary>Seconds that a browser may keep the answer to its preflight.</summary>
    private const string PreflightAge = "600";

    /// <summary>A wrong token counts as this many requests, so that guessing ends soon.</summary>
    private const double WrongTokenCost = 10;

    /// <summary>Kestrel's connection middleware: too many of one address are closed before TLS and HTTP.</summary>
    public async Task Connection(ConnectionContext connection, ConnectionDelegate next)
    {
        IPAddress address = (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        bool allowed = policy.Addresses.TryEnter(address, policy.Options.ConnectionsPerAddress, out AddressUse use);
        try
        {
            if (!allowed)
            {
                metrics.HttpRefused[(int)HttpRefusal.Connections].Add();
                connection.Abort();
                return;
            }

            connection.Features.Set(use);
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            policy.Addresses.Leave(use);
        }
    }

    public Task Request(HttpContext context, RequestDelegate next)
    {
        AddressUse use = UseOf(context);
        double wait = use.TryTake(policy.Options.RequestsPerSecond);
        if (wait > 0)
        {
            metrics.HttpRefused[(int)HttpRefusal.Rate].Add();
            return Problem.TooMany(context, "rate-limit", "Too many requests", $"one address may ask {policy.Options.RequestsPerSecond} times a second", wait);
        }

        if (RefuseSite(context) is { } refused)
        {
            return refused;
        }

        ApiRoles needed = Needed(context.Request);
        if (needed == ApiRoles.None)
        {
            return next(context);
        }

        ApiTokens? tokens = policy.Tokens;
        if (tokens is null)
        {
            return needed == ApiRoles.Admin ? Forbid(context, "admin requests need api.tokens") : next(context);
        }

        ApiRoles roles = tokens.RolesOf(context.Request.Headers.Authorization);
        if ((roles & needed) != 0)
        {
            return next(context);
        }

        return roles == ApiRoles.None ? Challenge(context, use) : Forbid(context, $"the token lacks the role {needed.ToString().ToLowerInvariant()}");
    }

    /// <summary>The use of the address that a request came from.</summary>
    public static AddressUse UseOf(HttpContext context) => context.Features.Get<AddressUse>() ?? new AddressUse();

    private ApiRoles Needed(HttpRequest request)
    {
        PathString path = request.Path;
        if (path.StartsWithSegments("/v1/admin"))
        {
            return ApiRoles.Admin;
        }

        // What a path allows is no secret, and a browser's preflight brings no token.
        if (open || IsProbe(path) || HttpMethods.IsOptions(request.Method))
        {
            return ApiRoles.None;
        }

        return HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) ? ApiRoles.Read : ApiRoles.Submit;
    }

    /// <summary>Probes of load balancers and supervisors carry no secrets, and the answer holds none.</summary>
    private static bool IsProbe(PathString path) => path == "/v1/health" || path == "/v1/ready";

    /// <summary>
    /// A page that somebody on this machine opens in a browser must not submit to a validator on loopback, nor read what no token
    /// protects. Answers preflights, and lets an allowed page read; the browser itself keeps answers from other origins.
    /// </summary>
    /// <returns>Null when the request goes on.</returns>
    private Task? RefuseSite(HttpContext context)
    {
        HttpRequest request = context.Request;
        SitePolicy sites = policy.Sites;
        bool guarded = page ? open : !IsProbe(request.Path) && (policy.Tokens is null || sites.HasHosts);
        if (guarded && !sites.Allows(request.Host))
        {
            metrics.HttpRefused[(int)HttpRefusal.Host].Add();
            return Problem.WriteAsync(
                context, StatusCodes.Status403Forbidden, "host-not-allowed", "Not by this name",
                $"the request is for '{request.Host.Host}'; if that is this validator, add it to api.allowed_hosts, or ask by address");
        }

        PageOrigin origin = sites.Of(request);
        if (origin == PageOrigin.Allowed)
        {
            sites.Grant(context);
        }

        // A foreign page's GET is answered as any other: without a grant its browser keeps the answer from it.
        bool reads = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
        bool preflight = HttpMethods.IsOptions(request.Method) && request.Headers.ContainsKey(HeaderNames.AccessControlRequestMethod);
        if (origin == PageOrigin.Foreign && !reads)
        {
            metrics.HttpRefused[(int)HttpRefusal.CrossOrigin].Add();
            return Problem.WriteAsync(
                context, StatusCodes.Status403Forbidden, "cross-origin", "Not from another site",
                $"a browser sent this for a page of {request.Headers.Origin}; if that page may, add its origin to api.cors_origins");
        }

        if (preflight && origin != PageOrigin.None)
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            IHeaderDictionary headers = context.Response.Headers;
            headers.AccessControlAllowMethods = "GET, HEAD, POST";
            headers.AccessControlAllowHeaders = "Authorization, Content-Type, Content-Encoding, Last-Event-ID, Cache-Control";
            headers.AccessControlMaxAge = PreflightAge;
            return Task.CompletedTask;
        }

        return null;
    }

    private Task Challenge(HttpContext context, AddressUse use)
    {
        use.TryTake(policy.Options.RequestsPerSecond, WrongTokenCost);
        metrics.HttpRefused[(int)HttpRefusal.Unauthorized].Add();
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Problem.WriteAsync(
            context, StatusCodes.Status401Unauthorized, "unauthorized", "A token is needed",
            "send Authorization: Bearer TOKEN with a token of this validator's api.tokens");
    }

    private Task Forbid(HttpContext context, string detail)
    {
        metrics.HttpRefused[(int)HttpRefusal.Forbidden].Add();
        return Problem.WriteAsync(context, StatusCodes.Status403Forbidden, "forbidden", "The token does not allow this", detail);
    }
}
