using System.Globalization;
using Microsoft.AspNetCore.Http;
using Validator.Core.Effects;
using Validator.Host.Contracts;
using Validator.Host.Primitives;

namespace Validator.Host.Api;

/// <summary>GET /v1/forks: what this validator saw twice, and what became of it (PROTOCOL.md, rules D1 to D4).</summary>
internal sealed class ForkEndpoints(INodeGateway node)
{
    public Task List(HttpContext context)
    {
        ForkSummary[] forks = node.Forks;
        return ReadEndpoints.WriteAsync(context, json =>
        {
            json.WriteNumber("active", forks.Count(f => f.Fork.Outcome == ForkOutcome.Active));
            json.WriteStartArray("forks");
            foreach (ForkSummary summary in forks.Reverse())
            {
                Fork fork = summary.Fork;
                json.WriteStartObject();
                json.WriteString("kind", Names.Snake(fork.Kind.ToString()));
                json.WriteString("outcome", Names.Snake(fork.Outcome.ToString()));
                json.WriteNumber("epoch", fork.Epoch);
                if (summary.Member is { } member)
                {
                    json.WriteString("member", member);
                }

                if (fork.Kind == ForkKind.LaneTwin)
                {
                    json.WriteNumber("height", fork.Sequence);
                }
                else
                {
                    json.WriteNumber("view", fork.View);
                    json.WriteNumber("sequence", fork.Sequence);
                }

                SubmitEndpoints.WriteHash(json, "first", fork.First);
                SubmitEndpoints.WriteHash(json, "second", fork.Second);
                json.WriteNumber("found_micros", summary.FoundWallMicros);
                if (fork.Outcome != ForkOutcome.Active)
                {
                    json.WritePropertyName("seconds");
                    double seconds = (fork.EndedMicros - fork.FoundMicros) / 1e6;
                    json.WriteRawValue(seconds.ToString("0.000000", CultureInfo.InvariantCulture));
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }
}
