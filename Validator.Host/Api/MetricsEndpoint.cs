using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Prometheus;
using Validator.Host.Contracts;
using Validator.Host.Metrics;

namespace Validator.Host.Api;

/// <summary>
/// The metrics page, in the format that the scraper prefers: Prometheus' text, or OpenMetrics where it is asked for.
/// </summary>
internal sealed class MetricsEndpoint(INodeGateway node, NodeMetrics metrics)
{
    private readonly MetricsRegistry _registry = new(page => MetricsPage.Fill(page, metrics, node.GetStatus(), node.Trust, node.Stores));

    public async Task Serve(HttpContext context)
    {
        ExpositionFormat format = Negotiate(context.Request);
        byte[] page = await _registry.RenderAsync(format, context.RequestAborted).ConfigureAwait(false);
        context.Response.ContentType = format == ExpositionFormat.OpenMetricsText
            ? PrometheusConstants.OpenMetricsContentTypeWithVersionAndEncoding
            : PrometheusConstants.TextContentTypeWithVersionAndEncoding;
        context.Response.ContentLength = page.Length;
        await context.Response.Body.WriteAsync(page, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Text unless OpenMetrics is named and weighs more than the text form.</summary>
    internal static ExpositionFormat Negotiate(HttpRequest request)
    {
        double open = 0, text = 0;
        if (MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out IList<MediaTypeHeaderValue>? accepted))
        {
            foreach (MediaTypeHeaderValue type in accepted)
            {
                double quality = type.Quality ?? 1;
                if (type.MediaType.Equals(PrometheusConstants.OpenMetricsContentType, StringComparison.OrdinalIgnoreCase))
                {
                    open = Math.Max(open, quality);
                }
                else if (type.MediaType.Equals(PrometheusConstants.TextContentType, StringComparison.OrdinalIgnoreCase))
                {
                    text = Math.Max(text, quality);
                }
            }
        }

        return open > text ? ExpositionFormat.OpenMetricsText : ExpositionFormat.PrometheusText;
    }
}
