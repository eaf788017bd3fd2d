using Microsoft.AspNetCore.Http;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Primitives;
using Validator.Host.Contracts;

namespace Validator.Host.Api;

/// <summary>GET /v1/transactions/{id}/proof: what shows to anybody, without trusting this validator, that it is final.</summary>
internal sealed class ProofEndpoints(INodeGateway node)
{
    /// <summary>Ends of epochs whose sizes are added up for one answer.</summary>
    private const int MostDescribed = 256;

    /// <summary>The proof as bytes, from genesis or from ?from_epoch on; with ?format=json what is in it.</summary>
    public Task Transaction(HttpContext context)
    {
        if (!Hash256.TryParse((string)context.Request.RouteValues["id"]!, out Hash256 id))
        {
            return Problem.BadRequest(context, "expected the transaction's id, 64 hexadecimal digits");
        }

        string format = context.Request.Query.TryGetValue("format", out var given) ? given.ToString() : "binary";
        string since = context.Request.Query.TryGetValue("from_epoch", out var epoch) ? epoch.ToString() : "0";
        if (format is not ("binary" or "json") || !StrictNumber.TryRead(since, out ulong from))
        {
            return Problem.BadRequest(context, "expected ?format=binary or ?format=json, and ?from_epoch=N, a number from 0");
        }

        if (node.FindProof(id, out bool gone) is not { } proof)
        {
            return gone ? Gone(context)
                : node.TryFindTransaction(id, out _) ? NotYet(context)
                : ReadEndpoints.Unknown(context, node);
        }

        ulong to = proof.Certificate.Epoch;
        // A certificate is most of an epoch's end, and no verifier reads a longer proof.
        ulong most = format == "json" ? MostDescribed
            : (ulong)(TransactionProofCodec.MaxBytes / CertificateCodec.EncodedSize(proof.Certificate));
        return from > proof.Ordering.Epoch
            ? Problem.BadRequest(context, $"it was ordered in epoch {proof.Ordering.Epoch}: a proof begins there, or before")
            : to - from > most
            ? Problem.BadRequest(
                context, $"the ends of {to - from} epochs are too many for one answer: give ?from_epoch=N, {to - most} or later")
            : format == "json" ? Describe(context, proof, from, to) : Write(context, proof with { FirstEpoch = from }, from, to);
    }

    /// <summary>
    /// Ordered, but not kept far enough back: its parent's cut, or a vertex above it in the lane, is not here any more.
    /// </summary>
    private Task Gone(HttpContext context) => Problem.WriteAsync(
        context, StatusCodes.Status410Gone, "proof-gone", "The proof can no longer be made here",
        $"it takes what lies before block {node.FirstBlock}, the oldest kept here: ask one that keeps more; an archive keeps all",
        json => json.WriteNumber("first_block", node.FirstBlock));

    private static Task NotYet(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "1";
        return Problem.WriteAsync(
            context, StatusCodes.Status409Conflict, "not-final", "It is not final yet",
            "it is durable here, and no block that is final and on disk orders it: ask again");
    }

    /// <summary>There may be many epochs, so their ends are read and sent one by one.</summary>
    private async Task Write(HttpContext context, TransactionProof proof, ulong from, ulong to)
    {
        // The first is read before the answer begins, so that one that is not known is told.
        using IEnumerator<ProofEpochEnd> ends = node.ReadEpochEnds(from, to).GetEnumerator();
        bool more = ends.MoveNext();
        Stream body = context.Response.Body;
        CancellationToken aborted = context.RequestAborted;
        context.Response.ContentType = "application/octet-stream";
        if (HttpMethods.IsHead(context.Request.Method))
        {
            return;
        }

        await body.WriteAsync(TransactionProofCodec.EncodeHead(proof, (uint)(to - from)), aborted).ConfigureAwait(false);
        for (; more; more = ends.MoveNext())
        {
            await body.WriteAsync(TransactionProofCodec.Encode(ends.Current), aborted).ConfigureAwait(false);
        }

        await body.WriteAsync(TransactionProofCodec.EncodeRest(proof), aborted).ConfigureAwait(false);
    }

    private Task Describe(HttpContext context, TransactionProof proof, ulong from, ulong to)
    {
        ProofSizes sizes = TransactionProofCodec.SizesOf(proof);
        long epochs = node.ReadEpochEnds(from, to).Sum(end => (long)TransactionProofCodec.EncodedSize(end));
        return ReadEndpoints.WriteAsync(context, json =>
        {
            VertexHeader vertex = proof.Vertex;
            Certificate certificate = proof.Certificate;
            SubmitEndpoints.WriteHash(json, "id", proof.Id);
            json.WriteNumber("from_epoch", from);
            json.WriteNumber("epoch", proof.Ordering.Epoch);
            json.WriteNumber("block", proof.Ordering.Sequence);
            SubmitEndpoints.WriteHash(json, "block_hash", proof.Ordering.Hash);
            json.WriteString("lane", node.MemberNames(vertex.Epoch, vertex.Parents.Length)[vertex.Author]);
            json.WriteNumber("height", vertex.Height);
            SubmitEndpoints.WriteHash(json, "vertex", vertex.Hash);
            json.WriteNumber("position", proof.Path.Position);
            json.WriteNumber("transaction_count", vertex.TransactionCount);
            if (proof.Accepted is { } accepted)
            {
                json.WriteNumber("index", accepted.Index);
            }

            json.WriteStartObject("certificate");
            json.WriteString("phase", Names.Snake($"{certificate.Phase}"));
            json.WriteNumber("epoch", certificate.Epoch);
            json.WriteNumber("view", certificate.View);
            json.WriteNumber("sequence", certificate.Sequence);
            json.WriteNumber("votes", certificate.Votes.Length);
            json.WriteEndObject();
            json.WriteStartObject("bytes");
            json.WriteNumber("head", sizes.Head);
            json.WriteNumber("epochs", epochs);
            json.WriteNumber("blocks", sizes.Blocks);
            json.WriteNumber("certificate", sizes.Certificate);
            json.WriteNumber("lane", sizes.Lane);
            json.WriteNumber("path", sizes.Path);
            json.WriteNumber("execution", sizes.Acceptance);
            json.WriteNumber("total", sizes.Total + epochs);
            json.WriteEndObject();
        });
    }
}
