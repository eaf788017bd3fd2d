using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Validator.Host.Api;

/// <summary>What a request's body is.</summary>
internal enum BodyForm : byte
{
    Raw,
    Json,
}

/// <summary>Why a request is not taken, as a problem document says it.</summary>
internal sealed record RequestFault(int Status, string Type, string Title, string Detail)
{
    public static RequestFault BadRequest(string detail) => new(StatusCodes.Status400BadRequest, "bad-request", "The request is not understood", detail);
}

/// <summary>
/// Whatever in a request may change what it means is understood or refused (docs/API.md, "What a request may say"): otherwise a
/// client would have something ordered, for ever, that it did not mean.
/// </summary>
internal static class RequestForm
{
    public const string QueryFault = "query";

    /// <summary>On a POST they change the request into one that we do not offer.</summary>
    private static readonly string[] s_changing =
    [
        HeaderNames.ContentRange, HeaderNames.IfMatch, HeaderNames.IfNoneMatch, HeaderNames.IfUnmodifiedSince, HeaderNames.IfModifiedSince,
        "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override",
    ];

    /// <param name="query">The parameters that the path knows; null: all are ignored.</param>
    /// <param name="stream">A stream, which has no ranges.</param>
    /// <returns>Null when all of it is understood; the body's own form is left to whoever reads it.</returns>
    public static RequestFault? Check(HttpRequest request, string[]? query, bool stream)
    {
        RequestFault? fault = query is null ? null : CheckQuery(request.Query, query);
        if (fault is not null)
        {
            return fault;
        }

        IHeaderDictionary headers = request.Headers;
        if (!StringValues.IsNullOrEmpty(headers.Expect) && !headers.Expect.ToString().Equals("100-continue", StringComparison.OrdinalIgnoreCase))
        {
            return new RequestFault(
                StatusCodes.Status417ExpectationFailed, "expectation-failed", "The expectation cannot be met", "Expect: 100-continue alone is understood");
        }

        if (headers.TransferEncoding.Count > 0 && !headers.TransferEncoding.ToString().Trim().Equals("chunked", StringComparison.OrdinalIgnoreCase))
        {
            return new RequestFault(
                StatusCodes.Status501NotImplemented, "transfer-coding", "The transfer coding is not understood",
                "Transfer-Encoding: chunked alone is understood; compress with Content-Encoding: gzip");
        }

        // The server moves a length that comes beside a coding to this name. The sender cannot have meant both.
        if (headers.TransferEncoding.Count > 0 && headers.ContainsKey("X-Content-Length"))
        {
            return RequestFault.BadRequest("Content-Length and Transfer-Encoding contradict each other; send one of them");
        }

        if (HttpMethods.IsPost(request.Method))
        {
            string? changing = Array.Find(s_changing, headers.ContainsKey);
            return changing is null ? null : RequestFault.BadRequest($"{changing} is not understood here; leave it out");
        }

        return HasBody(request) ? RequestFault.BadRequest($"{request.Method} takes no body; wishes go into the query")
            : stream && headers.ContainsKey(HeaderNames.Range) ? new RequestFault(
                StatusCodes.Status416RangeNotSatisfiable, "range", "The stream has no ranges", "take it up with ?from=INDEX or Last-Event-ID")
            : null;
    }

    /// <summary>What the body is and whether it is compressed.</summary>
    /// <param name="json">Whether it may be JSON.</param>
    /// <returns>Null when both are understood.</returns>
    public static RequestFault? CheckBody(HttpRequest request, bool json, out BodyForm form, out bool gzip)
    {
        gzip = false;
        RequestFault? fault = CheckType(request.ContentType, json, out form);
        if (fault is not null)
        {
            return fault;
        }

        string encoding = request.Headers.ContentEncoding.ToString().Trim();
        gzip = encoding.Equals("gzip", StringComparison.OrdinalIgnoreCase) || encoding.Equals("x-gzip", StringComparison.OrdinalIgnoreCase);
        return gzip || encoding.Length == 0 || encoding.Equals("identity", StringComparison.OrdinalIgnoreCase) ? null
            : new RequestFault(
                StatusCodes.Status415UnsupportedMediaType, "unsupported-encoding", "The content encoding is not understood",
                $"'{encoding}': gzip, once, is the one that is; nothing was taken");
    }

    /// <summary>Over HTTP/2 too, where a body needs no header.</summary>
    public static bool HasBody(HttpRequest request) =>
        request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? request.ContentLength > 0;

    /// <summary>A parameter that is true or false; the fallback where it is not given.</summary>
    public static bool TryFlag(HttpRequest request, string name, bool fallback, out bool value)
    {
        string? text = request.Query[name];
        value = text is null ? fallback : text == "true";
        return text is null or "true" or "false";
    }

    private static RequestFault? CheckQuery(IQueryCollection given, string[] known)
    {
        foreach ((string name, StringValues values) in given)
        {
            if (Array.FindIndex(known, k => k.Equals(name, StringComparison.OrdinalIgnoreCase)) < 0)
            {
                return new RequestFault(
                    StatusCodes.Status400BadRequest, QueryFault, "The query is not understood",
                    $"unknown parameter '{name}'; {(known.Length == 0 ? "this path has none" : $"this path has {string.Join(", ", known)}")}");
            }

            if (values.Count != 1)
            {
                return new RequestFault(
                    StatusCodes.Status400BadRequest, QueryFault, "The query is not understood", $"'{name}' comes {values.Count} times; once is enough");
            }
        }

        return null;
    }

    /// <summary>Any other type would be ordered as bytes that its sender did not mean. No type means raw.</summary>
    private static RequestFault? CheckType(string? contentType, bool json, out BodyForm form)
    {
        form = BodyForm.Raw;
        if (string.IsNullOrEmpty(contentType))
        {
            return null;
        }

        bool valid = MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? type);
        form = valid && type!.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) ? BodyForm.Json : BodyForm.Raw;
        string binary = form == BodyForm.Json ? "utf-8" : "binary";
        if (!valid || (form == BodyForm.Json ? !json : !type!.MediaType.Equals("application/octet-stream", StringComparison.OrdinalIgnoreCase)))
        {
            return Unsupported($"send application/octet-stream (or no content type) for raw bytes{(json ? ", or application/json" : "")}");
        }

        foreach (NameValueHeaderValue parameter in type!.Parameters)
        {
            if (!parameter.Name.Equals("charset", StringComparison.OrdinalIgnoreCase)
                || !HeaderUtilities.RemoveQuotes(parameter.Value).Equals(binary, StringComparison.OrdinalIgnoreCase))
            {
                return Unsupported($"'{parameter}': of {type.MediaType} no parameter is understood but charset={binary}");
            }
        }

        return null;
    }

    private static RequestFault Unsupported(string detail) => new(
        StatusCodes.Status415UnsupportedMediaType, "unsupported-media-type", "The content type is not understood", detail);
}
