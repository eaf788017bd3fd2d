using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Validator.Core.Execution;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Api;

/// <summary>POST /v1/transactions and /v1/transactions/batch.</summary>
/// <param name="stopping">Clients that still wait then get an answer without the outcome.</param>
internal sealed class SubmitEndpoints(INodeGateway node, NodeMetrics metrics, ApiPolicy policy, CancellationToken stopping)
{
    /// <summary>
    /// 202 once in a durable vertex; with ?wait=finalized 200 once executed, with ?wait=strong once others have too.
    /// </summary>
    public Task SubmitOne(HttpContext context) => Submit(context, batch: false);

    /// <summary>The same for many: framed as in a payload (application/octet-stream), or a JSON array.</summary>
    public Task SubmitBatch(HttpContext context) => Submit(context, batch: true);

    private async Task Submit(HttpContext context, bool batch)
    {
        if (!TryWait(context, out WaitFor wait) || !TryKind(context, out byte? kind)
            || !RequestForm.TryFlag(context.Request, "ids", true, out _))
        {
            await Refuse(context, RequestFault.BadRequest(
                "expected ?wait=durable, ?wait=finalized or ?wait=strong, ?kind=0, 1 or 2, and for a batch ?ids=true or ?ids=false"))
                .ConfigureAwait(false);
            return;
        }

        if (RequestForm.CheckBody(context.Request, json: true, out BodyForm form, out bool gzip) is { } fault)
        {
            await Refuse(context, fault).ConfigureAwait(false);
            return;
        }

        bool json = form == BodyForm.Json;
        // Base64 makes four bytes of three, and each JSON transaction has a few dozen bytes around it. A committee change carries
        // signatures.
        int limit = json ? 4 * node.MaxSubmissionBytes
            : batch || kind == (byte)TransactionKind.System ? node.MaxSubmissionBytes : Limits.MaxTransactionBytes;
        (BodyOutcome outcome, RequestBody body) = await RequestBody.ReadAsync(context, policy, limit, gzip).ConfigureAwait(false);
        if (outcome != BodyOutcome.Read)
        {
            await Problem.Body(context, metrics, policy, outcome, limit).ConfigureAwait(false);
            return;
        }

        SubmitRefusal refusal = node.RefusalOf(body.Span.Length);
        if (refusal != SubmitRefusal.None)
        {
            body.Dispose();
            metrics.SubmissionsRefused[(int)refusal].Add();
            await Refuse(context, refusal).ConfigureAwait(false);
            return;
        }

        Submission? submission;
        string? error;
        FramingError framing;
        int transaction;
        using (body)
        {
            framing = Create(body.Span, json, batch, kind, wait != WaitFor.Durable, out submission, out error, out transaction);
        }

        if (submission is null)
        {
            await Refuse(context, framing, error, transaction).ConfigureAwait(false);
            return;
        }

        try
        {
            bool strong = wait == WaitFor.Strong || (wait == WaitFor.Finalized && node.FinalIsStrong);
            await HandInTurn(context, submission, batch, strong).ConfigureAwait(false);
        }
        finally
        {
            submission.Release();
        }
    }

    /// <summary>Bounds those that wait for the node, of one address and of all.</summary>
    private async Task HandInTurn(HttpContext context, Submission submission, bool batch, bool strong)
    {
        if (submission.Count > policy.Options.MaxBatchItems)
        {
            await Problem.TooLarge(context, $"a batch may have {policy.Options.MaxBatchItems} transactions").ConfigureAwait(false);
            return;
        }

        AddressUse use = Gate.UseOf(context);
        if (!use.TryWait(policy.Options.WaitingPerAddress))
        {
            await RefuseWaiting(context, $"{policy.Options.WaitingPerAddress} submissions of one address wait already").ConfigureAwait(false);
            return;
        }

        try
        {
            if (!policy.TryWait())
            {
                await RefuseWaiting(context, $"{policy.Options.MaxWaiting} submissions wait already").ConfigureAwait(false);
                return;
            }

            try
            {
                await Hand(context, submission, batch, strong).ConfigureAwait(false);
            }
            finally
            {
                policy.EndWait();
            }
        }
        finally
        {
            use.EndWait();
        }
    }

    private Task RefuseWaiting(HttpContext context, string detail)
    {
        metrics.HttpRefused[(int)HttpRefusal.Waiting].Add();
        return Problem.TooMany(context, "too-many-waiting", "Too many submissions wait", detail);
    }

    private FramingError Create(
        ReadOnlySpan<byte> body, bool json, bool batch, byte? kind, bool wantsFinal, out Submission? submission, out string? error,
        out int transaction)
    {
        submission = null;
        error = null;
        transaction = 0;
        if (json)
        {
            ArrayBufferWriter<byte> framed = new(Math.Max(256, body.Length));
            error = TransactionJson.Read(body, batch, framed, node.MaxSubmissionBytes, node.Keys, kind ?? 0);
            return error is null
                ? SubmissionReader.TryCreate(framed.WrittenSpan, node, wantsFinal, out submission, out transaction, kind)
                : FramingError.None;
        }

        if (batch)
        {
            return SubmissionReader.TryCreate(body, node, wantsFinal, out submission, out transaction, kind);
        }

        byte[] one = ArrayPool<byte>.Shared.Rent(Limits.TransactionFramingBytes + body.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(one, (uint)body.Length);
        one[4] = kind ?? 0;
        body.CopyTo(one.AsSpan(Limits.TransactionFramingBytes));
        FramingError result = SubmissionReader.TryCreate(
            one.AsSpan(0, Limits.TransactionFramingBytes + body.Length), node, wantsFinal, out submission, out transaction);
        ArrayPool<byte>.Shared.Return(one);
        return result;
    }

    private async Task Hand(HttpContext context, Submission submission, bool batch, bool strong)
    {
        long start = Stopwatch.GetTimestamp();
        SubmitRefusal refusal = node.TrySubmit(submission);
        if (refusal != SubmitRefusal.None)
        {
            metrics.SubmissionsRefused[(int)refusal].Add();
            await Refuse(context, refusal).ConfigureAwait(false);
            return;
        }

        metrics.TransactionsAccepted.Add(submission.Count);
        SubmissionFailure failure = SubmissionFailure.None;
        bool complete = true;
        bool lacksStrength = false;
        using CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        try
        {
            failure = await submission.Completion.WaitAsync(policy.Options.WaitTimeout, ended.Token).ConfigureAwait(false);
            if (strong && failure == SubmissionFailure.None)
            {
                TimeSpan left = policy.Options.WaitTimeout - Stopwatch.GetElapsedTime(start);
                lacksStrength = !await BecomesStrong(submission, left, ended.Token).ConfigureAwait(false);
                context.RequestAborted.ThrowIfCancellationRequested();
            }
        }
        catch (TimeoutException)
        {
            complete = false;
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            failure = SubmissionFailure.Stopping;
        }
        catch (OperationCanceledException)
        {
            // The client has gone; the node still orders what it took.
            return;
        }

        if (failure == SubmissionFailure.DiskLow)
        {
            await Problem.DiskLow(context).ConfigureAwait(false);
        }
        else if (failure == SubmissionFailure.LeftCommittee)
        {
            metrics.TransactionsLeft.Add(submission.Count);
            await Problem.LeftCommittee(context).ConfigureAwait(false);
        }
        else if (failure == SubmissionFailure.Stopping)
        {
            await Problem.Stopping(context, submission.IsDurable, json =>
            {
                if (!batch)
                {
                    WriteHash(json, "id", new Hash256(submission.Ids));
                }
            }).ConfigureAwait(false);
        }
        else if (failure != SubmissionFailure.None)
        {
            await Problem.DiskFailed(context).ConfigureAwait(false);
        }
        else if (!complete && !submission.IsDurable)
        {
            await Problem.WriteAsync(
                context, StatusCodes.Status504GatewayTimeout, "timeout", "No answer in time",
                "the transaction is taken, but not durable yet; ask GET /v1/transactions/{id}").ConfigureAwait(false);
        }
        else
        {
            await Answer(context, submission, batch, complete && submission.WantsFinal, lacksStrength).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Waits until the newest block of the submission has the level that is asked for, which may change meanwhile.
    /// </summary>
    /// <returns>False when it does not come in time, or this process stops.</returns>
    private async Task<bool> BecomesStrong(Submission submission, TimeSpan limit, CancellationToken ended)
    {
        ulong newest = 0;
        foreach (TransactionState state in submission.States)
        {
            newest = Math.Max(newest, state.BlockSequence);
        }

        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(ended);
        patience.CancelAfter(limit > TimeSpan.Zero ? limit : TimeSpan.Zero);
        try
        {
            while (node.Finality.LevelOf(newest) < node.StrongLevel)
            {
                await node.Finality.Until(node.StrongLevel, newest, patience.Token).ConfigureAwait(false);
            }

            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private Task Answer(HttpContext context, Submission submission, bool batch, bool final, bool lacksStrength)
    {
        HttpResponse response = context.Response;
        response.StatusCode = final && !lacksStrength ? StatusCodes.Status200OK : StatusCodes.Status202Accepted;
        response.ContentType = "application/json";
        using (Utf8JsonWriter json = new(response.BodyWriter))
        {
            if (!batch)
            {
                WriteOne(json, submission, 0, final);
            }
            else
            {
                json.WriteStartObject();
                json.WriteNumber("count", submission.Count);
                WriteHash(json, "vertex", submission.VertexHash);
                RequestForm.TryFlag(context.Request, "ids", true, out bool withIds);
                if (withIds || final)
                {
                    json.WriteStartArray("transactions");
                    for (int i = 0; i < submission.Count; i++)
                    {
                        WriteOne(json, submission, i, final);
                    }

                    json.WriteEndArray();
                }

                json.WriteEndObject();
            }
        }

        return response.BodyWriter.FlushAsync(context.RequestAborted).AsTask();
    }

    private void WriteOne(Utf8JsonWriter json, Submission submission, int index, bool final)
    {
        TransactionState state = final
            ? submission.States[index]
            : new TransactionState(TransactionStage.Durable, 0, 0, TransactionRejection.None);
        json.WriteStartObject();
        WriteHash(json, "id", new Hash256(submission.Ids[(index * Hash256.Size)..]));
        WriteState(json, state, node.Finality);
        json.WriteEndObject();
    }

    /// <summary>Writes status and what belongs to it: index, block and its level, or reason and first_index.</summary>
    public static void WriteState(Utf8JsonWriter json, in TransactionState state, FinalityBoard finality)
    {
        switch (state.Stage)
        {
            case TransactionStage.Finalized:
                json.WriteString("status"u8, "finalized"u8);
                json.WriteNumber("index"u8, state.Index);
                json.WriteNumber("block"u8, state.BlockSequence);
                break;
            case TransactionStage.Rejected:
                json.WriteString("status"u8, "rejected"u8);
                json.WriteString("reason", Names.Snake(state.Rejection.ToString()));
                if (state.Rejection == TransactionRejection.Repeat)
                {
                    json.WriteNumber("first_index"u8, state.Index);
                }

                json.WriteNumber("block"u8, state.BlockSequence);
                break;
            default:
                json.WriteString("status"u8, "durable"u8);
                return;
        }

        json.WriteString("finality"u8, Names.Snake(finality.LevelOf(state.BlockSequence).ToString()));
    }

    public static void WriteHash(Utf8JsonWriter json, string name, in Hash256 hash)
    {
        Span<byte> bytes = stackalloc byte[Hash256.Size];
        Span<char> hex = stackalloc char[2 * Hash256.Size];
        hash.CopyTo(bytes);
        Convert.TryToHexStringLower(bytes, hex, out _);
        json.WriteString(name, hex);
    }

    private Task Refuse(HttpContext context, SubmitRefusal refusal)
    {
        if (refusal == SubmitRefusal.Full)
        {
            return Problem.TooMany(
                context, "queue-full", "The queue of pending transactions is full", "nothing was taken", node.RetryAfter.TotalSeconds);
        }

        if (refusal == SubmitRefusal.DiskLow)
        {
            return Problem.DiskLow(context);
        }

        if (refusal == SubmitRefusal.NonceTooOld)
        {
            return Problem.WriteAsync(
                context, StatusCodes.Status409Conflict, "nonce-too-old", "A nonce is too old",
                $"it lies {NonceTable.WindowBits} or more below one that its account has sent here; nothing was taken; sign again with a higher one");
        }

        if (refusal == SubmitRefusal.Stalled && node.Stall is { } stall)
        {
            return Problem.NotReady(context, $"{stall.Reason}; nothing was taken; submit to another, or try again", stall);
        }

        node.IsReady(out string reason);
        return Problem.NotReady(context, refusal switch
        {
            SubmitRefusal.Draining => "the validator is stopping; submit to another",
            SubmitRefusal.LaneLost => "the validator lost its stores, and takes no transactions before the next epoch; submit to another",
            SubmitRefusal.NotSigning => "the validator follows without signing, so it takes no transactions; submit to another",
            _ => reason.Length > 0 ? reason : "the validator is not ready",
        });
    }

    private Task Refuse(HttpContext context, RequestFault fault)
    {
        metrics.HttpRefused[(int)HttpRefusal.Form].Add();
        return Problem.WriteAsync(context, fault);
    }

    private Task Refuse(HttpContext context, FramingError framing, string? error, int transaction) => framing switch
    {
        FramingError.None => Problem.BadRequest(context, error ?? "the body is not understood"),
        FramingError.TooLarge => Problem.TooLarge(
            context, $"the transactions may have {node.MaxSubmissionBytes} bytes together, framing and account keys included"),
        FramingError.TransactionTooLarge => Problem.TooLarge(context, $"a transaction may have {Limits.MaxTransactionBytes} bytes"),
        FramingError.KindNotAllowed => Problem.WriteAsync(
            context, StatusCodes.Status400BadRequest, "kind-refused", "The kind is not taken",
            "kind 0 is opaque, kind 1 a signed envelope, kind 2 a committee change or a proof of an offence"),
        FramingError.KindConflict => Problem.WriteAsync(
            context, StatusCodes.Status400BadRequest, "kind-conflict", "The kinds contradict each other",
            $"transaction {transaction} has another kind than ?kind={context.Request.Query["kind"]} says of all; nothing was taken"),
        FramingError.ChangeMalformed => Problem.BadRequest(context, "a committee change has the form of FORMATS.md and is alone in its request"),
        FramingError.ChangeOfOtherEpoch => Problem.WriteAsync(
            context, StatusCodes.Status409Conflict, "change-of-other-epoch", "The change is of another epoch",
            $"it holds in the epoch that it was signed for alone, and this is epoch {node.Epoch.Number}: propose and sign it again"),
        FramingError.ChangeUnsigned => Problem.WriteAsync(
            context, StatusCodes.Status400BadRequest, "change-unsigned", "The change is not signed",
            "its signatures must be the committee's and of quorum weight"),
        FramingError.TrustOff => Problem.WriteAsync(
            context, StatusCodes.Status400BadRequest, "trust-off", "This chain has no trust",
            "stake operations and proofs of offences are taken where genesis has trust parameters"),
        FramingError.ProofMalformed =>
            Problem.BadRequest(context, "a proof of an offence has the form of FORMATS.md and is alone in its request"),
        FramingError.ProofSignature => Problem.WriteAsync(
            context, StatusCodes.Status400BadRequest, "proof-unsigned", "The proof does not hold",
            "both messages must be signed for this chain by the key that comes with them"),
        FramingError.ProofWithoutEffect => Problem.WriteAsync(
            context, StatusCodes.Status409Conflict, "proof-without-effect", "The proof would change nothing",
            "it counts already, is too old, or its key was not that member's: see GET /v1/evidence"),
        FramingError.StakeMalformed =>
            Problem.BadRequest(context, $"transaction {transaction}: the data is no stake operation (FORMATS.md)"),
        FramingError.Empty => Problem.BadRequest(context, "there is no transaction in the body"),
        FramingError.EmptyTransaction => Problem.BadRequest(context, "a transaction has at least one byte"),
        FramingError.AccountKey => Problem.BadRequest(
            context, $"account keys (kind {(int)TransactionKind.AccountKey}) have {Limits.PublicKeyBytes} bytes and stand before all transactions"),
        FramingError.EnvelopeMalformed => Problem.BadRequest(
            context, $"transaction {transaction} is no envelope: purpose 1 or 2, 7 zero bytes, nonce, account, data, signature"),
        FramingError.AccountKeyUnknown => Problem.WriteAsync(
            context, StatusCodes.Status409Conflict, "account-key-needed", "The account's public key is not known here",
            $"transaction {transaction}: send the key once, to POST /v1/accounts or with the transactions; nothing was taken"),
        FramingError.EnvelopeSignature => Problem.WriteAsync(
            context, StatusCodes.Status400BadRequest, "bad-signature", "A signature does not hold",
            $"transaction {transaction}: not signed by its account's key for this chain ({node.GetStatus().ChainId}); nothing was taken"),
        _ => Problem.BadRequest(context, "the framing is cut short; expected u32 LE length, u8 kind and the bytes for each transaction"),
    };

    internal static bool TryWait(HttpContext context, out WaitFor wait)
    {
        string? text = context.Request.Query["wait"];
        wait = text switch
        {
            "finalized" => WaitFor.Finalized,
            "strong" => WaitFor.Strong,
            _ => WaitFor.Durable,
        };
        return wait != WaitFor.Durable || text is null or "durable";
    }

    /// <summary>Null where none is given: each transaction then states its own, or is opaque.</summary>
    internal static bool TryKind(HttpContext context, out byte? kind)
    {
        string? text = context.Request.Query["kind"];
        kind = StrictNumber.TryRead(text, out byte given) ? given : null;
        return text is null || kind is not null;
    }
}

/// <summary>What a client waits for.</summary>
internal enum WaitFor : byte
{
    Durable,
    Finalized,

    /// <summary>The level of strong finality that the threat level asks for.</summary>
    Strong,
}
