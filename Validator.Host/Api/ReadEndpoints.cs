using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Primitives;
using Validator.Host.Contracts;
using Validator.Host.Storage;

namespace Validator.Host.Api;

/// <summary>Everything that is read once: status, transactions, vertices, blocks.</summary>
internal sealed class ReadEndpoints(INodeGateway node)
{
    public Task Status(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        return JsonSerializer.SerializeAsync(
            context.Response.Body, node.GetStatus(), ApiJson.Default.NodeStatus, context.RequestAborted);
    }

    /// <summary>
    /// Who decides in this epoch, and in the next where a change is pending; with <c>?keys=true</c> their consensus keys too.
    /// </summary>
    public Task Committee(HttpContext context)
    {
        if (!RequestForm.TryFlag(context.Request, "keys", false, out bool keys))
        {
            return Problem.BadRequest(context, "?keys= takes true or false");
        }

        EpochConfiguration epoch = node.Epoch;
        return WriteAsync(context, json =>
        {
            json.WriteNumber("epoch", epoch.Number);
            json.WriteNumber("after_block", epoch.Start.Sequence);
            json.WriteNumber("total_weight", epoch.Committee.Total);
            json.WriteNumber("quorum_weight", epoch.Committee.Quorum);
            WriteMembers(json, "members", epoch.Members, keys);
            if (epoch.Pending is { } pending)
            {
                json.WriteNumber("pending_since_block", pending.Sequence);
                WriteMembers(json, "next_members", pending.Members, keys);
            }
        });
    }

    private static void WriteMembers(Utf8JsonWriter json, string name, Member[] members, bool keys)
    {
        json.WriteStartArray(name);
        foreach (Member member in members)
        {
            json.WriteStartObject();
            json.WriteString("name", member.Name);
            json.WriteNumber("weight", member.Weight);
            SubmitEndpoints.WriteHash(json, "consensus_key_hash", Hash256.Of(member.ConsensusKey));
            SubmitEndpoints.WriteHash(json, "transport_key_hash", Hash256.Of(member.TransportKey));
            if (keys)
            {
                json.WriteBase64String("consensus_key", member.ConsensusKey);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>200 while every loop of the node advances, else 503: a supervisor should restart it.</summary>
    public Task Health(HttpContext context) => node.IsHealthy(out string reason)
        ? WriteAsync(context, json =>
        {
            json.WriteString("status", "ok");
            if (node.Stall is { } stall)
            {
                // A restart would not help, so the process counts as healthy; the answer says it all the same.
                json.WriteString("stalled", stall.CauseName);
                json.WriteString("detail", stall.Reason);
            }
        })
        : Problem.NotReady(context, reason);

    /// <summary>200 when the validator takes part, else 503 with the reason.</summary>
    public Task Ready(HttpContext context) => node.IsReady(out string reason)
        ? WriteAsync(context, json => json.WriteString("status", "ready"))
        : Problem.NotReady(context, reason, node.Stall);

    public Task Transaction(HttpContext context)
    {
        if (!TryHash(context, "id", out Hash256 id))
        {
            return Problem.BadRequest(context, "expected the transaction's id, 64 hexadecimal digits");
        }

        if (!node.TryFindTransaction(id, out TransactionState state))
        {
            return Unknown(context, node);
        }

        return WriteAsync(context, json =>
        {
            SubmitEndpoints.WriteHash(json, "id", id);
            SubmitEndpoints.WriteState(json, state, node.Finality);
        });
    }

    /// <summary>No such transaction is known here, or it is not indexed yet.</summary>
    internal static Task Unknown(HttpContext context, INodeGateway node) => node.NotIndexed is { } missing
        ? NotIndexed(context, missing)
        : Problem.WriteAsync(
            context, StatusCodes.Status404NotFound, "not-found", "Not found",
            $"it is neither durable in a vertex of this validator nor among the ordered transactions that are kept here, from block {node.FirstBlock} on",
            json =>
            {
                json.WriteNumber("first_block", node.FirstBlock);
                json.WriteNumber("first_index", node.FirstFinalIndex);
                json.WriteNumber("next_index", node.NextFinalIndex);
            });

    private static Task NotIndexed(HttpContext context, (ulong First, ulong Last) missing)
    {
        context.Response.Headers.RetryAfter = "10";
        return Problem.WriteAsync(
            context, StatusCodes.Status503ServiceUnavailable, "index-incomplete", "Not all transactions are found yet",
            $"it is not among those that are; of blocks {missing.First} to {missing.Last} the index is being made: ask again, or another validator");
    }

    /// <summary>A vertex's header and signature; with ?payload=true its bytes too.</summary>
    public Task Vertex(HttpContext context)
    {
        if (!TryHash(context, "hash", out Hash256 hash))
        {
            return Problem.BadRequest(context, "expected the vertex's hash, 64 hexadecimal digits");
        }

        if (!RequestForm.TryFlag(context.Request, "payload", false, out bool withPayload))
        {
            return Problem.BadRequest(context, "expected ?payload=true or ?payload=false");
        }

        if (node.FindVertex(hash) is not { } vertex)
        {
            return Problem.NotFound(context, "this validator holds no such vertex");
        }

        ListedVertex outcome = node.Dag.Describe(vertex.Header);
        return WriteAsync(context, json =>
        {
            VertexHeader header = vertex.Header;
            string[] names = node.MemberNames(header.Epoch, header.Parents.Length);
            SubmitEndpoints.WriteHash(json, "hash", header.Hash);
            json.WriteNumber("epoch", header.Epoch);
            json.WriteString("author", names[header.Author]);
            json.WriteNumber("height", header.Height);
            DagEndpoints.WriteOutcome(json, outcome);
            SubmitEndpoints.WriteHash(json, "predecessor", header.Predecessor);
            WriteTips(json, "parents", names, header.Parents);
            SubmitEndpoints.WriteHash(json, "transaction_root", header.TransactionRoot);
            json.WriteNumber("transaction_count", header.TransactionCount);
            json.WriteNumber("payload_bytes", header.PayloadBytes);
            json.WriteBase64String("signature", vertex.Signature);
            if (withPayload)
            {
                json.WriteBase64String("payload", vertex.Payload);
            }
        });
    }

    /// <summary>
    /// A final block with a certificate that covers it: its own, or a descendant's with the blocks between, so that a client
    /// can check the chain of hashes itself.
    /// </summary>
    public Task Block(HttpContext context)
    {
        string text = (string)context.Request.RouteValues["sequence"]!;
        if (!StrictNumber.TryRead(text, out ulong sequence) || sequence == 0)
        {
            return Problem.BadRequest(context, "expected a block's sequence, a number from 1");
        }

        if (node.FindBlock(sequence) is not { } found)
        {
            ulong first = node.FirstBlock;
            if (sequence < first)
            {
                return Problem.Gone(context, "block-gone", "The block is no longer kept", "first_block", first);
            }

            return Problem.NotFound(context, $"block {sequence} is not final here; the newest executed one is {node.GetStatus().ExecutedSequence}");
        }

        return WriteAsync(context, json =>
        {
            // All are of one epoch: no certificate covers a block of another.
            string[] names = node.MemberNames(found.Block.Epoch, found.Block.Cut.Length);
            WriteBlock(json, found.Block, names);
            json.WriteNumber("first_index", found.FirstIndex);
            json.WriteNumber("transaction_count", found.TransactionCount);
            SubmitEndpoints.WriteHash(json, "root_after", found.ExecutedRoot);
            json.WriteStartArray("descendants");
            foreach (Block block in found.Between)
            {
                json.WriteStartObject();
                WriteBlock(json, block, names);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            WriteCertificate(json, found.Certificate, names);
        });
    }

    private static void WriteBlock(Utf8JsonWriter json, Block block, string[] names)
    {
        SubmitEndpoints.WriteHash(json, "hash", block.Hash);
        json.WriteNumber("epoch", block.Epoch);
        json.WriteNumber("sequence", block.Sequence);
        SubmitEndpoints.WriteHash(json, "parent", block.Parent);
        json.WriteNumber("timestamp_micros", block.TimestampMicros);
        json.WriteNumber("executed_sequence", block.ExecutedSequence);
        SubmitEndpoints.WriteHash(json, "executed_root", block.ExecutedRoot);
        SubmitEndpoints.WriteHash(json, "next_committee", block.NextCommittee);
        WriteTips(json, "cut", names, block.Cut);
    }

    private static void WriteTips(Utf8JsonWriter json, string name, string[] names, LaneTip[] tips)
    {
        json.WriteStartArray(name);
        for (int i = 0; i < tips.Length; i++)
        {
            json.WriteStartObject();
            json.WriteString("lane", names[i]);
            json.WriteNumber("height", tips[i].Height);
            SubmitEndpoints.WriteHash(json, "hash", tips[i].Hash);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteCertificate(Utf8JsonWriter json, Certificate certificate, string[] names)
    {
        json.WriteStartObject("certificate");
        json.WriteString("phase", Names.Snake($"{certificate.Phase}"));
        json.WriteNumber("epoch", certificate.Epoch);
        json.WriteNumber("view", certificate.View);
        json.WriteNumber("sequence", certificate.Sequence);
        SubmitEndpoints.WriteHash(json, "block_hash", certificate.BlockHash);
        json.WriteStartArray("votes");
        foreach (CertificateVote vote in certificate.Votes)
        {
            json.WriteStartObject();
            json.WriteString("sender", names[vote.Sender]);
            json.WriteBase64String("signature", vote.Signature);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static bool TryHash(HttpContext context, string name, out Hash256 hash) =>
        Hash256.TryParse((string)context.Request.RouteValues[name]!, out hash);

    internal static Task WriteAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        context.Response.ContentType = "application/json";
        using (Utf8JsonWriter json = new(context.Response.BodyWriter))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return context.Response.BodyWriter.FlushAsync(context.RequestAborted).AsTask();
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(NodeStatus))]
internal sealed partial class ApiJson : JsonSerializerContext;
