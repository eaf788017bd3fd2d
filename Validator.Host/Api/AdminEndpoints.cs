using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Validator.Host.Contracts;

namespace Validator.Host.Api;

/// <summary>What an operator may do over HTTP, with a token of the role admin.</summary>
internal static class AdminEndpoints
{
    /// <summary>
    /// The same as SIGHUP: 200 with what is in force now and what waits for a restart, 409 when the file has faults.
    /// </summary>
    public static Task Reload(HttpContext context, Func<ReloadResult>? reload)
    {
        if (reload is null)
        {
            return Problem.NotReady(context, "the validator is just starting");
        }

        if (RequestForm.HasBody(context.Request))
        {
            return Problem.BadRequest(context, "a reload takes no body: the validator reads its own file again");
        }

        ReloadResult result = reload();
        if (result.Error is not null)
        {
            return Problem.WriteAsync(
                context, StatusCodes.Status409Conflict, "configuration", "The configuration has faults; nothing was changed", result.Error);
        }

        context.Response.ContentType = "application/json";
        using (Utf8JsonWriter json = new(context.Response.BodyWriter))
        {
            json.WriteStartObject();
            Write(json, "applied", result.Applied);
            Write(json, "needs_restart", result.NeedsRestart);
            json.WriteEndObject();
        }

        return context.Response.BodyWriter.FlushAsync(context.RequestAborted).AsTask();
    }

    /// <summary>POST begins a full backup, if none is being made; both methods tell how backups are.</summary>
    public static Task Backup(HttpContext context, IBackups? backups)
    {
        if (backups is null)
        {
            return Problem.WriteAsync(
                context, StatusCodes.Status409Conflict, "no-backups", "No backups are configured",
                "node.toml has no backup.target");
        }

        if (RequestForm.HasBody(context.Request))
        {
            return Problem.BadRequest(context, "a backup takes no body: node.toml says where it goes");
        }

        bool begins = HttpMethods.IsPost(context.Request.Method);
        if (begins)
        {
            backups.Begin();
        }

        BackupState state = backups.State;
        context.Response.StatusCode = begins ? StatusCodes.Status202Accepted : StatusCodes.Status200OK;
        context.Response.ContentType = "application/json";
        using (Utf8JsonWriter json = new(context.Response.BodyWriter))
        {
            json.WriteStartObject();
            json.WriteBoolean("running", state.Running);
            json.WriteString("last_id", state.LastId);
            json.WriteString("error", state.Error);
            json.WriteNumber("ended", state.Ended);
            json.WriteEndObject();
        }

        return context.Response.BodyWriter.FlushAsync(context.RequestAborted).AsTask();
    }

    private static void Write(Utf8JsonWriter json, string name, string[] values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
