using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Validator.Core.Primitives;
using Validator.Host.Contracts;
using Validator.Host.Storage;

namespace Validator.Host.Api;

/// <summary>POST /v1/accounts and GET /v1/accounts/{id}: what a client that signs its transactions asks a validator.</summary>
internal sealed class AccountEndpoints(INodeGateway node, NodeMetrics metrics, ApiPolicy policy)
{
    /// <summary>Stores a public key, so that envelopes need not carry it; answers with its account.</summary>
    public async Task Add(HttpContext context)
    {
        if (RequestForm.CheckBody(context.Request, json: false, out _, out bool gzip) is { } fault)
        {
            metrics.HttpRefused[(int)HttpRefusal.Form].Add();
            await Problem.WriteAsync(context, fault).ConfigureAwait(false);
            return;
        }

        (BodyOutcome outcome, RequestBody body) =
            await RequestBody.ReadAsync(context, policy, Limits.PublicKeyBytes, gzip).ConfigureAwait(false);
        if (outcome != BodyOutcome.Read)
        {
            await Problem.Body(context, metrics, policy, outcome, Limits.PublicKeyBytes).ConfigureAwait(false);
            return;
        }

        using (body)
        {
            if (body.Length != Limits.PublicKeyBytes)
            {
                await Problem.BadRequest(context, $"expected the {Limits.PublicKeyBytes} bytes of an ML-DSA-87 public key").ConfigureAwait(false);
                return;
            }

            Hash256 account = node.Keys.Add(body.Span);
            await ReadEndpoints.WriteAsync(context, json => SubmitEndpoints.WriteHash(json, "account", account)).ConfigureAwait(false);
        }
    }

    /// <summary>The state of its nonces, as executed and on disk here.</summary>
    public Task Show(HttpContext context)
    {
        if (!Hash256.TryParse(context.Request.RouteValues["id"] as string, out Hash256 account))
        {
            return Problem.BadRequest(context, "an account is 64 hexadecimal digits");
        }

        bool hasKey = node.Keys.Find(account) is not null;
        AccountState? state = node.FindAccount(account);
        if (!hasKey && state is null)
        {
            return Problem.NotFound(context, "no envelope of this account was accepted, and its key was not sent here lately");
        }

        return ReadEndpoints.WriteAsync(context, json =>
        {
            SubmitEndpoints.WriteHash(json, "account", account);
            json.WriteBoolean("key_held", hasKey);
            if (state is { } known)
            {
                json.WriteNumber("highest_nonce", known.HighestNonce);
                json.WriteString("recent", known.Bitmap.ToString("x16", System.Globalization.CultureInfo.InvariantCulture));
            }
        });
    }
}
