using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Validator.Host.Contracts;

namespace Validator.Host.Api;

/// <summary>Errors as RFC 9457 problem details. The type is a stable name that a client can switch on.</summary>
internal static class Problem
{
    public const string TypePrefix = "urn:validator:problem:";

    /// <summary>For a submission that had been taken when the validator stops.</summary>
    public const string StoppingType = "stopping";

    // The body is JSON and never HTML, so quotes in the text stay readable.
    private static readonly JsonWriterOptions s_readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="type">Short name: queue-full, bad-request.</param>
    /// <param name="detail">What is wrong and what to do, for a person.</param>
    public static Task WriteAsync(HttpContext context, int status, string type, string title, string detail) =>
        WriteAsync(context, status, type, title, detail, null);

    public static Task WriteAsync(HttpContext context, RequestFault fault)
    {
        if (fault.Status == StatusCodes.Status415UnsupportedMediaType)
        {
            context.Response.Headers.AcceptEncoding = "gzip";
        }

        return WriteAsync(context, fault.Status, fault.Type, fault.Title, fault.Detail);
    }

    /// <summary>410: what was deleted by retention. The member <paramref name="first"/> has the oldest that is kept.</summary>
    public static Task Gone(HttpContext context, string type, string title, string first, ulong kept) => WriteAsync(
        context, StatusCodes.Status410Gone, type, title, $"the oldest kept here is {kept}; an archive has all", json => json.WriteNumber(first, kept));

    /// <param name="members">More members of the document.</param>
    public static Task WriteAsync(HttpContext context, int status, string type, string title, string detail, Action<Utf8JsonWriter>? members)
    {
        HttpResponse response = context.Response;
        response.StatusCode = status;
        response.ContentType = "application/problem+json";
        using (Utf8JsonWriter json = new(response.BodyWriter, s_readable))
        {
            json.WriteStartObject();
            json.WriteString("type", TypePrefix + type);
            json.WriteString("title", title);
            json.WriteNumber("status", status);
            json.WriteString("detail", detail);
            json.WriteString("instance", context.Request.Path);
            members?.Invoke(json);
            json.WriteEndObject();
        }

        return response.BodyWriter.FlushAsync(context.RequestAborted).AsTask();
    }

    public static Task BadRequest(HttpContext context, string detail) =>
        WriteAsync(context, StatusCodes.Status400BadRequest, "bad-request", "The request is not understood", detail);

    public static Task NotFound(HttpContext context, string detail) =>
        WriteAsync(context, StatusCodes.Status404NotFound, "not-found", "Not found", detail);

    public static Task TooLarge(HttpContext context, string detail) =>
        WriteAsync(context, StatusCodes.Status413PayloadTooLarge, "too-large", "The request is too large", detail);

    /// <param name="seconds">When to try again.</param>
    public static Task TooMany(HttpContext context, string type, string title, string detail, double seconds = 1)
    {
        int whole = Math.Max(1, (int)Math.Ceiling(seconds));
        context.Response.Headers.RetryAfter = whole.ToString(CultureInfo.InvariantCulture);
        return WriteAsync(context, StatusCodes.Status429TooManyRequests, type, title, $"{detail}; try again in {whole} s");
    }

    /// <summary>A body that was not read to its end.</summary>
    /// <param name="limit">Bytes that it may have.</param>
    public static Task Body(HttpContext context, NodeMetrics metrics, ApiPolicy policy, BodyOutcome outcome, int limit)
    {
        switch (outcome)
        {
            case BodyOutcome.TooSlow:
                metrics.HttpRefused[(int)HttpRefusal.BodyTimeout].Add();
                return BodyTimeout(context, policy.Options.BodyTimeout);
            case BodyOutcome.NoMemory:
                metrics.HttpRefused[(int)HttpRefusal.BodyMemory].Add();
                return TooMany(context, "busy", "Too many bodies at once", "bodies being read take all the memory there is for them");
            case BodyOutcome.Damaged:
                metrics.HttpRefused[(int)HttpRefusal.Form].Add();
                return BadRequest(context, "the body is not what Content-Encoding says: one whole gzip member, and nothing behind it");
            default:
                return TooLarge(context, $"the body may have {limit} bytes, unpacked too");
        }
    }

    /// <summary>The body did not come in time; the rest is not waited for.</summary>
    private static Task BodyTimeout(HttpContext context, TimeSpan limit)
    {
        if (!HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            context.Response.Headers.Connection = "close";
        }

        return WriteAsync(
            context, StatusCodes.Status408RequestTimeout, "request-timeout", "The body came too slowly",
            $"a body has {limit.TotalSeconds:0.###} s from its first byte to its last");
    }

    public static Task DiskLow(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "60";
        return WriteAsync(
            context, StatusCodes.Status507InsufficientStorage, "disk-low", "The validator's disk is almost full",
            "nothing was taken; submit to another validator");
    }

    public static Task LeftCommittee(HttpContext context) => WriteAsync(
        context, StatusCodes.Status503ServiceUnavailable, "left-committee", "The validator left the committee",
        "it left before this was ordered, which is not final and will not be by this validator; submit the same bytes to another");

    /// <summary>For a submission that was taken: unlike where a validator is not ready, sending it again may repeat it.</summary>
    public static Task DiskFailed(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "1";
        return WriteAsync(
            context, StatusCodes.Status503ServiceUnavailable, "disk-failed", "The validator's disk failed",
            "what was submitted was taken, and may or may not become final: ask GET /v1/transactions/{id} of another validator");
    }

    /// <param name="stall">Where nothing becomes final: the member <c>cause</c> names why.</param>
    public static Task NotReady(HttpContext context, string reason, Stall? stall = null)
    {
        context.Response.Headers.RetryAfter = (stall?.RetryAfterSeconds ?? 1).ToString(CultureInfo.InvariantCulture);
        const int Status = StatusCodes.Status503ServiceUnavailable;
        return WriteAsync(
            context, Status, "not-ready", "The validator is not ready", reason, stall is null ? null : json => json.WriteString("cause", stall.CauseName));
    }

    /// <summary>For a submission that was taken and still waits when the validator stops.</summary>
    /// <param name="members">Whose it is.</param>
    public static Task Stopping(HttpContext context, bool durable, Action<Utf8JsonWriter> members)
    {
        context.Response.Headers.RetryAfter = "1";
        return WriteAsync(
            context, StatusCodes.Status503ServiceUnavailable, StoppingType, "The validator is stopping", durable
                ? "what was submitted is durable and may become final: ask GET /v1/transactions/{id} of any validator in a while, or send the same bytes to another"
                : "what was submitted was taken, and may or may not become final: ask GET /v1/transactions/{id} of any validator in a while, or send the same"
                    + " bytes to another",
            members);
    }

    /// <summary>Answers what the router refused, and what Kestrel found wrong with a body, in the same form.</summary>
    public static async Task Middleware(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            await (e.StatusCode switch
            {
                StatusCodes.Status413PayloadTooLarge => TooLarge(context, "the body is longer than this validator accepts"),
                StatusCodes.Status408RequestTimeout => WriteAsync(
                    context, e.StatusCode, "request-timeout", "The request came too slowly", e.Message),
                _ => BadRequest(context, e.Message),
            }).ConfigureAwait(false);
            return;
        }

        if (context.Response.HasStarted)
        {
            return;
        }

        if (context.Response.StatusCode == StatusCodes.Status404NotFound)
        {
            await NotFound(context, "there is no such path; see GET /v1/status and the API's documentation").ConfigureAwait(false);
        }
        else if (context.Response.StatusCode == StatusCodes.Status405MethodNotAllowed)
        {
            await WriteAsync(
                context, StatusCodes.Status405MethodNotAllowed, "method-not-allowed", "The method is not allowed",
                $"{context.Request.Method} is not allowed here; allowed: {context.Response.Headers.Allow}").ConfigureAwait(false);
        }
    }
}
