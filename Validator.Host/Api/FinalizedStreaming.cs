using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Validator.Core.Primitives;
using Validator.Host.Metrics;

namespace Validator.Host.Api;

/// <summary>
/// GET /v1/finalized: final transactions by global index from ?from=INDEX on, or after Last-Event-ID, or from now. Each
/// subscriber reads from the ledger at its own pace, one page at a time, so nothing is buffered for it and nothing can be
/// missing or doubled; one that does not take a page in time is closed, and may resume by id.
/// </summary>
internal sealed class FinalizedStreaming(INodeGateway node, NodeMetrics metrics, ApiPolicy policy)
{
    /// <summary>Bytes of a binary record before the transaction's own: index, block, id, length, kind.</summary>
    public const int BinaryHeaderBytes = 8 + 8 + Hash256.Size + 4 + 1;

    private int _subscribers;

    public async Task Serve(HttpContext context, CancellationToken stopping)
    {
        if (!TryStart(context, out ulong from, out string error))
        {
            await Problem.BadRequest(context, error).ConfigureAwait(false);
            return;
        }

        string format = (string?)context.Request.Query["format"] ?? "sse";
        if (format is not ("sse" or "binary"))
        {
            await Problem.BadRequest(context, "expected ?format=sse or ?format=binary").ConfigureAwait(false);
            return;
        }

        if (from < node.FirstFinalIndex)
        {
            await Problem.Gone(context, "index-gone", "The index is no longer kept", "first_index", node.FirstFinalIndex).ConfigureAwait(false);
            return;
        }

        AddressUse use = Gate.UseOf(context);
        bool allowed = use.TrySubscribe(policy.Options.SubscribersPerAddress);
        int subscribers = Interlocked.Increment(ref _subscribers);
        metrics.StreamSubscribers.Value = subscribers;
        try
        {
            if (!allowed || subscribers > policy.Options.MaxSubscribers)
            {
                metrics.HttpRefused[(int)HttpRefusal.Subscribers].Add();
                await Problem.TooMany(
                    context, "too-many-subscribers", "Too many subscribers",
                    allowed ? $"{policy.Options.MaxSubscribers} streams are open" : $"one address may have {policy.Options.SubscribersPerAddress} streams", 5).ConfigureAwait(false);
                return;
            }

            using CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
            await Stream(context, from, format == "binary", ended.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The client left, or the node stops: both end the stream.
        }
        finally
        {
            metrics.StreamSubscribers.Value = Interlocked.Decrement(ref _subscribers);
            if (allowed)
            {
                use.EndSubscription();
            }
        }
    }

    private bool TryStart(HttpContext context, out ulong from, out string error)
    {
        from = 0;
        error = "";
        string? last = context.Request.Headers["Last-Event-ID"];
        if (!string.IsNullOrEmpty(last))
        {
            error = "Last-Event-ID is the index of the last transaction received";
            bool valid = ulong.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out from) && from < ulong.MaxValue;
            from++;
            return valid;
        }

        string? text = context.Request.Query["from"];
        if (text is null)
        {
            from = node.NextFinalIndex;
            return true;
        }

        error = "expected ?from=INDEX, a global index";
        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out from);
    }

    private async Task Stream(HttpContext context, ulong from, bool binary, CancellationToken ended)
    {
        HttpResponse response = context.Response;
        response.ContentType = binary ? "application/octet-stream" : "text/event-stream";
        response.Headers.CacheControl = "no-store";
        response.Headers["X-Accel-Buffering"] = "no";
        await response.StartAsync(ended).ConfigureAwait(false);
        PipeWriter body = response.BodyWriter;
        if (!await Flush(context, body, ended).ConfigureAwait(false))
        {
            return;
        }

        using IFinalizedReader reader = node.OpenFinalized(from);
        using FinalizedPage page = new();
        while (true)
        {
            page.Clear();
            int read = reader.Read(page);
            if (read < 0)
            {
                // Deleted while it was read: a stream without the end of its last chunk, so that nobody takes it for whole.
                context.Abort();
                return;
            }

            if (read > 0)
            {
                Write(body, page, binary);
            }
            else
            {
                bool? more = await Wait(reader, ended).ConfigureAwait(false);
                if (more == false)
                {
                    return;
                }

                if (more == true || binary)
                {
                    continue;
                }

                body.Write(": still here\n\n"u8);
            }

            if (!await Flush(context, body, ended).ConfigureAwait(false))
            {
                return;
            }
        }
    }

    /// <returns>Null when it is time to show that the stream still lives.</returns>
    private async ValueTask<bool?> Wait(IFinalizedReader reader, CancellationToken ended)
    {
        using CancellationTokenSource pause = CancellationTokenSource.CreateLinkedTokenSource(ended);
        pause.CancelAfter(policy.Options.KeepAlive);
        try
        {
            return await reader.WaitAsync(pause.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!ended.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <returns>False when the subscriber did not take what was written in time: the connection is gone.</returns>
    private async ValueTask<bool> Flush(HttpContext context, PipeWriter body, CancellationToken ended)
    {
        ValueTask<FlushResult> flush = body.FlushAsync(ended);
        if (flush.IsCompletedSuccessfully)
        {
            return !flush.Result.IsCompleted;
        }

        try
        {
            FlushResult result = await flush.AsTask().WaitAsync(policy.Options.WriteTimeout, ended).ConfigureAwait(false);
            return !result.IsCompleted;
        }
        catch (TimeoutException)
        {
            metrics.StreamsClosedSlow.Add();
            context.Abort();
            return false;
        }
    }

    private static void Write(PipeWriter body, FinalizedPage page, bool binary)
    {
        foreach (ref readonly FinalizedEntry entry in page.Entries)
        {
            ReadOnlySpan<byte> bytes = page.Bytes.Slice(entry.Offset, entry.Length);
            if (binary)
            {
                WriteBinary(body, entry, bytes);
            }
            else
            {
                WriteEvent(body, entry, bytes);
            }
        }
    }

    private static void WriteBinary(PipeWriter body, in FinalizedEntry entry, ReadOnlySpan<byte> bytes)
    {
        Span<byte> record = body.GetSpan(BinaryHeaderBytes + bytes.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(record, entry.Index);
        BinaryPrimitives.WriteUInt64LittleEndian(record[8..], entry.BlockSequence);
        entry.Id.CopyTo(record[16..]);
        BinaryPrimitives.WriteUInt32LittleEndian(record[48..], (uint)bytes.Length);
        record[52] = entry.Kind;
        bytes.CopyTo(record[BinaryHeaderBytes..]);
        body.Advance(BinaryHeaderBytes + bytes.Length);
    }

    private static void WriteEvent(PipeWriter body, in FinalizedEntry entry, ReadOnlySpan<byte> bytes)
    {
        // Three numbers of at most 20 digits, 64 hexadecimal digits, and under 80 bytes of names.
        Span<byte> line = body.GetSpan(256 + Base64.GetMaxEncodedToUtf8Length(bytes.Length));
        int at = 0;
        Append(line, ref at, "id: "u8);
        AppendNumber(line, ref at, entry.Index);
        Append(line, ref at, "\ndata: {\"index\":"u8);
        AppendNumber(line, ref at, entry.Index);
        Append(line, ref at, ",\"block\":"u8);
        AppendNumber(line, ref at, entry.BlockSequence);
        Append(line, ref at, ",\"id\":\""u8);
        Span<byte> id = stackalloc byte[Hash256.Size];
        entry.Id.CopyTo(id);
        foreach (byte b in id)
        {
            Utf8Formatter.TryFormat(b, line[at..], out int digits, new StandardFormat('x', 2));
            at += digits;
        }

        Append(line, ref at, "\",\"kind\":"u8);
        AppendNumber(line, ref at, entry.Kind);
        Append(line, ref at, ",\"bytes\":\""u8);
        Base64.EncodeToUtf8(bytes, line[at..], out _, out int encoded);
        at += encoded;
        Append(line, ref at, "\"}\n\n"u8);
        body.Advance(at);
    }

    private static void Append(Span<byte> line, ref int at, ReadOnlySpan<byte> text)
    {
        text.CopyTo(line[at..]);
        at += text.Length;
    }

    private static void AppendNumber(Span<byte> line, ref int at, ulong number)
    {
        Utf8Formatter.TryFormat(number, line[at..], out int digits);
        at += digits;
    }
}
