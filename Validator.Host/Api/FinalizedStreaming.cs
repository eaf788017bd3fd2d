using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Validator.Core.Primitives;
using Validator.Host.Contracts;
using Validator.Host.Storage;

namespace Validator.Host.Api;

/// <summary>
/// GET /v1/finalized: final transactions by global index from ?from=INDEX on, or after Last-Event-ID, or from now. Each
/// subscriber reads from the ledger at its own pace, one page at a time, so nothing is buffered for it and nothing can be missing
/// or doubled; one that does not take a page in time is closed, and may resume by id. Ids name their chain, since the same index
/// on another chain, or on this one made anew, is another transaction.
/// </summary>
internal sealed class FinalizedStreaming(INodeGateway node, NodeMetrics metrics, ApiPolicy policy)
{
    /// <summary>Bytes of a binary record before the transaction's own: index, block, id, length, kind.</summary>
    public const int BinaryHeaderBytes = 8 + 8 + Hash256.Size + 4 + 1;

    /// <summary>In answers: the chain, and the index that the stream begins with.</summary>
    public const string ChainHeader = "Validator-Chain";

    /// <inheritdoc cref="ChainHeader"/>
    public const string FromHeader = "Validator-From";

    /// <summary>How many of the chain id's hexadecimal digits are in an event's id.</summary>
    private const int ChainDigits = 16;

    /// <summary>Enough digits to tell any two chains apart.</summary>
    private const int LeastChainDigits = 8;

    private readonly string _chain = node.ChainId.ToString();
    private readonly byte[] _eventStart = Encoding.ASCII.GetBytes($"id: {node.ChainId.ToString()[..ChainDigits]}-");
    private int _subscribers;

    /// <summary>Where a subscriber wants to begin.</summary>
    /// <param name="Chain">Digits that the chain id must begin with; empty where it does not say.</param>
    /// <param name="Waits">An index that is not there yet is waited for: the request says so, or the index was read on this
    /// chain.</param>
    internal readonly record struct Cursor(ulong From, string Chain, bool Waits);

    /// <summary>For a follower: what to add to the query that resumes the stream.</summary>
    public static string ChainQuery(HttpResponseMessage answer) =>
        answer.Headers.TryGetValues(ChainHeader, out IEnumerable<string>? chain) ? $"&chain={chain.First()}" : "";

    public async Task Serve(HttpContext context, CancellationToken stopping)
    {
        if (!TryStart(context, out Cursor cursor, out string error))
        {
            await Problem.BadRequest(context, error).ConfigureAwait(false);
            return;
        }

        ulong from = cursor.From;

        string format = (string?)context.Request.Query["format"] ?? "sse";
        if (format is not ("sse" or "binary"))
        {
            await Problem.BadRequest(context, "expected ?format=sse or ?format=binary").ConfigureAwait(false);
            return;
        }

        if (!_chain.StartsWith(cursor.Chain, StringComparison.Ordinal))
        {
            await Problem.WriteAsync(
                context, StatusCodes.Status409Conflict, "other-chain", "The index is of another chain",
                $"this validator's chain is {_chain}: indices of another one, or of one before it was made anew, say nothing here; begin again with ?from=0",
                WriteTip).ConfigureAwait(false);
            return;
        }

        if (from < node.FirstFinalIndex)
        {
            await Problem.Gone(context, "index-gone", "The index is no longer kept", "first_index", node.FirstFinalIndex).ConfigureAwait(false);
            return;
        }

        if (from > node.NextFinalIndex && !cursor.Waits)
        {
            await Problem.WriteAsync(
                context, StatusCodes.Status416RangeNotSatisfiable, "index-beyond-tip", "The index is beyond what is final here",
                "the next transaction will get next_index. This validator may be behind the one that you have it from, or the chain was made anew: compare"
                + " chain_id. With ?wait=true the stream waits for it", WriteTip).ConfigureAwait(false);
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

    private void WriteTip(Utf8JsonWriter json)
    {
        json.WriteString("chain_id", _chain);
        json.WriteNumber("first_index", node.FirstFinalIndex);
        json.WriteNumber("next_index", node.NextFinalIndex);
    }

    internal bool TryStart(HttpContext context, out Cursor cursor, out string error)
    {
        cursor = default;
        error = $"expected ?chain=DIGITS, {LeastChainDigits} or more of the chain id's hexadecimal digits from its beginning on";
        string? stated = context.Request.Query["chain"];
        string chain = stated?.ToLowerInvariant() ?? "";
        if (stated is not null && !IsChain(chain))
        {
            return false;
        }

        error = "expected ?wait=true or ?wait=false";
        string? wait = context.Request.Query["wait"];
        if (wait is not (null or "true" or "false"))
        {
            return false;
        }

        string? last = context.Request.Headers["Last-Event-ID"];
        if (!string.IsNullOrEmpty(last))
        {
            error = "Last-Event-ID is the id of the last event received, or that transaction's index alone";
            int split = last.IndexOf('-');
            string its = split < 0 ? "" : last[..split];
            bool valid = StrictNumber.TryRead(last.AsSpan(split + 1), out ulong index)
                && index < ulong.MaxValue && (split < 0 || IsChain(its));

            // Where both name a chain, the one that is not this one counts.
            cursor = new Cursor(index + 1, split < 0 || !_chain.StartsWith(chain, StringComparison.Ordinal) ? chain : its, wait == "true" || (split > 0 && wait is null));
            return valid;
        }

        string? text = context.Request.Query["from"];
        if (text is null)
        {
            cursor = new Cursor(node.NextFinalIndex, chain, Waits: true);
            return true;
        }

        error = "expected ?from=INDEX, a global index";
        bool number = StrictNumber.TryRead(text, out ulong from);
        cursor = new Cursor(from, chain, wait == "true");
        return number;
    }

    private static bool IsChain(string digits) =>
        digits.Length is >= LeastChainDigits and <= 2 * Hash256.Size && !digits.AsSpan().ContainsAnyExcept("0123456789abcdef");

    private async Task Stream(HttpContext context, ulong from, bool binary, CancellationToken ended)
    {
        HttpResponse response = context.Response;
        response.ContentType = binary ? "application/octet-stream" : "text/event-stream";
        response.Headers.CacheControl = "no-store";
        response.Headers["X-Accel-Buffering"] = "no";
        response.Headers[ChainHeader] = _chain;
        response.Headers[FromHeader] = from.ToString(CultureInfo.InvariantCulture);
        await response.StartAsync(ended).ConfigureAwait(false);
        PipeWriter body = response.BodyWriter;
        using StepLimit limit = new(ended);
        if (!await Flush(context, body, limit).ConfigureAwait(false) || HttpMethods.IsHead(context.Request.Method))
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
                // Deleted while it was read: the last chunk is left without its end, so that nobody takes the stream for
                // complete.
                context.Abort();
                return;
            }

            if (read > 0)
            {
                Write(body, page, binary);
            }
            else
            {
                bool? more = await Wait(reader, limit).ConfigureAwait(false);
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

            if (!await Flush(context, body, limit).ConfigureAwait(false))
            {
                return;
            }
        }
    }

    /// <returns>Null when it is time for a sign of life.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool?> Wait(IFinalizedReader reader, StepLimit limit)
    {
        try
        {
            return await reader.WaitAsync(limit.Begin(policy.Options.KeepAlive)).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!limit.StreamEnded)
        {
            return null;
        }
        finally
        {
            limit.End();
        }
    }

    /// <returns>False when the subscriber did not take what was written in time: the connection is gone.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> Flush(HttpContext context, PipeWriter body, StepLimit limit)
    {
        CancellationToken token = limit.Begin(policy.Options.WriteTimeout);
        try
        {
            FlushResult result = await body.FlushAsync(token).ConfigureAwait(false);
            if (!token.IsCancellationRequested)
            {
                return !result.IsCompleted;
            }
        }
        catch (OperationCanceledException) when (limit.Expired)
        {
            // A flush that is called off aborts the request, so the stream has ended too, by now or soon.
        }
        finally
        {
            limit.End();
        }

        if (limit.Expired)
        {
            metrics.StreamsClosedSlow.Add();
            context.Abort();
        }

        return false;
    }

    private void Write(PipeWriter body, FinalizedPage page, bool binary)
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

    private void WriteEvent(PipeWriter body, in FinalizedEntry entry, ReadOnlySpan<byte> bytes)
    {
        // Three numbers of at most 20 digits, 80 hexadecimal digits, and under 80 bytes of names.
        Span<byte> line = body.GetSpan(256 + Base64.GetMaxEncodedToUtf8Length(bytes.Length));
        int at = 0;
        Append(line, ref at, _eventStart);
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
